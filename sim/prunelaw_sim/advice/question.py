"""The question of an advice on pruning, the cells that could answer it, and the next run.

    examples P    the data set there is: which rule and fraction of it
    kept n        the examples that can be trained on: which rule, from a data set of n/f
    both          of P examples at most n are kept

The next run is the one that says most of the difference D between two choices.  Over the replicates
D and the outcome m of a run are correlated; a run with scatter σ leaves of the variance of D

    var(D | y) = var D − cov(D, m)² / (var m + σ²),

if both are normal.  Runs are ranked by it; of equal ones the cheaper comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from prunelaw.checks import check_integer, hold_number
from prunelaw.errors import InputError, TableError
from prunelaw_sim.advice.cell_laws import (
    RANDOM,
    Cell,
    CellLaws,
    TheoryLaws,
    cells_of,
    stated_errors,
)
from prunelaw_sim.advice.choice import KeepChoice
from prunelaw_sim.advice.local import LocalLaws
from prunelaw_sim.common.note import Note
from prunelaw_sim.laws.pruning import PruningFit
from prunelaw_sim.tables.sweep import Sweep

FRACTIONS = 12  # of the theory's curves, in equal ratios from the least measured one to 1
AROUND = 8.0  # random keeping is compared from an eighth of the least size to 8 of the largest


@dataclass(frozen=True)
class Question:
    """What is asked; `InputError` for what is out of range, and if nothing is given."""

    examples: Any
    kept: Any
    level: Any
    replicates: int
    seed: int

    def __post_init__(self) -> None:
        if self.examples is not None:
            hold_number(self, "examples", 1.0)
        elif self.kept is None:
            raise InputError("examples or kept must be given: a data set, or how many are kept")
        if self.kept is not None:
            hold_number(self, "kept", 1.0, np.inf if self.examples is None else self.examples)
        hold_number(self, "level", 0.0, 1.0, low_open=True, high_open=True)
        check_integer("replicates", self.replicates, 2)
        check_integer("seed", self.seed, 0)

    def size(self, f: float) -> float:
        """Of the data set that a fraction f is kept of."""
        return self.kept / f if self.examples is None else self.examples

    @property
    def most(self) -> float:
        """The largest fraction that may be kept."""
        return 1.0 if self.examples is None or self.kept is None else self.kept / self.examples


def cells_to_choose(
    sweep: Sweep, points: pd.DataFrame, laws: LocalLaws, question: Question
) -> dict[str, list[Cell]]:
    """Rule → cells over the fraction; one of them is the most that may be kept.

    Any of them under the theory; under curves those of measured curves, and what lies between
    measured cells; where no law describes the runs, what lies between measured cells alone.  Of
    random keeping only its size matters: where a number of kept examples is given it has one cell,
    a data set of that size.

    Raises:
        TableError: where random keeping was not measured.
        InputError: where no law describes the runs, and no cell is near the question.
    """
    most, fractions = question.most, points["keep_fraction"].to_numpy(float)
    measured, continuous = cells_of(points), isinstance(laws.law, TheoryLaws)
    asked = {*fractions.tolist(), most, 1.0}
    if continuous:
        asked |= set(np.geomspace(min(float(fractions.min()), most), 1.0, FRACTIONS).tolist())
    if not any(cell.curve[0] == RANDOM for cell in measured):
        raise TableError(
            f"{sweep.source}: no runs of rule random, or that keep everything: nothing tells "
            "whether pruning pays"
        )
    found: dict[str, list[Cell]] = {}
    for rule in sorted(set(points["rule"]) | {"random"}):
        for f in sorted(asked):
            cell = Cell(question.size(f), float(f), rule)
            if f > widest(rule) or (rule == "random" and question.examples is None and f < 1.0):
                continue
            if laws.knows(cell):
                found.setdefault(rule, []).append(cell)
    if not any(cell.keep_fraction <= most for row in found.values() for cell in row):
        sizes = points["dataset_size"]
        raise InputError(
            "no law describes these runs, and none of them is near the question: they are of "
            f"data sets from {sizes.min():g} to {sizes.max():g}; ask about one of these, or add "
            "runs at the size in question"
        )
    return found


def not_modelled(
    points: pd.DataFrame, grid: dict[str, list[Cell]], question: Question
) -> list[Note]:
    """Rules that were measured, and of which nothing tells at the question; so of a number kept."""
    found = []
    for rule in sorted(set(points["rule"]) - set(grid)):
        mine = points.loc[points["rule"] == rule]
        sizes = ", ".join(f"{size:g}" for size in sorted(set(mine["dataset_size"])))
        text = f"rule {rule} was measured on data sets of {sizes} only, and is not compared here"
        found.append(Note("not_modelled", text))
    allowed = [c.keep_fraction for row in grid.values() for c in row]
    most = max(f for f in allowed if f <= question.most)
    if most < question.most:
        text = (
            f"nothing tells of more than {most * question.size(most):g} kept: no runs lie there, "
            "and no law describes the runs; more may be better"
        )
        found.append(Note("most_not_known", text))
    return found


def widest(rule: str) -> float:
    """The largest fraction that a rule can keep."""
    edges = [float(x) for x in rule.partition(":")[2].split(",") if x]
    return edges[1] - edges[0] if len(edges) == 2 else 1.0


def sizes_to_compare(points: pd.DataFrame, question: Question) -> tuple[float, float]:
    """Data-set sizes at which a rule is held against random keeping."""
    measured = points["dataset_size"].to_numpy(float)
    asked = question.examples or question.kept or 1.0
    return float(min(measured.min(), asked)) / AROUND, float(max(measured.max(), asked)) * AROUND


def next_runs(
    laws: CellLaws,
    choice: KeepChoice,
    points: pd.DataFrame,
    law: str,
    fit: PruningFit | None,
) -> tuple[CellRun, ...]:
    """Both choices and their rules at measured fractions, from the largest measured size on."""
    best, rival = choice.best, choice.rival
    if rival is None:
        return ()
    rules = sorted({best.rule, rival.rule})
    fractions = {float(f) for f in points["keep_fraction"]} | (
        {best.keep_fraction} if law == "theory" else set()
    )
    pairs = {(f, r) for r in rules for f in fractions if f <= widest(r)}
    if law != "theory":
        known = {(cell.keep_fraction, cell.rule) for cell in cells_of(points)}
        pairs = {(f, r) for f, r in pairs if (f, r) in known or r == "random"}
    largest = float(points["dataset_size"].to_numpy(float).max())
    most = max(largest, best.dataset_size / 2.0)
    sizes = [largest * 2.0**k for k in range(1 + int(np.log2(most / largest)))]
    runs = {Cell(size, f, "random" if f == 1.0 else r) for size in sizes for f, r in pairs}
    runs = {cell for cell in runs if laws.knows(cell)}
    ends = [Cell(keep.dataset_size, keep.keep_fraction, keep.rule) for keep in (best, rival)]
    return rank_cells(laws, ends[0], ends[1], sorted(runs), _one_run(points, fit))


@dataclass(frozen=True)
class CellRun:
    """A run that could be trained, and what it would tell.

    Attributes:
        kept: examples trained on: its cost.
        spread: half the central 68 % of the outcome over the replicates, without scatter.
        doubt_now: standard deviation of the difference between the two choices today.
        doubt_after: the same once the outcome is known.
    """

    rule: str
    keep_fraction: float
    dataset_size: float
    kept: float
    predicted: float
    spread: float
    doubt_now: float
    doubt_after: float


def rank_cells(
    laws: CellLaws, choice: Cell, rival: Cell, runs: Sequence[Cell], scatter: float
) -> tuple[CellRun, ...]:
    """The runs, those first that leave least doubt of the error of `rival` minus `choice`.

    Args:
        scatter: standard deviation of one run's error about the law, above 0.
    """
    errors = laws.errors([choice, rival, *runs])
    difference = errors[1:, 1] - errors[1:, 0]
    now = float(difference.var())
    found = []
    for i, cell in enumerate(runs, start=2):
        outcome = errors[1:, i]
        shared = float(np.mean((outcome - outcome.mean()) * (difference - difference.mean())))
        left = max(now - shared**2 / (float(outcome.var()) + scatter**2), 0.0)
        found.append(
            CellRun(
                rule=cell.rule,
                keep_fraction=cell.keep_fraction,
                dataset_size=cell.size,
                kept=cell.kept,
                predicted=float(errors[0, i]),
                spread=float(np.diff(np.quantile(outcome, [0.16, 0.84]))[0] / 2.0),
                doubt_now=now**0.5,
                doubt_after=left**0.5,
            )
        )
    return tuple(sorted(found, key=lambda run: (run.doubt_after, run.kept)))


def _one_run(points: pd.DataFrame, fit: PruningFit | None) -> float:
    """Standard deviation of one run about the law."""
    se = stated_errors(points)
    if se is not None:
        return float(np.sqrt(np.mean(se**2 * points["replicates"].to_numpy(float))))
    return fit.rmse if fit is not None else float(points["error"].to_numpy(float).std())
