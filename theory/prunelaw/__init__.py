"""Exact theory of data pruning and data filtering.

`solve` gives the test error of a max-margin perceptron trained on pruned data (Sorscher et al.
2022); `utility` and `filtering` give the error of training on repeated pools of unequal quality
(Goyal et al. 2024) and the best filter at a compute budget.
"""

from prunelaw.errors import ConvergenceError, InputError, PrunelawError, TableError
from prunelaw.keep import RULES, kept_from_pruned, threshold
from prunelaw.perceptron import Solution, solve

__all__ = [
    "RULES",
    "ConvergenceError",
    "InputError",
    "PrunelawError",
    "Solution",
    "TableError",
    "kept_from_pruned",
    "solve",
    "threshold",
]
