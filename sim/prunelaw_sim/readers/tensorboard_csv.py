"""CSV downloads of TensorBoard's page: Wall time, Step, Value; a file a run and tag."""

import re
from pathlib import Path

from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, header, place
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import FileRows

HEADER = ["Wall time", "Step", "Value"]
NAME = re.compile(r"run-(?P<run>.+?)-tag-(?P<tag>.+)")


def claims(path: Path) -> str:
    """The page's header."""
    found = files_in(path, _is_download)
    return f"{found[0].name} has the columns {', '.join(HEADER)}" if found else ""


def read(path: Path) -> FileRows:
    """A row a scalar; run and tag are in the file's name, as the page gives it.

    A file that was renamed is a run of its own, and its tag is `Value`.  Steps are what the writer
    counted.

    Raises:
        TableError: naming file, line and column.
    """
    cells = Cells()
    for file in files_in(path, _is_download):
        found = NAME.fullmatch(file.stem)
        run, tag = (found["run"], found["tag"]) if found else (file.stem, "Value")
        for line, row in read_cells(file).iterrows():
            where = place(file, path, str(line) if path.is_file() else f"line {line}")
            known = {"run": run, "metric": tag, "step": row["Step"], "value": row["Value"]}
            cells.add(where, known)
    columns = {"run": "run", "step": "step", "metric": "metric"}
    row = "line" if path.is_file() else "in"
    return FileRows(cells.frame(), columns, values="value", row=row, points="final")


def _is_download(file: Path) -> bool:
    return header(file) == HEADER
