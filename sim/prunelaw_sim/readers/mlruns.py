"""MLflow's file store: `mlruns/EXPERIMENT/RUN` with meta.yaml, metrics, params and tags."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, head_text, place, text_lines
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.columns import COLUMNS

META = "meta.yaml"
STATUS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}


def claims(path: Path) -> str:
    """A folder with the meta.yaml of runs."""
    found = files_in(path, _is_run) if path.is_dir() else []
    return f"{len(found)} runs have a {META} beside their metrics" if found else ""


def read(path: Path) -> FileRows:
    """A row a measurement: each line of a metric's file holds time, value and step.

    Runs are called by their names, or ids where names recur.  Parameters and tags with canonical
    names (seed, samples_seen, ...) are taken as such.  Deleted runs are left out.

    Raises:
        TableError: naming file and line of what is no measurement; no metric at all.
    """
    runs = [file.parent for file in files_in(path, _is_run)]
    meta = {run: dict(_pairs(run / META)) for run in runs}
    live = [run for run in runs if meta[run].get("lifecycle_stage", "active") == "active"]
    names = [meta[run].get("run_name") or run.name for run in live]
    cells = Cells()
    for run, name in zip(live, names, strict=True):
        number = meta[run].get("status", "")
        about: dict[str, Any] = {"run": name if names.count(name) == 1 else run.name}
        about |= {"run_status": STATUS.get(number, number)}
        about |= {f"params.{n}": value for n, value in _texts(run / "params")}
        about |= {f"tags.{n}": v for n, v in _texts(run / "tags") if not n.startswith("mlflow.")}
        for metric, file in _files(run / "metrics"):
            for line, (value, step) in _history(file):
                where = place(file, path, f"line {line}")
                cells.add(where, about | {"metric": metric, "value": value, "step": step})
    if not cells.header:
        raise TableError(f"{path}: no run has a metric")
    columns = {"run": "run", "step": "step", "metric": "metric"}
    for name in cells.header:
        first, _, last = name.partition(".")
        if first in ("params", "tags") and last in COLUMNS and last not in ("run", "error"):
            columns.setdefault(last, name)
    lost = len(runs) - len(live)
    return FileRows(
        cells.frame(), columns, values="value", row="in", points="final",
        notes=(f"{lost} deleted runs are left out",) if lost else (),
    )  # fmt: skip


def _is_run(file: Path) -> bool:
    return file.name == META and "run_id:" in head_text(file)


def _pairs(file: Path) -> Iterator[tuple[str, str]]:
    """The lines `name: value` of a meta.yaml, which MLflow writes flat."""
    for text in text_lines(file):
        name, colon, value = text.partition(":")
        if colon:
            yield name.strip(), value.strip().strip("'\"")


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names, as `val/acc`, and files."""
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for name, file in _files(folder):
        yield name, "".join(text_lines(file)).strip()


def _history(file: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    """Value and step of each line; the step is missing in old stores."""
    for line, text in enumerate(text_lines(file), start=1):
        parts = text.split()
        if parts and len(parts) not in (2, 3):
            raise TableError(f"{file}, line {line}: not `time value step`: {text.strip()!r:.60}")
        if parts:
            yield line, (parts[1], parts[2] if len(parts) == 3 else "0")
