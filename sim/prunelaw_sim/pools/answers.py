"""Errors of every choice at one budget: as measured where it was, by the laws where it was not.

A pool alone that was run for as many samples answers with the mean of its runs (`measured`), and
the choice is the least expected error of all.  Where the laws miss the cells measured at the budget
by more than their noise (F test), what they say there of other choices moves by as much, relative.
Where the cells contradict the laws' order of them, beyond their noise, the best cell is chosen,
unless another choice is told to be better at the level asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw_sim.common.amounts import amount_text
from prunelaw_sim.common.note import Note
from prunelaw_sim.common.statistics import lack_of_fit
from prunelaw_sim.pools.decisions import Decision, UnionChoice, decide, decided, union_errors
from prunelaw_sim.pools.ensemble import PoolEnsemble
from prunelaw_sim.pools.measured import MeasuredCell, even_draws

MISSED = 0.05  # probability by chance below which the laws miss what was measured


@dataclass(frozen=True, eq=False)
class Answers:
    """All choices at one budget; made by `answers_at`.

    Attributes:
        errors: of every choice in every replicate, measured ones in place of the laws'.
        cells: what was measured of each choice.
        miss: how far the laws miss these cells, relative; 0 where that is no more than noise.
        decision: by `errors`.
        unions: all choices, also pools alone that the laws would not choose, whose runs are better
            than the best pool alone; `chosen` says which, from 0.
        law_choice: which the laws alone would choose, from 0.
    """

    errors: Float[np.ndarray, "replicates unions"]
    cells: tuple[MeasuredCell | None, ...]
    miss: float
    decision: Decision
    law_choice: int
    unions: tuple[UnionChoice, ...]
    chosen: int

    @property
    def best(self) -> UnionChoice:
        """The choice."""
        return self.unions[self.chosen]

    @property
    def by_law(self) -> UnionChoice:
        """What the laws alone would choose."""
        return self.unions[self.law_choice]

    @property
    def next_best(self) -> int | None:
        """Which comes second, from 0; None where the budget pays for no other."""
        others = self.decision.error[:, 0].copy()
        others[self.chosen] = np.inf
        return int(others.argmin()) if np.isfinite(others).any() else None

    @property
    def statistics(self) -> tuple[Note, ...]:
        """What the intervals of measured choices rest on."""
        scatters = {cell.scatter for cell in self.cells if cell is not None}
        told = {
            "law": "the scatter of all runs about the law, as nothing measures that of runs alike",
            "stated": "the standard errors of the table",
            "seeds": "the scatter of runs that were made alike, pooled over the table",
        }
        about = "measured errors: their intervals hold the runs themselves, and come from "
        return tuple(Note("statistics", about + told[name]) for name in sorted(scatters))

    def notes(self, ensemble: PoolEnsemble) -> Iterator[Note]:
        """Where the laws and the runs at the budget part."""
        found = [cell for cell in self.cells if cell is not None]
        if not found:
            return
        at = f"at {amount_text(found[0].samples_seen)} samples"
        if self.miss:
            yield Note(
                "law_misses",
                f"the law misses what was measured {at} by {100 * self.miss:.2g} %, more than "
                "the noise of the runs: it is as far off, maybe, where nothing was measured",
            )
        other = self.by_law
        if other is not self.best:
            gap = self.errors[:, self.law_choice] - self.errors[:, self.chosen]
            told = ensemble.interval(gap, self.decision.level)[0] > 0.0
            yield Note(
                "runs_disagree",
                f"the law alone would choose {' + '.join(other.pools)}, with error "
                f"{other.law_error:.4g}; the runs made {at} say otherwise, and come first"
                + ("" if told else f" (they do not tell it from {' + '.join(self.best.pools)})"),
            )


def answers_at(ensemble: PoolEnsemble, budget: float, selection: float, level: float) -> Answers:
    """The errors of all choices at a budget, and the choice.  Deterministic."""
    n = np.array([budget])
    base = decide(ensemble, n, selection=selection, level=level)
    choices = [*ensemble.choices, *_overlooked(ensemble, budget - selection, base)]
    seen = [
        max(budget - (0.0 if i == ensemble.unscored else selection), 0.0)
        for i in range(len(choices))
    ]
    laws = _law_errors(ensemble, n, selection, choices)
    law = decided(ensemble, n, laws, selection, level)
    cells = tuple(
        _cell(ensemble, which[0], at) if len(which) == 1 else None
        for which, at in zip(choices, seen, strict=True)
    )
    miss = _miss(ensemble, budget - selection)
    errors = laws.copy()
    random = np.random.default_rng(29)
    for i, cell in enumerate(cells):
        if cell is not None:
            errors[:, i, 0] = cell.draws(len(ensemble))
        elif miss:
            errors[:, i, 0] *= np.exp(miss * even_draws(len(ensemble), np.inf, random))
    decision = decided(ensemble, n, errors, selection, level)
    point = _law_errors(ensemble.alone, n, selection, choices)[0, :, 0].tolist()
    unions = []
    for i, which in enumerate(choices):
        union = _union(ensemble, which, seen[i], at_point=point[i], **decision.union(i + 1))
        unions.append(_with_runs(union, cells[i], law.union(i + 1), ensemble.certain))
    return Answers(
        errors=errors[:, :, 0],
        cells=cells,
        miss=miss,
        decision=decision,
        law_choice=int(base.n_pools[0]) - 1,
        unions=tuple(unions),
        chosen=_chosen(ensemble, decision, law, errors[:, :, 0], cells),
    )


def _overlooked(ensemble: PoolEnsemble, seen: float, base: Decision) -> list[tuple[int, ...]]:
    """Pools alone that no union of the best is, whose runs are better than the best pool alone."""
    if ensemble.alternatives or seen < 1.0:
        return []
    first, *others = (_cell(ensemble, i, seen) for i in range(len(ensemble.names)))
    least = float(base.error[0, 0]) if first is None else first.error
    better = enumerate(others, start=1)
    return [(i,) for i, cell in better if cell is not None and cell.error < least]


def _law_errors(
    ensemble: PoolEnsemble,
    budget: Float[np.ndarray, " 1"],
    selection: float,
    choices: list[tuple[int, ...]],
) -> Float[np.ndarray, "replicates choices 1"]:
    """Of unions, then of the other choices."""
    unions = union_errors(ensemble, budget, selection)
    others = choices[unions.shape[1] :]
    return np.stack(
        [*unions.transpose(1, 0, 2), *(ensemble.error(w, budget - selection) for w in others)],
        axis=1,
    )


def _cell(ensemble: PoolEnsemble, pool: int, seen: float) -> MeasuredCell | None:
    """What was measured of one pool alone."""
    if ensemble.measured is None:
        return None
    return ensemble.measured.at(ensemble.names[pool], float(ensemble.size[pool]), seen)


def _miss(ensemble: PoolEnsemble, seen: float) -> float:
    """Relative distance of the laws from the pools measured at the budget, beyond their noise."""
    found = {i: _cell(ensemble, i, seen) for i in range(len(ensemble.names))}
    cells = {i: cell for i, cell in found.items() if cell is not None}
    if not cells:
        return 0.0
    law = np.array([float(ensemble.mean(ensemble.error([i], seen)[:, 0])) for i in cells])
    noise = np.array([cell.standard_error for cell in cells.values()]) / law
    left = np.array([cell.error for cell in cells.values()]) / law - 1.0
    if not (noise > 0.0).all():
        return 0.0
    freedom = min(cell.freedom for cell in cells.values())
    if lack_of_fit(float(np.sum((left / noise) ** 2)), len(left), freedom) >= MISSED:
        return 0.0
    return float(np.sqrt(max(np.mean(left**2 - noise**2), 0.0)))


def _chosen(
    ensemble: PoolEnsemble,
    decision: Decision,
    law: Decision,
    errors: Float[np.ndarray, "replicates unions"],
    cells: tuple[MeasuredCell | None, ...],
) -> int:
    """The least expected error; a measured one where the runs contradict the laws' order."""
    best = int(decision.n_pools[0]) - 1
    measured = [i for i, cell in enumerate(cells) if cell is not None]
    if not measured or best in measured:
        return best

    def better(i: int, other: int) -> bool:
        gap = errors[:, other] - errors[:, i]
        return bool(ensemble.interval(gap, decision.level)[0] > 0.0)

    first, by_law = (min(measured, key=lambda i: float(d.error[i, 0])) for d in (decision, law))
    return first if better(first, by_law) and not better(best, first) else best


def _union(
    ensemble: PoolEnsemble, which: tuple[int, ...], seen: float, **numbers: Any
) -> UnionChoice:
    names, size = tuple(ensemble.names[i] for i in which), ensemble.size[list(which)]
    return UnionChoice(
        pools=names,
        weights=dict(zip(names, (size / size.sum()).tolist(), strict=True)),
        epochs=seen / float(size.sum()),
        samples_seen=seen,
        **numbers,
    )


def _with_runs(
    union: UnionChoice, cell: MeasuredCell | None, law: dict[str, float], certain: bool
) -> UnionChoice:
    """The mean of its runs and an interval that holds them, with the law beside."""
    if certain:
        return replace(union, low=None, high=None, law_error=law["error"])
    union = replace(union, law_error=law["error"], law_low=law["low"], law_high=law["high"])
    if cell is None or union.low is None or union.high is None:
        return union
    ends = {"low": min(union.low, cell.least), "high": max(union.high, cell.largest)}
    return replace(union, how="measured", runs=cell.runs, error=cell.error, **ends)
