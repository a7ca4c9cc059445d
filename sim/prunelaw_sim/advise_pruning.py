"""Advice on pruning: which examples to keep, how many, and when random ones would do better.

The pruning theory is fitted to the smaller data sets and predicts the largest (`fit_pruning`).
Where it does not describe the sweep, curves of the measured fractions and rules take its place
(`keep_laws.CurveLaws`), which know nothing of other fractions.

The question is one of two:

    examples P      the data set there is: which rule and fraction of it
    kept n          the examples that can be trained on: which rule, from a data set of n/f
    both            of P examples at most n are kept

All intervals are quantiles over replicates (`keep_replicates`), and a difference counts as told
where its interval leaves out 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw._checks import check_integer, check_number
from prunelaw.errors import InputError, TableError
from prunelaw.utility import Real
from prunelaw_sim.fit_pruning import COLUMNS, PruningFit, fit_pruning, pruning_points
from prunelaw_sim.fits import plain
from prunelaw_sim.keep_choice import Keep, KeepChoice, choose
from prunelaw_sim.keep_laws import (
    RANDOM,
    Cell,
    CurveLaws,
    KeepLaws,
    curves_of,
    fit_curves,
    measured_curves,
)
from prunelaw_sim.keep_next_run import CellRun, rank_cells
from prunelaw_sim.keep_replicates import resampled, stated_errors, theory_replicates
from prunelaw_sim.plan_notes import Note
from prunelaw_sim.rollout import hold_out_limit
from prunelaw_sim.sweep import Sweep

FRACTIONS = 12  # of the theory's curves, in equal ratios from the least measured one to 1
AROUND = 8.0  # random keeping is compared from an eighth of the least size to 8 of the largest
FEWEST = 6  # points that a fit of the theory needs
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
        many, or between random keeping and the best rule, holds 0.
        """
        best, ahead = self.choice.best, self.choice.ahead
        if best.rule != "random":
            return "prune" if self.choice.gain.told else "not_told"
        if self.examples == best.kept:
            return "keep_all"
        return "random" if ahead is None or ahead.told else "not_told"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        left = ("fit", "judged", "laws", "points", "choice")
        named = {n: plain(getattr(self, n)) for n in self.__dataclass_fields__ if n not in left}
        choice = plain(self.choice)
        for name in ("gain", "ahead", "over_everything"):
            found = getattr(self.choice, name)
            if found is not None:
                choice[name]["told"] = found.told
        for name in ("fit", "judged"):
            fit = getattr(self, name)
            named[name] = None if fit is None else plain(fit.to_dict())
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
    question = _Question.of(examples, kept, level, check_integer("replicates", replicates, 2), seed)
    sweep = _merged(sweep.require(*COLUMNS))
    points = pruning_points(sweep)
    limit, judged, warnings = _judge(sweep, points)
    fit = None if judged is None else (judged if limit is None else fit_pruning(sweep))
    describes = judged is not None and judged.describes
    laws, source = _laws(sweep, points, fit if describes else None, question)
    choice = choose(
        laws,
        _grid(sweep, points, describes, question),
        examples=question.examples,
        level=question.level,
        sizes=_range(points, question),
        most=question.most,
    )
    beyond = _doublings(points, choice.best)
    largest = float(_measured(points, "dataset_size").max())
    tested = None if limit is None else float(np.log2(largest / limit))
    return PruningAdvice(
        law="theory" if describes else "curves",
        describes=describes,
        reasons=() if judged is None else judged.reasons,
        hold_out_above=limit,
        examples=question.examples,
        kept=question.kept,
        level=question.level,
        source=source,
        choice=choice,
        doublings=beyond,
        tested_doublings=tested,
        next_runs=_next_runs(laws, choice, points, describes, fit),
        warnings=(
            *warnings,
            *_warnings(choice, points, beyond, tested, fit if describes else None),
        ),
        fit=fit,
        judged=judged,
        laws=laws,
        points=points,
    )


@dataclass(frozen=True)
class _Question:
    examples: float | None
    kept: float | None
    level: float
    replicates: int
    seed: int

    @classmethod
    def of(cls, examples: Any, kept: Any, level: Any, replicates: int, seed: int) -> _Question:
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


def _merged(sweep: Sweep) -> Sweep:
    """All rows that keep everything under the rule "random", once a seed."""
    frame = sweep.frame
    frame.loc[frame["keep_fraction"] == 1.0, "rule"] = "random"
    keys = [n for n in ("dataset_size", "keep_fraction", "rule", "seed") if n in frame]
    if "seed" in frame:
        whole = frame["keep_fraction"] == 1.0
        frame = frame.loc[~(whole & frame.duplicated(keys))]
    return Sweep.from_frame(frame, sweep.source)


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


def _laws(
    sweep: Sweep, points: pd.DataFrame, fit: PruningFit | None, question: _Question
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


def _grid(
    sweep: Sweep, points: pd.DataFrame, describes: bool, question: _Question
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
    known = [(f, r) for f, r in known if f <= _widest(r)]
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


def _widest(rule: str) -> float:
    """The largest fraction that a rule can keep."""
    edges = [float(x) for x in rule.partition(":")[2].split(",") if x]
    return edges[1] - edges[0] if len(edges) == 2 else 1.0


def _range(points: pd.DataFrame, question: _Question) -> tuple[float, float]:
    """Data-set sizes at which a rule is held against random keeping."""
    measured = points["dataset_size"].to_numpy(float)
    asked = question.examples or question.kept or 1.0
    return float(min(measured.min(), asked)) / AROUND, float(max(measured.max(), asked)) * AROUND


def _doublings(points: pd.DataFrame, best: Keep) -> float:
    measured = points["dataset_size"].to_numpy(float)
    size = best.dataset_size
    far = max(np.log2(size / measured.max()), np.log2(measured.min() / size), 0.0)
    return float(far) if far > _CLOSE else 0.0


def _next_runs(
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
    pairs = {(f, r) for r in rules for f in fractions if f <= _widest(r)}
    if not describes:
        known = measured_curves(points)
        pairs = {(f, r) for f, r in pairs if (f, r) in known or r == "random"}
    largest = float(_measured(points, "dataset_size").max())
    most = max(largest, best.dataset_size / 2.0)
    sizes = [largest * 2.0**k for k in range(1 + int(np.log2(most / largest)))]
    runs = {Cell(size, f, "random" if f == 1.0 else r) for size in sizes for f, r in pairs}
    ends = [Cell(keep.dataset_size, keep.keep_fraction, keep.rule) for keep in (best, rival)]
    return rank_cells(laws, ends[0], ends[1], sorted(runs), _one_run(points, fit))


def _measured(points: pd.DataFrame, column: str) -> Float[np.ndarray, " points"]:
    return points[column].to_numpy(float)


def _one_run(points: pd.DataFrame, fit: PruningFit | None) -> float:
    """Standard deviation of one run about the law."""
    se, count = points["error_se"].to_numpy(float), points["replicates"].to_numpy(float)
    if np.isfinite(se).all() and (se > 0).all():
        return float(np.sqrt(np.mean(se**2 * count)))
    return fit.rmse if fit is not None else float(_measured(points, "error").std())


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
