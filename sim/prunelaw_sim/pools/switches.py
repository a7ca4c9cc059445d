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
from scipy.optimize.elementwise import find_root

from prunelaw.checks import check_number
from prunelaw.decay.utility import Real
from prunelaw.errors import ConvergenceError
from prunelaw_sim.pools.decisions import TIE, union_errors
from prunelaw_sim.pools.ensemble import PoolEnsemble

_GRID = 128  # budgets at which a threshold is first looked for, between the two ends

# Of an ensemble and budgets, (n,) or (replicates, n): positive where the thing holds.
Gain = Callable[[PoolEnsemble, Float[np.ndarray, "..."]], Float[np.ndarray, "replicates n"]]


@dataclass(frozen=True, eq=False)
class Threshold:
    """From which budget on something holds, looked for in [least, most].

    Attributes:
        budget: median over the replicates; inf: not within the range in half of them.
        low, high: interval at `level`; an end below the range is -inf, one beyond it inf.
        probability: that there is such a budget; a replicate without it counts as never.
        already: probability that it holds on the whole range.
        elsewhere: probability that it holds in a spell that ends again within the range.
        at_point: `budget` of the best estimate alone.
        each: of each replicate: -inf on the whole range, inf never.
    """

    budget: float
    low: float
    high: float
    level: float
    probability: float
    already: float
    elsewhere: float
    at_point: float
    least: float
    most: float
    each: Float[np.ndarray, " replicates"]

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
    """From which budget on the best union holds more than `from_pools` pools, `added` included."""

    from_pools: int
    to_pools: int
    added: str


def switch_distribution(
    ensemble: PoolEnsemble, least: Real, most: Real, *, selection: Real = 0.0, level: Real = 0.9
) -> tuple[Switch, ...]:
    """For each added pool p → p+1: from which budget in [least, most] on it pays.

    It pays where the best union holds more than p pools, min_{q>p} e_q < min_{q≤p} e_q.  With
    `selection`, all unions are taken as scored: the budget includes it.  A threshold is bracketed
    on 128 budgets in equal ratios (narrower spells may stay unseen) and refined to rounding.
    """
    cost = check_number("selection", selection, 0.0)

    def gain(p: int) -> Gain:
        def of(known: PoolEnsemble, n: Float[np.ndarray, "..."]) -> Float[np.ndarray, "r n"]:
            errors = union_errors(known, n, cost, all_scored=True)
            return _ahead(errors[:, :p].min(axis=1), errors[:, p:].min(axis=1))

        return of

    return tuple(
        Switch(
            **_threshold(ensemble, gain(p), least, most, level),
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
    cost = check_number("selection", selection, 0.0)

    def gain(known: PoolEnsemble, n: Float[np.ndarray, "..."]) -> Float[np.ndarray, "replicates n"]:
        errors, free = union_errors(known, n, cost), known.unscored
        others = np.delete(errors, free, axis=1).min(axis=1, initial=np.inf)
        return _ahead(errors[:, free], others)

    return Threshold(**_threshold(ensemble, gain, least, most, level))


def _threshold(
    ensemble: PoolEnsemble, gain: Gain, least: Any, most: Any, level: Any
) -> dict[str, Any]:
    least = check_number("least", least, 1.0)
    most = check_number("most", most, least, low_open=True)
    level = check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
    each, elsewhere = _from_then_on(ensemble, gain, least, most)
    point = each if ensemble.certain else _from_then_on(ensemble.alone, gain, least, most)[0]
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
    each = np.where(holds.all(axis=1), -np.inf, np.inf)
    inside = np.flatnonzero(holds[:, -1] & ~holds.all(axis=1))
    right = _GRID - np.argmin(holds[inside, ::-1], axis=1)
    at = np.full(len(ensemble), grid[0])

    def of_rows(log_n: Float[np.ndarray, " rows"], rows: Any) -> Float[np.ndarray, " rows"]:
        at[rows] = log_n
        return gain(ensemble, np.exp(at)[:, None])[rows, 0]

    if inside.size:
        found = find_root(of_rows, (grid[right - 1], grid[right]), args=(inside,))
        if not found.success.all():
            raise ConvergenceError("a switch budget was not found to rounding")
        each[inside] = np.exp(found.x)
    return each, np.asarray((holds[:, :-1] & ~holds[:, 1:]).any(axis=1))


def _ahead(
    old: Float[np.ndarray, "replicates n"], new: Float[np.ndarray, "replicates n"]
) -> Float[np.ndarray, "replicates n"]:
    """old − new beyond a tie; a union that the budget does not pay for is never ahead."""
    there = np.isfinite(new)
    level = np.where(there, new, 1.0)
    before = np.where(np.isfinite(old), old, 2.0 * level)
    return np.where(there, before * (1.0 - TIE) - level, -1.0)
