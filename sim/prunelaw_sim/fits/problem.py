"""A law on fixed rows, solved from every start of the law at once; the other optima are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.fits.fit import root_mean_square
from prunelaw_sim.fits.least_squares import Model, Solved, minimise_model, natural
from prunelaw_sim.fits.rows import Table

_ALIKE, _SAME = 1e-3, 1e-6  # predictions this close (of the errors' range) are one optimum
_LOOK = 15  # steps that every start gets; the distinct ends go on
_EQUAL = 1e-9  # relative difference of squared errors that no profile and no test could see
_MOST_POLISHED = 8


@dataclass(frozen=True, eq=False)
class Problem:
    """A law on fixed rows, what was measured there, and how far each row is to be trusted.

    Attributes:
        error: on the scale that is fitted: logarithms where the model predicts logarithms.
        known_scatter: whether the weights are 1/standard error; else the scatter is estimated from
            the residuals.
        run: name of the run of every row: rows of one run are resampled together.
    """

    law: str
    model: Model
    error: Float[np.ndarray, " rows"]
    weight: Float[np.ndarray, " rows"]
    known_scatter: bool
    run: np.ndarray

    @classmethod
    def of(cls, law: str, model: Model, table: Table) -> Problem:
        """The model against the rows that it was built on; refuses too few of them.

        Without error bars all rows weigh the same, on the scale that is fitted.
        """
        error, weight = model.scaled(*table.measured())
        known = table.has_error_bars
        weight = weight if known else np.ones_like(error)
        refuse_too_few(law, model, error.size)
        return cls(law, model, error, weight, known, table.runs)

    def residual(self, p: Float[np.ndarray, " p"]) -> Float[np.ndarray, " rows"]:
        """Measured − predicted, on the scale that is fitted."""
        return self.error - self.model.evaluate(p[None])[0][0]

    def cost(self, p: Float[np.ndarray, " p"]) -> float:
        """Σ (weight · residual)²."""
        return float(np.sum((self.weight * self.residual(p)) ** 2))


def solve_from_starts(problem: Problem, starts: Float[np.ndarray, "starts p"]) -> Solved:
    """Distinct optima, best first: a first look from every start, the distinct ends to the end."""
    data = problem.error, problem.weight
    wide = float(np.ptp(problem.error)) or 1.0
    looks = minimise_model(problem.model, starts, *data, loose=True, most_steps=_LOOK)
    kept = _distinct(problem, looks, _ALIKE * wide)
    kept = kept[looks.cost[kept] <= _worth_reporting(problem, looks.cost.min())][:_MOST_POLISHED]
    ends = minimise_model(problem.model, looks.p[kept], *data)
    best = int(np.argmin(ends.cost))
    # An end at the flat rim of the box may creep for ever: a settled one as good will do.
    if not (ends.settled & (ends.cost <= ends.cost[best] * (1.0 + _EQUAL))).any():
        raise ConvergenceError(
            f"the fit did not settle in {ends.steps[best]} steps (one more could remove "
            f"{ends.promise[best] / max(ends.cost[best], 1e-300):.1e} of the squared error): "
            "fewer free parameters or more rows are needed"
        )
    ends = _only(ends, np.flatnonzero(ends.settled))
    return _only(ends, _distinct(problem, ends, _SAME * wide))


def _worth_reporting(problem: Problem, best: float) -> float:
    """The largest squared error of an optimum that anybody would look at: 10 times the best rms,
    or an rms of 1 % of the errors' range."""
    return max(100.0 * best, float(np.sum((0.01 * np.ptp(problem.error) * problem.weight) ** 2)))


def other_optima(problem: Problem, optima: Solved) -> tuple[dict[str, Any], ...]:
    """rmse and values of all optima but the best one."""
    error, found = problem.model.to_error(problem.error), []
    for p in optima.p[1:]:
        rmse = root_mean_square(error - problem.model.predict(p))
        found.append({"rmse": rmse, "values": named(problem.model, p)})
    return tuple(found)


def named(model: Model, p: Float[np.ndarray, " p"]) -> dict[str, float]:
    """Natural values by name."""
    return dict(zip(model.parameters, natural(p, model.kinds).tolist(), strict=True))


def refuse_too_few(law: str, model: Model, rows: int) -> None:
    """`InputError` for fewer rows than free parameters."""
    free = [n for n, lo, hi in zip(model.parameters, model.low, model.high, strict=True) if lo < hi]
    if rows < len(free):
        raise InputError(
            f"{law} has {len(free)} parameters ({', '.join(free)}), but only {rows} rows are left "
            "to fit: more rows or fewer pools are needed"
        )


def refuse_constant(error: Float[np.ndarray, " rows"]) -> None:
    """`InputError` for errors that are all the same: every law fits, and none is learned."""
    if np.ptp(error) == 0.0:
        raise InputError(
            f"column error: all {error.size} rows have the error {error[0]:g}; "
            "a law is fitted to errors that change with the data"
        )


def _distinct(problem: Problem, ends: Solved, apart: float) -> np.ndarray:
    """By cost, those whose predictions differ by more than `apart` from every better one."""
    predicted = ends.residual / problem.weight
    kept: list[int] = []
    for i in np.argsort(ends.cost, kind="stable"):
        if np.isfinite(ends.cost[i]) and all(
            np.abs(predicted[i] - predicted[j]).max() > apart for j in kept
        ):
            kept.append(int(i))
    return np.array(kept, dtype=np.int64)


def _only(ends: Solved, which: np.ndarray) -> Solved:
    return Solved(
        ends.p[which],
        ends.cost[which],
        ends.residual[which],
        ends.promise[which],
        ends.settled[which],
        ends.steps[which],
    )
