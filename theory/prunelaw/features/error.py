"""Test errors of a student from the Gaussian laws of its field."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from prunelaw.features.channel import Fields
from prunelaw.features.labels import SIGN
from prunelaw.features.panels import layer, nodes
from prunelaw.features.rules import Setting
from prunelaw.numerics.gaussian import Array, normal_pdf

ORDER = 24
STEP = 1e-5  # of differences, in the share of the field that the teacher does not fix


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


def error_slopes(setting: Setting, fields: Fields) -> Array:
    """Slopes of the errors by cluster in (V, q, m, o), (P, K, 3+S)."""
    model, S = setting.model, fields.o.shape[-1]
    slopes = np.zeros((*fields.q.shape, 3 + S))
    if model.labels is not None:
        sd = np.sqrt(fields.q)
        density = normal_pdf(fields.m / sd) / sd
        slopes[..., 1] = 0.5 * model.labels * fields.m / fields.q * density
        slopes[..., 2] = -model.labels * density
        return slopes
    at = setting.order.index("t")
    variance, o = setting.signals.cov[:, at, at], fields.o[..., at]
    rest = np.maximum(fields.q - o * o / variance, 1e-30 * fields.q)
    steps = {
        "q": STEP * rest,
        "m": STEP * np.sqrt(fields.q),
        "o": STEP * np.minimum(np.sqrt(rest * variance), rest * variance / np.abs(o)),
    }
    for column, (name, step) in zip((1, 2, 3 + at), steps.items(), strict=True):
        ends = []
        for sign in (1.0, -1.0):
            value = getattr(fields, name).copy()
            if name == "o":
                value[..., at] += sign * step
            else:
                value += sign * step
            ends.append(cluster_errors(setting, fields._replace(**{name: value})))
        slopes[..., column] = (ends[0] - ends[1]) / (2.0 * step)
    return slopes
