"""Lightning's CSVLogger: `metrics.csv`, a sparse table with the columns epoch and step."""

from pathlib import Path

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, head, header, place, run_name
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.columns import COLUMNS


def claims(path: Path) -> str:
    """A CSV with epoch and step, measurements, and no column of a table of runs."""
    found = files_in(path, _is_log)
    return f"{found[0].name} has the columns epoch and step, and measurements" if found else ""


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
    if head(file)[:1] in (b"{", b""):
        return False
    names = header(file)
    return {"epoch", "step"} <= set(names) and len(names) > 2 and not set(names) & set(COLUMNS)


def _next(step: str) -> str:
    """One step more; what is no integer stays, and is refused with its line."""
    return str(int(step) + 1) if step.strip().isdigit() else step
