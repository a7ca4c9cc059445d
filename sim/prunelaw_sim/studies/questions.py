"""What Sorscher et al. 2022 claim of pruning, asked of measured sweeps: seven questions.

Each takes errors paired by seed and gives an `Answer`; a "no" is a result like any other.  Sources
in the paper (arXiv 2206.14486): the switch, figure 1 B and section 2; the power law and the worse
probe, figures 1 and 2; prototypes, section 6; transfer, section 5.  The band rule is this package's
(`prunelaw.pruning.optimal`).

Of all questions: `level` is that of the intervals, `keep` holds the fractions of the pruned cells,
and errors that differ by at most `margin` are called equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from prunelaw.checks import check_number
from prunelaw.errors import TableError
from prunelaw_sim.studies.answers import (
    CANNOT_TELL,
    LEVEL,
    NO,
    YES,
    Answer,
    Estimate,
    estimates_table,
    jackknifed,
    paired_mean,
    verdict_of_sign,
    verdict_within,
)
from prunelaw_sim.studies.pareto_slopes import ParetoCurves
from prunelaw_sim.studies.regret import crossfitted
from prunelaw_sim.tables.paired_errors import PairedErrors

MARGIN = 0.01
GAINS = {
    "exponent": (
        "Is pruned error better than the power law?",
        "exponent of the pruned envelope − exponent of random keeping",
    ),
    "factor": (
        "Is pruned error lower at the same number kept?",
        "mean log(random error/error of the pruned envelope)",
    ),
}


def switches_with_size(errors: PairedErrors, f: float, *, level: float = LEVEL) -> Answer:
    """Are easy examples the better ones to keep of few data, and hard ones of many?

    Of cells by dataset_size, keep_fraction and rule.  Yes if keep-easy is better at the smallest
    size and keep-hard at the largest, no if one of them is better at both, each beyond its
    interval, one of two tests.  The effect is where the difference of the means, a line in log P
    between sizes, last turns from easy to hard; without such a turn, easy − hard at the largest
    size.
    """
    part = errors.select(keep_fraction=f)
    sizes = np.unique(part.select(rule="hard").column("dataset_size"))
    if len(sizes) < 2:
        raise TableError(f"a switch needs two sizes at keep_fraction {f:g}, got {len(sizes)}")
    gaps = np.stack(
        [part.at(dataset_size=p, rule="easy") - part.at(dataset_size=p, rule="hard") for p in sizes]
    )
    found = [paired_mean(gap, level=level, tests=2) for gap in gaps]
    ends = (found[0].sign, found[-1].sign)
    verdict = YES if ends == (-1, 1) else NO if ends in ((1, 1), (-1, -1)) else CANNOT_TELL
    effect, measure = found[-1], f"easy − hard at P = {sizes[-1]:g}, f = {f:g}"
    if verdict == YES:
        log_crossing = jackknifed(
            lambda chosen: _crossing(np.log(sizes), gaps[:, chosen].mean(axis=1)),
            len(part.seeds),
            level=level,
        )
        low, high = np.exp(log_crossing.interval)
        size = float(np.exp(log_crossing.value))
        effect = Estimate(size, size * log_crossing.standard_error, (float(low), float(high)))
        measure = f"size P at which hard overtakes easy, f = {f:g}"
    how = f"easy better at the smallest size and hard at the largest; {level:.0%}, two tests"
    table = pd.DataFrame({"dataset_size": sizes, **estimates_table(found)})
    question = f"Does easy → hard switch with size at f = {f:g}?"
    return Answer(question, verdict, measure, effect, how, table)


def pruning_gains(
    errors: PairedErrors, keep: Sequence[float | int], by: str = "exponent", *, level: float = LEVEL
) -> Answer:
    """Does the best pruned error gain on random keeping, at the same number kept?

    At kept numbers that f = 1 and every fraction of `keep` reach.  By "exponent": does it fall
    faster, so that pruning beats the power law?  By "factor", a weaker claim: is it lower?  See
    `ParetoCurves.gain_of`.
    """
    curves = ParetoCurves(errors, keep)
    gain = curves.gain(by, level=level)
    how = f"interval above or below 0; {level:.0%}, K = {', '.join(map(str, curves.numbers))}"
    question, measure = GAINS[by]
    return Answer(question, verdict_of_sign(gain), measure, gain, how, curves.table())


def worse_probe_returns(
    better: PairedErrors,
    poorer: PairedErrors,
    keep: Sequence[float | int],
    *,
    by: str = "exponent",
    level: float = LEVEL,
) -> Answer:
    """Does a worse probe bring pruning back to the power law?

    Cells and seeds of both must be the same.  Yes if the poorer probe's gain over random keeping
    (`pruning_gains`) is below the better one's, and is itself not above 0; no if it is above 0; one
    of two tests each.  The effect is the gain lost.
    """
    if better.seeds != poorer.seeds or not better.cells.equals(poorer.cells):
        raise TableError("both probes need the same cells, in one order, and the same seeds")
    one, other = ParetoCurves(better, keep), ParetoCurves(poorer, keep)
    lost = jackknifed(
        lambda chosen: one.gain_of(by, chosen) - other.gain_of(by, chosen),
        one.seeds,
        level=level,
        tests=2,
    )
    left = other.gain(by, level=level, tests=2)
    verdict = NO if left.sign > 0 else YES if lost.sign > 0 else CANNOT_TELL
    table = one.table().merge(other.table(), on=["kept", "random"], suffixes=("_better", "_poorer"))
    how = (
        f"gain lost above 0 and what is left ({left.value:+.3f}, {left.interval[0]:+.3f} to "
        f"{left.interval[1]:+.3f}) not above 0; {level:.0%}, two tests"
    )
    question = "Does a worse probe return to the power law?"
    return Answer(question, verdict, f"gain ({by}) lost with the poorer probe", lost, how, table)


def scores_match(
    errors: PairedErrors,
    score: str,
    against: str,
    *,
    margin: float = MARGIN,
    level: float = LEVEL,
) -> Answer:
    """Is pruning by `score` no worse than by `against`, but for `margin`?

    Of cells by score, dataset_size, keep_fraction and rule.  At each size and fraction either
    score uses the rule that serves it best (`crossfitted`).  Yes if the mean difference over all
    cells is within the margin; the table has one row a cell, of as many tests.
    """
    check_number("margin", margin, 0.0)
    one, other = errors.select(score=score), errors.select(score=against)
    cells = pd.DataFrame(one.cells[["dataset_size", "keep_fraction"]]).drop_duplicates()
    gaps = [
        crossfitted(one.select(**row).errors) - crossfitted(other.select(**row).errors)
        for row in cells.to_dict(orient="records")
    ]
    mean, table = _over_cells(cells, gaps, level)
    how = f"mean over {len(gaps)} cells at most {margin:g}; {level:.0%}; cells are as many tests"
    measure = f"error by {score} − error by {against}"
    question = f"Does {score} match {against}?"
    return Answer(question, verdict_within(mean, margin), measure, mean, how, table)


def band_beats_both(
    errors: PairedErrors,
    bands: Mapping[tuple[float | int, float | int], str],
    *,
    level: float = LEVEL,
) -> Answer:
    """Is the band of theory better than both keep-hard and keep-easy?

    `bands` holds the rule of each (dataset_size, keep_fraction), chosen without these errors.  The
    rival is at each the better of hard and easy (`crossfitted`).
    """
    gaps = []
    for (size, f), band in bands.items():
        part = errors.select(dataset_size=size, keep_fraction=f)
        gaps.append(crossfitted(part.select(rule=["hard", "easy"]).errors) - part.at(rule=band))
    if not gaps:
        raise TableError("bands must hold one cell or more")
    cells = pd.DataFrame(list(bands), columns=pd.Index(["dataset_size", "keep_fraction"]))
    mean, table = _over_cells(cells.assign(band=list(bands.values())), gaps, level)
    how = f"mean over {len(gaps)} cells above 0; {level:.0%}; cells are as many tests"
    measure = "error of the better of hard and easy − error of the band"
    question = "Does the band rule of theory beat both hard and easy?"
    return Answer(question, verdict_of_sign(mean), measure, mean, how, table)


def transfer_kept(
    errors: PairedErrors, f: float, rule: str, *, margin: float = MARGIN, level: float = LEVEL
) -> Answer:
    """Does a model pretrained on pruned data transfer as well as one pretrained on all of them?

    Of the cells of `transfer_sweep`.  Yes if the loss is at most `margin`; cannot tell if
    pretraining on all data does not help, because then there is nothing to keep.
    """
    check_number("margin", margin, 0.0)
    pruned, whole = errors.at(keep_fraction=f, rule=rule), errors.at(keep_fraction=1.0)
    loss = paired_mean(pruned - whole, level=level, tests=2)
    help_ = paired_mean(errors.at(rule="none") - whole, level=level, tests=2)
    verdict = verdict_within(loss, margin) if help_.sign > 0 else CANNOT_TELL
    rows = {"loss against all": loss, "pretraining on all helps by": help_}
    if rule != "random":
        at_random = errors.at(keep_fraction=f, rule="random")
        rows["gain over random at f"] = paired_mean(at_random - pruned, level=level)
    table = pd.DataFrame({"what": list(rows), **estimates_table(list(rows.values()))})
    how = f"loss at most {margin:g}, where pretraining helps at all; {level:.0%}, two tests"
    measure = "downstream error after pruned pretraining − after all data"
    question = f"Does upstream pruning keep transfer at f = {f:g}, {rule}?"
    return Answer(question, verdict, measure, loss, how, table)


def _over_cells(
    cells: pd.DataFrame, gaps: list[np.ndarray], level: float
) -> tuple[Estimate, pd.DataFrame]:
    """The mean difference over all cells, and a table with that of each, one of so many tests."""
    each = [paired_mean(gap, level=level, tests=len(gaps)) for gap in gaps]
    table = cells.reset_index(drop=True).assign(**estimates_table(each))
    return paired_mean(np.mean(gaps, axis=0), level=level), table


def _crossing(log_sizes: np.ndarray, gaps: np.ndarray) -> float:
    """Where the broken line through the gaps last goes from below 0 to above."""
    up = np.flatnonzero((gaps[:-1] <= 0) & (gaps[1:] > 0))
    if not up.size:
        return float(log_sizes[0] if gaps[0] > 0 else log_sizes[-1])
    i = int(up[-1])
    share = -gaps[i] / (gaps[i + 1] - gaps[i])
    return float(log_sizes[i] + share * (log_sizes[i + 1] - log_sizes[i]))
