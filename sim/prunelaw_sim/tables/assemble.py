"""From the rows of any file to a Sweep: one way for every reader, with an account of what happened.

A reader gives `FileRows`: cells in the file's own columns, and what the format says about them.
`assemble` finds the canonical columns, the measurement and the points wanted, checks all, and
returns a `Reading`: the sweep, and what was understood, computed and dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prunelaw.errors import InputError, TableError, in_both
from prunelaw_sim.common.amounts import parse_amount
from prunelaw_sim.tables.column_names import from_run_names, refuse_unknown, resolve
from prunelaw_sim.tables.columns import (
    ACCURACY,
    COLUMNS,
    Column,
    Where,
    check_column,
    holds_numbers,
    is_error_rate,
    placed_apart,
)
from prunelaw_sim.tables.columns import series as series_of
from prunelaw_sim.tables.final_rows import (
    RAW,
    after_restarts,
    after_start,
    chosen_rows,
    is_log,
    raw_axis,
    with_values,
)
from prunelaw_sim.tables.kept_fraction import (
    PRUNED,
    as_kept,
    check_fraction_name,
    refuse_rising_kept,
    says_pruned,
)
from prunelaw_sim.tables.mapping import ColumnMapping
from prunelaw_sim.tables.marked_numbers import as_numbers
from prunelaw_sim.tables.measurement import (
    as_errors,
    as_fractions,
    check_name,
    held_out_twins,
    kind_of,
    ranked,
    refuse_rising,
)
from prunelaw_sim.tables.points_of_runs import (
    Dropped,
    after_warmup,
    chosen_points,
    curve_notes,
    once_each,
    with_samples,
)
from prunelaw_sim.tables.proposals import proposed
from prunelaw_sim.tables.questions import option
from prunelaw_sim.tables.settings import at_equal_inputs
from prunelaw_sim.tables.sweep import Sweep

STEP = Column("step", "real", "steps of the optimiser done", "steps", low=0.0)
LOG_CALLS = (
    "Step (_step) of Weights & Biases counts calls of wandb.log, not steps of the optimiser: "
    "samples computed from it are wrong unless every step logs exactly once. Export the "
    "trainer's own counter in its place (train/global_step, trainer/global_step, epoch)"
)
UNUSED = "dropped columns of the file: "
TARGETS: Mapping[str, Column] = {
    **COLUMNS,
    "accuracy": ACCURACY,
    "step": STEP,
    PRUNED.name: PRUNED,
}


@dataclass(frozen=True)
class FileRows:
    """What a reader hands over: cells as they are, and what the format knows about them.

    Attributes:
        cells: in the file's columns; the index says where each row is (line numbers, ...).
        columns: canonical column (also `step`, `accuracy`) → the file's, as the format defines it.
        measured: columns of measurements, of which one is wanted; rows without it are dropped.
        values: column of values, where each row is one measurement named by that of `metric`.
        row: what messages call a row, before its place.
        points: what is taken of runs with several points, unless the caller says.
        source: what messages call the file, where it is not the path that was given.
        header: all columns of the file, where cells are those of use only.
        units: of error rates and accuracies, where the format has them always in one.
    """

    cells: pd.DataFrame
    columns: Mapping[str, str] = field(default_factory=dict)
    measured: tuple[str, ...] = ()
    values: str = ""
    constants: Mapping[str, Any] = field(default_factory=dict)
    row: str = "line"
    points: str = "all"
    source: str = ""
    header: tuple[str, ...] = ()
    units: str | None = None
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A sweep, and the account of how a file became it.

    Attributes:
        why: why the file was taken for this format.
        columns: canonical column → the file's.
        ignored: columns of the file that are not used.
        dropped: how many rows were left out, and why.
        mapping: what was asked for; `save` keeps it.
        places: where each row of the sweep is in the file.
    """

    sweep: Sweep
    format: str
    why: str
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    rows_read: int
    dropped: tuple[Dropped, ...]
    mapping: ColumnMapping
    where: Where
    places: pd.Index

    def cell(self, position: int, name: str) -> str:
        """`runs.csv, line 7, column 'val_err' (error)`, for a row of the sweep."""
        column = self.where.column(name)
        return f"{self.where.source}, {self.where.row} {self.places[position]}, {column}"


