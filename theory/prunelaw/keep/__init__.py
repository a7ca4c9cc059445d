"""Keep rules: which part of the examples is kept, as a weight on the axis of the signed margin.

`as_rule` reads a rule from its text; `rule` says what a rule is, `plain` has those with a name,
`general` mixtures, steps and any function.
"""

from prunelaw.keep.general import Function, Mixture, Piecewise
from prunelaw.keep.plain import Band, Easy, Hard, Random, SignedBand, SignedEasy, SignedHard
from prunelaw.keep.quantiles import Quantiles
from prunelaw.keep.rule import FAR, SAME_FRACTION, KeepRule, Segments, Slopes, checked_fraction
from prunelaw.keep.text import GRAMMAR, RULES, as_rule, kept_from_pruned, threshold

__all__ = [
    "FAR",
    "GRAMMAR",
    "RULES",
    "SAME_FRACTION",
    "Band",
    "Easy",
    "Function",
    "Hard",
    "KeepRule",
    "Mixture",
    "Piecewise",
    "Quantiles",
    "Random",
    "Segments",
    "SignedBand",
    "SignedEasy",
    "SignedHard",
    "Slopes",
    "as_rule",
    "checked_fraction",
    "kept_from_pruned",
    "threshold",
]
