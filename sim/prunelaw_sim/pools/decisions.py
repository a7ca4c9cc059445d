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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_number, check_real
from prunelaw.decay.utility import Real
from prunelaw.errors import InputError
from prunelaw_sim.pools.ensemble import PoolEnsemble

TIE = 1e-13  # relative, as in `prunelaw.decay.filtering`: of equal unions the smaller one is named


@dataclass(frozen=True)
class UnionChoice:
    """Training on the union of the best pools, drawn uniformly, or on one of alternatives.

    Attributes:
        weights: probability that a sample comes from each pool: its share of the union.
        epochs: passes over the union, and over each pool in it.
        samples_seen: in training: the budget without the selection.
        error: expected, or the mean of `runs` that were made as asked; inf where the budget does
            not pay for the selection.
        low, high: interval of `error`, which holds its runs; None where the pools come without
            uncertainty.
        at_point: error of the best estimate of the law.
        regret: expected error above that of the best union.
        probability: of being the best union.
        how: `error` is known: "measured" or "law".
        runs: how many were measured; 0 by law.
        law_error, law_low, law_high: what the law alone says.
    """

    pools: tuple[str, ...]
    weights: Mapping[str, float]
    epochs: float
    samples_seen: float
    error: float
    low: float | None
    high: float | None
    at_point: float
    regret: float
    probability: float
    how: str = "law"
    runs: int = 0
    law_error: float | None = None
    law_low: float | None = None
    law_high: float | None = None


@dataclass(frozen=True, eq=False)
class Decision:
    """Every choice at every budget; index u stands for the best u + 1 pools, or for pool u + 1.

    Attributes:
        budgets: compute in samples seen, selection included.
        selection: compute that every union but that of all pools pays for scores.
        names: of the pools, best to worst.
        error: expected; inf where the budget does not pay for the selection.
        low, high: ends of its central interval at `level`.
        probability: of being the best union.
        n_pools: number, from 1, of the choice of least expected error: the size of a union.
    """

    budgets: Float[np.ndarray, " n"]
    selection: float
    names: tuple[str, ...]
    level: float
    error: Float[np.ndarray, "unions n"]
    low: Float[np.ndarray, "unions n"]
    high: Float[np.ndarray, "unions n"]
    probability: Float[np.ndarray, "unions n"]
    regret: Float[np.ndarray, "unions n"]
    n_pools: Int[np.ndarray, " n"]

    @property
    def curve(self) -> tuple[Float[np.ndarray, " n"], ...]:
        """The Pareto curve over compute: expected error of the best union, and its interval."""
        return self._of_best(self.error), self._of_best(self.low), self._of_best(self.high)

    @property
    def chosen_regret(self) -> Float[np.ndarray, " n"]:
        """Regret of the best union: what better knowledge of the pools could gain."""
        return self._of_best(self.regret)

    @property
    def next_best(self) -> Int[np.ndarray, " n"]:
        """Size of the union that comes second; 0 where there is only one."""
        others = self.error.copy()
        np.put_along_axis(others, (self.n_pools - 1)[None], np.inf, 0)
        return np.where(np.isfinite(others).any(axis=0), np.argmin(others, axis=0) + 1, 0)

    def union(self, p: int) -> dict[str, float]:
        """Of the best p pools at the first budget, all numbers that `UnionChoice` has of them."""
        names = ("low", "high", "error", "regret", "probability")
        return {name: float(getattr(self, name)[p - 1, 0]) for name in names}

    def _of_best(self, numbers: Float[np.ndarray, "unions n"]) -> Float[np.ndarray, " n"]:
        return np.take_along_axis(numbers, (self.n_pools - 1)[None], 0)[0]


def decide(
    ensemble: PoolEnsemble, budgets: Any, *, selection: Real = 0.0, level: float = 0.9
) -> Decision:
    """All unions at all budgets (samples seen, ≥ 1; one number or several), by the laws alone."""
    n = np.atleast_1d(check_real("budgets", budgets, 1.0))
    if n.ndim != 1:
        raise InputError(f"budgets must be one number or a list of them, got shape {n.shape}")
    cost = check_number("selection", selection, 0.0)
    return decided(ensemble, n, union_errors(ensemble, n, cost), cost, level)


def decided(
    ensemble: PoolEnsemble,
    budgets: Float[np.ndarray, " n"],
    errors: Float[np.ndarray, "replicates unions n"],
    selection: float,
    level: float,
) -> Decision:
    """What follows from the errors of all unions at all budgets, wherever they come from."""
    level = check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
    expected = ensemble.mean(errors)
    low, high = ensemble.interval(errors, level)
    wins = np.arange(errors.shape[1])[:, None] == _smallest_best(errors, axis=1)[:, None]
    return Decision(
        budgets=budgets,
        selection=selection,
        names=ensemble.names,
        level=level,
        error=expected,
        low=low,
        high=high,
        probability=ensemble.probability(wins),
        regret=ensemble.mean(errors - errors.min(axis=1, keepdims=True)),
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

    Args:
        budgets: (n,), or (replicates, n).  The error is inf where less than one sample is left.
        all_scored: whether the union of all pools pays, too.
    """
    errors = []
    for i, which in enumerate(ensemble.choices):
        left = budgets - (selection if all_scored or i != ensemble.unscored else 0.0)
        error = ensemble.error(which, np.maximum(left, 1.0))
        errors.append(np.where(left >= 1.0, error, np.inf))
    return np.stack(errors, axis=1)


def _smallest_best(errors: Float[np.ndarray, "..."], axis: int) -> Int[np.ndarray, "..."]:
    """Index of the smallest union whose error is the least one, up to a tie."""
    least = errors.min(axis=axis, keepdims=True)
    return np.argmax(errors <= least * (1.0 + TIE), axis=axis)
