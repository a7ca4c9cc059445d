"""From which budget on one more pool pays, and from which on scores do, with intervals.

A threshold is the least budget n* within the range asked such that something holds at all budgets
from n* to the end of the range.  Each replicate of a `PoolEnsemble` has its own: -inf where it
holds on the whole range, inf where it does not hold at the end.  Medians, intervals and
probabilities are those of their distribution.  Spells that end again within the range do not count,
and are reported: where a n/1e5 < 1, for one, the law has the order of the pools reversed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from prunelaw.checks import check_real
from prunelaw.decay.utility import Real
from prunelaw.errors import ConvergenceError
from prunelaw_sim.pools.decisions import TIE, union_errors
from prunelaw_sim.pools.ensemble import PoolEnsemble, from_pools

_GRID = 128  # budgets at which a threshold is first looked for, between the two ends
_ROUNDS = 80  # of the search for a root; six are usual
_CLOSE = 1e-13  # relative, of log n

Gain = Callable[[PoolEnsemble, Float[np.ndarray, "..."]], Float[np.ndarray, "replicates n"]]
"""Of an ensemble and budgets, (n,) or (replicates, n): positive where the thing holds."""


@dataclass(frozen=True, eq=False)
class Threshold:
    """From which budget on something holds, up to `most`."""

    budget: float
    """median over the replicates; inf: not within the range in half of them"""
    low: float
    high: float
    level: float
    """of [low, high]; an end below the range is -inf, one beyond it inf"""
    probability: float
    """that there is such a budget in the range; a replicate without it counts as never"""
    already: float
    """probability that it holds on the whole range"""
    elsewhere: float
    """probability that it holds in a spell that ends again within the range"""
    at_point: float
    """`budget` of the best estimate alone"""
    least: float
    most: float
    each: Float[np.ndarray, " replicates"]
    """of each replicate: -inf on the whole range, inf never"""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: an infinite budget is None, and `..._is` says which: "below" or "beyond"."""
        named = {n: getattr(self, n) for n in self.__dataclass_fields__ if n != "each"}
        for name in ("budget", "low", "high", "at_point"):
            value = named[name]
            places = {math.inf: "beyond", -math.inf: "below"}
            named[name] = value if math.isfinite(value) else None
            named[f"{name}_is"] = places.get(value, "within")
        return named


@dataclass(frozen=True, eq=False)
class Switch(Threshold):
    """From which budget on the best union holds more than `from_pools` pools."""

    from_pools: int
    to_pools: int
    added: str
    """name of the pool that is added"""


def switch_distribution(
    ensemble: PoolEnsemble,
    least: Real,
    most: Real,
    *,
    selection: Real = 0.0,
    level: Real = 0.9,
) -> tuple[Switch, ...]:
    """For each added pool p → p+1: from which budget in [least, most] on it pays.

    It pays where the best union holds more than p pools, min_{q>p} e_q < min_{q≤p} e_q.  With
    `selection`, all unions are taken as scored: the budget includes it.  A threshold is bracketed
    on 128 budgets in equal ratios (narrower spells may stay unseen) and refined to rounding.
    """
    low, high, cost = _checked(least, most, selection)

    def gain(p: int) -> Gain:
        return lambda known, n: _more_pools(union_errors(known, n, cost, all_scored=True), p)

    return tuple(
        Switch(
            **_threshold(ensemble, gain(p), low, high, level),
            from_pools=p,
            to_pools=p + 1,
            added=ensemble.names[p],
        )
        for p in range(1, len(ensemble.names))
    )


def scores_pay(
    ensemble: PoolEnsemble, least: Real, most: Real, selection: Real, *, level: Real = 0.9
) -> Threshold:
    """From which budget in [least, most] on some union with scores beats all pools without them."""
    low, high, cost = _checked(least, most, selection)

    def gain(known: PoolEnsemble, n: Float[np.ndarray, "..."]) -> Float[np.ndarray, "replicates n"]:
        errors = union_errors(known, n, cost)
        return _ahead(errors[:, -1], errors[:, :-1].min(axis=1, initial=np.inf))

    return Threshold(**_threshold(ensemble, gain, low, high, level))


