"""TensorBoard event files, by its own library (`pip install "prunelaw[tensorboard]"`)."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelaw.errors import InputError, TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, head, run_name
from prunelaw_sim.reading import Rows


def claims(path: Path) -> str:
    """A file whose first record is an event of the version `brain.Event`, or a folder of them."""
    found = files_in(path, _is_events)
    return f"{found[0].name} begins with an event's version" if found else ""


def read(path: Path) -> Rows:
    """Scalars, one a row; a run is called after its folder, whose files are read as one log.

    **Raises:** `TableError` for a broken file or one without scalars; `InputError` if tensorboard
    is not installed.
    """
    files = files_in(path, _is_events)
    folders = {file.parent: file for file in files}
    cells = Cells()
    for folder, file in folders.items():
        source = folder if path.is_dir() else file
        run = run_name(file, path)
        for tag, step, value in _scalars(source):
            cells.add(f"{run}, tag {tag}, step {step}", _row(run, tag, step, value))
    frame = cells.frame()
    if frame.empty:
        raise TableError(f"{path}: its events hold no scalar")
    notes = [f"{file} ends inside a record: the run was cut off" for file in files if _is_cut(file)]
    return Rows(
        frame,
        {"run": "run", "step": "step", "metric": "metric"},
        values="value",
        row="in",
        points="final",
        notes=tuple(notes),
    )


def _row(run: str, tag: str, step: int, value: float) -> dict[str, Any]:
    return {"run": run, "step": step, "metric": tag, "value": value}


def _scalars(source: Path) -> Iterator[tuple[str, int, float]]:
    """(tag, step, value), written as plain values or, by newer writers, as tensors."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError as cause:
        raise InputError(
            f"{source}: event files need tensorboard: pip install 'prunelaw[tensorboard]'"
        ) from cause
    events = EventAccumulator(str(source), size_guidance={"scalars": 0, "tensors": 0})
    try:
        events.Reload()
    except Exception as cause:  # the library raises what its parsers raise
        raise TableError(f"{source}: events cannot be read: {cause}") from cause
    tags = events.Tags()
    for tag in tags["scalars"]:
        for event in events.Scalars(tag):
            yield tag, event.step, event.value
    for tag in tags["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            for event in events.Tensors(tag):
                yield tag, event.step, float(make_ndarray(event.tensor_proto))


def _is_events(file: Path) -> bool:
    return b"brain.Event:" in head(file)[:64]


def _is_cut(file: Path) -> bool:
    """Records are a length of 8 bytes, its checksum of 4, the event, and a checksum of 4."""
    size, at = file.stat().st_size, 0
    with open(file, "rb") as content:
        while at + 12 <= size:
            content.seek(at)
            at += 16 + struct.unpack("<Q", content.read(8))[0]
    return at != size
