"""The one table of the project: a `Sweep` holds runs, simulated or real, in canonical columns."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.common.kept_examples import old_band_note, read_old_band
from prunelaw_sim.common.new_file import write_new_file
from prunelaw_sim.common.text_forms import SIMULATED
from prunelaw_sim.common.visible import csv_text
from prunelaw_sim.tables.columns import COLUMNS, Where, check_column, check_error_rates, series
from prunelaw_sim.tables.proposals import needed

EPOCHS_TOLERANCE = 0.01  # epochs are often printed rounded; more than this is another number


@dataclass(frozen=True, eq=False)
class Sweep:
    """Runs of one or several experiments, one a row, in the columns of `COLUMNS`.

    Every cell present is valid and no cell is missing: a column is there for all rows or not
    at all.  `error` is always there; a law asks for what else it needs by `require`.

    Attributes:
        source: where it came from.
        notes: what was left out, filled in or computed on the way.
        unused: columns of the file that are not in the table.
    """

    _frame: pd.DataFrame = field(repr=False)
    source: str
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        source: str = "table",
        *,
        notes: Iterable[str] = (),
        where: Where | None = None,
        unused: Iterable[str] = (),
    ) -> "Sweep":
        """A checked sweep from a frame whose columns carry canonical names.

        Two of unique_samples, samples_seen, epochs give the third: samples_seen =
        epochs * unique_samples.  All three must agree within 1 %; samples_seen must not be
        less than one batch, where there is a `batch_size`, nor unique_samples more than the
        `dataset_size` before pruning.  Without `metric` the errors
        are taken for error rates.  Columns that are not canonical are dropped, with a note.

        Raises:
            TableError: for no rows, no `error` column, a repeated column, or a cell that is
                missing, not a number or outside its column's range (see `COLUMNS`).
        """
        where = where or Where(source)
        _check_shape(frame, where)
        known = [name for name in COLUMNS if name in frame.columns]
        columns = {name: check_column(series(frame, name), COLUMNS[name], where) for name in known}
        table = pd.DataFrame(columns, index=frame.index)
        said = list(notes) + _dropped_columns(frame)
        said += _fill_metric(table) + _complete_counts(table) + _read_old_bands(table)
        _check_counts(table, where)
        check_error_rates(series(table, "error"), series(table, "metric"), where)
        ordered = [name for name in COLUMNS if name in table.columns]
        return cls(_reindexed(table, ordered), where.source, tuple(said), tuple(unused))

    @property
    def frame(self) -> pd.DataFrame:
        """A copy of the table; changing it does not change the sweep."""
        return self._frame.copy()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns present, in canonical order."""
        return tuple(self._frame.columns)

    def __len__(self) -> int:
        return len(self._frame)

    def __getitem__(self, column: str) -> np.ndarray:
        """One column as a new array: float64, or objects (str) for text; shape (rows,)."""
        self.require(column)
        values = self._frame[column]
        return np.array(values, dtype=object if COLUMNS[column].kind == "text" else np.float64)

    def require(self, *columns: str) -> "Sweep":
        """This sweep, if it has all these columns; `TableError` that names all that are missing."""
        missing = [name for name in columns if name not in self._frame.columns]
        if missing:
            raise needed(missing, self.columns, self.unused, self.source)
        return self

    def values(self, column: str) -> list[Any]:
        """The distinct values of one column, sorted."""
        return sorted(set(self[column].tolist()))

    def select(self, **wanted: Any) -> "Sweep":
        """The rows whose columns have the wanted value, or one of a collection of values.

            sweep.select(group="ViT-B-32", rule=["hard", "random"])

        Raises:
            TableError: if a column is missing or no row is left; it names the filter that removed
                the last row and the values it could have taken.
        """
        kept, applied = self, []
        for column, value in wanted.items():
            choices = list(value) if _is_collection(value) else [value]
            match = np.array([cell in choices for cell in kept[column]])
            if not match.any():
                after = f" after {', '.join(applied)}" if applied else ""
                raise TableError(
                    f"{self.source}: {column}={value!r} leaves no rows{after}; "
                    f"available {column}: {', '.join(map(str, kept.values(column)))}"
                )
            kept = kept._rows(match)
            applied.append(f"{column}={value!r}")
        return kept

    def final_points(self) -> "Sweep":
        """The row with most samples seen of every run, in each group and metric.

        Points of one learning curve lie on a decaying learning rate; laws are for final points.
        """
        self.require("run", "samples_seen")
        keys = [name for name in ("group", "run", "metric") if name in self.columns]
        last = self._frame.groupby(keys, sort=False)["samples_seen"].idxmax()
        return self._rows(np.isin(np.arange(len(self)), last))

    def concat(self, *others: "Sweep") -> "Sweep":
        """This sweep and others, rows below rows; columns that not all have are dropped, noted."""
        sweeps = (self, *others)
        common = [name for name in COLUMNS if all(name in sweep.columns for sweep in sweeps)]
        lost = [n for n in COLUMNS if n not in common and any(n in s.columns for s in sweeps)]
        notes = [note for sweep in sweeps for note in sweep.notes]
        if lost:
            notes.append(f"dropped columns that not all parts have: {', '.join(lost)}")
        table = pd.concat([_reindexed(sweep._frame, common) for sweep in sweeps], ignore_index=True)
        source = " + ".join(dict.fromkeys(sweep.source for sweep in sweeps))
        unused = dict.fromkeys(name for sweep in sweeps for name in sweep.unused)
        return Sweep(table, source, tuple(dict.fromkeys(notes)), tuple(unused))

    def to_csv(self, path: str | os.PathLike[str], name: str = "path") -> None:
        """Writes the table to a new file; `name`: what errors call it.  Raises `InputError`."""
        write_new_file(name, path, csv_text(self._frame))

    def _rows(self, match: np.ndarray) -> "Sweep":
        frame = _reindexed(self._frame, list(self.columns), match)
        return Sweep(frame, self.source, self.notes, self.unused)


