"""Losses ℓ of the margin v = y h, as what they do to a Gaussian field: their proximal steps.

An example whose field would be m without it ends at v = argmin ℓ(v) + (v − m)²/(2V) and pulls with
the force F = (v − m)/V = −ℓ'(v).  A new loss is one class with `slope` and `curvature`, or with
`force` in closed form; `kinks` says where the force bends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array

ROUNDS = 80  # at most, of a bracketed proximal step; Newton needs five or six


class Loss:
    """A convex loss ℓ(v), decreasing from the left.

    Attributes:
        name: its text.
        needs_penalty: whether λ = 0 can have no minimum on separable data.
        constraint: True if ℓ is a wall, so that λ only sets a scale.
    """

    name = "loss"
    needs_penalty = True
    constraint = False

    def slope(self, v: Array) -> Array:
        """ℓ'(v)."""
        raise NotImplementedError

    def curvature(self, v: Array) -> Array:
        """ℓ''(v)."""
        raise NotImplementedError

    def force(self, m: Array, V: Array) -> tuple[Array, Array]:
        """F(m; V) and dF/dm, by Newton's method inside the bracket between m and m − V ℓ'(m)."""
        shape = np.broadcast_shapes(np.shape(m), np.shape(V))
        m, V = (np.broadcast_to(array, shape).ravel() for array in (m, V))
        end = m - V * self.slope(m)
        low, high = np.minimum(m, end), np.maximum(m, end)
        v, left = np.clip(0.0, low, high), np.arange(m.size)
        for _ in range(ROUNDS):
            at, goal, stiff = v[left], m[left], V[left]
            miss = at - goal + stiff * self.slope(at)
            low[left], high[left] = (
                np.where(miss < 0.0, at, low[left]),
                np.where(miss > 0.0, at, high[left]),
            )
            new = at - miss / (1.0 + stiff * self.curvature(at))
            inside = (new >= low[left]) & (new <= high[left])
            v[left] = new = np.where(inside, new, 0.5 * (low[left] + high[left]))
            left = left[np.abs(new - at) > 1e-15 * (1.0 + np.abs(at))]
            if not left.size:
                break
        v, V = v.reshape(shape), V.reshape(shape)
        curvature = self.curvature(v)
        return -self.slope(v), -curvature / (1.0 + V * curvature)

    def kinks(self, V: Array) -> tuple[Array, ...]:
        """Margins m at which the force bends."""
        return ()

    def turns(self, V: Array) -> tuple[Array, ...]:
        """Margins m near which a smooth force turns within a range of order 1."""
        return ()


@dataclass(frozen=True)
class Logistic(Loss):
    """ℓ(v) = log(1 + e^−v)."""

    name = "logistic"

    def slope(self, v: Array) -> Array:
        return -expit(-v)

    def curvature(self, v: Array) -> Array:
        half = expit(-np.abs(v))
        return half * (1.0 - half)

    def turns(self, V: Array) -> tuple[Array, ...]:
        """Real parts of the force's branch points: 1 + V ℓ'' = 0 at v = ±2 asinh(√V/2) + iπ."""
        s = np.sqrt(V) / 2.0
        # v − V/(1 − e^v) + V/2 at e^{v/2} = s + √(1 + s²), without the cancellation of small V
        reach = 2.0 * np.arcsinh(s) + V / 2.0 * np.sqrt(1.0 + s * s) / np.maximum(s, 1e-150)
        return -V / 2.0 - reach, -V / 2.0 + reach


@dataclass(frozen=True)
class Square(Loss):
    """ℓ(v) = (1 − v)²/2."""

    name = "square"
    needs_penalty = False

    def slope(self, v: Array) -> Array:
        return v - 1.0

    def curvature(self, v: Array) -> Array:
        return np.ones_like(v)

    def force(self, m: Array, V: Array) -> tuple[Array, Array]:
        slope = 1.0 / (1.0 + V)
        return (1.0 - m) * slope, np.broadcast_to(-slope, np.shape(m))


@dataclass(frozen=True)
class SquaredHinge(Loss):
    """ℓ(v) = (1 − v)₊²/2."""

    name = "squared-hinge"

    def force(self, m: Array, V: Array) -> tuple[Array, Array]:
        slope = 1.0 / (1.0 + V)
        return np.maximum(1.0 - m, 0.0) * slope, np.where(m < 1.0, -slope, 0.0)

    def kinks(self, V: Array) -> tuple[Array, ...]:
        return (np.ones_like(V),)


@dataclass(frozen=True)
class Hinge(Loss):
    """ℓ(v) = (1 − v)₊."""

    name = "hinge"

    def force(self, m: Array, V: Array) -> tuple[Array, Array]:
        pull = (1.0 - m) / V
        inside = (pull > 0.0) & (pull < 1.0)
        return np.clip(pull, 0.0, 1.0), np.where(inside, -1.0 / V, 0.0)

    def kinks(self, V: Array) -> tuple[Array, ...]:
        return 1.0 - V, np.ones_like(V)


@dataclass(frozen=True)
class HardMargin(Loss):
    """A wall: v ≥ 1.  The student is the max-margin separator, the limit λ → 0 of the others."""

    name = "hard-margin"
    needs_penalty = False
    constraint = True

    def force(self, m: Array, V: Array) -> tuple[Array, Array]:
        return np.maximum(1.0 - m, 0.0) / V, np.where(m < 1.0, -1.0 / V, 0.0)

    def kinks(self, V: Array) -> tuple[Array, ...]:
        return (np.ones_like(V),)


LOSSES = {loss.name: loss for loss in (Logistic(), Square(), Hinge(), SquaredHinge(), HardMargin())}


def as_loss(loss: Any) -> Loss:
    """A loss from its object or its name; `InputError` for anything else."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    raise InputError(f"loss must be one of {', '.join(LOSSES)} or a Loss; got {loss!r}")
