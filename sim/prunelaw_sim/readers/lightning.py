"""Lightning's CSVLogger: `metrics.csv`, a sparse table with the columns epoch and step."""

import csv
from pathlib import Path

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import (
    SNIFF,
    files_in,
    head,
    head_text,
    header,
    place,
    run_name,
)
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.columns import COLUMNS

_OF_RUNS = set(COLUMNS) - {"error"}  # a training error may be logged as `error`


def claims(path: Path) -> str:
    """A CSV with epoch and step, both counted from 0 as Lightning does, and no column of runs."""
    found = files_in(path, _is_log)
    return f"{found[0].name} has epoch and step, which count from 0" if found else ""


def read(path: Path) -> FileRows:
    """Rows of evaluation and of training, which are logged apart; a run is called after its folder.

    Lightning counts steps from 0, and logs the step before the counter moves: `steps done` is
    step + 1.  Its epoch is the one under way, so epochs are not taken from it.

    Raises:
        TableError: naming file, line and column.
    """
    cells = Cells()
    for file in files_in(path, _is_log):
        for line, row in read_cells(file).iterrows():
            where = place(file, path, str(line) if path.is_file() else f"line {line}")
            cells.add(
                where, {"run": run_name(file, path), **row, "steps done": _next(str(row["step"]))}
            )
    frame = cells.frame()
    known = ("run", "epoch", "step", "steps done")
    names = [str(n) for n in frame if n not in known and not str(n).startswith("lr-")]
    if not names or frame.empty:
        raise TableError(f"{path}: no measurement is logged")
    return FileRows(
        frame,
        {"run": "run", "step": "steps done"},
        tuple(names),
        row="line" if path.is_file() else "in",
        points="final",
        header=tuple(name for name in cells.header if name != "steps done"),
        notes=("steps done = step + 1: Lightning counts from 0",),
    )


def _is_log(file: Path) -> bool:
    """A log of Lightning, and not any log with these two columns.

    Epochs begin at 0, and the last step of epoch e is e + 1 times as many steps, less 1; training
    and evaluation stand in rows of their own where there is one epoch, or one that was cut off.
    """
    if head(file)[:1] in (b"{", b""):
        return False
    names = header(file)
    if not {"epoch", "step"} <= set(names) or len(names) < 3 or set(names) & _OF_RUNS:
        return False
    rows = [row for row in _first_rows(file) if len(row) == len(names)]
    try:
        points = [(int(row[names.index("epoch")]), int(row[names.index("step")])) for row in rows]
    except ValueError:
        return False
    last: dict[int, int] = {}
    for epoch, step in points:
        last[epoch] = max(step, last.get(epoch, -1))
    if not points or min(last) != 0:
        return False
    apart = any("" in row for row in rows)
    ends = sorted(last.items())
    ends = ends[:-1] if apart and len(ends) > 1 else ends  # the last epoch may not be over
    even = len({(step + 1) / (epoch + 1) for epoch, step in ends}) == 1
    return (even and (apart or len(last) > 1)) or (apart and names == sorted(names))


def _first_rows(file: Path) -> list[list[str]]:
    """The first rows below the header; a row that the look cuts off is none."""
    lines = head_text(file).lstrip("\r\n").splitlines()[1:-1]
    whole = file.stat().st_size < SNIFF
    lines += head_text(file).splitlines()[-1:] if whole else []
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(lines) if row]
    except csv.Error:
        return []


def _next(step: str) -> str:
    """One step more; what is no integer stays, and is refused with its line."""
    return str(int(step) + 1) if step.strip().isdigit() else step
