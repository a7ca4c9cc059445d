"""How keep rules act on a data set: thresholds from the mixture, weights on the signals.

Every rule of `prunelaw.keep` reads the probe's field z = θ·x + offset, or the signed margin y z.
Edges of bands, steps and functions are in units of the field's root mean square over the mixture,
which is 1 in the perceptron's world; thresholds of hard and easy rules follow from the fraction,
for all examples or for each class.  `Soft` keeps by the surrogate's probability.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.features.channel import Fields, Kept, Layers, Signals, moments
from prunelaw.features.labels import LabelLaw, Steps
from prunelaw.features.losses import Loss
from prunelaw.features.matrix import World
from prunelaw.features.model import FeatureModel
from prunelaw.features.panels import TURN
from prunelaw.keep import (
    Band,
    Easy,
    Function,
    Hard,
    KeepRule,
    Mixture,
    Piecewise,
    Quantiles,
    Random,
    SignedBand,
    SignedEasy,
    SignedHard,
)
from prunelaw.numerics.gaussian import Array

SIGNS = (1.0, -1.0)
ORDER = 16  # of the panels that measure what a rule keeps
WIDEST = 40.0  # of a threshold, in root mean squares of the field
MOVING = (Hard, Easy, SignedHard, SignedEasy)


@dataclass(frozen=True)
class Soft(KeepRule):
    """Keep with probability min(1, c g(p)), p the probe's probability; c follows from the fraction.

    Args:
        g: a function of p = 1/(1 + e^−z), at least 0, that takes arrays; z is the field itself.
        clip: fields beyond ±clip count as ±clip.
    """

    g: Callable[[Array], Array]
    clip: float = 10.0

    @property
    def name(self) -> str:
        return "soft"

    @classmethod
    def power(cls, a: float, clip: float = 10.0) -> Soft:
        """g = [p (1 − p)]^a; a > 0 prefers hard examples, a < 0 easy ones.

        Source: Kolossov, Montanari, Tandon 2024 (arXiv 2309.14563).
        """
        return cls(lambda p: (p * (1.0 - p)) ** a, clip)

    def of(self, z: Array) -> Array:
        """g at fields z."""
        return self.g(expit(np.clip(z, -self.clip, self.clip)))


@dataclass(frozen=True)
class ByLabel(KeepRule):
    """One rule for examples of label +1 and another for those of label −1.

    Args:
        plus, minus: a `Band`, `SignedBand` or `Piecewise`; None keeps nothing of that label.
    """

    plus: KeepRule | None
    minus: KeepRule | None

    def __post_init__(self) -> None:
        for name, rule in (("plus", self.plus), ("minus", self.minus)):
            if not isinstance(rule, Band | SignedBand | Piecewise | None):
                raise InputError(f"{name} must be a Band, SignedBand or Piecewise, got {rule!r}")

    @property
    def name(self) -> str:
        names = ["nothing" if one is None else one.name for one in (self.plus, self.minus)]
        return f"{names[0]} for +1, {names[1]} for -1"


class Part(NamedTuple):
    """Weights of one rule on z: intervals by label, times a function of (sign of label, z)."""

    low: Array  # (2, J)
    high: Array
    weight: Array
    profile: Callable[[float, Array], Array] | None = None
    cuts: tuple[float, ...] = ()

    def at(self, number: int, z: Array) -> Array:
        """w at fields z of examples with label number `number`."""
        total = np.zeros_like(z)
        for low, high, weight in zip(*(array[number] for array in self[:3]), strict=True):
            total += weight * ((z > low) & (z < high))
        return total if self.profile is None else total * self.profile(SIGNS[number], z)

    def places(self) -> tuple[float, ...]:
        """Fields where w jumps or bends."""
        edges = np.concatenate([self.low.ravel(), self.high.ravel(), self.cuts])
        return tuple(np.unique(edges[np.isfinite(edges)]))


INF = np.inf


def everything(y: int) -> Part:
    """All examples of one label number, whatever their field."""
    weight = np.array([[1.0 - y], [float(y)]])
    return Part(np.full((2, 1), -INF), np.full((2, 1), INF), weight)


def part_of(rule: KeepRule, keep: float, gammas: Array, rms: float) -> Part:
    """The weights of a rule with thresholds γ for labels +1 and −1."""
    if isinstance(rule, Mixture):
        return _mixed(part_of(rule.rule, keep, gammas, rms), rule.q, keep)
    if isinstance(rule, ByLabel):
        none = np.zeros((2, 1))
        nothing = Part(none, none, none)
        two = [
            nothing if one is None else part_of(one, keep, gammas, rms)
            for one in (rule.plus, rule.minus)
        ]
        low, high, weight = (array[[0, 1], [0, 1]] for array in _joined(two))
        return Part(low, high, weight)  # of each part its own label
    if isinstance(rule, Piecewise):
        pieces = zip(rule.edges, rule.edges[1:], rule.weights, strict=False)
        rows = [_intervals(rule.of, low * rms, high * rms) for low, high, _ in pieces]
        weights = np.concatenate(
            [np.full(len(row[0][0]), w) for row, w in zip(rows, rule.weights, strict=True)]
        )
        low, high = (np.concatenate([row[i] for row in rows], axis=1) for i in (0, 1))
        return Part(low, high, np.broadcast_to(weights, low.shape))
    if isinstance(rule, Function):
        if not rule.resolved:
            raise InputError(f"rule {rule.name} changes too often or too fast for quadratures")
        seen = {"abs": lambda y, z: abs(z), "z": lambda y, z: z, "margin": lambda y, z: y * z}
        points = np.asarray(rule.cuts) * rms
        cuts = tuple(np.unique(np.concatenate([points, -points])))
        one = np.ones((2, 1))

        def profile(y: float, z: Array) -> Array:
            return rule.values(seen[rule.of](y, z) / rms)

        return Part(-INF * one, INF * one, one, profile, cuts)
    ends: dict[type, tuple[str, Any, Any]] = {
        Hard: ("abs", 0.0 * gammas, gammas),
        Easy: ("abs", gammas, INF + 0.0 * gammas),
        SignedHard: ("margin", -INF + 0.0 * gammas, gammas),
        SignedEasy: ("margin", gammas, INF + 0.0 * gammas),
    }
    if isinstance(rule, Band | SignedBand):
        of = "abs" if isinstance(rule, Band) else "margin"
        low, high = _intervals(of, rule.low * rms, rule.high * rms)
    elif type(rule) in ends:
        low, high = _intervals(*ends[type(rule)])
    elif isinstance(rule, Random):
        low, high = _intervals("z", -INF, INF)
        return Part(low, high, np.full_like(low, keep))
    else:
        raise InputError(f"rule {rule.name} is not known to the theory of features")
    return Part(low, high, np.ones_like(low))


def _mixed(part: Part, q: float, keep: float) -> Part:
    """A share 1 − q of a rule, and a share q at random."""
    low, high, weight = (
        np.concatenate([array, np.full((2, 1), end)], axis=1)
        for array, end in zip(part[:3], (-INF, INF, 0.0), strict=True)
    )
    weight = (1.0 - q) * weight
    weight[:, -1] = q * keep
    return Part(low, high, weight)


def _intervals(of: str, low: Any, high: Any) -> tuple[Array, Array]:
    """Intervals of z by label, (2, J), for low < |z|, z or y z < high; ends by label or one."""
    low, high = np.broadcast_to(low, 2), np.broadcast_to(high, 2)
    if of == "z":
        return low[:, None], high[:, None]
    if of == "margin":
        return np.array([[low[0]], [-high[1]]]), np.array([[high[0]], [-low[1]]])
    if not low.any():
        return -high[:, None], high[:, None]
    return np.stack([low, -high], axis=1), np.stack([high, -low], axis=1)


def soft_part(rule: Soft, factor: Array, rms: float) -> Part:
    """min(1, c g) by label, and where it bends."""
    grid = np.linspace(-rule.clip, rule.clip, 2001)
    over = factor[:, None] * rule.of(grid) - 1.0
    cuts = [-rule.clip, rule.clip, *(TURN if rms > 1.0 else ())]
    for c, row in zip(factor, over, strict=True):
        for i in np.flatnonzero(row[:-1] * row[1:] < 0.0):
            low, high = grid[i], grid[i + 1]
            for _ in range(60):
                middle = 0.5 * (low + high)
                same = (c * float(rule.of(np.array(middle))) - 1.0) * row[i] > 0.0
                low, high = (middle, high) if same else (low, middle)
            cuts.append(0.5 * (low + high))
    one = np.ones((2, 1))

    def profile(y: float, z: Array) -> Array:
        return np.minimum(1.0, factor[0 if y > 0 else 1] * rule.of(z))

    return Part(-INF * one, INF * one, one, profile, tuple(cuts))


class Probe(NamedTuple):
    """The field z = θ·x + offset in each cluster, and with the teacher's: (K,) each.

    slope, shift: z = slope·t + shift where the probe is parallel to the teacher; slope 0 otherwise.
    """

    mean: Array
    var: Array
    cross: Array
    slope: float
    shift: float


@dataclass(frozen=True)
class Setting:
    """One way of integrating: which signals, in which order, for points that share it.

    order: names of the signals, outer first, of "z" and "t".
    """

    model: FeatureModel
    order: tuple[str, ...]
    outer: bool
    signals: Signals
    probe: Probe | None
    world: World
    scale: Any = None  # importance weights: None, "inverse" or a function of (y, z)

    @property
    def rms(self) -> float:
        """Root mean square of the probe's field over the mixture."""
        if self.probe is None:
            return 1.0
        return float(np.sqrt(self.model.weights @ (self.probe.mean**2 + self.probe.var)))

    def kept(self, parts: list[Part]) -> Kept:
        """The weights of P points, one part each."""
        law, model = self.model.label_law, self.model
        merged = self.order == ("t",) and self.probe is not None
        odds, P = model.label_odds(), len(parts)
        index, none = np.arange(P), np.full((P, 1), np.nan)
        if not self.order:
            free = np.stack([part.weight.sum(axis=1) for part in parts])

            def anywhere(i: Array, r: Array) -> Array:
                return np.broadcast_to(free[i].T[:, :, None, None], (2, *r.shape))

            return Kept(False, none, anywhere, None, odds, None, index)
        layers = None
        if len(self.order) == 2 or not self.outer:
            layers = _joined(parts) if self.order[-1] == "z" else _steps(model, law, P)
        if not self.outer:
            return Kept(False, none, None, layers, odds, None, index)
        weigh_z = self.order[0] == "z" or merged
        turn = self._turned if merged else (lambda z: z)
        place: list[tuple[float, ...]] = []
        for part in parts:
            cuts = part.places() if weigh_z else ()
            if merged and self.probe is not None:
                cuts = tuple((cut - self.probe.shift) / self.probe.slope for cut in cuts)
            place.append((*cuts, *law.cuts) if self.order[0] == "t" else cuts)

        def weigh(i: Array, r: Array) -> Array:
            total = np.ones((2, *r.shape))
            if self.order[0] == "t":
                up = model.seen_up(law.up(r))
                total = np.stack([up, 1.0 - up])
            if weigh_z:
                total = total * keep_at(i, r)
            elif layers is None:
                total = (
                    total * np.stack([parts[k].weight.sum(axis=1) for k in i], 1)[..., None, None]
                )
            return total

        def keep_at(i: Array, r: Array) -> Array:
            return np.stack(
                [np.stack([parts[k].at(y, turn(r[j])) for j, k in enumerate(i)]) for y in (0, 1)]
            )

        def scale(i: Array, r: Array) -> Array:
            if self.scale == "inverse":
                kept = keep_at(i, r)
                return np.where(kept > 0.0, 1.0 / np.where(kept > 0.0, kept, 1.0), 0.0)
            values = [np.asarray(self.scale(y, turn(r)), dtype=float) for y in SIGNS]
            return np.stack([np.broadcast_to(value, r.shape) for value in values])

        importance = None if self.scale is None else scale
        return Kept(True, _padded(place), weigh, layers, odds, importance, index)

    def _turned(self, t: Array) -> Array:
        assert self.probe is not None
        return self.probe.slope * t + self.probe.shift

    def mass(self, parts: list[Part]) -> Array:
        """P(kept, y) for y = +1 and −1, (P, 2)."""
        P, K, S = len(parts), self.model.clusters, len(self.order)
        if not P:
            return np.zeros((0, 2))
        zero = np.zeros((P, K))
        fields = Fields(zero + 1.0, zero + 1.0, zero, np.zeros((P, K, S)))
        found = []
        for y in (0, 1):
            only = [self._only(part, y) for part in parts]
            kept = self.kept(only)._replace(scale=None)
            value = moments(fields, kept, self.signals, ONE, ORDER).value
            found.append(value[..., 1] @ self.model.weights)
        return np.stack(found, axis=1)

    def _only(self, part: Part, y: int) -> Part:
        """The part of the examples with label number y."""
        weight = np.array(part.weight, dtype=float)
        weight[1 - y] = 0.0
        return part._replace(weight=weight)


