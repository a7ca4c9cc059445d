"""The power law in compute for least squares: k C^s (+ d), `prunelaw.decay.repetition.PowerLaw`.

C is the column `compute`, in whatever unit the table has; where it is missing, 6 N D floating-point
operations, the usual count for a transformer of N parameters that sees D tokens (Kaplan et al.
2020, arXiv 2001.08361, section 2.1).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw.decay.repetition import PowerLaw
from prunelaw.errors import TableError
from prunelaw_sim.fits.least_squares import Model
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.fits.starts import LOG_EXPONENT, LOG_FACTOR, best_of, positive_factors

_AT_LOW = {
    "k": "at the lower edge of the search: any smaller k fits as well",
    "s": "at the steep edge of the search: errors fall faster than any power the law allows",
    "d": "at its bound 0: the data show no irreducible error",
}
_AT_HIGH = {
    "k": "at the upper edge of the search: any larger k fits as well",
    "s": "at 0: compute does not lower the error",
    "d": "at its bound, the least error among the fitted runs: that run would be perfect",
}


class PowerLawModel(Model):
    """`PowerLaw` for fixed compute > 0; with `floor`, d is fitted in [0, highest_floor]."""

    def __init__(
        self,
        compute: Float[np.ndarray, " rows"],
        highest_floor: float,
        *,
        floor: bool = False,
        counted: bool = True,
    ) -> None:
        """`counted`: the table had the column; else compute is 6 N D, here and in `on`."""
        self._compute = check_real("compute", compute, 0.0, low_open=True)
        self._log_c = np.log(self._compute)
        self.highest_floor, self.floor, self.counted = highest_floor, floor, counted
        self.parameters = ("k", "s", "d") if floor else ("k", "s")
        self.kinds = ("log", "neglog", "linear")[: len(self.parameters)]
        most = float(check_real("highest_floor", highest_floor, 0.0, low_open=True))
        boxes = [LOG_FACTOR, LOG_EXPONENT, (0.0, most)][: len(self.parameters)]
        self.low = np.array([low for low, _ in boxes])
        self.high = np.array([high for _, high in boxes])

    @classmethod
    def read(cls, table: Table, highest_floor: float, floor: bool) -> PowerLawModel:
        """For the runs of a table: by its column compute, or by 6 N D."""
        counted = "compute" in table
        return cls(compute_of(table, counted), highest_floor, floor=floor, counted=counted)

    def on(self, runs: Table | pd.DataFrame) -> PowerLawModel:
        """The same law and box on other runs, whose compute is counted as that of the fitted."""
        compute = compute_of(Table.of(runs), self.counted)
        return PowerLawModel(compute, self.highest_floor, floor=self.floor, counted=self.counted)

    def coordinates(self) -> dict[str, Float[np.ndarray, " rows"]]:
        """Compute."""
        return {"compute": self._compute}

    def at_edge(self, name: str, upper: bool) -> str:
        """What it means that a parameter stands at an end of its box (of log −s for s)."""
        if name == "s":
            upper = not upper
        return (_AT_HIGH if upper else _AT_LOW)[name]

    def law(self, p: Float[np.ndarray, " p"]) -> PowerLaw:
        """The law of one vector."""
        return PowerLaw(math.exp(p[0]), -math.exp(p[1]), *p[2:].tolist())

    def evaluate(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows p"]]:
        """Errors, and their derivatives by log k, log −s (and d)."""
        fall = -np.exp(p[:, 1, None]) * self._log_c
        power = np.exp(p[:, 0, None] + fall)
        jacobian = np.ones((*power.shape, p.shape[1]))
        jacobian[:, :, 0] = power
        jacobian[:, :, 1] = power * fall
        return power + p[:, 2:].sum(axis=1, keepdims=True), jacobian

    def starts(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "starts p"]:
        """Exponents on a grid, k (and d) by least squares."""
        s = np.geomspace(0.005, 2.0, 40)
        power = np.exp(-s[:, None] * (self._log_c - self._log_c.mean()))
        columns = [power, np.ones_like(power)][: len(self.parameters) - 1]
        best = positive_factors(np.stack(columns, axis=-1), error, weight)
        log_k = np.log(best[:, 0]) + s * self._log_c.mean()
        p = np.column_stack([log_k, np.log(s), *best[:, 1:].T])
        return best_of(self, [np.clip(p, self.low, self.high)], error, weight)


def compute_of(table: Table, counted: bool) -> Float[np.ndarray, " rows"]:
    """The column compute, or 6 · parameters · samples_seen; `TableError` if neither is there."""
    if counted:
        return table.numbers("compute")
    for name in ("parameters", "samples_seen"):
        if name not in table:
            raise TableError(
                f"column compute is missing, and column {name} for 6 · parameters · samples_seen; "
                f"the table has {list(table.columns)}"
            )
    return 6.0 * table.numbers("parameters") * table.numbers("samples_seen")
