"""Numbers as people write them: 1,600,000 and 1.600.000, 0.7992 and 0,7992, 50 000.

Whether a comma is a decimal one is told by the whole column, and where that is silent by the other
columns of the table; what neither settles is asked about: `decimal` "." or ",".

The name of a column may say its unit: `tokens (M)`, `params_B`, `error (%)`, `keep_pct`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.tables.columns import Column, Where, series
from prunelaw_sim.tables.questions import option

_SPACES = re.compile(r"(?<=\d)[ '’\u00a0\u202f\u2009](?=\d{3}(?!\d))")  # of thousands
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_OPEN = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}$")  # 50,000 and 50.000: either is possible
COUNTS = (
    "samples",
    "parameters",
    "steps",
)  # units of whole numbers: 50.000 of them are 50 thousand
_LETTER = r"k|K|M|B|G|T|Mio\.?|Mrd\.?"
_WORD = r"thousands?|millions?|billions?|trillions?"
_OF = r"(?:[ _]*(?:of )?(?:samples|tokens|images|examples|params|parameters|steps))?"
_AMOUNT = re.compile(
    rf"[ _]*[(\[]\s*(?:in |x ?|× ?)?({_LETTER}|(?i:{_WORD})){_OF}\s*[)\]]$"
    rf"|[ _]+(?:in[ _])?(M|B|Mio|Mrd|(?i:{_WORD}))$"
)
_PERCENT = re.compile(
    r"[ _]*(?:[(\[]\s*(?:in )?)?(?:%|(?<![a-z])(?:percent(?:age)?|per cent|pct|perc))\s*[)\]]?$",
    re.IGNORECASE,
)
_SIZES = {"k": 1e3, "t": 1e12, "m": 1e6, "b": 1e9, "g": 1e9}
MOST = 1e15  # of anything: a column that would hold more is not in its name's unit
WHOLE = 1000.0  # smaller counts are whole numbers
FRACTIONS = ("keep_fraction", "pruned_fraction", "quantile_low", "quantile_high")


def plain_numbers(
    frame: pd.DataFrame, columns: Mapping[str, Column], decimal: str | None, where: Where
) -> tuple[pd.DataFrame, list[str]]:
    """The frame with its texts of numbers in the plain form, and notes on what was read how.

    Raises:
        TableError: for a column that may be read either way, or is written in both.
    """
    numeric = [name for name in frame if name in columns and columns[name].kind != "text"]
    texts = {name: _texts(series(frame, name)) for name in numeric}
    texts = {name: cells for name, cells in texts.items() if cells is not None}
    said = {name: decimal or _told(name, cells, where) for name, cells in texts.items()}
    marks = {mark for mark in said.values() if mark}
    table = marks.pop() if len(marks) == 1 else None
    notes: list[str] = []
    for name, cells in texts.items():
        mark = said[name] or _by_table(name, cells, table, columns[name], where)
        plain = [_plain(text, mark) for text in cells]
        old = np.array(series(frame, name), dtype=object)
        changed = [i for i, text in enumerate(plain) if text is not None and text != old[i].strip()]
        if changed:
            first = changed[0]
            notes.append(f"{where.column(name)}: {old[first]} is read as {plain[first]}")
            old[changed] = [plain[i] for i in changed]
            frame = frame.assign(**{name: old})
    return frame, notes


def _texts(cells: pd.Series) -> list[str | None] | None:
    """Texts without outer and thousands' spaces; None for a cell, or column, that is no text."""
    if cells.dtype == np.float64:
        return None
    found = [_SPACES.sub("", c.strip()) if isinstance(c, str) else None for c in cells.tolist()]
    return found if any(found) else None


def _mark(text: str) -> str | None:
    """The decimal mark of a number that can be read one way only."""
    for mark, grouped, plain in _FORMS:
        if grouped.fullmatch(text) or (plain.fullmatch(text) and not _OPEN.match(text)):
            return mark
    return None


def _forms(mark: str, other: str) -> tuple[str, re.Pattern[str], re.Pattern[str]]:
    """A decimal mark, numbers with groups of thousands that tell it, and numbers without."""
    point, other = re.escape(mark), re.escape(other)
    groups = rf"[+-]?[1-9]\d{{0,2}}(?:{other}\d{{2,3}})*{other}\d{{3}}"
    several = rf"[+-]?\d{{1,3}}(?:{other}\d{{2,3}})+{other}\d{{3}}"
    plain = re.compile(rf"[+-]?\d*{point}\d*{_EXPONENT}")
    return mark, re.compile(rf"{several}|{groups}{point}\d*{_EXPONENT}"), plain


_FORMS = (_forms(".", ","), _forms(",", "."))


def _told(name: str, cells: list[str | None], where: Where) -> str | None:
    """The decimal mark that the cells of a column tell."""
    first: dict[str, str] = {}
    for text in cells:
        mark = _mark(text) if text and ("," in text or "." in text) else None
        if mark:
            first.setdefault(mark, text or "")
    if len(first) > 1:
        raise TableError(
            f"{where.source}, {where.column(name)}: {first['.']!r} has a decimal point and "
            f"{first[',']!r} a decimal comma; write the column in one way"
        )
    return next(iter(first), None)


