"""Readers: one small module a file format, found by content; docs/readers.md says how to write one.

A format is a module of this package with two functions:

    claims(path) -> str                 why the content is this format; "" if it is not
    read(path, **options) -> FileRows       the cells, and what the format says about them

`read` may have the keyword `wanted`: the columns of use; a reader of large tables keeps no others.
What follows (mapping, units, final points, checks) is the same for all:
`prunelaw_sim.tables.assemble`. Every module but those of `GENERAL` is asked; two that claim one
file are an error, which `format=` settles.  The general ones read what nobody claims, in their
order.
"""

import inspect
import os
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from prunelaw.checks import check_choice
from prunelaw.errors import InputError, TableError
from prunelaw_sim.common.guarded import SYSTEM, named
from prunelaw_sim.readers._cells import Wanted
from prunelaw_sim.readers._files import refuse_unreadable
from prunelaw_sim.tables.assemble import Reading, assemble
from prunelaw_sim.tables.mapping import FIELDS, SHORT, ColumnMapping
from prunelaw_sim.tables.questions import asking, option
from prunelaw_sim.tables.sweep import Sweep

GENERAL = ("json", "jsonl", "table")
ASKED_AT_ONCE = 20_000_000  # bytes of a file that is read again to gather all questions
Given = ColumnMapping | Mapping[str, str] | str | os.PathLike[str] | None


def read(path: str | os.PathLike[str], *, mapping: Given = None, **options: Any) -> Sweep:
    """The runs of a file or folder as a `Sweep`; the format is recognised by content.

        read("runs.csv", mapping={"error": "val_err", "samples_seen": "tokens"})
        read("lightning_logs/", metric="val_acc", batch_size=256)
        read("runs.jsonl", mapping="m.toml")
        read("scaling-laws-openclip/", downstream="imagenet1k")

    `mapping` names the file's column for each canonical column
    (`prunelaw_sim.tables.columns.COLUMNS`), or is a mapping file.  Options are the fields of
    `prunelaw_sim.tables.mapping.ColumnMapping` (`format`, `constants`, `units`, `metric`, `points`,
    `warmup`, `repeats`, ...), the constants `batch_size`, `dataset_size` and `unique_samples`, and
    those of the format: see `read` of its module.

    Raises:
        TableError: for content that cannot be used, with file, line and column.
        InputError: for an option that the format does not have.
    """
    return examine(path, mapping=mapping, **options).sweep


def examine(path: str | os.PathLike[str], *, mapping: Given = None, **options: Any) -> Reading:
    """The same with an account: the format and why, columns understood, rows dropped and why."""
    path = Path(path)
    asked = asked_for(mapping, options)
    with named(path, errors=SYSTEM):
        return _examined(path, asked)


def _examined(path: Path, asked: ColumnMapping) -> Reading:
    kind, why = recognise(path, asked.format)
    several = path.is_dir() or path.stat().st_size < ASKED_AT_ONCE
    return asking(lambda mapping: _read(path, mapping, kind, why), asked, several)


def _read(path: Path, asked: ColumnMapping, kind: str, why: str) -> Reading:
    reader = _module(kind)
    known = _options(reader)
    _check_options(reader, path, known, asked)
    extra = dict(asked.options)
    if "pool_sizes" in known:
        extra["pool_sizes"] = asked.pool_sizes
    if "wanted" in known:
        extra["wanted"] = Wanted.by(asked.columns, asked.metric, asked.where)
    rows = reader.read(path, **extra)
    checked = replace(asked, pool_sizes={}) if "pool_sizes" in known else asked
    return assemble(rows, path, checked, kind, why)


def formats() -> list[str]:
    """Names of the formats, in the order in which they are asked."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    return [*sorted(name for name in names if name not in GENERAL), *GENERAL]


def asked_for(mapping: Given, options: Mapping[str, Any]) -> ColumnMapping:
    """Everything that was asked for: a mapping file, then options, which win."""
    fields = {name: value for name, value in options.items() if name in FIELDS}
    short = {name: value for name, value in options.items() if name in SHORT and value is not None}
    own = {name: v for name, v in options.items() if name not in FIELDS and name not in SHORT}
    fields["constants"] = {**(fields.get("constants") or {}), **short}
    fields["options"] = {**(fields.get("options") or {}), **own}
    return ColumnMapping.of(mapping).updated(**fields)


def recognise(path: Path, format: str | None = None) -> tuple[str, str]:
    """The name of the format, and why it is this one; `format` settles it.

    Raises:
        TableError: for what is not there, is a pickle or an archive.
        InputError: for content that may be several formats.
    """
    if not path.exists():
        raise TableError(f"{path}: no such file or folder")
    if path.is_file():
        refuse_unreadable(path)
    elif not path.is_dir():
        raise TableError(f"{path}: neither a file nor a folder; save what it gives to a file")
    names = formats()
    if format is not None:
        return check_choice("format", format, names), "as the option says"
    reasons = {name: _module(name).claims(path) for name in names if name not in GENERAL}
    claimed = [name for name, why in reasons.items() if why]
    if len(claimed) > 1:
        listed = "; ".join(f"{name}: {reasons[name]}" for name in claimed)
        raise InputError(
            f"{path} may be several formats, choose one by {option(format=None)}: {listed}"
        )
    if claimed:
        return claimed[0], reasons[claimed[0]]
    for name in GENERAL:
        if why := _module(name).claims(path):
            return name, why
    found = ", ".join(sorted(p.name for p in path.iterdir() if p.is_file())) or "nothing"
    raise TableError(f"{path}: no known format in this folder; name a file in it. Found: {found}")


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")


def _options(reader: ModuleType) -> list[str]:
    return [name for name in inspect.signature(reader.read).parameters if name != "path"]


def _check_options(reader: ModuleType, path: Path, known: list[str], asked: ColumnMapping) -> None:
    kind = reader.__name__.rpartition(".")[2]
    own = [name for name in known if name not in ("wanted", "pool_sizes")]
    if getattr(reader, "FIXED", False):  # the format's columns are known
        for field, name in (("columns", "mapping"), ("constants", "constants")):
            if getattr(asked, field):
                raise InputError(f"option {name!r} is not one of the {kind} reader's, for {path}")
    for name in asked.options:
        if name not in own:
            raise InputError(
                f"option {name!r} is not one of the {kind} reader's, which reads {path}: "
                f"{', '.join((*own, *FIELDS, *SHORT))}"
            )
