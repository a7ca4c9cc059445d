"""Keep rules: which part of the examples is kept, as a weight on the axis of the signed margin.

A rule is a function w ∈ [0, 1]; an example is kept with probability w, and f = E[w] is the kept
fraction.  The probe's field is z = J_probe·x ~ N(0, 1), the label y = sign(t), and the signed
margin m = y z.  Three kinds of rule differ in what w is a function of:

    of="abs"     |z|         needs no labels
    of="z"       z           needs no labels; labels are odd in x, so w(z) acts as the mean of
                             w(z) and w(−z): a rule of |z|
    of="margin"  m = y z     needs labels; at θ = 0, m = |z| and the rule equals that of |z|

Everything else in the package sees a rule as `Segments`: intervals of m with a weight each.

Source: Sorscher et al. 2022 (arXiv 2206.14486), section 2 and appendix A, which ranks by m in the
text and averages over |z| in the equations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from prunelaw._checks import check_choice, check_real
from prunelaw.errors import InputError
from prunelaw.gaussian import (
    Array,
    central_half_width,
    gauss_legendre,
    normal_cdf,
    normal_pdf,
    outer_threshold,
    signed_margin_cdf,
    signed_margin_quantile,
)

RULES = ("hard", "easy", "random")
GRAMMAR = (
    "hard, easy, random, signed-hard, signed-easy, band:LOW,HIGH, signed-band:LOW,HIGH "
    "or mix:Q,RULE"
)
# A fraction given beside a rule that implies one must agree to this, relative.
SAME_FRACTION = 1e-6
FAR = 40.0  # φ(40) underflows: no example lies beyond


class Segments(NamedTuple):
    """A keep rule for n points as layers on the axis of m: `weight` on [low, high], arrays (n, k).

    No layer crosses 0, layers add up where they overlap, and low = high is an empty one.
    `profile` (or None) is a function of m that multiplies every weight.
    """

    low: Array
    high: Array
    weight: Array
    profile: Callable[[Array], Array] | None = None

    def take(self, index: Any) -> Segments:
        """The points `index`."""
        return Segments(self.low[index], self.high[index], self.weight[index], self.profile)

    @property
    def edge(self) -> Array:
        """The smallest kept |z|, shape (n,)."""
        nearest = np.minimum(np.abs(self.low), np.abs(self.high))
        kept = (self.high > self.low) & (self.weight > 0.0)
        return np.where(kept, nearest, np.inf).min(axis=1)

    @property
    def mass(self) -> Array:
        """Σ weight·P(low < m < high) for m ~ N(0, 1), the profile left out; shape (n,)."""
        return np.sum(self.weight * (normal_cdf(self.high) - normal_cdf(self.low)), axis=1)

    def weight_at(self, m: Array) -> Array:
        """w(m) for m of shape (n, points)."""
        inside = (self.low[:, None, :] <= m[..., None]) & (m[..., None] < self.high[:, None, :])
        value = np.sum(inside * self.weight[:, None, :], axis=2)
        return value if self.profile is None else value * self.profile(m)


class Slopes(NamedTuple):
    """Derivatives of a rule's layers in f and θ, arrays (n, k)."""

    low_f: Array
    high_f: Array
    weight_f: Array
    low_theta: Array
    high_theta: Array


class KeepRule:
    """One rule, for any fraction f or with a fraction of its own.

    `name` is its text form, which `as_rule` reads back where the rule has one; `uses_labels` says
    whether it needs y.
    """

    uses_labels: bool = False

    @property
    def name(self) -> str:
        """The rule in the words of the command line."""
        raise NotImplementedError

    def fraction(self, theta: Array) -> Array | None:
        """The kept fraction that the rule implies at angle θ; None if it works at any f."""
        return None

    def segments(self, f: Array, theta: Array) -> Segments:
        """The rule at kept fractions f ∈ (0, 1] and angles θ, arrays of shape (n,)."""
        raise NotImplementedError

    def slopes(self, f: Array, theta: Array) -> Slopes:
        """How the layers of `segments(f, theta)` move; in f, NaN where the rule implies f."""
        layers = self.segments(f, theta)
        zero = np.zeros_like(layers.low)
        unknown = np.full_like(zero, np.nan)
        return Slopes(unknown, unknown, unknown, zero, zero)

    def profile_of(self) -> Callable[[Array], Array] | None:
        """The function of m that multiplies the segments' weights, if the rule has one."""
        return None

    def weight(self, m: Any, f: Any = None, theta: Any = 0.0) -> Array:
        """w at signed margins m (the sign is immaterial if no labels are used), any shape.

        `f` may be left out if the rule implies it; θ matters to signed rules alone.
        """
        margin, angle = check_real("m", m), check_real("theta", theta, 0.0, np.pi / 2)
        fraction = checked_fraction(self, f, angle)
        one = np.ones(1)
        segments = self.segments(fraction * one, angle * one)
        return segments.weight_at(margin.reshape(1, -1)).reshape(margin.shape)

    def __str__(self) -> str:
        return self.name


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


