"""One call for a practitioner: what these runs say of a budget, or of a data set.

The columns of the runs decide which questions can be answered:

    pools      pool, unique_samples, samples_seen, error: which pools at a budget of samples seen
    pruning    dataset_size, keep_fraction, rule, error: which examples of a data set

A table may have both.  Scores of the examples at hand say which of them the advice keeps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prunelaw.checks import check_choice, check_number
from prunelaw.decay.utility import Real
from prunelaw.errors import InputError, TableError
from prunelaw_sim.advice import on_pruning
from prunelaw_sim.advice.on_pools import PoolAdvice, advise_on_pools
from prunelaw_sim.advice.on_pruning import PruningAdvice, advise_on_pruning
from prunelaw_sim.advice.on_scores import ScoreAdvice, advise_on_scores
from prunelaw_sim.common.note import Note
from prunelaw_sim.pools.known import COLUMNS as POOL_COLUMNS
from prunelaw_sim.scores.files import Scores
from prunelaw_sim.tables.questions import option
from prunelaw_sim.tables.sweep import Sweep


@dataclass(frozen=True, eq=False)
class Advice:
    """Answers to the questions that the runs can answer; made by `advise`.

    Attributes:
        unanswered: questions of which the table has the columns, and why they have no answer.
        source: of the runs.
    """

    pools: PoolAdvice | None
    pruning: PruningAdvice | None
    scores: ScoreAdvice | None
    unanswered: tuple[Note, ...]
    level: float
    source: str


def advise(
    sweep: Sweep,
    budget: Real | None = None,
    *,
    examples: Real | None = None,
    scores: Scores | None = None,
    level: Real = 0.9,
    group: str | None = None,
    score: str | None = None,
    pools_are: str | None = None,
    replicates: int | None = None,
    seed: int = 0,
) -> Advice:
    """Which law fits, what to keep, which error to expect, and which run to train next.

    Deterministic for a seed.

    Args:
        budget: of pools, the samples seen in training; of pruning, how many examples are kept at
            most.  Where the table tells of both it is that of the pools.
        examples: size of the data set at hand.  Default: one a score.
        scores: of the examples at hand; how many are kept, and which.
        level: of all intervals, in (0, 1).
        group, score: rows of one group, or pruned by one score, of a table that has several.
        pools_are: "disjoint", or "alternatives", which share samples: only one of them is used.
        replicates: of the uncertainty; default 400 for pools and 100 for pruning.

    Raises:
        TableError: for a table without the columns of either question, which it names.
        InputError: for no budget and no examples, scores that are not one an example, several
            groups or scores and none chosen.
    """
    share = check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
    most = None if budget is None else check_number("budget", budget, 1.0)
    size = _examples(examples, scores)
    sweep = _one(_one(sweep, "group", group), "score", score)
    of_pools, of_pruning = _questions(sweep)
    unanswered: list[Note] = []
    options: dict[str, Any] = {"level": share, "seed": seed}
    options |= {} if replicates is None else {"replicates": replicates}
    pools = pruning = None
    if of_pools is not None and most is not None:
        pools = advise_on_pools(of_pools, most, pools_are=pools_are, **options)
    elif of_pools is not None:
        unanswered.append(Note("pools", "which pools: needs a budget in samples seen"))
    kept = most if of_pools is None else None
    if of_pruning is not None and not (kept is None and size is None):
        pruning = advise_on_pruning(of_pruning, examples=size, kept=kept, **options)
    elif of_pruning is not None:
        needs = "examples, the size of the data set"
        needs += ", or a budget of kept ones" if of_pools is None else ""
        unanswered.append(Note("pruning", f"which examples to keep: needs {needs}"))
    if pools is None and pruning is None:
        raise InputError("; ".join(note.message for note in unanswered))
    kept_scores = None if scores is None else _on_scores(scores, pools, pruning, seed)
    return Advice(pools, pruning, kept_scores, tuple(unanswered), share, sweep.source)


def _examples(examples: Real | None, scores: Scores | None) -> float | None:
    size = None if examples is None else check_number("examples", examples, 1.0)
    if scores is None:
        return size
    if size is not None and len(scores) != size:
        raise InputError(
            f"scores must be one for each of examples = {size:.12g}, got {len(scores)} "
            f"({scores.source})"
        )
    return float(len(scores))


def _one(sweep: Sweep, column: str, wanted: str | None) -> Sweep:
    """The rows of one value of a column; several and no choice is an error."""
    if wanted is not None:
        return sweep.select(**{column: wanted})
    if column in sweep.columns and len(sweep.values(column)) > 1:
        check_choice(column, wanted, [str(value) for value in sweep.values(column)])
    return sweep


def _questions(sweep: Sweep) -> tuple[Sweep | None, Sweep | None]:
    """The rows for a choice of pools and for one of examples; None where the table has no such.

    A table of pruned runs on one pool has nothing to choose among pools.  Of a table of both, the
    pool that was pruned tells of pruning.
    """
    needs = {"pools": POOL_COLUMNS, "pruning": on_pruning.COLUMNS}
    lacks = {part: [n for n in names if n not in sweep.columns] for part, names in needs.items()}
    if lacks["pools"] and lacks["pruning"]:
        missing = "; ".join(f"{part}: {', '.join(names)}" for part, names in lacks.items())
        fewest = min(lacks.values(), key=len)
        raise TableError(
            f"{sweep.source}: no advice can be given. Missing columns for advice on {missing}; "
            f"{option(columns=dict.fromkeys(fewest, 'COLUMN'))}; present: "
            f"{', '.join([*sweep.columns, *sweep.unused])}"
        )
    if lacks["pruning"]:
        return sweep, None
    if lacks["pools"] or len(sweep.values("pool")) == 1:
        return None, sweep
    pruned = np.unique(sweep["pool"][sweep["keep_fraction"] < 1.0].astype(str)).tolist()
    if len(pruned) > 1:
        raise InputError(
            f"{sweep.source}: runs of several pools were pruned ({', '.join(pruned)}): advice on "
            "pruning is for one; keep its rows alone"
        )
    return sweep, sweep.select(pool=pruned) if pruned else None


def _on_scores(
    scores: Scores, pools: PoolAdvice | None, pruning: PruningAdvice | None, seed: int
) -> ScoreAdvice:
    """What the advice keeps of the scored examples: that on pruning, or the share of the pools."""
    if pruning is not None:
        best = pruning.choice.best
        found = advise_on_scores(scores, best.rule, best.keep_fraction, seed=seed)
        text = (
            "the runs do not tell this choice from random keeping of as many, or speak against it"
        )
        doubt = (Note("not_told", text),) if pruning.verdict == "not_told" else ()
        return replace(found, notes=(*found.notes, *doubt))
    assert pools is not None
    if scores.high != "keep":
        raise InputError(
            f"{scores.source}: of pools the best are the first ones, so that scores must have high "
            f"= keep (the highest are kept), got {scores.high}"
        )
    sizes = pools.ensemble.size
    share = float(sizes[: len(pools.plan.chosen.pools)].sum() / sizes.sum())
    return advise_on_scores(scores, "hard", share, seed=seed)
