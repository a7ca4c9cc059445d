"""Ray Tune: a folder a trial with `progress.csv`, or `result.json` of JSON lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, flat, head_text, header, place, text_lines
from prunelaw_sim.readers._files import run_name as folder_of
from prunelaw_sim.readers.jsonl import object_of
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.columns import COLUMNS

ITERATION = "training_iteration"
NEEDED = {ITERATION, "time_total_s"}
OF_RAY = {
    "time_this_iter_s", "time_total_s", "time_since_restore", "timestamp", "pid", "done",
    "iterations_since_restore", "timesteps_since_restore", "timesteps_total", "episodes_total",
    "warmup_time", "should_checkpoint", "experiment_id", "experiment_tag", "date", "hostname",
    "node_ip", "checkpoint_dir_name", "trial_id", ITERATION,
}  # fmt: skip


def claims(path: Path) -> str:
    """Tables or JSON lines with `training_iteration` and `time_total_s`."""
    found = files_in(path, _is_progress)
    return f"{found[0].name} has {ITERATION} and time_total_s" if found else ""


def read(path: Path) -> FileRows:
    """A row a report, a run a trial; of each the last is taken, by `training_iteration`.

    What an iteration is, the program that was tuned decides: map `step` or `epochs` to it where it
    is one.  Canonical names in the configuration (`config/seed`) are taken as such.

    Raises:
        TableError: naming file, line and column.
    """
    cells = Cells()
    for file in _one_a_folder(files_in(path, _is_progress)):
        for line, row in _reports(file):
            run = str(row.get("trial_id") or folder_of(file, path))
            where = place(file, path, str(line) if path.is_file() else f"line {line}")
            cells.add(where, {"trial": run, **row})
    frame = cells.frame()
    if frame.empty:
        raise TableError(f"{path}: no trial has reported")
    config = {n.partition("/")[2]: n for n in cells.header if n.startswith("config/")}
    columns = {ours: n for ours, n in config.items() if ours in COLUMNS and ours != "error"}
    measured = tuple(n for n in cells.header if _is_measured(n))
    return FileRows(
        frame, columns | {"run": "trial"}, measured, row="line" if path.is_file() else "in",
        points="final",
    )  # fmt: skip


def _is_measured(name: str) -> bool:
    known = name in OF_RAY or name in COLUMNS or name == "trial"
    return not known and not name.startswith(("config/", "perf/", "timers/"))


def _is_progress(file: Path) -> bool:
    start = head_text(file)
    if start.lstrip().startswith("{"):
        first = start.lstrip().partition("\n")[0]
        return all(f'"{name}"' in first for name in NEEDED)
    return set(header(file)) >= NEEDED


def _one_a_folder(files: list[Path]) -> Iterator[Path]:
    """Of a table and JSON lines of the same reports the table."""
    tables = {file.parent for file in files if not head_text(file).lstrip().startswith("{")}
    for file in files:
        if file.parent not in tables or not head_text(file).lstrip().startswith("{"):
            yield file


def _reports(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if not head_text(file).lstrip().startswith("{"):
        for line, row in read_cells(file).iterrows():
            yield int(str(line)), {str(name): value for name, value in row.items()}
        return
    for line, text in enumerate(text_lines(file), start=1):
        if text.strip():
            row = flat(object_of(text, file, line))
            yield line, {n.replace("config.", "config/", 1): v for n, v in row.items()}
