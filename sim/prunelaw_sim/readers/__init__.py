"""Readers: one small module a file format, each returning a Sweep.

A format is a module of this package with two functions:

    claims(path) -> bool                          whether the content is this format
    read(path, *, mapping, **options) -> Sweep    reads it

Modules are found by themselves and asked in alphabetical order; `table` (any CSV) comes last.
"""

import inspect
import os
import pkgutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from prunelaw.errors import InputError, TableError
from prunelaw_sim.sweep import Sweep


def read(
    path: str | os.PathLike[str], *, mapping: Mapping[str, str] | None = None, **options: Any
) -> Sweep:
    """The runs of a file or folder as a `Sweep`; the format is recognised by content.

        read("runs.csv", mapping={"error": "val_err", "samples_seen": "tokens"})
        read("scaling-laws-openclip/", downstream="imagenet1k")

    `mapping` names the file's column for each canonical column (`prunelaw_sim.columns.COLUMNS`).
    Options belong to the format: see `read` of `prunelaw_sim.readers.table` and `.openclip`.

    **Raises:** `TableError` for content that cannot be used, with file, line and column;
    `InputError` for an option that the format does not have.
    """
    path = Path(path)
    if not path.exists():
        raise TableError(f"{path}: no such file or folder")
    for reader in _readers():
        if reader.claims(path):
            _check_options(reader, path, options)
            return reader.read(path, mapping=mapping, **options)
    found = ", ".join(sorted(p.name for p in path.iterdir() if p.is_file())) or "nothing"
    raise TableError(f"{path}: no known format in this folder; name a file in it. Found: {found}")


def _readers() -> list[ModuleType]:
    names = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    return [import_module(f"{__name__}.{n}") for n in sorted(names, key=lambda n: n == "table")]


def _check_options(reader: ModuleType, path: Path, options: Mapping[str, Any]) -> None:
    known = [name for name in inspect.signature(reader.read).parameters if name != "path"]
    for name in options:
        if name not in known:
            kind = reader.__name__.rpartition(".")[2]
            raise InputError(
                f"option {name!r} is not one of the {kind} reader's, which reads {path}: "
                f"{', '.join(known)}"
            )
