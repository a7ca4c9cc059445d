"""The file of a store: SQLite opened with care, every row under a checksum, damage told by name.

    meta     format, the code's numbers version, the design as JSON, and a checksum of the three
    unit     one row a unit: point, first trial, its arrays (float64, little endian) and a checksum
    claim    who is measuring which unit: a hint, which lapses; a damaged one is nobody's
    failure  units that could not be measured, and why, with a checksum before the text

A file is looked at before SQLite touches it: another program's database is never opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from prunelaw.errors import InputError, PrunelawError
from prunelaw_sim.sweeps.design import SweepDesign, Unit, read_design

FORMAT = 1
NUMBERS = 3  # raise it when the same design gives other numbers: streams, trainer, columns
APPLICATION = 0x50524C57  # "PRLW": what `file` and we know a store by
PATIENCE = 30.0  # seconds to wait for another process's transaction
HEADER = 72  # bytes: SQLite's magic words, and the application at 68
SIGNED = ("format", "numbers", "design")  # what the checksum of `meta` is of
NEEDS_WRITER = {"SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_CANTOPEN"}

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE unit (point INTEGER, first INTEGER, trials INTEGER NOT NULL, columns TEXT NOT NULL,
                   data BLOB NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (point, first));
CREATE TABLE claim (point INTEGER, first INTEGER, owner TEXT NOT NULL, host TEXT NOT NULL,
                    pid INTEGER NOT NULL, renewed REAL NOT NULL, PRIMARY KEY (point, first));
CREATE TABLE failure (point INTEGER, first INTEGER, message TEXT NOT NULL,
                      PRIMARY KEY (point, first));
"""
_MADE = {text.split()[2]: text.strip() for text in _TABLES.split(";") if text.strip()}
# SQLite's complaints; it cannot always say them, where a name is damaged.
BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)


class StoreError(InputError):
    """The store cannot be used as asked: another design or version, damaged, or not a store."""


class StoreWriteError(PrunelawError, OSError):
    """Nothing more can be written (a full disk, a lost folder); what was stored stays whole."""


# --- opening --------------------------------------------------------------------------------------


def check_name(path: str | os.PathLike[str]) -> Path:
    """The path as that of a file; `StoreError` for names that SQLite would not keep on disk."""
    if os.fspath(path) in ("", ":memory:"):
        raise StoreError(
            f"store must be a file, which lasts; got {os.fspath(path)!r}: give a name like runs.db"
        )
    return Path(path)


def is_new(file: Path) -> bool:
    """Whether a store can be made there: nothing has the name, or an empty file."""
    try:
        return not os.path.exists(file) or (file.is_file() and file.stat().st_size == 0)
    except OSError as cause:
        raise StoreError(f"store {file} cannot be read: {cause.strerror}") from cause


def check_ours(file: Path) -> None:
    """Raises `StoreError` unless the file says that it is a store; SQLite does not see it."""
    try:
        if not file.is_file():
            raise StoreError(f"store {file} is not a regular file")
        with open(file, "rb") as opened:
            head = opened.read(HEADER)
    except OSError as cause:
        raise StoreError(f"store {file} cannot be read: {cause.strerror}") from cause
    if not head.startswith(b"SQLite format 3\0"):
        raise StoreError(f"{file} is not a store, or is damaged: it does not begin as one")
    if head[68:72] != APPLICATION.to_bytes(4):
        raise StoreError(f"{file} is a database, but no store of a prunelaw sweep (or is damaged)")


def connect(file: Path, mode: str) -> sqlite3.Connection:
    """A connection; `mode` is ro (nothing is written), rw, or rwc (made if it is not there)."""
    # An absolute path: no name has a meaning of its own.  isolation_level None: transactions
    # begin where we say so.
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, timeout=PATIENCE, isolation_level=None, uri=True)
    connection.text_factory = lambda text: text.decode(errors="replace")  # checksums find it
    if mode != "ro":
        connection.execute("PRAGMA synchronous = FULL")
    return connection


