"""Where a function must be cut so that quadratures see all of it.

On each piece between two cuts a polynomial through `NODES` points follows w.  What bends or jumps
without being announced is found on a fine grid and bisected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from jaxtyping import Float

from prunelaw.numerics.gaussian import Array, gauss_legendre, normal_pdf

NODES = 12  # of the polynomial: no quadrature of the solver has fewer
CELL = 0.5  # width of the pieces that are looked at first
OFF_GRID = 0.5857864  # where in a cell of rounded numbers it begins
GRID = 8192  # points in each of them
FEWEST = 256  # points in a piece that was bisected
CLOSE = 1e-9  # of the largest w
SMALL = 1e-12  # what does not matter, as a share of what is kept
NARROW, SHARP = 1e-13, 1e-7  # widths: the smallest piece; where a jump or a bend must be
MOST = 500  # pieces


def resolving_cuts(
    w: Callable[[Array], Array], low: float, high: float, given: Sequence[float]
) -> tuple[list[float], bool]:
    """Cuts between low and high beside those given, ascending; False if there are too many."""
    cuts, sharp, enough = _bisected(w, low, high, given)
    if enough and sharp:  # a jump that is known needs one cut, not forty
        again, _, enough = _bisected(w, low, high, [*given, *sharp])
        cuts = sorted({*again, *sharp})
    return (cuts, True) if enough else ([], False)


def _bisected(
    w: Callable[[Array], Array], low: float, high: float, given: Sequence[float]
) -> tuple[list[float], list[float], bool]:
    """Cuts, places of jumps and bends among them, and whether that many are enough."""
    inner = [point for point in given if low < point < high]
    # Rounded numbers lie inside: a bend at the edge of two pieces would be seen by neither.
    steps = (np.arange(np.floor(low / CELL), np.ceil(high / CELL)) + OFF_GRID) * CELL
    steps = steps[(steps > low) & (steps < high)]
    edges = np.unique(np.concatenate([[low, min(max(low, 0.0), high), high], steps, inner]))
    left, right, points = edges[:-1], edges[1:], GRID
    cuts: set[float] = set()
    sharp: list[tuple[float, float]] = []
    largest = kept = 0.0
    while left.size:
        width = right - left
        at = (np.arange(points) + 0.5) / points
        values = _values(w, left, width, at)
        nearest = np.clip(0.0, left, right)
        if not cuts:  # the first time: all of w
            largest = float(values.max(initial=0.0))
            kept = float((values.mean(axis=1) * width * normal_pdf(nearest)).sum())
        seen = _values(w, left, width, gauss_legendre(NODES)[0]) @ _interpolation(points).T
        wrong = np.abs(values - seen).max(axis=1)
        bad = wrong > CLOSE * largest
        bad &= wrong * width * normal_pdf(nearest) > SMALL * kept
        cuts |= {*left[bad].tolist(), *right[bad].tolist()}
        narrow = bad & (width < 4 * NARROW)
        sharp += zip(width[bad & (width < SHARP)], left[bad & (width < SHARP)], strict=True)
        left, right = left[bad & ~narrow], right[bad & ~narrow]
        if len(cuts) + left.size > MOST + len(given):
            return [], [], False
        middle = 0.5 * (left + right)
        cuts |= set(middle.tolist())
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
        points = max(FEWEST, points // 2)
    places: list[float] = []
    for width, start in sorted(sharp):  # the narrowest piece of each cluster
        if all(abs(start - place) > SHARP for place in places):
            places.append(start + 0.5 * width)
    return sorted(cut for cut in cuts if low < cut < high), places, True


def _values(w: Callable[[Array], Array], left: Array, width: Array, at: Array) -> Array:
    points = left[:, None] + width[:, None] * at
    return w(points.ravel()).reshape(points.shape)


@cache
def _interpolation(points: int) -> Float[np.ndarray, "points nodes"]:
    """From values at the nodes on [0, 1] to values in the middles of equal parts."""
    nodes = gauss_legendre(NODES)[0]
    weights = 1.0 / np.prod(nodes[:, None] - nodes + np.eye(NODES), axis=1)
    terms = weights / ((np.arange(points)[:, None] + 0.5) / points - nodes)
    return terms / terms.sum(axis=1, keepdims=True)