class _One(Loss):
    """f² = 1 whatever the field: the moment of f² is a mass."""

    def force(self, m: Array, V: Array) -> tuple[Array, Array]:
        return np.ones_like(m), np.zeros_like(m)


ONE = _One()


def _joined(parts: list[Part]) -> Layers:
    """Intervals of P rules side by side, padded with empty ones."""
    most = max(part.low.shape[1] for part in parts)
    low, high, weight = np.zeros((3, len(parts), 2, most))
    for i, part in enumerate(parts):
        size = part.low.shape[1]
        low[i, :, :size], high[i, :, :size] = part.low, part.high
        weight[i, :, :size] = part.weight
    return Layers(low, high, weight)


def _steps(model: FeatureModel, law: LabelLaw, P: int) -> Layers:
    """A piecewise constant label law as intervals of t."""
    if not isinstance(law, Steps):
        raise InputError(
            'label_law must be a `Steps` (or "sign") beside a soft rule, a function or importance '
            "weights of a probe that is not parallel to the teacher"
        )
    edges = np.concatenate([[-INF], law.edges, [INF]])
    up = model.seen_up(np.asarray(law.values))
    weight = np.stack([up, 1.0 - up])
    shape = (P, 2, len(up))
    return Layers(*(np.broadcast_to(a, shape) for a in (edges[:-1], edges[1:], weight)))


