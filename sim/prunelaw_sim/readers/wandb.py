"""Weights & Biases as CSV: a table of runs (from the page or the API), or an exported chart."""

import ast
import re
from pathlib import Path
from typing import Any

import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import flat, header
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.columns import COLUMNS

AXES = {"Step": "step", "epoch": "epochs"}
API = ("summary", "config", "name")
STATES = ("finished", "Finished")
OF_PAGE = {"State", "Created", "Runtime"}
BOUND = re.compile(r"__(MIN|MAX)$")
NO_MEASUREMENT = re.compile(r"^_|_timestamp$|^(Name|State|Notes|User|Tags|Created|Runtime|Sweep)$")


def claims(path: Path) -> str:
    """A header of one of the three exports."""
    names = header(path) if path.is_file() else []
    if set(API) <= set(names):
        return "the header has summary, config and name"
    if names and names[0] == "Name" and OF_PAGE & set(names):
        return "the header has Name and State, Created or Runtime"
    charted = any(BOUND.search(name) for name in names) and any(" - " in name for name in names)
    return "the header has columns `run - metric` and `__MIN`" if charted else ""


def read(path: Path) -> FileRows:
    """The runs of a project, or curves of a chart.

    - the page's table (Name, State, ...; configuration and summary as columns): a row a run;
    - the API's example export (summary, config, name, in which cells are Python literals):
      columns `summary.*` and `config.*`;
    - a chart (Step, "run - metric", "run - metric__MIN", ...): a row a point, `__MIN` and `__MAX`
      left out.

    Columns of the configuration with canonical names (seed, batch_size, ...) are taken as such.
    Runs that are not finished are dropped, where the table says so.

    Raises:
        TableError: naming file, line and column.
    """
    cells = read_cells(path)
    if set(API) <= set(cells):
        return _api(cells, path)
    return _page(cells) if "Name" in cells else _chart(cells, path)


def _page(cells: pd.DataFrame) -> FileRows:
    done, dropped = cells, ()
    if "State" in cells:
        done = cells.loc[cells["State"].isin(STATES)]
        lost = len(cells) - len(done)
        dropped = ((lost, "of runs that are not finished"),) if lost else ()
    names = [str(n) for n in cells if not NO_MEASUREMENT.search(str(n)) and n not in COLUMNS]
    return FileRows(done, {"run": "Name"}, tuple(names), dropped=dropped)


def _api(table: pd.DataFrame, path: Path) -> FileRows:
    cells = Cells()
    for line, row in table.iterrows():
        inner = {part: _literal(str(row[part]), path, line, part) for part in ("summary", "config")}
        cells.add(line, {"name": row["name"], **flat(inner)})
    names = [n for n in cells.header if n.startswith("summary.") and not n.startswith("summary._")]
    known = {n.removeprefix("config."): n for n in cells.header if n.startswith("config.")}
    columns = {ours: theirs for ours, theirs in known.items() if ours in COLUMNS}
    return FileRows(cells.frame(), {**columns, "run": "name"}, tuple(names))


def _literal(text: str, path: Path, line: Any, column: str) -> dict[str, Any]:
    """A dict as Python prints it; literals only, nothing is evaluated."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as cause:
        raise TableError(
            f"{path}, line {line}, column {column!r}: not a dict of numbers and texts: "
            f"{text[:60]!r}"
        ) from cause
    if not isinstance(found, dict):
        raise TableError(f"{path}, line {line}, column {column!r}: not a dict: {text[:60]!r}")
    return {str(name): value for name, value in found.items()}


def _chart(table: pd.DataFrame, path: Path) -> FileRows:
    axis = str(table.columns[0])
    if axis not in AXES:
        raise TableError(
            f"{path}: the chart's first column must be one of {', '.join(AXES)}, got {axis!r}; "
            "choose Step as its x axis"
        )
    curves = [str(n) for n in table if " - " in str(n) and not BOUND.search(str(n))]
    cells = Cells()
    for line, row in table.iterrows():
        for name in curves:
            run, _, metric = name.rpartition(" - ")
            if str(row[name]).strip():
                known = {"run": run, AXES[axis]: row[axis], "metric": metric, "value": row[name]}
                cells.add(line, known)
    columns = {"run": "run", AXES[axis]: AXES[axis], "metric": "metric"}
    return FileRows(cells.frame(), columns, values="value", points="final")
