"""Where fits of scaling laws begin: a grid of exponents, each with its best linear factors.

Also the boxes that these laws share.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from prunelaw_sim.fits.model import Model, Points, Row

LOG_FACTOR = (-40.0, 150.0)  # of a factor: beyond, a term is 0 or far above any loss
LOG_EXPONENT = (math.log(1e-3), math.log(3.0))
_KEPT = 10  # starts that are returned


def positive_factors(
    columns: Float[np.ndarray, "grid rows k"], error: Row, weight: Row
) -> Float[np.ndarray, "grid k"]:
    """Positive factors of the columns, by weighted least squares at every point of the grid.

    A factor that comes out negative is set to where its term is a thousandth of the errors, and
    the others are left: these are starts.
    """
    size = columns.mean(axis=1)
    size = np.where(size > 0.0, size, 1.0)
    scaled = columns / size[:, None, :] * weight[:, None]
    normal = np.einsum("grk,grl->gkl", scaled, scaled)
    ridge = 1e-10 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(normal.shape[-1])
    right = np.einsum("grk,r->gk", scaled, weight * error)
    factors = np.linalg.solve(normal + ridge, right[..., None])[..., 0]
    return np.maximum(factors, 1e-3 * float(np.mean(np.abs(error)))) / size


def best_of(
    model: Model, grids: list[Points], error: Row, weight: Row
) -> Float[np.ndarray, "starts p"]:
    """The vectors of least weighted squares of all grids, best first."""
    costs = [np.sum((weight * (model.errors(p)[0] - error)) ** 2, axis=1) for p in grids]
    order = np.argsort(np.concatenate(costs), kind="stable")
    return np.concatenate(grids)[order[:_KEPT]]
