"""TensorBoard event files, by its own library (`pip install "prunelaw[tensorboard]"`)."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelaw.errors import InputError, TableError
from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, head, place, run_name
from prunelaw_sim.tables.assemble import FileRows

SCALARS = ("", "scalars")  # plugins; a writer names them with the first value of a tag only


def claims(path: Path) -> str:
    """A file whose first record is an event of the version `brain.Event`, or a folder of them."""
    found = files_in(path, _is_events)
    return f"{found[0].name} begins with an event's version" if found else ""


def read(path: Path) -> FileRows:
    """Scalars, one a row; a run is called after its folder, whose files are read in order.

    A run that was resumed logs steps again: `restarts="resumed"` takes the later ones.

    Raises:
        TableError: for a broken record, or no scalar.
        InputError: if tensorboard is not installed.
    """
    cells = Cells()
    notes = []
    for file in files_in(path, _is_events):
        run, found = run_name(file, path), 0
        for event in _events(file):
            found += 1
            for value in event.summary.value:
                number = _number(value)
                if number is not None:
                    at = place(file, path, f"tag {value.tag} step {event.step}")
                    row = {"run": run, "step": event.step, "metric": value.tag, "value": number}
                    cells.add(at, row)
        records, is_cut = _records(file)
        if found < records:
            raise TableError(f"{file}: record {found + 1} of {records} is broken")
        notes += [f"{file} ends inside a record: the run was cut off"] if is_cut else []
    if not cells.header:
        raise TableError(f"{path}: its events hold no scalar")
    columns = {"run": "run", "step": "step", "metric": "metric"}
    return FileRows(
        cells.frame(), columns, values="value", row="in", points="final", notes=tuple(notes)
    )


def _events(file: Path) -> Iterator[Any]:
    """The events, up to the first record whose checksum is wrong: the library ends there."""
    try:
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    except ImportError as cause:
        raise InputError(
            f"{file}: event files need tensorboard: pip install 'prunelaw[tensorboard]'"
        ) from cause
    try:
        yield from LegacyEventFileLoader(str(file)).Load()
    except Exception as cause:  # the library raises whatever its parsers raise
        raise TableError(f"{file}: events cannot be read: {cause}") from cause


def _number(value: Any) -> float | None:
    """A scalar: a plain value or, by newer writers, a tensor of one number."""
    if value.HasField("simple_value"):
        return value.simple_value
    if not value.HasField("tensor") or value.metadata.plugin_data.plugin_name not in SCALARS:
        return None
    from tensorboard.util.tensor_util import make_ndarray

    tensor = make_ndarray(value.tensor)
    return float(tensor) if tensor.shape == () and tensor.dtype.kind in "fiu" else None


def _is_events(file: Path) -> bool:
    return b"brain.Event:" in head(file)[:64]


def _records(file: Path) -> tuple[int, bool]:
    """How many whole records there are, and whether another one was begun.

    A record is a length of 8 bytes and its checksum of 4, the event, and a checksum of 4.
    """
    size, at, count = file.stat().st_size, 0, 0
    with open(file, "rb") as content:
        while at + 12 <= size:
            content.seek(at)
            end = at + 16 + struct.unpack("<Q", content.read(8))[0]
            if end > size:
                break
            at, count = end, count + 1
    return count, at != size
