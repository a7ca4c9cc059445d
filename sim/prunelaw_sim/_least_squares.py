"""Levenberg–Marquardt in a box for many small problems at once.

    minimise  ½ Σ_rows (weight · (prediction(p) − target))²   over   low ≤ p ≤ high

Starts, bootstrap replicates and profile points are problems of one batch: the law is evaluated for
all of them in one call, and the small linear systems are solved together.  A parameter at a bound
that its gradient pushes against is held there for the step; a step is cut off at the box, and the
damping follows the reduction reached against the one that the linear model of the *cut* step
promises (Nielsen 1999; Kanzow, Yamashita, Fukushima, J. Comput. Appl. Math. 172, 375 (2004)).

Where residuals are large and the law bends, steps of the linear model creep.  Problems that have
not settled after a while take every other step with second derivatives of the law added to JᵀJ.

A problem is settled if no free direction is left in which the linear model promises more than
rounding: what is promised is measured by the step to the model's minimum, without damping.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

MOST_STEPS = 500
_PROMISE = 1e-11  # relative to the cost: a settled problem could gain less than this by one step
_ROUNDING = 1e-28  # relative to Σ (weight · target)²: residuals of 1e-14 are rounding, not misfit
_LOOSE = 1e-5  # `_PROMISE` of a first look at many starts
_SLOW = 40  # steps after which the curvature of the law is looked at
_DIFFERENCE = 1e-4  # step of the differences of the Jacobian, in logarithms or shares of the box
_AT_BOUND = 1e-10  # this close to a bound is at it: no step gains there what can be measured
_LEAST_DAMPING, _MOST_DAMPING = 1e-15, 1e15

Evaluate = Callable[
    [Float[np.ndarray, "batch p"], Int[np.ndarray, " batch"]],
    tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows p"]],
]


class Model(ABC):
    """A law on fixed rows, in internal coordinates: value = exp p, −exp p or p (`kinds`)."""

    parameters: tuple[str, ...]
    kinds: tuple[str, ...]
    """"log", "neglog" or "linear", for each parameter"""
    low: Float[np.ndarray, " p"]
    """lower ends of the box"""
    high: Float[np.ndarray, " p"]
    """upper ends; equal to the lower end: the parameter is given"""

    @abstractmethod
    def evaluate(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows p"]]:
        """Predictions and their exact derivatives."""

    @abstractmethod
    def starts(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "starts p"]:
        """Where to begin: a fixed set that follows from the data alone."""

    @abstractmethod
    def on(self, frame: pd.DataFrame) -> "Model":
        """The same law, parameters and box on the rows of another table."""

    @abstractmethod
    def coordinates(self) -> dict[str, Float[np.ndarray, " rows"]]:
        """What the law depends on, by column: how far a prediction is from the data."""

    def kind_of_rows(self) -> Int[np.ndarray, " rows"]:
        """A number a row: rows of equal number share all parameters that are their own."""
        return np.zeros(len(next(iter(self.coordinates().values()))), dtype=np.int64)

    def at_edge(self, name: str, upper: bool) -> str:
        """What it means that a parameter stands at an end of its box."""
        return f"at the {'upper' if upper else 'lower'} edge of the search"

    def uninformed(self) -> dict[str, str]:
        """Parameters of which no row knows anything, and why."""
        return {}

    def scaled(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """Errors and weights on the scale on which `evaluate` predicts: here the same."""
        return error, weight

    def to_error(self, scaled: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Errors from numbers on the scale of `evaluate`; increasing, so that ends stay ends."""
        return scaled

    def predict(self, p: Float[np.ndarray, " p"]) -> Float[np.ndarray, " rows"]:
        """The errors of all rows at one parameter vector."""
        return self.to_error(self.evaluate(p[None])[0][0])


@dataclass(frozen=True, eq=False)
class Solved:
    """Ends of a batch of minimisations."""

    p: Float[np.ndarray, "batch p"]
    cost: Float[np.ndarray, " batch"]
    """Σ of squared weighted residuals"""
    promise: Float[np.ndarray, " batch"]
    """the part of the cost that one more step could remove, by the linear model"""
    settled: Bool[np.ndarray, " batch"]
    steps: Int[np.ndarray, " batch"]


def minimise(
    evaluate: Evaluate,
    start: Float[np.ndarray, "batch p"],
    target: Float[np.ndarray, "batch rows"],
    weight: Float[np.ndarray, "batch rows"],
    low: Float[np.ndarray, " p"],
    high: Float[np.ndarray, " p"],
    *,
    loose: bool = False,
    most_steps: int = MOST_STEPS,
) -> Solved:
    """Runs every problem of the batch until it settles or has taken `most_steps`.

    evaluate(p, which) gives predictions and Jacobian of the problems `which` (indices into the
    batch) at p.  Problems that are done leave the batch.  A trial point at which the cost is not a
    finite number counts as a step that failed.
    """
    batch = _Batch(evaluate, np.clip(start, low, high), target, weight, low, high)
    wanted = _LOOSE if loose else _PROMISE
    for _ in range(most_steps):
        active = batch.unsettled(wanted)
        if not active.size:
            break
        batch.step(active)
    batch.unsettled(wanted)
    return Solved(batch.p, batch.cost, batch.promise, batch.settled, batch.steps)


