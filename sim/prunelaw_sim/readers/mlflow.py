"""MLflow as CSV: a table of runs (`search_runs`), or histories of metrics (key, value, step)."""

from pathlib import Path

import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.readers._files import header
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.columns import COLUMNS

HISTORY = {"key", "value", "step", "timestamp"}
PREFIXES = ("metrics.", "params.", "tags.")


def claims(path: Path) -> str:
    """Columns run_id and metrics.*, or those of a history."""
    names = set(header(path)) if path.is_file() else set()
    if "run_id" in names and any(name.startswith("metrics.") for name in names):
        return "the header has run_id and metrics.*"
    return "the header has key, value, step and timestamp" if names >= HISTORY else ""


def read(path: Path) -> FileRows:
    """A row a run: `mlflow.search_runs().to_csv(path)`; or a row a measurement:

        history = client.get_metric_history(run_id, "val_acc")    # of all runs and metrics
        pd.DataFrame([dict(m) | {"run_id": run_id} for m in history]).to_csv(path)

    Parameters that carry canonical names (params.samples_seen, params.seed, ...) are taken as
    such.  A table of runs holds the last value of each
    metric; a history holds curves; its own run_id is empty.

    Raises:
        TableError: naming file, line and column.
    """
    cells = read_cells(path)
    if set(cells) >= HISTORY:
        columns = {"step": "step", "metric": "key"}
        columns |= {"run": "run_id"} if "run_id" in cells and _is_used(cells, "run_id") else {}
        return FileRows(cells, columns, values="value", points="final")
    names = tuple(str(n) for n in cells if str(n).startswith("metrics.") and _is_used(cells, n))
    if not names:
        raise TableError(f"{path}: no run has a metric")
    return FileRows(cells, {"run": "run_id", **_canonical(cells)}, names)


def _is_used(cells: pd.DataFrame, name: str) -> bool:
    return bool((cells[name].str.strip() != "").any())


def _canonical(cells: pd.DataFrame) -> dict[str, str]:
    """{"seed": "params.seed"} for whatever is called like a canonical column."""
    parts = {str(name): str(name).partition(".") for name in cells}
    return {
        last: name
        for name, (first, _, last) in parts.items()
        if first in ("params", "tags") and last in COLUMNS and last not in ("run", "error")
    }
