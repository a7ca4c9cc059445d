"""What the store of a real sweep holds, as tables: one row a trained model, or one a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from prunelaw_sim.common.statistics import standard_error
from prunelaw_sim.networks.recipes import as_recipe
from prunelaw_sim.sweeps.real import RealDesign
from prunelaw_sim.sweeps.real_cells import cell_name, kept_count
from prunelaw_sim.sweeps.store import Columns, Store
from prunelaw_sim.tables.sweep import Sweep

PASSES = 3  # multiply-adds of a training step in those of a forward pass: one forward, two backward


def runs_table(store: Store, design: RealDesign) -> pd.DataFrame:
    """One row a trained model in the columns of a `Sweep`, and two that only a real sweep has.

    - seed: the trial's number; dataset_size P, unique_samples those kept, samples_seen and epochs
      of the student's training; rule "random" at f = 1, where all agree.
    - error_se: the sampling error of the test set alone, binomial, with one success and one failure
      added so that it is never 0.  It says nothing of the draw of pool and first weights.
    - compute: multiply-adds of the training, 3 × those of a forward pass × samples seen, and those
      of the score, which "random" needs not.
    - theta: π × probe_error, for two classes; there if every row has one of at most π/2.
    - classes_kept: classes in the kept set; probe_error: that of the score's probe on the pool,
      missing where the score has none.
    """
    rows = [row for _, runs in _by_cell(store, design) for row in runs]
    return _without_gaps(pd.DataFrame(rows))


def cells_table(store: Store, design: RealDesign) -> pd.DataFrame:
    """One row a cell, (f, rule) of a point: means over seeds in the columns of a `Sweep`.

    `error_se` is the standard error of the mean over `trials` seeds, left out if some cell has a
    single one; errors of different cells share their draws and are not independent.
    """
    rows = [_means(cell, runs) for cell, runs in _by_cell(store, design)]
    return _without_gaps(pd.DataFrame(rows))


def runs_sweep(store: Store, design: RealDesign) -> Sweep:
    """Every trained model as a row of a `Sweep`.  Raises `TableError` for an empty store."""
    runs = runs_table(store, design).drop(columns=["classes_kept", "probe_error"], errors="ignore")
    note = "error_se is the sampling error of the test set alone"
    return Sweep.from_frame(runs, str(store.path), notes=[note, *design.notes])


def _without_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Readers of a `Sweep` take a column for all rows or not at all."""
    gaps = [
        name
        for name in ("theta", "error_se")
        if name in table and not np.isfinite(table[name].to_numpy(dtype=np.float64)).all()
    ]
    return table.drop(columns=gaps)


def _by_cell(store: Store, design: RealDesign) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each cell's name and its rows, one a trial."""
    for position, columns in store.by_point():
        point = design.points[position]
        for f, rule in point["cells"]:
            name = f"{_setting(point)} P{point['size']} f{f:g} {rule}"
            rows = [_run(point, columns, f, rule, i) for i in range(len(columns["trial"]))]
            yield name, [{"run": f"{name} seed{row['seed']}", **row} for row in rows]


def _setting(point: Mapping[str, Any]) -> str:
    """What rows of one law share; a `Sweep` has no columns for most of it."""
    return (
        f"{point['dataset']} {point['model']} score={point['score']} "
        f"class_share={point['class_share']:g} {point['recipe']}"
    )


def _run(
    point: Mapping[str, Any], columns: Columns, f: float, rule: str, index: int
) -> dict[str, Any]:
    """One trained model as a row."""
    kept = kept_count(point, f)
    seen = as_recipe(point["recipe"]).samples_seen(kept)
    error = float(columns[cell_name("error", (f, rule))][index])
    probe_error = float(columns["probe_error"][index]) if "probe_error" in columns else np.nan
    angle = np.pi * probe_error
    score_cost = 0.0 if rule == "random" else float(columns["score_cost"][index])
    return {
        "group": _setting(point),
        "pool": point["dataset"],
        "unique_samples": kept,
        "samples_seen": seen,
        "epochs": seen / kept,
        "dataset_size": point["size"],
        "keep_fraction": f,
        "rule": rule,
        "score": point["score"],
        "error": error,
        "error_se": _sampling_error(error, point["tests"]),
        "metric": "test error",
        "seed": int(columns["trial"][index]),
        "parameters": point["parameters"],
        "compute": PASSES * point["multiply_adds"] * (seen + score_cost),
        "theta": angle if point["classes"] == 2 and angle <= np.pi / 2 else np.nan,
        "classes_kept": float(columns[cell_name("classes", (f, rule))][index]),
        "probe_error": probe_error,
    }


def _means(cell: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The runs of one cell as one row."""
    errors = np.array([row["error"] for row in runs])
    varying = ("theta", "probe_error", "classes_kept", "compute")
    means = {name: float(np.mean([row[name] for row in runs])) for name in varying}
    same = {name: value for name, value in runs[0].items() if name != "seed"}
    whole = {"run": cell, "error": float(errors.mean()), "error_se": standard_error(errors)}
    return {**same, **whole, **means, "trials": len(runs)}


def _sampling_error(error: float, tests: int) -> float:
    smoothed = (error * tests + 1) / (tests + 2)
    return float(np.sqrt(smoothed * (1 - smoothed) / tests))
