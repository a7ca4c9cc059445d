"""The power law in compute for least squares: k C^s (+ d), `prunelaw.decay.repetition.PowerLaw`.

C is the column `compute`, in whatever unit the table has; where it is missing, 6 N D floating-point
operations, the usual count for a transformer of N parameters that sees D tokens (Kaplan et al.
2020, arXiv 2001.08361, section 2.1).
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw.decay.repetition import PowerLaw
from prunelaw.errors import TableError
from prunelaw_sim.fits.model import Model, Point, Points, Row, Slopes, Values
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.fits.starts import LOG_EXPONENT, LOG_FACTOR, best_of, positive_factors


class PowerLawModel(Model):
    """`PowerLaw` for the compute of a table; with `floor`, d is fitted in [0, highest_floor]."""

    edges: ClassVar = {
        "s low": "at 0: compute does not lower the error",
        "s high": "at the steep edge of the search: errors fall faster than any power it allows",
        "d low": "at its bound 0: the data show no irreducible error",
        "d high": "at its bound, the least error among the fitted runs: that run would be perfect",
    }

    def __init__(self, table: Table, highest_floor: float, *, floor: bool = False) -> None:
        self.counted = "compute" in table  # else compute is 6 N D, here and in `on`
        self.parameters = ("k", "s", "d") if floor else ("k", "s")
        self.kinds = ("log", "neglog", "linear")[: len(self.parameters)]
        most = float(check_real("highest_floor", highest_floor, 0.0, low_open=True))
        boxes = [LOG_FACTOR, LOG_EXPONENT, (0.0, most)][: len(self.parameters)]
        self.low, self.high = np.array(boxes).T
        super().__init__(table)

    def read(self, table: Table) -> None:
        """The column compute, or 6 · parameters · samples_seen, else `TableError`."""
        self._compute = table.numbers("compute") if self.counted else _compute(table)
        self._log_c = np.log(self._compute)

    def coordinates(self) -> dict[str, Row]:
        """Compute."""
        return {"compute": self._compute}

    def law(self, p: Point) -> PowerLaw:
        """The law of one vector."""
        return PowerLaw(math.exp(p[0]), -math.exp(p[1]), *p[2:].tolist())

    def errors(self, p: Points) -> tuple[Values, Slopes]:
        """Errors, and their derivatives by log k, log −s (and d)."""
        fall = -np.exp(p[:, 1, None]) * self._log_c
        power = np.exp(p[:, 0, None] + fall)
        jacobian = np.ones((*power.shape, p.shape[1]))
        jacobian[:, :, 0] = power
        jacobian[:, :, 1] = power * fall
        return power + p[:, 2:].sum(axis=1, keepdims=True), jacobian

    def starts(self, error: Row, weight: Row) -> Float[np.ndarray, "starts p"]:
        """Exponents on a grid, k (and d) by least squares."""
        s = np.geomspace(0.005, 2.0, 40)
        power = np.exp(-s[:, None] * (self._log_c - self._log_c.mean()))
        columns = [power, np.ones_like(power)][: len(self.parameters) - 1]
        best = positive_factors(np.stack(columns, axis=-1), error, weight)
        log_k = np.log(best[:, 0]) + s * self._log_c.mean()
        p = np.column_stack([log_k, np.log(s), *best[:, 1:].T])
        return best_of(self, [np.clip(p, self.low, self.high)], error, weight)


def _compute(table: Table) -> Row:
    for name in ("parameters", "samples_seen"):
        if name not in table:
            raise TableError(
                f"column compute is missing, and column {name} for 6 · parameters · samples_seen; "
                f"the table has {list(table.columns)}"
            )
    return 6.0 * table.numbers("parameters") * table.numbers("samples_seen")
