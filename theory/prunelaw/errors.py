"""The exceptions of prunelaw: each names what was wrong, the value, and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SPOKEN = re.compile("\x0e([^\x0e\x1f]*)\x1f([^\x0f]*)\x0f")


def spoken(python: str, flags: str) -> str:
    """A piece of a message in the words of Python and of the command line; see `InputError`."""
    return f"\x0e{python}\x1f{flags}\x0f"


def in_python(text: str) -> str:
    """A message with the pieces of `spoken` as Python has them."""
    return _SPOKEN.sub(r"\1", text)


def in_flags(text: str) -> str:
    """A message with the pieces of `spoken` as the command line has them."""
    return _SPOKEN.sub(r"\2", text)


def in_both(text: str) -> str:
    """A message with both, as `drop='missing' (--drop missing)`: for notes, which all read."""
    return _SPOKEN.sub(r"\1 (\2)", text)


class PrunelawError(Exception):
    """Base of every error that prunelaw raises on purpose."""


class InputError(PrunelawError, ValueError):
    """An argument, or a cell of a table, is outside its allowed range.

    Also a `ValueError`, so that callers who know nothing of prunelaw can catch it.
    The command line turns it into exit code 2.

    Attributes:
        told: the message, with pieces of `spoken` in it; `str` of the error is for Python.
        answers: options of reading that answer what is asked, where there is a likely answer.
        unanswered: the last question has no likely answer, or not the whole of one.
    """

    def __init__(
        self,
        message: object = "",
        answers: Mapping[str, Any] | None = None,
        *,
        unanswered: bool = False,
    ) -> None:
        self.told = str(message)
        self.answers = dict(answers or {})
        self.unanswered = unanswered
        super().__init__(in_python(self.told))


class TableError(InputError):
    """A table (CSV file or data frame) is malformed; the message names file, row and column."""


class ConvergenceError(PrunelawError, RuntimeError):
    """The work itself failed: a solve, a training or a fit did not reach its tolerance.

    The command line turns it into exit code 1.
    """
