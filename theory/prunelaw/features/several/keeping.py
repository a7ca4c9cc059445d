"""Which examples a rule keeps of several classes: by the field of one probe, or a score of several.

A rule of `prunelaw.keep` reads one probe's field z, as in `solve`; thresholds are for all examples
or for each class.  A score reads the fields of a probe for each class: the least certain examples
are hard, the most certain are easy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri
from scipy.stats import qmc

from prunelaw.checks import check_number, check_real
from prunelaw.errors import InputError
from prunelaw.features.channel import Kept, Layers, Signals
from prunelaw.features.matrix import World
from prunelaw.features.model import FeatureModel, checked_vector
from prunelaw.features.newton import COARSE, FINE
from prunelaw.features.panels import nodes
from prunelaw.features.probes import TheoryProbe, setting_for
from prunelaw.features.rules import Part, Setting, Soft, part_of
from prunelaw.features.several.clouds import Cloud, Clouds
from prunelaw.features.solver import kind_of, parts_of
from prunelaw.keep import Easy, Hard, KeepRule, Mixture, Quantiles
from prunelaw.keep.points import rule_array
from prunelaw.numerics.gaussian import Array

PLACES = 2**12  # Sobol points of several probes' fields in each cluster
RANK = 1e-9  # of several probes: directions below this share of the largest are none
FAINT = 1e-20  # mass below which a place is left out


def _two_largest(fields: Array) -> Array:
    return np.partition(fields, fields.shape[-1] - 2, axis=-1)[..., -2:]


def margin(fields: Float[np.ndarray, "n L"], k: int) -> Float[np.ndarray, " n"]:
    """The largest field less the second; reads no label."""
    return np.diff(_two_largest(fields), axis=-1)[..., 0]


def label_margin(fields: Float[np.ndarray, "n L"], k: int) -> Float[np.ndarray, " n"]:
    """The field of the example's class k less the largest of the others."""
    return fields[..., k] - np.delete(fields, k, axis=-1).max(axis=-1)


