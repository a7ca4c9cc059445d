"""How often a plan's intervals hold the truth, and what its choices cost: simulated tables of runs.

    python docs/make_plan_coverage.py [tables [convention]]

Tables like docs/examples/pool_runs.csv with other noise, whose law is known: the published
parameters in each of the three conventions, of which `plan` is not told.  For each budget: how
often the interval of the chosen union's error holds that union's true error, how often a measured
cell was chosen (runs saw 64M and 128M samples, too), how often the switch budgets lie in their
intervals, the expected regret that the plan states and the true one; and how often the intervals of
all measured cells hold their true errors.
"""

import sys

import numpy as np
import pandas as pd
from make_pool_runs import SCATTER, SEEN

from prunelaw.decay.filtering import switch_points, union_errors
from prunelaw.decay.utility import CONVENTIONS, PUBLISHED, Pool, mixture_error, with_convention
from prunelaw_sim.common.statistics import student_interval
from prunelaw_sim.pools.answers import answers_at
from prunelaw_sim.pools.decisions import UnionChoice
from prunelaw_sim.pools.known import known_from_runs
from prunelaw_sim.pools.measured import MeasuredPools
from prunelaw_sim.pools.switches import switch_distribution
from prunelaw_sim.tables.sweep import Sweep

BUDGETS = np.array([64e6, 80e6, 128e6, 320e6, 640e6, 1e9, 2.56e9])
LEVEL = 0.9


def table_of_runs(pools: tuple[Pool, ...], seed: int) -> Sweep:
    """The example's runs with noise of another seed."""
    random = np.random.default_rng([seed, 1])
    rows = [
        (pool.name, pool.size, seen, float(pool.law.error(seen, pool.size)))
        for pool in pools
        for seen in SEEN
    ]
    columns = pd.Index(["pool", "unique_samples", "samples_seen", "error"])
    table = pd.DataFrame(rows, columns=columns)
    error = np.minimum(table["error"] + SCATTER * random.standard_normal(len(table)), 1.0)
    return Sweep.from_frame(table.assign(error=error), f"table {seed}")


def _true(pools: tuple[Pool, ...], chosen: UnionChoice) -> float:
    mine = [pool for pool in pools if pool.name in chosen.pools]
    return float(mixture_error(mine, chosen.samples_seen))


def _cells_held(pools: tuple[Pool, ...], measured: MeasuredPools | None) -> float:
    """The share of all measured cells, of one run each, whose interval holds their true error."""
    assert measured is not None
    held, laws = [], {pool.name: pool for pool in pools}
    for cell, size in measured.cells:
        ends = student_interval(cell.error, cell.standard_error, cell.freedom, LEVEL)
        held.append(ends[0] <= laws[cell.pool].law.error(cell.samples_seen, size) <= ends[1])
    return float(np.mean(held))


def main(tables: int, convention: str) -> None:
    """One line a budget, one a switch."""
    pools = with_convention(PUBLISHED["utility"], convention)
    truth = union_errors(pools, BUDGETS)
    switches = [point.samples_seen for point in switch_points(pools, 2e7, 3e10)]
    held, measured, stated, paid, found, alone = [], [], [], [], [], []
    for seed in range(tables):
        table = table_of_runs(pools, seed)
        ensemble = known_from_runs(table, BUDGETS.max(), replicates=300, seed=seed).ensemble
        chosen = [answers_at(ensemble, budget, 0.0, LEVEL).best for budget in BUDGETS.tolist()]
        true = np.array([_true(pools, one) for one in chosen])
        low, high = (np.array([getattr(one, end) for one in chosen]) for end in ("low", "high"))
        held.append((low <= true) & (true <= high))
        measured.append([one.how == "measured" for one in chosen])
        stated.append([one.regret for one in chosen])
        paid.append(true - truth.min(axis=0))
        alone.append(_cells_held(pools, ensemble.measured))
        ends = switch_distribution(ensemble, 2e7, 3e10, level=LEVEL)
        found.append([s.low <= exact <= s.high for s, exact in zip(ends, switches, strict=False)])
    print(f"true law {convention}: {tables} tables, {100 * LEVEL:g} % intervals")
    for i, budget in enumerate(BUDGETS):
        print(
            f"{budget / 1e6:6.0f}M  error held {np.mean(held, 0)[i]:.2f}  "
            f"measured {np.mean(measured, 0)[i]:.2f}  regret stated "
            f"{np.mean(stated, 0)[i]:.5f}  true {np.mean(paid, 0)[i]:.5f}"
        )
    for exact, share in zip(switches, np.mean(found, 0), strict=True):
        print(f"switch at {exact / 1e6:.0f}M held {share:.2f}")
    print(f"measured cells held {np.mean(alone):.2f}", flush=True)


if __name__ == "__main__":
    for law in sys.argv[2:] or CONVENTIONS:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, law)
