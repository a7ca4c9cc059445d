"""Rows of cells, gathered column by column: small enough for tables of many million rows.

Cells stay the texts (or JSON values) they were, so that a message can quote them.  Of a long table
every full piece of `PIECE` rows is made compact: columns of numbers become float64, equal texts one
text.  A million rows then take 8 MB a column, and 8 MB for the places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from prunelaw_sim.tables.columns import AXIS, COLUMNS
from prunelaw_sim.tables.final_rows import FLAG, STATE
from prunelaw_sim.tables.kept_fraction import says_pruned
from prunelaw_sim.tables.settings import SETTING

PIECE = 65536


@dataclass(frozen=True)
class Wanted:
    """Which columns of a table are of use: all others need not be kept.

    Attributes:
        names: None: every column.
        texts: columns that hold names, even if they look like numbers.
    """

    names: frozenset[str] | None = None
    texts: frozenset[str] = frozenset()

    @classmethod
    def by(
        cls, columns: Mapping[str, str], metric: str | None = None, where: Iterable[str] = ()
    ) -> Wanted:
        """The canonical columns, those of a mapping, the metric's, and those that choose rows."""
        own = {name: name for name in (*COLUMNS, "accuracy", "step")} | dict(columns)
        names = {*own, *own.values(), *where} | ({metric} if metric else set())
        is_text = {name for name, column in COLUMNS.items() if column.kind == "text"}
        texts = {theirs for ours, theirs in own.items() if ours in is_text} | is_text
        return cls(frozenset(names), frozenset(texts) | frozenset(where))

    def keep(self, name: str) -> bool:
        """Whether the column is of use."""
        return self.names is None or name in self.names or _by_name(name)


def _by_name(name: str) -> bool:
    """Columns whose names say which rows are results, what was pruned, or how it was trained."""
    forms = (AXIS, FLAG, STATE, SETTING)
    return any(form.search(name) for form in forms) or says_pruned(name)


@dataclass
class Cells:
    """Adds rows, as values of fixed columns or as mappings whose columns may be new.

    Attributes:
        header: every column seen, in order, also those not kept.
    """

    wanted: Wanted = field(default_factory=Wanted)
    header: dict[str, None] = field(default_factory=dict)
    _columns: dict[str, list[Any]] = field(default_factory=dict)
    _places: list[Any] = field(default_factory=list)
    _done: list[tuple[list[Any] | np.ndarray, dict[str, np.ndarray]]] = field(default_factory=list)
    _same: dict[str, str] = field(default_factory=dict)

    def start(self, header: Sequence[str]) -> list[int]:
        """Fixed columns; the positions of those that are kept, in which `add_values` takes them."""
        self.header = dict.fromkeys(header)
        kept = [i for i, name in enumerate(header) if self.wanted.keep(name)]
        self._columns = {header[i]: [] for i in kept}
        return kept

    def add_values(self, place: Any, values: Iterable[Any]) -> None:
        """A row of the fixed columns that are kept."""
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self._add_place(place)

    def add(self, place: Any, row: Mapping[str, Any]) -> None:
        """A row by names; what it lacks is None."""
        for name in row:
            if name not in self.header:
                self.header[name] = None
                if self.wanted.keep(name):
                    self._columns[name] = [None] * len(self._places)
        for name, column in self._columns.items():
            column.append(row.get(name))
        self._add_place(place)

    def frame(self) -> pd.DataFrame:
        """The table; its index holds the places."""
        if not self._done:
            columns = {name: _objects(values) for name, values in self._columns.items()}
            return pd.DataFrame(columns, index=pd.Index(self._places), dtype=object)
        self._close()
        places = np.concatenate([np.asarray(places) for places, _ in self._done])
        parts = [(len(places), columns) for places, columns in self._done]
        self._done = []
        table: dict[str, np.ndarray] = {}
        for name in self._columns:  # each freed as it is joined
            pieces = [c.pop(name) if name in c else _objects([None] * n) for n, c in parts]
            table[name] = np.concatenate(pieces)
        index = pd.Index(places)
        columns = {n: pd.Series(a, index, a.dtype, copy=False) for n, a in table.items()}
        return pd.DataFrame(columns, index, copy=False)

    def _add_place(self, place: Any) -> None:
        self._places.append(place)
        if len(self._places) == PIECE:
            self._close()

    def _close(self) -> None:
        """Makes what was gathered compact."""
        compact = {name: self._compact(name, cells) for name, cells in self._columns.items()}
        places = self._places
        whole = all(isinstance(place, int) for place in places)
        self._done.append((np.array(places, dtype=np.int64) if whole else places, compact))
        self._columns = {name: [] for name in self._columns}
        self._places = []

    def _compact(self, name: str, cells: list[Any]) -> np.ndarray:
        if name not in self.wanted.texts:
            try:
                numbers = np.array([float(cell) for cell in cells])
                if not any(isinstance(cell, str) and "_" in cell for cell in cells):
                    return numbers
            except (TypeError, ValueError, OverflowError):
                pass
        if len(self._same) > PIECE:  # texts that are all different: nothing to share
            return _objects(cells)
        same = self._same
        return _objects([same.setdefault(c, c) if isinstance(c, str) else c for c in cells])


def _objects(cells: Sequence[Any]) -> np.ndarray:
    """An object array of any cells, lists among them."""
    array = np.empty(len(cells), dtype=object)
    array[:] = cells if not any(isinstance(c, list) for c in cells) else [str(c) for c in cells]
    return array
