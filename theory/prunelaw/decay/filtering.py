"""Which part of the data to keep at this compute: the best union of pools, and where it switches.

Goyal et al. 2024 (arXiv 2404.07177): few samples seen favour a small clean pool, many favour a
larger union that repeats less. Pools come ordered best to worst; union p is the best p of them,
its error is `prunelaw.decay.utility.mixture_error`.

Choosing costs compute too: with a selection cost c (of scoring one sample, in units of training on
one), a budget B leaves B − c S samples of training, S the samples scored. Whatever union is kept,
every sample on offer was scored, S = N_1 + N_2 + ...; only to keep all of them needs no scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.checks import check_integer, check_number, check_real
from prunelaw.decay.utility import MayExceedOne, Pool, Real, exceeds_one, mixture_error
from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array
from prunelaw.numerics.roots import one_root

_TIE = 1e-13  # relative; two unions closer than this are equal, and the smaller one is named
_GRID = 256  # points of the first look between `low` and `high`; roots are refined to rounding
_KINKS = 64  # ends of passes, where the slopes jump, that the first look includes for each union
_ROUNDS = 4  # closer looks at near-crossings; what stays unseen is narrower than 0.02 % of n


@dataclass(frozen=True, eq=False)
class FilterChoice:
    """What `best_filter` found. `...` is the shape of `samples_seen`.

    Attributes:
        samples_seen: the budget: samples seen in training, with a selection cost the scoring
            included.
        n_pools: size of the best union: keep the best `n_pools` pools.
        error: its error.
        advantage: error of the second-best union minus `error`; ≥ 0, inf when there is only one
            union.
        errors: error of every union: errors[p − 1] keeps the best p pools; inf where scoring would
            eat up the whole budget.
        names: names of the pools, best to worst.
    """

    samples_seen: Array
    n_pools: Int[np.ndarray, "..."]
    error: Array
    advantage: Array
    errors: Float[np.ndarray, "n_unions ..."]
    names: tuple[str, ...]

    @property
    def beyond_range(self) -> Bool[np.ndarray, "..."]:
        """Where `error` is above 1: the law says so there, but it is no probability any more."""
        return exceeds_one(self.error)


@dataclass(frozen=True)
class SwitchPoint(MayExceedOne):
    """Above `samples_seen` keep the best `to_pools`, just below it the best `from_pools`.

    Attributes:
        residual: difference of the two unions' errors at `samples_seen`; rounding only.
    """

    samples_seen: float
    from_pools: int
    to_pools: int
    error: float
    residual: float


def union_errors(
    pools: Sequence[Pool], samples_seen: Any, *, selection_cost: Real = 0.0
) -> Float[np.ndarray, "n_unions ..."]:
    """Errors of the unions of the best 1, 2, ..., n pools, stacked along the first axis.

    inf where the selection cost leaves less than one sample to train on.
    """
    left = training_samples(pools, samples_seen, selection_cost)
    errors = [mixture_error(pools[: p + 1], np.maximum(left[p], 1.0)) for p in range(len(pools))]
    return np.where(left >= 1.0, np.stack(errors), np.inf)


def training_samples(
    pools: Sequence[Pool], budget: Any, selection_cost: Real
) -> Float[np.ndarray, "n_unions ..."]:
    """Samples of training that a `budget` ≥ 1 leaves each union: B − c S, below 1 where too few.

    `selection_cost` c ≥ 0 is the cost of scoring a sample relative to training on it once. To keep
    the best p < n pools all samples are scored, S = Σ N_i; to keep all n of them, none.
    """
    if not pools:
        raise InputError("pools must hold at least one Pool, got none")
    spent = check_real("samples_seen", budget, 1.0)
    cost = check_number("selection_cost", selection_cost, 0.0)
    scored = np.full(len(pools), sum(pool.size for pool in pools))
    scored[-1] = 0.0
    return spent - (cost * scored).reshape(-1, *[1] * spent.ndim)


def best_filter(
    pools: Sequence[Pool], samples_seen: Any, *, selection_cost: Real = 0.0
) -> FilterChoice:
    """The union of the best pools with the lowest error, for every entry of `samples_seen` ≥ 1.

    `pools` are ordered best to worst and share a, d and convention. Unions equal to 1e-13
    (relative) count as a tie and the smallest of them is named. With `selection_cost` c > 0,
    `samples_seen` is the budget from which scoring is paid (`training_samples`).
    """
    seen = check_real("samples_seen", samples_seen, 1.0)
    errors = union_errors(pools, seen, selection_cost=selection_cost)
    best = _best_union(errors)
    others = np.arange(len(errors)).reshape(-1, *[1] * best.ndim) != best
    error = np.asarray(np.take_along_axis(errors, best[None], axis=0)[0])
    return FilterChoice(
        samples_seen=seen,
        n_pools=np.asarray(best + 1),
        error=error,
        advantage=np.asarray(np.min(errors, axis=0, where=others, initial=np.inf) - error),
        errors=errors,
        names=tuple(pool.name for pool in pools),
    )


def switch_points(
    pools: Sequence[Pool], low: Real, high: Real, *, selection_cost: Real = 0.0
) -> tuple[SwitchPoint, ...]:
    """Every samples_seen in (low, high) at which the best union changes, in increasing order.

    The lower envelope of the unions' errors is followed from `low` to `high` (1 ≤ low < high) on a
    logarithmic grid that includes the ends of passes and looks closer where another union comes
    near the best one; each change is then a root of the difference of two errors (brentq, to
    rounding), and a third union that is better at that root splits it in two. `selection_cost` as
    in `best_filter`; a union that becomes affordable with an error already lower switches there,
    with the jump as `residual`.
    """
    follow = _Envelope(pools, low, high, selection_cost)
    best = _best_union(follow.errors(follow.grid))
    found: list[SwitchPoint] = []
    for i in np.flatnonzero(np.diff(best)):
        found += follow.split(follow.grid[i], follow.grid[i + 1], int(best[i]), int(best[i + 1]))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class ParetoCurve:
    """The least error at every budget from `low` to `high`: the lower envelope of the unions.

    The arrays hold an even grid in log budget and, exactly, every switch; the curve itself is a
    function, `curve(budget)`, evaluated afresh and not interpolated.

    Attributes:
        n_pools: the best union from this budget on: at a switch, the one above it.
    """

    budget: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]
    n_pools: Int[np.ndarray, " n"]
    is_switch: Bool[np.ndarray, " n"]
    switches: tuple[SwitchPoint, ...]
    pools: tuple[Pool, ...]
    selection_cost: float

    def __call__(self, budget: Any) -> Array:
        """The least error at any budget ≥ 1."""
        return best_filter(self.pools, budget, selection_cost=self.selection_cost).error


def pareto(
    pools: Sequence[Pool], low: Real, high: Real, *, points: int = 200, selection_cost: Real = 0.0
) -> ParetoCurve:
    """Error against compute with the best union at each budget, from `low` ≥ 1 to `high` > low.

    `points` ≥ 2 budgets evenly spaced in log, and every switch point between them, flagged.
    """
    switches = switch_points(pools, low, high, selection_cost=selection_cost)
    even = np.geomspace(float(low), float(high), check_integer("points", points, 2))
    places = np.array([s.samples_seen for s in switches])
    budget, first = np.unique(np.concatenate([places, even]), return_index=True)
    is_switch = first < places.size
    choice = best_filter(pools, budget, selection_cost=selection_cost)
    n_pools = choice.n_pools.copy()
    for switch in switches:
        n_pools[np.searchsorted(budget, switch.samples_seen)] = switch.to_pools
    return ParetoCurve(
        budget=budget,
        error=choice.error,
        n_pools=n_pools,
        is_switch=is_switch,
        switches=switches,
        pools=tuple(pools),
        selection_cost=float(selection_cost),
    )


def _best_union(errors: Float[np.ndarray, "n_unions ..."]) -> Int[np.ndarray, "..."]:
    """Index of the smallest union whose error is the least one, up to a tie."""
    return np.asarray(np.argmax(errors <= errors.min(axis=0) * (1.0 + _TIE), axis=0))


class _Envelope:
    """The unions' errors as functions of the budget, and where to look at them first."""

    def __init__(self, pools: Sequence[Pool], low: Real, high: Real, cost: Real):
        self.pools, self.cost = pools, cost
        low = check_number("low", low, 1.0)
        high = check_number("high", high, low, low_open=True)
        spent = high - training_samples(pools, high, cost)  # on scores, for each union
        totals = np.cumsum([pool.size for pool in pools])
        ends = (np.outer(totals, np.arange(1, _KINKS + 1)) + spent[:, None]).ravel()
        affordable = (1.0 + spent) * (1.0 + 1e-15)  # rounding must not leave less than one sample
        kinks = np.concatenate([ends, affordable])
        inside = kinks[(kinks > low) & (kinks < high)]
        self.grid = np.unique(np.concatenate([np.geomspace(low, high, _GRID), inside]))
        for _ in range(_ROUNDS):
            self.grid = np.unique(np.concatenate([self.grid, self.around_dips()]))

    def errors(self, budget: Any) -> Float[np.ndarray, "n_unions ..."]:
        return union_errors(self.pools, budget, selection_cost=self.cost)

    def around_dips(self) -> Float[np.ndarray, " m"]:
        """Points around every local minimum of how far a union lies above the best one.

        A union that wins only between two grid points shows as a dip of its distance from the
        best one, and nowhere else: each dip is looked at again, on a grid 4 times finer.
        """
        errors = self.errors(self.grid)
        gap = errors - errors.min(axis=0)
        inner = gap[:, 1:-1]
        dips = (inner > 0.0) & (inner <= gap[:, :-2]) & (inner <= gap[:, 2:]) & np.isfinite(inner)
        middle = np.flatnonzero(dips.any(axis=0)) + 1
        return np.geomspace(self.grid[middle - 1], self.grid[middle + 1], 9).ravel()

    def split(self, low: float, high: float, before: int, after: int) -> list[SwitchPoint]:
        """The switches between `low`, where `before` is best, and `high`, where `after` is."""

        def gap(log_budget: float) -> float:
            errors = self.errors(math.exp(log_budget))
            return float(errors[before] - errors[after])

        ends = math.log(low), math.log(high)
        values = gap(ends[0]), gap(ends[1])
        if not math.isfinite(values[0]):  # `after` is affordable at the next point of the grid
            place = high
        elif values[0] * values[1] >= 0.0:  # an end that ties is the root
            place = low if abs(values[0]) < abs(values[1]) else high
        else:
            place = math.exp(one_root(gap, *ends))
        errors = self.errors(place)
        best = int(_best_union(errors))
        level = min(errors[before], errors[after])
        if errors[best] < level * (1.0 - 10.0 * _TIE) and low < place < high:
            left = self.split(low, place, before, best)
            return left + self.split(place, high, best, after)
        residual = float(errors[before] - errors[after])
        return [SwitchPoint(place, before + 1, after + 1, float(errors[after]), residual)]
