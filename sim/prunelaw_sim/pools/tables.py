"""Tables of pools for a plan: parameters of their laws, or runs to fit the laws to.

Which of the two a CSV file is, its columns say:

    parameters   name, size, b, tau; a, d, convention as columns (one value for all) or arguments;
                 optional b_se, tau_se (standard errors), quantile_low, quantile_high (the part of
                 the data, by score, that the pool holds: pools that overlap are alternatives)
    runs         pool, unique_samples, samples_seen (or epochs), error or accuracy, and the other
                 columns of `prunelaw_sim.tables.columns`

Accuracies and errors in per cent are never guessed: a column with values above 1 is asked about.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from prunelaw.checks import check_choice, check_number
from prunelaw.decay.utility import CONVENTIONS, Pool, UtilityLaw
from prunelaw.errors import InputError, TableError, in_both, spoken
from prunelaw_sim.common.amounts import parse_amount
from prunelaw_sim.common.note import Note
from prunelaw_sim.pools.ensemble import PoolEnsemble, from_pools, from_standard_errors
from prunelaw_sim.pools.nesting import alternatives
from prunelaw_sim.readers import asked_for, examine, recognise
from prunelaw_sim.readers.json import records
from prunelaw_sim.readers.table import read_cells
from prunelaw_sim.tables.columns import Column, Where, check_column, series
from prunelaw_sim.tables.final_rows import chosen_rows
from prunelaw_sim.tables.mapping import ColumnMapping
from prunelaw_sim.tables.marked_numbers import as_numbers
from prunelaw_sim.tables.questions import option
from prunelaw_sim.tables.sweep import Sweep
from prunelaw_sim.tables.written_numbers import bare

_NEEDED = ("name", "size", "b", "tau")
_RUNS = ("pool", "unique_samples", "error (or accuracy)", "samples_seen (or epochs)")
_COLUMNS = {
    column.name: column
    for column in (
        Column("name", "text", "name of the pool"),
        Column("size", "real", "unique samples", "samples", low=1.0),
        Column("b", "real", "utility", high=0.0),
        Column("tau", "real", "half-life in epochs", low=0.0, low_open=True),
        Column("a", "real", "inside the power (a n/1e5)^b", low=0.0, low_open=True),
        Column("d", "real", "irreducible error", low=0.0),
        Column("convention", "text", "of the law"),
        Column("b_se", "real", "standard error of b", low=0.0),
        Column("tau_se", "real", "standard error of tau", low=0.0),
        Column("quantile_low", "real", "lowest score quantile", low=0.0, high=1.0),
        Column("quantile_high", "real", "highest score quantile", low=0.0, high=1.0),
    )
}


_PUBLISHED = {  # what published files call them, likeliest first
    "name": ("names?", "pools?", "buckets?", "run"),  # the last: by name, in JSON
    "size": ("sizes?", "pool_sizes?", "unique_samples"),
    "b": ("b_values?", "utility"),
    "tau": ("tau_values?", "c_values?", "c", "half_?li(?:fe|ves)"),
    "a": ("a_values?", "best_a"),
    "d": ("d_values?",),
}


@dataclass(frozen=True)
class PoolTable:
    """Pools, in the order of the file, with the standard errors that it has."""

    pools: tuple[Pool, ...]
    b_se: Mapping[str, float]
    tau_se: Mapping[str, float]
    source: str
    ranges: Mapping[str, tuple[float, float]] | None = None
    notes: tuple[Note, ...] = ()

    def ensemble(
        self,
        replicates: int = 400,
        *,
        seed: int = 0,
        stretch: float = 1.0,
        pools_are: str | None = None,
    ) -> PoolEnsemble:
        """Draws from the standard errors; one law where there are none.

        `InputError` for pools that look nested, where nobody says what they are (`nesting`).
        """
        sizes = {pool.name: float(pool.size) for pool in self.pools}
        are, _ = alternatives(sizes, self.ranges, pools_are)
        if not any([*self.b_se.values(), *self.tau_se.values()]):
            return from_pools(self.pools, stretch=stretch).with_alternatives(are)
        drawn: dict[str, Any] = {"replicates": replicates, "seed": seed, "stretch": stretch}
        known = from_standard_errors(self.pools, self.b_se, self.tau_se, **drawn)
        return known.with_alternatives(are)


def read_pools(
    path: str | os.PathLike[str],
    *,
    a: float | None = None,
    d: float | None = None,
    convention: str | None = None,
    sizes: Mapping[str, float] | None = None,
    mapping: ColumnMapping | Mapping[str, str] | str | os.PathLike[str] | None = None,
    **options: Any,
) -> PoolTable | Sweep:
    """The pools of a table of parameters, or the runs of a table of runs, as the columns say.

    Args:
        a, d, convention: for parameters, where the table has no such columns.
        sizes: for parameters, pool → unique samples, where the table does not have them.
        mapping: the file's column of a canonical one, or a mapping file.
        options: how the table is read, as for `prunelaw_sim.read`.

    Raises:
        TableError: naming file, line and column.
        InputError: for arguments.
    """
    path = Path(path)
    asked = asked_for(mapping, options)
    given = {"a": a, "d": d, "convention": convention}
    cells = _cells(path, asked)
    if cells is None:
        return _runs(path, asked, given)
    if not len(cells):
        raise TableError(f"{path}: the table has a header but no rows")
    named = _named(cells, asked)
    is_runs = bool(set(asked.columns) - set(_COLUMNS)) or {"samples_seen", "epochs"} & set(cells)
    if not {"b", "tau"} & set(named) or (is_runs and not {"b", "tau"} <= set(named)):
        return _runs(path, asked, given)
    if is_runs:
        raise TableError(
            f"{path}: a table of pools has the columns {', '.join(_NEEDED)}, a table of runs "
            f"{', '.join(_RUNS)}; this one has columns of both: {', '.join(map(str, cells))}"
        )
    if asked.units is not None:
        raise InputError("units belong to a table of runs; this is a table of parameters")
    chosen, _ = chosen_rows(named, asked.where, {}, str(path), list(map(str, named)))
    names = dict(zip(map(str, named), map(str, cells), strict=True))
    plain, said = as_numbers(chosen, _COLUMNS, asked, Where(str(path), "line", names))
    return _parameters(_sized(plain, sizes or {}, asked.constants, path), path, given, said)


def _cells(path: Path, asked: ColumnMapping) -> pd.DataFrame | None:
    """The cells of a table or of JSON records; None for a format of runs only."""
    kind = recognise(path, asked.format)[0]
    if kind == "table":
        return read_cells(path, asked.options.get("delimiter"))
    if kind not in ("json", "jsonl") or path.is_dir():
        return None
    found = list(records(path))
    frame = pd.DataFrame([row for _, row in found], dtype=object)
    return frame.set_axis([place.removeprefix("line ") for place, _ in found])


def _named(cells: pd.DataFrame, asked: ColumnMapping) -> pd.DataFrame:
    """The cells under the names of parameters: as mapped, else as published files call them."""
    theirs = {column: ours for ours, column in asked.columns.items() if ours in _COLUMNS}
    taken = {*theirs.values(), *map(str, cells)}
    for ours, forms in {name: (name, *_PUBLISHED.get(name, ())) for name in _COLUMNS}.items():
        for form in forms:
            found = [str(n) for n in cells if re.fullmatch(form, _own(str(n)), re.IGNORECASE)]
            if found and ours not in taken and found[0] not in theirs:
                theirs[found[0]] = ours
                taken.add(ours)
    return cells.rename(columns=theirs)


def _own(name: str) -> str:
    """A column's own name: `size` of `size (M)`, `pools.size` and of its own."""
    return bare(name.rpartition(".")[2])


