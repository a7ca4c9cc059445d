"""Advice on pools: which law predicts larger budgets, and the plan that follows from it.

The laws are held side by side (`law_comparison`): fitted to the smaller budgets, judged by the
largest.  The plan (`plan`) can use a law that says what a union of pools does, which are those of
utility decay; if another law predicts better, that is said, with what it means for the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prunelaw.decay.utility import Real
from prunelaw_sim.common.note import Note
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.bootstrap import bootstrap
from prunelaw_sim.laws.comparison import LawComparison
from prunelaw_sim.laws.utility import UtilityFit
from prunelaw_sim.pools.decisions import decide
from prunelaw_sim.pools.ensemble import PoolEnsemble, from_fit
from prunelaw_sim.pools.known import LEAST, KnownPools, known_from_runs
from prunelaw_sim.pools.notes import beyond_runs
from prunelaw_sim.pools.plan import Plan, plan
from prunelaw_sim.tables.sweep import Sweep


@dataclass(frozen=True)
class LawChoice:
    """What a law that the runs do not tell from the best one would choose, at its best estimate."""

    law: str
    pools: tuple[str, ...]
    error: float


@dataclass(frozen=True, eq=False)
class PoolAdvice:
    """What runs on pools of data say of a budget; made by `advise_on_pools`.

    Attributes:
        comparison: None where all runs saw the same number of samples: nothing can be held out.
        law: the best law that a plan can use, a name of `pools.known.PLANNED`; `laws` are all that
            its replicates are mixed of, it first.
        other_laws: of the same budget, for the others of these.
        all_pools_from: median budget from which on no filter is better than all pools; inf: beyond
            30 budgets.
        doublings: pool → coordinate → how far the plan goes beyond its runs, where it does.
        warnings: on the choice of the law; those of the plan are in `plan`.
    """

    comparison: LawComparison | None
    law: str
    laws: tuple[str, ...]
    plan: Plan
    other_laws: tuple[LawChoice, ...]
    all_pools_from: float | None
    doublings: Mapping[str, Mapping[str, float]]
    warnings: tuple[Note, ...]
    ensemble: PoolEnsemble = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        names = ("law", "laws", "comparison", "plan", "other_laws", "all_pools_from", "doublings")
        return {name: to_plain(getattr(self, name)) for name in (*names, "warnings")}


def advise_on_pools(
    sweep: Sweep,
    budget: Real,
    *,
    level: Real = 0.9,
    group: str | None = None,
    pools_are: str | None = None,
    replicates: int = 400,
    seed: int = 0,
) -> PoolAdvice:
    """Compare the laws, take those that the runs leave, and plan `budget` samples seen.

    Rows that a rule has pruned say nothing of a whole pool and are left out: of tables with
    keep_fraction and rule, rows with rule "random" or all examples kept are used.

    Args:
        pools_are: "disjoint" or "alternatives" (`pools.nesting`).

    Raises:
        InputError, TableError: as `known_from_runs` and `plan` do.
    """
    known = known_from_runs(
        sweep,
        float(budget),
        group=group,
        pools_are=pools_are,
        replicates=replicates,
        seed=seed,
    )
    found = plan(known.ensemble, budget, level=level)
    others = _other_laws(known, found.budget, group)
    return PoolAdvice(
        comparison=known.comparison,
        law=known.law,
        laws=known.laws,
        plan=found,
        other_laws=others,
        all_pools_from=_all_pools_from(found),
        doublings=beyond_runs(known.ensemble, known.fit, found.chosen),
        warnings=(*known.warnings, *_parting(others, found)),
        ensemble=known.ensemble,
    )


def _all_pools_from(found: Plan) -> float | None:
    return found.switches[-1].budget if found.switches and not found.alternatives else None


def _other_laws(known: KnownPools, budget: float, group: str | None) -> tuple[LawChoice, ...]:
    """The choice of least error at the best estimate of every other law that is mixed in."""
    found = []
    if known.comparison is None:
        return ()
    for name in known.laws[1:]:
        fit = known.comparison.full_fits[name]
        assert isinstance(fit, UtilityFit)
        one = from_fit(bootstrap(fit, LEAST), group=group)  # for its sizes; draws unused
        one = one.with_alternatives(known.ensemble.alternatives)
        decision = decide(one.alone, np.array([budget]))
        best = int(decision.n_pools[0]) - 1
        names = tuple(one.names[i] for i in one.choices[best])
        found.append(LawChoice(name, names, float(decision.error[best, 0])))
    return tuple(found)


def _parting(others: tuple[LawChoice, ...], found: Plan) -> list[Note]:
    """Laws in doubt that would choose other pools, or expect errors outside the interval."""
    notes, chosen = [], found.chosen
    errors = [one.error for one in others]
    by_law = chosen.how == "law"
    if (
        by_law
        and errors
        and not (chosen.low or 0.0) <= min(errors) <= max(errors) <= (chosen.high or np.inf)
    ):
        low, high = min(*errors, chosen.error), max(*errors, chosen.error)
        text = (
            f"laws that the runs do not tell apart expect errors of {low:.4g} to {high:.4g}: more "
            "than the interval at this level"
        )
        notes.append(Note("law_spread", text))
    parting = [one for one in others if set(one.pools) != set(found.chosen.pools)]
    if not parting:
        return notes
    said = "; ".join(f"{one.law}: {' + '.join(one.pools)}" for one in parting)
    text = f"the runs do not tell which law holds, and other laws choose other pools: {said}"
    return [*notes, Note("choice_undecided", text)]
