"""Plain CSV and TSV: any table of runs, its columns named by a mapping."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from prunelaw.checks import check_choice
from prunelaw.errors import TableError
from prunelaw_sim.common.guarded import check_header
from prunelaw_sim.readers import _files
from prunelaw_sim.readers._cells import Cells, Wanted
from prunelaw_sim.readers._dialect import below, dialect_of, lines_of
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.questions import option


def claims(path: Path) -> str:
    """Any file: this is the reader of last resort."""
    return "a table with a header line, of no special format" if path.is_file() else ""


def read(
    path: Path,
    *,
    delimiter: str | None = None,
    comment: str | None = None,
    wanted: Wanted | None = None,
) -> FileRows:
    """A file with a header line and one run a line; UTF-8, UTF-16 with a byte-order mark, or .gz.

    The delimiter is the one of comma, tab, semicolon and bar that parts the first lines alike, else
    spaces, or what a first line `sep=;` says; tables of Markdown have bars and a rule.  Lines that
    begin with # are comments; one below the header with as many cells as a row is asked about:
    `comment` "skip" or "keep".  The file is read once, line by line, and only the columns of use
    are kept.  Language models of Muennighoff et al. 2023, for one:

        read("datablations_c4_val_loss.csv",
             mapping={"samples_seen": "tokens_seen", "unique_samples": "unique_tokens",
                      "error": "val_loss"},
             constants={"metric": "C4 validation loss", "pool": "C4"})

    Raises:
        TableError: naming file, line (header = line 1) and column: no such file, not UTF-8, empty,
            ragged or malformed line, a column twice.
    """
    if comment is not None:
        check_choice("comment", comment, ("skip", "keep"))
    cells = _gather(path, delimiter, wanted or Wanted(), comment)
    return FileRows(cells.frame(), header=tuple(cells.header))


def read_cells(path: Path, delimiter: str | None = None) -> pd.DataFrame:
    """The cells of a file as texts; the index holds line numbers (header = line 1)."""
    if not path.is_file():
        raise TableError(f"{path}: no such file")
    _files.refuse_unreadable(path)
    return _gather(path, delimiter, Wanted()).frame()


def _gather(path: Path, delimiter: str | None, wanted: Wanted, comment: str | None = None) -> Cells:
    cells = Cells(wanted)
    kept: list[int] = []
    for line, row in _rows(path, delimiter):
        if not cells.header:
            kept = cells.start(_header(path, row))
        elif row[0].startswith("#") and (len(row) != len(cells.header) or comment == "skip"):
            continue
        elif len(row) != len(cells.header):
            title = len(cells.header) == 1
            above = "; is there a title above the header? Begin such lines with #" if title else ""
            raise TableError(
                f"{path}, line {line}: {len(row)} cells, but the header has "
                f"{len(cells.header)} columns{above}"
            )
        elif row[0].startswith("#") and comment is None:
            raise TableError(
                f"{path}, line {line}: is {row[0][:40]!r} a row that is left out? Say "
                f"{option(options={'comment': 'skip'})} or {option(options={'comment': 'keep'})}",
                {"options": {"comment": _likely_comment(path)}},
            )
        else:
            cells.add_values(line, [row[i] for i in kept])
    if not cells.header:
        raise TableError(f"{path}: the file is empty; wanted a CSV with a header line")
    return cells


def _likely_comment(path: Path) -> str:
    """`keep` where most of the first lines begin with #: names of runs then, no rows left out."""
    lines = [line for line in lines_of(_files.head_text(path))[1:-1] if line.strip()]
    return "keep" if 2 * sum(line.startswith("#") for line in lines) > len(lines) else "skip"


def _rows(path: Path, delimiter: str | None) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line that is not empty, from the header on."""
    if delimiter is not None and len(delimiter) != 1:
        raise TableError(f"{path}: delimiter must be one letter, got {delimiter!r}")
    dialect = dialect_of(_files.head_text(path), delimiter)
    text = below(_files.text_lines(path), dialect)
    lines = csv.reader(text, delimiter=dialect.delimiter, strict=True)
    try:
        for row in lines:
            if any(cell.strip() for cell in row):
                yield lines.line_num, row
    except csv.Error as cause:
        raise TableError(f"{path}, line {lines.line_num}: malformed CSV ({cause})") from cause


def _header(path: Path, row: list[str]) -> list[str]:
    """Column names; unnamed ones (a saved pandas index) get a name that says where they are."""
    names = [cell.strip() or f"(column {i})" for i, cell in enumerate(row, start=1)]
    check_header(path, names)
    return names