def _by_table(
    name: str, cells: list[str | None], table: str | None, column: Column, where: Where
) -> str:
    """The mark of a column that does not tell: by the others, where that makes sense."""
    open_cells = [text for text in cells if text and _OPEN.match(text)]
    if not open_cells:
        return table or "."
    used = {text[-4] for text in open_cells}  # marks
    long = any(re.fullmatch(r"[+-]?\d{4,}", text or "") for text in cells)
    if column.unit in COUNTS:  # three decimals of every count are thousands, if anything
        if table is not None and table not in used and not long:
            return table
    elif used == {table or "."}:
        return table or "."
    text = open_cells[0]
    raise TableError(
        f"{where.source}, {where.column(name)}: is {text!r} {_plain(text, '.')} or "
        f"{_plain(text, ',')}? Say which mark is the decimal one: {option(decimal='.')} or "
        f"{option(decimal=',')}"
    )


def _plain(text: Any, mark: str) -> Any:
    """The plain form, where the text is a number with this decimal mark; else the text."""
    if text is None:
        return None
    group = "," if mark == "." else "."
    if "," not in text and group not in text:
        return text
    grouped = rf"[+-]?\d{{1,3}}(?:{re.escape(group)}\d{{2,3}})*{re.escape(group)}\d{{3}}"
    if re.fullmatch(rf"{grouped}(?:{re.escape(mark)}\d*)?{_EXPONENT}", text):
        text = text.replace(group, "")
    return text.replace(",", ".") if mark == "," and text.count(",") == 1 else text


def bare(name: str) -> str:
    """The name without its unit: `tokens (M)` is `tokens`."""
    return _PERCENT.sub("", _AMOUNT.sub("", name)) or name


def amount_in(name: str) -> float:
    """What the name counts in: 1e6 for `tokens (M)`; 1 where it does not say."""
    found = _AMOUNT.search(name)
    if not found:
        return 1.0
    text = (found[1] or found[2]).lower()
    if text.startswith("mrd"):
        return 1e9
    if text.startswith("t") and len(text) > 1:
        return 1e12 if text.startswith("tr") else 1e3
    return _SIZES[text[0]]


def says_percent(name: str) -> bool:
    """Whether the name of a column says that its numbers are per cent."""
    return _PERCENT.search(name) is not None


def in_named_units(
    frame: pd.DataFrame, units: dict[str, str], marked: set[str], percent: str | None, where: Where
) -> tuple[pd.DataFrame, list[str]]:
    """The frame with counts and fractions as the names of their columns say, and notes on them.

    Args:
        units: of the canonical columns.
        marked: columns whose cells have units of their own.
        percent: `units` of the caller, which settles errors and accuracies.

    Raises:
        TableError: for errors of a column that says per cent, where the caller does not say so and
            their values do not tell.
    """
    notes: list[str] = []
    for name in [n for n in frame if n not in marked]:
        own = where.names.get(name, name)
        if units.get(name) in COUNTS:
            frame, said = _counted(frame, name, own, where)
            notes += said
        elif name in FRACTIONS and says_percent(own):
            values = _values(series(frame, name))
            if not np.isnan(values).any():
                frame = frame.assign(**{name: values / 100.0})
                notes.append(f"{where.column(name)}: in per cent, as its name says")
        elif name in ("error", "accuracy") and percent is None and says_percent(own):
            values = _values(series(frame, name))
            if (values <= 1.0).all():
                raise TableError(
                    f"{where.source}: {where.column(name)} says per cent, and all its values are "
                    f"at most 1: say {option(units='percent')} or {option(units='fraction')}",
                    {"units": "percent"},
                )
    return frame, notes


def _counted(
    frame: pd.DataFrame, name: str, own: str, where: Where
) -> tuple[pd.DataFrame, list[str]]:
    values, size = _values(series(frame, name)), amount_in(own)
    if np.isnan(values).any() or not len(values):
        return frame, []
    if size > 1.0 and values.max() * size < MOST:
        counts = np.array([float(f"{value * size:.15g}") for value in values])
        said = f"in units of {size:g}, as its name says: {values[0]:g} is read as {counts[0]:.15g}"
        return frame.assign(**{name: counts}), [f"{where.column(name)}: {said}"]
    odd = np.flatnonzero((values < WHOLE) & (values != np.round(values)))
    if not odd.size:
        return frame, []
    return frame, [
        f"{where.column(name)}: {values[odd[0]]:g} is no whole number; if it counts thousands, "
        f"millions, ..., write {values[odd[0]]:g}M, or call the column '{own} (M)'"
    ]


def _values(cells: pd.Series) -> np.ndarray:
    """Numbers, NaN for what is none."""
    if cells.dtype == np.float64:
        return cells.to_numpy()
    flags = np.array([isinstance(cell, bool) for cell in cells.tolist()], dtype=bool)
    values = np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)
    return np.where(flags, np.nan, values)