@dataclass(frozen=True)
class Mixture(KeepRule):
    """With probability q keep at random (a share f), else by `rule`: w = q f + (1 − q) w_rule."""

    q: float | int
    rule: KeepRule

    def __post_init__(self) -> None:
        check_real("q of a mixture", self.q, 0.0, 1.0)
        if not isinstance(self.rule, KeepRule):
            raise InputError(f"rule of a mixture must be a keep rule, got {self.rule!r}")
        if self.rule.profile_of() is not None:
            raise InputError("rule of a mixture must be made of intervals, got a function")

    @property
    def uses_labels(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]  (varies)
        return self.rule.uses_labels

    @property
    def name(self) -> str:
        return f"mix:{self.q:.12g},{self.rule.name}"

    def fraction(self, theta: Array) -> Array | None:
        return self.rule.fraction(theta)

    def segments(self, f: Array, theta: Array) -> Segments:
        ruled, anywhere = self.rule.segments(f, theta), Random().segments(self.q * f, theta)
        return _joined(ruled._replace(weight=(1.0 - self.q) * ruled.weight), anywhere)

    def slopes(self, f: Array, theta: Array) -> Slopes:
        ruled, anywhere = self.rule.slopes(f, theta), Random().slopes(f, theta)
        ruled = ruled._replace(weight_f=(1.0 - self.q) * ruled.weight_f)
        anywhere = anywhere._replace(weight_f=self.q * anywhere.weight_f)
        return Slopes(*(np.concatenate(pair, axis=1) for pair in zip(ruled, anywhere, strict=True)))


Of = Literal["abs", "z", "margin"]


@dataclass(frozen=True)
class Piecewise(KeepRule):
    """Keep with probability weights[i] between edges[i] and edges[i+1], and nothing outside.

    edges    ascending, one more than weights; ±inf allowed; at least 0 for of="abs"
    weights  in [0, 1], not all 0
    of       "abs" (|z|), "z" or "margin" (m = y z)
    """

    edges: Sequence[float | int]
    weights: Sequence[float | int]
    of: Of = "abs"

    def __post_init__(self) -> None:
        check_choice("of", self.of, ("abs", "z", "margin"))
        edges = np.asarray(self.edges, dtype=float)
        weights = check_real("weights", self.weights, 0.0, 1.0)
        if edges.ndim != 1 or len(edges) != len(weights) + 1 or len(weights) == 0:
            raise InputError(
                f"edges must be one more than weights, got {edges.size} and {weights.size}"
            )
        if np.isnan(edges).any() or not (np.diff(edges) > 0).all():
            raise InputError(f"edges must ascend, got {list(self.edges)}")
        if self.of == "abs" and edges[0] < 0:
            raise InputError(f'edges must be at least 0 for of="abs", got {edges[0]:g}')
        if not weights.any():
            raise InputError("weights must not all be 0: nothing would be kept")
        object.__setattr__(self, "edges", tuple(float(edge) for edge in edges))
        object.__setattr__(self, "weights", tuple(float(weight) for weight in weights))

    @property
    def uses_labels(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]  (varies)
        return self.of == "margin"

    @property
    def name(self) -> str:
        return f"piecewise({len(self.weights)} intervals of {self.of})"

    def fraction(self, theta: Array) -> Array:
        flat = np.ravel(theta)
        mass = _mass(self.segments(np.ones_like(flat), flat), flat, self.uses_labels)
        return mass.reshape(np.shape(theta))

    def segments(self, f: Array, theta: Array) -> Segments:
        one, parts = np.ones_like(f), []
        for low, high, weight in zip(self.edges, self.edges[1:], self.weights, strict=False):
            if self.of == "abs":
                parts.append(_mirrored(low * one, high * one, weight * one))
                continue
            parts.append(_interval(low * one, high * one, weight * one))
            if self.of == "z":
                parts[-1] = parts[-1]._replace(weight=0.5 * parts[-1].weight)
                parts.append(_interval(-high * one, -low * one, 0.5 * weight * one))
        return _joined(*parts)


