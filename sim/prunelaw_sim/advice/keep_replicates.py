"""Replicates of a pruned sweep: errors as other seeds might have given them, and laws refitted.

Cells that share a seed share test set and pool, so their noise is common, and a difference of two
cells is known better than either.  With three seeds or more in every cell a draw keeps that: the
vector of mean errors moves by

    Σ_s g_s (e_s − ē) / √(n(n−1)) · √((n−1)/χ²),      g_s ~ N(0, 1), χ² with n − 1 degrees

whose covariance is that of the means, with Student's tails as the few seeds deserve (whole seeds
drawn with replacement, as in `pruning_intervals`, are too coarse for three).  Otherwise the points
move independently by their standard errors, or by the fit's own misfit where they have none.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw_sim.advice.keep_laws import TheoryLaws
from prunelaw_sim.laws.pruning import PARAMETERS, PruningFit
from prunelaw_sim.laws.pruning_intervals import refitted
from prunelaw_sim.tables.sweep import Sweep

LEAST_SEEDS = 3


def stated_errors(points: pd.DataFrame) -> Float[np.ndarray, " points"] | None:
    """Standard error of every point, if all have one."""
    se = points["error_se"].to_numpy(float)
    return se if (np.isfinite(se) & (se > 0)).all() else None


def resampled(
    sweep: Sweep,
    points: pd.DataFrame,
    se: Float[np.ndarray, " points"],
    replicates: int,
    seed: int,
) -> tuple[Float[np.ndarray, "replicates points"], str]:
    """Errors of the points in each replicate, and in words how they were drawn.

    Errors stay positive: they move as e exp(δ/e).
    """
    random = np.random.default_rng([seed, 7])
    by_seed = errors_by_seed(sweep, points)
    if by_seed is None:
        moved = random.standard_normal((replicates, len(points))) * se
        kind = f"{replicates} refits to errors moved by their standard errors, independently"
    else:
        count = by_seed.shape[1]
        away = by_seed - by_seed.mean(axis=1, keepdims=True)
        tails = np.sqrt((count - 1) / random.chisquare(count - 1, (replicates, 1)))
        draws = random.standard_normal((replicates, count)) * tails
        moved = draws @ away.T / np.sqrt(count * (count - 1))
        kind = f"{replicates} refits to errors moved as {count} seeds scatter, in all cells at once"
    error = points["error"].to_numpy(float)
    return error * np.exp(np.divide(moved, error, out=np.zeros_like(moved), where=error > 0)), kind


def errors_by_seed(sweep: Sweep, points: pd.DataFrame) -> Float[np.ndarray, "points seeds"] | None:
    """Errors by point and seed, if every point has the same three seeds or more, each once."""
    if "seed" not in sweep.columns:
        return None
    keys, frame = ["dataset_size", "keep_fraction", "rule"], sweep.frame
    if frame.duplicated([*keys, "seed"]).any():
        return None
    wide = frame.pivot(index=keys, columns="seed", values="error")
    cells = list(points[keys].itertuples(index=False, name=None))
    errors = wide.reindex(pd.MultiIndex.from_tuples(cells, names=keys)).to_numpy(float)
    return errors if errors.shape[1] >= LEAST_SEEDS and np.isfinite(errors).all() else None


def theory_replicates(
    fit: PruningFit, points: pd.DataFrame, errors: Float[np.ndarray, "replicates points"]
) -> TheoryLaws:
    """The best estimate, then the best fit to every row of `errors`, of the points fitted."""
    drawn = refitted(points, fit, errors)
    return TheoryLaws(*(np.insert(drawn[name], 0, getattr(fit, name)) for name in PARAMETERS))
