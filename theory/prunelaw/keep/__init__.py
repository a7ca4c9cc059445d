"""Keep rules: which part of the examples is kept, as a weight on the axis of the signed margin.

`rule` says what a rule is, `plain` has hard, easy, random and bands, `general` mixtures, steps and
any function. A new rule is a class with the decorator `register`: `as_rule` then reads its text.
"""

from prunelaw.keep.general import Function, Mixture, Piecewise
from prunelaw.keep.plain import (
    Band,
    Easy,
    Hard,
    Random,
    SignedBand,
    SignedEasy,
    SignedHard,
    threshold,
)
from prunelaw.keep.points import points
from prunelaw.keep.quantiles import Quantiles
from prunelaw.keep.rule import FAR, SAME_FRACTION, KeepRule, Segments, Slopes, checked_fraction
from prunelaw.keep.text import (
    KINDS,
    as_rule,
    grammar,
    kept_from_pruned,
    number_in,
    register,
    split_rules,
)

# The rules of |z| that work at any fraction and need no number.
RULES = tuple(name for name, rule in KINDS.items() if rule.form == name and not rule.uses_labels)

__all__ = [
    "FAR",
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
    "grammar",
    "kept_from_pruned",
    "number_in",
    "points",
    "register",
    "split_rules",
    "threshold",
]