@dataclass(frozen=True)
class Function(KeepRule):
    """Keep with probability w(·), any function with values in [0, 1] that takes arrays.

    of           what w is a function of: "abs" (|z|), "z" or "margin" (m = y z)
    breakpoints  where w jumps or bends, in its own variable; without them a jump costs accuracy,
                 which the solver notices and refuses
    """

    w: Callable[[Array], Array] = field(repr=False)
    of: Of = "abs"
    breakpoints: Sequence[float | int] = ()

    def __post_init__(self) -> None:
        check_choice("of", self.of, ("abs", "z", "margin"))
        points = check_real("breakpoints", self.breakpoints)
        object.__setattr__(self, "breakpoints", tuple(float(point) for point in np.sort(points)))
        grid = np.linspace(-10.0, 10.0, 2001)
        values = np.asarray(self.w(np.abs(grid) if self.of == "abs" else grid), dtype=float)
        if values.shape != grid.shape:
            raise InputError(f"w must return as many values as it takes, got {values.shape}")
        bad = np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))
        if bad.size:
            raise InputError(f"w must be in [0, 1], got {values[bad[0]]:g} at {grid[bad[0]]:g}")
        if not values.any():
            raise InputError("w must not be 0 everywhere: nothing would be kept")

    @property
    def uses_labels(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]  (varies)
        return self.of == "margin"

    @property
    def name(self) -> str:
        return f"function of {self.of}"

    def profile_of(self) -> Callable[[Array], Array]:
        if self.of == "abs":
            return lambda m: np.asarray(self.w(np.abs(m)), dtype=float)
        if self.of == "z":
            return lambda m: 0.5 * (np.asarray(self.w(m)) + np.asarray(self.w(-m)))
        return lambda m: np.asarray(self.w(m), dtype=float)

    def fraction(self, theta: Array) -> Array:
        whole, nodes = self.segments(np.ones(1), np.zeros(1)), gauss_legendre(40)
        total, profile = np.zeros_like(theta), self.profile_of()
        for low, high in zip(whole.low[0], whole.high[0], strict=True):
            low, high = np.clip([low, high], -FAR, FAR)
            cuts = np.linspace(low, high, max(2, int(high - low) + 2))
            width = np.diff(cuts)
            m = (cuts[:-1, None] + width[:, None] * nodes[0]).ravel()
            weight = (width[:, None] * nodes[1]).ravel() * normal_pdf(m) * profile(m)
            if not self.uses_labels:
                total = total + weight.sum()
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                right = normal_cdf(np.divide.outer(1.0, np.tan(theta))[..., None] * m)
            right = np.where(theta[..., None] > 0.0, right, m > 0.0)
            total = total + 2.0 * (right * weight).sum(axis=-1)
        return total

    def segments(self, f: Array, theta: Array) -> Segments:
        inner = np.unique(np.abs(self.breakpoints))
        cuts = np.concatenate([-inner[::-1], [0.0], inner])
        edges = np.concatenate([[-np.inf], np.unique(cuts), [np.inf]])
        one = np.ones((len(f), len(edges) - 1))
        return Segments(edges[:-1] * one, edges[1:] * one, one, self.profile_of())


# --- from text and to fractions ---------------------------------------------------------------

_SIMPLE = {rule.name: rule for rule in (Hard(), Easy(), Random(), SignedHard(), SignedEasy())}


def as_rule(rule: Any, argument: str = "rule") -> KeepRule:
    """A rule from its object or its text: hard, easy, random, signed-hard, signed-easy,
    band:LOW,HIGH, signed-band:LOW,HIGH (of m = y z) or mix:Q,RULE.

    Raises `InputError`, which calls the rule `argument`, for any other text and for empty bands.
    """
    if isinstance(rule, KeepRule):
        return rule
    if not isinstance(rule, str):
        raise InputError(f"{argument} must be a name or a keep rule, got {rule!r}")
    if rule in _SIMPLE:
        return _SIMPLE[rule]
    kind, _, rest = rule.partition(":")
    if kind in ("band", "signed-band"):
        return (Band if kind == "band" else SignedBand)(*_two_numbers(rule, rest))
    if kind == "mix":
        q, _, inner = rest.partition(",")
        return Mixture(_number(rule, q), as_rule(inner))
    raise InputError(f"{argument} must be {GRAMMAR}; got {rule!r}")


