"""Which union of pools to train on at which compute, and how sure that is.

For every replicate θ of a `PoolEnsemble` the unions have errors e_u(n; θ).  At a budget n:

    expected error   E e_u, with the central interval of e_u over the replicates
    best             the union of least expected error: what to choose when θ is not known
    probability      of the replicates in which a union is the best one
    regret           E[e_u − min_v e_v] ≥ 0: what the choice costs against knowing θ

A bootstrap distribution stands for a posterior with a flat prior, as an approximation (the "poor
man's Bayes posterior" of Hastie, Tibshirani and Friedman, Elements of Statistical Learning, 8.4).

Compute is counted in samples seen.  Selecting among pools takes scores, and scores take compute:
`selection` is paid before training by every union but that of all pools.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw._checks import check_real
from prunelaw.errors import InputError
from prunelaw.utility import Real
from prunelaw_sim.pool_ensemble import PoolEnsemble, from_pools

_TIE = 1e-13  # relative; as in `prunelaw.filtering`: equal unions, and the smaller one is named
_GRID = 128  # budgets at which a switch is first looked for, between the two ends
_ROUNDS = 60  # of the search for a root; a dozen is usual
_CLOSE = 1e-13  # in log n


@dataclass(frozen=True, eq=False)
class Decision:
    """Every union at every budget; index u stands for the best u + 1 pools."""

    budgets: Float[np.ndarray, " n"]
    """compute in samples seen, selection included"""
    selection: float
    """compute that every union but that of all pools pays for scores"""
    names: tuple[str, ...]
    """pools, best to worst"""
    level: float
    error: Float[np.ndarray, "unions n"]
    """expected; inf where the budget does not pay for the selection"""
    low: Float[np.ndarray, "unions n"]
    high: Float[np.ndarray, "unions n"]
    probability: Float[np.ndarray, "unions n"]
    """of being the best union"""
    regret: Float[np.ndarray, "unions n"]
    n_pools: Int[np.ndarray, " n"]
    """size of the union of least expected error"""

    @property
    def curve(self) -> tuple[Float[np.ndarray, " n"], ...]:
        """The Pareto curve over compute: expected error of the best union, and its interval."""
        place = (self.n_pools - 1)[None]
        columns = (self.error, self.low, self.high)
        return tuple(np.take_along_axis(numbers, place, 0)[0] for numbers in columns)

    @property
    def chosen_regret(self) -> Float[np.ndarray, " n"]:
        """Regret of the best union: what better knowledge of the pools could gain."""
        return np.take_along_axis(self.regret, (self.n_pools - 1)[None], 0)[0]

    @property
    def next_best(self) -> Int[np.ndarray, " n"]:
        """Size of the union that comes second; 0 where there is only one."""
        others = np.where(
            np.arange(len(self.error))[:, None] == self.n_pools - 1, np.inf, self.error
        )
        found = np.argmin(others, axis=0)
        there = np.isfinite(np.take_along_axis(others, found[None], 0)[0])
        return np.where(there, found + 1, 0)


@dataclass(frozen=True, eq=False)
class Switch:
    """From which budget the best union holds more than `from_pools` pools."""

    from_pools: int
    to_pools: int
    added: str
    """name of the pool that is added"""
    budget: float
    """median over the replicates; inf: not within the range in half of them"""
    low: float
    high: float
    level: float
    """of [low, high]; an end below the range is -inf, one beyond it inf"""
    probability: float
    """that it pays somewhere in [least, most]; a replicate without the switch counts as never"""
    already: float
    """probability that it pays at `least` already"""
    at_point: float
    """the same for the best estimate alone"""
    least: float
    most: float
    each: Float[np.ndarray, " replicates"]
    """of each replicate: -inf already at `least`, inf never"""


def decide(
    ensemble: PoolEnsemble, budgets: Any, *, selection: Real = 0.0, level: float = 0.9
) -> Decision:
    """All unions at all budgets (samples seen, ≥ 1; one number or several)."""
    n = np.atleast_1d(check_real("budgets", budgets, 1.0))
    if n.ndim != 1:
        raise InputError(f"budgets must be one number or a list of them, got shape {n.shape}")
    cost = float(check_real("selection", selection, 0.0))
    level = float(check_real("level", level, 0.0, 1.0, low_open=True, high_open=True))
    errors = union_errors(ensemble, n, cost)
    least = errors.min(axis=1, keepdims=True)
    expected = ensemble.mean(errors)
    low, high = ensemble.interval(errors, level)
    best = _smallest_best(errors, axis=1)
    wins = np.arange(errors.shape[1])[:, None] == best[:, None]
    return Decision(
        budgets=n,
        selection=cost,
        names=ensemble.names,
        level=level,
        error=expected,
        low=low,
        high=high,
        probability=ensemble.mean(wins.astype(np.float64)),
        regret=ensemble.mean(errors - least),
        n_pools=_smallest_best(expected, axis=0) + 1,
    )


def union_errors(
    ensemble: PoolEnsemble, budgets: Float[np.ndarray, "..."], selection: float = 0.0
) -> Float[np.ndarray, "replicates unions n"]:
    """Errors of all unions at compute budgets, for which the selection has been paid.

    budgets: (n,), or (replicates, n).  inf where less than one sample is left to train on.
    """
    pools = len(ensemble.names)
    if selection == 0.0:
        return ensemble.union_errors(budgets)
    left = budgets - selection
    filtered = [ensemble.error(range(p), np.maximum(left, 1.0)) for p in range(1, pools)]
    filtered = [np.where(left >= 1.0, errors, np.inf) for errors in filtered]
    return np.stack([*filtered, ensemble.error(range(pools), budgets)], axis=1)


def switch_distribution(
    ensemble: PoolEnsemble,
    least: Real,
    most: Real,
    *,
    selection: Real = 0.0,
    level: float = 0.9,
) -> tuple[Switch, ...]:
    """For each added pool p → p+1: from which budget in [least, most] it pays, in each replicate.

    It pays where the best union holds more than p pools: min_{q>p} e_q < min_{q≤p} e_q.  The first
    such budget counts; it is bracketed on 128 budgets in equal ratios (spells narrower than their
    distance may stay unseen) and refined to rounding.  The medians and intervals are those of the
    distribution over replicates, with "never" at +inf.
    """
    least = float(check_real("least", least, 1.0))
    most = float(check_real("most", most, least, low_open=True))
    cost = float(check_real("selection", selection, 0.0))
    level = float(check_real("level", level, 0.0, 1.0, low_open=True, high_open=True))
    alone = from_pools(ensemble.point, stretch=max(ensemble.point_stretch, 0.0))
    starts, single = (_first_budgets(e, least, most, cost) for e in (ensemble, alone))
    found = []
    for p, each in enumerate(starts):
        low, high = ensemble.interval(each, level)
        found.append(
            Switch(
                from_pools=p + 1,
                to_pools=p + 2,
                added=ensemble.names[p + 1],
                budget=float(ensemble.quantile(each, 0.5)),
                low=float(low),
                high=float(high),
                level=level,
                probability=float(ensemble.mean((each < np.inf).astype(np.float64))),
                already=float(ensemble.mean((each == -np.inf).astype(np.float64))),
                at_point=float(single[p][0]),
                least=least,
                most=most,
                each=each,
            )
        )
    return tuple(found)


def _first_budgets(
    ensemble: PoolEnsemble, least: float, most: float, cost: float
) -> list[Float[np.ndarray, " replicates"]]:
    """For p = 1, 2, ...: the first budget at which more than p pools are best."""
    grid = np.linspace(math.log(least), math.log(most), _GRID)
    errors = union_errors(ensemble, np.exp(grid), cost)
    found = []
    for p in range(1, errors.shape[1]):
        pays = _gain(errors, p) > 0.0
        first = np.argmax(pays, axis=1)
        ever, already = pays.any(axis=1), pays[:, 0]
        right = np.where(ever & ~already, first, 1)

        def gain(log_n: Float[np.ndarray, " replicates"], p: int = p) -> Any:
            return _gain(union_errors(ensemble, np.exp(log_n)[:, None], cost), p)[:, 0]

        at = np.exp(_root(gain, grid[right - 1], grid[right], ever & ~already))
        found.append(np.where(already, -np.inf, np.where(ever, at, np.inf)))
    return found


def _gain(
    errors: Float[np.ndarray, "replicates unions n"], p: int
) -> Float[np.ndarray, "replicates n"]:
    """By how much the best of the larger unions beats the best of the first p; > 0: they pay."""
    small, large = errors[:, :p].min(axis=1), errors[:, p:].min(axis=1)
    small = np.where(np.isfinite(small), small, 2.0 * large)  # a union that cannot be paid for
    return small * (1.0 - _TIE) - large


def _root(
    gain: Callable[[Any], Any],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    wanted: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """A root of every `wanted` gain between low (gain ≤ 0) and high (> 0): regula falsi (Illinois).

    Every third step halves the bracket, which bounds the number of steps.
    """
    low, high = low.copy(), high.copy()
    below, above = gain(low), gain(high)
    for step in range(_ROUNDS):
        if not (wanted & (high - low > _CLOSE * high)).any():
            break
        slope = np.where(above > below, above - below, 1.0)
        middle = high - (high - low) * np.clip(above / slope, 0.0, 1.0)
        inside = (middle > low) & (middle < high)
        middle = np.where(inside & (step % 3 < 2), middle, 0.5 * (low + high))
        value = gain(middle)
        right = value > 0.0
        below = np.where(right, 0.5 * below, value)
        above = np.where(right, value, 0.5 * above)
        low, high = np.where(right, low, middle), np.where(right, middle, high)
    return high


def _smallest_best(errors: Float[np.ndarray, "..."], axis: int) -> Int[np.ndarray, "..."]:
    """Index of the smallest union whose error is the least one, up to a tie."""
    least = errors.min(axis=axis, keepdims=True)
    return np.argmax(errors <= least * (1.0 + _TIE), axis=axis)