def _padded(rows: list[tuple[float, ...]]) -> Array:
    most = max(1, *(len(row) for row in rows)) if rows else 1
    out = np.full((len(rows), most), np.nan)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def fixes_fraction(rule: KeepRule) -> bool:
    """Whether a rule implies the fraction that it keeps."""
    inner = rule.rule if isinstance(rule, Mixture) else rule
    if isinstance(inner, ByLabel):
        return True
    return not isinstance(inner, Soft | Random) and inner.fraction(np.array(0.3)) is not None


def thresholds(
    setting: Setting, rule: KeepRule, keeps: Array, per_class: bool, rms: float
) -> tuple[list[Part], Array]:
    """The parts of one rule at fractions `keeps`, and the thresholds or factors by label (P, 2)."""
    inner = rule.rule if isinstance(rule, Mixture) else rule
    soft = rule if isinstance(rule, Soft) else None
    if isinstance(inner, Quantiles):
        *ends, weight = inner.edges(keeps)  # quantiles of hardness: easy examples are the first
        far, near = (thresholds(setting, Easy(), end, per_class, rms)[1] for end in ends)
        made = []
        for i, keep in enumerate(keeps):
            low, high = _intervals("abs", near[i], far[i])
            part = Part(low, high, np.full_like(low, weight[i]))
            made.append(_mixed(part, rule.q, keep) if isinstance(rule, Mixture) else part)
        return made, np.full((len(keeps), 2), np.nan)
    if not soft and not isinstance(inner, MOVING):
        return [part_of(rule, keep, np.zeros(2), rms) for keep in keeps], np.full(
            (len(keeps), 2), np.nan
        )

    def parts(level: Array) -> list[Part]:
        if soft:
            return [soft_part(soft, np.exp(row), rms) for row in level]
        return [part_of(inner, 1.0, row * rms, rms) for row in level]

    whole = setting.mass([part_of(Random(), 1.0, np.zeros(2), rms)])[0]
    if soft:
        top = -np.log(np.maximum(soft.of(np.linspace(-40.0, 40.0, 4001)), 1e-300))
        low, high = top.min() - 12.0, top[top < 600.0].max() + 1.0
    else:
        low, high = (0.0 if isinstance(inner, Hard | Easy) else -WIDEST), WIDEST
    low, high = np.full((len(keeps), 2), low), np.full((len(keeps), 2), high)
    rising = soft is not None or isinstance(inner, Hard | SignedHard)
    for _ in range(70):
        middle = 0.5 * (low + high)
        mass = setting.mass(parts(middle))
        share = mass / whole if per_class else np.repeat(mass.sum(axis=1, keepdims=True), 2, 1)
        more = (share < keeps[:, None]) == rising
        low, high = np.where(more, middle, low), np.where(more, high, middle)
        if (high - low).max() < 1e-15 * WIDEST:
            break
    level = 0.5 * (low + high)
    everything = keeps[:, None] >= 1.0
    if not soft:
        end = {Hard: WIDEST, Easy: 0.0, SignedHard: WIDEST, SignedEasy: -WIDEST}[type(inner)]
        level = np.where(everything, end, level)
    made = parts(level)
    if isinstance(rule, Mixture):
        made = [_mixed(part, rule.q, keep) for part, keep in zip(made, keeps, strict=True)]
    return made, np.exp(level) if soft else level * rms


def checked_keep(keep: Any) -> Array:
    """The fraction kept in (0, 1]; NaN where it is None."""
    if keep is None:
        return np.array(np.nan)
    return check_real("keep", keep, 0.0, 1.0, low_open=True)
