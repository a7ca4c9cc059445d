"""What a keep rule is: a weight on the axis of the signed margin, seen as segments.

A rule is a function w ∈ [0, 1]; an example is kept with probability w, and f = E[w] is the kept
fraction. The probe's field is z = J_probe·x ~ N(0, 1), the label y = sign(t), and the signed
margin m = y z. Three kinds of rule differ in what w is a function of:

    of="abs"     |z|         needs no labels
    of="z"       z           needs no labels; labels are odd in x, so w(z) acts as the mean of
                             w(z) and w(−z): a rule of |z|
    of="margin"  m = y z     needs labels; at θ = 0, m = |z| and the rule equals that of |z|

Everything else in the package sees a rule as `Segments`: intervals of m with a weight each.

Source: Sorscher et al. 2022 (arXiv 2206.14486), section 2 and appendix A, which ranks by m in the
text and averages over |z| in the equations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.numerics.arrays import taken
from prunelaw.numerics.gaussian import Array, normal_cdf, signed_margin_cdf

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

    take = taken

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

    Attributes:
        form: how its text is written, as "band:LOW,HIGH", or "" if it has none. The decorator
            `prunelaw.keep.register` makes it known.
        uses_labels: whether the rule needs y.
        resolved: whether quadratures see all of it; the solver refuses rules of which they do not.
    """

    form: ClassVar[str] = ""
    uses_labels: bool = False
    resolved: bool = True

    @classmethod
    def from_text(cls, text: str) -> KeepRule:
        """The rule from its text, which begins as `form` does."""
        return cls()

    @property
    def name(self) -> str:
        """The rule in the words of the command line; `as_rule` reads it back if it has a form."""
        return self.form

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
        """w at signed margins m, any shape; their sign is immaterial if no labels are used.

        `f` may be left out if the rule implies it; θ matters to signed rules alone.
        """
        margin, angle = check_real("m", m), check_real("theta", theta, 0.0, np.pi / 2)
        fraction = checked_fraction(self, f, angle)
        one = np.ones(1)
        segments = self.segments(fraction * one, angle * one)
        return segments.weight_at(margin.reshape(1, -1)).reshape(margin.shape)

    def __str__(self) -> str:
        return self.name


def checked_fraction(rule: KeepRule, f: Any, theta: Array) -> Array:
    """f ∈ (0, 1] for the rule at angles θ: as given, or as the rule implies where f is None.

    Raises:
        InputError: if f is missing, outside its range, or contradicts the rule.
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


def signed_margin_mass(low: Array, high: Array, theta: Array) -> Array:
    """P(low < m < high), by the smaller tails, so that far intervals keep their digits."""
    below = signed_margin_cdf(high, theta) - signed_margin_cdf(low, theta)
    above = signed_margin_cdf(low, theta, upper=True) - signed_margin_cdf(high, theta, upper=True)
    return np.where(low > 0.0, above, below)


def mirrored(low: Array, high: Array, weight: Array | None = None) -> Segments:
    """low < |z| < high: the interval and its mirror image."""
    both = np.ones_like(low) if weight is None else weight
    return Segments(
        np.stack([low, -high], axis=1), np.stack([high, -low], axis=1), np.stack([both] * 2, axis=1)
    )


def interval(low: Array, high: Array, weight: Array | None = None) -> Segments:
    """low < m < high, cut at 0."""
    both = np.ones_like(low) if weight is None else weight
    return Segments(
        np.stack([np.maximum(low, 0.0), np.minimum(low, 0.0)], axis=1),
        np.stack([np.maximum(high, 0.0), np.minimum(high, 0.0)], axis=1),
        np.stack([both] * 2, axis=1),
    )


def moving(low_f: Array, high_f: Array, low_theta: Any = 0.0, high_theta: Any = 0.0) -> Slopes:
    """Slopes of edges, of layers whose weights stay."""
    zero = np.zeros_like(low_f)
    return Slopes(low_f, high_f, zero, zero + low_theta, zero + high_theta)


def joined(*parts: Segments) -> Segments:
    """All layers side by side."""
    columns = zip(*(part[:3] for part in parts), strict=True)
    low, high, weight = (np.concatenate(column, axis=1) for column in columns)
    return Segments(low, high, weight)


def mass_of_layers(segments: Segments, theta: Array, uses_labels: bool) -> Array:
    """E[w] of layers without a profile."""
    low, high = segments.low, segments.high
    if uses_labels:
        mass = signed_margin_mass(low, high, theta[:, None])
    else:
        near, far = np.minimum(abs(low), abs(high)), np.maximum(abs(low), abs(high))
        mass = normal_cdf(-near) - normal_cdf(-far)
    return np.sum(segments.weight * mass, axis=1)