def _sized(
    cells: pd.DataFrame, sizes: Mapping[str, float], constants: Mapping[str, Any], path: Path
) -> pd.DataFrame:
    """The table with what is given of the pools: sizes by name, and values for all."""
    extra = {n: _amount(n, v) for n, v in constants.items() if n in _COLUMNS and n != "name"}
    for name in extra:
        if name in cells:
            raise TableError(f"{path}: {name!r} is given as a constant and as a column")
    cells = cells.assign(**extra)
    if not sizes:
        if "size" in cells or "name" not in cells:
            return cells
        first = str(cells["name"].iloc[0])
        raise TableError(
            f"{path}: column 'size' (unique samples) is missing: "
            f"{option(constants={'size': '12.8M'})}, if all pools are alike, or for each of them "
            f"{spoken(f'sizes={{{first!r}: 12.8e6, ...}}', f'--size {first}=12.8M')}; pools: "
            f"{', '.join(map(str, cells['name']))}"
        )
    names = [str(name) for name in cells["name"]] if "name" in cells else []
    for name in sizes:
        if name not in names:
            raise InputError(f"sizes names {name!r}, which is no pool: {', '.join(names)}")
    known = cells["size"].tolist() if "size" in cells else [None] * len(cells)
    return cells.assign(size=[sizes.get(n, s) for n, s in zip(names, known, strict=True)])


def _amount(name: str, value: Any) -> Any:
    return parse_amount(name, value) if name == "size" else value