def connect_to_read(file: Path) -> sqlite3.Connection:
    """A connection that writes nothing, but for what the transaction of a killed writer needs."""
    connection = connect(file, "ro")
    try:
        tables(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorname not in NEEDS_WRITER or not _journal(file).exists():
            raise
        connection = connect(file, "rw")  # the first read undoes what was not committed
        tables(connection)
    return connection


def _journal(file: Path) -> Path:
    return file.with_name(f"{file.name}-journal")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
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
def named(file: Path, writing: bool = False) -> Iterator[None]:
    """SQLite's complaints as ours, with the file's name and what to do."""
    try:
        yield
    except sqlite3.OperationalError as cause:
        if writing:
            readonly = cause.sqlite_errorname.startswith("SQLITE_READONLY")
            what = "let it and its folder be written" if readonly else "make room"
            raise StoreWriteError(
                f"store {file} cannot be written ({cause}); what it holds is whole: "
                f"{what} and run the same sweep again"
            ) from cause
        raise StoreError(f"store {file} cannot be used, or is damaged: {cause}") from cause
    except BROKEN as cause:
        raise StoreError(f"{file} is not a store, or is damaged: {cause}") from cause


def tables(connection: sqlite3.Connection) -> set[str]:
    """Names of what the database holds."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def make_tables(connection: sqlite3.Connection, design: SweepDesign) -> None:
    """An empty store, inside the caller's transaction."""
    for statement in _TABLES.split(";"):  # executescript would end the transaction
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    meta = {"format": str(FORMAT), "numbers": str(NUMBERS), "design": design.to_json()}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    sign(connection)


def sign(connection: sqlite3.Connection) -> None:
    """Puts what `meta` holds under a checksum, inside the caller's transaction."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    row = ("checksum", meta_checksum(meta))
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)


# --- what is whole --------------------------------------------------------------------------------


def damaged(file: Path, what: str) -> StoreError:
    """The error for a store that `prunelaw sweep repair` can make whole again."""
    return StoreError(
        f"store {file} is damaged: {what}; `prunelaw sweep repair {shlex.quote(str(file))}` keeps "
        "what is whole"
    )


def read_meta(file: Path, connection: sqlite3.Connection) -> tuple[SweepDesign, bool]:
    """The design, and whether it is under a checksum: older stores have none.

    Raises:
        StoreError: for another version, and for a design that is damaged.
    """
    with named(file):
        if "meta" not in tables(connection):
            raise StoreError(f"store {file} is empty or damaged: it holds no design")
        rows = connection.execute("SELECT key, value FROM meta NOT INDEXED")
        meta = {str(key): str(value) for key, value in rows}
    for key, ours in (("format", FORMAT), ("numbers", NUMBERS)):
        if meta.get(key) != str(ours):
            raise StoreError(
                f"store {file} has {key} version {meta.get(key)}, this prunelaw has {ours}: "
                "export it with the version that wrote it, or begin a new store"
            )
    signed = set(meta) != set(SIGNED)
    lost = StoreError(
        f"store {file} is damaged: its design is not what was stored, and nobody can say what its "
        "numbers were measured at; begin a new store"
    )
    if signed and (set(meta) != {*SIGNED, "checksum"} or meta["checksum"] != meta_checksum(meta)):
        raise lost
    try:
        return read_design(meta["design"]), signed
    except (InputError, ValueError, TypeError, LookupError, AttributeError) as cause:
        if signed:
            raise
        raise lost from cause


def meta_checksum(meta: Mapping[str, str]) -> str:
    """Of format, numbers version and design."""
    return _digest(json.dumps([meta[key] for key in SIGNED]).encode()).hex()


def structure(connection: sqlite3.Connection) -> list[str]:
    """What is wrong with the tables, and what SQLite finds wrong with its pages and indexes."""
    try:
        made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL"))
        if made != _MADE:
            return ["its tables are not as they were made"]
        found = [text for (text,) in connection.execute("PRAGMA integrity_check(3)")]
    except BROKEN as error:
        return [str(error)]
    said = (str(text).removeprefix("*** in database main ***") for text in found)
    return [] if found == ["ok"] else [" ".join(text.split()) for text in said]


ROW = "SELECT rowid, point, first, trials, columns, data, checksum FROM unit NOT INDEXED"


def unit_rows(connection: sqlite3.Connection, after: int, most: int) -> Iterator[tuple | str]:
    """Rows of units beyond `after`, by row number; a text where one cannot be read.

    Read without the index, whose damage would hide rows.  Where reading all in a row fails, those
    up to number `most` are read one at a time.
    """
    last = after
    try:
        for row in connection.execute(f"{ROW} WHERE rowid > ? ORDER BY rowid", (after,)):
            last = row[0]
            yield row
        return
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise
        yield f"units beyond row {last} are hard to read ({error})"
    except BROKEN as error:
        yield f"units beyond row {last} are hard to read ({error})"
    for number in range(last + 1, most + 1):
        with suppress(*BROKEN):
            yield from connection.execute(f"{ROW} WHERE rowid = ?", (number,))


def packed(unit: Unit, columns: Mapping[str, np.ndarray]) -> tuple:
    """A unit as its row, with its checksum."""
    table = np.stack([np.asarray(values, dtype="<f8") for values in columns.values()])
    if table.shape[1] != unit.trials:
        raise InputError(f"a unit of {unit.trials} trials got {table.shape[1]} values a column")
    names, data = json.dumps(list(columns)), table.tobytes()
    return (*unit, names, data, unit_checksum(unit, names, data))


def unpacked(row: tuple) -> tuple[Unit, dict[str, np.ndarray]]:
    """A unit from its row (without the row's number); `ValueError` for a wrong checksum."""
    point, first, trials, names, data, checksum = row
    types = (int, int, int, str, bytes, bytes)
    right = all(isinstance(value, kind) for value, kind in zip(row, types, strict=True))
    if not right or checksum != unit_checksum(Unit(point, first, trials), names, data):
        raise ValueError(f"wrong checksum of point {point}, {first}")
    columns = json.loads(names)
    table = np.frombuffer(data, dtype="<f8").reshape(len(columns), trials)
    return Unit(point, first, trials), dict(zip(columns, table, strict=True))


def unit_checksum(unit: Unit, names: str, data: bytes) -> bytes:
    """Of everything in a unit's row."""
    return _digest(f"{unit.point} {unit.first} {unit.trials} {names}".encode() + data)


def noted(point: int, first: int, message: str) -> str:
    """The message of a failure with its checksum before it."""
    return f"{_digest(f'{point} {first} {message}'.encode()).hex()} {message}"


def understood(point: Any, first: Any, text: Any) -> str:
    """The message of a failure; older stores have it without a checksum."""
    head, _, message = str(text).partition(" ")
    if len(head) != 32 or not message or noted(point, first, message) == text:
        return message if len(head) == 32 and message else str(text)
    return "(why was noted, and is damaged)"


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
