"""Prints the table of docs/fits.md: how often intervals hold the truth, by simulation.

    python docs/make_coverage.py [TABLES]

200 tables of each design by default: some minutes on two cores.  A table is the law's errors
plus normal scatter of .004; intervals are at 90 %, bootstraps have 200 replicates.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
from scipy import stats

from prunelaw.decay.utility import UtilityLaw
from prunelaw_sim.fits.bootstrap import bootstrap
from prunelaw_sim.fits.intervals import parameter_intervals, prediction_intervals
from prunelaw_sim.laws.utility import UtilityFit, fit_utility

LEVEL, SIGMA, REPLICATES = 0.9, 0.004, 200
A, D = 1.0, 0.08
POOLS = {"x": (-0.2, 6.0), "y": (-0.16, 9.0), "z": (-0.13, 4.0), "w": (-0.1, 2.5)}
METHODS = ("Jacobian", "profile", "wild", "normal")
QUANTITIES = ("b", "τ", "error, among the data", "error, 4 × the largest budget")


def design(name: str) -> pd.DataFrame:
    """Rows without errors: pool, unique_samples, samples_seen."""
    rows: list[tuple[str, float, float]]
    if name == "one pool, 8 budgets":
        rows = [("x", 1e6, 0.5e6 * 2**k) for k in range(8)]
    else:  # four pools, 5 budgets
        rows = [(pool, 1e6, n * 1e6) for pool in POOLS for n in (1, 3, 6, 12, 50)]
    return pd.DataFrame(rows, columns=["pool", "unique_samples", "samples_seen"])


DESIGNS = ("one pool, 8 budgets", "four pools, 5 budgets")


def law_of(row: pd.Series) -> UtilityLaw:
    """The true law of one row; τ in proportion to the subset's size, as published."""
    b, tau = POOLS[row["pool"]]
    return UtilityLaw(A, b, tau * row["unique_samples"] / 1e6, D)


def truth(rows: pd.DataFrame) -> np.ndarray:
    """Errors without scatter."""
    return np.array(
        [float(law_of(r).error(r["samples_seen"], r["unique_samples"])) for _, r in rows.iterrows()]
    )


def held(task: tuple[str, int]) -> list[list[float]]:
    """1 where the interval of a method (row) holds the truth of a quantity (column), else 0."""
    name, seed = task
    rows = design(name)
    noise = SIGMA * np.random.default_rng(seed).standard_normal(len(rows))
    fit = fit_utility(rows.assign(error=truth(rows) + noise))
    new = rows.iloc[[1, -1]].copy()
    new["samples_seen"] = [rows["samples_seen"].iloc[1], 4.0 * rows["samples_seen"].iloc[-1]]
    wanted = np.array([POOLS["x"][0], POOLS["x"][1], *truth(new)])
    ends = list(intervals(fit, new))
    return [
        [float(low <= x <= high) for (low, high), x in zip(e, wanted, strict=True)] for e in ends
    ]


def intervals(fit: UtilityFit, new: pd.DataFrame) -> Iterator[Sequence[tuple[float, float]]]:
    """(low, high) of b, τ and both predictions, method by method."""
    names = ["b[x]", "tau[x]"]
    t = stats.t.ppf(0.5 + 0.5 * LEVEL, fit.freedom)
    yield [
        *(plus_minus(fit.values[n], t * fit.standard_errors[n]) for n in names),
        *by_jacobian(fit, new, t),
    ]
    found = parameter_intervals(fit, LEVEL, names)
    at = prediction_intervals(fit, new, LEVEL)
    yield [*((found[n].low, found[n].high) for n in names), *((p.low, p.high) for p in at)]
    for kind in ("wild", "normal"):
        ensemble = bootstrap(fit, REPLICATES, kind=kind)
        columns = [fit.parameters.index(n) for n in names]
        numbers = np.column_stack([ensemble.values[:, columns], ensemble.predict(new)])
        low, high = ensemble.interval(numbers, LEVEL)
        yield list(zip(low.tolist(), high.tolist(), strict=True))


def plus_minus(value: float, half: float) -> tuple[float, float]:
    """All of the line where the standard error is not known."""
    half = half if math.isfinite(half) else math.inf
    return value - half, value + half


def by_jacobian(fit: UtilityFit, new: pd.DataFrame, t: float) -> list[tuple[float, float]]:
    """Predictions ± t times the standard error of the linearised law."""
    model, point = fit.problem.model, fit.point[None]
    rows, (value, slope) = model.evaluate(point)[1][0], model.on(new).evaluate(point)
    covariance = fit.scatter**2 * np.linalg.pinv(rows.T @ rows)
    spread = np.sqrt(np.einsum("rp,pq,rq->r", slope[0], covariance, slope[0]))
    return [plus_minus(v, t * s) for v, s in zip(value[0], spread, strict=True)]


def main(tables: int) -> None:
    """One table a design."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for name in DESIGNS:
            share = np.mean(list(pool.map(held, [(name, s) for s in range(tables)])), axis=0)
            print(f"\n| {name} | {' | '.join(QUANTITIES)} |\n|{'---|' * (len(QUANTITIES) + 1)}")
            for method, row in zip(METHODS, share, strict=True):
                print(f"| {method} | {' | '.join(f'{100 * x:.0f} %' for x in row)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
