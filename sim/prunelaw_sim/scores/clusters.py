"""Prototypes: how far from the nearest cluster centre is an example in an embedding?

    score_i = 1 - max over centres m of cos(e_i, m),     in [0, 2]

Centres are those of k-means on the embedded pool, each embedding of length one (Sorscher et al.
2022).
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.errors import InputError
from prunelaw_sim.common.threads import one_lapack_thread
from prunelaw_sim.scores.base import Score, ScoreInputs, ScoreResult

STARTS = 10  # of k-means, the best of which is taken


class Clustered(Score):
    """A score by the distance to centres; as many as classes if no number is given."""

    counts = "clusters"

    def scored(
        self, embedding: Float[np.ndarray, "P d"], inputs: ScoreInputs, cost: float, what: str
    ) -> ScoreResult:
        """Cost: that of the embedding; k-means sees low-dimensional points and counts nothing."""
        clusters = self.number or inputs.dataset.classes
        seed = int(inputs.rng("k-means").integers(2**31))
        values = distance_to_nearest(embedding, cluster_centres(embedding, clusters, seed))
        return ScoreResult(values, cost, f"k-means of {clusters} in {what}")


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
