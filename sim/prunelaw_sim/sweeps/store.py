"""A store of trials: one SQLite file that survives a kill at any moment.

SQLite, because its transactions are what is asked of the store: a unit of trials is in it whole or
not at all, whatever is killed and whenever (rollback journal, synchronous = FULL); two processes
may write; a full disk undoes the transaction; and any language reads it.  The rollback journal is
kept instead of the write-ahead log, which does not work on network file systems.

What is whole is decided in one place (`Store.look`), on which status, run, export and check agree:
SQLite's own pages and indexes, and the checksum of every row (`prunelaw_sim.sweeps.store_file`).

A claim lasts until its owner stores the unit, gives it back, or is known or presumed dead: at once
where its process is gone on this host, after `LEASE` seconds without a sign of life elsewhere.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prunelaw.errors import PrunelawError
from prunelaw_sim.sweeps import store_file
from prunelaw_sim.sweeps.design import SweepDesign, Unit
from prunelaw_sim.sweeps.store_file import StoreError, StoreWriteError, named, transaction

__all__ = ["LEASE", "Columns", "Status", "Store", "StoreError", "StoreWriteError"]

LEASE = 600.0  # seconds; a living owner renews its claims far more often

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Status:
    """How far a store is: units whole, in all, claimed by living owners, failed with reasons.

    damaged: what is not as it was stored, one text each.
    """

    done: int
    total: int
    claimed: int
    failed: Mapping[Unit, str]
    damaged: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every unit is stored, and nothing is damaged."""
        return self.done == self.total and not self.damaged


