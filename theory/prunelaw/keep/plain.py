"""The rules with a name: hard, easy, random and bands, of |z| and of the signed margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import InputError
from prunelaw.keep.rule import (
    KeepRule,
    Segments,
    Slopes,
    interval,
    mirrored,
    moving,
    signed_margin_mass,
)
from prunelaw.keep.text import number_in, register
from prunelaw.numerics.gaussian import (
    Array,
    central_half_width,
    normal_cdf,
    normal_pdf,
    outer_threshold,
    signed_margin_quantile,
)


@register
@dataclass(frozen=True)
class Hard(KeepRule):
    """Keep |z| < γ with P(|z| < γ) = f: the examples the probe finds hard."""

    form = "hard"

    def segments(self, f: Array, theta: Array) -> Segments:
        return mirrored(np.zeros_like(f), central_half_width(f))

    def slopes(self, f: Array, theta: Array) -> Slopes:
        edge = _density_ratio(1.0, 2.0 * normal_pdf(central_half_width(f)))
        zero = np.zeros_like(f)
        return moving(np.stack([zero, -edge], axis=1), np.stack([edge, zero], axis=1))


@register
@dataclass(frozen=True)
class Easy(KeepRule):
    """Keep |z| > γ with P(|z| > γ) = f: large margins."""

    form = "easy"

    def segments(self, f: Array, theta: Array) -> Segments:
        return mirrored(outer_threshold(f), np.full_like(f, np.inf))

    def slopes(self, f: Array, theta: Array) -> Slopes:
        edge = _density_ratio(-1.0, 2.0 * normal_pdf(outer_threshold(f)))
        zero = np.zeros_like(f)
        return moving(np.stack([edge, zero], axis=1), np.stack([zero, -edge], axis=1))


@register
@dataclass(frozen=True)
class Random(KeepRule):
    """Keep with probability f, whatever the example."""

    form = "random"

    def segments(self, f: Array, theta: Array) -> Segments:
        return mirrored(np.zeros_like(f), np.full_like(f, np.inf), f)

    def slopes(self, f: Array, theta: Array) -> Slopes:
        zero = np.zeros((len(f), 2))
        return moving(zero, zero)._replace(weight_f=np.ones_like(zero))


@register
@dataclass(frozen=True)
class SignedHard(KeepRule):
    """Keep m < γ with P(m < γ) = f: misclassified examples (m < 0) count as the hardest."""

    uses_labels = True
    form = "signed-hard"

    def segments(self, f: Array, theta: Array) -> Segments:
        return interval(np.full_like(f, -np.inf), signed_margin_quantile(f, theta))

    def slopes(self, f: Array, theta: Array) -> Slopes:
        edge, zero = signed_margin_quantile(f, theta), np.zeros((len(f), 2))
        edge_f, edge_theta = _signed_edge_slopes(edge, theta)
        return moving(zero, _on_its_side(edge, edge_f), zero, _on_its_side(edge, edge_theta))


@register
@dataclass(frozen=True)
class SignedEasy(KeepRule):
    """Keep m > γ with P(m > γ) = f."""

    uses_labels = True
    form = "signed-easy"

    def segments(self, f: Array, theta: Array) -> Segments:
        return interval(signed_margin_quantile(f, theta, upper=True), np.full_like(f, np.inf))

    def slopes(self, f: Array, theta: Array) -> Slopes:
        edge, zero = signed_margin_quantile(f, theta, upper=True), np.zeros((len(f), 2))
        edge_f, edge_theta = _signed_edge_slopes(edge, theta)
        edge_f = np.where(np.isinf(edge), np.nan, edge_f)
        return moving(_on_its_side(edge, -edge_f), zero, _on_its_side(edge, edge_theta), zero)


@dataclass(frozen=True)
class _Edges(KeepRule):
    """A rule that two edges make, and that implies its fraction."""

    low: float | int
    high: float | int

    def __post_init__(self) -> None:
        kind, lowest = self.form.partition(":")[0], -np.inf if self.uses_labels else 0.0
        if np.isnan(self.low) or np.isnan(self.high) or not self.low < self.high:
            raise InputError(
                f"{kind} must have low < high, got {self.low:g} and {self.high:g}: it is empty"
            )
        if self.low < lowest:
            raise InputError(f"low of a {kind} must be at least {lowest:g}, got {self.low:g}")
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))

    @classmethod
    def from_text(cls, text: str) -> KeepRule:
        parts = text.partition(":")[2].split(",")
        if len(parts) != 2:
            raise InputError(
                f"rule {text!r} must have two edges, as in band:0.17,0.43; a band around a "
                "quantile of hardness is quantiles:CENTRE"
            )
        return cls(*(number_in(text, part) for part in parts))

    @property
    def name(self) -> str:
        return f"{self.form.partition(':')[0]}:{self.low:.12g},{self.high:.12g}"


@register
@dataclass(frozen=True)
class Band(_Edges):
    """Keep low < |z| < high, 0 ≤ low < high ≤ ∞; f = 2(Φ(high) − Φ(low)) follows."""

    form = "band:LOW,HIGH"

    def fraction(self, theta: Array) -> Array:
        mass = 2.0 * (normal_cdf(np.array(-self.low)) - normal_cdf(np.array(-self.high)))
        return mass * np.ones_like(theta)

    def segments(self, f: Array, theta: Array) -> Segments:
        one = np.ones_like(f)
        return mirrored(self.low * one, self.high * one)


@register
@dataclass(frozen=True)
class SignedBand(_Edges):
    """Keep low < m < high; f = P(low < m < high) follows from θ."""

    uses_labels = True
    form = "signed-band:LOW,HIGH"

    def fraction(self, theta: Array) -> Array:
        one = np.ones_like(theta)
        return signed_margin_mass(self.low * one, self.high * one, theta)

    def segments(self, f: Array, theta: Array) -> Segments:
        one = np.ones_like(f)
        return interval(self.low * one, self.high * one)


def _density_ratio(value: float, density: Array) -> Array:
    """value/density, 0 where an edge lies at infinity."""
    with np.errstate(divide="ignore"):
        return np.where(density > 0.0, value / density, 0.0)


def _signed_edge_slopes(edge: Array, theta: Array) -> tuple[Array, Array]:
    """(∂x/∂f, ∂x/∂θ) of the quantile x with P(m < x) = f; ∂P/∂θ = exp(−x²/(2 sin²θ))/π."""
    sine = np.sin(theta)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        right = np.where(sine > 0.0, normal_cdf(edge / np.tan(theta)), (edge >= 0.0) * 1.0)
        turned = np.where(sine > 0.0, np.exp(-0.5 * (edge / sine) ** 2), 0.0) / np.pi
    density = 2.0 * normal_pdf(edge) * right
    return _density_ratio(1.0, density), -turned * _density_ratio(1.0, density)


def _on_its_side(edge: Array, slope: Array) -> Array:
    """The slope of an edge for the layers (m > 0, m < 0): it moves the one on its own side."""
    right = edge >= 0.0
    return np.stack([np.where(right, slope, 0.0), np.where(right, 0.0, slope)], axis=1)


def threshold(rule: str, f: Any, theta: Any = 0.0) -> Array:
    """γ of a one-sided rule that keeps the fraction f ∈ (0, 1].

    hard: |z| < γ; easy: |z| > γ; signed-hard: m < γ; signed-easy: m > γ (these two depend on
    θ ∈ [0, π/2], in radians).

    Raises:
        InputError: for other rules and numbers out of range.
    """
    check_choice("rule", rule, ("hard", "easy", "signed-hard", "signed-easy"))
    fraction = check_real("f", f, 0.0, 1.0, low_open=True)
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    if rule in ("hard", "easy"):
        gamma = central_half_width(fraction) if rule == "hard" else outer_threshold(fraction)
        return gamma * np.ones_like(angle) if angle.ndim else gamma
    fraction, angle = np.broadcast_arrays(fraction, angle)
    return signed_margin_quantile(fraction, angle, upper=rule == "signed-easy")
