"""A table of runs as arrays by name: selected and checked once, whatever laws are fitted to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import InputError, TableError

_RUN = ("group", "metric", "run", "pool", "samples_seen", "seed")  # together they name a row


class Table:
    """Columns as arrays, and the label of every row, which messages name.

    A column of numbers is checked when it is first asked for, and in no part of the table again.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], labels: np.ndarray) -> None:
        self.columns, self.labels = dict(columns), labels
        self._positive: dict[str, bool] = {}  # checked column → whether all its numbers are > 0

    @classmethod
    def of(cls, runs: Table | pd.DataFrame) -> Table:
        """The columns of a frame; a table as it is."""
        if isinstance(runs, Table):
            return runs
        return cls({str(name): runs[name].to_numpy() for name in runs}, runs.index.to_numpy())

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __len__(self) -> int:
        return len(self.labels)

    def require(self, *names: str) -> None:
        """`TableError` for the first column that is missing."""
        for name in names:
            if name not in self:
                raise TableError(f"column {name} is missing; the table has {list(self.columns)}")

    def where(self, chosen: Bool[np.ndarray, " rows"]) -> Table:
        """The chosen rows."""
        part = Table({n: v[chosen] for n, v in self.columns.items()}, self.labels[chosen])
        part._positive = dict(self._positive)
        return part

    def numbers(self, name: str, *, zero: bool = False) -> Float[np.ndarray, " rows"]:
        """A column as finite numbers > 0 (≥ 0 with `zero`); `TableError` names a bad row."""
        self.require(name)
        if name not in self._positive:
            given: Any = self.columns[name]
            if given.dtype.kind not in "fiu":  # texts and objects: what is no number becomes NaN
                given = pd.to_numeric(pd.Series(given), errors="coerce")
            values = np.array(given, dtype=np.float64)
            self._refuse(name, ~(np.isfinite(values) & (values >= 0.0)), zero)
            self.columns[name], self._positive[name] = values, bool((values > 0.0).all())
        if not (zero or self._positive[name]):
            self._refuse(name, self.columns[name] == 0.0, zero)
        return self.columns[name]

    def texts(self, name: str) -> list[str]:
        """A column as texts."""
        self.require(name)
        return [str(value) for value in self.columns[name].tolist()]

    @property
    def runs(self) -> np.ndarray:
        """Name of the run of every row; without the column, every row is one."""
        return np.array(self.texts("run") if "run" in self else range(len(self)), dtype=str)

    @property
    def has_error_bars(self) -> bool:
        """Whether the table says how uncertain its errors are."""
        return "error_se" in self and not bool(pd.isna(self.columns["error_se"]).all())

    def measured(self) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """The errors and their weights: 1/error_se where the table has it, else 1."""
        error = self.numbers("error", zero=True)
        if not self.has_error_bars:
            return error, np.ones_like(error)
        return error, 1.0 / self.numbers("error_se")

    def up_to(self, above: Any, by: str = "samples_seen") -> Bool[np.ndarray, " rows"]:
        """Which rows are fitted: those with at most `above` in the column `by`; None: all.

        Raises:
            InputError: where nothing is held out, or nothing is left to fit.
        """
        if above is None:
            return np.ones(len(self), dtype=bool)
        limit = float(check_real("hold_out_above", above, 0.0, low_open=True))
        fitted = self.numbers(by) <= limit
        if fitted.all() or not fitted.any():
            what = "above" if fitted.all() else "at or below"
            raise InputError(f"hold_out_above {limit:g} leaves no row {what} it in {by}")
        return fitted

    def _refuse(self, name: str, bad: Bool[np.ndarray, " rows"], zero: bool) -> None:
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise TableError(
                f"row {self.labels[i]}, column {name}: must be a number in "
                f"{'[' if zero else '('}0, inf), got {self.columns[name].tolist()[i]!r}"
            )


def select(runs: Table | pd.DataFrame, group: str | None = None, together: bool = False) -> Table:
    """The rows of the chosen group, every run once; a `Table` has been through this.

    Raises:
        InputError: for a group that must be named or is not there, and for no rows.
        TableError: for a run that is listed twice at one number of samples seen.
    """
    if isinstance(runs, Table):
        return runs
    frame = _of_group(runs, group, together)
    _refuse_repeated_runs(frame)
    if frame.empty:
        raise InputError("the table has no rows to fit")
    return Table.of(frame)


def _of_group(frame: pd.DataFrame, group: str | None, together: bool) -> pd.DataFrame:
    if group is None and ("group" not in frame or together):
        return frame
    if "group" not in frame:
        raise TableError(f"column group is missing, but group {group!r} was asked for")
    names = [str(name) for name in frame["group"].unique()]
    if group is None and len(names) > 1:
        raise InputError(
            f"a law holds for one group: choose group from {', '.join(names)}, or fit together"
        )
    if group is None:
        return frame
    check_choice("group", group, names)
    return frame.loc[frame["group"].astype(str) == group]


def _refuse_repeated_runs(frame: pd.DataFrame) -> None:
    keys = [name for name in _RUN if name in frame]
    twice = frame.duplicated(keys, keep=False).to_numpy() if "run" in keys else np.zeros(1)
    if not twice.any():
        return
    first = int(np.flatnonzero(twice)[0])
    same = (frame[keys] == frame[keys].iloc[first]).all(axis=1).to_numpy()
    second = int(np.flatnonzero(same)[1])
    seen = "samples_seen"
    at = f" at {frame[seen].iloc[second]:g} samples seen" if seen in frame else ""
    raise TableError(
        f"row {frame.index[second]}, column run: {frame['run'].iloc[second]!r}{at} is already "
        f"in row {frame.index[first]}; a run counts once (give replicates a `seed`)"
    )
