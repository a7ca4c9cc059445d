"""The rules with a name: hard, easy, random and bands, of |z| and of the signed margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelaw.errors import InputError
from prunelaw.keep.rule import (
    KeepRule,
    Segments,
    Slopes,
    _interval,
    _mirrored,
    _moving,
    signed_margin_mass,
)
from prunelaw.numerics.gaussian import (
    Array,
    central_half_width,
    normal_cdf,
    normal_pdf,
    outer_threshold,
    signed_margin_quantile,
)


@dataclass(frozen=True)
class Hard(KeepRule):
    """Keep |z| < γ with P(|z| < γ) = f: the examples the probe finds hard."""

    @property
    def name(self) -> str:
        return "hard"

    def segments(self, f: Array, theta: Array) -> Segments:
        return _mirrored(np.zeros_like(f), central_half_width(f))

    def slopes(self, f: Array, theta: Array) -> Slopes:
        edge = _density_ratio(1.0, 2.0 * normal_pdf(central_half_width(f)))
        zero = np.zeros_like(f)
        return _moving(np.stack([zero, -edge], axis=1), np.stack([edge, zero], axis=1))


@dataclass(frozen=True)
class Easy(KeepRule):
    """Keep |z| > γ with P(|z| > γ) = f: large margins."""

    @property
    def name(self) -> str:
        return "easy"

    def segments(self, f: Array, theta: Array) -> Segments:
        return _mirrored(outer_threshold(f), np.full_like(f, np.inf))

    def slopes(self, f: Array, theta: Array) -> Slopes:
        edge = _density_ratio(-1.0, 2.0 * normal_pdf(outer_threshold(f)))
        zero = np.zeros_like(f)
        return _moving(np.stack([edge, zero], axis=1), np.stack([zero, -edge], axis=1))


@dataclass(frozen=True)
class Random(KeepRule):
    """Keep with probability f, whatever the example."""

    @property
    def name(self) -> str:
        return "random"

    def segments(self, f: Array, theta: Array) -> Segments:
        return _mirrored(np.zeros_like(f), np.full_like(f, np.inf), f)

    def slopes(self, f: Array, theta: Array) -> Slopes:
        zero = np.zeros((len(f), 2))
        return _moving(zero, zero)._replace(weight_f=np.ones_like(zero))


@dataclass(frozen=True)
class Band(KeepRule):
    """Keep low < |z| < high, 0 ≤ low < high ≤ ∞; f = 2(Φ(high) − Φ(low)) follows."""

    low: float | int
    high: float | int

    def __post_init__(self) -> None:
        _check_band(self, 0.0)

    @property
    def name(self) -> str:
        return f"band:{self.low:.12g},{self.high:.12g}"

    def fraction(self, theta: Array) -> Array:
        mass = 2.0 * (normal_cdf(np.array(-self.low)) - normal_cdf(np.array(-self.high)))
        return mass * np.ones_like(theta)

    def segments(self, f: Array, theta: Array) -> Segments:
        one = np.ones_like(f)
        return _mirrored(self.low * one, self.high * one)


@dataclass(frozen=True)
class SignedHard(KeepRule):
    """Keep m < γ with P(m < γ) = f: misclassified examples (m < 0) count as the hardest."""

    uses_labels = True

    @property
    def name(self) -> str:
        return "signed-hard"

    def segments(self, f: Array, theta: Array) -> Segments:
        return _interval(np.full_like(f, -np.inf), signed_margin_quantile(f, theta))

    def slopes(self, f: Array, theta: Array) -> Slopes:
        edge, zero = signed_margin_quantile(f, theta), np.zeros((len(f), 2))
        edge_f, edge_theta = _signed_edge_slopes(edge, theta)
        return _moving(zero, _on_its_side(edge, edge_f), zero, _on_its_side(edge, edge_theta))


@dataclass(frozen=True)
class SignedEasy(KeepRule):
    """Keep m > γ with P(m > γ) = f."""

    uses_labels = True

    @property
    def name(self) -> str:
        return "signed-easy"

    def segments(self, f: Array, theta: Array) -> Segments:
        return _interval(signed_margin_quantile(f, theta, upper=True), np.full_like(f, np.inf))

    def slopes(self, f: Array, theta: Array) -> Slopes:
        edge, zero = signed_margin_quantile(f, theta, upper=True), np.zeros((len(f), 2))
        edge_f, edge_theta = _signed_edge_slopes(edge, theta)
        edge_f = np.where(np.isinf(edge), np.nan, edge_f)
        return _moving(_on_its_side(edge, -edge_f), zero, _on_its_side(edge, edge_theta), zero)


@dataclass(frozen=True)
class SignedBand(KeepRule):
    """Keep low < m < high; f = P(low < m < high) follows from θ."""

    low: float | int
    high: float | int
    uses_labels = True

    def __post_init__(self) -> None:
        _check_band(self, -np.inf)

    @property
    def name(self) -> str:
        return f"signed-band:{self.low:.12g},{self.high:.12g}"

    def fraction(self, theta: Array) -> Array:
        one = np.ones_like(theta)
        return signed_margin_mass(self.low * one, self.high * one, theta)

    def segments(self, f: Array, theta: Array) -> Segments:
        one = np.ones_like(f)
        return _interval(self.low * one, self.high * one)


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


def _check_band(rule: Band | SignedBand, lowest: float) -> None:
    kind = "band" if isinstance(rule, Band) else "signed-band"
    if np.isnan(rule.low) or np.isnan(rule.high) or not rule.low < rule.high:
        raise InputError(
            f"{kind} must have low < high, got {rule.low:g} and {rule.high:g}: it is empty"
        )
    if rule.low < lowest:
        raise InputError(f"low of a {kind} must be at least {lowest:g}, got {rule.low:g}")
    object.__setattr__(rule, "low", float(rule.low))
    object.__setattr__(rule, "high", float(rule.high))
