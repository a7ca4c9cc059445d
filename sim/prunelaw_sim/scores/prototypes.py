"""Prototypes: how far from the nearest cluster centre is an example in an embedding?

    score_i = 1 - max over centres m of cos(e_i, m),     in [0, 2]

Centres are those of k-means on the embedded pool, each embedding of length one (Sorscher et al.
2022).  The supervised embedding is the last hidden layer of a classifier trained on the
pool; the self-supervised one is learned without labels (`prunelaw_sim.scores.embedding`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.errors import InputError
from prunelaw_sim.common.threads import one_lapack_thread
from prunelaw_sim.scores.base import (
    FORWARD,
    ScoreInputs,
    ScoreResult,
    samples_in_training,
    whole_number,
)
from prunelaw_sim.scores.embedding import EMBEDDING, embed

STARTS = 10  # of k-means, the best of which is taken


@dataclass(frozen=True)
class _Clustered:
    """`clusters` centres; as many as classes if None."""

    clusters: int | float | None = None

    def __post_init__(self) -> None:
        if self.clusters is not None:
            clusters = whole_number("clusters of prototypes", self.clusters, 1)
            object.__setattr__(self, "clusters", clusters)

    def _text(self, family: str) -> str:
        return family if self.clusters is None else f"{family}:{self.clusters}"

    def _scored(
        self, embedding: Float[np.ndarray, "P d"], inputs: ScoreInputs, cost: float, what: str
    ) -> ScoreResult:
        """Cost: that of the embedding; k-means sees low-dimensional points and counts nothing."""
        clusters = int(inputs.dataset.classes if self.clusters is None else self.clusters)
        seed = int(inputs.rng("k-means").integers(2**31))
        centres = cluster_centres(embedding, clusters, seed)
        return ScoreResult(
            distance_to_nearest(embedding, centres), cost, f"k-means of {clusters} in {what}"
        )


class Prototypes(_Clustered):
    """In the last hidden layer of one model trained on the pool (softmax: in the inputs)."""

    @property
    def name(self) -> str:
        return self._text("prototypes")

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        subsets = inputs.single
        embedding = inputs.train(subsets, "prototypes").features(inputs.pool_inputs)[0]
        cost = samples_in_training(inputs.recipe, subsets) + FORWARD * subsets.size
        what = f"the last hidden layer of one {inputs.model.name} trained on the pool"
        return self._scored(embedding.astype(np.float64), inputs, cost, what)


class SslPrototypes(_Clustered):
    """In an embedding learned from the inputs of the pool and outside of it, without labels."""

    @property
    def name(self) -> str:
        return self._text("ssl-prototypes")

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        numbers = np.concatenate([inputs.pool, inputs.outside])
        seen = inputs.dataset.inputs[numbers].reshape(len(numbers), -1)
        embedding, samples = embed(seen, inputs.rng("embedding"))
        cost = samples + FORWARD * len(inputs.pool)
        return self._scored(embedding[: len(inputs.pool)], inputs, cost, EMBEDDING)


def cluster_centres(
    embedding: Float[np.ndarray, "P d"], clusters: int, seed: int
) -> Float[np.ndarray, "clusters d"]:
    """Centres of k-means (scikit-learn's, the best of ten starts) of the embeddings' directions."""
    from sklearn.cluster import KMeans

    if clusters > len(embedding):
        raise InputError(
            f"clusters must be at most the {len(embedding)} examples of the pool, got {clusters}"
        )
    settings: dict[str, Any] = {"n_init": STARTS, "random_state": seed}
    with one_lapack_thread():
        return KMeans(clusters, **settings).fit(_unit(embedding)).cluster_centers_


def distance_to_nearest(
    embedding: Float[np.ndarray, "P d"], centres: Float[np.ndarray, "clusters d"]
) -> Float[np.ndarray, " P"]:
    """1 - the largest cosine to any centre; 1 for an embedding of length 0, which has none."""
    return 1.0 - (_unit(embedding) @ _unit(centres).T).max(axis=1)


def _unit(rows: Float[np.ndarray, "rows d"]) -> Float[np.ndarray, "rows d"]:
    """Rows of length one; rows of length zero stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
