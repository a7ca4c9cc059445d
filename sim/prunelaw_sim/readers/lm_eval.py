"""EleutherAI's lm-evaluation-harness: `results_*.json`, one evaluation of one model a file."""

from pathlib import Path
from typing import Any

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, head_text, place, read_json, run_name
from prunelaw_sim.tables.assemble import FileRows
from prunelaw_sim.tables.columns import series

PARAMETERS = "model_num_parameters"
NO_FILTER = ",none"


def claims(path: Path) -> str:
    """An object with `results` of tasks, and the harness's `versions` or `n-shot`."""
    found = files_in(path, _is_results)
    return f"{found[0].name} has results of tasks and versions" if found else ""


def read(path: Path) -> FileRows:
    """A measurement for each task and metric, as `arc_easy/acc_norm`; choose one by `metric`.

    A run is called after its model (and revision) where the file says so, else after the folder.
    The harness's standard error is the column `stderr`, which some metrics lack: map it,
    `error_se=stderr`.  Parameters are the model's, where the file has their number.

    Raises:
        TableError: naming file and task: truncated, results that are no objects.
    """
    cells = Cells()
    for file in files_in(path, _is_results):
        content = read_json(file)
        about = _about(content, run_name(file, path))
        for task, found in content["results"].items():
            where = place(file, path, f"results, {task}")
            if not isinstance(found, dict):
                raise TableError(f"{path}, {where}: wanted an object, got {found!r:.40}")
            for name, value in found.items():
                if isinstance(value, int | float) and not _is_spread(name):
                    metric = f"{task}/{name.removesuffix(NO_FILTER)}"
                    row = {"metric": metric, "value": value, "stderr": _spread(found, name)}
                    cells.add(where, about | row)
    if not cells.header:
        raise TableError(f"{path}: no task has a number")
    frame = cells.frame()
    columns = {"run": "run", "metric": "metric"}
    if PARAMETERS in frame and bool(series(frame, PARAMETERS).notna().all()):
        columns["parameters"] = PARAMETERS
    return FileRows(frame, columns, values="value", row="in", points="final")


def _is_results(file: Path) -> bool:
    start = head_text(file).lstrip()
    if not start.startswith("{") or '"results"' not in start:
        return False
    try:
        content = read_json(file)
    except TableError:
        return False
    known = isinstance(content, dict) and isinstance(content.get("results"), dict)
    return known and any(name in content for name in ("versions", "n-shot", "config"))


def _about(content: dict[str, Any], run: str) -> dict[str, Any]:
    """The model of a file: its name, revision, parameters."""
    config = content.get("config")
    config = config if isinstance(config, dict) else {}
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        parts = [part.partition("=") for part in arguments.split(",")]
        arguments = {name.strip(): value for name, equals, value in parts if equals}
    known = arguments if isinstance(arguments, dict) else {}
    model = content.get("model_name") or known.get("pretrained") or known.get("model")
    revision = known.get("revision")
    named = " ".join(str(part) for part in (model, revision) if part)
    about: dict[str, Any] = {"run": named or run, "model": model, "revision": revision}
    return about | {PARAMETERS: config.get(PARAMETERS)}


def _is_spread(name: str) -> bool:
    return "_stderr" in name.partition(",")[0]


def _spread(found: dict[str, Any], name: str) -> Any:
    """The standard error beside a metric: of `acc,none` it is `acc_stderr,none`."""
    metric, comma, last = name.partition(",")
    value = found.get(f"{metric}_stderr{comma}{last}")
    return value if isinstance(value, int | float) else None
