"""Probes, and which signals a rule and a label law need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelaw.errors import InputError
from prunelaw.features.channel import Signals
from prunelaw.features.labels import Steps
from prunelaw.features.matrix import World
from prunelaw.features.model import FeatureModel, checked_vector
from prunelaw.features.rules import Probe, Setting
from prunelaw.numerics.gaussian import Array

PARALLEL = 1e-12  # sine of an angle below which probe and teacher count as one direction


@dataclass(frozen=True)
class TheoryProbe:
    """A probe known only by its theory: θ ~ N(direction, spread), z = θ·x + intercept.

    Args:
        direction: mean of the weight vector over training sets, d.
        spread: its covariance, d × d (or the diagonal, where the model's covariances are).
        intercept: b of the probe.
    """

    direction: Array
    spread: Array
    intercept: float = 0.0


def as_probe(
    probe: Any, model: FeatureModel, offset: float
) -> tuple[TheoryProbe | Array, float] | None:
    """A probe and its offset, from a vector or a `TheoryProbe`."""
    if probe is None:
        return None
    if isinstance(probe, TheoryProbe):
        checked_vector("probe", probe.direction, model.dim)
        return probe, offset + probe.intercept
    return checked_vector("probe", probe, model.dim), offset


def setting_for(
    model: FeatureModel, probe: Any, reads: bool, on_panels: bool, scale: Any
) -> Setting:
    """The signals that a rule (it `reads` the probe, perhaps `on_panels`) and the labels need."""
    if reads and probe is None:
        raise InputError("probe must be given: this rule (or the weights) reads its field")
    teacher = model.teacher
    vectors, spread, drawn, field = {}, None, 0, None
    if teacher is not None:
        vectors["t"] = teacher
    if reads:
        given, offset = probe
        vector = given.direction if isinstance(given, TheoryProbe) else given
        spread = given.spread if isinstance(given, TheoryProbe) else None
        field = _probe_field(model, vector, spread, offset)
        if not field.slope:
            vectors["z"] = vector
    else:
        scale = None if scale == "inverse" else scale
    if not vectors:
        order, outer = (), False
    elif len(vectors) == 1:
        order = tuple(vectors)
        outer = order == ("t",) or on_panels
    else:
        order = ("z", "t") if on_panels else ("t", "z")
        outer = True
        if on_panels and not isinstance(model.label_law, Steps):
            raise InputError(
                'label_law must be a `Steps` (or "sign") beside a soft rule, a function or '
                "importance weights of a probe that is not parallel to the teacher"
            )
    mean = np.zeros((model.clusters, len(order)))
    for i, name in enumerate(order):
        mean[:, i] = model.means @ vectors[name]
    cov = np.zeros((model.clusters, len(order), len(order)))
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            cov[:, i, j] = np.einsum("d,cd->c", vectors[a], _apply(model, vectors[b]))
    if "z" in order and field is not None:
        at = order.index("z")
        mean[:, at] = field.mean
        cov[:, at, at] = field.var
        drawn = at
    rotated = np.array([model.rotated(vectors[name]) for name in order]).reshape(
        len(order), model.dim
    )
    turned = None if spread is None or "z" not in order else _turned(model, spread)
    world = World(model.rotated(model.means), model.spectra, rotated, turned, drawn)
    return Setting(model, order, outer, Signals(mean, cov), field, world, scale)


def _apply(model: FeatureModel, vector: Array) -> Array:
    covs = model.covariances
    return covs * vector if covs.ndim == 2 else covs @ vector


def _moments(model: FeatureModel, vector: Array) -> tuple[Array, Array]:
    return model.means @ vector, _apply(model, vector) @ vector


def _turned(model: FeatureModel, spread: Array) -> Array:
    """The spread of a probe in the model's basis; diagonal where the covariances are."""
    if model.basis is None:
        return spread
    if not model.basis.size:
        return spread if spread.ndim == 1 else np.diag(spread).copy()
    if spread.ndim == 1:
        return np.einsum("ia,i,ia->a", model.basis, spread, model.basis)
    return np.einsum("ia,ij,ja->a", model.basis, spread, model.basis)


def _probe_field(model: FeatureModel, vector: Array, spread: Array | None, offset: float) -> Probe:
    mean, var = _moments(model, vector)
    cross, slope = np.zeros_like(mean), 0.0
    if spread is not None:
        covs = model.covariances
        if covs.ndim == 2:
            own = spread if spread.ndim == 1 else np.diag(spread)
            var = var + covs @ own
        else:
            full = np.diag(spread) if spread.ndim == 1 else spread
            var = var + np.einsum("cij,ji->c", covs, full)
    elif model.teacher is not None:
        teacher = model.teacher
        along = float(vector @ teacher / (teacher @ teacher))
        rest = np.linalg.norm(vector - along * teacher)
        if rest <= PARALLEL * np.linalg.norm(vector):
            slope = along
    if not (var > 0.0).all():
        raise InputError("probe must have a field that varies in every cluster")
    return Probe(mean + offset, var, cross, slope, offset)
