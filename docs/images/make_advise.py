"""Writes the figures of docs/advise.md: advice on simulated pools and on really pruned digits.

python docs/images/make_advise.py docs/images
"""

import sys
from pathlib import Path

import prunelaw_sim
from prunelaw_figures.plots.advice import advise_figure
from prunelaw_figures.plots.style import save

if __name__ == "__main__":
    examples, folder = Path(__file__).resolve().parents[1] / "examples", Path(sys.argv[1])
    runs = prunelaw_sim.read(examples / "pool_runs.csv")
    save(advise_figure(prunelaw_sim.advise(runs, 640e6)), folder / "advise_pools.png")
    runs = prunelaw_sim.read(examples / "pruned_digits.csv")
    save(advise_figure(prunelaw_sim.advise(runs, 240, examples=400)), folder / "advise_pruning.png")
