"""Levenberg–Marquardt in a box for many small problems at once.

    minimise  ½ Σ_rows (weight · (prediction(p) − target))²   over   low ≤ p ≤ high

Starts, bootstrap replicates and profile points are problems of one batch: the law is evaluated for
all of them in one call, and the small linear systems are solved together.  A parameter at a bound
that its gradient pushes against is held there for the step; a step is cut off at the box, and the
damping follows the reduction reached against the one that the linear model of the *cut* step
promises (Nielsen 1999; Kanzow, Yamashita, Fukushima, J. Comput. Appl. Math. 172, 375 (2004)).

Parameters that enter linearly need no steps: a model may set them to their best values at every
point (variable projection; Golub, Pereyra 1973, with Kaufman's Jacobian, BIT 15, 49 (1975)), which
takes the long ridge of a, b and d out of the search.  Where residuals are large and the law bends,
steps of the linear model creep: problems without such parameters that have not settled after a
while take every other step with second derivatives of the law added to JᵀJ.

A problem is settled if no free direction is left in which the linear model promises more than
rounding: what is promised is measured by the step to the model's minimum, without damping.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from prunelaw_sim.fits.rows import Table

MOST_STEPS = 500
_PROMISE = 1e-11  # relative to the cost: a settled problem could gain less than this by one step
_ROUNDING = 1e-28  # relative to Σ (weight · target)²: residuals of 1e-14 are rounding, not misfit
_LOOSE = 1e-5, 1e-14  # `_PROMISE` and `_ROUNDING` of a first look at many starts
_SLOW = 40  # steps after which the curvature of the law is looked at
_DIFFERENCE = 1e-4  # step of the differences of the Jacobian, in logarithms or shares of the box
_AT_BOUND = 1e-10  # this close to a bound is at it: no step gains there what can be measured
_KNOWN = 1e-14  # singular values below this part of the largest are rounding
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-15, 1e15
_FASTEST = 1.0 / 30.0  # the damping falls by no more than this from step to step

Evaluate = Callable[[Any, Any], tuple[Any, Any, Any]]
"""(points, which problems) → (points with the inner parameters at their best, predictions,
Jacobian): shapes (batch, p), (batch,) → (batch, p), (batch, rows), (batch, rows, p)"""


class Model(ABC):
    """A law on fixed rows, in internal coordinates: value = exp p, −exp p or p (`kinds`).

    Attributes:
        kinds: "log", "neglog" or "linear", for each parameter.
        low: lower ends of the box.
        high: upper ends; equal to the lower end: the parameter is given.
    """

    parameters: tuple[str, ...]
    kinds: tuple[str, ...]
    low: Float[np.ndarray, " p"]
    high: Float[np.ndarray, " p"]

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
    def on(self, runs: Table | pd.DataFrame) -> "Model":
        """The same law, parameters and box on the rows of another table."""

    @abstractmethod
    def coordinates(self) -> dict[str, Float[np.ndarray, " rows"]]:
        """What the law depends on, by column: how far a prediction is from the data."""

    def kind_of_rows(self) -> Int[np.ndarray, " rows"]:
        """A number a row: rows of equal number share all parameters that are their own."""
        return np.zeros(len(next(iter(self.coordinates().values()))), dtype=np.int64)

    def row_in_words(self, row: int) -> str:
        """Where a row is, for messages."""
        return ", ".join(f"{name} {v[row]:.4g}" for name, v in self.coordinates().items())

    def at_edge(self, name: str, upper: bool) -> str:
        """What it means that a parameter stands at an end of its box."""
        return f"at the {'upper' if upper else 'lower'} edge of the search"

    def uninformed(self) -> dict[str, str]:
        """Parameters of which no row knows anything, and why."""
        return {}

    def linear(self) -> Bool[np.ndarray, " p"]:
        """Parameters that `eliminated` sets to their best values."""
        return np.zeros(len(self.parameters), dtype=bool)

    def eliminated(
        self,
        p: Float[np.ndarray, "batch p"],
        target: Float[np.ndarray, "batch rows"],
        weight: Float[np.ndarray, "batch rows"],
    ) -> tuple[
        Float[np.ndarray, "batch p"],
        Float[np.ndarray, "batch rows"],
        Float[np.ndarray, "batch rows p"],
    ]:
        """p with the linear parameters at their best for these errors, and `evaluate` there."""
        return p, *self.evaluate(p)

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
    """Ends of a batch of minimisations.

    Attributes:
        cost: Σ of squared weighted residuals.
        residual: weight · (prediction − target).
        promise: the part of the cost that one more step could remove, by the linear model.
    """

    p: Float[np.ndarray, "batch p"]
    cost: Float[np.ndarray, " batch"]
    residual: Float[np.ndarray, "batch rows"]
    promise: Float[np.ndarray, " batch"]
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
    inner: Bool[np.ndarray, " p"] | None = None,
    loose: bool = False,
    most_steps: int = MOST_STEPS,
) -> Solved:
    """Runs every problem of the batch until it settles or has taken `most_steps`.

    evaluate(p, which) gives predictions and Jacobian of the problems `which` (indices into the
    batch) at p, and p itself with the `inner` parameters at their best.  Problems that are done
    leave the batch.  `loose` is for a first look at many starts of one problem: it settles early,
    and is over once a start fits exactly, since no other can do better.  A trial point at which
    the cost is not a finite number counts as a step that failed; a start without one ends where it
    is, at infinite cost.
    """
    columns = np.flatnonzero(np.zeros(len(low), dtype=bool) if inner is None else inner)
    batch = _Batch(evaluate, np.clip(start, low, high), target, weight, low, high, columns)
    wanted = _LOOSE if loose else (_PROMISE, _ROUNDING)
    for _ in range(most_steps):
        active = batch.unsettled(*wanted)
        if not active.size or (loose and batch.one_is_exact()):
            break
        batch.step(active)
    batch.unsettled(*wanted)
    return Solved(batch.p, batch.cost, batch.residual, batch.promise, batch.settled, batch.steps)


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
    targets, weights = np.broadcast_to(target, shape), np.broadcast_to(weight, shape)
    return minimise(
        lambda p, which: model.eliminated(p, targets[which], weights[which]),
        start,
        targets,
        weights,
        model.low,
        model.high,
        inner=model.linear(),
        loose=loose,
        most_steps=most_steps,
    )


class _Batch:
    """Where every problem stands: its point, the linear model there, and the damping."""

    def __init__(
        self,
        evaluate: Evaluate,
        p: Any,
        target: Any,
        weight: Any,
        low: Any,
        high: Any,
        inner: Int[np.ndarray, " inner"],
    ) -> None:
        self.evaluate, self.target, self.weight = evaluate, target, weight
        self.low, self.high, self.inner = low, high, inner
        count = len(p)
        self.damping = np.full(count, _FIRST_DAMPING)
        self.growth = np.full(count, 2.0)
        self.steps = np.zeros(count, dtype=np.int64)
        self.settled = np.zeros(count, dtype=bool)
        self.size = np.sum((weight * target) ** 2, axis=1)
        everything = np.arange(count)
        self.p, self.residual, self.jacobian = self._look(p, everything)
        with np.errstate(over="ignore", invalid="ignore"):
            cost = np.sum(self.residual**2, axis=1)
        finite = np.isfinite(cost) & np.isfinite(self.jacobian).all(axis=(1, 2))
        self.cost, self.stuck = np.where(finite, cost, np.inf), ~finite
        size = min(self.jacobian.shape[1:])
        self.along, self.singular = np.zeros((count, size)), np.zeros((count, size))
        self.axes = np.zeros((count, size, p.shape[1]))
        self.promise = np.full(count, np.inf)
        self._factorise(np.flatnonzero(finite))

    def _look(self, p: Any, which: Any) -> tuple[Any, Any, Any]:
        p, predicted, jacobian = self.evaluate(p, which)
        weight = self.weight[which]
        with np.errstate(over="ignore", invalid="ignore"):
            residual = weight * (predicted - self.target[which])
            return p.copy(), residual, weight[:, :, None] * jacobian

    def unsettled(self, wanted: float, rounding: float) -> Int[np.ndarray, " active"]:
        """Problems that still have something to gain and somewhere to go."""
        enough = np.maximum(wanted * self.cost, rounding * self.size)
        self.settled |= (self.promise <= enough) & np.isfinite(self.cost)
        return np.flatnonzero(~self.settled & ~self.stuck)

    def one_is_exact(self) -> bool:
        """Whether the residuals of some problem are as small as a first look can tell from 0."""
        return bool((self.cost <= _LOOSE[1] * self.size).any())

    def step(self, active: Int[np.ndarray, " active"]) -> None:
        """One damped step of each active problem, taken if it lowers the cost."""
        here = self.p[active]
        move = self._cut(active, self._damped(active))
        promised = self._reduction(active, move)
        slow = np.flatnonzero((self.steps[active] >= _SLOW) & (self.steps[active] % 2 == 0))
        if slow.size and not self.inner.size:
            move[slow], promised[slow] = self._curved(active[slow])
        there = np.minimum(np.maximum(here + move, self.low), self.high)
        there, residual, jacobian = self._look(there, active)
        with np.errstate(over="ignore", invalid="ignore"):
            cost = np.einsum("br,br->b", residual, residual)
            finite = np.isfinite(cost) & np.isfinite(jacobian).all(axis=(1, 2))
            gain = np.where(finite, self.cost[active] - cost, -1.0)
            ratio = gain / np.maximum(promised, 1e-300)
        better = gain > 0.0
        self.steps[active] += 1
        taken = active[better]
        self.p[taken], self.cost[taken] = there[better], cost[better]
        self.residual[taken], self.jacobian[taken] = residual[better], jacobian[better]
        self._factorise(taken)
        self._adapt(active, better, ratio)

    def _adapt(self, which: Any, better: Any, ratio: Any) -> None:
        """Nielsen's rule: less damping after a good step, ever more after failures in a row."""
        cut = 1.0 - (2.0 * np.minimum(np.maximum(ratio, 0.0), 1.0) - 1.0) ** 3
        cut = np.maximum(cut, _FASTEST)
        damping = self.damping[which] * np.where(better, cut, self.growth[which])
        self.damping[which] = np.maximum(damping, _LEAST_DAMPING)
        self.growth[which] = np.where(better, 2.0, 2.0 * self.growth[which])
        self.stuck[which] = damping > _MOST_DAMPING

    def _factorise(self, which: Int[np.ndarray, " some"]) -> None:
        """The singular values of the scaled Jacobian, its columns of length 1, or 0 where a bound
        holds the parameter; and the promise of the step to the linear model's minimum.

        Singular values below rounding are directions in which nothing is known: no step along
        them.  That step is not cut off at the box: its promise is 0 at a solution only.
        """
        if not which.size:
            return
        jacobian, residual = self.jacobian[which], self.residual[which]
        length = np.sqrt(np.einsum("brp,brp->bp", jacobian, jacobian))
        gradient = np.einsum("brp,br->bp", jacobian, residual)
        p = self.p[which]
        held = self._pushed(p, gradient)
        if self.inner.size:
            jacobian = self.jacobian[which] = _without(jacobian, self.inner, held)
            known = _KNOWN * length
            length = np.sqrt(np.einsum("brp,brp->bp", jacobian, jacobian))
            held |= length <= known
        scale = np.where(held | (length == 0.0), 0.0, 1.0 / np.where(length > 0.0, length, 1.0))
        left, singular, right = np.linalg.svd(jacobian * scale[:, None, :], full_matrices=False)
        along = np.einsum("brk,br->bk", left, residual)
        along[singular <= _KNOWN * singular[:, :1]] = 0.0
        self.along[which], self.singular[which] = along, singular
        self.axes[which] = right * scale[:, None, :]
        self.promise[which] = np.einsum("bk,bk->b", along, along)

    def _damped(self, which: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some p"]:
        """−(SᵀS + damping)⁻¹ Sᵀr, S the scaled Jacobian, in the unscaled coordinates."""
        singular, damping = self.singular[which], self.damping[which]
        shrink = singular / (singular**2 + damping[:, None])
        return -np.einsum("bkp,bk->bp", self.axes[which], shrink * self.along[which])

    def _curved(self, which: Int[np.ndarray, " some"]) -> tuple[Any, Any]:
        """The damped step with ½ of the full Hessian of the cost, H = JᵀJ + Σ r ∂²r, made downhill
        by |H|; and the reduction that it promises."""
        jacobian, damping = self.jacobian[which], self.damping[which]
        gradient = np.einsum("brp,br->bp", jacobian, self.residual[which])
        hessian = np.einsum("brp,brq->bpq", jacobian, jacobian) + self._curvature(which)
        free = ~self._pushed(self.p[which], gradient)
        length = np.sqrt(np.einsum("brp,brp->bp", jacobian, jacobian))
        scale = np.where(free & (length > 0.0), 1.0 / np.where(length > 0.0, length, 1.0), 0.0)
        values, axes = np.linalg.eigh(hessian * scale[:, :, None] * scale[:, None, :])
        size = np.abs(values)
        known = size > _KNOWN * size.max(axis=1, keepdims=True)
        shrink = np.where(known, 1.0, 0.0) / np.where(known, size + damping[:, None], 1.0)
        along = np.einsum("bpk,bp->bk", axes, scale * gradient)
        cut = self._cut(which, -scale * np.einsum("bpk,bk->bp", axes, shrink * along))
        bent = 2.0 * gradient + np.einsum("bpq,bq->bp", hessian, cut)
        return cut, -np.einsum("bp,bp->b", cut, bent)

    def _curvature(self, which: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some p p"]:
        """Σ r ∂²r of each problem, by differences of Jᵀr with r held; 0 where they fail."""
        p, residual = self.p[which], self.residual[which]
        found = np.empty((*p.shape, p.shape[1]))
        wide = self.high - self.low
        steps = _DIFFERENCE * np.where(wide > 0.0, np.minimum(wide, 1.0), 1.0)
        for k, step in enumerate(steps):
            shift = step * (np.arange(p.shape[1]) == k)
            up, down = (self._look(p + s, which)[2] for s in (shift, -shift))
            found[:, k] = np.einsum("brp,br->bp", up - down, residual) / (2.0 * step)
        found = 0.5 * (found + found.transpose(0, 2, 1))
        usable = np.isfinite(found).all(axis=(1, 2), keepdims=True)
        return np.where(usable, found, 0.0)

    def _cut(self, which: Any, move: Any) -> Any:
        """As much of a move as stays in the box."""
        here = self.p[which]
        return np.minimum(np.maximum(here + move, self.low), self.high) - here

    def _pushed(self, p: Any, gradient: Any) -> Any:
        """Parameters at a bound against which their gradient pushes."""
        at_low, at_high = p <= self.low + _AT_BOUND, p >= self.high - _AT_BOUND
        return (at_low & (gradient >= 0.0)) | (at_high & (gradient <= 0.0))

    def _reduction(self, which: Any, move: Any) -> Any:
        """|r|² − |r + J move|²."""
        change = np.einsum("brp,bp->br", self.jacobian[which], move)
        return -np.einsum("br,br->b", change, 2.0 * self.residual[which] + change)


def _without(
    jacobian: Float[np.ndarray, "batch rows p"],
    inner: Int[np.ndarray, " inner"],
    held: Bool[np.ndarray, "batch p"],
) -> Float[np.ndarray, "batch rows p"]:
    """The part of every column that no change of the free inner parameters can make up for."""
    jacobian = jacobian.copy()
    for i in inner:
        column = jacobian[:, :, i]
        square = np.einsum("br,br->b", column, column)
        away = (square > 0.0) & ~held[:, i]
        unit = np.where(away, 1.0 / np.sqrt(np.where(away, square, 1.0)), 0.0)[:, None] * column
        jacobian -= unit[:, :, None] * np.einsum("br,brp->bp", unit, jacobian)[:, None, :]
        jacobian[away, :, i] = 0.0
    return jacobian


def natural(p: Float[np.ndarray, "... p"], kinds: tuple[str, ...]) -> Float[np.ndarray, "... p"]:
    """Values from internal coordinates: exp p, −exp p or p."""
    with np.errstate(over="ignore"):
        grown = np.exp(p)
    kind = np.array(kinds)
    return np.where(kind == "log", grown, np.where(kind == "neglog", -grown, p))


def to_internal(value: float, kind: str) -> float:
    """The internal coordinate of a value; 0 goes to a very negative logarithm."""
    if kind == "linear":
        return float(value)
    size = value if kind == "log" else -value
    return math.log(max(size, 1e-300))
