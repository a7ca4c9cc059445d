"""Kept intervals of the rank x ∈ [0, 1], in which kept mass is length; arrays (intervals, 2)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from prunelaw.numerics.gaussian import Array

AT_END = 1e-8  # an edge so close to an end of the ranks rests there


def least(grid: Array, values: Array, f: float) -> Float[np.ndarray, "intervals 2"]:
    """The ranks of total length f on which `values`, linear between grid points, are least."""
    cut: Any = brentq(
        lambda cut: length_of(_below(grid, values, cut)) - f, values.min(), values.max()
    )
    return _below(grid, values, cut)


def _below(grid: Array, values: Array, cut: float) -> Float[np.ndarray, "intervals 2"]:
    """Intervals on which the piecewise-linear function is below `cut`."""
    inside = values <= cut
    crossing = np.flatnonzero(inside[1:] != inside[:-1])
    share = (cut - values[crossing]) / (values[crossing + 1] - values[crossing])
    edges = grid[crossing] + share * (grid[crossing + 1] - grid[crossing])
    edges = np.concatenate([[0.0] if inside[0] else [], edges, [1.0] if inside[-1] else []])
    return edges.reshape(-1, 2)


def length_of(ranks: Array) -> float:
    return float(np.sum(ranks[:, 1] - ranks[:, 0])) if len(ranks) else 0.0


def inside(ranks: Array, ends: Array) -> Array:
    """Which edges lie at none of the ends, and so are free to move."""
    return np.all(np.abs(ranks[..., None] - ends) > AT_END, axis=-1)


def of_length(ranks: Array, f: float, ends: Array) -> Array:
    """The intervals with their free edges moved, all by the same mass, so that f is kept."""
    for _ in range(4):
        inner = inside(ranks, ends)
        missing = f - length_of(ranks)
        if not inner.any() or abs(missing) < 1e-15:
            break
        share = missing / inner.sum()
        ranks = np.clip(ranks + np.where(inner, [-share, share], 0.0), 0.0, 1.0)
    return ranks


def between(ranks: Array, wanted: Array, length: float) -> Array:
    """Part of the way: edges move if both have as many, else the share of mass that changes.

    The second case trades, of what would be dropped and what would be taken, the same share:
    intervals that appear or vanish do so gradually.
    """
    if length >= 1.0 or not len(ranks):
        return wanted
    if len(ranks) == len(wanted):
        return ranks + length * (wanted - ranks)
    shrunk = [_part_kept(interval, wanted, 1.0 - length) for interval in ranks]
    grown = [_part_kept(interval, ranks, length) for interval in wanted]
    return _united(np.concatenate([*shrunk, *grown]))


def _part_kept(interval: Array, other: Array, share: float) -> Float[np.ndarray, "pieces 2"]:
    """The part of `interval` inside `other` and, outside it, pieces shortened to `share`."""
    cuts = np.unique(np.clip(np.concatenate([interval, other.ravel()]), *interval))
    pieces = []
    for low, high in pairwise(cuts):
        middle = 0.5 * (low + high)
        common = ((other[:, 0] <= middle) & (middle <= other[:, 1])).any()
        half = 0.5 * (high - low) * (1.0 if common else share)
        touches_left = np.isin(low, other)
        start = low if touches_left or common else high - 2 * half
        pieces.append((start, start + 2 * half))
    return np.array(pieces).reshape(-1, 2)


def _united(ranks: Array) -> Float[np.ndarray, "intervals 2"]:
    """Overlapping or touching intervals joined, in order; those of no length dropped."""
    result: list[list[float]] = []
    for low, high in ranks[np.argsort(ranks[:, 0])].tolist():
        if result and low <= result[-1][1] + 1e-12:
            result[-1][1] = max(result[-1][1], high)
        elif high - low > 1e-12:
            result.append([low, high])
    return np.array(result)