def _softmax(fields: Array) -> Array:
    p = np.exp(fields - fields.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def probability(fields: Float[np.ndarray, "n L"], k: int) -> Float[np.ndarray, " n"]:
    """log of the softmax probability of the example's class k."""
    high = fields.max(axis=-1)
    return fields[..., k] - high - np.log(np.exp(fields - high[..., None]).sum(axis=-1))


def el2n(fields: Float[np.ndarray, "n L"], k: int) -> Float[np.ndarray, " n"]:
    """Minus the distance of the softmax probabilities from the example's class k.

    Source: Paul, Ganguli, Dziugaite 2021 (arXiv 2107.07075).
    """
    return -np.linalg.norm(_softmax(fields) - np.eye(fields.shape[-1])[k], axis=-1)


SCORES: dict[str, Callable[[Array, int], Array]] = {
    "margin": margin, "label-margin": label_margin, "probability": probability, "el2n": el2n,
}  # fmt: skip


@dataclass(frozen=True)
class Selection:
    """What a rule keeps.

    Attributes:
        keep: fraction kept of all examples.
        kept: of each cluster, (K,).
        thresholds: of each class, (L,): of |z|, y z or the score; NaN for other rules.
        signals, world: of the equations.
        examples: labels by cluster ↦ what a `Task` takes.
        clouds: the same as places with masses, coarse and fine.
        sampled: whether places are Sobol points, so that two clouds differ by more than rounding.
    """

    keep: float
    kept: Float[np.ndarray, " K"]
    thresholds: Float[np.ndarray, " L"]
    signals: Signals
    world: World
    examples: Callable[[Array], Any]
    clouds: Callable[[Array], Clouds]
    sampled: bool


def chosen(
    weights: Any, means: Any, covariances: Any, classes: Any, keep: Any, rule: Any, probe: Any,
    per_class: bool, offset: Any, probe_labels: Any, score: Any,
) -> tuple[FeatureModel, Int[np.ndarray, " K"], Selection]:  # fmt: skip
    """The mixture, the classes of its clusters and what is kept; see `solve_one_vs_rest`.

    Raises:
        InputError: for classes that are not 0 ... L − 1, and as `by_probe` and `by_score`.
    """
    classes = np.asarray(check_real("classes", list(classes)))
    names = np.unique(classes)
    if len(names) < 2 or not np.array_equal(names, np.arange(len(names))):
        raise InputError(f"classes must be 0 ... L - 1, each of them, L >= 2; got {names.tolist()}")
    classes, L = classes.astype(int), len(names)
    model = FeatureModel(weights, means, covariances, labels_of(classes, 0))
    if len(classes) != model.clusters:
        raise InputError(f"classes must be {model.clusters} numbers, got {len(classes)}")
    if np.ndim(rule) != 0:
        raise InputError("rule must be one rule")
    (one,) = rule_array(rule).ravel().tolist()
    fraction = None if keep is None else check_number("keep", keep, 0.0, 1.0, low_open=True)
    if score is not None:
        return (
            model, classes,
            by_score(model, classes, fraction, one, probe, offset, per_class, score),
        )  # fmt: skip
    signs = None
    if probe_labels is not None:
        signs = check_real("probe_labels", probe_labels)
        if signs.shape != (L,) or not np.isin(signs, (-1.0, 1.0)).all() or len(set(signs)) < 2:
            raise InputError(f"probe_labels must be {L} signs, +1 and -1, got {signs}")
    shift = check_number("offset", offset)
    return (
        model, classes, by_probe(model, classes, fraction, one, probe, shift, per_class, signs),
    )  # fmt: skip


def labels_of(classes: Array, k: int) -> Array:
    """+1 in class k, −1 elsewhere."""
    return np.where(classes == k, 1.0, -1.0)


def by_probe(
    model: FeatureModel, classes: Int[np.ndarray, " K"], keep: Any, rule: KeepRule, probe: Any,
    offset: float, per_class: bool, signs: Array | None,
) -> Selection:  # fmt: skip
    """By a rule of one probe's field; `signs` are the probe's own labels by class, (L,).

    Raises:
        InputError: as `solve`; for a rule that reads labels where the probe has none.
    """
    reads, outer = kind_of(rule, None)
    given = None
    if probe is not None:
        if isinstance(probe, TheoryProbe):
            raise InputError("probe must be a vector (or several with score=), not a TheoryProbe")
        given = checked_vector("probe", probe, model.dim), offset
    L = int(classes.max()) + 1
    if signs is None and _reads_label(rule):
        raise InputError(
            f"probe_labels must be given: the rule {rule.name} reads the probe's own label; give "
            f"a sign for each of the {L} classes"
        )
    own = np.where(np.arange(L) == 0, 1.0, -1.0) if signs is None else signs
    each = range(L) if per_class and reads else [None]
    groups = []
    for k in each:
        of_class = own if k is None else np.where(np.arange(L) == k, own[k], -own[k])
        groups.append(_cut(model, of_class[classes], keep, rule, given, reads, outer, k))
    setting = groups[0].setting
    group = classes if len(groups) > 1 else np.zeros(len(classes), int)
    row = np.where(own[classes] > 0, 0, 1)
    parts = [groups[g].part for g in group]
    made = _Made(parts, row, setting, model, 1.0 if reads else groups[0].keep)
    thresholds = np.array([groups[k if len(groups) > 1 else 0].gammas[0 if own[k] > 0 else 1]
                           for k in range(L)])  # fmt: skip
    clouds = Clouds(made.cloud(COARSE), made.cloud(FINE))
    kept = clouds.fine.mass.sum(axis=1)
    return Selection(
        float(model.weights @ kept), kept, thresholds, setting.signals, setting.world,
        made.examples,
        lambda labels: Clouds(*(cloud._replace(signs=labels) for cloud in clouds)), False,
    )  # fmt: skip


class _Cut(NamedTuple):
    """A rule with its thresholds: of all examples, or right for one class."""

    part: Part
    gammas: Array
    keep: float
    setting: Setting


def _cut(
    model: FeatureModel, labels: Array, keep: Any, rule: KeepRule, probe: Any, reads: bool,
    outer: bool, k: int | None,
) -> _Cut:  # fmt: skip
    own = FeatureModel(model.weights, model.means, model.covariances, labels)
    setting = setting_for(own, probe, reads, outer, None)
    fraction = np.array([np.nan if keep is None else keep])
    gammas = np.full((1, 2), np.nan)
    rules = np.empty(1, dtype=object)
    rules[0] = rule
    made = parts_of(setting, rules, fraction, np.array([0]), k is not None, gammas)
    return _Cut(made[0], gammas[0], float(fraction[0]), setting)


def _reads_label(rule: KeepRule) -> bool:
    """Whether examples of one field are kept by their label."""
    inner = rule.rule if isinstance(rule, Mixture) else rule
    if isinstance(inner, Soft | Quantiles):
        return False
    part = part_of(inner, 1.0, np.ones(2), 1.0)
    if any((array[0] != array[1]).any() for array in part[:3]):
        return True
    z = np.linspace(-20.0, 20.0, 999)
    return part.profile is not None and bool(
        (np.asarray(part.profile(1.0, z)) != np.asarray(part.profile(-1.0, z))).any()
    )


class _Made(NamedTuple):
    """One rule's weight on z in each cluster: row `row` of its part."""

    parts: list[Part]
    row: Array
    setting: Setting
    model: FeatureModel
    free: float  # weight where no field is read

    def at(self, z: Array) -> Array:
        """w at fields z, (K, R)."""
        return np.stack([part.at(int(y), x) for part, y, x in zip(self.parts, self.row, z,
                                                                   strict=True)])  # fmt: skip

    def examples(self, labels: Array) -> Kept:
        """One point's `Kept`, with these labels by cluster."""
        odds = np.stack([labels > 0, labels < 0], axis=1).astype(float)
        none, number = np.full((1, 1), np.nan), np.arange(1)
        if not self.setting.order:
            return Kept(False, none, lambda i, r: self._both(self.free + 0.0 * r[0]), None, odds,
                        None, number)  # fmt: skip
        if not self.setting.outer:
            most = max(part.low.shape[1] for part in self.parts)
            rows = np.zeros((3, 1, len(self.parts), most))
            for c, (part, y) in enumerate(zip(self.parts, self.row, strict=True)):
                for i, array in enumerate(part[:3]):
                    rows[i, 0, c, : array.shape[1]] = array[int(y)]
            return Kept(False, none, None, Layers(*rows), odds, None, number,
                        np.arange(len(self.parts)))  # fmt: skip
        places = np.unique(np.concatenate([part.places() for part in self.parts]))[None]
        places = places if places.size else none
        return Kept(True, places, lambda i, r: self._both(self.at(r[0])), None, odds, None, number)

    @staticmethod
    def _both(weight: Array) -> Array:
        """The weight of one point for both labels, (2, 1, K, R)."""
        return np.broadcast_to(weight, (2, 1, *weight.shape))

    def cloud(self, order: int) -> Cloud:
        """Panels of z that end where the weight jumps."""
        K = len(self.parts)
        signs = np.ones(K)
        if not self.setting.order:
            return Cloud(np.zeros((K, 1, 0)), np.full((K, 1), self.free), signs)
        mean, sd = self.setting.signals.mean[:, 0], np.sqrt(self.setting.signals.cov[:, 0, 0])
        cuts = np.unique(np.concatenate([part.places() for part in self.parts]))
        z, weight = nodes(mean, sd, [np.broadcast_to(cuts, (K, len(cuts)))], order)
        mass = weight * self.at(z)
        return _packed((z - mean[:, None])[..., None], mass, signs)


def _packed(place: Array, mass: Array, signs: Array) -> Cloud:
    """Without places of no mass, as far as all clusters can do without."""
    size = max(1, int((mass > FAINT).sum(axis=1).max()))
    first = np.argsort(mass <= FAINT, axis=1, kind="stable")[:, :size]
    return Cloud(
        np.take_along_axis(place, first[..., None], 1), np.take_along_axis(mass, first, 1), signs
    )


def by_score(
    model: FeatureModel, classes: Int[np.ndarray, " K"], keep: Any, rule: KeepRule, probes: Any,
    offset: Any, per_class: bool, score: str | Callable[[Array, int], Array],
) -> Selection:  # fmt: skip
    """By a score of the fields of L probes (L, d); "hard" keeps the lowest, "easy" the highest.

    Raises:
        InputError: for another rule or score, a fraction left out, probes of another shape.
    """
    L, d = int(classes.max()) + 1, model.dim
    probes = check_real("probe", probes)
    if probes.shape != (L, d):
        raise InputError(f"probe must have shape ({L}, {d}) with a score, got {probes.shape}")
    if type(rule) not in (Hard, Easy):
        raise InputError(f'rule must be "hard" or "easy" with a score, got {rule.name}')
    if callable(score):
        of = score
    elif score in SCORES:
        of = SCORES[score]
    else:
        raise InputError(f"score must be one of {', '.join(SCORES)} or a function, got {score!r}")
    if keep is None:
        raise InputError("keep must be given with a score")
    shift = np.broadcast_to(check_real("offset", offset), (L,))
    left, size, vectors = np.linalg.svd(probes, full_matrices=False)
    good = size > RANK * max(size[0], 1e-300)
    vectors, turn = vectors[good], left[:, good] * size[good]  # fields = turn · signals
    if not len(vectors):
        raise InputError("probe must not be 0 everywhere: it has no direction")
    covs = model.covariances
    drawn = vectors * covs[:, None] if covs.ndim == 2 else vectors @ covs
    signals = Signals(model.means @ vectors.T, drawn @ vectors.T)
    if not (np.linalg.eigvalsh(signals.cov)[:, 0] > 0.0).all():
        raise InputError("probe must have fields that vary in every cluster")
    world = World(model.rotated(model.means), model.spectra, model.rotated(vectors))
    sets = [_scored(model, classes, float(keep), rule, signals, turn, shift, per_class, of, seed)
            for seed in (0, 1)]  # fmt: skip
    (coarse, _), (fine, thresholds) = sets
    kept = fine.mass.sum(axis=1)

    def clouds(labels: Array) -> Clouds:
        return Clouds(*(cloud._replace(signs=labels) for cloud in (coarse, fine)))

    return Selection(
        float(model.weights @ kept), kept, thresholds, signals, world, clouds, clouds, True
    )


def _scored(
    model: FeatureModel, classes: Array, keep: float, rule: KeepRule, signals: Signals, turn: Array,
    shift: Array, per_class: bool, of: Callable[[Array, int], Array], seed: int,
) -> tuple[Cloud, Array]:  # fmt: skip
    """Sobol points of the signals of each cluster, with the mass kept at each."""
    K, S = signals.mean.shape
    normal = ndtri(np.clip(qmc.Sobol(S, rng=seed).random(PLACES), 1e-12, 1.0 - 1e-12))
    place = normal @ np.swapaxes(np.linalg.cholesky(signals.cov), 1, 2)  # (K, R, S)
    fields = (place + signals.mean[:, None]) @ turn.T + shift
    value = np.stack([np.asarray(of(fields[c], int(classes[c])), float) for c in range(K)])
    if value.shape != (K, PLACES) or not np.isfinite(value).all():
        raise InputError(f"score must give a finite number for each of {PLACES} examples")
    order = value if isinstance(rule, Hard) else -value
    mass, L = np.zeros((K, PLACES)), int(classes.max()) + 1
    thresholds = np.full(L, np.nan)
    load = np.repeat(model.weights[:, None] / PLACES, PLACES, axis=1)
    for k in range(L) if per_class else [None]:
        mine = np.ones(K, bool) if k is None else classes == k
        flat, weight = order[mine].ravel(), load[mine].ravel()
        rank = np.argsort(flat, kind="stable")
        before = np.cumsum(weight[rank]) - weight[rank]
        target = keep * weight.sum()
        taken = np.clip((target - before) / np.maximum(weight[rank], 1e-300), 0.0, 1.0)
        back = np.empty_like(flat)
        back[rank] = taken
        mass[mine] = back.reshape(-1, PLACES) / PLACES
        edge = flat[rank[min(np.searchsorted(before, target), len(flat)) - 1]]
        thresholds[slice(None) if k is None else k] = edge if isinstance(rule, Hard) else -edge
    return _packed(place, mass, np.ones(K)), thresholds
