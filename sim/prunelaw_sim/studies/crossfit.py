"""The error of the best cell, where which one is best must be told from the same noisy errors.

The least of several means is too small: it is the best of the noise, too.  Here one half of the
seeds chooses and the other half measures, then the reverse, over many halvings.  What comes out is
the error of *choosing by half of the seeds*: free of that bias, and where cells are nearly equal
hardly above the least of them.  (Choosing by all other seeds, one left out, is as unbiased and far
noisier: of two equal cells it takes at each seed the one that is worse there.)
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.errors import InputError

HALVINGS = 64
LEAST_SEEDS = 3


def crossfitted(
    errors: Float[np.ndarray, "cells all_seeds"], chosen: Int[np.ndarray, " seeds"] | None = None
) -> Float[np.ndarray, " seeds"]:
    """At each seed the mean error of the cells that halves without this seed find best.

    `chosen`: the seeds that count, all by default.  The halvings are fixed and do not change when
    seeds are left out, as a jackknife wants it.  Raises `InputError` for fewer than three seeds.
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
