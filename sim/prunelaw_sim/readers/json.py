"""JSON of any form that holds runs: an array of objects, one object a run in a folder, columns."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import (
    LARGEST_JSON,
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
from prunelaw_sim.tables.measurement import kind_of, ranked
from prunelaw_sim.tables.proposals import proposed
from prunelaw_sim.tables.questions import option

Record = dict[str, Any]
SCALARS = (str, int, float, bool, type(None))
SIZES = (
    "unique_samples", "samples_seen", "epochs", "dataset_size", "keep_fraction", "pruned_fraction",
    "parameters", "compute",
)  # fmt: skip
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

    Where each folder holds files of the same names and other keys (config.json, metrics.json), they
    are of one run, which is called after the folder.

    Read are: an array of objects; one object a file (or a line) in a folder; objects by the runs'
    names; columns, as pandas writes them (orient columns, split, table), and lists of equal length,
    as a history of training; an object with a list of objects (`rows` says which): a row for each
    of them, beside what the object says itself.

    Raises:
        TableError: naming file and line: truncated, a key twice, no object, several lists.
    """
    cells = Cells()
    files = files_in(path, _is_json)
    names = _runs(files, path)
    for group in _groups(files, names):
        found = ((file, where, row) for file in group for where, row in records(file, rows))
        for file, where, record in _joined(found) if len(group) > 1 else found:
            about = {} if path.is_file() else {"run": names[file]}
            cells.add(place(file, path, where), about | record)
    if not cells.header:
        raise TableError(f"{path}: holds no record")
    return FileRows(cells.frame(), row="in", header=tuple(cells.header))


def _runs(files: list[Path], path: Path) -> dict[Path, str]:
    """What the run of a file is called: its own name, its folder's, or both, to be unique."""
    stems = {file.stem for file in files}
    if len(stems) == len(files):
        return {file: file.stem for file in files}
    if len(stems) == 1:
        return {file: run_name(file, path) for file in files}
    return {file: file.relative_to(path).with_suffix("").as_posix() for file in files}


def _groups(files: list[Path], names: dict[Path, str]) -> Iterator[list[Path]]:
    """Files that speak of one run: of a folder, where others hold files of the same names.

    Their runs are then called after the folder.  Files that hold the same keys are runs of their
    own: `web/seed0.json`, `web/seed1.json`.
    """
    recurring = Counter(file.name for file in files)
    folders: dict[Path, list[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file)
    for folder, inside in folders.items():
        known = [file for file in inside if recurring[file.name] > 1]
        if len(folders) > 1 and len(known) > 1 and _differ(known):
            names.update({file: Path(names[file]).parent.as_posix() for file in known})
            names.update({file: folder.name for file in known if names[file] == "."})
            yield known
            inside = [file for file in inside if file not in known]
        yield from ([file] for file in inside)


def _differ(files: list[Path]) -> bool:
    """Whether the objects of files have few keys in common."""
    keys = [set(re.findall(r'"([^"\\]+)"\s*:', head_text(file))) for file in files]
    pairs = itertools.combinations(keys, 2)
    return all(
        2 * len(one & other) < min(len(one), len(other)) or not one or not other
        for one, other in pairs
    )


def _joined(rows: Iterator[tuple[Path, str, Record]]) -> Iterator[tuple[Path, str, Record]]:
    """What single objects say, beside each row of the files that have several; else one row."""
    read_in: dict[Path, list[tuple[Path, str, Record]]] = {}
    for row in rows:
        read_in.setdefault(row[0], []).append(row)
    about: Record = {}
    alone = [found[0] for found in read_in.values() if len(found) == 1]
    for file, _, record in alone:
        for name, value in record.items():
            other = name in about and about[name] != value
            about[f"{file.stem}.{name}" if other else name] = value
    several = [row for found in read_in.values() if len(found) > 1 for row in found]
    measured = max(alone, key=lambda row: any(map(kind_of, row[2])), default=None)
    for file, where, record in several or ([measured] if measured else []):
        yield file, where, about | record


def records(file: Path, rows: str | None = None) -> Iterator[tuple[str, Record]]:
    """Place and flat record of each run of a file."""
    if _is_lines(file):
        for line, text in enumerate(text_lines(file), start=1):
            if text.strip():
                for where, record in _rows(object_of(text, file, line), file, rows):
                    yield f"line {line}{where and ', '}{where}", record
        return
    content = read_json(file)
    if isinstance(content, list) and _has_header(content):
        names, *lines = content
        yield from (
            (f"record {i}", dict(zip(names, v, strict=True))) for i, v in enumerate(lines, 2)
        )
        return
    if isinstance(content, list):
        for i, item in enumerate(content, start=1):
            if not isinstance(item, dict):
                hint = (
                    "; of arrays the first one names the columns" if isinstance(item, list) else ""
                )
                raise TableError(f"{file}, record {i}: wanted an object, got {item!r:.40}{hint}")
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
        first = ranked(lists)[0]
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
    columns = _columns(about)
    length = len(next(iter(columns.values()), ()))
    if length >= LEAST and _has_numbers(columns):
        counted = _is_history(about, columns)
        for i in range(length):
            row = {n: v[i] if n in columns else v for n, v in about.items()}
            yield f"entry {i + 1} of the lists", row | ({"epoch": i + 1} if counted else {})
        return
    yield "", {n: _alone(v) for n, v in about.items()}


def _is_history(about: Record, columns: Record) -> bool:
    """Whether lists are the epochs of one training: measurements, and nothing that says runs."""
    sizes = {*SIZES, "run", "pool", "rule"} & {*about, *proposed(list(about), (), ())}
    texts = any(_all(values, str) for values in columns.values())
    along = any(map(AXIS.search, about))
    return not (sizes or texts or along) and any(map(kind_of, columns))


def _columns(about: Record) -> dict[str, list[Any]]:
    """Lists that are columns: as long as a measurement is, or all of one length without any.

    Beside a measurement that is one number a list is a setting: `"betas": [0.9, 0.999]`.
    """
    lists = {n: v for n, v in about.items() if isinstance(v, list) and _all(v, SCALARS)}
    lengths = {len(v) for n, v in lists.items() if kind_of(n)}
    if not lengths and not any(kind_of(n) for n, v in about.items() if isinstance(v, int | float)):
        lengths = {len(v) for v in lists.values()}
    return {n: v for n, v in lists.items() if len(v) in lengths} if len(lengths) == 1 else {}


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
    if all(key.isdigit() for key in inner[0]) and not _all(list(inner[0].values()), dict):
        index = {} if list(inner[0]) == [str(i) for i in range(len(inner[0]))] else {"(index)": 0}
        return [dict.fromkeys(index, i) | {n: content[n][i] for n in content} for i in inner[0]]
    if all(_all(list(value.values()), dict) for value in inner):
        return [
            {"run": f"{name}/{key}", **row} for name, v in content.items() for key, row in v.items()
        ]
    return [{"run": name, **value} for name, value in content.items()]


def _has_header(content: list[Any]) -> bool:
    """Whether an array of arrays begins with the names of columns."""
    if len(content) < LEAST or not _all(content, list) or not _all(content[0], str):
        return False
    names = set(content[0])
    return len(names) == len(content[0]) and all(len(line) == len(names) for line in content)


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
    if not head_text(file).lstrip().startswith("{"):
        return False
    lines = (text for text in text_lines(file, LARGEST_JSON) if text.strip())
    first, second = next(lines, ""), next(lines, "")
    try:
        whole = isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        whole = bool(second) and first.lstrip()[:1] == second.lstrip()[:1] == "{" != first.strip()
    return whole and bool(second)
