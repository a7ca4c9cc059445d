"""Text from files is shown, not obeyed: by terminals, by pictures, by spreadsheets."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

# C0 and C1 controls, DEL, line separators, marks that turn the direction of writing, half a pair.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)
_FORMULA = re.compile(r"[=+\-@\t\r]")
_GUARDED = re.compile(r"'(?=[=+\-@\t\r])")


def visible(text: str, keep: str = "") -> str:
    r"""The text with everything that would steer a terminal written out: ESC as `\x1b`.

    Args:
        keep: control characters that stay, as "\n\t" for text of our own.
    """
    return _CONTROLS.sub(lambda one: one[0] if one[0] in keep else _written(one[0]), text)


def _written(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def spreadsheet_cell(text: str) -> str:
    """A cell of a CSV file: what a spreadsheet would run as a formula begins with '."""
    if not _FORMULA.match(text) or _is_number(text):
        return text
    return f"'{text}"


def from_spreadsheet_cell(text: str) -> str:
    """The text of a cell that `spreadsheet_cell` wrote."""
    return text[1:] if _GUARDED.match(text) and not _is_number(text[1:]) else text


def csv_text(frame: pd.DataFrame, **options: Any) -> str:
    """A table as CSV, its texts as `spreadsheet_cell` writes them; options of pandas' `to_csv`."""
    safe = frame.copy()
    for name in safe:
        if safe[name].dtype.kind not in "biufc":
            safe[name] = [spreadsheet_cell(c) if isinstance(c, str) else c for c in safe[name]]
    return safe.to_csv(index=False, **options)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
