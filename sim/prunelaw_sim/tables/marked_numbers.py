"""What people write around a number: 80%, 12.8M, 46.7±2.9.

The marks are taken off before numbers are read (`written_numbers`) and count afterwards, so that
80,5 % and 12,8M are read, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.common.amounts import parse_amount
from prunelaw_sim.tables.columns import Column, Where, series
from prunelaw_sim.tables.mapping import ColumnMapping
from prunelaw_sim.tables.questions import option
from prunelaw_sim.tables.written_numbers import in_named_units, plain_numbers

_PLUS_MINUS = re.compile(r"\s*(?:±|\+/-|\+-|\\pm|\+/−|∓)\s*")
_PERCENT = re.compile(r"\s*\\?[%٪﹪％]\s*$")
_AMOUNT = re.compile(r"(?<=[\d.,])\s*([kKMBGT]|[bgt](?=\s*$))\s*$")
_UNITS = ("samples", "parameters", "steps", "passes", "any one: GMACs, FLOPs, ...")
_FRACTIONS = (
    "error", "accuracy", "error_se", "keep_fraction", "pruned_fraction", "quantile_low",
    "quantile_high",
)  # fmt: skip
SPREADS = {"accuracy": "error_se", "error": "error_se", "b": "b_se", "tau": "tau_se"}
SPREAD = (
    "what stands behind ± is taken for the standard error; if it is the scatter of n seeds, it is "
    "sqrt(n) times too large: write the standard error as a column of its own"
)


@dataclass
class Marks:
    """What stood around the numbers of each column, cell by cell."""

    amounts: dict[str, list[str]] = field(default_factory=dict)
    percent: dict[str, np.ndarray] = field(default_factory=dict)


def as_numbers(
    frame: pd.DataFrame, columns: Mapping[str, Column], mapping: ColumnMapping, where: Where
) -> tuple[pd.DataFrame, list[str]]:
    """Texts of numbers as people write them in the plain form: 1,600,000, 0,7992, 80%, 12.8M.

    Raises:
        TableError: for what may be read in two ways; see `plain_numbers` and `without_marks`.
    """
    frame, marks, said = without_marks(frame, columns, where)
    frame, more = plain_numbers(frame, columns, mapping.decimal, where)
    frame, last = with_marks(frame, marks, mapping.units, where)
    units = {name: column.unit for name, column in columns.items()}
    marked = {*marks.amounts, *marks.percent}
    frame, named = in_named_units(frame, units, marked, mapping.units, where)
    return frame, [*said, *more, *last, *named]


def without_marks(
    frame: pd.DataFrame, columns: Mapping[str, Column], where: Where
) -> tuple[pd.DataFrame, Marks, list[str]]:
    """The frame with bare numbers, what stood around them, and notes.

    Raises:
        TableError: for a standard error that is given twice, or in a part of the rows.
    """
    marks, notes = Marks(), []
    for name in [name for name in SPREADS if name in frame and name in columns]:
        frame, said = _parted(frame, name, where)
        notes += said
    for name in [n for n in frame if n in columns and columns[n].kind != "text"]:
        cells = series(frame, name)
        if cells.dtype == np.float64 or not any(isinstance(c, str) for c in cells.tolist()):
            continue
        texts = np.array(cells, dtype=object)
        form = _PERCENT if name in _FRACTIONS else _AMOUNT
        if name not in _FRACTIONS and columns[name].unit not in _UNITS:
            continue
        found = [form.search(c) if isinstance(c, str) else None for c in texts]
        if not any(found):
            continue
        for i, mark in enumerate(found):
            if mark:
                texts[i] = texts[i][: mark.start()]
        frame = frame.assign(**{name: texts})
        if form is _AMOUNT:
            marks.amounts[name] = [mark[1] if mark else "" for mark in found]
        else:
            marks.percent[name] = np.array([mark is not None for mark in found])
    return frame, marks, notes


def _parted(frame: pd.DataFrame, name: str, where: Where) -> tuple[pd.DataFrame, list[str]]:
    """A column of the form 46.7±2.9 as two."""
    own = SPREADS[name]
    cells = series(frame, name)
    if cells.dtype == np.float64:
        return frame, []
    parts = [_PLUS_MINUS.split(c.strip(" $")) if isinstance(c, str) else [c] for c in cells]
    both = np.array([len(part) == 2 and "" not in part for part in parts])
    if not both.any():
        return frame, []
    if own in frame:
        raise TableError(
            f"{where.source}: {where.column(name)} has standard errors behind ±, and "
            f"{where.column(own)} has some; leave one of them out"
        )
    where.refuse(~both, cells, name, lambda i: f"no ± here, as in other rows: {cells.iloc[i]!r}")
    values, spread = np.array(parts, dtype=object).T
    is_percent = [_PERCENT.search(text) is not None for text in spread]
    values = [
        f"{value}%" if percent and not _PERCENT.search(value) else value
        for value, percent in zip(values, is_percent, strict=True)
    ]
    spread = [
        f"{se}%" if _PERCENT.search(value) and not percent else se
        for value, se, percent in zip(values, spread, is_percent, strict=True)
    ]
    values, spread = np.array(values, dtype=object), np.array(spread, dtype=object)
    return frame.assign(**{name: values, own: spread}), [SPREAD]


def with_marks(
    frame: pd.DataFrame, marks: Marks, units: str | None, where: Where
) -> tuple[pd.DataFrame, list[str]]:
    """The frame with 80% as .8 and 12.8M as 12800000, and notes on both.

    Under `units="percent"` errors and accuracies stay per cent; they are turned later.

    Raises:
        TableError: for a column that is in per cent in a part of its rows, or by name of one only;
            for 2 in a column with 1M.
    """
    notes: list[str] = []
    for name, letters in marks.amounts.items():
        cells = np.array(series(frame, name), dtype=object)
        _refuse_bare(frame, letters, name, where)
        for i, letter in enumerate(letters):
            if letter:
                cells[i] = _amount(cells[i], letter)
        read = [i for i, letter in enumerate(letters) if letter and isinstance(cells[i], float)]
        for i in read[:1]:  # what is no amount is refused with its place later
            said = f"{series(frame, name).iloc[i]}{letters[i]} is read as {cells[i]:.15g}"
            notes.append(f"{where.column(name)}: {said}")
        frame = frame.assign(**{name: cells})
    measured = ("error", "accuracy", "error_se")
    for name, percent in marks.percent.items():
        cells = series(frame, name)
        zero = np.array([_is_zero(cell) for cell in cells.tolist()])
        where.refuse(
            ~percent & ~zero, cells, name,
            lambda i, cells=cells: f"no % here, as in other rows: {cells.iloc[i]!r}",
        )  # fmt: skip
        twin = next((n for n in measured if n in frame and n != name), None)
        if name in measured and twin is not None and twin not in marks.percent:
            raise TableError(
                f"{where.source}: {where.column(name)} is in per cent and {where.column(twin)} has "
                "no %: write both in one way"
            )
        if name in measured and units == "percent":
            continue
        if name in measured and units == "fraction":
            raise TableError(
                f"{where.source}: {where.column(name)} has cells with %, and units say fraction; "
                f"leave {option(units=None)} out"
            )
        frame = frame.assign(**{name: [_hundredth(cell) for cell in cells.tolist()]})
        notes.append(f"{where.column(name)}: {cells.iloc[0]}% is read as {frame[name].iloc[0]}")
    return frame, notes


def _refuse_bare(frame: pd.DataFrame, letters: list[str], name: str, where: Where) -> None:
    """`TableError` for a few units among millions: 2 in a column with 1M."""
    if {"k", "K"} & set(letters):
        return
    cells = series(frame, name).tolist()
    numbers = np.asarray(pd.to_numeric(series(frame, name), errors="coerce"), dtype=np.float64)
    few = (numbers > 0) & (numbers < 1000) & np.array([not letter for letter in letters])
    if few.any():
        i, j = int(np.flatnonzero(few)[0]), next(j for j, letter in enumerate(letters) if letter)
        other = f"{cells[j]}{letters[j]}"
        where.refuse(
            few, series(frame, name), name,
            lambda _: f"{cells[i]!s} has no letter, and another row has {other}: is it "
            f"{cells[i]!s}{letters[j]}? Write all rows in one way",
        )  # fmt: skip


def _amount(text: object, letter: str) -> object:
    """The number, or the text as it was, which is refused with its place."""
    try:
        return parse_amount("amount", f"{text}{letter}")
    except ValueError:
        return f"{text}{letter}"


def _hundredth(text: object) -> object:
    try:
        return float(f"{float(str(text)) / 100.0:.15g}")
    except ValueError:
        return f"{text}%"


def _is_zero(cell: object) -> bool:
    try:
        return float(str(cell)) == 0.0
    except ValueError:
        return False