class Store:
    """One open store; use it as a context manager, or `close` it.

    `Store.create(path, design)` makes a new file or opens one that holds the same design;
    `Store.open(path)` opens an existing one.  Neither writes to a file that is there before a
    method does that says so.  A connection belongs to its thread.

    Attributes:
        signed: whether the design is under a checksum; in stores of older versions it is not.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection):
        self.path = path
        self.design, self.signed = store_file.read_meta(path, connection)
        self.owner = uuid.uuid4().hex
        self._connection = connection
        self._writes = False
        self._rows: dict[tuple[int, int], int] = {}  # (point, first) of whole units → row number
        self._last = 0  # number of the last row looked at
        self._damaged: list[str] | None = None

    # --- opening ----------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | os.PathLike[str], design: SweepDesign) -> Store:
        """The store at `path` for this design: made if the file is not there or empty.

        Raises:
            StoreError: if the file holds another design, was written by another version, is no
                store, or cannot be made; nothing in it is changed then.
        """
        file = store_file.check_name(path)
        if not file.parent.is_dir():
            raise StoreError(f"store {file}: the folder {file.parent} does not exist")
        if store_file.is_new(file):
            with named(file):
                connection = store_file.connect(file, "rwc")
                try:
                    with transaction(connection):
                        if not store_file.tables(connection):
                            store_file.make_tables(connection, design)
                finally:
                    connection.close()
        store = cls.open(file)
        if store.design != design:
            store.close()
            raise StoreError(
                f"store {file} holds another design: {store.design.first_change(design)}"
            )
        return store

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Store:
        """The store at `path`.  `StoreError` if it is missing, damaged or something else."""
        file = store_file.check_name(path)
        if not os.path.lexists(file):
            raise StoreError(f"store {file} does not exist")
        store_file.check_ours(file)
        with named(file):
            connection = store_file.connect_to_read(file)
        try:
            return cls(file, connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Closes the file; claims of this process are given back."""
        try:
            if self._writes:
                self.release()
        except PrunelawError:
            pass  # a full disk: the claims lapse with the process
        finally:
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    # --- work -------------------------------------------------------------------------------------

    def done(self) -> set[tuple[int, int]]:
        """(point, first trial) of every stored unit; `StoreError` if anything is damaged."""
        found = self.look()
        if found:
            first, *others = found
            more = f" (and {len(others)} more)" if others else ""
            raise store_file.damaged(self.path, f"{first}{more}")
        return set(self._rows)

    def claim(self, wanted: Iterable[Unit], limit: int) -> list[Unit]:
        """Up to `limit` of the wanted units that are neither stored nor claimed: ours from now."""
        claimed: list[Unit] = []
        with self._write() as write:
            self._drop_dead_claims()
            free = (unit for unit in wanted if self._is_free(unit))
            for unit in itertools.islice(free, limit):  # takes no unit beyond the last one needed
                row = (*unit[:2], self.owner, socket.gethostname(), os.getpid(), time.time())
                write("INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?)", row)
                claimed.append(unit)
        return claimed

    def put(self, measured: Iterable[tuple[Unit, Mapping[str, np.ndarray]]]) -> None:
        """Stores units in one transaction; a unit that is there already is left as it is."""
        with self._write() as write:
            for unit, columns in measured:
                write(
                    "INSERT OR IGNORE INTO unit VALUES (?, ?, ?, ?, ?, ?)",
                    store_file.packed(unit, columns),
                )
                write("DELETE FROM failure WHERE point = ? AND first = ?", unit[:2])
                write("DELETE FROM claim WHERE point = ? AND first = ?", unit[:2])
            self._renew()

    def fail(self, unit: Unit, message: str) -> None:
        """Notes that a unit could not be measured; the next run tries it again."""
        with self._write() as write:
            noted = store_file.noted(*unit[:2], message)
            write("INSERT OR REPLACE INTO failure VALUES (?, ?, ?)", (*unit[:2], noted))
            write("DELETE FROM claim WHERE point = ? AND first = ?", unit[:2])

    def renew(self) -> None:
        """A sign of life: the claims of this process last another `LEASE` seconds."""
        with self._write():
            self._renew()

    def release(self) -> None:
        """Gives back every claim of this process."""
        with self._write() as write:
            write("DELETE FROM claim WHERE owner = ?", (self.owner,))

    def sign(self, signed: bool = True) -> None:
        """Puts the design under a checksum that `repair_store` proved, or leaves it without one."""
        with self._write() as write:
            if signed:
                store_file.sign(self._connection)
            else:
                write("DELETE FROM meta WHERE key = 'checksum'")

    # --- reading ----------------------------------------------------------------------------------

    def look(self) -> tuple[str, ...]:
        """What is damaged: pages, indexes and units, one text each; looks at what is new only."""
        with named(self.path):
            if self._damaged is None:
                self._damaged = store_file.structure(self._connection)
            rows = store_file.unit_rows(self._connection, self._last, self.design.n_units)
            for row in rows:
                if why := self._refused(row):
                    self._damaged.append(why)
        return tuple(self._damaged)

    def status(self) -> Status:
        """Units done, claimed and failed, and what is damaged."""
        damaged = list(self.look())
        with named(self.path):
            query = self._connection.execute
            try:
                claims = query("SELECT owner, host, pid, renewed FROM claim NOT INDEXED").fetchall()
                notes = query("SELECT point, first, message FROM failure NOT INDEXED").fetchall()
            except store_file.BROKEN as error:
                if not damaged:
                    raise
                damaged.append(f"notes of claims and failures ({error})")
                claims, notes = [], []
        failed = {
            unit: store_file.understood(point, first, message)
            for point, first, message in sorted(notes, key=str)
            if (unit := self._unit(point, first)) is not None
        }
        alive = sum(not _is_dead(*claim) for claim in claims)
        return Status(len(self._rows), self.design.n_units, alive, failed, tuple(damaged))

    def units(self) -> Iterator[tuple[Unit, dict[str, np.ndarray]]]:
        """Every unit in the design's order; before the first `StoreError` if any is damaged."""
        self.done()
        yield from self.whole_units()

    def whole_units(self) -> Iterator[tuple[Unit, dict[str, np.ndarray]]]:
        """Every unit that is whole, in the design's order, whatever else is damaged."""
        self.look()
        with named(self.path):
            for key in sorted(self._rows):
                query = f"{store_file.ROW} WHERE rowid = ?"
                row = self._connection.execute(query, (self._rows[key],)).fetchone()
                try:
                    unit, columns = store_file.unpacked((row or (None,) * 7)[1:])
                except ValueError as error:  # since it was looked at
                    raise store_file.damaged(self.path, str(error)) from error
                yield unit, {self.design.column(name): one for name, one in columns.items()}

    def by_point(self) -> Iterator[tuple[int, Columns]]:
        """(position in the design, all its trials' numbers by name) of each point that has any.

        The numbers of the trials themselves are there as "trial".
        """
        for position, units in itertools.groupby(self.units(), key=lambda item: item[0].point):
            parts = [{"trial": np.arange(u.first, u.first + u.trials), **c} for u, c in units]
            yield position, {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def digest(self) -> str:
        """A hash of design and trials: equal for equal contents, however they got there."""
        total = hashlib.blake2b(self.design.to_json().encode())
        for unit, columns in self.units():
            total.update(json.dumps([list(unit), list(columns)]).encode())
            for values in columns.values():
                total.update(values.tobytes())
        return total.hexdigest()

    # --- private ----------------------------------------------------------------------------------

    @contextmanager
    def _write(self) -> Iterator:
        with named(self.path, writing=True):
            if not self._writes:
                self._connection.close()
                self._connection = store_file.connect(self.path, "rw")
                self._writes = True
            with transaction(self._connection):
                yield self._connection.execute

    def _renew(self) -> None:
        now = (time.time(), self.owner)
        self._connection.execute("UPDATE claim SET renewed = ? WHERE owner = ?", now)

    def _drop_dead_claims(self) -> None:
        owners = "SELECT DISTINCT owner, host, pid, renewed FROM claim"
        for owner, host, pid, renewed in self._connection.execute(owners).fetchall():
            if owner != self.owner and _is_dead(owner, host, pid, renewed):
                self._connection.execute("DELETE FROM claim WHERE owner = ?", (owner,))

    def _is_free(self, unit: Unit) -> bool:
        query = (
            "SELECT EXISTS (SELECT 1 FROM unit WHERE point = ?1 AND first = ?2)"
            " OR EXISTS (SELECT 1 FROM claim WHERE point = ?1 AND first = ?2)"
        )
        return not self._connection.execute(query, unit[:2]).fetchone()[0]

    def _refused(self, row: tuple | str) -> str:
        """Why a row is no unit of this store; "" if it is, and then it is counted."""
        if isinstance(row, str):
            return row
        self._last = max(self._last, row[0])
        try:
            unit, _ = store_file.unpacked(row[1:])
        except ValueError as error:
            return str(error)
        if unit != self._unit(unit.point, unit.first):
            return f"point {unit.point}, trials from {unit.first}: no unit of the design"
        if unit[:2] in self._rows:
            return f"point {unit.point}, trials from {unit.first}: stands there twice"
        self._rows[unit[:2]] = row[0]
        return ""

    def _unit(self, point: object, first: object) -> Unit | None:
        """The design's unit that begins there, if one does."""
        design = self.design
        if not (isinstance(point, int) and isinstance(first, int)):
            return None
        if not (0 <= point < len(design.points) and 0 <= first < design.trials):
            return None
        size = min(design.unit, design.trials - first)
        return None if first % design.unit else Unit(point, first, size)


def _is_dead(owner: object, host: object, pid: object, renewed: object) -> bool:
    """Whether a claim holds no longer; nor does one that is damaged."""
    if not (isinstance(pid, int) and 0 < pid < 2**31 and isinstance(renewed, float)):
        return True
    if abs(time.time() - renewed) > LEASE:
        return True
    return host == socket.gethostname() and not _runs(pid)


def _runs(pid: int) -> bool:
    if os.name == "nt":  # there os.kill would end the process: wait for the lease
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
