"""The question of an advice on pruning, and the cells that could answer it.

examples P      the data set there is: which rule and fraction of it
kept n          the examples that can be trained on: which rule, from a data set of n/f
both            of P examples at most n are kept
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from prunelaw.checks import check_integer, check_number
from prunelaw.errors import InputError, TableError
from prunelaw_sim.advice.keep_choice import KeepChoice
from prunelaw_sim.advice.keep_laws import RANDOM, Cell, KeepLaws, measured_curves
from prunelaw_sim.advice.keep_next_run import CellRun, rank_cells
from prunelaw_sim.laws.pruning import PruningFit
from prunelaw_sim.tables.sweep import Sweep

FRACTIONS = 12  # of the theory's curves, in equal ratios from the least measured one to 1
AROUND = 8.0  # random keeping is compared from an eighth of the least size to 8 of the largest


@dataclass(frozen=True)
class Question:
    """What is asked, checked."""

    examples: float | None
    kept: float | None
    level: float
    replicates: int
    seed: int

    @classmethod
    def of(cls, examples: Any, kept: Any, level: Any, replicates: int, seed: int) -> Question:
        """Raises `InputError` for what is out of range, and if nothing is given."""
        if examples is None and kept is None:
            raise InputError("examples or kept must be given: a data set, or how many are kept")
        if examples is not None:
            examples = check_number("examples", examples, 1.0)
        if kept is not None:
            kept = check_number("kept", kept, 1.0, np.inf if examples is None else examples)
        level = check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
        return cls(examples, kept, level, replicates, check_integer("seed", seed, 0))

    def size(self, f: float) -> float:
        """Of the data set that a fraction f is kept of."""
        if self.examples is not None:
            return self.examples
        assert self.kept is not None
        return self.kept / f

    @property
    def most(self) -> float:
        """The largest fraction that may be kept."""
        return 1.0 if self.examples is None or self.kept is None else self.kept / self.examples


def cells_to_choose(
    sweep: Sweep, points: pd.DataFrame, describes: bool, question: Question
) -> dict[str, list[Cell]]:
    """Rule → cells over the fraction; one of them is the most that may be kept.

    Of random keeping only its size matters: where a number of kept examples is given it has one
    cell, a data set of that size.
    """
    most, fractions = question.most, points["keep_fraction"].to_numpy(float)
    if describes:
        even = np.geomspace(min(float(fractions.min()), most), 1.0, FRACTIONS)
        known = [(float(f), r) for r in sorted(set(points["rule"])) for f in {*even, most}]
    else:
        known = [pair for pair in measured_curves(points) if pair != RANDOM]
        if RANDOM in measured_curves(points):
            known += [(float(f), "random") for f in {*fractions.tolist(), most}]
    known = [(f, r) for f, r in known if f <= widest(r)]
    found: dict[str, list[Cell]] = {}
    for f, rule in sorted(known):
        if rule == "random" and question.examples is None and f < 1.0:
            continue
        found.setdefault(rule, []).append(Cell(question.size(f), f, rule))
    if "random" not in found:
        raise TableError(
            f"{sweep.source}: no runs of rule random, or that keep everything, at two sizes or "
            "more: nothing tells whether pruning pays"
        )
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
    laws: KeepLaws,
    choice: KeepChoice,
    points: pd.DataFrame,
    describes: bool,
    fit: PruningFit | None,
) -> tuple[CellRun, ...]:
    """Both choices and their rules at measured fractions, from the largest measured size on."""
    best, rival = choice.best, choice.rival
    if rival is None:
        return ()
    rules = sorted({best.rule, rival.rule})
    fractions = {float(f) for f in points["keep_fraction"]} | (
        {best.keep_fraction} if describes else set()
    )
    pairs = {(f, r) for r in rules for f in fractions if f <= widest(r)}
    if not describes:
        known = measured_curves(points)
        pairs = {(f, r) for f, r in pairs if (f, r) in known or r == "random"}
    largest = float(points["dataset_size"].to_numpy(float).max())
    most = max(largest, best.dataset_size / 2.0)
    sizes = [largest * 2.0**k for k in range(1 + int(np.log2(most / largest)))]
    runs = {Cell(size, f, "random" if f == 1.0 else r) for size in sizes for f, r in pairs}
    ends = [Cell(keep.dataset_size, keep.keep_fraction, keep.rule) for keep in (best, rival)]
    return rank_cells(laws, ends[0], ends[1], sorted(runs), _one_run(points, fit))


def _one_run(points: pd.DataFrame, fit: PruningFit | None) -> float:
    """Standard deviation of one run about the law."""
    se, count = points["error_se"].to_numpy(float), points["replicates"].to_numpy(float)
    if np.isfinite(se).all() and (se > 0).all():
        return float(np.sqrt(np.mean(se**2 * count)))
    return fit.rmse if fit is not None else float(points["error"].to_numpy(float).std())
