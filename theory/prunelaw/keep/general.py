"""Rules made of others or of numbers: mixtures, steps, any function of |z|, z or m."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import InputError
from prunelaw.keep.pieces import resolving_cuts
from prunelaw.keep.plain import Random
from prunelaw.keep.rule import (
    FAR,
    KeepRule,
    Segments,
    Slopes,
    interval,
    joined,
    mass_of_layers,
    mirrored,
)
from prunelaw.keep.text import as_rule, number_in, register
from prunelaw.numerics.gaussian import Array, gauss_legendre, normal_cdf, normal_pdf

Of = Literal["abs", "z", "margin"]
CUTS_OF_LABELS = np.array([-9.0, -6.0, -3.5, -1.5, 0.0, 1.5, 3.5, 6.0, 9.0])  # in units of tan θ
UNRESOLVED = 200  # panels a unit for the fraction of a function that cannot be cut into pieces


@register
@dataclass(frozen=True)
class Mixture(KeepRule):
    """With probability q keep at random (a share f), else by `rule`: w = q f + (1 − q) w_rule."""

    q: float | int
    rule: KeepRule
    form = "mix:Q,RULE"

    @classmethod
    def from_text(cls, text: str) -> Mixture:
        q, _, rule = text.partition(":")[2].partition(",")
        return cls(number_in(text, q), as_rule(rule))

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
        return joined(ruled._replace(weight=(1.0 - self.q) * ruled.weight), anywhere)

    def slopes(self, f: Array, theta: Array) -> Slopes:
        ruled, anywhere = self.rule.slopes(f, theta), Random().slopes(f, theta)
        ruled = ruled._replace(weight_f=(1.0 - self.q) * ruled.weight_f)
        anywhere = anywhere._replace(weight_f=self.q * anywhere.weight_f)
        return Slopes(*(np.concatenate(pair, axis=1) for pair in zip(ruled, anywhere, strict=True)))


@dataclass(frozen=True)
class Piecewise(KeepRule):
    """Keep with probability weights[i] between edges[i] and edges[i+1], and nothing outside.

    Attributes:
        edges: ascending, one more than weights; ±inf allowed; at least 0 for of="abs".
        weights: in [0, 1], not all 0.
        of: "abs" (|z|), "z" or "margin" (m = y z).
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
        mass = mass_of_layers(self.segments(np.ones_like(flat), flat), flat, self.uses_labels)
        return mass.reshape(np.shape(theta))

    def segments(self, f: Array, theta: Array) -> Segments:
        one, parts = np.ones_like(f), []
        for low, high, weight in zip(self.edges, self.edges[1:], self.weights, strict=False):
            if self.of == "abs":
                parts.append(mirrored(low * one, high * one, weight * one))
                continue
            parts.append(interval(low * one, high * one, weight * one))
            if self.of == "z":
                parts[-1] = parts[-1]._replace(weight=0.5 * parts[-1].weight)
                parts.append(interval(-high * one, -low * one, 0.5 * weight * one))
        return joined(*parts)


@dataclass(frozen=True)
class Function(KeepRule):
    """Keep with probability w(·), any function with values in [0, 1] that takes arrays.

    Jumps, bends and narrow features are found on a grid of 6e-5; `breakpoints` name those that are
    finer. Values are checked wherever w is used.

    Attributes:
        of: what w is a function of: "abs" (|z|), "z" or "margin" (m = y z).
        breakpoints: where w jumps or bends, in its own variable.
        cuts: breakpoints and what was found, between which w is smooth.
        resolved: whether that many cuts are enough; if not, the solver refuses.

    Raises:
        InputError: for values outside [0, 1], here and wherever w is used.
    """

    w: Callable[[Array], Array] = field(repr=False)
    of: Of = "abs"
    breakpoints: Sequence[float | int] = ()
    cuts: tuple[float, ...] = field(init=False, repr=False, compare=False)
    resolved: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_choice("of", self.of, ("abs", "z", "margin"))
        points = check_real("breakpoints", self.breakpoints)
        points = tuple(float(point) for point in np.sort(points))
        object.__setattr__(self, "breakpoints", points)
        grid = np.linspace(-10.0, 10.0, 2001)
        some = self.profile_of()(grid)
        ends = min(FAR, max(10.0, *np.abs(points))) if points else 10.0
        low = 0.0 if self.of == "abs" else -ends
        cuts, resolved = resolving_cuts(self.values, low, ends, points)
        object.__setattr__(self, "cuts", tuple(np.unique([*points, *cuts]).tolist()))
        object.__setattr__(self, "resolved", resolved)
        if not some.any() and not self.fraction(np.zeros(1)).any():
            raise InputError("w must not be 0 everywhere: nothing would be kept")

    def values(self, at: Array, field: Array | None = None) -> Array:
        """w there; `InputError` for another number of values, and for any outside [0, 1].

        `field` is what errors name, if it is not w's own variable.
        """
        values = np.asarray(self.w(at), dtype=float)
        if values.shape != at.shape:
            raise InputError(f"w must return as many values as it takes, got {values.shape}")
        bad = np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))
        if bad.size:
            value, place = values.flat[bad[0]], (at if field is None else field).flat[bad[0]]
            raise InputError(f"w must be in [0, 1], got {value:g} at {place:g}")
        return values

    @property
    def uses_labels(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]  (varies)
        return self.of == "margin"

    @property
    def name(self) -> str:
        return f"function of {self.of}"

    def profile_of(self) -> Callable[[Array], Array]:
        if self.of == "abs":
            return lambda m: self.values(np.abs(m), m)
        if self.of == "z":
            return lambda m: 0.5 * (self.values(m) + self.values(-m))
        return self.values

    def fraction(self, theta: Array) -> Array:
        flat = np.ravel(theta)
        whole, (nodes, weights) = self.segments(np.ones(1), np.zeros(1)), gauss_legendre(40)
        total, profile = np.zeros(len(flat)), self.profile_of()
        tangent = np.tan(flat)[:, None]
        for low, high in zip(whole.low[0], whole.high[0], strict=True):
            low, high = np.clip([low, high], -FAR, FAR)
            parts = 1 if self.resolved else UNRESOLVED
            cuts = np.linspace(low, high, max(2, parts * int(high - low) + 2))[None]
            if self.uses_labels:  # y has the sign of z but where |z| is of the order of tan θ
                near = np.clip(tangent * CUTS_OF_LABELS, low, high)
                cuts = np.sort(np.hstack([np.repeat(cuts, len(flat), axis=0), near]), axis=1)
            width = np.diff(cuts)[..., None]
            m = cuts[:, :-1, None] + width * nodes
            weight = width * weights * normal_pdf(m) * profile(m)
            if self.uses_labels:
                with np.errstate(divide="ignore", invalid="ignore"):
                    right = normal_cdf(m / tangent[..., None])
                weight = weight * 2.0 * np.where(tangent[..., None] > 0.0, right, m > 0.0)
            total = total + weight.sum(axis=(1, 2))
        return total.reshape(np.shape(theta))

    def segments(self, f: Array, theta: Array) -> Segments:
        inner = np.unique(np.abs(self.cuts))
        cuts = np.concatenate([-inner[::-1], [0.0], inner])
        edges = np.concatenate([[-np.inf], np.unique(cuts), [np.inf]])
        one = np.ones((len(f), len(edges) - 1))
        return Segments(edges[:-1] * one, edges[1:] * one, one, self.profile_of())
