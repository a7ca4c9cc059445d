"""Runs that carry the misfit: a few that lie far off a law, for reasons that are not the law's."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from prunelaw_sim.common.note import Note
from prunelaw_sim.fits.rows import Table

FEW, OF_ALL = 5, 50  # at most so many rows, or a fiftieth of them
SHARE = 0.5  # of the squared error that they carry
FAR = 5.0  # times the median deviation
FEWEST_ROWS = 12
ROUNDING = 1e-16  # of the squared relative error: an exact fit


def outliers(
    table: Table, residuals: Float[np.ndarray, " rows"], predicted: Float[np.ndarray, " rows"]
) -> list[Note]:
    """A note that names them, where a few rows carry half of the squared relative error or more.

    Args:
        table: the rows that were fitted, with the residuals and predictions of them.
    """
    size = np.abs(residuals / predicted)
    total, most = float((size**2).sum()), max(FEW, len(size) // OF_ALL)
    if len(size) < FEWEST_ROWS or not total > ROUNDING:
        return []
    order = np.argsort(-size)[:most]
    far = order[size[order] >= FAR * float(np.median(size))]
    carried = float((size[far] ** 2).sum()) / total
    if carried < SHARE or len(far) > len(size) // 4:
        return []
    off = 100.0 * residuals / predicted
    shown = ", ".join(f"row {table.labels[i]} ({off[i]:+.1f} %)" for i in far)
    text = (
        f"{len(far)} of {len(size)} rows carry {100 * carried:.0f} % of the squared error: "
        f"{shown}; a robust loss (huber) pulls less on them"
    )
    return [Note("outliers", text, ())]
