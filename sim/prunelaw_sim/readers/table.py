"""Plain CSV: any table of runs, its columns named by a mapping."""

import csv
import difflib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.columns import ACCURACY, COLUMNS, Where, check_column, series
from prunelaw_sim.sweep import Sweep


def claims(path: Path) -> bool:
    """Any file: this is the reader of last resort."""
    return path.is_file()


def read(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
    delimiter: str = ",",
) -> Sweep:
    """A CSV file with a header line, UTF-8, one run a line.

    `mapping` gives the file's column for a canonical one; columns with canonical names need
    none.  `accuracy` (a fraction) is mapped to as well and becomes error = 1 - accuracy.
    `constants` gives a value for all rows of a column that the file does not have.  Language
    models of Muennighoff et al. 2023, for one:

        read("datablations_c4_val_loss.csv",
             mapping={"samples_seen": "tokens_seen", "unique_samples": "unique_tokens",
                      "error": "val_loss"},
             constants={"metric": "C4 validation loss", "pool": "C4"})

    Columns that are neither canonical nor mapped are dropped and listed in `Sweep.notes`.

    **Raises:** `TableError` naming file, line (header = line 1) and column, value and allowed
    range: no such file, not UTF-8, empty, ragged or malformed line, column missing, repeated
    or mapped twice, and every cell that `Sweep.from_frame` refuses.
    """
    return sweep_from_cells(read_cells(path, delimiter), path, mapping or {}, constants or {})


def read_cells(path: Path, delimiter: str = ",") -> pd.DataFrame:
    """The cells of a CSV file as texts; the index holds line numbers (header = line 1)."""
    lines = csv.reader(io.StringIO(_text(path), newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    rows: dict[int, list[str]] = {}
    try:
        for row in lines:
            if not any(cell.strip() for cell in row) and len(row) < 2:
                continue  # an empty line
            if header is None:
                header = _header(path, row)
            elif len(row) != len(header):
                raise TableError(
                    f"{path}, line {lines.line_num}: {len(row)} cells, but the header has "
                    f"{len(header)} columns"
                )
            else:
                rows[lines.line_num] = row
    except csv.Error as cause:
        raise TableError(f"{path}, line {lines.line_num}: malformed CSV ({cause})") from cause
    if header is None:
        raise TableError(f"{path}: the file is empty; wanted a CSV with a header line")
    return pd.DataFrame.from_dict(rows, orient="index", columns=pd.Index(header), dtype=object)


def sweep_from_cells(
    cells: pd.DataFrame,
    path: Path,
    mapping: Mapping[str, str],
    constants: Mapping[str, Any],
    notes: Iterable[str] = (),
) -> Sweep:
    """A checked sweep from cells in the file's own columns; messages name the file's columns."""
    names = _resolve(cells, path, mapping)
    where = Where(str(path), "line", names)
    frame = pd.DataFrame({ours: cells[theirs] for ours, theirs in names.items()}, cells.index)
    if "accuracy" in frame.columns:
        frame["error"] = 1 - check_column(series(frame, "accuracy"), ACCURACY, where)
        del frame["accuracy"]
    for name, value in constants.items():
        _check_canonical(name, path, "constants", COLUMNS)
        if name in frame.columns:
            raise TableError(f"{path}: {name!r} is given as a constant and as {where.column(name)}")
        frame[name] = value
    unused = [str(c) for c in cells.columns if c not in names.values()]
    dropped = [f"dropped columns of the file: {', '.join(unused)}"] if unused else []
    if "error" not in frame.columns:
        raise TableError(_no_error(path, cells))
    return Sweep.from_frame(frame, notes=[*notes, *dropped], where=where)


def _resolve(cells: pd.DataFrame, path: Path, mapping: Mapping[str, str]) -> dict[str, str]:
    """{canonical: file's column}: what the mapping says, then columns that agree by name."""
    targets = {**COLUMNS, "accuracy": ACCURACY}
    taken: dict[str, str] = {}
    for ours, theirs in mapping.items():
        _check_canonical(ours, path, "mapping", targets)
        if theirs not in cells.columns:
            raise TableError(
                f"{path}: mapping of {ours!r}: no column {theirs!r}{_closest(theirs, cells)}; "
                f"present: {', '.join(map(str, cells.columns))}"
            )
        if theirs in taken:
            raise TableError(f"{path}: column {theirs!r} is mapped to {taken[theirs]} and {ours}")
        taken[theirs] = ours
    if {"error", "accuracy"} <= set(mapping):
        raise TableError(f"{path}: mapping has both 'error' and 'accuracy'; give one")
    names = dict(mapping)
    for name in COLUMNS:
        given = name in names or (name == "error" and "accuracy" in names)
        if name in cells.columns and not given and name not in taken:
            names[name] = name
    return names


def _check_canonical(name: str, path: Path, argument: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise TableError(
            f"{path}: {argument} names {name!r}, which is not one of {', '.join(known)}"
        )


def _no_error(path: Path, cells: pd.DataFrame) -> str:
    hint = _closest("error", cells)
    if cells.shape[1] == 1:
        hint = "; the header is one column only: is the delimiter another? (delimiter=';')"
    return (
        f"{path}: no column 'error'{hint}; map one: mapping={{'error': '...'}} or "
        f"{{'accuracy': '...'}}; present: {', '.join(map(str, cells.columns))}"
    )


def _closest(wanted: str, cells: pd.DataFrame) -> str:
    by_lower = {str(name).lower(): str(name) for name in cells.columns}
    close = difflib.get_close_matches(wanted.lower(), by_lower, n=1)
    return f" (names are case-sensitive; did you mean {by_lower[close[0]]!r}?)" if close else ""


def _text(path: Path) -> str:
    if not path.is_file():
        raise TableError(f"{path}: no such file")
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise TableError(f"{path}: cannot be read: {cause.strerror}") from cause
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = data[: cause.start].count(b"\n") + 1
        raise TableError(
            f"{path}, line {line}: byte 0x{data[cause.start]:02x} is not UTF-8; save it as UTF-8"
        ) from cause


def _header(path: Path, row: list[str]) -> list[str]:
    """Column names; unnamed ones (a saved pandas index) get a name that says where they are."""
    names = [cell.strip() or f"(column {i})" for i, cell in enumerate(row, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"{path}: column {name!r} appears more than once in the header")
    return names
