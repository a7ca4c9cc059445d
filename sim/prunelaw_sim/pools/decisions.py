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

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_real
from prunelaw.decay.utility import Real
from prunelaw.errors import InputError
from prunelaw_sim.pools.ensemble import PoolEnsemble

TIE = (
    1e-13  # relative; as in `prunelaw.decay.filtering`: equal unions, and the smaller one is named
)


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
        probability=ensemble.probability(wins),
        regret=ensemble.mean(errors - least),
        n_pools=_smallest_best(expected, axis=0) + 1,
    )


def union_errors(
    ensemble: PoolEnsemble,
    budgets: Float[np.ndarray, "..."],
    selection: float = 0.0,
    *,
    all_scored: bool = False,
) -> Float[np.ndarray, "replicates unions n"]:
    """Errors of all unions at compute budgets, after the selection has been paid.

    budgets: (n,), or (replicates, n).  inf where less than one sample is left to train on.
    all_scored: the union of all pools pays, too.
    """
    pools = len(ensemble.names)
    if selection == 0.0:
        return ensemble.union_errors(budgets)
    left = budgets - selection
    paying = pools if all_scored else pools - 1
    scored = [ensemble.error(range(p), np.maximum(left, 1.0)) for p in range(1, paying + 1)]
    errors = [np.where(left >= 1.0, error, np.inf) for error in scored]
    if not all_scored:
        errors.append(ensemble.error(range(pools), budgets))
    return np.stack(errors, axis=1)


def _smallest_best(errors: Float[np.ndarray, "..."], axis: int) -> Int[np.ndarray, "..."]:
    """Index of the smallest union whose error is the least one, up to a tie."""
    least = errors.min(axis=axis, keepdims=True)
    return np.argmax(errors <= least * (1.0 + TIE), axis=axis)
