"""What the theory needs of real features: weights, means and covariances of their clusters.

`moments` reads the features once, in pieces, so that a million rows of 768 numbers need not fit
into memory; `from_data` makes the model of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_integer, check_number
from prunelaw.errors import InputError
from prunelaw.features import FeatureModel

PIECE = 4_000_000  # numbers of features in memory at a time
FEWEST = 2  # examples of a cluster
SHRINKAGES = ("oas", "none")
Array = np.ndarray


@dataclass(frozen=True)
class Moments:
    """Counts, sums and sums of products of the examples of each fold and cluster.

    Attributes:
        labels: of each cluster: +1 or −1, or the number of its class.
        origin: what was taken off every example before the sums.
        fold: of each example, −1 for those that do not count.
    """

    counts: Float[Array, "folds K"]
    sums: Float[Array, "folds K d"]
    products: Float[Array, "folds K d d"]
    labels: Float[Array, " K"]
    origin: Float[Array, " d"]
    fold: Int[Array, " n"]

    @property
    def folds(self) -> int:
        """How many folds there are, of random examples each."""
        return len(self.counts)

    def model(
        self,
        folds: Any = None,
        *,
        shrinkage: str | float = "none",
        origin: Float[Array, " d"] | None = None,
    ) -> FeatureModel:
        """The mixture that the examples of these folds (None: of all) estimate; two classes.

        Args:
            shrinkage: of each cluster's covariance towards its own mean variance: "oas" (Chen et
                al. 2010), "none", or a share in [0, 1].
            origin: of the model, in the features' coordinates; their mean if None.

        Raises:
            InputError: for a cluster with fewer than two examples, or one without variance.
        """
        return FeatureModel(*self.statistics(folds, shrinkage, origin), self.labels)

    def statistics(
        self,
        folds: Any = None,
        shrinkage: str | float = "none",
        origin: Float[Array, " d"] | None = None,
    ) -> tuple[Array, Array, Array]:
        """Weights, means and covariances of the same clusters, of any number of classes."""
        chosen = list(range(self.folds)) if folds is None else list(folds)
        counts = self.counts[chosen].sum(axis=0)
        if (counts < FEWEST).any():
            raise InputError(
                f"every cluster needs at least {FEWEST} examples, number {int(counts.argmin())} "
                f"has {int(counts.min())}: give more examples, or fewer clusters"
            )
        means = self.sums[chosen].sum(axis=0) / counts[:, None]
        covs = self.products[chosen].sum(axis=0) - counts[:, None, None] * (
            means[:, :, None] * means[:, None]
        )
        covs /= (counts - 1.0)[:, None, None]
        covs = np.stack([_shrunk(cov, n, shrinkage) for cov, n in zip(covs, counts, strict=True)])
        weights = counts / counts.sum()
        shift = (self.mean if origin is None else origin) - self.origin
        return weights, means - shift, covs

    @property
    def mean(self) -> Float[Array, " d"]:
        """The mean of all examples."""
        return self.origin + self.sums.sum(axis=(0, 1)) / self.counts.sum()


def moments(
    features: Float[Array, "n d"],
    labels: Float[Array, " n"],
    *,
    clusters: Int[Array, " n"] | int = 1,
    folds: int = 1,
    rows: Int[Array, " rows"] | None = None,
    seed: int = 0,
) -> Moments:
    """One pass over the features (an array, or a memory map of any float type).

    Args:
        labels: +1 or −1 of each example, or the number of its class.
        clusters: how many in each class, by k-means; or the cluster of each example, of which none
            may hold both labels.
        folds: random parts of the examples that are summed apart.
        rows: the examples that count; all if None.
        seed: of the folds and of k-means.

    Raises:
        InputError: for shapes that do not fit, values that are not finite, one label only.
    """
    rows = np.arange(len(labels)) if rows is None else np.sort(rows)
    if features.ndim != 2 or len(features) != len(labels):
        raise InputError(
            f"features must be {len(labels)} rows, one a label, got shape {features.shape}"
        )
    if len(np.unique(labels[rows])) < 2:
        raise InputError("labels must be of two classes at least: one alone teaches nothing")
    check_integer("folds", folds, 1)
    if isinstance(clusters, int | np.integer):
        clusters = _within_classes(features, labels, rows, int(clusters), seed)
    names, part = np.unique(clusters[rows], return_inverse=True)
    place = np.full(len(labels), -1)
    place[rows] = part
    of = np.array([labels[rows][part == c][0] for c in range(len(names))])
    if (labels[rows] != of[part]).any():
        raise InputError("clusters must lie inside classes: one of them holds both labels")
    rng = np.random.default_rng([seed, 1])
    fold = np.full(len(labels), -1)
    for c in range(len(names)):  # every fold has its share of every cluster
        mine = rng.permutation(rows[part == c])
        fold[mine] = (np.arange(len(mine)) + rng.integers(folds)) % folds
    K, d = len(names), features.shape[1]
    origin = np.asarray(features[rows[: min(len(rows), 1000)]], dtype=np.float64).mean(axis=0)
    counts, sums = np.zeros((folds, K)), np.zeros((folds, K, d))
    products = np.zeros((folds, K, d, d))
    step = max(1, PIECE // d)
    for start in range(0, len(rows), step):
        piece = rows[start : start + step]
        x = np.asarray(features[piece], dtype=np.float64) - origin
        if not np.isfinite(x).all():
            bad = int(piece[~np.isfinite(x).all(axis=1)][0])
            raise InputError(f"features must be finite numbers, row {bad} is not")
        key = fold[piece] * K + place[piece]
        for one in np.unique(key):
            mine = x[key == one]
            f, c = divmod(int(one), K)
            counts[f, c] += len(mine)
            sums[f, c] += mine.sum(axis=0)
            products[f, c] += mine.T @ mine
    return Moments(counts, sums, products, of, origin, fold)


def from_data(
    features: Float[Array, "n d"],
    labels: Any,
    *,
    clusters: Int[Array, " n"] | int = 1,
    shrinkage: str | float = "oas",
    centred: bool = True,
    seed: int = 0,
) -> FeatureModel:
    """The mixture of clusters that labelled features estimate, for `prunelaw.features.solve`.

    Means and covariances are those of the examples, each cluster with its share of them.  They
    must come from examples that did not train the probe.

    Args:
        features: n rows of d numbers.
        labels: two classes of any names; the second in their order is +1.
        clusters, seed: as in `moments`.
        shrinkage: as in `Moments.model`.
        centred: whether the mean of the features is the model's origin, else 0 is.

    Raises:
        InputError: as those, and for other than two classes.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 3))
    >>> from_data(x, x[:, 0] > 0).labels.tolist()
    [-1.0, 1.0]
    """
    found = moments(features, signs_of(labels), clusters=clusters, seed=seed)
    origin = None if centred else np.zeros(features.shape[1])
    return found.model(shrinkage=shrinkage, origin=origin)


def signs_of(labels: Any) -> Float[Array, " n"]:
    """+1 and −1 of two classes of any names, the second in their order +1."""
    names, place = np.unique(np.asarray(labels), return_inverse=True)
    if len(names) != 2:
        raise InputError(f"labels must be of two classes, got {len(names)}: {names[:5].tolist()}")
    return np.where(place.reshape(-1) == 1, 1.0, -1.0)


def _within_classes(
    features: Array, labels: Array, rows: Array, number: int, seed: int
) -> Int[Array, " n"]:
    """Clusters of k-means inside each class, on at most `PIECE` numbers."""
    check_integer("clusters", number, 1)
    found = np.unique(labels, return_inverse=True)[1] * number
    if number == 1:
        return found
    from sklearn.cluster import MiniBatchKMeans

    for name in np.unique(labels):
        mine = rows[labels[rows] == name]
        rng = np.random.default_rng([seed, 2])
        some = rng.choice(mine, min(len(mine), max(1, PIECE // features.shape[1])), replace=False)
        means = MiniBatchKMeans(number, random_state=seed).fit(
            np.asarray(features[np.sort(some)], dtype=np.float64)
        )
        step = max(1, PIECE // features.shape[1])
        for start in range(0, len(mine), step):
            piece = mine[start : start + step]
            found[piece] += means.predict(np.asarray(features[piece], dtype=np.float64))
    return found


def _shrunk(cov: Float[Array, "d d"], count: float, shrinkage: str | float) -> Float[Array, "d d"]:
    """Σ (1 − ρ) + ρ tr(Σ)/d, with OAS's ρ or a given one."""
    d = len(cov)
    trace = np.trace(cov)
    if not trace > 0.0:
        raise InputError("features must vary in every cluster, and in one of them all are equal")
    if shrinkage == "none":
        return cov
    if shrinkage == "oas":
        squares = float(np.sum(cov * cov))
        top = (1.0 - 2.0 / d) * squares + trace**2
        bottom = (count + 1.0 - 2.0 / d) * (squares - trace**2 / d)
        share = 1.0 if bottom <= 0.0 else min(1.0, top / bottom)
    else:
        share = check_number("shrinkage", shrinkage, 0.0, 1.0)
    shrunk = (1.0 - share) * cov
    shrunk[np.diag_indices(d)] += share * trace / d
    return shrunk