def _checked(least: Any, most: Any, selection: Any) -> tuple[float, float, float]:
    low = float(check_real("least", least, 1.0))
    high = float(check_real("most", most, low, low_open=True))
    return low, high, float(check_real("selection", selection, 0.0))


def _threshold(
    ensemble: PoolEnsemble, gain: Gain, least: float, most: float, level: Any
) -> dict[str, Any]:
    level = float(check_real("level", level, 0.0, 1.0, low_open=True, high_open=True))
    each, elsewhere = _from_then_on(ensemble, gain, least, most)
    point = each
    if not ensemble.certain:
        alone = from_pools(ensemble.point, stretch=ensemble.point_stretch)
        point = _from_then_on(alone, gain, least, most)[0]
    low, high = ensemble.interval(each, level)
    return {
        "budget": float(ensemble.quantile(each, 0.5)),
        "low": float(low),
        "high": float(high),
        "level": level,
        "probability": float(ensemble.probability(each < np.inf)),
        "already": float(ensemble.probability(each == -np.inf)),
        "elsewhere": float(ensemble.probability(elsewhere)),
        "at_point": float(point[0]),
        "least": least,
        "most": most,
        "each": each,
    }


def _from_then_on(
    ensemble: PoolEnsemble, gain: Gain, least: float, most: float
) -> tuple[Float[np.ndarray, " replicates"], Bool[np.ndarray, " replicates"]]:
    """Each replicate's threshold, and whether the thing also holds in a spell that ends again."""
    grid = np.linspace(math.log(least), math.log(most), _GRID)
    holds = gain(ensemble, np.exp(grid)) > 0.0
    never, already = ~holds[:, -1], holds.all(axis=1)
    right = np.where(never | already, 1, _GRID - np.argmin(holds[:, ::-1], axis=1))

    def own(log_n: Float[np.ndarray, " replicates"]) -> Float[np.ndarray, " replicates"]:
        return gain(ensemble, np.exp(log_n)[:, None])[:, 0]

    at = np.exp(_root(own, grid[right - 1], grid[right], ~(never | already)))
    each = np.where(already, -np.inf, np.where(never, np.inf, at))
    return each, np.asarray((holds[:, :-1] & ~holds[:, 1:]).any(axis=1))


def _more_pools(
    errors: Float[np.ndarray, "replicates unions n"], p: int
) -> Float[np.ndarray, "replicates n"]:
    """By how much the best of the larger unions beats the best of the first p."""
    return _ahead(errors[:, :p].min(axis=1), errors[:, p:].min(axis=1))


def _ahead(
    old: Float[np.ndarray, "replicates n"], new: Float[np.ndarray, "replicates n"]
) -> Float[np.ndarray, "replicates n"]:
    """old − new beyond a tie; a union that the budget does not pay for is never ahead."""
    there = np.isfinite(new)
    level = np.where(there, new, 1.0)
    before = np.where(np.isfinite(old), old, 2.0 * level)
    return np.where(there, before * (1.0 - TIE) - level, -1.0)


def _root(
    gain: Callable[[Any], Any],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    wanted: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """A root of every `wanted` gain between low (gain ≤ 0) and high (> 0): secants in a bracket.

    A step goes through the last two points; every eighth, and one that would leave the bracket,
    halves it. It ends when the secant's step is down to rounding.
    """
    low, high = low.copy(), high.copy()
    last, at = low, high
    old, new = gain(last), gain(at)
    for step in range(_ROUNDS):
        slope = (new - old) / np.where(at != last, at - last, 1.0)
        move = np.where(slope != 0.0, -new / np.where(slope != 0.0, slope, 1.0), 0.0)
        if (~wanted | (np.abs(move) <= _CLOSE * high)).all():
            break
        guess = at + move
        inside = (guess >= low) & (guess <= high) & (step % 8 < 7)
        last, old = at, new
        at = np.where(inside, guess, 0.5 * (low + high))
        new = gain(at)
        low, high = np.where(new > 0.0, low, at), np.where(new > 0.0, at, high)
    else:
        raise ConvergenceError(f"a switch budget was not found to rounding in {_ROUNDS} steps")
    return at
