"""The max-margin student of pruned data: solver, derivatives, limits, distribution of margins."""

from prunelaw.perceptron.solver import STATUS, Solution, solve

__all__ = ["STATUS", "Solution", "solve"]
