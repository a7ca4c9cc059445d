"""Bands between quantiles of hardness: rules of ranks, as sweeps of real data keep them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelaw.errors import InputError
from prunelaw.keep.rule import KeepRule, Segments, Slopes, mirrored, moving
from prunelaw.keep.text import number_in, register
from prunelaw.numerics.gaussian import Array, normal_pdf, outer_threshold

CLOSE = 1e-3  # a kept fraction is given to so many digits, more or less
SAME = 1e-9  # rounding of low + f


@register
@dataclass(frozen=True)
class Quantiles(KeepRule):
    """Keep by the quantile q = P(|z| > its value) of hardness, 0 the easiest and 1 the hardest.

    With one number c the f examples whose q is nearest to c: easy at c = 0, hard at c = 1. With
    two, low ≤ q ≤ high: at f = high − low all of them, below it each with probability
    f/(high − low).  f is given, and at most high − low.

    Raises:
        InputError: for quantiles outside [0, 1], low ≥ high, and f above high − low.
    """

    low: float | int
    high: float | int | None = None
    form = "quantiles:CENTRE or quantiles:LOW,HIGH"

    @classmethod
    def from_text(cls, text: str) -> Quantiles:
        parts = text.partition(":")[2].split(",")
        if len(parts) > 2:
            raise InputError(f"rule {text!r} must have one centre or two edges")
        return cls(*(number_in(text, part) for part in parts))

    def __post_init__(self) -> None:
        edges = [float(edge) for edge in (self.low, self.high) if edge is not None]
        if not all(0.0 <= edge <= 1.0 for edge in edges) or edges != sorted(set(edges)):
            raise InputError(
                f"rule {self.name} must be of quantiles in [0, 1], CENTRE or LOW,HIGH, LOW < HIGH"
            )
        object.__setattr__(self, "low", edges[0])
        object.__setattr__(self, "high", edges[1] if len(edges) == 2 else None)

    @property
    def name(self) -> str:
        return "quantiles:" + ",".join(f"{q:.12g}" for q in (self.low, self.high) if q is not None)

    def segments(self, f: Array, theta: Array) -> Segments:
        low, high, weight = self.edges(f)
        return mirrored(np.maximum(outer_threshold(high), 0.0), outer_threshold(low), weight)

    def slopes(self, f: Array, theta: Array) -> Slopes:
        low, high, _ = self.edges(f)
        if self.high is not None:
            zero = np.zeros((len(f), 2))
            inside = np.full_like(zero, 1.0 / (self.high - self.low))
            return moving(zero, zero)._replace(weight_f=inside)
        low_f = np.where(low <= 0.0, 0.0, np.where(high >= 1.0, -1.0, -0.5))
        # q falls with |z|: dq/d|z| = -2 φ.
        near, far = (
            -moved * np.divide(0.5, density, out=np.zeros_like(f), where=density > 0.0)
            for moved, density in (
                (1.0 + low_f, normal_pdf(outer_threshold(high))),
                (low_f, normal_pdf(outer_threshold(low))),
            )
        )
        return moving(np.stack([near, -far], axis=1), np.stack([far, -near], axis=1))

    def edges(self, f: Array) -> tuple[Array, Array, Array]:
        """The quantiles between which it keeps, and with which probability."""
        if self.high is None:
            low = np.clip(self.low - f / 2, 0.0, 1.0 - f)
            high = np.where(low + f > 1.0 - SAME, 1.0, low + f)
            return np.where(low < SAME, 0.0, low), high, np.ones_like(f)
        share = f / (self.high - self.low)
        if (share > 1.0 + CLOSE).any():
            raise InputError(
                f"rule {self.name} holds {self.high - self.low:g} of the examples: f must be at "
                f"most that, got {np.max(f):g}"
            )
        edges = np.full_like(f, self.low), np.full_like(f, self.high)
        return *edges, np.where(share > 1.0 - SAME, 1.0, share)
