"""timm's training script: `summary.csv`, a line an epoch."""

from pathlib import Path

from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, header, place, run_name
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import FileRows

NEEDED = {"epoch", "train_loss", "eval_loss", "eval_top1"}


def claims(path: Path) -> str:
    """A table with epoch, train_loss, eval_loss and eval_top1."""
    found = files_in(path, _is_summary)
    return f"{found[0].name} has {', '.join(sorted(NEEDED))}" if found else ""


def read(path: Path) -> FileRows:
    """A row an epoch, in per cent where it is an accuracy; a run is called after its folder.

    timm counts epochs from 0, each the first one done; as other programs write 0 before training,
    `zero` must say so.

    Raises:
        TableError: naming file, line and column.
    """
    cells = Cells()
    for file in files_in(path, _is_summary):
        for line, row in read_cells(file).iterrows():
            where = place(file, path, str(line) if path.is_file() else f"line {line}")
            cells.add(where, {"run": run_name(file, path), **row})
    measured = tuple(n for n in cells.header if n.startswith(("eval_", "train_")))
    return FileRows(
        cells.frame(), {"run": "run", "epochs": "epoch"}, measured,
        row="line" if path.is_file() else "in", points="final", units="percent",
    )  # fmt: skip


def _is_summary(file: Path) -> bool:
    return set(header(file)) >= NEEDED
