"""Replicates of a sweep, seed by seed, as one row a point with the standard error of its mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from prunelaw_sim.tables.sweep import Sweep


def averaged(sweep: Sweep, keys: Sequence[str]) -> pd.DataFrame:
    """Columns `keys`, error (the mean), replicates, and error_se (NaN where it is unknown).

    The standard error comes from the replicates' scatter, pooled over the points; of a point with
    one run it is the table's own `error_se`, if it has one.
    """
    return averaged_rows(sweep.require(*keys, "error").frame, keys)


def averaged_rows(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """`averaged`, of a table with the columns `keys`, error and maybe error_se."""
    groups = frame.groupby(list(keys), sort=True)
    points = groups["error"].agg(error="mean", replicates="size", variance="var").reset_index()
    stated = groups["error_se"].first().to_numpy() if "error_se" in frame.columns else np.nan
    pooled = _pooled_se(points)
    own = (points["replicates"] == 1) & np.isfinite(np.asarray(stated, dtype=float))
    points["error_se"] = np.where(own, stated, pooled)
    return points.drop(columns="variance")


def _pooled_se(points: pd.DataFrame) -> np.ndarray:
    """Standard errors of the means, the replicates' variance pooled over points.

    A few replicates tell one point's variance badly; relative to ε(1 − ε), the variance of a
    counted error rate, or to ε² of a loss, the points share it.
    """
    error, count = points["error"].to_numpy(float), points["replicates"].to_numpy(float)
    rates = bool((error <= 1.0).all())
    shape = np.maximum(error * (1.0 - error), 1e-4) if rates else error**2
    freedom = np.maximum(count - 1.0, 0.0)
    if not freedom.any():
        return np.full(len(points), np.nan)
    spread = np.nan_to_num(points["variance"].to_numpy(float)) / shape
    return np.sqrt((freedom @ spread) / freedom.sum() * shape / count)
