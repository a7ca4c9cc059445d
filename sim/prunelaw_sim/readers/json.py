"""JSON of any form that holds runs: an array of objects, one object a run in a folder, columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import (
    files_in,
    flat,
    head_text,
    place,
    read_json,
    run_name,
    text_lines,
)
from prunelaw_sim.readers.jsonl import object_of
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.columns import AXIS
from prunelaw_sim.tables.measurement import kind_of
from prunelaw_sim.tables.questions import option

Record = dict[str, Any]
SCALARS = (str, int, float, bool, type(None))
LEAST = 2  # values of a list that is a column


def claims(path: Path) -> str:
    """An array of records, an object over several lines, or a folder of JSON files."""
    if path.is_dir():
        found = files_in(path, _is_json)
        return f"{len(found)} files begin with a JSON object or array" if found else ""
    if not _is_json(path) or _is_lines(path):
        return ""
    return f"the file is one JSON {'array' if head_text(path).lstrip()[0] == '[' else 'object'}"


def read(path: Path, *, rows: str | None = None) -> FileRows:
    """One run an object, inner objects as `config.lr`; a run of a folder is called after its file.

    Read are: an array of objects; one object a file (or a line) in a folder; objects by the runs'
    names; columns, as pandas writes them (orient columns, split, table), and lists of equal length,
    as a history of training; an object with a list of objects (`rows` says which): a row for each
    of them, beside what the object says itself.

    Raises:
        TableError: naming file and line: truncated, a key twice, no object, several lists.
    """
    cells = Cells()
    files = files_in(path, _is_json)
    stems = {file.stem for file in files}
    for file in files:
        own = run_name(file, path) if len(stems) == 1 < len(files) else file.stem
        for where, record in records(file, rows):
            about = {} if path.is_file() or "run" in record else {"run": own}
            cells.add(place(file, path, where), about | record)
    if not cells.header:
        raise TableError(f"{path}: holds no record")
    return FileRows(cells.frame(), row="in", header=tuple(cells.header))


def records(file: Path, rows: str | None = None) -> Iterator[tuple[str, Record]]:
    """Place and flat record of each run of a file."""
    if _is_lines(file):
        for line, text in enumerate(text_lines(file), start=1):
            if text.strip():
                for where, record in _rows(object_of(text, file, line), file, rows):
                    yield f"line {line}{where and ', '}{where}", record
        return
    content = read_json(file)
    if isinstance(content, list):
        for i, item in enumerate(content, start=1):
            if not isinstance(item, dict):
                raise TableError(f"{file}, record {i}: wanted an object, got {item!r:.40}")
            yield f"record {i}", flat(item)
        return
    if not isinstance(content, dict):
        raise TableError(f"{file}: wanted an object or an array of objects, got {content!r:.40}")
    yield from ((where or "record 1", row) for where, row in _rows(content, file, rows))


def _rows(content: Record, file: Path, rows: str | None) -> Iterator[tuple[str, Record]]:
    """The records of one object."""
    table = _table(content)
    if table is not None:
        yield from ((f"record {i}", flat(row)) for i, row in enumerate(table, start=1))
        return
    about = flat(content)
    lists = {name: v for name, v in about.items() if isinstance(v, list) and _all(v, dict)}
    if rows is not None and rows not in lists:
        known = ", ".join(lists) or "none"
        raise TableError(f"{file}: rows={rows!r} is no list of objects; there are: {known}")
    if rows is None and len(lists) > 1:
        first = next(iter(lists))
        raise TableError(
            f"{file}: which list holds the rows, {', '.join(lists)}? Say "
            f"{option(options={'rows': first})}"
        )
    name = rows or next(iter(lists), None)
    if name is not None:
        outer = {n: v for n, v in about.items() if n not in lists}
        for i, item in enumerate(about[name], start=1):
            inner = {f"{name}.{n}": _alone(v) for n, v in flat(item).items()}
            yield f"{name}[{i - 1}]", outer | inner
        return
    columns = {n: v for n, v in about.items() if isinstance(v, list) and _all(v, SCALARS)}
    lengths = {len(v) for v in columns.values()}
    if len(lengths) == 1 and (length := lengths.pop()) >= LEAST and _has_numbers(columns):
        counted = not any(map(AXIS.search, about)) and any(map(kind_of, columns))
        for i in range(length):
            row = {n: v[i] if n in columns else v for n, v in about.items()}
            yield f"entry {i + 1} of the lists", row | ({"epoch": i + 1} if counted else {})
        return
    yield "", {n: _alone(v) for n, v in about.items()}


def _table(content: Record) -> list[Record] | None:
    """The rows of an object that is a table: as pandas writes it, or runs by their names."""
    data = content.get("data")
    if isinstance(data, list) and "schema" in content and _all(data, dict):
        return data
    columns = content.get("columns")
    if isinstance(data, list) and isinstance(columns, list) and _all(data, list):
        return [dict(zip(map(str, columns), row, strict=False)) for row in data]
    inner = list(content.values())
    if len(inner) < LEAST or not _all(inner, dict):
        return None
    if any(value.keys() != inner[0].keys() for value in inner) or not inner[0]:
        return None
    if all(key.isdigit() for key in inner[0]):
        return [{name: content[name][i] for name in content} for i in inner[0]]
    return [{"run": name, **value} for name, value in content.items()]


def _all(values: list[Any], kind: Any) -> bool:
    return bool(values) and all(isinstance(value, kind) for value in values)


def _has_numbers(columns: dict[str, list[Any]]) -> bool:
    return any(_all(values, (int, float)) for values in columns.values())


def _alone(value: Any) -> Any:
    """The one item of a list of one; what else it is, as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _is_json(file: Path) -> bool:
    """Whether the file begins with an object, or an array of objects, arrays, texts or numbers."""
    start = head_text(file)[:2000].lstrip()
    if start.startswith("{"):
        return start[1:].lstrip()[:1] in ('"', "}", "")
    return start.startswith("[") and start[1:].lstrip()[:1] in ("{", "[", "]", "")


def _is_lines(file: Path) -> bool:
    """Whether the first line is a whole object, and others follow: JSON lines."""
    lines = (text for text in text_lines(file) if text.strip())
    first, second = next(lines, ""), next(lines, "")
    try:
        whole = isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        whole = bool(second) and first.lstrip()[:1] == second.lstrip()[:1] == "{" != first.strip()
    return whole and bool(second)
