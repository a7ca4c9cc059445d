"""Bootstrap of a fitted law: an ensemble of laws that the data cannot tell from the best one.

Runs are the units, not rows: the checkpoints of one run are resampled or shaken together.  Three
ways to make another data set:

    normal   the fitted law plus normal scatter of the estimated (or given) size
    wild     every run's residuals times a random sign, inflated by √(rows/ν) (Wu 1986; by cluster:
             Cameron, Gelbach, Miller 2008); keeps each run's place and the scatter's own pattern
    runs     as many runs as there are, drawn with replacement (pairs bootstrap)

An estimated scatter is itself uncertain: each replicate of `normal` and `wild` multiplies it by
√(ν/χ²_ν), with its own draw of χ²_ν, so that the quantiles are Student's where the law is linear.
`runs` needs many runs: with a dozen, some draws lose a whole pool.  The default is `normal`, whose
intervals hold best (docs/fits.md).  Random numbers are seeded, and replicate i depends on (seed, i)
alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from prunelaw.checks import check_choice, check_integer, check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.common.statistics import quantile_interval
from prunelaw_sim.fits.least_squares import minimise_model, natural
from prunelaw_sim.fits.problem import named
from prunelaw_sim.fits.solution import Solution

KINDS = ("normal", "wild", "runs")
_MOST_LOST = 0.1  # of the replicates may fail to settle
_OTHERS = 2  # optima besides the best one from which each replicate starts
_AT_ONCE = 512  # replicates that are solved together


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Replicates of a fit: `p` holds their parameters in internal coordinates.

    Attributes:
        lost: replicates that did not settle and were left out.
    """

    fit: Solution
    kind: str
    seed: int
    p: Float[np.ndarray, "replicates p"]
    lost: int

    def __len__(self) -> int:
        return len(self.p)

    @property
    def values(self) -> Float[np.ndarray, "replicates p"]:
        """Natural values, in the order of `fit.parameters`."""
        return natural(self.p, self.fit.problem.model.kinds)

    def named(self, replicate: int) -> dict[str, float]:
        """Natural values of one replicate by name."""
        return named(self.fit.problem.model, self.p[replicate])

    def predict(self, frame: pd.DataFrame) -> Float[np.ndarray, "replicates rows"]:
        """Every replicate's prediction at every row."""
        model = self.fit.problem.model.on(frame)
        return model.to_error(model.evaluate(self.p)[0])

    def interval(
        self, numbers: Float[np.ndarray, "replicates ..."], level: float = 0.9
    ) -> tuple[Any, Any]:
        """The central interval of numbers computed from each replicate; nan of a replicate counts
        as unknown and is left out."""
        level = float(check_real("level", level, 0.0, 1.0, low_open=True, high_open=True))
        return quantile_interval(numbers, level)


def bootstrap(
    fit: Solution, replicates: int = 400, *, kind: str = "normal", seed: int = 0
) -> Ensemble:
    """`replicates` refits to resampled data, each from the best optimum and the other ones.

    Raises `InputError` for an unknown kind, for `runs` with no more runs than parameters, and for
    `wild` and `normal` where no row is left to estimate the scatter; `ConvergenceError` if more
    than a tenth of the replicates do not settle.
    """
    check_choice("kind", kind, KINDS)
    count = check_integer("replicates", replicates, 2)
    check_integer("seed", seed, 0)
    _refuse_too_few(fit, kind)
    parts = []
    for begin in range(0, count, _AT_ONCE):
        which = range(begin, min(begin + _AT_ONCE, count))
        parts.append(_refits(fit, *_resampled(fit, kind, seed, which)))
    p, settled = (np.concatenate(part) for part in zip(*parts, strict=True))
    lost = int((~settled).sum())
    if lost > _MOST_LOST * count:
        raise ConvergenceError(
            f"{lost} of {count} bootstrap fits did not settle: fewer free parameters, narrower "
            "bounds or more rows are needed"
        )
    return Ensemble(fit, kind, seed, p[settled], lost)


def _refuse_too_few(fit: Solution, kind: str) -> None:
    free = sum(low < high for low, high in zip(*_box(fit), strict=True))
    runs = len(set(fit.problem.run.tolist()))
    if kind == "runs" and runs <= free:
        raise InputError(
            f"kind 'runs' needs more runs than parameters, got {runs} runs and {free} parameters; "
            "use 'wild' or 'normal'"
        )
    if kind != "runs" and fit.freedom <= 0 and not fit.problem.known_scatter:
        raise InputError(
            f"{fit.law} has as many free parameters as rows: no residuals to resample; give "
            "error_se, bounds or more rows"
        )


def _box(fit: Solution) -> tuple[Any, Any]:
    return fit.problem.model.low, fit.problem.model.high


def _resampled(
    fit: Solution, kind: str, seed: int, which: Sequence[int]
) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows"]]:
    """Errors and weights of each replicate."""
    problem = fit.problem
    residual = problem.residual(fit.point)
    predicted = problem.error - residual
    _, run = np.unique(problem.run, return_inverse=True)
    runs = int(run.max()) + 1
    errors = np.tile(problem.error, (len(which), 1))
    weights = np.tile(problem.weight, (len(which), 1))
    for row, i in enumerate(which):
        random = np.random.default_rng([seed, i])
        if kind == "runs":
            times = np.bincount(random.integers(0, runs, runs), minlength=runs)
            weights[row] *= np.sqrt(times[run])
        elif kind == "wild":
            inflate = math.sqrt(residual.size / max(fit.freedom, 1)) * _doubt(fit, random)
            errors[row] = predicted + inflate * residual * random.choice((-1.0, 1.0), runs)[run]
        else:
            noise = _doubt(fit, random) * random.standard_normal(residual.size)
            errors[row] = predicted + fit.scatter * noise / problem.weight
    return errors, weights


def _doubt(fit: Solution, random: np.random.Generator) -> float:
    """√(ν/χ²_ν): by how much the true scatter may differ from its estimate; 1 where it is known."""
    if fit.scatter_known or fit.freedom <= 0:
        return 1.0
    return math.sqrt(fit.freedom / random.chisquare(fit.freedom))


def _refits(
    fit: Solution, errors: Float[np.ndarray, "batch rows"], weights: Float[np.ndarray, "batch rows"]
) -> tuple[Float[np.ndarray, "batch p"], Bool[np.ndarray, " batch"]]:
    """The best end of each replicate over starts at all optima of the fit."""
    model = fit.problem.model
    starts = [fit.point, *fit.other_points[:_OTHERS]]
    ends = [
        minimise_model(model, np.tile(start, (len(errors), 1)), errors, weights) for start in starts
    ]
    cost = np.stack([np.where(end.settled, end.cost, np.inf) for end in ends])
    best: Int[np.ndarray, " batch"] = np.argmin(cost, axis=0)
    each = np.arange(len(errors))
    p = np.stack([end.p for end in ends])[best, each]
    settled = np.stack([end.settled for end in ends])[best, each]
    return p, settled
