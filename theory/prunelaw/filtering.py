"""Which part of the data to keep at this compute: the best union of pools, and where it switches.

Goyal et al. 2024 (arXiv 2404.07177): few samples seen favour a small clean pool, many favour a
larger union that repeats less. Pools come ordered best to worst; union p is the best p of them,
its error is `prunelaw.utility.mixture_error`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import brentq

from prunelaw._checks import check_real
from prunelaw.errors import InputError
from prunelaw.utility import Pool, Real, exceeds_one, mixture_error

_TIE = 1e-13  # relative; two unions closer than this are equal, and the smaller one is named
_GRID = 256  # points of the first look between `low` and `high`; roots are refined to rounding
_KINKS = 64  # ends of passes, where the slopes jump, that the first look includes for each union
_ROUNDS = 4  # closer looks at near-crossings; what stays unseen is narrower than 0.02 % of n


@dataclass(frozen=True, eq=False)
class FilterChoice:
    """What `best_filter` found. `...` is the shape of `samples_seen`."""

    samples_seen: Float[np.ndarray, "..."]
    """samples seen in training"""
    n_pools: Int[np.ndarray, "..."]
    """size of the best union: keep the best `n_pools` pools"""
    error: Float[np.ndarray, "..."]
    """its error"""
    advantage: Float[np.ndarray, "..."]
    """error of the second-best union minus `error`; ≥ 0, inf when there is only one union"""
    errors: Float[np.ndarray, "n_unions ..."]
    """error of every union: errors[p − 1] keeps the best p pools"""
    names: tuple[str, ...]
    """names of the pools, best to worst"""

    @property
    def beyond_range(self) -> Bool[np.ndarray, "..."]:
        """Where `error` is above 1: the law says so there, but it is no probability any more."""
        return exceeds_one(self.error)


@dataclass(frozen=True)
class SwitchPoint:
    """Above `samples_seen` keep the best `to_pools`, just below it the best `from_pools`."""

    samples_seen: float
    from_pools: int
    to_pools: int
    error: float
    residual: float
    """difference of the two unions' errors at `samples_seen`; rounding only"""


def union_errors(pools: Sequence[Pool], samples_seen: Any) -> Float[np.ndarray, "n_unions ..."]:
    """Errors of the unions of the best 1, 2, ..., n pools, stacked along the first axis."""
    if not pools:
        raise InputError("pools must hold at least one Pool, got none")
    return np.stack([mixture_error(pools[: p + 1], samples_seen) for p in range(len(pools))])


def best_filter(pools: Sequence[Pool], samples_seen: Any) -> FilterChoice:
    """The union of the best pools with the lowest error, for every entry of `samples_seen` > 0.

    `pools` are ordered best to worst and share a, d and convention. Unions equal to 1e-13
    (relative) count as a tie and the smallest of them is named. `InputError` on bad input.
    """
    seen = check_real("samples_seen", samples_seen, 0.0, low_open=True)
    errors = union_errors(pools, seen)
    best = _best_union(errors)
    error = np.asarray(np.take_along_axis(errors, best[None], axis=0)[0])
    return FilterChoice(
        samples_seen=seen,
        n_pools=np.asarray(best + 1),
        error=error,
        advantage=np.asarray(_runner_up(errors, best) - error),
        errors=errors,
        names=tuple(pool.name for pool in pools),
    )


def switch_points(pools: Sequence[Pool], low: Real, high: Real) -> tuple[SwitchPoint, ...]:
    """Every samples_seen in (low, high) at which the best union changes, in increasing order.

    The lower envelope of the unions' errors is followed from `low` to `high` (0 < low < high) on a
    logarithmic grid that includes the ends of passes and looks closer where another union comes
    near the best one; each change is then a root of the difference of two errors (brentq, to
    rounding), and a third union that is better at that root splits it in two.
    """
    low = float(check_real("low", low, 0.0, low_open=True))
    high = float(check_real("high", high, low, low_open=True))
    grid = _grid(pools, low, high)
    best = _best_union(union_errors(pools, grid))
    found: list[SwitchPoint] = []
    for i in np.flatnonzero(np.diff(best)):
        found += _split(pools, grid[i], grid[i + 1], int(best[i]), int(best[i + 1]))
    return tuple(found)


def _best_union(errors: Float[np.ndarray, "n_unions ..."]) -> Int[np.ndarray, "..."]:
    """Index of the smallest union whose error is the least one, up to a tie."""
    return np.asarray(np.argmax(errors <= errors.min(axis=0) * (1.0 + _TIE), axis=0))


def _runner_up(
    errors: Float[np.ndarray, "n_unions ..."], best: Int[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    others = np.arange(len(errors)).reshape(-1, *[1] * best.ndim) != best
    return np.asarray(np.min(errors, axis=0, where=others, initial=np.inf))


def _grid(pools: Sequence[Pool], low: float, high: float) -> Float[np.ndarray, " n"]:
    """Where the envelope is looked at first: even in log, ends of passes, and near-crossings.

    A union that wins only between two grid points shows as a dip of its distance from the best
    one, and nowhere else: each dip is looked at again, `_ROUNDS` times, on a grid 4 times finer.
    """
    totals = np.cumsum([pool.size for pool in pools])
    kinks = np.outer(totals, np.arange(1, _KINKS + 1)).ravel()
    inside = kinks[(kinks > low) & (kinks < high)]
    grid = np.unique(np.concatenate([np.geomspace(low, high, _GRID), inside]))
    for _ in range(_ROUNDS):
        grid = np.unique(np.concatenate([grid, _around_dips(pools, grid)]))
    return grid


def _around_dips(pools: Sequence[Pool], grid: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Points around every local minimum of how far a union lies above the best one."""
    errors = union_errors(pools, grid)
    gap = errors - errors.min(axis=0)
    inner = gap[:, 1:-1]
    dips = (inner > 0.0) & (inner <= gap[:, :-2]) & (inner <= gap[:, 2:])
    middle = np.flatnonzero(dips.any(axis=0)) + 1
    return np.geomspace(grid[middle - 1], grid[middle + 1], 9).ravel()


def _split(
    pools: Sequence[Pool], low: float, high: float, before: int, after: int
) -> list[SwitchPoint]:
    """The switches between `low`, where union `before` is best, and `high`, where `after` is."""
    place = _crossing(pools, low, high, before, after)
    errors = union_errors(pools, place)
    best = int(_best_union(errors))
    level = min(errors[before], errors[after])
    if errors[best] < level * (1.0 - 10.0 * _TIE) and low < place < high:
        left = _split(pools, low, place, before, best)
        return left + _split(pools, place, high, best, after)
    residual = float(errors[before] - errors[after])
    return [SwitchPoint(place, before + 1, after + 1, float(errors[after]), residual)]


def _crossing(pools: Sequence[Pool], low: float, high: float, before: int, after: int) -> float:
    """Root of error(before) − error(after) in log samples seen; an end that ties is the root."""

    def gap(log_seen: float) -> float:
        seen = math.exp(log_seen)
        first = mixture_error(pools[: before + 1], seen)
        return float(first - mixture_error(pools[: after + 1], seen))

    ends = math.log(low), math.log(high)
    values = gap(ends[0]), gap(ends[1])
    if values[0] * values[1] >= 0.0:
        return low if abs(values[0]) < abs(values[1]) else high
    root: Any = brentq(gap, *ends, xtol=1e-15)
    return math.exp(root)
