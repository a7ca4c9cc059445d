"""Runs of one pool alone: what was measured exactly as asked comes before any law.

Runs of a pool at one number of samples seen (within 1 %) are a cell.  It answers with their mean;
its draws are the mean, moved by its standard error with Student's tails.  The standard error comes
from the scatter of runs in the same cell, pooled over the cells; of a cell of one run from the
table's own `error_se`; where neither tells it, or few seeds do, the scatter of all
runs about the law stands in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw_sim.common.statistics import student_quantile
from prunelaw_sim.laws.utility import UtilityFit
from prunelaw_sim.laws.utility_model import UtilityModel
from prunelaw_sim.tables.replicates import averaged_rows

FEWEST = 3  # degrees of freedom below which the scatter of seeds tells nothing
SAME = 0.01  # relative: numbers of samples may be printed rounded
KEYS = ["pool", "unique_samples", "samples_seen"]


@dataclass(frozen=True)
class MeasuredCell:
    """Runs of one pool alone, all of it, at one number of samples seen.

    Attributes:
        error: mean of the runs, `least` and `largest` of them.
        runs: how many.
        standard_error: of the mean; `freedom` behind it, inf where the table states it.
        scatter: what it comes from: "seeds", "stated" (error_se) or the "law".
    """

    pool: str
    samples_seen: float
    error: float
    least: float
    largest: float
    runs: int
    standard_error: float
    freedom: float
    scatter: str

    def draws(self, count: int, seed: int = 0) -> Float[np.ndarray, " draws"]:
        """What the error may be: quantiles in equal steps of probability, in a random order."""
        random = np.random.default_rng([seed, *self.pool.encode()])
        moves = even_draws(count, self.freedom, random)
        return np.maximum(self.error + self.standard_error * moves, 0.0)


@dataclass(frozen=True, eq=False)
class MeasuredPools:
    """The cells of a table of runs; made by `measured_pools`."""

    cells: tuple[tuple[MeasuredCell, float], ...]  # and the unique samples of its runs

    def at(self, pool: str, size: float, samples_seen: float) -> MeasuredCell | None:
        """What was measured of a pool of this size at this number of samples seen."""
        found = [
            cell
            for cell, unique in self.cells
            if cell.pool == pool and _same(unique, size) and _same(cell.samples_seen, samples_seen)
        ]
        return _joined(found) if found else None


def even_draws(
    count: int, freedom: float, random: np.random.Generator
) -> Float[np.ndarray, " draws"]:
    """Student's numbers, normal ones for infinite freedom: quantiles in a random order."""
    even = (np.arange(count) + 0.5) / count
    return random.permutation([student_quantile(2.0 * u - 1.0, freedom) for u in even])


def measured_pools(fit: UtilityFit, group: str | None = None) -> MeasuredPools:
    """The cells of the rows that were fitted, of one group."""
    problem, model = fit.problem, fit.problem.model
    assert isinstance(model, UtilityModel)
    rows = model.rows
    names = list(rows.sizes)
    frame = pd.DataFrame(
        {
            "pool": [names[i] for i in rows.pool],
            "unique_samples": rows.unique_samples,
            "samples_seen": rows.samples_seen,
            "error": np.exp(problem.error) if model.log_error else problem.error,
        }
    )
    if problem.known_scatter:
        unit = frame["error"].to_numpy(float) if model.log_error else 1.0
        frame["error_se"] = unit / problem.weight
    mine = rows.group == (0 if group is None else rows.groups.index(group))
    frame = frame.loc[mine]
    points = averaged_rows(frame, KEYS)
    ends = frame.groupby(KEYS, sort=True)["error"].agg(least="min", largest="max")
    points = points.assign(least=ends["least"].to_numpy(), largest=ends["largest"].to_numpy())
    seeds = len(frame) - len(points)
    cells = [
        (_cell(row, fit, seeds), float(row["unique_samples"])) for row in points.to_dict("records")
    ]
    return MeasuredPools(tuple(cells))


def _cell(row: Any, fit: UtilityFit, seeds: int) -> MeasuredCell:
    error, count, se = float(row["error"]), int(row["replicates"]), float(row["error_se"])
    scatter, freedom = "seeds", float(seeds)
    if fit.problem.known_scatter and count == 1:
        scatter, freedom = "stated", math.inf
    elif seeds < FEWEST:
        scatter, freedom = "law", float(max(fit.freedom, 1))
        se = fit.scatter * (error if fit.problem.model.log_error else 1.0) / math.sqrt(count)
    return MeasuredCell(
        str(row["pool"]),
        float(row["samples_seen"]),
        error,
        float(row["least"]),
        float(row["largest"]),
        count,
        se,
        freedom,
        scatter,
    )


def _joined(cells: list[MeasuredCell]) -> MeasuredCell:
    """Cells whose numbers of samples differ by rounding, as one."""
    if len(cells) == 1:
        return cells[0]
    counts = np.array([cell.runs for cell in cells])
    errors, each = (np.array([getattr(c, n) for c in cells]) for n in ("error", "standard_error"))
    first = cells[0]
    return MeasuredCell(
        first.pool,
        first.samples_seen,
        float(np.average(errors, weights=counts)),
        min(cell.least for cell in cells),
        max(cell.largest for cell in cells),
        int(counts.sum()),
        float(np.sqrt(np.sum((counts * each) ** 2)) / counts.sum()),
        min(cell.freedom for cell in cells),
        first.scatter,
    )


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * other
