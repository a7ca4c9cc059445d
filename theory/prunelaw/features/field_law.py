"""How many examples of each label lie where on the probe's axis, and the ranks that follow."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import elementwise
from scipy.special import ndtr

from prunelaw.features.labels import Steps
from prunelaw.features.panels import LAYER
from prunelaw.features.rules import Setting
from prunelaw.numerics.gaussian import Array, gauss_legendre, normal_pdf

PANELS, ORDER = 400, 16
REACH = 12.0  # of the axis, in standard deviations of each cluster


def up_at(setting: Setting, z: Array) -> Array:
    """P(y = +1 | z) in each cluster, (..., K), for fields z (..., 1); `setting` as `FieldLaw`'s."""
    model, probe = setting.model, setting.probe
    assert probe is not None
    if model.labels is not None:
        return np.broadcast_to(model.label_odds()[:, 0], (*z.shape[:-1], model.clusters))
    law = model.label_law
    if setting.order[0] == "t":
        return model.seen_up(law.up((z - probe.shift) / probe.slope))
    assert isinstance(law, Steps)
    cov, mean = setting.signals.cov, setting.signals.mean
    slope = cov[:, 0, 1] / cov[:, 0, 0]
    rest = np.sqrt(np.maximum(cov[:, 1, 1] - slope * cov[:, 0, 1], 1e-30 * cov[:, 1, 1]))
    centre = mean[:, 1] + slope * (z - mean[:, 0])
    up = np.full(centre.shape, law.values[0])
    for edge, before, after in zip(law.edges, law.values, law.values[1:], strict=False):
        up = up + (after - before) * ndtr((centre - edge) / rest)
    return model.seen_up(up)


class FieldLaw:
    """P(y, z < x) of a setting that integrates the probe's field last (`sensitivity.facing`).

    Attributes:
        share: P(y = +1).
        reach: a field that no example exceeds in size.
    """

    def __init__(self, setting: Setting):
        assert setting.probe is not None
        self.setting, self.probe = setting, setting.probe
        sd = np.sqrt(self.probe.var)
        low, high = (self.probe.mean + sign * REACH * sd for sign in (-1.0, 1.0))
        self.reach = float(max(np.abs(low).max(), np.abs(high).max()))
        model = setting.model
        if model.labels is None:
            grid = np.linspace(low.min(), high.max(), PANELS + 1)
            self.edges = np.unique(np.concatenate([grid, *self._turns()]))
            panels = self._between(self.edges[:-1], self.edges[1:])
            self.sums = np.concatenate([np.zeros((2, 1)), np.cumsum(panels, axis=1)], axis=1)
        self.share = float(self.below(0, np.array([np.inf]))[0])

    def _turns(self) -> list[Array]:
        """Places where the law of the label given z turns."""
        setting, cuts = self.setting, np.asarray(self.setting.model.label_law.cuts)
        if setting.order[0] == "t":
            return [cuts * self.probe.slope + self.probe.shift]
        cov, mean = setting.signals.cov, setting.signals.mean
        slope = cov[:, 0, 1] / cov[:, 0, 0]
        rest = np.sqrt(np.maximum(cov[:, 1, 1] - slope * cov[:, 0, 1], 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            centre = mean[:, 0] + (cuts[:, None] - mean[:, 1]) / slope
            places = centre[..., None] + (rest / np.abs(slope))[:, None] * LAYER
        places = places[np.isfinite(places) & (np.abs(places) < self.reach)]
        return [places]

    def _between(self, low: Array, high: Array) -> Float[np.ndarray, "2 panels"]:
        """P(y, low < z < high) for short stretches."""
        place, weight = gauss_legendre(ORDER)
        z = (low[:, None] + (high - low)[:, None] * place)[..., None]
        sd = np.sqrt(self.probe.var)
        density = self.setting.model.weights * normal_pdf((z - self.probe.mean) / sd) / sd
        up = up_at(self.setting, z)
        rows = [np.sum(density * odds, axis=-1) for odds in (up, 1.0 - up)]
        return (np.stack(rows) @ weight) * (high - low)

    def below(self, y: int, x: Array) -> Array:
        """P(label number y, z < x)."""
        model = self.setting.model
        if model.labels is not None:
            score = (x[..., None] - self.probe.mean) / np.sqrt(self.probe.var)
            return ndtr(score) @ (model.weights * model.label_odds()[:, y])
        x = np.clip(x, self.edges[0], self.edges[-1])
        at = np.clip(np.searchsorted(self.edges, x) - 1, 0, len(self.edges) - 2)
        rest = self._between(self.edges[at].ravel(), x.ravel())[y]
        return self.sums[y][at] + rest.reshape(x.shape)


class Ranks:
    """Ranks in [0, 1] of |z| or of the margin y z: P(value below), or label +1 first, then −1.

    Args:
        of: "abs" or "margin".
        per_class: True: ranks below P(y = +1) are those of label +1, the others of label −1.
    """

    def __init__(self, law: FieldLaw, of: str, per_class: bool):
        self.law, self.of, self.per_class = law, of, per_class
        self.total = np.array([law.share, 1.0 - law.share])

    @property
    def breaks(self) -> tuple[float, ...]:
        return (self.law.share,) if self.per_class else ()

    def labels(self, rank: Array) -> Array:
        """The label number of each rank; −1 for both."""
        if not self.per_class:
            return np.full(rank.shape, -1)
        return np.where(rank <= self.law.share, 0, 1)

    def mass(self, y: int, x: Array) -> Array:
        """P(label number y, value < x)."""
        if self.of == "abs":
            return self.law.below(y, x) - self.law.below(y, -x)
        return self.law.below(0, x) if y == 0 else self.total[1] - self.law.below(1, -x)

    def values(self, rank: Array, labels: Array | None = None) -> Array:
        """|z| or y z at ranks; of the label given, where a rank is the border of two."""
        labels = self.labels(rank) if labels is None else labels
        rank = rank - np.where(labels == 1, self.law.share, 0.0)
        whole = np.where(labels < 0, 1.0, self.total[labels])
        low = 0.0 if self.of == "abs" else -self.law.reach

        def miss(x: Array, rank: Array, label: Array) -> Array:
            both = [self.mass(y, x) for y in (0, 1)]
            return np.where(label < 0, both[0] + both[1], np.where(label == 0, *both)) - rank

        ends = np.full(rank.shape, low), np.full(rank.shape, self.law.reach)
        inner = np.clip(rank, 1e-14, whole - 1e-14)
        tolerances = {"xatol": 1e-14 * self.law.reach, "xrtol": 1e-14, "fatol": 0.0, "frtol": 0.0}
        found = elementwise.find_root(miss, ends, args=(inner, labels), tolerances=tolerances)
        bottom = 0.0 if self.of == "abs" else -np.inf
        return np.where(rank <= 0.0, bottom, np.where(rank >= whole, np.inf, found.x))
