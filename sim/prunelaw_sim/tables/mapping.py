"""Mapping files: how a table or a log of runs is to be read, saved once and used again.

A `ColumnMapping` holds everything that a reader cannot know by itself: which column is what, values
for columns that the file does not have, units, which measurement, which points of a curve.  As a
TOML file:

    format = "lightning"
    metric = "val_acc"
    points = "final"

    [constants]
    batch_size = 256
    unique_samples = 50000
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from prunelaw.checks import check_choice, check_number
from prunelaw.errors import InputError, TableError
from prunelaw_sim.common.guarded import named, read_small
from prunelaw_sim.common.new_file import write_new_file

LARGEST_FILE = 1_000_000  # bytes of a mapping file
UNITS = ("fraction", "percent")
MEASURED = ("error", "accuracy")
POINTS = ("final", "all")
REPEATS = ("refuse", "average", "last")
DROP = ("missing", "diverged")
SHORT = ("batch_size", "dataset_size", "unique_samples")  # constants with an option of their own


@dataclass(frozen=True)
class ColumnMapping:
    """How a file is read; whatever is left at its default is decided by the file.

    Attributes:
        columns: canonical column (also `accuracy`, `step`) → the file's column.
        constants: canonical column → its value in all rows.
        pool_sizes: pool → samples in it: no run may have seen more different ones.
        format: name of the reader, where the content does not decide.
        units: of error rates and accuracies: "fraction" or "percent".
        metric: which of several measurements becomes `error`.
        measured: "error" or "accuracy": what the measurement is, where its name or values
            contradict.
        points: "final": the last point of each run; "all": whole curves.
        warmup: points before this are dropped: "500 steps", or samples seen as "12.8M".
        repeats: a run measured several times at one point: "refuse", "average" or take the "last".
        from_run: columns that a run's name holds: "{pool}_{samples_seen}_s{seed}".
        where: column of the file → the value of the rows that are read; several: a list, or a text
            with commas.
        drop: what is left out, a list or a text with commas: "missing": rows without a value in a
            column of use;
            "diverged": runs whose measurement is NaN or infinite.
        restarts: of a log whose steps go back: "resumed" (later rows replace earlier ones),
            "separate" (a run of its own) or "unordered".
        zero: what step or epoch 0 is: "before" training, or the first one "done".
        fraction: what the column of fractions counts: "kept" or "pruned".
        equal_inputs: of runs that differ in nothing that a law reads: "all" (default), or "best".
        decimal: the decimal mark, "." or ",", where the columns do not tell.
        options: the reader's own options, as delimiter = ";".

    Raises:
        InputError: for a choice that is none, or a pool's size that is no number above 0.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    pool_sizes: Mapping[str, float | int] = field(default_factory=dict)
    format: str | None = None
    units: str | None = None
    metric: str | None = None
    measured: str | None = None
    points: str | None = None
    warmup: str | None = None
    repeats: str | None = None
    from_run: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    drop: str | Sequence[str] | None = None
    restarts: str | None = None
    zero: str | None = None
    fraction: str | None = None
    equal_inputs: str | None = None
    decimal: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", {k: _with_commas(v) for k, v in self.where.items()})
        object.__setattr__(self, "drop", None if self.drop is None else _with_commas(self.drop))
        for name, choices in _CHOICES.items():
            if getattr(self, name) is not None:
                check_choice(name, getattr(self, name), choices)
        for name in self.dropped:
            check_choice("drop", name, DROP)
        for name, size in self.pool_sizes.items():
            check_number(f"pool_sizes[{name!r}]", size, 0.0, low_open=True)

    @property
    def dropped(self) -> tuple[str, ...]:
        """What `drop` names."""
        text = _with_commas(self.drop or "")
        return tuple(part.strip() for part in text.split(",") if part.strip())

    @classmethod
    def of(cls, given: ColumnMapping | Mapping[str, str] | str | os.PathLike[str] | None):
        """What `mapping=` may be: a mapping file, a `ColumnMapping`, {canonical: column}, None."""
        if given is None:
            return cls()
        if isinstance(given, ColumnMapping):
            return given
        return cls(columns=dict(given)) if isinstance(given, Mapping) else cls.load(given)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ColumnMapping:
        """A mapping file; `TableError` names the file and the key, or the line that is no TOML."""
        path = Path(path)
        data = read_small(path, LARGEST_FILE, "mapping file")
        with named(path, "mapping file in TOML"):
            content = tomllib.loads(data.decode("utf-8-sig"))
        for key, value in content.items():
            check_choice(f"{path}: a key", key, _KINDS)
            wanted = "a table [..]" if _KINDS[key] is dict else "a text"
            if not isinstance(value, _KINDS[key]):
                raise TableError(f"{path}: {key} must be {wanted}, got {shown(value)}")
            for name, cell in value.items() if isinstance(value, dict) else ():
                good = (str,) if key == "columns" else (str, int, float)
                if isinstance(cell, bool) or not isinstance(cell, good):
                    said = f"must be a text or number, got {shown(cell)}"
                    raise TableError(f"{path}: {key}.{name} {said}")
        try:
            return cls(**content)
        except InputError as cause:
            raise TableError(f"{path}: {cause}") from cause

    def save(self, path: str | os.PathLike[str], name: str = "path") -> None:
        """Writes a new mapping file; `name`: what errors call it.  Raises `InputError`."""
        write_new_file(name, path, self.to_toml())

    def to_toml(self) -> str:
        """The text of the mapping file."""
        texts = [f"{n} = {_toml(getattr(self, n))}\n" for n in _TEXTS if getattr(self, n)]
        for name in _TABLES:
            if getattr(self, name):
                lines = [f"{_key(k)} = {_toml(v)}\n" for k, v in getattr(self, name).items()]
                texts.append(f"\n[{name}]\n{''.join(lines)}")
        return "# How prunelaw reads a table: use it with --mapping\n" + "".join(texts)

    def updated(self, **given: Any) -> ColumnMapping:
        """This mapping with what is given (and not None) put in; tables are joined."""
        new: dict[str, Any] = {}
        for name, value in given.items():
            if value is None:
                continue
            new[name] = {**getattr(self, name), **value} if name in _TABLES else value
        return replace(self, **new)


_CHOICES = {
    "units": UNITS,
    "measured": MEASURED,
    "points": POINTS,
    "repeats": REPEATS,
    "restarts": ("resumed", "separate", "unordered"),
    "zero": ("before", "done"),
    "fraction": ("kept", "pruned"),
    "equal_inputs": ("all", "best"),
    "decimal": (".", ","),
}
_TABLES = ("columns", "constants", "pool_sizes", "where", "options")
_TEXTS = tuple(f.name for f in fields(ColumnMapping) if f.name not in _TABLES)
_KINDS = {**dict.fromkeys(_TEXTS, str), **dict.fromkeys(_TABLES, dict)}
FIELDS = (*_TEXTS, *_TABLES)


def _with_commas(value: Any) -> str:
    """A text, of one value or of several."""
    several = isinstance(value, list | tuple | set | frozenset)
    return ",".join(map(str, value)) if several else str(value)


def shown(value: Any) -> str:
    """The start of a value, for messages; of a table that nests without end its kind."""
    try:
        return f"{value!r:.80}"
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: Any) -> str:
    """One value; JSON's texts are TOML's but for DEL, which TOML wants escaped."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(float(value))
    return str(int(value)) if isinstance(value, int) else json.dumps(str(value))