def _check_shape(frame: pd.DataFrame, where: Where) -> None:
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise TableError(f"{where.source}: column {repeated[0]!r} appears more than once")
    if "error" not in frame.columns:
        have = ", ".join(map(str, frame.columns)) or "none"
        raise TableError(f"{where.source}: column 'error' is missing; present: {have}")
    if not len(frame):
        raise TableError(f"{where.source}: has no rows")


def _reindexed(
    table: pd.DataFrame, columns: list[str], match: np.ndarray | slice = slice(None)
) -> pd.DataFrame:
    """The columns, in this order, of the matching rows, counted from 0 again."""
    return cast(pd.DataFrame, table.loc[match, columns]).reset_index(drop=True)


def _dropped_columns(frame: pd.DataFrame) -> list[str]:
    extra = [str(name) for name in frame.columns if name not in COLUMNS]
    return [f"dropped columns that are not canonical: {', '.join(extra)}"] if extra else []


def _fill_metric(table: pd.DataFrame) -> list[str]:
    if "metric" in table.columns:
        return []
    table["metric"] = "error rate"
    return ["no column 'metric': errors are taken for error rates in [0, 1]"]


def _complete_counts(table: pd.DataFrame) -> list[str]:
    """Adds the third of samples_seen = epochs * unique_samples where two are there."""
    formulas: Mapping[str, Any] = {
        "epochs": lambda t: t["samples_seen"] / t["unique_samples"],
        "samples_seen": lambda t: t["epochs"] * t["unique_samples"],
        "unique_samples": lambda t: t["samples_seen"] / t["epochs"],
    }
    missing = [name for name in formulas if name not in table.columns]
    if len(missing) != 1:
        return []
    table[missing[0]] = formulas[missing[0]](table)
    return [f"computed {missing[0]} from samples_seen = epochs * unique_samples"]


def _read_old_bands(table: pd.DataFrame) -> list[str]:
    """Rules `band:` of real runs become `quantiles:`; simulated runs have bands of |z|."""
    if "rule" not in table.columns:
        return []
    rules = series(table, "rule").where(series(table, "metric") != SIMULATED, "")
    table["rule"] = series(table, "rule").where(rules == "", rules.map(read_old_band))
    return old_band_note(rules)


def _check_counts(table: pd.DataFrame, where: Where) -> None:
    """Counts that contradict each other: the first bad row is named."""

    def check(*names: str, bad: Callable[..., Any], words: Callable[..., str]) -> None:
        if set(names) <= set(table.columns):
            columns = [series(table, name) for name in names]
            said = bad(*columns), columns[0], names[0]
            where.refuse(*said, lambda i: words(*(column.iloc[i] for column in columns)))

    check(
        *("epochs", "unique_samples", "samples_seen"),
        bad=lambda epochs, unique, seen: abs(epochs / (seen / unique) - 1) > EPOCHS_TOLERANCE,
        words=lambda epochs, unique, seen: (
            f"{epochs:g} epochs of {unique:g} unique samples are not the {seen:g} samples seen; "
            f"must be within 1 % of samples_seen / unique_samples = {seen / unique:g}"
        ),
    )
    check(  # less than a batch is a count of steps, or of millions
        *("samples_seen", "batch_size"),
        bad=lambda seen, batch: seen < batch,
        words=lambda seen, batch: (
            f"must be at least one batch, {where.column('batch_size')} = {batch:g}, got {seen:g}"
        ),
    )
    check(
        *("unique_samples", "dataset_size"),
        bad=lambda unique, size: unique > size * (1 + EPOCHS_TOLERANCE),
        words=lambda unique, size: (
            f"must be at most {where.column('dataset_size')} = {size:g}, got {unique:g}"
        ),
    )


def _is_collection(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)
