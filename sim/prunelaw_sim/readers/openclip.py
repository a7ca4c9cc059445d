"""OpenCLIP scaling runs (Cherti et al. 2023, arXiv 2212.07143; LAION-AI/scaling-laws-openclip)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pandas as pd

from prunelaw.checks import check_real
from prunelaw.errors import TableError
from prunelaw_sim.readers._files import header
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import FileRows

# `samples_per_epoch` of trained_models_info.csv is not the pool: the 2B runs count virtual
# epochs of 135-213M samples, and the 400M runs print a rounded 413M.
POOL_SIZES: Mapping[str, float] = {
    "LAION-80M": 80_000_415.0,
    "LAION-400M": 407_332_084.0,
    "LAION-2B": 2.0e9,
}
NEEDED = ("name", "arch", "samples_seen", "upstream_dataset", "downstream_dataset", "acc1")
COMPUTE = "gmacs_total"
RUN_INFO = "trained_models_info.csv"
FIXED = True  # no mapping: the columns are known


def claims(path: Path) -> str:
    """Whether a file, or a file of a folder, has the columns of `zeroshot_results.csv`."""
    return f"{_results_files(path)[0].name} has {', '.join(NEEDED)}" if _results_files(path) else ""


def read(
    path: Path,
    *,
    downstream: str = "imagenet1k",
    pool_sizes: Mapping[str, float | int] | None = None,
) -> FileRows:
    """Final zero-shot errors of one downstream task: group = architecture, error = 1 - acc1.

    `path` is the folder of the published CSV files, or its `zeroshot_results.csv`.  The LAION
    subsets are random draws of one distribution: one pool "LAION", with unique_samples the true
    size of the subset (`POOL_SIZES`, to be replaced or extended by `pool_sizes`).  compute, where
    the file has it, is `gmacs_total`: GMACs of one forward pass, times the samples seen.

    Left out, each with a note: runs that are not of this study (no run name, or "openai"),
    runs on data sets of unknown size, and learning curves (their points lie on a decaying
    learning rate).

    Raises:
        TableError: for a downstream task that is not there or has no acc1, a run listed twice, or a
            bad cell (file, line, column).
    """
    sizes = {**POOL_SIZES, **(pool_sizes or {})}
    for name, size in sizes.items():
        check_real(f"pool_sizes[{name!r}]", size, 0.0, low_open=True)
    results = _one_file(path)
    cells = read_cells(results)
    rows, notes = _study_rows(_task_rows(cells, downstream, results), sizes, results)
    rows = cast(pd.DataFrame, rows[[name for name in (*NEEDED, COMPUTE) if name in rows]])
    rows = rows.assign(unique=[sizes[name] for name in rows["upstream_dataset"]])
    names = {"run": "name", "group": "arch", "samples_seen": "samples_seen"}
    names |= {"unique_samples": "unique", "accuracy": "acc1"}
    names |= {"compute": COMPUTE} if COMPUTE in rows else {}
    rows = rows.drop(columns=["upstream_dataset", "downstream_dataset"])
    notes += _pool_notes(sizes) + _run_notes(results.parent, set(rows["name"]))
    lost = len(cells) - len(rows)
    return FileRows(
        rows,
        names,
        constants={"pool": "LAION", "metric": f"{downstream} error"},
        dropped=((lost, "of other tasks, other studies or unknown pools"),) if lost else (),
        notes=tuple(notes),
        source=str(results),
    )


def _results_files(path: Path) -> list[Path]:
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    return [file for file in files if file.is_file() and set(NEEDED) <= set(header(file))]


def _one_file(path: Path) -> Path:
    files = _results_files(path)
    if len(files) == 1:
        return files[0]
    if not files:
        raise TableError(f"{path}: no CSV file with the columns {', '.join(NEEDED)}")
    raise TableError(
        f"{path}: several files have OpenCLIP results, name one: {', '.join(f.name for f in files)}"
    )


def _task_rows(cells: pd.DataFrame, downstream: str, path: Path) -> pd.DataFrame:
    """Rows of one downstream task that has a top-1 accuracy."""
    scored = cells.loc[cells["acc1"].str.strip() != ""]
    rows = scored.loc[scored["downstream_dataset"] == downstream]
    if not len(rows):
        known = ", ".join(sorted(set(scored["downstream_dataset"])))
        raise TableError(
            f"{path}, column 'downstream_dataset': no row with acc1 for {downstream!r}; "
            f"available downstream: {known}"
        )
    return rows


def _study_rows(
    rows: pd.DataFrame, sizes: Mapping[str, float], path: Path
) -> tuple[pd.DataFrame, list[str]]:
    """Rows of named runs on pools of known size, and notes on the others."""
    unnamed = rows["name"].str.strip().str.lower().isin(["", "openai"])
    unknown = ~unnamed & ~rows["upstream_dataset"].isin(sizes)
    notes = []
    if unnamed.any():
        notes.append(f"dropped {unnamed.sum()} rows without a run of this study (OpenAI's models)")
    if unknown.any():
        names = ", ".join(sorted(set(rows.loc[unknown, "upstream_dataset"])))
        notes.append(f"dropped {unknown.sum()} rows whose pool size is not known: {names}")
    kept = rows.loc[~unnamed & ~unknown]
    if not len(kept):
        raise TableError(f"{path}: no row is left ({'; '.join(notes)}); see pool_sizes")
    twice = kept.loc[kept.duplicated("name")]
    if len(twice):
        line, name = twice.index[0], twice["name"].iloc[0]
        raise TableError(f"{path}, line {line}, column 'name': run {name!r} is listed twice")
    return kept, notes


def _pool_notes(sizes: Mapping[str, float]) -> list[str]:
    listed = ", ".join(f"{name} {size:.9g}" for name, size in sizes.items())
    return [f"unique_samples are pool sizes ({listed}), not the virtual samples_per_epoch"]


def _run_notes(folder: Path, runs: set[str]) -> list[str]:
    """What the runs do not share besides data and compute, and that curves are not read."""
    notes = []
    if (folder / RUN_INFO).is_file():
        info = read_cells(folder / RUN_INFO)
        if {"name", "lr"} <= set(info.columns):
            rates = sorted(set(info.loc[info["name"].isin(list(runs)), "lr"]))
            batches = sorted({b for run in runs for b in re.findall(r"_bs-(\w+)", run)})
            notes.append(
                f"runs differ in learning rate ({', '.join(rates)}) and batch size "
                f"({', '.join(batches)}), which no column carries"
            )
    notes.append("final points only: learning curves lie on a decaying learning rate")
    return notes
