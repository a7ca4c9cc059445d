"""One guarded way to open what users give: regular files, of a bounded size, with named errors.

A pipe or a device is refused before it is opened (reading one may never end), a compressed file
may grow so far and no further, and what a library raises of a damaged file becomes a `TableError`
that names the file.
"""

from __future__ import annotations

import os
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prunelaw.errors import PrunelawError, TableError

FACTOR = 100  # a compressed file may unpack to so many times its size
HARMLESS = 100_000_000  # bytes, and in any case to so much
LARGEST = 2**30  # bytes of arrays that are held in memory at once
MOST_COLUMNS = 20_000  # of a table; charts of exported logs have some thousands

# What readers of the standard library, NumPy and Arrow raise of files that are broken or hostile.
BROKEN = (
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError,
    MemoryError, RecursionError, SyntaxError, NotImplementedError, struct.error, zlib.error,
    zipfile.BadZipFile, tokenize.TokenError, RuntimeError,
)  # fmt: skip


def regular(path: Path, what: str = "file") -> int:
    """The size of a regular file in bytes.

    Raises:
        TableError: for what is not there, may not be read, or is no regular file.
    """
    try:
        about = os.stat(path)
    except FileNotFoundError as cause:
        raise TableError(f"{path}: no such file") from cause
    except OSError as cause:
        raise TableError(f"{path}: {what} cannot be read: {cause.strerror or cause}") from cause
    except ValueError as cause:  # a NUL in the name
        raise TableError(f"{path!r}: is no name of a file") from cause
    if not stat.S_ISREG(about.st_mode):
        kind = "a folder" if stat.S_ISDIR(about.st_mode) else "a pipe or a device"
        raise TableError(f"{path}: is {kind}, not a {what}; save what it gives to a file")
    return about.st_size


def read_small(path: Path, most: int, what: str = "file") -> bytes:
    """The bytes of a file of at most `most` bytes.  `TableError` for a larger one."""
    size = regular(path, what)
    if size > most:
        raise TableError(f"{path}: {size} bytes are too many for a {what}: at most {most}")
    with named(path, what), open(path, "rb") as file:
        return file.read(most)


SYSTEM = (OSError, EOFError, MemoryError, RecursionError, OverflowError, zlib.error)


@contextmanager
def named(
    path: Path, what: str = "file", errors: tuple[type[Exception], ...] = BROKEN
) -> Iterator[None]:
    """What a damaged file makes a library raise, as a `TableError` that names the file."""
    try:
        yield
    except PrunelawError:
        raise
    except errors as cause:
        words = " ".join(str(cause).split())[:200] or type(cause).__name__
        if isinstance(cause, RecursionError):
            words = "nested too deeply"
        if isinstance(cause, MemoryError):
            words = "it does not fit into memory"
        raise TableError(f"{path}: {what} cannot be read: {words}") from cause


def check_growth(path: Path, unpacked: int, packed: int, largest: float = LARGEST) -> None:
    """`TableError` for a file that would unpack to too much."""
    if unpacked > largest or unpacked > max(HARMLESS, FACTOR * packed):
        raise TableError(
            f"{path}: {packed} bytes that unpack to {unpacked}: at most {largest:.4g} are "
            f"read, and above {HARMLESS} at most {FACTOR} times the file's size"
        )


def repeated(names: list[str]) -> str | None:
    """The first name that stands twice, in one pass."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def check_header(path: Path, names: list[str], where: str = "") -> None:
    """`TableError` for a column that stands twice, and for too many columns."""
    if len(names) > MOST_COLUMNS:
        raise TableError(f"{path}{where}: {len(names)} columns; at most {MOST_COLUMNS} are read")
    twice = repeated(names)
    if twice is not None:
        raise TableError(f"{path}{where}: column {twice[:80]!r} appears more than once")