def assemble(
    rows: FileRows, source: str | Path, mapping: ColumnMapping, format: str = "table", why: str = ""
) -> Reading:
    """The sweep of a file's rows.

    Raises:
        TableError: naming file, place and column of what cannot be used or must be said.
        InputError: for a choice that does not fit the file.
    """
    source = rows.source or str(source)
    if not rows.cells.index.size:
        raise TableError(f"{source}: has no rows")
    header = rows.header or tuple(map(str, rows.cells.columns))
    total = len(rows.cells) + sum(count for count, _ in rows.dropped)
    notes, dropped = list(rows.notes), list(rows.dropped)
    cells, lost = chosen_rows(
        placed_apart(rows.cells), mapping.where, mapping.columns, source, header
    )
    rows, dropped = replace(rows, cells=cells), dropped + lost
    frame, where = _understood(rows, source, header, mapping, notes, dropped)
    frame = _wanted_points(frame, rows, mapping, where, notes, dropped)
    _check_pools(frame, mapping.pool_sizes, where)
    names = where.names
    ignored = tuple(name for name in header if name not in names.values())
    kept = frame.drop(columns="step", errors="ignore")
    alike = proposed(ignored, {*kept, *where.names, *mapping.constants}, ())
    notes += [f"if that is what it looks like: {option(columns=alike)}"] if alike else []
    kept, lost, said = at_equal_inputs(kept, cells, ignored, mapping.equal_inputs, alike)
    frame, dropped, notes = frame.loc[kept.index], dropped + lost, notes + said
    notes += [dropped_words(count, why) for count, why in dropped]
    notes += [f"{UNUSED}{_listed(ignored)}"] if ignored else []
    said = [in_both(note) for note in notes]
    sweep = Sweep.from_frame(kept, notes=said, where=where, unused=ignored)
    refuse_rising(sweep, names, mapping.measured)
    refuse_rising_kept(sweep, names, mapping.fraction)
    return Reading(
        sweep, format, why, names, ignored, total, tuple(dropped), mapping, where, frame.index
    )


def _understood(
    rows: FileRows,
    source: str,
    header: tuple[str, ...],
    mapping: ColumnMapping,
    notes: list[str],
    dropped: list[Dropped],
) -> tuple[pd.DataFrame, Where]:
    """The rows that hold the measurement, in canonical columns, every cell checked."""
    cells, measure, metric = _measurement(rows, mapping, source, dropped, notes)
    given = _as_said({**mapping.columns, **measure}, mapping, source)
    known = {**_implied_fraction(header), **rows.columns}
    names = resolve(cells, source, header, given, known, TARGETS, mapping.constants)
    names = _as_said(names, mapping, source)
    where = Where(source, rows.row, names)
    axis = raw_axis(cells, names)
    along = where if axis is None else Where(source, rows.row, {**names, RAW: axis})
    frame = pd.DataFrame({ours: cells[theirs] for ours, theirs in along.names.items()}, cells.index)
    frame, lost = with_values(frame, TARGETS, mapping.dropped, _is_log(rows, header), where)
    dropped += lost
    frame, said = as_numbers(frame, TARGETS, mapping, where)
    notes += said
    frame, lost, said = after_start(frame, mapping.zero, along)
    dropped += lost
    notes += said
    frame, said = as_kept(frame, mapping.fraction, where)
    notes += said
    frame = _with_constants(frame, mapping.constants, rows.constants, where)
    if mapping.from_run:
        frame = from_run_names(frame, mapping.from_run, where)
    if names.get("step", "").rpartition(".")[2] == "_step":
        notes.append(LOG_CALLS)
    log = rows.points == "final" or is_log(header)
    frame, lost, said = after_restarts(frame, mapping.restarts, log, along)
    dropped += lost
    notes += said
    frame = frame.drop(columns=RAW, errors="ignore")
    frame = _with_metric(frame, names, metric, notes)
    return _checked(
        as_errors(as_fractions(frame, mapping.units or rows.units, where), where), where
    ), where


def _is_log(rows: FileRows, header: tuple[str, ...]) -> bool:
    return bool(rows.measured or rows.values) or is_log(header)


