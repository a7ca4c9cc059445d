"""Test errors of a student from the Gaussian laws of its field."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from prunelaw.features.channel import Fields
from prunelaw.features.labels import SIGN
from prunelaw.features.panels import layer, nodes
from prunelaw.features.rules import Setting
from prunelaw.numerics.gaussian import Array

ORDER = 24


def cluster_errors(setting: Setting, fields: Fields) -> Array:
    """P(y h < 0) by cluster, y the label before flips, (P, K)."""
    model = setting.model
    sd = np.sqrt(fields.q)
    if model.labels is not None:
        return ndtr(-model.labels * fields.m / sd)
    at = setting.order.index("t")
    variance, mean = setting.signals.cov[:, at, at], setting.signals.mean[:, at]
    o = fields.o[..., at]
    cosine = o / np.sqrt(fields.q * variance)
    slope = o / variance
    rest = np.sqrt(np.maximum(fields.q - slope * o, 1e-30 * fields.q))
    if model.label_law == SIGN and not mean.any() and not fields.m.any():
        return np.arctan2(rest, cosine * sd) / np.pi
    spread = np.broadcast_to(np.sqrt(variance), fields.q.shape)
    centre = np.broadcast_to(mean, fields.q.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = layer(centre - fields.m / slope, rest / np.abs(slope), spread)
    cuts = np.broadcast_to(
        np.array(model.label_law.cuts), (*fields.q.shape, len(model.label_law.cuts))
    )
    t, weight = nodes(centre, spread, [cuts, turn], ORDER)
    score = (fields.m[..., None] + slope[..., None] * (t - mean[:, None])) / rest[..., None]
    up = model.label_law.up(t)
    return np.sum(weight * (up * ndtr(-score) + (1.0 - up) * ndtr(score)), axis=-1)
