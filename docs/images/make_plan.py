"""Writes docs/images/plan.png: the Pareto curve of docs/examples/pool_runs.csv with its bands.

python docs/images/make_plan.py docs/images/plan.png
"""

import sys
from pathlib import Path

from prunelaw_figures.plots.decision_map import decision_map
from prunelaw_figures.plots.style import save
from prunelaw_sim.pools.known import known_from_runs
from prunelaw_sim.pools.plan import plan
from prunelaw_sim.pools.tables import read_pools

if __name__ == "__main__":
    runs = Path(__file__).resolve().parents[1] / "examples" / "pool_runs.csv"
    known = known_from_runs(read_pools(runs), 640e6).ensemble
    save(decision_map(known, plan(known, 640e6)), Path(sys.argv[1]))
