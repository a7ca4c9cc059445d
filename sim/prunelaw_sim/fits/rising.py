"""Rows that no falling law can fit: their error is above that of a run that did less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool

from prunelaw_sim.fits.rows import Table

_SAME = ("group", "metric", "pool", "seed")
_SIZES = ("unique_samples", "parameters")


def rising_rows(frame: pd.DataFrame, *, sizes_too: bool = False) -> Bool[np.ndarray, " rows"]:
    """Whether another run of the same model on the same data saw fewer samples and errs less.

    The same: equal in all of group, metric, pool, seed, unique_samples and parameters that the
    table has.  No law in which the error falls with samples seen fits both rows.  `sizes_too`: the
    other run may have fewer unique samples, fewer parameters or the same samples seen as well:
    what no law fits that falls with every one of them, as `DataConstrained` does.
    """
    table = Table.of(frame)
    table.require("samples_seen", "error")
    sizes = [name for name in _SIZES if name in frame]
    same = [name for name in _SAME if name in frame] + ([] if sizes_too else sizes)
    less = ["samples_seen", *(sizes if sizes_too else [])]
    found = np.zeros(len(frame), dtype=bool)
    for rows in _alike(frame, same):
        error = table.numbers("error", zero=True)[rows]
        beaten = error[None, :] < error[:, None]
        for name in less:
            values = table.numbers(name)[rows]
            beaten &= values[None, :] <= values[:, None]
        if not sizes_too:
            seen = table.numbers("samples_seen")[rows]
            beaten &= seen[None, :] < seen[:, None]
        found[rows] = beaten.any(axis=1)
    return found


def _alike(frame: pd.DataFrame, names: Sequence[str]) -> list[np.ndarray]:
    """Row numbers of every set of rows that agree in the columns."""
    if not names:
        return [np.arange(len(frame))]
    number = frame.groupby(list(names), sort=False).ngroup().to_numpy()
    return [np.flatnonzero(number == i) for i in range(int(number.max()) + 1)]
