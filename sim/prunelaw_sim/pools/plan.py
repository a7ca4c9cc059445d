"""A plan for a budget: which pools, with which weights, for how many epochs, and how sure that is.

`plan` puts together what other modules work out, at one budget of compute: the union of least
expected error (`decisions`; `answers`: what was
measured as asked comes first), sampling weights (`prunelaw.decay.mixtures`) and a schedule
(`prunelaw.decay.schedule`) that do better than it, the budgets at which one more pool pays, and the
runs that would narrow the decision most (`next_runs`).  What must be known beside the numbers comes
as notes.

Compute is counted in samples seen.  `selection_cost` is the cost of scoring one sample in these
units (a forward pass is a third of a training step, say), `scored` how many samples are scored; a
plan that keeps every pool needs no scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_number
from prunelaw.decay.mixtures import best_weights
from prunelaw.decay.schedule import Schedule, best_schedule
from prunelaw.decay.utility import Pool, Real, mixture_error
from prunelaw.errors import InputError
from prunelaw_sim.common.note import Note
from prunelaw_sim.fits.bootstrap import Ensemble, bootstrap
from prunelaw_sim.laws.utility import UtilityFit
from prunelaw_sim.pools.answers import answers_at
from prunelaw_sim.pools.decisions import Decision, UnionChoice
from prunelaw_sim.pools.ensemble import PoolEnsemble, from_fit, from_pools
from prunelaw_sim.pools.next_runs import CandidateRun, candidates, rank_runs
from prunelaw_sim.pools.notes import assumptions_of, warnings_of
from prunelaw_sim.pools.switches import Switch, Threshold, scores_pay, switch_distribution

_AROUND = 30.0  # switches are looked for from budget/30 to 30 budgets


@dataclass(frozen=True)
class Weighting:
    """Sampling weights of least error at the best estimate.

    Attributes:
        epochs: passes over each pool.
        error: at the best estimate.
        gain: error of the chosen union minus `error`, at the best estimate.
        expected_gain: mean of the gain over the replicates, weights held.
        low, high: interval of the gain; None where the pools come without uncertainty.
        violation: of the first-order condition, in error per unit of probability.
        optimum: "global" or "local": what is known of the optimum.
    """

    weights: Mapping[str, float]
    epochs: Mapping[str, float]
    samples_seen: float
    error: float
    gain: float
    expected_gain: float
    low: float | None
    high: float | None
    violation: float
    optimum: str

    @property
    def pays(self) -> bool:
        """Whether there is a gain, beyond rounding."""
        return self.gain > 1e-9


@dataclass(frozen=True, eq=False)
class Plan:
    """What to do with a budget; made by `plan`.

    Attributes:
        budget: compute, in samples seen.
        selection: of which scores take this, unless every pool is kept.
        level: of all intervals.
        source: where the uncertainty comes from.
        scatter: standard deviation of one run's error about the law; None: unknown.
        unions: all that can be chosen: unions, smallest first, or alternatives, best b first; then
            single pools that the laws would not choose, but whose runs at the budget are better.
        alternatives: whether the pools share samples, so that only one of them is used.
        conventions: of the laws behind the numbers.
        law_choice: pools that the laws alone would choose; `switches`, `weighting` and `schedule`
            are theirs, too.
        better: probability that `next_best` is better than `chosen`.
        weighting: None for one pool, and for the effective_data convention.
        schedule: the best order of showings at the best estimate, decay per showing, beside the
            best fixed draws on the same clock; None for one pool, and where `warnings` has
            "no_schedule".
        switches: from budget/30 to 30 times budget, all unions scored.
        scores_pay: from which budget on some scored union beats all pools; None where scores cost
            nothing.
        next_runs: best first; empty where the pools come without uncertainty.
    """

    budget: float
    selection: float
    level: float
    source: str
    replicates: int
    scatter: float | None
    chosen: UnionChoice
    next_best: UnionChoice | None
    unions: tuple[UnionChoice, ...]
    better: float | None
    weighting: Weighting | None
    schedule: Schedule | None
    switches: tuple[Switch, ...]
    scores_pay: Threshold | None
    next_runs: tuple[CandidateRun, ...]
    warnings: tuple[Note, ...]
    assumptions: tuple[Note, ...]
    alternatives: bool = False
    conventions: tuple[str, ...] = ()
    law_choice: tuple[str, ...] = ()

    @property
    def against_law(self) -> bool:
        """Whether the laws alone would choose other pools than the runs do."""
        return bool(self.law_choice) and self.law_choice != self.chosen.pools

    @property
    def cheapest_run(self) -> CandidateRun | None:
        """The cheapest next run that is as good as the best within its standard error.

        None where no run would change the choice.
        """
        best = next(iter(self.next_runs), None)
        if best is None or best.reduction <= 0.0:
            return None
        alike = (r for r in self.next_runs if r.reduction >= best.reduction - best.standard_error)
        return min(alike, key=lambda run: run.samples_seen)


def plan(
    pools_or_fit: Sequence[Pool] | PoolEnsemble | Ensemble | UtilityFit,
    budget: Any,
    *,
    selection_cost: Real = 0.0,
    scored: Real | None = None,
    level: Real = 0.9,
    seed: int = 0,
    replicates: int = 400,
    stretch: Real | None = None,
    scatter: Real | None = None,
    run_limit: Real | None = None,
    runs: Sequence[tuple[Sequence[str], float]] | None = None,
) -> Plan:
    """The plan for `budget` ≥ 1 samples of compute.  Deterministic.

    Args:
        pools_or_fit: pools (taken as exact), a `PoolEnsemble`, a fit of `fit_utility` (bootstrapped
            with `replicates` and `seed`) or its bootstrap.
        selection_cost: cost of one score in samples seen, ≥ 0.
        scored: how many samples are scored (default: all of all pools).
        level: of all intervals, in (0, 1).
        stretch: s of τ̂_i = τ_i w_i^{−s} in mixtures of pools given as they are (default: 1, as
            published).  A fit has its own.
        scatter: standard deviation of one run's error about the law, for the value of the next
            runs; default: that of the fit, or 0.
        run_limit: largest samples seen of a candidate run (default: half the budget).
        runs: candidates as (names of pools, samples seen), in place of every pool and every union
            at 1/2, 1/4, 1/8, 1/16 of the budget.

    Raises:
        InputError: for arguments out of range.
    """
    ensemble = _as_ensemble(pools_or_fit, stretch, replicates, seed)
    n = check_number("budget", budget, 1.0)
    cost = check_number("selection_cost", selection_cost, 0.0)
    cost *= float(ensemble.size.sum()) if scored is None else check_number("scored", scored, 0.0)
    answers = answers_at(ensemble, n, cost, level)
    decision, unions, chosen = answers.decision, answers.unions, answers.best
    second = answers.next_best
    ahead = (
        None if second is None else answers.errors[:, second] < answers.errors[:, answers.chosen]
    )
    noise = _scatter(ensemble, scatter, chosen.error)
    wanted = candidates(ensemble, n, run_limit) if runs is None else runs
    ranked = rank_runs(
        ensemble, n, wanted, scatter=noise or 0.0, selection=cost, errors=answers.errors
    )
    weighting = _weighting(ensemble, chosen, decision)
    schedule, no_schedule = _schedule(ensemble, n - cost)
    around = max(n / _AROUND, 1.0), n * _AROUND
    has = weighting is not None, schedule is not None
    return Plan(
        budget=n,
        selection=cost,
        level=decision.level,
        source=ensemble.source,
        replicates=len(ensemble),
        scatter=noise,
        chosen=chosen,
        next_best=None if second is None else unions[second],
        unions=unions,
        better=None if ahead is None else float(ensemble.probability(ahead)),
        weighting=weighting,
        schedule=schedule,
        switches=switch_distribution(ensemble, *around, selection=cost, level=level),
        scores_pay=scores_pay(ensemble, *around, cost, level=level) if cost > 0.0 else None,
        next_runs=() if ensemble.certain else ranked,
        warnings=(
            *answers.notes(ensemble),
            *warnings_of(ensemble, unions, chosen, cost),
            *no_schedule,
        ),
        law_choice=answers.by_law.pools,
        assumptions=(
            *assumptions_of(ensemble, chosen, *has, noise),
            *answers.statistics,
        ),
        alternatives=ensemble.alternatives,
        conventions=tuple(dict.fromkeys(ensemble.conventions or (ensemble.convention,))),
    )


def _as_ensemble(known: Any, stretch: Any, replicates: int, seed: int) -> PoolEnsemble:
    if isinstance(known, UtilityFit):
        known = bootstrap(known, replicates, seed=seed)
    if isinstance(known, Ensemble | PoolEnsemble):
        if stretch is not None:
            raise InputError("stretch belongs to pools; a fit or an ensemble has its own")
        return from_fit(known) if isinstance(known, Ensemble) else known
    return from_pools(known, stretch=1.0 if stretch is None else stretch)


def _scatter(ensemble: PoolEnsemble, scatter: Any, error: float) -> float | None:
    """Standard deviation of one run: given, or that of a typical row of the fit."""
    if scatter is not None:
        return check_number("scatter", scatter, 0.0)
    fit = ensemble.fit
    if fit is None:
        return None
    typical = fit.scatter * float(np.sqrt(np.mean(1.0 / fit.problem.weight**2)))
    return typical * error if fit.problem.model.log_error else typical


def _weighting(ensemble: PoolEnsemble, chosen: UnionChoice, decision: Decision) -> Weighting | None:
    """The best weights at the best estimate, and their gain in every replicate.

    Weights need scores as every filter does; where the selection cannot be paid there are none.
    """
    seen = float(decision.budgets[0]) - decision.selection
    used = {ensemble.convention, *ensemble.conventions}
    if len(ensemble.names) == 1 or "effective_data" in used or seen < 1.0 or ensemble.alternatives:
        return None
    found = best_weights(ensemble.point, seen, stretch=ensemble.point_stretch)
    weighted = [
        mixture_error(ensemble.pools(r), seen, weights=found.weights, stretch=s)
        for r, s in enumerate(ensemble.stretch)
    ]
    which = [ensemble.names.index(name) for name in chosen.pools]
    gains = ensemble.error(which, chosen.samples_seen)[:, 0] - weighted
    low, high = ensemble.interval(gains, decision.level)
    return Weighting(
        weights=_named(ensemble.names, found.weights),
        epochs=_named(ensemble.names, found.weights * seen / ensemble.size),
        samples_seen=seen,
        error=found.error,
        gain=chosen.at_point - found.error,
        expected_gain=float(ensemble.mean(gains)),
        low=None if ensemble.certain else float(low),
        high=None if ensemble.certain else float(high),
        violation=found.violation,
        optimum=found.optimum,
    )


def _schedule(ensemble: PoolEnsemble, seen: float) -> tuple[Schedule | None, tuple[Note, ...]]:
    """The best order of showings at the best estimate, or why there is none."""
    if len(ensemble.names) == 1 or ensemble.alternatives:
        return None, ()
    try:
        return best_schedule(ensemble.point, seen), ()
    except InputError as error:
        return None, (Note("no_schedule", f"no schedule is worked out: {error}"),)


def _named(names: Sequence[str], numbers: Float[np.ndarray, " pools"]) -> dict[str, float]:
    return dict(zip(names, numbers.tolist(), strict=True))