def _implied_fraction(header: tuple[str, ...]) -> dict[str, str]:
    """The column of fractions pruned, where one says so and none says what is kept."""
    found = [name for name in header if says_pruned(name)]
    return {PRUNED.name: found[0]} if len(found) == 1 and "keep_fraction" not in header else {}


def _wanted_points(
    frame: pd.DataFrame,
    rows: FileRows,
    mapping: ColumnMapping,
    where: Where,
    notes: list[str],
    dropped: list[Dropped],
) -> pd.DataFrame:
    """After warm-up, final points or all, every run once at a point."""
    axis = raw_axis(rows.cells, where.names)
    epochs = series_of(frame, "epochs") if "epochs" in frame else None  # also of unknown size
    far = epochs if axis is None else series_of(rows.cells, axis)
    frame = with_samples(frame, "epochs" in rows.columns, notes)
    frame, early = after_warmup(frame, mapping.warmup, where.source)
    far = None if far is None else far.loc[frame.index]
    log = axis is not None or is_log(tuple(where.names.values()))
    if mapping.points is None and rows.points == "all":
        notes += curve_notes(frame, far if log else None)
    frame, along = chosen_points(frame, mapping.points or rows.points, where.source, far)
    far = None if far is None else far.loc[frame.index]
    every = mapping.points == "all"
    frame, again, said = once_each(
        frame, mapping.repeats or "refuse", where, rows.cells, far, every
    )
    dropped += [*early, *along, *again]
    notes += said
    return frame


def dropped_words(count: int, why: str) -> str:
    """`dropped 7 rows: without a value of 'val_acc'`."""
    return f"dropped {count} rows: {why}"


def _measurement(
    rows: FileRows,
    mapping: ColumnMapping,
    source: str,
    dropped: list[Dropped],
    notes: list[str],
) -> tuple[pd.DataFrame, dict[str, str], str | None]:
    """The rows of the metric, {"error" or "accuracy": its column}, and the metric's name."""
    by = mapping.columns.get("metric", rows.columns.get("metric", "metric"))
    by = by if by in rows.cells else ""
    header = rows.header or tuple(map(str, rows.cells))
    explicit = {"error", "accuracy"} & set(mapping.columns)
    if mapping.metric is not None and (twins := held_out_twins(mapping.metric, header)):
        notes.append(f"{mapping.metric!r} is taken, beside {_listed(twins)}: is it of training?")
    if rows.values:
        chosen = _choose(sorted(set(map(str, rows.cells[by]))), mapping.metric, source)
        match = rows.cells[by].map(str).to_numpy() == chosen
        if not match.all():
            dropped.append((int((~match).sum()), f"of other measurements than {chosen!r}"))
        kind = mapping.measured or _kind(chosen, source)
        return rows.cells.loc[match], {} if explicit else {kind: rows.values}, chosen
    canonical = [name for name in ("error", "accuracy") if name in rows.cells]
    if mapping.metric is None:
        for name in [mapping.columns[ours] for ours in explicit] or canonical:
            if twins := held_out_twins(name, header):
                mapped = f", in place of the mapping of {min(explicit)}" if explicit else ""
                raise TableError(
                    f"{source}: which measurement? choose {option(metric=None)}{mapped} from "
                    f"{_listed([*twins, name])}",
                    {} if explicit else {"metric": ranked(twins)[0]},
                )
    if rows.measured and not explicit and not (canonical and mapping.metric is None):
        numeric = [name for name in rows.measured if holds_numbers(series_of(rows.cells, name))]
        known = list(rows.measured) if mapping.metric is not None else numeric or rows.measured
        chosen = _choose(list(known), mapping.metric, source)
        return rows.cells, {mapping.measured or _kind(chosen, source): chosen}, chosen
    if mapping.metric is None:
        return rows.cells, {}, None
    if explicit:
        raise InputError(
            f"{source}: metric and a mapping of {min(explicit)} say it twice; give one"
        )
    if mapping.metric in rows.cells:
        kind = mapping.measured or _kind(mapping.metric, source)
        return rows.cells, {kind: mapping.metric}, mapping.metric
    known = sorted(set(map(str, rows.cells[by]))) if by else list(map(str, header))
    chosen = _choose(known, mapping.metric, source)
    match = rows.cells[by].map(str).to_numpy() == chosen
    dropped.append((int((~match).sum()), f"of other metrics than {chosen!r}"))
    return rows.cells.loc[match], {}, None


