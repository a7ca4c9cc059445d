"""Exact theory of data pruning and data filtering.

`solve` gives the test error of a max-margin perceptron trained on pruned data (Sorscher et al.
2022), `optimal_rule` the best examples to keep, `phase_diagram` where which rule wins;
`sensitivity`, `frontier`, `asymptotics`, `information`, `ridge` and `derivations` are modules of
their own.  `utility` and `filtering` give the error of training on repeated pools of unequal
quality (Goyal et al. 2024) and the best filter at a compute budget.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prunelaw.errors import ConvergenceError, InputError, PrunelawError, TableError
from prunelaw.keep import RULES, KeepRule, as_rule, kept_from_pruned, threshold
from prunelaw.perceptron import Solution, solve

if TYPE_CHECKING:
    from prunelaw.optimal import optimal_rule
    from prunelaw.phase import phase_diagram
    from prunelaw.ridge import solve_ridge

# Imported when first used, so that `import prunelaw` and a single solve stay quick.
_LATER = {
    "optimal_rule": "prunelaw.optimal",
    "phase_diagram": "prunelaw.phase",
    "solve_ridge": "prunelaw.ridge",
}

__all__ = [
    "RULES",
    "ConvergenceError",
    "InputError",
    "KeepRule",
    "PrunelawError",
    "Solution",
    "TableError",
    "as_rule",
    "kept_from_pruned",
    "optimal_rule",
    "phase_diagram",
    "solve",
    "solve_ridge",
    "threshold",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
