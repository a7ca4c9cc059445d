"""Profile-likelihood intervals of parameters and predictions of a fitted law.

For a quantity g (a parameter, a predicted error) the law is fitted again with g held at one value
after the other; the interval holds the values at which the fit is not worse than chance explains:

    min_{p: g(p) = g*} S(p) − S_min  ≤  t²(level, ν) s²,        S the weighted squared error,

with the estimated scatter s² = S_min/ν and Student's t, or s = 1 and the normal quantile where the
table has error bars (Bates and Watts, Nonlinear Regression Analysis, 1988, ch. 6: exact for linear
models, and invariant under reparametrisation).  g is held by one more row of data, of large
weight: its minimiser p* minimises S among all p with g(p) = g(p*), whatever the weight, so that the
pairs (g(p*), S(p*)) lie on the profile without a bias.

All quantities and both sides are followed at once, as one batch of `_least_squares.minimise`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.common.statistics import student_quantile
from prunelaw_sim.fits.extrapolation import beyond_data
from prunelaw_sim.fits.fit import Interval
from prunelaw_sim.fits.least_squares import minimise, natural
from prunelaw_sim.fits.problem import Problem
from prunelaw_sim.fits.solution import Solution

_PULL, _MOST_PULL = 1e2, 1e9  # weight of the row that holds g, in units of 1/standard error
_SHORT = 0.01  # of the stride or bracket by which g may miss its target
_STRONGER = 4  # times that the pull may be raised at one target
_EXPANSIONS = 40
_SECANTS, _REFINEMENTS = 12, 48  # where the profile jumps, only halving ends: 36 halvings
_CLOSE = 1e-3  # of the critical value: where a limit counts as found
_LONGEST_START = 0.5  # of a coordinate; of the value, for predictions


@dataclass(frozen=True)
class Prediction:
    """A predicted error with its interval, and how far it lies beyond the fitted rows.

    Attributes:
        low_open, high_open: as of `Interval`.
        new_run: whether the interval is for the error of a new run (scatter included), or for the
            law.
        beyond: column → doublings outside the fitted range, for those outside; {"pool": inf} if
            unseen.
    """

    value: float
    low: float
    high: float
    level: float
    low_open: bool
    high_open: bool
    new_run: bool
    beyond: Mapping[str, float]

    @property
    def extrapolates(self) -> bool:
        """Whether any coordinate lies outside the fitted rows: the interval then trusts the law."""
        return bool(self.beyond)


def parameter_intervals(
    fit: Solution, level: float = 0.9, names: Sequence[str] | None = None
) -> dict[str, Interval]:
    """Profile intervals of the named parameters (default: all that are not given by bounds).

    level in (0, 1).  Raises `InputError` for an unknown name, or where no scatter is known (as
    many parameters as rows, no error bars); `ConvergenceError` if a better optimum turns up.
    """
    known = [
        name
        for name, low, high in zip(
            fit.parameters, fit.problem.model.low, fit.problem.model.high, strict=True
        )
        if low < high
    ]
    chosen = known if names is None else [check_choice("names", n, fit.parameters) for n in names]
    columns = np.array([fit.parameters.index(name) for name in chosen], dtype=np.int64)
    ends = _Profiles(fit, _Quantities(fit, columns, None), level).limits()
    kinds = tuple(fit.problem.model.kinds[i] for i in columns)
    low, high = (natural(side, kinds) for side in (ends.low, ends.high))
    flipped = np.array(kinds) == "neglog"  # −exp p falls with p
    low, high = np.where(flipped, high, low), np.where(flipped, low, high)
    low_open = np.where(flipped, ends.high_open, ends.low_open)
    high_open = np.where(flipped, ends.low_open, ends.high_open)
    return {
        name: Interval(
            name,
            float(fit.values[name]),
            float(low[i]),
            float(high[i]),
            level,
            bool(low_open[i]),
            bool(high_open[i]),
        )
        for i, name in enumerate(chosen)
    }


def prediction_intervals(
    fit: Solution, frame: pd.DataFrame, level: float = 0.9, *, new_run: bool = False
) -> tuple[Prediction, ...]:
    """The law's error at every row of `frame`, with profile intervals at `level`.

    new_run: the interval of one more run's error, scatter included (in quadrature).
    Rows beyond the fitted ones are predicted, and say so in `beyond`.  Raises as
    `parameter_intervals`, and `TableError` for a row that the law cannot predict.
    """
    quantities = _Quantities(fit, np.array([], dtype=np.int64), frame)
    ends = _Profiles(fit, quantities, level).limits()
    values, to_error = quantities.values(fit.point), fit.problem.model.to_error
    below, above = values - ends.low, ends.high - values
    if new_run:
        noise = _critical(fit, level) * _scatter_of(fit, frame, to_error(values))
        below, above = np.hypot(below, noise), np.hypot(above, noise)
    low, value, high = (to_error(x) for x in (values - below, values, values + above))
    outside = beyond_data(fit.problem.model, frame)
    return tuple(
        Prediction(
            float(value[i]),
            float(low[i]),
            float(high[i]),
            level,
            bool(ends.low_open[i]),
            bool(ends.high_open[i]),
            new_run,
            outside[i],
        )
        for i in range(len(values))
    )


def profile(
    fit: Solution, name: str, values: Any
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n p"]]:
    """Squared error and parameters (natural values) of the best fit at each value of one of them.

    The squared error is the weighted one; the parameter is held exactly.  Shows a ridge: how b and
    d follow a, for one.
    """
    model = fit.problem.model
    column = fit.parameters.index(check_choice("name", name, fit.parameters))
    kind = model.kinds[column]
    wanted = np.atleast_1d(check_real("values", values))
    held = wanted if kind == "linear" else np.log(np.abs(wanted))
    start = np.tile(fit.point, (held.size, 1))
    order = np.argsort(np.abs(held - fit.point[column]))
    cost, ends = np.empty(held.size), np.empty_like(start)
    for i in order:  # outwards, each from its nearest solved neighbour
        done = order[: int(np.flatnonzero(order == i)[0])]
        if done.size:
            start[i] = ends[done[np.argmin(np.abs(held[done] - held[i]))]]
        start[i, column] = held[i]
        low, high = model.low.copy(), model.high.copy()
        low[column] = high[column] = held[i]
        data = fit.problem.error[None], fit.problem.weight[None]
        found = minimise(lambda p, _: (p, *model.evaluate(p)), start[i : i + 1], *data, low, high)
        cost[i], ends[i] = found.cost[0], found.p[0]
    return cost, natural(ends, model.kinds)


@dataclass(frozen=True, eq=False)
class _Ends:
    low: Float[np.ndarray, " q"]
    high: Float[np.ndarray, " q"]
    low_open: Bool[np.ndarray, " q"]
    high_open: Bool[np.ndarray, " q"]


class _Quantities:
    """Internal coordinates `columns`, then the predictions at the rows of `frame`."""

    def __init__(
        self, fit: Solution, columns: Int[np.ndarray, " columns"], frame: pd.DataFrame | None
    ) -> None:
        self.columns = columns
        self.model = None if frame is None else fit.problem.model.on(frame)
        model = fit.problem.model
        count = columns.size + (0 if frame is None else len(frame))
        self.low, self.high = np.full(count, -np.inf), np.full(count, np.inf)
        self.low[: columns.size] = model.low[columns]
        self.high[: columns.size] = model.high[columns]

    def __len__(self) -> int:
        return self.low.size

    def values(self, p: Float[np.ndarray, " p"]) -> Float[np.ndarray, " q"]:
        """All of them at one parameter vector."""
        return self.evaluate(p[None])[0][0]

    def evaluate(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch q"], Float[np.ndarray, "batch q p"]]:
        """All of them, with derivatives."""
        own = p[:, self.columns]
        slopes = np.broadcast_to(np.eye(p.shape[1])[self.columns], (*own.shape, p.shape[1]))
        if self.model is None:
            return own, slopes
        predicted, jacobian = self.model.evaluate(p)
        return np.concatenate([own, predicted], 1), np.concatenate([slopes, jacobian], 1)


class _Profiles:
    """Every quantity followed down and up from the optimum; problem 2q goes down, 2q + 1 up."""

    def __init__(self, fit: Solution, quantities: _Quantities, level: float) -> None:
        self.fit, self.quantities = fit, quantities
        self.problem: Problem = fit.problem
        self.scatter = fit.scatter
        self.critical = _critical(fit, level)
        count = 2 * len(quantities)
        self.which = np.arange(count) // 2
        self.side = np.where(np.arange(count) % 2 == 0, -1.0, 1.0)
        self.best = quantities.values(fit.point)[self.which]
        self.least = self.problem.cost(fit.point)
        self.reach = _first_reach(fit, quantities)[self.which]
        self.pull = _PULL * self.scatter / self.reach
        self.p = np.tile(fit.point, (count, 1))

    def limits(self) -> _Ends:
        """Where each profile passes the critical value."""
        if not len(self.quantities):
            return _Ends(*(np.empty(0),) * 2, *(np.empty(0, dtype=bool),) * 2)
        inside, outside, open_end = self._expand()
        found = np.where(open_end, inside[:, 0], np.nan)
        closed = np.flatnonzero(~open_end)
        found[closed] = self._refine(closed, inside[closed], outside[closed])
        return _Ends(found[::2], found[1::2], open_end[::2], open_end[1::2])

    def _expand(self) -> tuple[Any, Any, Any]:
        """Outwards in growing strides until z passes the critical value, or g moves no more.

        Returns pairs (g, z) inside and outside, and which sides are open.
        """
        count = self.best.size
        inside = np.stack([self.best, np.zeros(count)], axis=1)
        outside = np.full((count, 2), np.nan)
        open_end = np.zeros(count, dtype=bool)
        stride = self.reach.copy()
        active = np.arange(count)
        for _ in range(_EXPANSIONS):
            target = self._within(active, inside[active, 0] + self.side[active] * stride[active])
            g, z, p = self._solve(active, target, stride[active])
            moved = self.side[active] * (g - inside[active, 0])
            passed = z >= self.critical
            stalled = ~passed & ~(moved > 1e-3 * stride[active])
            outside[active[passed]] = np.stack([g, z], axis=1)[passed]
            onward = active[~passed & ~stalled]
            keep = ~passed & ~stalled
            inside[onward] = np.stack([g, z], axis=1)[keep]
            self.p[onward] = p[keep]
            open_end[active[stalled]] = True
            stride[onward] *= 2.0
            active = onward
            if not active.size:
                break
        open_end[active] = True
        return inside, outside, open_end

    def _refine(self, which: Any, inside: Any, outside: Any) -> Any:
        """g at which z is critical: by the secant, every third time and at last by bisection."""
        low, high = inside.copy(), outside.copy()
        answer = high[:, 0].copy()
        active = np.arange(len(which))
        for step in range(_REFINEMENTS):
            if not active.size:
                break
            a, b = low[active], high[active]
            share = (self.critical - a[:, 1]) / np.maximum(b[:, 1] - a[:, 1], 1e-300)
            if step % 3 == 2 or step >= _SECANTS:
                share = np.full(active.size, 0.5)
            share = np.clip(share, 0.02, 0.98)
            target = a[:, 0] + share * (b[:, 0] - a[:, 0])
            g, z, p = self._solve(which[active], target, np.abs(b[:, 0] - a[:, 0]))
            out = z >= self.critical
            high[active[out]] = np.stack([g, z], axis=1)[out]
            low[active[~out]] = np.stack([g, z], axis=1)[~out]
            self.p[which[active[~out]]] = p[~out]
            answer[active] = g
            width = np.abs(high[active, 0] - low[active, 0])
            near = np.abs(z - self.critical) <= _CLOSE * self.critical
            near |= width <= 1e-9 * (1.0 + np.abs(g))
            active = active[~near]
        if active.size:
            raise ConvergenceError(
                f"{active.size} ends of profile intervals were not found in {_REFINEMENTS} "
                "refinements: fewer free parameters or narrower bounds are needed"
            )
        return answer

    def _within(self, which: Any, target: Any) -> Any:
        q = self.which[which]
        return np.clip(target, self.quantities.low[q], self.quantities.high[q])

    def _solve(self, which: Any, target: Any, room: Any) -> tuple[Any, Any, Any]:
        """(g reached, z there, parameters) with g pulled to the targets.

        Where g stays short of its target by more than a part of the `room` that is searched, the
        pull was too weak (or a bound is in the way): it is raised for good.
        """
        p, g, cost = self._pulled(which, target)
        for _ in range(_STRONGER):
            short = np.abs(g - target) > _SHORT * room
            short &= self.pull[which] < _MOST_PULL * self.scatter / self.reach[which]
            again = np.flatnonzero(short)
            if not again.size:
                break
            self.pull[which[again]] *= 100.0
            p[again], g[again], cost[again] = self._pulled(which[again], target[again])
        slack = 1e-9 * self.least + (1e-3 * self.scatter) ** 2
        if (cost < self.least - slack).any():
            raise ConvergenceError(
                "a better optimum turned up while a profile was followed (squared error "
                f"{cost.min():.6g} against {self.least:.6g}): fit with narrower bounds"
            )
        z = np.sqrt(np.maximum(cost - self.least, 0.0)) / max(self.scatter, 1e-300)
        return g, z, p

    def _pulled(self, which: Any, target: Any) -> tuple[Any, Any, Any]:
        """Parameters, g and the squared error of the data alone, at the minimum with the pull."""
        problem, quantities, q = self.problem, self.quantities, self.which[which]

        def evaluate(p: Any, part: Any) -> tuple[Any, Any, Any]:
            predicted, jacobian = problem.model.evaluate(p)
            values, slopes = quantities.evaluate(p)
            mine = np.arange(len(p)), q[part]
            return (
                p,
                np.concatenate([predicted, values[mine][:, None]], axis=1),
                np.concatenate([jacobian, slopes[mine][:, None]], axis=1),
            )

        rows = np.tile(problem.error, (which.size, 1))
        pull = self.pull[which]
        weight = np.concatenate([np.tile(problem.weight, (which.size, 1)), pull[:, None]], axis=1)
        found = minimise(
            evaluate,
            self.p[which],
            np.concatenate([rows, target[:, None]], axis=1),
            weight,
            problem.model.low,
            problem.model.high,
            most_steps=100,
        )
        g = quantities.evaluate(found.p)[0][np.arange(which.size), q]
        predicted, _ = problem.model.evaluate(found.p)
        return found.p, g, np.sum((problem.weight * (predicted - problem.error)) ** 2, axis=1)


def _critical(fit: Solution, level: float) -> float:
    level = float(check_real("level", level, 0.0, 1.0, low_open=True, high_open=True))
    if fit.scatter_known:
        return student_quantile(level, math.inf)
    if fit.freedom <= 0:
        raise InputError(
            f"{fit.law} has as many free parameters as rows: nothing is left to estimate the "
            "scatter; give error_se, bounds or more rows"
        )
    return student_quantile(level, fit.freedom)


def _scatter_of(
    fit: Solution, frame: pd.DataFrame, error: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """Standard deviation of one more run at each row, on the scale that is fitted."""
    if "error_se" in frame:
        weight = 1.0 / np.asarray(frame["error_se"], dtype=np.float64)
        return fit.scatter / fit.problem.model.scaled(error, weight)[1]
    typical = float(np.sqrt(np.mean(1.0 / fit.problem.weight**2)))
    return np.full(len(frame), fit.scatter * typical)


def _first_reach(fit: Solution, quantities: _Quantities) -> Float[np.ndarray, " q"]:
    """A first stride for each quantity: its standard error, or less where that is unknown.

    Also the unit of the pull: where the standard error is huge, so is the freedom of g.
    """
    problem = fit.problem
    _, jacobian = problem.model.evaluate(fit.point[None])
    values, slopes = (part[0] for part in quantities.evaluate(fit.point[None]))
    weighted = problem.weight[:, None] * jacobian[0]
    given = problem.model.low == problem.model.high
    weighted[:, given], slopes = 0.0, np.where(given, 0.0, slopes)
    length = np.linalg.norm(weighted, axis=0)
    length = np.where(length > 0.0, length, 1.0)
    _, singular, axes = np.linalg.svd(weighted / length, full_matrices=False)
    along = (slopes / length) @ axes.T / np.maximum(singular, 1e-8 * singular[0])
    error = fit.scatter * np.linalg.norm(along, axis=1)
    errors = np.maximum(np.abs(problem.model.to_error(values)), 1e-300)
    relative = 1.0 / problem.model.scaled(errors, 1.0 / errors)[1]  # 100 % of a prediction
    most = np.where(np.arange(values.size) < quantities.columns.size, 1.0, relative)
    wide = quantities.high - quantities.low
    most = _LONGEST_START * np.minimum(most, np.where(np.isfinite(wide), wide, np.inf))
    least = 1e-9 * np.maximum(np.abs(values), 1e-3)
    return np.clip(error, least, np.maximum(most, least))
