"""Writes docs/examples/: the published T-MARS pools, and SIMULATED runs drawn from their law.

    python docs/make_pool_runs.py docs/examples

The runs are not trainings: each is the law's error plus seeded normal noise of standard deviation
.006. The law has the published parameters in the convention "paper": under that of the official
code, for which they were fitted, runs of more than one epoch do not tell d from a.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from prunelaw.decay.utility import PUBLISHED, with_convention

SEEN = (16e6, 32e6, 64e6, 128e6, 256e6)
SCATTER = 0.006
SEED = 1


def write_pools(path: Path) -> None:
    """One row a pool: size and parameters, and the part of the scores that it holds."""
    header = ["name", "size", "b", "tau", "a", "d", "quantile_low", "quantile_high"]
    with open(path, "x", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(header)
        for i, pool in enumerate(PUBLISHED["utility"]):
            law = pool.law
            numbers = (f"{pool.size:.0f}", law.b, round(law.tau, 5), law.a, law.d)
            rows.writerow([pool.name, *numbers, i / 10, (i + 1) / 10])


def write_runs(path: Path) -> None:
    """Five simulated runs a pool, from 1.25 to 20 epochs."""
    random = np.random.default_rng(SEED)
    with open(path, "x", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["run", "pool", "unique_samples", "samples_seen", "error", "metric"])
        for p, pool in enumerate(with_convention(PUBLISHED["utility"], "paper")):
            for seen in SEEN:
                error = float(pool.law.error(seen, pool.size)) + SCATTER * random.standard_normal()
                run = f"simulated-{p}-{seen / 1e6:g}M"
                metric = "simulated ImageNet error"
                rows.writerow(
                    [run, pool.name, f"{pool.size:.0f}", f"{seen:.0f}", f"{error:.5f}", metric]
                )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_pools(folder / "pools.csv")
    write_runs(folder / "pool_runs.csv")
