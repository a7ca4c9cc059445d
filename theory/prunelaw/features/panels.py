"""Gauss-Legendre panels on a Gaussian axis, graded towards where the integrand turns."""

from __future__ import annotations

import numpy as np

from prunelaw.numerics.gaussian import Array, gauss_legendre, normal_pdf

REACH = 10.0  # of the Gaussian axis, in standard deviations
STEPS = np.linspace(-REACH, REACH, 9)
LAYER = np.array([-9.0, -4.5, 0.0, 4.5, 9.0])  # edges about a Gaussian step, in its widths
SPREAD = 2.5 * 3.0 ** np.arange(9)  # edges about a turn of order 1
TURN = np.concatenate([-SPREAD[::-1], [0.0], SPREAD])


def nodes(mean: Array, sd: Array, cuts: list[Array], order: int) -> tuple[Array, Array]:
    """Points x and weights (density included) of N(mean, sd²), panels also ending at the cuts.

    mean and sd have one shape; cuts have one axis more.  NaN and far cuts are left out.
    """
    low, high = (mean - REACH * sd)[..., None], (mean + REACH * sd)[..., None]
    edges = mean[..., None] + sd[..., None] * STEPS[1:-1]
    inner = [edges, *(np.broadcast_to(cut, (*mean.shape, cut.shape[-1])) for cut in cuts)]
    edges = np.concatenate(inner, axis=-1)
    edges = np.where((edges > low) & (edges < high), edges, high)
    edges.sort(axis=-1)
    twice = np.diff(edges, axis=-1) <= 1e-14 * sd[..., None]
    edges[..., 1:] = np.where(twice, high, edges[..., 1:])
    edges.sort(axis=-1)
    count = int((edges < high).sum(axis=-1).max()) if edges.size else 0
    edges = np.concatenate([low, edges[..., :count], high], axis=-1)
    place, weight = gauss_legendre(order)
    width = np.diff(edges, axis=-1)[..., None]
    x = (edges[..., :-1, None] + width * place).reshape(*mean.shape, -1)
    density = normal_pdf((x - mean[..., None]) / sd[..., None]) / sd[..., None]
    return x, density * (width * weight).reshape(x.shape)


def layer(centre: Array, width: Array, scale: Array) -> Array:
    """Cuts about a smooth step of `width` at `centre`, where the axis's own `scale` misses it."""
    with np.errstate(invalid="ignore", over="ignore"):
        cuts = centre[..., None] + width[..., None] * LAYER
        return np.where((width < scale)[..., None], cuts, np.nan)


def turn(centre: Array, scale: Array) -> Array:
    """Cuts about a turn of order 1 at `centre`, where the axis's own `scale` misses it."""
    return np.where((scale > 1.0)[..., None], centre[..., None] + TURN, np.nan)
