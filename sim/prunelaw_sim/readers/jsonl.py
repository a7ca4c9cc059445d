"""JSON lines: one object a line, its keys the columns; inner objects as `config.lr`."""

from pathlib import Path

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells, Wanted
from prunelaw_sim.readers._files import flat, head_text, parse_json, text_lines
from prunelaw_sim.tables.assemble import FileRows


def claims(path: Path) -> str:
    """A file whose first letter opens an object."""
    is_object = path.is_file() and head_text(path).lstrip().startswith(("{", "[{"))
    return "the file begins with a JSON object" if is_object else ""


def read(path: Path, *, wanted: Wanted | None = None) -> FileRows:
    """One run a line; keys that are missing in some lines are empty cells there.

    Raises:
        TableError: naming file and line: not an object, truncated, a key twice.
    """
    cells = Cells(wanted or Wanted())
    for line, text in enumerate(text_lines(path), start=1):
        if text.strip():
            cells.add(line, flat(object_of(text, path, line)))
    return FileRows(cells.frame(), header=tuple(cells.header))


def object_of(text: str, path: Path, line: int) -> dict:
    """The object of one line."""
    if text.strip() in ("{", "["):
        raise TableError(f"{path}, line {line}: wanted one JSON object a line, not over several")
    found = parse_json(text, path, line)
    if not isinstance(found, dict):
        raise TableError(f"{path}, line {line}: wanted one JSON object a line, got {text[:40]!r}")
    return found
