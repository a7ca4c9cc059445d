"""A store of trials: one SQLite file that survives a kill at any moment.

SQLite, because its transactions are what is asked of the store: a unit of trials is in it whole or
not at all, whatever is killed and whenever (rollback journal, synchronous = FULL); two processes
may write; a full disk undoes the transaction; and any language reads it.  The rollback journal is
kept instead of the write-ahead log, which does not work on network file systems.

    meta     format, the code's numbers version, and the design as JSON
    unit     one row a unit: point, first trial, its arrays (float64, little endian) and a checksum
    claim    who is measuring which unit, so that two processes do not measure the same one
    failure  units that could not be measured, and why

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

from prunelaw.errors import InputError, PrunelawError
from prunelaw_sim.sweeps.design import SweepDesign, Unit, read_design

FORMAT = 1
NUMBERS = 3  # raise it when the same design gives other numbers: streams, trainer, columns
APPLICATION = 0x50524C57  # "PRLW": what `file` and we know a store by
LEASE = 600.0  # seconds; a living owner renews its claims far more often
PATIENCE = 30.0  # seconds to wait for another process's transaction

Columns = dict[str, np.ndarray]

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE unit (point INTEGER, first INTEGER, trials INTEGER NOT NULL, columns TEXT NOT NULL,
                   data BLOB NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (point, first));
CREATE TABLE claim (point INTEGER, first INTEGER, owner TEXT NOT NULL, host TEXT NOT NULL,
                    pid INTEGER NOT NULL, renewed REAL NOT NULL, PRIMARY KEY (point, first));
CREATE TABLE failure (point INTEGER, first INTEGER, message TEXT NOT NULL,
                      PRIMARY KEY (point, first));
"""


class StoreError(InputError):
    """The store cannot be used as asked: another design or version, damaged, or not a store."""


class StoreWriteError(PrunelawError, OSError):
    """Nothing more can be written (a full disk, a lost folder); what was stored stays whole."""


@dataclass(frozen=True)
class Status:
    """How far a store is: units done, in all, claimed by living owners, and failed with reasons."""

    done: int
    total: int
    claimed: int
    failed: Mapping[Unit, str]

    @property
    def complete(self) -> bool:
        """Whether every unit is stored."""
        return self.done == self.total


class Store:
    """One open store; use it as a context manager, or `close` it.

    `Store.create(path, design)` makes a new file or opens one that holds the same design;
    `Store.open(path)` opens an existing one.  A connection belongs to its thread.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, design: SweepDesign):
        self.path = path
        self.design = design
        self.owner = uuid.uuid4().hex
        self._connection = connection

    # --- opening ----------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | os.PathLike[str], design: SweepDesign) -> Store:
        """The store at `path` for this design: made if the file is not there or empty.

        Raises:
            StoreError: if the file holds another design, was written by another version, is no
                store, or cannot be made; nothing in it is changed then.
        """
        file = Path(path)
        if not file.parent.is_dir():
            raise StoreError(f"store {file}: the folder {file.parent} does not exist")
        with _named(file):
            connection = _connect(file)
            with _transaction(connection):
                if not _tables(connection):
                    _make_tables(connection, design)
        store = cls._checked(file, connection)
        if store.design != design:
            store.close()
            raise StoreError(
                f"store {file} holds another design: {store.design.first_change(design)}"
            )
        return store

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Store:
        """The store at `path`.  `StoreError` if it is missing, damaged or something else."""
        file = Path(path)
        if not file.is_file():
            raise StoreError(f"store {file} does not exist")
        with _named(file):
            connection = _connect(file)
        return cls._checked(file, connection)

    @classmethod
    def _checked(cls, file: Path, connection: sqlite3.Connection) -> Store:
        try:
            with _named(file):
                if "meta" not in _tables(connection):
                    raise StoreError(f"{file} is a database, but no store of a prunelaw sweep")
                meta = dict(connection.execute("SELECT key, value FROM meta"))
            _check_version(file, meta)
            return cls(file, connection, read_design(meta["design"]))
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Closes the file; claims of this process are given back."""
        try:
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
        """(point, first trial) of every stored unit."""
        with _named(self.path):
            return set(self._connection.execute("SELECT point, first FROM unit"))

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
                    "INSERT OR IGNORE INTO unit VALUES (?, ?, ?, ?, ?, ?)", _packed(unit, columns)
                )
                write("DELETE FROM failure WHERE point = ? AND first = ?", unit[:2])
                write("DELETE FROM claim WHERE point = ? AND first = ?", unit[:2])
            self._renew()

    def fail(self, unit: Unit, message: str) -> None:
        """Notes that a unit could not be measured; the next run tries it again."""
        with self._write() as write:
            write("INSERT OR REPLACE INTO failure VALUES (?, ?, ?)", (*unit[:2], message))
            write("DELETE FROM claim WHERE point = ? AND first = ?", unit[:2])

    def renew(self) -> None:
        """A sign of life: the claims of this process last another `LEASE` seconds."""
        with self._write():
            self._renew()

    def release(self) -> None:
        """Gives back every claim of this process."""
        with self._write() as write:
            write("DELETE FROM claim WHERE owner = ?", (self.owner,))

    # --- reading ----------------------------------------------------------------------------------

    def status(self) -> Status:
        """Units done, claimed and failed."""
        with _named(self.path):
            query = self._connection.execute
            (done,) = query("SELECT COUNT(*) FROM unit").fetchone()
            claims = query("SELECT owner, host, pid, renewed FROM claim").fetchall()
            failures = query("SELECT point, first, message FROM failure ORDER BY 1, 2").fetchall()
        failed = {self._unit(point, first): message for point, first, message in failures}
        alive = sum(not _is_dead(*claim) for claim in claims)
        return Status(done, self.design.n_units, alive, failed)

    def units(self) -> Iterator[tuple[Unit, dict[str, np.ndarray]]]:
        """Every stored unit in the design's order; raises `StoreError` for a wrong checksum."""
        query = "SELECT point, first, trials, columns, data, checksum FROM unit ORDER BY 1, 2"
        with _named(self.path):
            for row in self._connection.execute(query):
                unit, columns = _unpacked(self.path, row)
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
        with _named(self.path, writing=True), _transaction(self._connection):
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

    def _unit(self, point: int, first: int) -> Unit:
        return Unit(point, first, min(self.design.unit, self.design.trials - first))


