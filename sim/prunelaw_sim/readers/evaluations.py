"""Evaluations by CLIP-benchmark and DataComp: JSON objects with `metrics`, one a task."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import (
    files_in,
    head_text,
    place,
    read_json,
    run_name,
    text_lines,
)
from prunelaw_sim.readers.jsonl import object_of
from prunelaw_sim.tables.assemble import FileRows


def claims(path: Path) -> str:
    """An object with `metrics`, `dataset`, and `key` (DataComp) or `model` and `task`."""
    found = files_in(path, _is_evaluation)
    return f"{found[0].name} has objects with metrics, dataset and key or model" if found else ""


def read(path: Path) -> FileRows:
    """A measurement for each task and metric, as `imagenet1k/acc1`; choose one by `metric`.

    A run is called after its model (and what it was pretrained on) where the object says so, else
    after the folder.  Samples seen, pools and seeds come from the runs' names (`from_run`) or are
    constants.

    Raises:
        TableError: naming file and line: truncated, metrics that are no object.
    """
    cells = Cells()
    for file in files_in(path, _is_evaluation):
        for line, found in _objects(file):
            where = place(file, path, str(line) if path.is_file() else f"line {line}")
            metrics = found.get("metrics")
            if not isinstance(metrics, dict):
                raise TableError(f"{path}, {where}: metrics must be an object, got {metrics!r}")
            run = _run(found) or run_name(file, path)
            for name, value in metrics.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    metric = f"{found.get('key') or found.get('dataset')}/{name}"
                    cells.add(where, {"run": run, "metric": metric, "value": value})
    frame = cells.frame()
    if frame.empty:
        raise TableError(f"{path}: no number among the metrics")
    return FileRows(
        frame,
        {"run": "run", "metric": "metric"},
        values="value",
        row="line" if path.is_file() else "in",
        points="final",
    )


def _is_evaluation(file: Path) -> bool:
    start = head_text(file).lstrip()
    named = '"key"' in start or ('"model"' in start and '"task"' in start)
    return start.startswith("{") and named and '"dataset"' in start and '"metrics"' in start


def _run(found: dict[str, Any]) -> str:
    """`ViT-B-32 laion2b_e16`, where the object names its model."""
    return " ".join(str(found[name]) for name in ("model", "pretrained") if found.get(name))


def _objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and object: one a line, or the whole file."""
    lines = [(i, text) for i, text in enumerate(text_lines(file), start=1) if text.strip()]
    if lines[0][1].strip() == "{" or len(lines) == 1:
        yield 1, read_json(file)
        return
    for line, text in lines:
        yield line, object_of(text, file, line)
