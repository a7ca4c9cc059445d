"""Which pruned run to train next: the one that says most of the difference between two choices.

Over the replicates the difference D of the two choices' errors and the outcome m of a run are
correlated; a run with scatter σ leaves of the variance of D

    var(D | y) = var D − cov(D, m)² / (var m + σ²),

if both are normal.  Runs are ranked by it; of equal ones the cheaper comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prunelaw_sim.advice.keep_laws import Cell, KeepLaws


@dataclass(frozen=True)
class CellRun:
    """A run that could be trained, and what it would tell."""

    rule: str
    keep_fraction: float
    dataset_size: float
    kept: float
    """examples trained on: its cost"""
    predicted: float
    spread: float
    """standard deviation of the outcome over the replicates, without scatter"""
    doubt_now: float
    """standard deviation of the difference between the two choices today"""
    doubt_after: float
    """the same once the outcome is known"""


def rank_cells(
    laws: KeepLaws, choice: Cell, rival: Cell, runs: Sequence[Cell], scatter: float
) -> tuple[CellRun, ...]:
    """The runs, those first that leave least doubt of the error of `rival` minus `choice`.

    scatter: standard deviation of one run's error about the law, > 0.
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
                spread=float(outcome.std()),
                doubt_now=now**0.5,
                doubt_after=left**0.5,
            )
        )
    return tuple(sorted(found, key=lambda run: (run.doubt_after, run.kept)))