def _connect(file: Path) -> sqlite3.Connection:
    # isolation_level None: transactions begin where we say so.
    connection = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; IMMEDIATE, so that what is read inside cannot change before it is written."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _named(file: Path, writing: bool = False) -> Iterator[None]:
    """SQLite's complaints as ours, with the file's name and what to do."""
    try:
        yield
    except sqlite3.OperationalError as cause:
        if writing:
            raise StoreWriteError(
                f"store {file} cannot be written ({cause}); what it holds is whole: "
                "make room and run the same sweep again"
            ) from cause
        raise StoreError(f"store {file} cannot be used: {cause}") from cause
    except sqlite3.DatabaseError as cause:
        raise StoreError(f"{file} is not a store, or is damaged: {cause}") from cause


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _make_tables(connection: sqlite3.Connection, design: SweepDesign) -> None:
    for statement in _TABLES.split(";"):  # executescript would end the transaction
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    meta = {"format": str(FORMAT), "numbers": str(NUMBERS), "design": design.to_json()}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())


def _check_version(file: Path, meta: Mapping[str, str]) -> None:
    for key, ours in (("format", FORMAT), ("numbers", NUMBERS)):
        if meta.get(key) != str(ours):
            raise StoreError(
                f"store {file} has {key} version {meta.get(key)}, this prunelaw has {ours}: "
                "export it with the version that wrote it, or begin a new store"
            )


def _is_dead(owner: str, host: str, pid: int, renewed: float) -> bool:
    if time.time() - renewed > LEASE:
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


def _packed(unit: Unit, columns: Mapping[str, np.ndarray]) -> tuple:
    table = np.stack([np.asarray(values, dtype="<f8") for values in columns.values()])
    if table.shape[1] != unit.trials:
        raise InputError(f"a unit of {unit.trials} trials got {table.shape[1]} values a column")
    names, data = json.dumps(list(columns)), table.tobytes()
    return (*unit, names, data, _checksum(unit, names, data))


def _unpacked(file: Path, row: tuple) -> tuple[Unit, dict[str, np.ndarray]]:
    unit, (names, data, checksum) = Unit(*row[:3]), row[3:]
    if checksum != _checksum(unit, names, data):
        raise StoreError(f"{file} is damaged: wrong checksum of point {unit.point}, {unit.first}")
    columns = json.loads(names)
    table = np.frombuffer(data, dtype="<f8").reshape(len(columns), unit.trials)
    return unit, dict(zip(columns, table, strict=True))


def _checksum(unit: Unit, names: str, data: bytes) -> bytes:
    head = f"{unit.point} {unit.first} {unit.trials} {names}"
    return hashlib.blake2b(head.encode() + data, digest_size=16).digest()
