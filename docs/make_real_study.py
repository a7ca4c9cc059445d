"""Trains the models of docs/real_study.md and writes their errors: the study's data.

    python docs/make_real_study.py FOLDER

Seven minutes of CPU, in one process.  FOLDER takes the stores and tables; what is there already is
not measured again, so a run that was stopped goes on.  `docs/report_real_study.py` makes the page's
tables and the figure from the tables, without training.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import pandas as pd

from prunelaw.pruning.band import best_band
from prunelaw_sim.laws.pruning import fit_pruning
from prunelaw_sim.laws.theory_rules import band_centre
from prunelaw_sim.scores import catalogue
from prunelaw_sim.studies.probed_digits import KEYS, probed_digits_sweep
from prunelaw_sim.studies.transfer import KEYS as TRANSFER_KEYS
from prunelaw_sim.studies.transfer import transfer_sweep
from prunelaw_sim.sweeps.real import RealDesign
from prunelaw_sim.sweeps.runner import run_sweep
from prunelaw_sim.sweeps.store import Store
from prunelaw_sim.sweeps.tables import trials_table
from prunelaw_sim.tables.paired_errors import PairedErrors

SEEDS = list(range(16))
SIZES = (30, 60, 120, 240, 480, 960)  # of the perceptron's pools; doublings meet in kept numbers
HOLD_OUT_ABOVE = 240
PROBES = (400, 100, 40)  # images
RULES = ("hard", "easy", "random", "quantiles:0.25", "quantiles:0.5", "quantiles:0.75")
FRACTIONS = (0.125, 0.25, 0.5)
LEAST_KEPT = 15
SCORE_TRIALS = 12
TRANSFER_SEEDS = 40
RECIPE = "epochs=40,learning_rate=0.2"


def main() -> None:
    """Every part that the folder lacks."""
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    probed(folder)
    predicted_bands(folder)
    transfer(folder)
    scores(folder)


def probed(folder: Path) -> None:
    """Students on digits pruned by probes of three qualities."""
    if (folder / "probed.csv").exists():
        return
    found = probed_digits_sweep(cells(), probe_images=PROBES, seeds=SEEDS)
    found.probes.to_csv(folder / "probes.csv", index=False, float_format="%.6g")
    PairedErrors.from_frame(found.runs, KEYS).write_csv(folder / "probed.csv")


def cells() -> list[tuple[int, float, str]]:
    """(P, f, rule) with f = 1/8, 1/4, 1/2, of which 15 examples are left, and f = 1.

    Half of the examples around the quantile 1/4 are the easy half, around 3/4 the hard half.
    """
    pruned = [
        (size, f, rule)
        for size, f, rule in product(SIZES, FRACTIONS, RULES)
        if size * f >= LEAST_KEPT
        and not (f == 0.5 and rule in ("quantiles:0.25", "quantiles:0.75"))
    ]
    return pruned + [(size, 1.0, "random") for size in SIZES]


def predicted_bands(folder: Path) -> None:
    """The band that theory, fitted to the small pools, takes for the best one in large pools."""
    if (folder / "predicted_bands.csv").exists():
        return
    errors = PairedErrors.read_csv(folder / "probed.csv").select(probe_images=PROBES[0])
    fit = fit_pruning(errors.to_sweep("probed"), hold_out_above=HOLD_OUT_ABOVE)
    chosen = []
    for size, f in product([size for size in SIZES if size > HOLD_OUT_ABOVE], FRACTIONS):
        band = best_band(size / fit.dimension, f, fit.theta)
        chosen.append((size, f, f"quantiles:{band_centre(float(band.low), float(band.high)):.3f}"))
    found = probed_digits_sweep(chosen, seeds=SEEDS)
    PairedErrors.from_frame(found.runs, KEYS).write_csv(folder / "predicted_bands.csv")


def transfer(folder: Path) -> None:
    """Five digits upstream, pruned; twenty images of the other five downstream."""
    if (folder / "transfer.csv").exists():
        return
    pruned = list(product((0.1, 0.25, 0.5), ("random", "hard", "easy")))
    runs = transfer_sweep(
        "digits",
        "cnn:8,16",
        score="el2n:10",
        cells=[*pruned, (1.0, "random")],
        recipe="steps=400,learning_rate=0.2",
        downstream=20,
        tuning="steps=60,learning_rate=0.05",
        seeds=list(range(TRANSFER_SEEDS)),
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
            score=[*(n for n in catalogue.names() if n != "random"), "el2n:20"],
            rules=["hard", "easy"],
            keep=[0.3, 0.6],
            **given,
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
