"""Advice on pruning: which examples to keep, how many, and when random ones would do better.

The pruning theory is fitted to the smaller data sets and predicts the largest (`fit_pruning`).
Where it does not describe the sweep, curves of the measured fractions and rules take its place
(`keep_laws.CurveLaws`), which know nothing of other fractions.

The question is of a data set, or of a number of kept examples (`keep_question`).  All intervals are
quantiles over replicates (`keep_replicates`), and a difference counts as told where its interval
leaves out 0.  Errors of all rules fall together with the data, so that a law may fit and yet order
the rules wrongly: gains over random keeping are held against the runs by themselves (`keep_gains`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_integer
from prunelaw.decay.utility import Real
from prunelaw.errors import InputError, TableError
from prunelaw_sim.advice.keep_choice import Keep, KeepChoice, choose
from prunelaw_sim.advice.keep_gains import contradicted, gains_differ, measured_gains, worst_gain
from prunelaw_sim.advice.keep_laws import (
    Cell,
    CurveLaws,
    KeepLaws,
    curves_of,
    fit_curves,
)
from prunelaw_sim.advice.keep_next_run import CellRun
from prunelaw_sim.advice.keep_question import (
    Question,
    cells_to_choose,
    next_runs,
    sizes_to_compare,
)
from prunelaw_sim.advice.keep_replicates import resampled, stated_errors, theory_replicates
from prunelaw_sim.common.note import Note
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.fit import SIGNIFICANT
from prunelaw_sim.fits.rollout import hold_out_limit
from prunelaw_sim.laws.pruning import COLUMNS, PruningFit, fit_pruning, pruning_points
from prunelaw_sim.tables.sweep import EPOCHS_TOLERANCE, Sweep

FEWEST = 6  # points that a fit of the theory needs
_SURE = 3.0  # a difference of so many standard deviations needs no run
_CLOSE = 0.01  # doublings: sizes may be printed rounded


@dataclass(frozen=True, eq=False)
class PruningAdvice:
    """What runs on pruned data say of a data set; made by `advise_on_pruning`."""

    law: str
    """"theory" or "curves", which all predictions use"""
    describes: bool
    """whether the theory describes the sweep"""
    reasons: tuple[str, ...]
    """why it does not"""
    hold_out_above: float | None
    """larger data sets were predicted, not fitted, to judge the theory"""
    examples: float | None
    kept: float | None
    level: float
    source: str
    """of the intervals"""
    choice: KeepChoice
    doublings: float
    """how far the data-set size of the choice lies beyond those of the runs"""
    tested_doublings: float | None
    """how far beyond its fit the theory was held against runs"""
    next_runs: tuple[CellRun, ...]
    """those first whose measurement narrows the choice against its rival most"""
    warnings: tuple[Note, ...]
    fit: PruningFit | None = field(repr=False)
    """the theory's fit to all rows"""
    judged: PruningFit | None = field(repr=False)
    """that to the smaller data sets, with predictions of the largest"""
    laws: KeepLaws = field(repr=False)
    """the best estimate and its replicates"""
    points: pd.DataFrame = field(repr=False)
    """what was fitted: a row a (size, fraction, rule)"""

    @property
    def verdict(self) -> str:
        """In a word: "prune", "keep_all", "random" or "not_told".

        Not told: the interval of the difference between the best rule and random keeping of as
        many, or between random keeping and the best rule, holds 0; or the runs nearest to the
        choice had the other sign than the law.
        """
        best, ahead = self.choice.best, self.choice.ahead
        if any(note.kind == "runs_disagree" for note in self.warnings):
            return "not_told"
        if best.rule != "random":
            return "prune" if self.choice.gain.told else "not_told"
        if self.examples == best.kept:
            return "keep_all"
        return "random" if ahead is None or ahead.told else "not_told"

    @property
    def settled(self) -> bool:
        """Whether the choice is ahead of its rival by so much that no run is needed."""
        best, rival = self.choice.best, self.choice.rival
        if rival is None or not self.next_runs:
            return True
        return rival.error.value - best.error.value > _SURE * self.next_runs[0].doubt_now

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        left = ("fit", "judged", "laws", "points", "choice")
        named = {n: to_plain(getattr(self, n)) for n in self.__dataclass_fields__ if n not in left}
        choice = to_plain(self.choice)
        for name in ("gain", "ahead", "over_everything"):
            found = getattr(self.choice, name)
            if found is not None:
                choice[name]["told"] = found.told
        for name in ("fit", "judged"):
            fit = getattr(self, name)
            named[name] = None if fit is None else to_plain(fit.to_dict())
        return {"verdict": self.verdict, **named, "choice": choice}


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

    sweep: columns dataset_size, keep_fraction, rule, error; optional seed and error_se.  Runs that
        keep everything are one cell, whatever their rule.
    examples, kept: one of them or both, ≥ 1.
    level: of all intervals.

    Deterministic.  Raises `TableError` for missing columns, `InputError` for arguments, for rules
    that the theory does not know, and where neither law can be fitted.
    """
    question = Question.of(examples, kept, level, check_integer("replicates", replicates, 2), seed)
    sweep, shorter = _comparable(sweep.require(*COLUMNS))
    points = pruning_points(sweep)
    limit, judged, warnings = _judge(sweep, points)
    fit = None if judged is None else (judged if limit is None else fit_pruning(sweep))
    reasons, gains = _reasons(sweep, judged)
    describes = judged is not None and not reasons
    laws, source = _laws(sweep, points, fit if describes else None, question)
    choice = choose(
        laws,
        cells_to_choose(sweep, points, describes, question),
        examples=question.examples,
        level=question.level,
        sizes=sizes_to_compare(points, question),
        most=question.most,
    )
    beyond = _doublings(points, choice.best)
    largest = float(_measured(points, "dataset_size").max())
    tested = None if limit is None else float(np.log2(largest / limit))
    return PruningAdvice(
        law="theory" if describes else "curves",
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
        next_runs=next_runs(laws, choice, points, describes, fit),
        warnings=(
            *shorter,
            *warnings,
            *_disagreement(gains if describes else None, choice),
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
        most = frame.groupby(list(COLUMNS[:3]))["samples_seen"].transform("max")
        seen = frame["samples_seen"].to_numpy(float)
        longest = seen >= (1.0 - EPOCHS_TOLERANCE) * np.asarray(most, dtype=float)
        if not longest.all():
            text = f"{int((~longest).sum())} runs saw fewer samples than others of their cell"
            shorter.append(Note("shorter_runs", f"{text}, and are left out"))
        frame = frame.loc[longest]
    keys = [n for n in ("dataset_size", "keep_fraction", "rule", "seed") if n in frame]
    if "seed" in frame:
        whole = frame["keep_fraction"] == 1.0
        frame = frame.loc[~(whole & frame.duplicated(keys))]
    return Sweep.from_frame(frame, sweep.source), shorter


def _judge(
    sweep: Sweep, points: pd.DataFrame
) -> tuple[float | None, PruningFit | None, list[Note]]:
    """The theory fitted to the smaller data sets, if enough of them are left."""
    sizes = points["dataset_size"].to_numpy(float)
    if len(sizes) < FEWEST:
        text = (
            f"{len(sizes)} points (size, fraction, rule): the theory needs {FEWEST}, and is not "
            "asked"
        )
        return None, None, [Note("not_judged", text)]
    if len(np.unique(sizes)) > 1:
        limit = hold_out_limit("dataset_size", sizes)
        if (sizes <= limit).sum() >= FEWEST:
            return limit, fit_pruning(sweep, hold_out_above=limit), []
    text = "too few sizes to hold out the largest: the theory is judged by what it was fitted to"
    return None, fit_pruning(sweep), [Note("not_judged", text)]


def _reasons(
    sweep: Sweep, judged: PruningFit | None
) -> tuple[tuple[str, ...], pd.DataFrame | None]:
    """Why the theory does not describe the sweep, its gains over random keeping included."""
    if judged is None:
        return (), None
    gains, freedom = measured_gains(sweep, judged.table)
    p = gains_differ(gains, freedom)
    if p is None or p >= SIGNIFICANT:
        return judged.reasons, gains
    text = f"its gains over random keeping are not those measured (F test, p = {p:.1e}): "
    return (*judged.reasons, text + worst_gain(gains)), gains


def _disagreement(gains: pd.DataFrame | None, choice: KeepChoice) -> list[Note]:
    """A choice that the runs nearest to it speak against."""
    best = choice.best
    found = None if gains is None else contradicted(gains, best.rule, best.keep_fraction)
    if found is None:
        return []
    text = f"the runs nearest to this choice speak against it: gain over random of {found}"
    return [Note("runs_disagree", text)]


def _laws(
    sweep: Sweep, points: pd.DataFrame, fit: PruningFit | None, question: Question
) -> tuple[KeepLaws, str]:
    """Replicates of the theory, or of curves where `fit` is None."""
    draw = (question.replicates, question.seed)
    if fit is not None:
        se = stated_errors(points)
        if se is None:
            freedom = max(len(points) - 4, 1)
            se = np.full(len(points), fit.rmse * np.sqrt(len(points) / freedom))
        errors, source = resampled(sweep, points, se, *draw)
        return theory_replicates(fit, points, errors), source
    own = points["error"].to_numpy(float)
    if not (own > 0.0).all():
        raise TableError(f"{sweep.source}: a curve through errors of 0 has no logarithm")
    se = stated_errors(points)
    if se is None:
        alike = np.ones(len(points))
        se = alike * _curve_misfit(fit_curves(points, own[None], alike), points)
    errors, source = resampled(sweep, points, se, *draw)
    return fit_curves(points, np.vstack([own, errors]), se), source


def _curve_misfit(curves: CurveLaws, points: pd.DataFrame) -> float:
    """Standard deviation about the curves, of the points on them."""
    pairs, _ = curves_of(points)
    on = np.array([pair in curves.pairs for pair in pairs])
    cells = [Cell(*row) for row in points.loc[on, list(COLUMNS[:3])].itertuples(index=False)]
    off = curves.errors(cells)[0] - points.loc[on, "error"].to_numpy(float)
    freedom = len(cells) - 2 * len(curves.pairs) - 1
    if freedom < 1:
        raise InputError(
            "the theory does not describe the sweep, and its curves have no point to spare and no "
            "standard errors: add seeds, error_se or sizes"
        )
    return float(np.sqrt(off @ off / freedom))


def _doublings(points: pd.DataFrame, best: Keep) -> float:
    measured = points["dataset_size"].to_numpy(float)
    size = best.dataset_size
    far = max(np.log2(size / measured.max()), np.log2(measured.min() / size), 0.0)
    return float(far) if far > _CLOSE else 0.0


def _measured(points: pd.DataFrame, column: str) -> Float[np.ndarray, " points"]:
    return points[column].to_numpy(float)


def _warnings(
    choice: KeepChoice,
    points: pd.DataFrame,
    beyond: float,
    tested: float | None,
    fit: PruningFit | None,
) -> list[Note]:
    """What makes the choice less than it seems."""
    found = []
    if beyond > 0.0:
        text = f"{beyond:.1f} doublings beyond the measured data-set sizes; intervals trust the law"
        if tested is not None and tested < beyond:
            text += f", which was tested {tested:.1f} doublings beyond its fit"
        found.append(Note("extrapolation", text))
    least = float(_measured(points, "keep_fraction").min())
    if choice.best.keep_fraction <= least * (1.0 + 1e-9) and choice.best.rule != "random":
        text = f"the least measured fraction, {least:g}, is the best: smaller ones may be better"
        found.append(Note("fraction_at_end", text))
    if fit is not None:
        found += [
            Note("not_identified", f"{name}: {why}") for name, why in fit.not_identified.items()
        ]
    return found
