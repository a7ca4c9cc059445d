"""What is known at points nearby, carried to a point by a weighted linear fit."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from prunelaw.numerics.gaussian import Array

NEIGHBOURS = 8


def nearest_points(
    known: Float[np.ndarray, "m d"], place: Float[np.ndarray, "n d"], count: int = NEIGHBOURS
) -> tuple[Float[np.ndarray, "n k"], Int[np.ndarray, "n k"]]:
    """Distances and indices of the `count` known points (or all) nearest to each place."""
    count = min(count, len(known))
    distance, index = KDTree(known).query(place, k=count)
    return np.reshape(distance, (len(place), count)), np.reshape(index, (len(place), count))


def linear_fit(
    distance: Float[np.ndarray, "n k"],
    relative: Float[np.ndarray, "n k d"],
    values: Float[np.ndarray, "n k v"],
    ridge: float,
    member: Array | float = 1.0,
) -> Float[np.ndarray, "n v"]:
    """The fit through the `member` neighbours at `relative` places, at 0.

    A pinch of ridge on the slopes: neighbours on one path leave some directions open.
    """
    weight = member / (distance + 0.3 * distance.mean(axis=1, keepdims=True) + 1e-9) ** 2
    weight /= weight.sum(axis=1, keepdims=True)
    design = np.concatenate([np.ones_like(weight)[..., None], relative], axis=2)
    size = np.einsum("nk,nkd,nkd->n", weight, relative, relative)
    slopes_only = np.diag([0.0, *np.ones(relative.shape[2])])
    normal = np.einsum("nki,nk,nkj->nij", design, weight, design)
    normal += (ridge * size + 1e-12)[:, None, None] * slopes_only
    right = np.einsum("nki,nk,nkj->nij", design, weight, values)
    return np.linalg.solve(normal, right)[:, 0]