def _number(rule: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as cause:
        raise InputError(f"rule {rule!r}: {text!r} is not a number") from cause


def _two_numbers(rule: str, text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(f"rule {rule!r} must have two edges, as in band:0.17,0.43")
    return _number(rule, parts[0]), _number(rule, parts[1])


def checked_fraction(rule: KeepRule, f: Any, theta: Array) -> Array:
    """f ∈ (0, 1] for the rule at angles θ: as given, or as the rule implies where f is None.

    Raises `InputError` if f is missing, outside its range, or contradicts the rule.
    """
    implied = rule.fraction(np.asarray(theta, dtype=float))
    if implied is None:
        if f is None:
            raise InputError(f"f must be given: the rule {rule.name} works at any fraction kept")
        return check_real("f", f, 0.0, 1.0, low_open=True)
    if not (implied > 0.0).all():
        raise InputError(f"rule {rule.name} keeps nothing: its fraction is 0 in double precision")
    if f is None:
        return implied
    given = check_real("f", f, 0.0, 1.0, low_open=True)
    given, implied = np.broadcast_arrays(given, implied)
    apart = np.abs(given - implied) > SAME_FRACTION * implied
    if apart.any():
        raise InputError(
            f"f must be {implied[apart].flat[0]:.9g}, which the rule {rule.name} implies "
            f"(or be left out), got {given[apart].flat[0]:g}"
        )
    return implied


def threshold(rule: str, f: Any, theta: Any = 0.0) -> Array:
    """γ of a one-sided rule that keeps the fraction f ∈ (0, 1].

    hard: |z| < γ; easy: |z| > γ; signed-hard: m < γ; signed-easy: m > γ (these two depend on
    θ ∈ [0, π/2], in radians).  Raises `InputError` for other rules and numbers out of range.
    """
    check_choice("rule", rule, ("hard", "easy", "signed-hard", "signed-easy"))
    fraction = check_real("f", f, 0.0, 1.0, low_open=True)
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    if rule in ("hard", "easy"):
        gamma = central_half_width(fraction) if rule == "hard" else outer_threshold(fraction)
        return gamma * np.ones_like(angle) if angle.ndim else gamma
    fraction, angle = np.broadcast_arrays(fraction, angle)
    return signed_margin_quantile(fraction, angle, upper=rule == "signed-easy")


def kept_from_pruned(pruned: Any) -> Array:
    """f = 1 − (fraction pruned), for those who think in fractions removed; pruned ∈ [0, 1)."""
    return 1.0 - check_real("pruned", pruned, 0.0, 1.0, high_open=True)


def signed_margin_mass(low: Array, high: Array, theta: Array) -> Array:
    """P(low < m < high), by the smaller tails, so that far intervals keep their digits."""
    below = signed_margin_cdf(high, theta) - signed_margin_cdf(low, theta)
    above = signed_margin_cdf(low, theta, upper=True) - signed_margin_cdf(high, theta, upper=True)
    return np.where(low > 0.0, above, below)


# --- segments ---------------------------------------------------------------------------------


def _mirrored(low: Array, high: Array, weight: Array | None = None) -> Segments:
    """low < |z| < high: the interval and its mirror image."""
    both = np.ones_like(low) if weight is None else weight
    return Segments(
        np.stack([low, -high], axis=1), np.stack([high, -low], axis=1), np.stack([both] * 2, axis=1)
    )


def _interval(low: Array, high: Array, weight: Array | None = None) -> Segments:
    """low < m < high, cut at 0."""
    both = np.ones_like(low) if weight is None else weight
    return Segments(
        np.stack([np.maximum(low, 0.0), np.minimum(low, 0.0)], axis=1),
        np.stack([np.maximum(high, 0.0), np.minimum(high, 0.0)], axis=1),
        np.stack([both] * 2, axis=1),
    )


def _moving(
    low_f: Array, high_f: Array, low_theta: Array | None = None, high_theta: Array | None = None
) -> Slopes:
    """Slopes of edges, of layers whose weights stay."""
    zero = np.zeros_like(low_f)
    return Slopes(
        low_f, high_f, zero,
        zero if low_theta is None else low_theta, zero if high_theta is None else high_theta,
    )  # fmt: skip


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


def _joined(*parts: Segments) -> Segments:
    """All layers side by side."""
    return Segments(
        np.concatenate([part.low for part in parts], axis=1),
        np.concatenate([part.high for part in parts], axis=1),
        np.concatenate([part.weight for part in parts], axis=1),
    )


def _mass(segments: Segments, theta: Array, uses_labels: bool) -> Array:
    """E[w] of layers without a profile."""
    low, high = segments.low, segments.high
    if uses_labels:
        mass = signed_margin_mass(low, high, theta[:, None])
    else:
        near, far = np.minimum(abs(low), abs(high)), np.maximum(abs(low), abs(high))
        mass = normal_cdf(-near) - normal_cdf(-far)
    return np.sum(segments.weight * mass, axis=1)


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
