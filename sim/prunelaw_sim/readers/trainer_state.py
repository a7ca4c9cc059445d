"""Hugging Face Trainer: `trainer_state.json`, which every checkpoint holds."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelaw.errors import TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, head, place, read_json, run_name
from prunelaw_sim.tables.assemble import FileRows

NO_MEASUREMENT = re.compile(r"(runtime|_per_second|model_preparation_time)$")


def claims(path: Path) -> str:
    """A JSON object with `log_history` and `global_step`, or a folder with such files."""
    found = files_in(path, _is_state)
    return f"{found[0].name} has log_history and global_step" if found else ""


def read(path: Path) -> FileRows:
    """The evaluations of `log_history`; a run is called after the folder above its checkpoints.

    Of several checkpoints of a run the one with most steps is read, as its history holds the
    others'.  batch_size is `train_batch_size`, the batch of one process: with several, or with
    accumulated gradients, give the true one.

    Raises:
        TableError: naming file and entry: truncated, no history, no evaluation in it.
    """
    states: dict[str, tuple[Path, dict[str, Any]]] = {}
    files = files_in(path, _is_state)
    for file in files:
        state = _state(file)
        run = _run(file, path)
        if run not in states or state["global_step"] > states[run][1]["global_step"]:
            states[run] = (file, state)
    cells = Cells()
    for run, (file, state) in states.items():
        for where, entry in _evaluations(state):
            about = {"run": run}
            if state.get("train_batch_size"):
                about["batch_size"] = state["train_batch_size"]
            cells.add(place(file, path, where), about | entry)
    names = [name for name in cells.header if _is_measurement(name)]
    if not names:
        raise TableError(f"{path}: log_history has no evaluation (keys eval_... or test_...)")
    earlier = len(files) - len(states)
    notes = ["batch_size is train_batch_size, of one process and without accumulated gradients"]
    notes += [f"{earlier} earlier checkpoints of the same runs are not read"] if earlier else []
    columns = {"run": "run", "step": "step", "epochs": "epoch"}
    columns |= {"batch_size": "batch_size"} if _has_batch(states) else {}
    return FileRows(
        cells.frame(), columns, tuple(names), row="in", points="final", notes=tuple(notes)
    )


def _is_state(file: Path) -> bool:
    start = head(file)
    return start.lstrip()[:1] == b"{" and b'"log_history"' in start and b'"global_step"' in start


def _state(file: Path) -> dict[str, Any]:
    state = read_json(file)
    if not isinstance(state, dict) or not isinstance(state.get("global_step"), int):
        raise TableError(f"{file}: wanted an object with log_history and the number global_step")
    history = state.get("log_history")
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise TableError(f"{file}: log_history must be a list of objects")
    return state


def _run(file: Path, root: Path) -> str:
    """The folder; the one above for a checkpoint."""
    is_checkpoint = re.fullmatch(r"checkpoint-\d+", file.resolve().parent.name)
    if not is_checkpoint:
        return run_name(file, root)
    inside = root.is_dir() and file.parent.resolve() != root.resolve()
    return run_name(file.parent, root) if inside else file.resolve().parent.parent.name


def _evaluations(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where, and the entry, for each entry of the history that has an evaluation."""
    for i, entry in enumerate(state["log_history"]):
        if any(_is_measurement(name) for name in entry):
            yield f"log_history[{i}]", entry


def _is_measurement(name: str) -> bool:
    return name.startswith(("eval_", "test_")) and not NO_MEASUREMENT.search(name)


def _has_batch(states: dict[str, tuple[Path, dict[str, Any]]]) -> bool:
    return all(state.get("train_batch_size") for _, state in states.values())
