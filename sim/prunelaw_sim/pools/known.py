"""What a table of runs tells of pools: one law, or those that the runs do not tell apart.

`prunelaw plan` and `prunelaw advise` both ask here, so that they answer alike.  The laws that say
what a union of pools does are held side by side (`laws.comparison`); the best one and those that
the runs do not tell from it are bootstrapped, and their replicates mixed with equal weights, so
that intervals hold the spread over laws, too.  A law without decay says nothing of more passes than
the runs made, and is left out there.  Of the laws' ensemble the runs are part: what was measured as
asked comes first (`answers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from prunelaw.checks import check_integer
from prunelaw.errors import ConvergenceError, InputError, TableError
from prunelaw_sim.common.amounts import amount_text
from prunelaw_sim.common.note import Note
from prunelaw_sim.fits.bootstrap import bootstrap
from prunelaw_sim.laws.comparison import LawComparison, candidates, compare_laws
from prunelaw_sim.laws.utility import UtilityFit, fit_utility
from prunelaw_sim.pools.ensemble import PoolEnsemble, from_fit, mixed
from prunelaw_sim.pools.nesting import alternatives
from prunelaw_sim.tables.sweep import Sweep

COLUMNS = ("pool", "unique_samples", "samples_seen", "error")
LEAST = 2  # replicates of one law
MORE = 1.01  # passes beyond those of the runs by more than this are beyond them
# Laws that say what a union of pools does, and how `fit_utility` fits each.
PLANNED = MappingProxyType(
    {
        name: {**({"law": one.law} if one.law != "utility" else {}), **one.options}
        for name, one in candidates().items()
        if one.law in ("utility", "no-decay", "effective-data")
    }
)


@dataclass(frozen=True, eq=False)
class KnownPools:
    """Pools as a table of runs tells of them; made by `known_from_runs`.

    Attributes:
        law: the best law, a name of `PLANNED`; `laws` are all that are mixed, it first.
        comparison: None where laws were not held side by side.
        pools_are: how it is known whether the pools share samples.
        warnings: on the choice of the laws.
    """

    ensemble: PoolEnsemble
    fit: UtilityFit
    law: str
    laws: tuple[str, ...]
    comparison: LawComparison | None
    pools_are: str
    warnings: tuple[Note, ...] = field(default=())


def known_from_runs(
    sweep: Sweep,
    budget: float,
    *,
    convention: str | None = None,
    stretch: float | None = None,
    group: str | None = None,
    sizes: Mapping[str, float] | None = None,
    pools_are: str | None = None,
    replicates: int = 400,
    seed: int = 0,
) -> KnownPools:
    """The pools of a table of runs.

    Args:
        budget: samples seen: laws are looked at for so many.
        convention, stretch: of the utility law, which alone is taken then.
        group: which group of runs; needed if there are several.
        sizes: unique samples of a pool by name, in place of the most that its runs had.
        pools_are: "disjoint" or "alternatives"; asked for where names or sizes look nested.

    Raises:
        InputError: for pools that look nested, and arguments.
        TableError: for what the fit refuses, with the name of the table.
    """
    sweep = _unpruned(sweep.require(*COLUMNS))
    check_integer("replicates", replicates, LEAST)
    are, why = alternatives(_sizes(sweep) | dict(sizes or {}), ranges_of(sweep), pools_are)
    comparison, doubts = None, []
    law, names = "utility", ["utility"]
    options: dict[str, Any] = {}
    if convention is None and stretch is None:
        several = len(np.unique(sweep["samples_seen"])) > 1
        comparison = _compared(sweep, group) if several else None
        law, doubts = law_of_plan(comparison)
        names = [law, *_alike(comparison, law)]
        names, said = _with_decay(names, comparison, sweep, budget)
        law, doubts = names[0], [*doubts, *said]
    else:
        options = {
            "convention": convention or "paper",
            "stretch": 1.0 if stretch is None else stretch,
        }
    parts, fits, used, lost = [], [], [], []
    for name in names:
        count = max(replicates // len(names), LEAST)
        try:
            fit = _fitted(sweep, group, {**PLANNED[name], **options})
            parts.append(from_fit(bootstrap(fit, count, seed=seed), group=group, sizes=sizes))
        except ConvergenceError as error:
            lost.append(error)
            doubts.append(Note("law_left_out", f"{name} is left out: {error}"))
            continue
        fits.append(fit)
        used.append(name)
    if not parts:
        raise lost[0]
    law, names = used[0], used
    known = parts[0]
    if len(parts) > 1:
        source = (
            f"{known.source}, for each of {len(parts)} laws with equal weights: {', '.join(names)}"
        )
        known = mixed(parts, source)
    known = known.with_alternatives(are)
    return KnownPools(known, fits[0], law, tuple(names), comparison, why, tuple(doubts))


def _compared(sweep: Sweep, group: str | None) -> LawComparison | None:
    """Laws side by side; None where none can be held out or fitted."""
    try:
        return compare_laws(sweep, group=group)
    except InputError as error:
        raise TableError(f"{sweep.source}: {error}") from error


def _fitted(sweep: Sweep, group: str | None, options: Mapping[str, Any]) -> UtilityFit:
    try:
        return fit_utility(sweep.frame, group=group, **options)
    except InputError as error:
        raise TableError(f"{sweep.source}: {error}") from error


def _sizes(sweep: Sweep) -> dict[str, float]:
    """The most unique samples that runs of each pool had."""
    found: dict[str, float] = {}
    for name, size in zip(sweep["pool"], sweep["unique_samples"], strict=True):
        found[str(name)] = max(found.get(str(name), 0.0), float(size))
    return found


def ranges_of(sweep: Sweep) -> dict[str, tuple[float, float]] | None:
    """The part of the data that each pool holds, by score; None without these columns.

    `TableError` for a pool with two ranges.
    """
    ends = ("quantile_low", "quantile_high")
    if not set(ends) <= set(sweep.columns):
        return None
    found: dict[str, tuple[float, float]] = {}
    for name, low, high in zip(sweep["pool"], *(sweep[end] for end in ends), strict=True):
        if not low < high:
            raise TableError(
                f"{sweep.source}: quantile_low must be below quantile_high of {name!r}"
            )
        if found.setdefault(str(name), (low, high)) != (low, high):
            raise TableError(f"{sweep.source}: pool {name!r} has two ranges of quantiles")
    return found


def _alike(comparison: LawComparison | None, law: str) -> list[str]:
    """Other laws for a plan that the runs do not tell from the best one."""
    if comparison is None:
        return []
    close = filter(None, (comparison.best, *comparison.undecided))
    known = [name for name in close if name in PLANNED and name in comparison.full_fits]
    return [name for name in known if name != law] if law in known else []


def _with_decay(
    names: list[str], comparison: LawComparison | None, sweep: Sweep, budget: float
) -> tuple[list[str], list[Note]]:
    """The laws without those that say nothing of so many passes."""
    smallest = min(_sizes(sweep).values())
    most = float(np.max(sweep["samples_seen"] / sweep["unique_samples"]))
    if "no-decay" not in names or budget / smallest <= MORE * most:
        return names, []
    others = [name for name in names if name != "no-decay"]
    if not others:
        table = [] if comparison is None else comparison.table["law"].tolist()
        fits = {} if comparison is None else comparison.full_fits
        usable = [n for n in table if n in PLANNED and n != "no-decay" and n in fits]
        others = usable[:1] or ["utility"]
    text = (
        f"no-decay is not told from other laws or predicts best, but says nothing of "
        f"{budget / smallest:.3g} epochs: the runs made at most {most:.3g}; {', '.join(others)} "
        f"answers for {amount_text(budget)} samples"
    )
    return others, [Note("no_decay", text)]


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