def _choose(known: list[str], wanted: str | None, source: str) -> str:
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        return str(wanted)
    said = "which measurement?" if wanted is None else f"no measurement {wanted!r};"
    raise TableError(
        f"{source}: {said} choose {option(metric=None)} from "
        f"{_listed(ranked(known)) or 'none: there is none'}",
        {"metric": ranked(known)[0]} if known else {},
    )


def _kind(name: str, source: str) -> str:
    kind = kind_of(name)
    if kind is None:
        raise TableError(
            f"{source}: is {name!r} an error or an accuracy? Say {option(measured='error')} or "
            f"{option(measured='accuracy')}"
        )
    return kind


def _as_said(names: Mapping[str, str], mapping: ColumnMapping, source: str) -> dict[str, str]:
    """What each column is, by what the caller says of it and by its own name."""
    said = {}
    for ours, theirs in names.items():
        name = check_name(ours, theirs, mapping.measured, source)
        said[check_fraction_name(name, theirs, mapping.fraction, source)] = theirs
    return said


def _with_constants(
    frame: pd.DataFrame, given: Mapping[str, Any], known: Mapping[str, Any], where: Where
) -> pd.DataFrame:
    """What the caller gives for all rows, then what the format knows, where neither is a column."""
    for name in given:
        refuse_unknown(name, where.source, "constants", COLUMNS)
        if name in frame:
            raise TableError(
                f"{where.source}: {name!r} is given as a constant and as {where.column(name)}"
            )
    values = {name: value for name, value in known.items() if name not in frame}
    values |= {name: _amount(name, value) for name, value in given.items()}
    return frame.assign(**values)


def _amount(name: str, value: Any) -> Any:
    """`128M` as a number, where the column counts something; anything else is checked later."""
    if not isinstance(value, str) or TARGETS[name].kind != "real":
        return value
    try:
        return parse_amount(name, value)
    except InputError:
        return value


def _with_metric(
    frame: pd.DataFrame, names: Mapping[str, str], metric: str | None, notes: list[str]
) -> pd.DataFrame:
    """What the error is: the chosen measurement, or a loss by the name of its column."""
    if "error" not in frame and "accuracy" not in frame:
        return frame
    theirs = metric or names.get("error", "")
    if metric is None and ("metric" in frame or is_error_rate(theirs)):
        return frame
    name = f"1 - {theirs}" if "accuracy" in frame else theirs
    if "metric" not in frame:
        notes.append(f"metric: {name!r}, by the name of its column")
        return frame.assign(metric=name)
    return frame.assign(metric=name) if metric and names.get("metric") else frame


def _checked(frame: pd.DataFrame, where: Where) -> pd.DataFrame:
    """Every canonical column as float64 or texts; the first bad cell is named."""
    columns: dict[str, pd.Series] = {}
    for name in frame.columns:
        values = check_column(series_of(frame, name), TARGETS[name], where)
        columns[name] = pd.Series(values, frame.index, values.dtype, copy=False)
    return pd.DataFrame(columns, frame.index, copy=False)


def _check_pools(frame: pd.DataFrame, sizes: Mapping[str, float | int], where: Where) -> None:
    """No run sees more different samples than its pool holds."""
    if not sizes:
        return
    if not {"pool", "unique_samples"} <= set(frame.columns):
        raise InputError(f"{where.source}: pool_sizes need the columns pool and unique_samples")
    known = set(frame["pool"])
    for name in sizes:
        if name not in known:
            raise InputError(
                f"{where.source}: pool_sizes names {name!r}; pools: {_listed(sorted(known))}"
            )
    unique = series_of(frame, "unique_samples")
    limit = np.array([sizes.get(pool, np.inf) for pool in frame["pool"]])
    where.refuse(
        unique.to_numpy(float) > limit,
        unique,
        "unique_samples",
        lambda i: (
            f"{unique.iloc[i]:g} is more than the pool {frame['pool'].iloc[i]!r} holds, "
            f"{limit[i]:g}"
        ),
    )


def _listed(names: Any, most: int = 40) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
