"""A law fitted by least squares, with the evidence: optima, uncertainties, what is not identified.

`solve` minimises from every start of the law at once, reports the other optima, and takes standard
errors from the Jacobian at the best one.  `prunelaw_sim.fits.intervals` does better than those
where the law bends: profile likelihood and bootstrap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.common.statistics import lack_of_fit
from prunelaw_sim.fits.evidence import evidence
from prunelaw_sim.fits.fit import Fit, Misfit, aicc, root_mean_square
from prunelaw_sim.fits.problem import Problem, named, other_optima, solve_from_starts
from prunelaw_sim.fits.rows import Table

_ROUNDING = 1e-28  # relative to the squared errors: residuals of 1e-14 are no misfit


@dataclass(frozen=True, eq=False)
class Solution(Fit):
    """Numbers and evidence of a least-squares fit.

    Attributes:
        points: number of fitted rows.
        parameters: names, in the order of vectors and matrices.
        status: in words.
        correlation: of the internal coordinates (logarithms, except for d).
        condition: condition number of the Jacobian with columns scaled to length 1.
        n_starts: of the search.
        freedom: fitted rows minus parameters that the data determine.
        scatter: standard deviation of one row's error at weight 1: estimated, or 1 if it is known.
        problem: the law on the fitted rows; `point` and `other_points` are internal coordinates of
            `values` and `other_optima`.
    """

    points: int
    status: str
    parameters: tuple[str, ...]
    correlation: Float[np.ndarray, "p p"]
    condition: float
    n_starts: int
    freedom: int
    scatter: float
    problem: Problem = field(repr=False)
    point: Float[np.ndarray, " p"] = field(repr=False)
    other_points: Float[np.ndarray, "others p"] = field(repr=False)

    @property
    def scatter_known(self) -> bool:
        """Whether the table's standard errors hold: then there are no degrees of freedom to pay."""
        return self.problem.known_scatter and self.scatter == 1.0

    @property
    def free(self) -> int:
        """Parameters that were fitted, not given."""
        model = self.problem.model
        return int((model.low < model.high).sum())

    @property
    def aicc(self) -> float:
        """On the scale that was fitted."""
        problem = self.problem
        exact = _ROUNDING * float(np.sum((problem.weight * problem.error) ** 2))
        return aicc(max(problem.cost(self.point), exact), problem.error.size, self.free)

    @property
    def lack_of_fit(self) -> float | None:
        """p-value of χ² against the table's standard errors; None without them."""
        if not self.problem.known_scatter or self.freedom < 1:
            return None
        return lack_of_fit(self.problem.cost(self.point), self.freedom)

    @property
    def reasons(self) -> tuple[str, ...]:
        """By how much the residuals are too large, and where most."""
        if self.describes is not False:
            return ()
        problem = self.problem
        pulls = np.abs(problem.weight * problem.residual(self.point))
        worst = int(np.argmax(pulls))
        times = math.sqrt(float(pulls @ pulls) / self.freedom)
        row = int(np.flatnonzero(self.fitted)[worst])
        law = self.predicted[row]
        return (
            f"lack of fit: deviations are {times:.1f} times the standard errors "
            f"(chi-square p = {self.lack_of_fit:.1e})",
            f"worst at {problem.model.row_in_words(worst)}: "
            f"error {law + self.residuals[row]:.4f}, law {law:.4f}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers for JSON; inf and nan become None."""
        left_out = ("problem", "point", "other_points")
        named = {n: getattr(self, n) for n in self.__dataclass_fields__ if n not in left_out}
        judged = {"describes": self.describes, "reasons": self.reasons}
        return to_plain(named | {"not_identified": self.not_identified, **judged})


def solve(problem: Problem, table: Table, fitted: Bool[np.ndarray, " rows"]) -> dict[str, Any]:
    """Solves the problem, which holds the `fitted` rows of `table`: every field of a `Solution`."""
    error, weight = problem.error, problem.weight
    if problem.model.log_error:
        error = np.exp(error)
        weight = weight / error
    starts = problem.model.starts(error, weight)
    optima = solve_from_starts(problem, starts)
    model = problem.model if fitted.all() else problem.model.on(table)
    predicted = model.predict(optima.p[0])
    residuals = table.measured()[0] - predicted
    return {
        "law": problem.law,
        "values": named(problem.model, optima.p[0]),
        "rmse": root_mean_square(residuals[fitted]),
        "points": int(fitted.sum()),
        "held_out": Misfit.of(residuals[~fitted]),
        "parameters": problem.model.parameters,
        **evidence(problem, optima),
        "n_starts": len(starts),
        "other_optima": other_optima(problem, optima),
        "predicted": predicted,
        "residuals": residuals,
        "fitted": fitted,
        "problem": problem,
        "point": optima.p[0],
        "other_points": optima.p[1:],
    }