def _parameters(
    cells: pd.DataFrame, path: Path, given: Mapping[str, Any], said: Sequence[str]
) -> PoolTable:
    where = Where(str(path), "line")
    missing = [name for name in _NEEDED if name not in cells]
    if missing:
        named = ", ".join(f"{name!r} ({_COLUMNS[name].meaning})" for name in missing)
        raise TableError(
            f"{path}: column {named} is missing: "
            f"{option(columns=dict.fromkeys(missing, 'COLUMN'))}; present: "
            f"{', '.join(map(str, cells.columns))}"
        )
    table = {name: _checked(cells, name, where) for name in _COLUMNS if name in cells}
    names = [str(name) for name in table["name"]]

    def refuse(name: str, i: int, why: str) -> NoReturn:
        raise TableError(f"{where.cell(series(cells, name), i, name)}: {why}")

    for i, name in enumerate(names):
        if name in names[:i]:
            line = cells.index[names.index(name)]
            refuse(
                "name", i, f"{name!r} is already in line {line}; pools must have different names"
            )
    ranges = _ranges(table, names, refuse)
    lacks = [name for name in ("a", "d") if name not in table and given[name] is None]
    if lacks:
        named = ", ".join(f"{name!r} ({_COLUMNS[name].meaning})" for name in lacks)
        options = " and ".join(spoken(f"{name}=", f"--{name}") for name in lacks)
        raise TableError(f"{path}: column {named} is missing; add it, or give {options}")
    shared = {name: _shared(cells, table, name, given[name], where) for name in given}
    convention = check_choice("convention", str(shared["convention"]), CONVENTIONS)
    pools = tuple(
        Pool(name, size, UtilityLaw(shared["a"], b, tau, shared["d"], convention))
        for name, size, b, tau in zip(names, table["size"], table["b"], table["tau"], strict=True)
    )
    none = np.zeros(len(names))
    b_se, tau_se = (
        dict(zip(names, table.get(n, none).tolist(), strict=True)) for n in ("b_se", "tau_se")
    )
    for i, pool in enumerate(pools):
        if np.isinf(pool.law.tau) and tau_se[pool.name] > 0.0:
            refuse("tau_se", i, f"must be 0 where tau is inf, got {tau_se[pool.name]:g}")
    unused = ", ".join(str(name) for name in cells if name not in _COLUMNS)
    notes = (Note("unused_columns", f"columns not used: {unused}"),) if unused else ()
    notes = (*(Note("numbers", in_both(text)) for text in said), *notes)
    return PoolTable(pools, b_se, tau_se, str(path), ranges, notes)


def _checked(cells: pd.DataFrame, name: str, where: Where) -> Any:
    """A column's values; tau may be `inf`, which no other number may."""
    column = series(cells, name)
    if name != "tau":
        return check_column(column, _COLUMNS[name], where)
    endless = np.array([str(cell).strip().lower() in ("inf", "infinity") for cell in column])
    finite = column.where(~endless, "1")
    return np.where(endless, np.inf, check_column(finite, _COLUMNS[name], where))


def _ranges(
    table: Mapping[str, Any], names: list[str], refuse: Callable[..., NoReturn]
) -> dict[str, tuple[float, float]] | None:
    """The part of the data, by score, that each pool holds; None where the table does not say."""
    ends = [name for name in ("quantile_low", "quantile_high") if name in table]
    if not ends:
        return None
    if len(ends) == 1:
        refuse(ends[0], 0, "needs the other end of the range beside it")
    low, high = (table[name] for name in ends)
    for i in range(len(names)):
        if not low[i] < high[i]:
            refuse(ends[0], i, f"must be below quantile_high, {high[i]:g}, got {low[i]:g}")
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}


def _shared(
    cells: pd.DataFrame, table: Mapping[str, Any], name: str, given: Any, where: Where
) -> Any:
    """The one value of a, d or the convention: an argument or a column, not both."""
    said = spoken(f"{name}=", f"--{name}")
    if name not in table:
        if given is None and name == "convention":
            return "paper"
        if name == "convention":
            return given
        return check_number(name, given, 0.0, low_open=name == "a")
    if given is not None:
        raise TableError(
            f"{where.source}: {name} is given as the option {said} and as a column; leave one out"
        )
    values = table[name]
    for i, value in enumerate(values):
        if value != values[0]:
            raise TableError(
                f"{where.cell(series(cells, name), i, name)}: pools of a mixture share {name}; "
                f"line {cells.index[0]} has {values[0]}, this one {value}"
            )
    return values[0]


def _runs(path: Path, asked: ColumnMapping, given: Mapping[str, Any]) -> Sweep:
    for name in ("a", "d"):
        if given[name] is not None:
            raise InputError(f"{name} is fitted to a table of runs; it cannot be given")
    reading = examine(path, mapping=asked)
    sweep = reading.sweep.require("pool", "unique_samples", "samples_seen")
    seen, frame = sweep["samples_seen"], sweep.frame
    for i in np.flatnonzero(seen < 1.0)[:1].tolist():
        name = "samples_seen" if "samples_seen" in reading.columns else "epochs"
        raise TableError(
            f"{reading.cell(i, name)}: a run must see at least one sample, got {seen[i]:g} samples"
        )
    # Without names of runs, a line of its own is a run, and must be another one.
    twice = [] if "run" in frame else np.flatnonzero(frame.duplicated().to_numpy())[:1].tolist()
    for i in twice:
        same = int(np.flatnonzero((frame == frame.iloc[i]).all(axis=1).to_numpy())[0])
        raise TableError(
            f"{reading.cell(i, 'pool')}: the same run is in {reading.where.row} "
            f"{reading.places[same]}; a run counts once (replicates have another `seed`)"
        )
    return sweep
