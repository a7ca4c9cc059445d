"""Advice on pools: which law predicts larger budgets, and the plan that follows from it.

The laws are held side by side (`law_comparison`): fitted to the smaller budgets, judged by the
largest.  The plan (`plan`) can use a law that says what a union of pools does, which are those of
utility decay; if another law predicts better, that is said, with what it means for the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from prunelaw.decay.utility import Real
from prunelaw.errors import InputError
from prunelaw_sim.common.note import Note
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.bootstrap import bootstrap
from prunelaw_sim.laws.comparison import CANDIDATES, LawComparison, compare_laws
from prunelaw_sim.laws.utility import UtilityFit, fit_utility
from prunelaw_sim.pools.decisions import decide
from prunelaw_sim.pools.ensemble import PoolEnsemble, from_fit
from prunelaw_sim.pools.notes import beyond_runs
from prunelaw_sim.pools.plan import Plan, plan
from prunelaw_sim.tables.sweep import Sweep

COLUMNS = ("pool", "unique_samples", "samples_seen", "error")
_FEWEST = 2  # replicates of a bootstrap
# Laws that say what a union of pools does, and how `fit_utility` fits each.
PLANNED = MappingProxyType(
    {
        name: {**({"law": one.law} if one.law != "utility" else {}), **one.options}
        for name, one in CANDIDATES.items()
        if one.law in ("utility", "no-decay", "effective-data")
    }
)


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
        law: that the plan uses, a name of `PLANNED`.
        other_laws: of the same budget, for the laws that are not told from the best.
        all_pools_from: median budget from which on no filter is better than all pools; inf: beyond
            30 budgets.
        doublings: pool → coordinate → how far the plan goes beyond its runs, where it does.
        warnings: on the choice of the law; those of the plan are in `plan`.
    """

    comparison: LawComparison | None
    law: str
    plan: Plan
    other_laws: tuple[LawChoice, ...]
    all_pools_from: float | None
    doublings: Mapping[str, Mapping[str, float]]
    warnings: tuple[Note, ...]
    ensemble: PoolEnsemble = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        names = ("law", "comparison", "plan", "other_laws", "all_pools_from", "doublings")
        return {name: to_plain(getattr(self, name)) for name in (*names, "warnings")}


def advise_on_pools(
    sweep: Sweep,
    budget: Real,
    *,
    level: Real = 0.9,
    group: str | None = None,
    replicates: int = 400,
    seed: int = 0,
) -> PoolAdvice:
    """Compare the laws, take the best one that a plan can use, and plan `budget` samples seen.

    Rows that a rule has pruned say nothing of a whole pool and are left out: of tables with
    keep_fraction and rule, rows with rule "random" or all examples kept are used.  Raises
    `InputError` and `TableError` as `fit_utility` and `plan` do.
    """
    sweep = _unpruned(sweep.require(*COLUMNS))
    several = len(np.unique(sweep["samples_seen"])) > 1
    comparison = compare_laws(sweep, group=group) if several else None
    law, doubts = law_of_plan(comparison)
    fit = fit_utility(sweep.frame, group=group, **PLANNED[law])
    ensemble = from_fit(bootstrap(fit, replicates, seed=seed), group=group)
    found = plan(ensemble, budget, level=level)
    others = _other_laws(comparison, law, found.budget, group)
    return PoolAdvice(
        comparison=comparison,
        law=law,
        plan=found,
        other_laws=others,
        all_pools_from=found.switches[-1].budget if found.switches else None,
        doublings=beyond_runs(ensemble, fit, found.chosen),
        warnings=(*doubts, *_parting(others, found)),
        ensemble=ensemble,
    )


def _unpruned(sweep: Sweep) -> Sweep:
    """The rows whose pools are whole, or drawn from at random."""
    if not {"keep_fraction", "rule"} <= set(sweep.columns):
        return sweep
    frame = sweep.frame
    whole = (frame["rule"] == "random") | (frame["keep_fraction"] == 1.0)
    if not whole.to_numpy(bool).any():
        raise InputError(f"{sweep.source}: every run was pruned by a rule: none tells of a pool")
    return Sweep.from_frame(frame.loc[whole], sweep.source)


def law_of_plan(comparison: LawComparison | None) -> tuple[str, list[Note]]:
    """The best law that a plan can use, and what is to be said if that is not the best law."""
    if comparison is None:
        text = "all runs saw the same number of samples: no law can be judged by a larger budget"
        return "utility", [Note("law_not_judged", text)]
    best, alike = comparison.best, "; ".join(comparison.undecided)
    if best is not None and best in PLANNED:
        text = f"the runs do not tell {best} from {alike}: beyond them these may part"
        return best, [Note("law_undecided", text)] if alike else []
    usable = [name for name in comparison.table["law"] if name in PLANNED]
    chosen = usable[0] if usable else "utility"
    if best is None:
        text = (
            f"no law predicts the held-out budgets; the plan takes {chosen} on trust, and its "
            "interval knows nothing of that"
        )
    elif chosen in comparison.undecided:
        text = (
            f"{best} is the best law, but says nothing of unions of pools; the plan uses {chosen}, "
            "which the held-out runs do not tell from it"
        )
    else:
        text = (
            f"{best} predicts the largest budgets better than any law that says what a union of "
            f"pools does; the plan uses {chosen}, the best of those. Its order of the unions may "
            "be right where its errors are not: trust its interval less than it says"
        )
    return chosen, [Note("law_of_plan", text)]


def _other_laws(
    comparison: LawComparison | None, law: str, budget: float, group: str | None
) -> tuple[LawChoice, ...]:
    """The union of least error at the best estimate of every law in doubt."""
    if comparison is None:
        return ()
    found = []
    for name in filter(None, (comparison.best, *comparison.undecided)):
        if name == law or name not in PLANNED or name not in comparison.full_fits:
            continue
        fit = comparison.full_fits[name]
        assert isinstance(fit, UtilityFit)
        known = from_fit(bootstrap(fit, _FEWEST), group=group)  # for its sizes; draws unused
        decision = decide(known.alone, np.array([budget]))
        count = int(decision.n_pools[0])
        error = float(decision.error[count - 1, 0])
        found.append(LawChoice(name, known.names[:count], error))
    return tuple(found)


def _parting(others: tuple[LawChoice, ...], found: Plan) -> list[Note]:
    """Laws in doubt that would choose other pools, or expect errors outside the interval."""
    notes, chosen = [], found.chosen
    errors = [one.error for one in others]
    if errors and not (chosen.low or 0.0) <= min(errors) <= max(errors) <= (chosen.high or np.inf):
        low, high = min(*errors, chosen.error), max(*errors, chosen.error)
        text = (
            f"laws that the runs do not tell apart expect errors of {low:.4g} to {high:.4g}: more "
            "than the interval, which trusts one of them"
        )
        notes.append(Note("law_spread", text))
    parting = [one for one in others if set(one.pools) != set(found.chosen.pools)]
    if not parting:
        return notes
    said = "; ".join(f"{one.law}: {' + '.join(one.pools)}" for one in parting)
    text = f"the runs do not tell which law holds, and other laws choose other pools: {said}"
    return [*notes, Note("choice_undecided", text)]
