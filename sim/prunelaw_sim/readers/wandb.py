"""Weights & Biases as CSV: a table of runs (from the page or the API), or an exported chart."""

import ast
import csv
import re
from pathlib import Path
from typing import Any

import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import flat, head_text, header
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import LOG_CALLS, FileRows
from prunelaw_sim.tables.columns import COLUMNS

API = ("summary", "config", "name")
OF_PAGE = {"State", "Created", "Runtime", "Notes", "User", "Tags", "Sweep"}
STATES = {"finished", "running", "crashed", "failed", "killed", "preempted"}
PAGE_AXIS = "Step"  # the page's own axis
STEPS = re.compile(r"(?:^|[/_. ])(?:step|steps|iteration|iterations|iter|iters|updates)$")
EPOCHS = re.compile(r"(?:^|[/_. ])epochs?$")
SAMPLES = re.compile(r"(?:^|[/_. ])(?:samples|examples|tokens|images)(?:_seen|_processed)?$")
BOUND = re.compile(r"__(MIN|MAX)$")
NO_MEASUREMENT = re.compile(r"^_|_timestamp$|^(Name|State|Notes|User|Tags|Created|Runtime|Sweep)$")


def claims(path: Path) -> str:
    """A header of one of the three exports."""
    names = header(path) if path.is_file() else []
    if set(API) <= set(names):
        return "the header has summary, config and name"
    if names and names[0] == "Name" and (len(OF_PAGE & set(names)) > 1 or _has_states(path, names)):
        return f"the header has Name, {', '.join(n for n in names if n in OF_PAGE)}"
    charted = any(BOUND.search(name) for name in names) and any(" - " in name for name in names)
    return "the header has columns `run - metric` and `__MIN`" if charted else ""


def _has_states(path: Path, names: list[str]) -> bool:
    """Whether a table that has State only holds what Weights & Biases says of runs."""
    rows = csv.reader(head_text(path).lstrip("\r\n").splitlines()[1:2])
    return "State" in names and any(STATES & {cell.strip().lower() for cell in r} for r in rows)


def read(path: Path) -> FileRows:
    """The runs of a project, or curves of a chart.

    - the page's table (Name, State, ...; configuration and summary as columns): a row a run;
    - the API's example export (summary, config, name, in which cells are Python literals):
      columns `summary.*` and `config.*`;
    - a chart ("train/global_step", "run - metric", "run - metric__MIN", ...): a row a point,
      `__MIN` and `__MAX` left out.  Its x axis is of steps, epochs or samples; the page's own,
      Step, counts calls of `wandb.log`, which a note says.

    Columns of the configuration with canonical names (seed, batch_size, ...) are taken as such.

    Raises:
        TableError: naming file, line and column.
    """
    cells = read_cells(path)
    if set(API) <= set(cells):
        return _api(cells, path)
    return _page(cells) if "Name" in cells else _chart(cells, path)


def _page(cells: pd.DataFrame) -> FileRows:
    names = [str(n) for n in cells if not NO_MEASUREMENT.search(str(n)) and n not in COLUMNS]
    return FileRows(cells, {"run": "Name"}, tuple(names))


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
    """A dict as Python prints it, nan and inf among its numbers; nothing is evaluated."""
    try:
        found = ast.literal_eval(_NotFinite().visit(ast.parse(text.strip(), mode="eval")))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as cause:
        raise TableError(
            f"{path}, line {line}, column {column!r}: not a dict of numbers and texts: "
            f"{text[:60]!r}"
        ) from cause
    if not isinstance(found, dict):
        raise TableError(f"{path}, line {line}, column {column!r}: not a dict: {text[:60]!r}")
    return {str(name): value for name, value in found.items()}


class _NotFinite(ast.NodeTransformer):
    """The names nan and inf, which Python prints and does not read, as numbers."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        known = node.id in ("nan", "inf")
        return ast.copy_location(ast.Constant(float(node.id)), node) if known else node


def _chart(table: pd.DataFrame, path: Path) -> FileRows:
    axis = str(table.columns[0])
    along, notes = _axis(axis, path)
    curves = [str(n) for n in table if " - " in str(n) and not BOUND.search(str(n))]
    cells = Cells()
    for line, row in table.iterrows():
        for name in curves:
            run, _, metric = name.rpartition(" - ")
            if str(row[name]).strip():
                known = {"run": run, along: row[axis], "metric": metric, "value": row[name]}
                cells.add(line, known)
    columns = {"run": "run", along: along, "metric": "metric"}
    return FileRows(cells.frame(), columns, values="value", points="final", notes=notes)


def _axis(axis: str, path: Path) -> tuple[str, tuple[str, ...]]:
    """What the x axis of a chart counts, and what is to be said of it."""
    if axis == PAGE_AXIS:
        return "step", (LOG_CALLS,)
    for name, form in (("step", STEPS), ("epochs", EPOCHS), ("samples_seen", SAMPLES)):
        if form.search(axis):
            return name, ()
    raise TableError(
        f"{path}: the chart's first column must count steps, epochs or samples, got {axis!r}; "
        "choose the trainer's own counter as its x axis (train/global_step, trainer/global_step, "
        "epoch), not Step, which counts calls of wandb.log"
    )
