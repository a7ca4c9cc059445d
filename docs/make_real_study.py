"""Trains the models of docs/real_study.md and writes their errors: the study's data.

    python docs/make_real_study.py FOLDER

Six minutes of CPU, in one process.  FOLDER takes the stores and tables; what is there already is
not measured again, so a run that was stopped goes on.  `docs/report_real_study.py` makes the page's
tables and the figure from the tables, without training.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import pandas as pd

from prunelaw_sim.measured import trials_table
from prunelaw_sim.paired_errors import PairedErrors
from prunelaw_sim.probed_digits import KEYS, probed_digits_sweep
from prunelaw_sim.real_design import RealDesign
from prunelaw_sim.runner import run_sweep
from prunelaw_sim.scores import SCORES
from prunelaw_sim.store import Store
from prunelaw_sim.transfer import KEYS as TRANSFER_KEYS
from prunelaw_sim.transfer import transfer_sweep

SEEDS = range(16)
SIZES = (30, 60, 120, 240, 480, 960)  # of the perceptron's pools; doublings meet in kept numbers
PROBES = (400, 100, 40)  # images
BANDS = ("band:0.25", "band:0.5", "band:0.75")
LEAST_KEPT = 15
SCORE_TRIALS = 12
RECIPE = "epochs=40,learning_rate=0.2"


def main() -> None:
    """Every part that the folder lacks."""
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    probed(folder)
    scores(folder)
    transfer(folder)


def probed(folder: Path) -> None:
    """Students on digits pruned by three probes; bands for the best probe alone."""
    if (folder / "probed.csv").exists():
        return
    seeds = list(SEEDS)
    best = probed_digits_sweep(cells(("hard", "easy", "random", *BANDS)), seeds=seeds)
    poorer = probed_digits_sweep(
        cells(("hard", "easy", "random")), probe_images=PROBES[1:], seeds=seeds
    )
    pd.concat([best.probes, poorer.probes]).to_csv(folder / "probes.csv", index=False)
    runs = pd.concat([best.runs, poorer.runs], ignore_index=True)
    PairedErrors.from_frame(runs, KEYS).write_csv(folder / "probed.csv")


def cells(rules: tuple[str, ...]) -> list[tuple[int, float, str]]:
    """(P, f, rule) with f = 1/8, 1/4, 1/2, of which 15 examples are left, and f = 1."""
    pruned = [
        (size, f, rule)
        for size, f, rule in product(SIZES, (0.125, 0.25, 0.5), rules)
        if size * f >= LEAST_KEPT
    ]
    return pruned + [(size, 1.0, "random") for size in SIZES]


def transfer(folder: Path) -> None:
    """Five digits upstream, pruned; the other five downstream."""
    if (folder / "transfer.csv").exists():
        return
    pruned = list(product((0.25, 0.5), ("random", "hard", "easy")))
    runs = transfer_sweep(
        "digits",
        "mlp:64",
        score="el2n:10",
        cells=[*pruned, (1.0, "random")],
        recipe=RECIPE,
        downstream=30,
        tuning=RECIPE,
        seeds=list(SEEDS),
    )
    PairedErrors.from_frame(runs, TRANSFER_KEYS).write_csv(folder / "transfer.csv")


def scores(folder: Path) -> None:
    """All scores on ten digits; random keeping, which needs none, once."""
    if (folder / "scores.csv").exists():
        return
    given = {
        "dataset": "digits",
        "model": "mlp:64",
        "recipe": RECIPE,
        "size": [100, 300, 1000],
        "trials": SCORE_TRIALS,
        "unit": 4,
    }
    designs = {
        "random": RealDesign.grid(score="random", rules="random", keep=[0.3, 0.6, 1.0], **given),
        "scored": RealDesign.grid(
            score=list(SCORES[1:]), rules=["hard", "easy"], keep=[0.3, 0.6], **given
        ),
    }
    tables = []
    for name, design in designs.items():
        path = folder / f"{name}.db"
        run_sweep(design, path)
        with Store.open(path) as store:
            tables.append(trials_table(store))
    keys = ["score", "dataset_size", "keep_fraction", "rule"]
    PairedErrors.from_frame(pd.concat(tables), keys).write_csv(folder / "scores.csv")


if __name__ == "__main__":
    main()
