"""The exceptions of prunelaw: each names what was wrong, the value, and what is allowed."""

from __future__ import annotations


class PrunelawError(Exception):
    """Base of every error that prunelaw raises on purpose."""


class InputError(PrunelawError, ValueError):
    """An argument, or a cell of a table, is outside its allowed range.

    Also a `ValueError`, so that callers who know nothing of prunelaw can catch it.
    The command line turns it into exit code 2.
    """


class TableError(InputError):
    """A table (CSV file or data frame) is malformed; the message names file, row and column."""


class ConvergenceError(PrunelawError, RuntimeError):
    """The work itself failed: a solve, a training or a fit did not reach its tolerance.

    The command line turns it into exit code 1.
    """
