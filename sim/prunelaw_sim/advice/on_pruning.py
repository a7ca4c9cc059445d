"""Advice on pruning: which examples to keep, how many, and when random ones would do better.

The pruning theory is fitted to the smaller data sets and predicts the largest (`fit_pruning`).
Where it does not describe the sweep, curves of the measured fractions and rules take its place
(`cell_laws.CurveLaws`), which know nothing of other fractions.

The question is of a data set, or of a number of kept examples (`question`).  All intervals are
quantiles over replicates (`cell_laws`), and a difference counts as told where its interval leaves
out 0.  Errors of all rules fall together with the data, so that a law may fit and yet order the
rules wrongly: gains over random keeping are held against the runs by themselves (`gains`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.decay.utility import Real
from prunelaw.errors import ConvergenceError, InputError, TableError
from prunelaw_sim.advice.cell_laws import (
    KEYS,
    RANDOM,
    Cell,
    CellLaws,
    KeptLine,
    cells_of,
    fit_curves,
    measured_curves,
    missed,
    resampled,
    stated_errors,
    theory_replicates,
)
from prunelaw_sim.advice.choice import Keep, KeepChoice, choose
from prunelaw_sim.advice.gains import gains_differ, measured_gains, worst_gain
from prunelaw_sim.advice.local import LocalLaws, corrected
from prunelaw_sim.advice.question import (
    CellRun,
    Question,
    cells_to_choose,
    next_runs,
    not_modelled,
    sizes_to_compare,
)
from prunelaw_sim.common.note import Note
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.common.statistics import lack_of_fit
from prunelaw_sim.fits.fit import SIGNIFICANT
from prunelaw_sim.fits.rollout import hold_out_limit
from prunelaw_sim.laws.pruning import COLUMNS, PruningFit, fit_pruning
from prunelaw_sim.laws.theory_rules import theory_rules
from prunelaw_sim.tables.replicates import averaged
from prunelaw_sim.tables.sweep import EPOCHS_TOLERANCE, Sweep

FEWEST = 6  # points that a fit of the theory needs
_SURE = 3.0  # a difference of so many standard deviations needs no run
_CLOSE = 0.01  # doublings: sizes may be printed rounded
UNTESTED = 0.3  # relative error a doubling of a theory that no larger size could test
UNKNOWN = 0.05  # relative scatter that is allowed for where the table tells of none


@dataclass(frozen=True, eq=False)
class PruningAdvice:
    """What runs on pruned data say of a data set; made by `advise_on_pruning`.

    Attributes:
        law: "theory", "curves" or, where none describes the runs, "cells": all predictions use it,
            corrected near measured cells (`local`).
        describes: whether the theory describes the sweep; if not, `reasons` say why.
        hold_out_above: larger data sets were predicted, not fitted, to judge the theory.
        source: of the intervals.
        doublings: how far the data-set size of the choice lies beyond those of the runs.
        tested_doublings: how far beyond its fit the theory was held against runs.
        next_runs: those first whose measurement narrows the choice against its rival most.
        fit: the theory's fit to all rows.
        judged: that to the smaller data sets, with predictions of the largest.
        laws: the best estimate and its replicates.
        points: what was fitted: a row a (size, fraction, rule).
    """

    law: str
    describes: bool
    reasons: tuple[str, ...]
    hold_out_above: float | None
    examples: float | None
    kept: float | None
    level: float
    source: str
    choice: KeepChoice
    doublings: float
    tested_doublings: float | None
    next_runs: tuple[CellRun, ...]
    warnings: tuple[Note, ...]
    fit: PruningFit | None = field(repr=False)
    judged: PruningFit | None = field(repr=False)
    laws: LocalLaws = field(repr=False)
    points: pd.DataFrame = field(repr=False)

    @property
    def verdict(self) -> str:
        """In a word: "prune", "keep_all", "random" or "not_told".

        Not told: the nearest runs contradict the law that would have to tell, or the interval of
        the difference between the best rule and random keeping of as many, or between random
        keeping and the best rule, holds 0.
        """
        _, other, gap = self.choice.doubt
        if self.choice.deferred:
            return "not_told"
        if self.choice.best.rule == "random" and self.examples == self.choice.best.kept:
            return "keep_all"
        if self.choice.best.rule == "random" == other:  # there is no other rule
            return "random"
        told = "random" if self.choice.best.rule == "random" else "prune"
        return told if gap is not None and gap.told else "not_told"

    @property
    def settled(self) -> bool:
        """Whether the choice is ahead of its rival by so much that no run is needed."""
        best, rival = self.choice.best, self.choice.rival
        if rival is None or not self.next_runs:
            return True
        return rival.error.value - best.error.value > _SURE * self.next_runs[0].doubt_now

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        left = ("laws", "points")
        named = {n: to_plain(getattr(self, n)) for n in self.__dataclass_fields__ if n not in left}
        for name in ("gain", "ahead", "over_everything"):
            found = getattr(self.choice, name)
            if found is not None:
                named["choice"][name]["told"] = found.told
        named["how"] = self.choice.best.how
        last = {name: named.pop(name) for name in ("fit", "judged", "choice")}
        return {"verdict": self.verdict, **named, **last}


def advise_on_pruning(
    sweep: Sweep,
    *,
    examples: Real | None = None,
    kept: Real | None = None,
    level: Real = 0.9,
    replicates: int = 100,
    seed: int = 0,
) -> PruningAdvice:
    """Which rule and fraction, for a data set of `examples`, or for `kept` examples trained on.

    Deterministic.

    Args:
        sweep: columns dataset_size, keep_fraction, rule, error; optional seed and error_se.  Runs
            that keep everything are one cell, whatever their rule.
        examples, kept: one of them or both, at least 1.
        level: of all intervals.

    Raises:
        TableError: for missing columns.
        InputError: for arguments, for rules that the theory does not know, and where neither law
            can be fitted.
    """
    question = Question(examples, kept, level, replicates, seed)
    sweep, shorter = _comparable(sweep.require(*COLUMNS))
    points = _points(sweep)
    try:
        limit, judged, warnings = _judge(sweep, points)
        fit = None if judged is None else (judged if limit is None else fit_pruning(sweep))
    except ConvergenceError as unsettled:
        limit = judged = fit = None
        warnings = [Note("not_judged", f"the pruning theory cannot be fitted: {unsettled}")]
    reasons = _reasons(sweep, judged, fit)
    describes = judged is not None and not reasons
    miss = UNTESTED
    if judged is not None and limit is not None:
        table = judged.table
        miss = missed(table, table["predicted"].to_numpy(float), limit)
    law, laws, source, untold = _laws(sweep, points, fit if describes else None, miss, question)
    grid = cells_to_choose(sweep, points, laws, question)
    choice = choose(
        laws,
        grid,
        examples=question.examples,
        level=question.level,
        sizes=sizes_to_compare(points, question),
        most=question.most,
    )
    beyond = _doublings(points, choice.best)
    largest = float(points["dataset_size"].to_numpy(float).max())
    tested = None if limit is None else float(np.log2(largest / limit))
    return PruningAdvice(
        law=law,
        describes=describes,
        reasons=reasons,
        hold_out_above=limit,
        examples=question.examples,
        kept=question.kept,
        level=question.level,
        source=source,
        choice=choice,
        doublings=beyond,
        tested_doublings=tested,
        next_runs=next_runs(laws, choice, points, law, fit),
        warnings=(
            *shorter,
            *warnings,
            *untold,
            *_one_run(sweep, points, laws),
            *not_modelled(points, grid, question),
            *_law_alone(laws, grid, choice, question.most),
            *_warnings(choice, points, beyond, tested, fit if describes else None),
        ),
        fit=fit,
        judged=judged,
        laws=laws,
        points=points,
    )


def _comparable(sweep: Sweep) -> tuple[Sweep, list[Note]]:
    """Rows that keep everything under the rule "random", once a seed; of a cell the longest runs.

    Runs of one cell that saw fewer samples are no replicates of the others: they are left out, and
    counted.
    """
    frame, shorter = sweep.frame, []
    frame.loc[frame["keep_fraction"] == 1.0, "rule"] = "random"
    if "samples_seen" in frame:
        most = frame.groupby(KEYS)["samples_seen"].transform("max")
        seen = frame["samples_seen"].to_numpy(float)
        longest = seen >= (1.0 - EPOCHS_TOLERANCE) * np.asarray(most, dtype=float)
        if not longest.all():
            text = f"{int((~longest).sum())} runs saw fewer samples than others of their cell"
            shorter.append(Note("shorter_runs", f"{text}, and are left out"))
        frame = frame.loc[longest]
    if "seed" in frame:
        whole = frame["keep_fraction"] == 1.0
        frame = frame.loc[~(whole & frame.duplicated([*KEYS, "seed"]))]
    return Sweep.from_frame(frame, sweep.source), shorter


def _judge(
    sweep: Sweep, points: pd.DataFrame
) -> tuple[float | None, PruningFit | None, list[Note]]:
    """The theory fitted to the smaller data sets, if enough of them are left."""
    sizes = points["dataset_size"].to_numpy(float)
    try:
        theory_rules(points["rule"].to_numpy(object), points["keep_fraction"].to_numpy(float))
    except InputError as unknown:
        return None, None, [Note("not_judged", f"the pruning theory is not asked: {unknown}")]
    if len(sizes) < FEWEST:
        text = f"{len(sizes)} points (size, fraction, rule): the theory needs {FEWEST}"
        return None, None, [Note("not_judged", f"{text}, and is not asked")]
    if len(np.unique(sizes)) > 1:
        limit = hold_out_limit("dataset_size", sizes)
        if (sizes <= limit).sum() >= FEWEST:
            return limit, fit_pruning(sweep, hold_out_above=limit), []
    text = "too few sizes to hold out the largest: the theory is judged by what it was fitted to"
    return None, fit_pruning(sweep), [Note("not_judged", text)]


def _reasons(sweep: Sweep, judged: PruningFit | None, fit: PruningFit | None) -> tuple[str, ...]:
    """Why the theory does not describe the sweep, its gains over random keeping included.

    Both fits must: the one that was judged by what it had not seen, and the one that would answer.
    """
    found: list[str] = []
    if judged is not None and judged.lack_of_fit is None and judged.held_out is None:
        found.append("nothing tests it: no seeds, no error_se, and no sizes to hold out")
    for one in (judged, fit):
        if one is None:
            continue
        found += one.reasons
        gains, freedom = measured_gains(sweep, one.table)
        p = gains_differ(gains, freedom)
        if p is not None and p < SIGNIFICANT:
            text = f"its gains over random keeping are not those measured (F test, p = {p:.1e}): "
            found.append(text + worst_gain(gains))
        if found:
            break
    return tuple(found)


def _points(sweep: Sweep) -> pd.DataFrame:
    """One row a (size, fraction, rule): mean error, its standard error, least and largest run."""
    points = averaged(sweep, KEYS)
    groups = sweep.frame.groupby(KEYS, sort=True)["error"]
    ends = groups.agg(least="min", largest="max").reset_index(drop=True)
    return pd.concat([points, ends], axis=1)


def _laws(
    sweep: Sweep, points: pd.DataFrame, fit: PruningFit | None, miss: float, question: Question
) -> tuple[str, LocalLaws, str, list[Note]]:
    """(name, law corrected by the runs, how replicates were drawn, what is not known of it).

    The theory where `fit` is given; curves where they pass the same test of lack of fit; else the
    measured cells alone.
    """
    own, se, count = points["error"].to_numpy(float), stated_errors(points), question.replicates
    if not (own > 0.0).all():
        raise TableError(f"{sweep.source}: an error of 0 has no logarithm; leave out its cell")
    name, notes = "theory", []
    if fit is None:
        name, notes, miss = _curves_or_cells(points, se)
    width = se if se is not None else own * UNKNOWN
    errors, source = resampled(sweep, points, width, count, question.seed)
    noise = None if se is None else se / own
    if fit is not None:
        law: CellLaws = theory_replicates(fit, points, errors)
        found = corrected(law, points, errors, noise, question.seed, miss=miss)
        return name, found, source, notes
    line = KeptLine.through(points, count)
    found = corrected(line, points, errors, noise, question.seed)
    if name == "curves":
        law = fit_curves(points, np.vstack([own, errors]), width)
        found = corrected(law, points, errors, noise, question.seed, found, miss)
    return name, found, source, notes


def _curves_or_cells(
    points: pd.DataFrame, se: Float[np.ndarray, " points"] | None
) -> tuple[str, list[Note], float]:
    """Whether power laws of the measured fractions and rules pass the test of lack of fit.

    And how far they miss the largest sizes, relative, a doubling, when fitted to the others.
    """
    pairs, cells = measured_curves(points), cells_of(points)
    if RANDOM not in pairs:
        return "cells", [], 0.0
    on = np.array([cell.curve[0] in pairs for cell in cells])
    error = points["error"].to_numpy(float)
    freedom = int(on.sum()) - 2 * len(pairs) - 1
    if se is None:
        text = "no seeds, no error_se: nothing tells chance from misfit, so that no law is tested"
        return "cells", [Note("not_judged", text)], 0.0
    size = points["dataset_size"].to_numpy(float)
    limit = hold_out_limit("dataset_size", size) if len(np.unique(size)) > 2 else 0.0
    fewer = points.loc[size <= limit]
    if freedom < 1 or set(measured_curves(fewer)) != set(pairs):
        text = "too few sizes to test power laws: cells answer alone"
        return "cells", [Note("not_judged", text)], 0.0
    predicted = fit_curves(points, error[None], se).errors(cells)[0]
    known = float(np.sum(points["replicates"].to_numpy(float) - 1.0)) or np.inf
    p = lack_of_fit(float(np.sum(((predicted - error) / se)[on] ** 2)), freedom, known)
    if p < SIGNIFICANT:
        text = f"power laws do not describe the runs either (lack of fit, p = {p:.1e})"
        return "cells", [Note("no_law", text)], 0.0
    before = fit_curves(fewer, error[None, size <= limit], se[size <= limit]).errors(cells)[0]
    return "curves", [], missed(points.loc[on], before[on], limit)


def _one_run(sweep: Sweep, points: pd.DataFrame, laws: LocalLaws) -> Iterator[Note]:
    """What stands in for the scatter of cells that have one run."""
    alone = points["replicates"].to_numpy(float) == 1.0
    if "error_se" in sweep.columns or not alone.any():
        return
    if alone.all():
        text = (
            f"every cell is one run, and nothing measures its scatter: {100 * laws.noise[0]:.2g} % "
            "of an error stands in, the most that the way the runs lie allows"
        )
    else:
        text = (
            f"{int(alone.sum())} of {len(alone)} cells are one run: the scatter of the others' "
            "runs, pooled, stands in for theirs"
        )
    yield Note("one_run", text)


def _law_alone(
    laws: LocalLaws, grid: dict[str, list[Cell]], choice: KeepChoice, most: float
) -> Iterator[Note]:
    """What the law would choose without the runs near the question, where that is another rule."""
    if isinstance(laws.law, KeptLine):
        return
    cells = [
        cell
        for row in grid.values()
        for cell in row
        if cell.keep_fraction <= most and laws.law.knows(cell)
    ]
    if not cells:
        return
    error = laws.law.errors(cells)[0]
    at = int(error.argmin())
    cell, best = cells[at], choice.best
    rule = "random" if cell.keep_fraction == 1.0 else cell.rule
    if rule != best.rule and error[at] < best.error.value:
        text = (
            f"the law alone would choose {rule}, f = {cell.keep_fraction:.3g}, with error "
            f"{error[at]:.4g}; the runs near the question say otherwise"
        )
        yield Note("runs_disagree", text)


def _doublings(points: pd.DataFrame, best: Keep) -> float:
    measured, size = points["dataset_size"].to_numpy(float), best.dataset_size
    far = float(max(np.log2(size / measured.max()), np.log2(measured.min() / size)))
    return far if far > _CLOSE else 0.0


def _warnings(
    choice: KeepChoice,
    points: pd.DataFrame,
    beyond: float,
    tested: float | None,
    fit: PruningFit | None,
) -> Iterator[Note]:
    """What makes the choice less than it seems; `fit` where the theory answers."""
    best = choice.best
    if beyond > 0.0:
        text = f"{beyond:.1f} doublings beyond the measured data-set sizes"
        if best.how == "law":
            text += "; intervals know how far the law missed sizes held out, and no more"
        if tested is not None and tested < beyond:
            text += f", which was tested {tested:.1f} doublings beyond its fit"
        yield Note("extrapolation", text)
    least = float(points["keep_fraction"].to_numpy(float).min())
    if best.keep_fraction <= least * (1.0 + 1e-9) and best.rule != "random":
        text = f"the least measured fraction, {least:g}, is the best: smaller ones may be better"
        yield Note("fraction_at_end", text)
    for name, why in ({} if fit is None else fit.not_identified).items():
        yield Note("not_identified", f"{name}: {why}")
