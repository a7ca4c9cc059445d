"""Yes, no or cannot tell: what a paired difference, measured at some seeds, says of a question.

A verdict is drawn from an interval and nothing else.  Where one question is asked of several cells,
each cell's interval is widened for their number (Bonferroni): the chance that any of them misses
its truth is then at most 1 − level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_integer, check_number
from prunelaw.errors import InputError
from prunelaw_sim.common.statistics import standard_error, student_interval

LEVEL = 0.95
YES, NO, CANNOT_TELL = "yes", "no", "cannot tell"
LEAST_SEEDS = 5


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and an interval by Student's t."""

    value: float
    standard_error: float
    interval: tuple[float, float]

    @property
    def sign(self) -> int:
        """1 or −1 where the interval lies on that side of 0, else 0."""
        return int(self.interval[0] > 0) - int(self.interval[1] < 0)


@dataclass(frozen=True, eq=False)
class Answer:
    """A question, its verdict, and the number that decided.

    Attributes:
        verdict: "yes", "no" or "cannot tell".
        measure: what `effect` is, with its unit.
        how: the rule by which the verdict follows, the level, and the number of tests.
        table: the cells behind it, a row each.
    """

    question: str
    verdict: str
    measure: str
    effect: Estimate
    how: str
    table: pd.DataFrame


def paired_mean(
    differences: Float[np.ndarray, " seeds"], *, level: float = LEVEL, tests: int = 1
) -> Estimate:
    """The mean of one difference a seed; the interval is one of `tests`.

    Raises:
        InputError: for fewer than five seeds, and for a level outside (0, 1).
    """
    _check(len(differences), level, tests)
    error = float(standard_error(differences))
    return _estimate(float(differences.mean()), error, len(differences), level, tests)


def jackknifed(
    statistic: Callable[[np.ndarray], float],
    seeds: int,
    *,
    level: float = LEVEL,
    tests: int = 1,
) -> Estimate:
    """A statistic of any number of seeds, with its jackknife standard error.

    Args:
        statistic: takes the numbers of the seeds that count, out of 0 ... seeds − 1.
    """
    _check(seeds, level, tests)
    everything = np.arange(seeds)
    value = statistic(everything)
    parts = np.array([statistic(np.delete(everything, i)) for i in everything])
    error = float(np.sqrt((seeds - 1) / seeds * np.sum((parts - parts.mean()) ** 2)))
    return _estimate(value, error, seeds, level, tests)


def verdict_of_sign(estimate: Estimate) -> str:
    """Yes above 0, no below, else cannot tell."""
    return {1: YES, -1: NO, 0: CANNOT_TELL}[estimate.sign]


def verdict_within(estimate: Estimate, margin: float) -> str:
    """Is the truth at most `margin`?  Yes if the whole interval is, no if none of it is."""
    low, high = estimate.interval
    if high <= margin:
        return YES
    return NO if low > margin else CANNOT_TELL


def estimates_table(found: list[Estimate]) -> dict[str, list[float]]:
    """Columns difference, standard_error, low and high, a row an estimate."""
    rows = [(one.value, one.standard_error, *one.interval) for one in found]
    names = ("difference", "standard_error", "low", "high")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _estimate(value: float, error: float, seeds: int, level: float, tests: int) -> Estimate:
    return Estimate(value, error, student_interval(value, error, seeds - 1, level, tests))


def _check(seeds: int, level: float, tests: int) -> None:
    check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
    check_integer("tests", tests, 1)
    if seeds < LEAST_SEEDS:
        raise InputError(f"an answer needs at least {LEAST_SEEDS} seeds, got {seeds}")