def minimise_model(
    model: Model,
    start: Float[np.ndarray, "batch p"],
    target: Float[np.ndarray, "..."],
    weight: Float[np.ndarray, "..."],
    *,
    loose: bool = False,
    most_steps: int = MOST_STEPS,
) -> Solved:
    """`minimise` for one model; target and weight of shape (rows,) serve the whole batch."""
    shape = (len(start), np.shape(target)[-1])
    return minimise(
        lambda p, _: model.evaluate(p),
        start,
        np.broadcast_to(target, shape),
        np.broadcast_to(weight, shape),
        model.low,
        model.high,
        loose=loose,
        most_steps=most_steps,
    )


class _Batch:
    """Where every problem stands: its point, residuals, Jacobian and damping."""

    def __init__(
        self, evaluate: Evaluate, p: Any, target: Any, weight: Any, low: Any, high: Any
    ) -> None:
        self.evaluate, self.target, self.weight = evaluate, target, weight
        self.low, self.high = low, high
        self.p = p.copy()
        count = len(p)
        self.damping = np.full(count, 1e-3)
        self.growth = np.full(count, 2.0)
        self.steps = np.zeros(count, dtype=np.int64)
        self.settled = np.zeros(count, dtype=bool)
        self.stuck = np.zeros(count, dtype=bool)
        self.promise = np.full(count, np.inf)
        self.fresh = np.ones(count, dtype=bool)  # the point moved since `promise` was computed
        self.floor = _ROUNDING * np.sum((weight * target) ** 2, axis=1)
        self.residual, self.jacobian = self._look(p, np.arange(count))
        self.cost = np.sum(self.residual**2, axis=1)

    def _look(self, p: Any, which: Any) -> tuple[Any, Any]:
        predicted, jacobian = self.evaluate(p, which)
        weight = self.weight[which]
        with np.errstate(over="ignore", invalid="ignore"):
            residual = weight * (predicted - self.target[which])
            return residual, weight[:, :, None] * jacobian

    def unsettled(self, wanted: float) -> Int[np.ndarray, " active"]:
        """Problems that still have something to gain and somewhere to go."""
        look = np.flatnonzero(self.fresh & ~self.settled)
        if look.size:
            self.promise[look] = self._promise(look)
            self.fresh[look] = False
            enough = np.maximum(wanted * self.cost[look], self.floor[look])
            self.settled[look] = self.promise[look] <= enough
        return np.flatnonzero(~self.settled & ~self.stuck)

    def step(self, active: Int[np.ndarray, " active"]) -> None:
        """One damped step of each active problem, taken if it lowers the cost."""
        move, promised = self._direction(active, self.damping[active])
        slow = np.flatnonzero((self.steps[active] >= _SLOW) & (self.steps[active] % 2 == 0))
        if slow.size:
            which = active[slow]
            move[slow], promised[slow] = self._curved_direction(which, self.damping[which])
        there = np.clip(self.p[active] + move, self.low, self.high)
        residual, jacobian = self._look(there, active)
        with np.errstate(over="ignore", invalid="ignore"):
            cost = np.sum(residual**2, axis=1)
            gain = self.cost[active] - cost
        finite = np.isfinite(cost) & np.isfinite(jacobian).all(axis=(1, 2))
        better = finite & (gain > 0.0)
        self.steps[active] += 1
        self._take(active[better], there[better], residual[better], jacobian[better], cost[better])
        ratio = np.where(better, 1.0, 0.0)
        np.divide(gain, promised, out=ratio, where=better & (gain < promised))
        self._adapt(active, better, ratio)

    def _take(self, which: Any, p: Any, residual: Any, jacobian: Any, cost: Any) -> None:
        self.p[which], self.cost[which] = p, cost
        self.residual[which], self.jacobian[which] = residual, jacobian
        self.fresh[which] = True

    def _adapt(self, which: Any, better: Any, ratio: Any) -> None:
        """Nielsen's rule: less damping after a good step, ever more after failures in a row."""
        cut = np.clip(1.0 - (2.0 * np.minimum(ratio, 1.0) - 1.0) ** 3, 1.0 / 9.0, 2.0)
        damping = self.damping[which] * np.where(better, cut, self.growth[which])
        self.damping[which] = np.maximum(damping, _LEAST_DAMPING)
        self.growth[which] = np.where(better, 2.0, 2.0 * self.growth[which])
        self.stuck[which] = damping > _MOST_DAMPING

    def _direction(self, which: Any, damping: Any) -> tuple[Any, Any]:
        """The damped step of each problem, cut off at the box, and the reduction it promises."""
        move = self._move(which, damping)
        cut = self._cut(which, move)
        return cut, self._reduction(which, cut)

    def _curved_direction(self, which: Any, damping: Any) -> tuple[Any, Any]:
        """The same with ½ of the full Hessian of the cost, H = JᵀJ + Σ r ∂²r; |H| is downhill."""
        jacobian = self.jacobian[which]
        gradient = np.einsum("brp,br->bp", jacobian, self.residual[which])
        hessian = np.einsum("brp,brq->bpq", jacobian, jacobian) + self._curvature(which)
        free = ~self._pushed(self.p[which], gradient)
        length = np.sqrt(np.einsum("brp,brp->bp", jacobian, jacobian))
        scale = np.where(free & (length > 0.0), 1.0 / np.where(length > 0.0, length, 1.0), 0.0)
        values, axes = np.linalg.eigh(hessian * scale[:, :, None] * scale[:, None, :])
        size = np.abs(values)
        known = size > 1e-14 * size.max(axis=1, keepdims=True)
        shrink = np.where(known, 1.0, 0.0) / np.where(known, size + damping[:, None], 1.0)
        along = np.einsum("bpk,bp->bk", axes, scale * gradient)
        cut = self._cut(which, -scale * np.einsum("bpk,bk->bp", axes, shrink * along))
        promised = -np.einsum(
            "bp,bp->b", cut, 2.0 * gradient + np.einsum("bpq,bq->bp", hessian, cut)
        )
        return cut, promised

    def _curvature(self, which: Any) -> Any:
        """Σ r ∂²r of each problem, by differences of Jᵀr with r held; 0 where they fail."""
        p, residual = self.p[which], self.residual[which]
        found = np.empty((*p.shape, p.shape[1]))
        wide = self.high - self.low
        steps = _DIFFERENCE * np.where(wide > 0.0, np.minimum(wide, 1.0), 1.0)
        for k, step in enumerate(steps):
            shift = step * (np.arange(p.shape[1]) == k)
            up, down = (self._look(p + s, which)[1] for s in (shift, -shift))
            found[:, k] = np.einsum("brp,br->bp", up - down, residual) / (2.0 * step)
        found = 0.5 * (found + found.transpose(0, 2, 1))
        usable = np.isfinite(found).all(axis=(1, 2), keepdims=True)
        return np.where(usable, found, 0.0)

    def _cut(self, which: Any, move: Any) -> Any:
        return np.clip(self.p[which] + move, self.low, self.high) - self.p[which]

    def _promise(self, which: Any) -> Any:
        """What the step to the linear model's minimum promises; not cut: 0 at a solution only."""
        return self._reduction(which, self._move(which, np.zeros(len(which))))

    def _move(self, which: Any, damping: Any) -> Any:
        jacobian, residual = self.jacobian[which], self.residual[which]
        length = np.sqrt(np.einsum("brp,brp->bp", jacobian, jacobian))
        length = np.where(length > 0.0, length, 1.0)
        scaled = jacobian / length[:, None, :]
        gradient = np.einsum("brp,br->bp", scaled, residual)
        held = self._pushed(self.p[which], gradient)
        return _damped(scaled, residual, held, damping) / length

    def _reduction(self, which: Any, move: Any) -> Any:
        """|r|² − |r + J move|²."""
        change = np.einsum("brp,bp->br", self.jacobian[which], move)
        return -np.sum(change * (2.0 * self.residual[which] + change), axis=1)

    def _pushed(self, p: Any, gradient: Any) -> Any:
        at_low, at_high = p <= self.low + _AT_BOUND, p >= self.high - _AT_BOUND
        return (at_low & (gradient >= 0.0)) | (at_high & (gradient <= 0.0))


def _damped(
    scaled: Float[np.ndarray, "batch rows p"],
    residual: Float[np.ndarray, "batch rows"],
    held: Bool[np.ndarray, "batch p"],
    damping: Float[np.ndarray, " batch"],
) -> Float[np.ndarray, "batch p"]:
    """−(SᵀS + damping)⁻¹ Sᵀr by the singular values of S, its columns of length 1 or held.

    Singular values below rounding are directions in which nothing is known: no step along them.
    """
    free = np.where(held[:, None, :], 0.0, scaled)
    left, singular, right = np.linalg.svd(free, full_matrices=False)
    known = singular > 1e-14 * singular[:, :1]
    along = np.einsum("brk,br->bk", left, residual)
    shrink = np.where(known, singular, 0.0) / np.where(known, singular**2 + damping[:, None], 1.0)
    return -np.einsum("bkp,bk->bp", right, shrink * along)
