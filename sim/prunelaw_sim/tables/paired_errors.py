"""Errors of many cells at the same seeds: the table from which differences are taken seed by seed.

Cells that share a seed share test set, pool and first weights.  A difference of two cells, taken
inside each seed, has lost most of that common noise; its scatter over seeds is its standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw.errors import InputError, TableError
from prunelaw_sim.common.new_file import write_new_file
from prunelaw_sim.common.statistics import standard_error
from prunelaw_sim.tables.sweep import Sweep

SEED = "seed"


@dataclass(frozen=True, eq=False)
class PairedErrors:
    """A row a cell, a column a seed.

    - cells: what names each cell, such as dataset_size, keep_fraction, rule and score.
    - errors: test errors in [0, 1].
    - seeds: distinct numbers, ascending.

    Raises `TableError` where the three do not fit together, or a cell occurs twice.
    """

    cells: pd.DataFrame
    errors: Float[np.ndarray, "cells seeds"]
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.errors.shape != (len(self.cells), len(self.seeds)):
            raise TableError(
                f"errors must be {len(self.cells)} cells by {len(self.seeds)} seeds, got shape "
                f"{self.errors.shape}"
            )
        check_real("errors", self.errors, 0.0, 1.0)
        twice = self.cells.duplicated()
        if twice.any():
            raise TableError(f"a cell occurs twice: {dict(self.cells.loc[twice].iloc[0])}")

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, keys: Sequence[str]) -> PairedErrors:
        """Of a table with a row a trained model, columns `keys`, seed and error.

        Raises `TableError` for a missing column, and if a cell lacks a seed that others have.
        """
        lacking = [name for name in (*keys, SEED, "error") if name not in frame.columns]
        if lacking:
            raise TableError(f"columns {', '.join(lacking)} are needed for paired errors")
        repeated = frame.duplicated([*keys, SEED])
        if repeated.any():
            row = frame.loc[repeated, [*keys, SEED]].iloc[0]
            raise TableError(f"a cell has two errors at one seed: {dict(row)}")
        wide = frame.pivot(index=list(keys), columns=SEED, values="error").sort_index()
        missing = np.argwhere(~np.isfinite(wide.to_numpy(dtype=np.float64)))
        if len(missing):
            cell, seed = missing[0]
            raise TableError(
                f"cell {dict(zip(keys, np.atleast_1d(wide.index[cell]), strict=False))} has no "
                f"error at seed {wide.columns[seed]}: all cells need the same seeds"
            )
        seeds = tuple(int(seed) for seed in wide.columns)
        return cls(wide.index.to_frame(index=False), wide.to_numpy(dtype=np.float64), seeds)

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def mean(self) -> Float[np.ndarray, " cells"]:
        """Over seeds."""
        return self.errors.mean(axis=1)

    @property
    def standard_error(self) -> Float[np.ndarray, " cells"]:
        """Of the mean over seeds; NaN for a single seed."""
        return standard_error(self.errors)

    def select(self, **wanted: Any) -> PairedErrors:
        """The cells whose columns have these values; a list allows any of its own.

        Raises `InputError` for a column that there is not, `TableError` if no cell is left.
        """
        chosen = np.ones(len(self), dtype=bool)
        for name, value in wanted.items():
            if name not in self.cells.columns:
                known = ", ".join(map(str, self.cells.columns))
                raise InputError(f"cells have no column {name}; they have {known}")
            allowed = value if isinstance(value, list | tuple | set | np.ndarray) else [value]
            chosen &= self.cells[name].isin(list(allowed)).to_numpy()
        if not chosen.any():
            raise TableError(f"there is no cell with {wanted}")
        return self.take(np.flatnonzero(chosen))

    def part(self, **wanted: Any) -> PairedErrors:
        """`select`, without the columns that it was selected by."""
        found = self.select(**wanted)
        return PairedErrors(found.cells.drop(columns=list(wanted)), found.errors, found.seeds)

    def take(self, rows: np.ndarray) -> PairedErrors:
        """These rows, in this order."""
        cells = self.cells.iloc[rows].reset_index(drop=True)
        return PairedErrors(cells, self.errors[rows], self.seeds)

    def at(self, **wanted: Any) -> Float[np.ndarray, " seeds"]:
        """The errors of one cell.  Raises `TableError` unless there is exactly one."""
        found = self.select(**wanted)
        if len(found) != 1:
            raise TableError(f"{wanted} names {len(found)} cells, one is needed")
        return found.errors[0]

    def column(self, name: str) -> np.ndarray:
        """A column of `cells` as an array of numbers, or of texts."""
        values = self.cells[name]
        return values.to_numpy(float) if values.dtype.kind in "if" else values.to_numpy(str)

    def to_sweep(self, source: str) -> Sweep:
        """A row a cell and seed in the columns of a `Sweep`, which fits take."""
        rows = self.cells.loc[self.cells.index.repeat(len(self.seeds))].reset_index(drop=True)
        seeds = np.tile(np.array(self.seeds), len(self))
        return Sweep.from_frame(rows.assign(seed=seeds, error=self.errors.ravel()), source)

    def write_csv(self, path: str | Path) -> None:
        """A new file: columns of `cells`, then seed0, seed1, ...  Raises `InputError`."""
        names = [f"{SEED}{seed}" for seed in self.seeds]
        errors = pd.DataFrame(self.errors, columns=pd.Index(names))
        table = pd.concat([self.cells.reset_index(drop=True), errors], axis=1)
        write_new_file("path", path, table.to_csv(index=False, float_format="%.6g"))

    @classmethod
    def read_csv(cls, path: str | Path) -> PairedErrors:
        """What `write_csv` wrote.  Raises `TableError`, with the file's name, for anything else."""
        table = pd.read_csv(path)
        seeds = [name for name in table.columns if name.removeprefix(SEED).isdigit()]
        if not seeds or len(seeds) == len(table.columns):
            raise TableError(f"{path}: columns that name cells and columns seed0, ... are needed")
        errors = check_real(f"errors of {path}", table[seeds], 0.0, 1.0)
        numbers = tuple(int(name.removeprefix(SEED)) for name in seeds)
        return cls(table.drop(columns=seeds), errors, numbers)
