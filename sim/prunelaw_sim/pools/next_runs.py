"""Which run to train next so that the decision between unions gets better: preposterior analysis.

The replicates of a `PoolEnsemble` are the prior.  In replicate r a candidate run has the outcome
y = m_r + noise, m_r the law's error there.  Once y is seen, the replicates count w_r N(y; m_r, σ²),
and the union of least expected regret is chosen anew ("expected value of sample information",
Raiffa and Schlaifer, Applied Statistical Decision Theory, 1961):

    reduction = min_u Σ_r w_r L_ru − ∫ dy min_u Σ_r w_r N(y; m_r, σ²) L_ru ≥ 0,

L_ru the regret of union u at the budget.  The integral over y is done on a grid, not by chance.
Some hundred replicates are too coarse for an outcome known better than they are apart, so the noise
is widened by a kernel's width h, σ² = scatter² + h² (Silverman's rule): more noise can only make a
run look less worth, never more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_choice, check_number
from prunelaw.decay.utility import Real
from prunelaw.errors import InputError
from prunelaw_sim.pools.decisions import union_errors
from prunelaw_sim.pools.ensemble import PoolEnsemble

FRACTIONS = (0.5, 0.25, 0.125, 0.0625)  # of the budget: lengths of the runs that are looked at
_TAIL = 6.0  # widths of the noise beyond the outermost outcome
_PER_WIDTH = 5.0  # points of the grid in a width of the noise
_MOST_WIDTHS = 500.0  # the outcomes' range in widths: beyond it the noise is widened further


@dataclass(frozen=True)
class CandidateRun:
    """A run that could be trained before the decision, and what it would be worth.

    Attributes:
        pools: the run draws uniformly from the union of these.
        samples_seen: its cost.
        predicted: expected outcome.
        spread: standard deviation of the outcome over the replicates, without scatter.
        regret_now: expected regret of the best union today.
        regret_after: that of the union that would be chosen once the outcome is known.
        reduction: regret_now − regret_after, ≥ 0, in units of the error.
        standard_error: of `reduction`, from the finite number of replicates.
    """

    pools: tuple[str, ...]
    samples_seen: float
    predicted: float
    spread: float
    regret_now: float
    regret_after: float
    reduction: float
    standard_error: float


def candidates(
    ensemble: PoolEnsemble, budget: Real, cost_limit: Real | None = None
) -> tuple[tuple[tuple[str, ...], float], ...]:
    """Every pool alone and every union at 1/2, 1/4, 1/8, 1/16 of the budget, up to the limit."""
    n = check_number("budget", budget, 1.0)
    most = n if cost_limit is None else check_number("cost_limit", cost_limit, 1.0)
    names = ensemble.names
    sets = [(name,) for name in names]
    sets += [tuple(names[i] for i in one) for one in ensemble.choices if len(one) > 1]
    lengths = [n * f for f in FRACTIONS if 1.0 <= n * f <= most]
    if most < n * FRACTIONS[-1]:
        lengths = [most]
    return tuple((chosen, seen) for seen in lengths for chosen in sets)


def rank_runs(
    ensemble: PoolEnsemble,
    budget: Real,
    runs: Sequence[tuple[Sequence[str], float]],
    *,
    scatter: Real = 0.0,
    selection: Real = 0.0,
    errors: Float[np.ndarray, "replicates unions"] | None = None,
) -> tuple[CandidateRun, ...]:
    """The candidate runs, those that reduce the expected regret at `budget` most first.

    Runs of equal worth are in order of cost.  Deterministic.

    Args:
        runs: (names of the pools drawn from, samples seen ≥ 1) of each candidate.
        scatter: standard deviation of one run's error about the law.
        errors: of all unions at the budget; by default those of the laws.
    """
    n = check_number("budget", budget, 1.0)
    noise = check_number("scatter", scatter, 0.0)
    cost = check_number("selection", selection, 0.0)
    if errors is None:
        errors = union_errors(ensemble, np.array([n]), cost)[:, :, 0]
    errors = errors[:, np.isfinite(errors).all(axis=0)]  # unions that the budget pays for
    regret = errors - errors.min(axis=1, keepdims=True)
    judged = [_judge(ensemble, tuple(pools), seen, regret, noise) for pools, seen in runs]
    return tuple(sorted(judged, key=lambda run: (-run.reduction, run.samples_seen)))


def _judge(
    ensemble: PoolEnsemble,
    pools: tuple[str, ...],
    samples_seen: float,
    regret: Float[np.ndarray, "replicates unions"],
    scatter: float,
) -> CandidateRun:
    if not pools:
        raise InputError("runs must name at least one pool each, got none")
    which = [ensemble.names.index(check_choice("runs", name, ensemble.names)) for name in pools]
    seen = check_number("samples_seen", samples_seen, 1.0)
    outcome = ensemble.error(which, seen)[:, 0]
    predicted = float(ensemble.mean(outcome))
    spread = math.sqrt(float(ensemble.mean((outcome - predicted) ** 2)))
    now = ensemble.mean(regret)
    saved = regret[:, int(np.argmin(now))] - _after(ensemble, outcome, spread, regret, scatter)
    reduction = float(ensemble.mean(saved))
    return CandidateRun(
        pools=pools,
        samples_seen=seen,
        predicted=predicted,
        spread=spread,
        regret_now=float(now.min()),
        regret_after=float(now.min()) - reduction,
        reduction=reduction,
        standard_error=float(np.sqrt(np.sum((ensemble.weight * (saved - reduction)) ** 2))),
    )


def _after(
    ensemble: PoolEnsemble,
    outcome: Float[np.ndarray, " replicates"],
    spread: float,
    regret: Float[np.ndarray, "replicates unions"],
    scatter: float,
) -> Float[np.ndarray, " replicates"]:
    """Of each replicate, the regret of what is chosen after the run, over its outcomes."""
    if spread <= 1e-12 * abs(float(outcome.mean())):  # the same outcome in all: it tells nothing
        return regret[:, int(np.argmin(ensemble.mean(regret)))]
    width = math.hypot(scatter, _kernel_width(ensemble, outcome, spread))
    width = max(width, float(np.ptp(outcome)) / _MOST_WIDTHS)
    low, high = outcome.min() - _TAIL * width, outcome.max() + _TAIL * width
    y = np.linspace(low, high, math.ceil((high - low) * _PER_WIDTH / width) + 1)
    seen_from = np.exp(-0.5 * ((y - outcome[:, None]) / width) ** 2)
    seen_from /= seen_from.sum(axis=1, keepdims=True)
    chosen = np.argmin((ensemble.weight[:, None] * regret).T @ seen_from, axis=0)
    return np.einsum("ry,ry->r", seen_from, regret[:, chosen])


def _kernel_width(ensemble: PoolEnsemble, outcome: Any, spread: float) -> float:
    """Silverman's rule: .9 min(standard deviation, quartile range/1.34) R^(−1/5)."""
    effective = 1.0 / float(np.sum(ensemble.weight**2))
    low, high = ensemble.interval(outcome, 0.5)
    return 0.9 * (min(spread, float(high - low) / 1.34) or spread) * effective**-0.2
