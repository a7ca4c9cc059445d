"""Measured gains of a rule over random keeping, and whether a law has them.

A law may predict errors well and yet order the rules wrongly, as errors of all rules fall together
with the data.  A choice rests on the order, so the gains are held against the runs by themselves:

    F = mean of (measured gain − predicted gain)²/se²    over all cells whose random twin was run

with the standard errors of the differences, taken inside each seed where cells share seeds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from prunelaw_sim.advice.cell_laws import KEYS, cells_of, errors_by_seed
from prunelaw_sim.common.statistics import lack_of_fit
from prunelaw_sim.tables.sweep import Sweep

_GAINS = ["gain", "predicted_gain", "gain_se"]
_KNOWN = 1e12  # degrees of freedom of stated standard errors


def measured_gains(sweep: Sweep, table: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """A row a (size, fraction, rule) with a random twin, and the freedom of the errors' variance.

    Columns added: gain (error of the twin minus that of the cell), gain_se (NaN where it is
    unknown) and predicted_gain.

    Args:
        table: the points, with error, error_se and predicted.
    """
    place = {cell: i for i, cell in enumerate(cells_of(table))}
    found = [
        (mine, place[cell.at_random])
        for cell, mine in place.items()
        if cell.rule != "random" and cell.at_random in place
    ]
    mine, twin = np.array(found, dtype=int).reshape(-1, 2).T
    error, predicted, se = (table[n].to_numpy(float) for n in ("error", "predicted", "error_se"))
    gains = table.iloc[mine][KEYS].reset_index(drop=True)
    gains["gain"] = error[twin] - error[mine]
    gains["predicted_gain"] = predicted[twin] - predicted[mine]
    by_seed = errors_by_seed(sweep, table)
    if by_seed is None:
        gains["gain_se"] = np.hypot(se[twin], se[mine])
        return gains, _KNOWN
    away = by_seed[twin] - by_seed[mine]
    seeds = away.shape[1]
    # The seeds are few, so that cells share one variance, in proportion to ε(1 − ε).
    shape = np.maximum(error[mine] * (1.0 - error[mine]), 1e-4)
    pooled = float(np.mean(away.var(axis=1, ddof=1) / shape)) if len(mine) else np.nan
    gains["gain_se"] = np.sqrt(pooled * shape / seeds)
    return gains, float(len(mine) * (seeds - 1))


def gains_differ(gains: pd.DataFrame, freedom: float) -> float | None:
    """p-value of F; None where the standard errors are not known."""
    se = gains["gain_se"].to_numpy(float)
    if not len(se) or not (np.isfinite(se) & (se > 0.0)).all():
        return None
    off = (gains["gain"] - gains["predicted_gain"]).to_numpy(float) / se
    return lack_of_fit(float(np.sum(off**2)), len(se), freedom)


def worst_gain(gains: pd.DataFrame) -> str:
    """The cell whose gain is farthest off, in words."""
    gain, predicted, se = gains[_GAINS].to_numpy(float).T
    worst = int((np.abs(gain - predicted) / se).argmax())
    size, f, rule = cells_of(gains)[worst]
    return (
        f"{rule} at f = {f:.3g} of {size:g}: {gain[worst]:.3g} ± {se[worst]:.2g} measured, "
        f"{predicted[worst]:.3g} predicted"
    )
