"""Choices held against measurement: how much error does a predictor's choice cost?

In each group of cells (such as all rules at one size and fraction) a predictor chooses the cell of
least predicted error.  Its regret is the measured error there less that of the best cell, seed by
seed.  Which cell is the best must be told from the same noisy errors, and the least of several
means is too small: it is the best of the noise, too.  So one half of the seeds chooses and the
other half measures, then the reverse, over many halvings.  A regret below 0 says that the predictor
chose better than 'measure half of the seeds, take the best' would have.  (Choosing by all other
seeds, one left out, is as unbiased and far noisier: of two equal cells it takes at each seed the
one that is worse there.)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from prunelaw.errors import InputError
from prunelaw_sim.studies.answers import paired_mean
from prunelaw_sim.tables.paired_errors import PairedErrors

HALVINGS = 64
LEAST_SEEDS = 3


def regrets(
    errors: PairedErrors,
    predicted: Mapping[str, Float[np.ndarray, " values"]],
    groups: Int[np.ndarray, " cells"],
    *,
    level: float = 0.9,
) -> pd.DataFrame:
    """Regret of every predictor in the groups of two cells or more.

    Args:
        predicted: of each predictor the errors that it expects, a value a cell of `errors`; +∞
            forbids a cell.
        groups: the group of each cell; −1 leaves it out.

    Returns:
        A row a predictor: regret (mean over groups and seeds), standard_error (over seeds, paired),
        low and high (Student's interval), and in how many of the `groups` it chose the measured
        best (`hits`).

    Raises:
        InputError: for shapes that differ, NaN, a group in which a predictor forbids all cells, no
            group at all, and fewer than five seeds.
    """
    members = [np.flatnonzero(groups == g) for g in np.unique(groups[groups >= 0])]
    members = [group for group in members if len(group) > 1]
    if not members:
        raise InputError("groups must hold one group of two cells or more")
    rows = []
    for name, values in predicted.items():
        if values.shape != groups.shape or np.isnan(values).any():
            raise InputError(f"predicted[{name!r}] must be {len(groups)} numbers, one a cell")
        chosen = np.array([group[values[group].argmin()] for group in members])
        if np.isinf(values[chosen]).any():
            number = groups[chosen[np.isinf(values[chosen])][0]]
            raise InputError(f"predicted[{name!r}] forbids all cells of group {number}")
        best = [group[errors.mean[group].argmin()] for group in members]
        lost = [errors.errors[c] - crossfitted(errors.errors[g])
                for c, g in zip(chosen, members, strict=True)]  # fmt: skip
        found = paired_mean(np.mean(lost, axis=0), level=level)
        rows.append((name, found.value, found.standard_error, *found.interval,
                     int(np.sum(chosen == best)), len(members)))  # fmt: skip
    names = ["predictor", "regret", "standard_error", "low", "high", "hits", "groups"]
    return pd.DataFrame(rows, columns=pd.Index(names))


def crossfitted(
    errors: Float[np.ndarray, "cells all_seeds"], chosen: Int[np.ndarray, " seeds"] | None = None
) -> Float[np.ndarray, " seeds"]:
    """At each seed the mean error of the cells that halves without this seed find best.

    Args:
        chosen: the seeds that count, all by default.  The halvings are fixed and do not change when
            seeds are left out, as a jackknife wants it.

    Raises:
        InputError: for fewer than three seeds.
    """
    total = errors.shape[1]
    numbers = np.arange(total) if chosen is None else chosen
    if len(numbers) < LEAST_SEEDS:
        raise InputError(f"choosing by half of the seeds needs {LEAST_SEEDS}, got {len(numbers)}")
    chooses = _halvings(total)[:, numbers]
    chooses = chooses[chooses.any(axis=1) & ~chooses.all(axis=1)].astype(float)
    measured = errors[:, numbers]
    means = (measured @ chooses.T) / chooses.sum(axis=1)  # (cells, halvings)
    picked = measured[means.argmin(axis=0)]  # (halvings, seeds)
    measures = 1.0 - chooses
    return np.sum(picked * measures, axis=0) / measures.sum(axis=0)


@cache
def _halvings(seeds: int) -> Bool[np.ndarray, "halvings seeds"]:
    """Which seeds choose: random halves, each followed by its complement."""
    rng = np.random.default_rng(seeds)
    half = np.arange(seeds) < seeds // 2
    firsts = np.stack([rng.permutation(half) for _ in range(HALVINGS // 2)])
    return np.concatenate([firsts, ~firsts])
