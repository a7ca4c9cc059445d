from .errors import ConvergenceError, InputError, PrunelawError, TableError
from .keep import RULES, KeepRule, as_rule, kept_from_pruned, threshold
from .perceptron.solver import Solution, solve
from .pruning.optimal import optimal_rule
from .pruning.phase import phase_diagram
from .students.ridge import solve_ridge

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
