"""What readers need of files: bounded looks, safe text, and a sentence for what is not read.

Nothing is ever unpickled, no archive is unpacked, and a `.gz` may grow so far and no further.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from prunelaw.errors import TableError
from prunelaw_sim.common.guarded import FACTOR, HARMLESS, regular, repeated
from prunelaw_sim.readers._dialect import dialect_of, lines_of

SNIFF = 65536  # bytes that decide on a format
LONGEST_LINE = 4_000_000  # characters; the widest charts of exported logs have some 100,000
LARGEST_JSON = 256_000_000  # bytes of a JSON file that is not read line by line
MOST_FILES = 20_000
GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PICKLE = "a pickle, which runs code when it is opened; save the numbers as CSV, JSONL or Parquet"
_OLD_PICKLE = re.compile(rb"\([dlt]p\d+\n|c[\w.]+\n\w+\n(p\d+\n|\(|q)")  # protocol 0
_REFUSED = (
    (b"\x93NUMPY", "a NumPy array, which has no column names (and may hold a pickle); save as CSV"),
    (b"BZh", "compressed with bzip2; unpack it, or use .gz"),
    (b"\xfd7zXZ", "compressed with xz; unpack it, or use .gz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it, or use .gz"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"\x89HDF", "an HDF5 file; save the table as CSV or Parquet"),
    (b"SQLite format 3", "a database; export the runs (`prunelaw sweep export` for a store)"),
)


def head(path: Path) -> bytes:
    """The first bytes, unpacked if the file is a .gz; empty for what is no readable file."""
    try:
        regular(path)
        with open(path, "rb") as file:
            start = file.read(SNIFF)
        if start.startswith(GZIP):
            with gzip.open(path) as file:
                return file.read(SNIFF)
    except (OSError, EOFError, zlib.error, TableError):
        return b""
    return start


def head_text(path: Path) -> str:
    """The first characters, leniently decoded: this only recognises a format."""
    data = head(path)
    return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig", errors="replace")


def header(path: Path) -> list[str]:
    """The cells of the header line, leniently; an empty list where it is no table."""
    text = head_text(path)
    dialect = dialect_of(text)
    first = lines_of(text)[dialect.above : dialect.above + 1]
    try:
        names = next(csv.reader(map(dialect.header, first), delimiter=dialect.delimiter), [])
    except csv.Error:
        return []
    return [cell.strip() for cell in names]


def refuse_unreadable(path: Path) -> None:
    """`TableError` for pickles, archives and other binary files, by content and not by name."""
    data = head(path)
    kind = _kind(path, data)
    if kind:
        raise TableError(f"{path}: this is {kind}")


def _kind(path: Path, data: bytes) -> str:
    if data.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    for magic, words in _REFUSED:
        if data.startswith(magic):
            return words
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _PICKLE
    return _PICKLE if _OLD_PICKLE.match(data) else ""


def _zip_kind(path: Path) -> str:
    """What an archive is, by the names in it; nothing is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return "a broken zip archive"
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook; save the sheet as CSV"
    if any(name.endswith((".pkl", ".npy")) for name in names):
        return _PICKLE
    return "a zip archive, which is not unpacked here; unpack it and name a file of it"


def text_lines(path: Path, longest: int | None = None) -> Iterator[str]:
    """The lines of a UTF-8 (or, with a byte-order mark, UTF-16) file, one at a time.

    `TableError` names the line of the first byte that is not of the encoding, a line that never
    ends, a NUL byte, and a .gz that is broken or grows too much.
    """
    start, longest = head(path), longest or LONGEST_LINE
    encoding = "utf-16" if start.startswith(_UTF16) else "utf-8-sig"
    number = 0
    try:
        with io.TextIOWrapper(cast(BinaryIO, _unpacked(path)), encoding, newline="") as text:
            while line := text.readline(longest):
                number += 1
                if len(line) == longest:
                    raise TableError(f"{path}, line {number}: longer than {longest:g} letters")
                if "\0" in line:
                    raise TableError(
                        f"{path}, line {number}: a NUL byte: not text in UTF-8 (UTF-16 needs its "
                        "byte-order mark); save it as UTF-8"
                    )
                yield line
    except UnicodeError:
        raise _misplaced(path, encoding) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as cause:
        raise TableError(f"{path}, after line {number}: the .gz is broken ({cause})") from cause
    except OSError as cause:
        raise TableError(f"{path}: cannot be read: {cause.strerror or cause}") from cause


def _misplaced(path: Path, encoding: str) -> TableError:
    """Where the encoding ends: decodes again in pieces, counting line ends."""
    decoder = codecs.getincrementaldecoder("utf-8" if encoding == "utf-8-sig" else encoding)()
    line = 1
    with cast(BinaryIO, _unpacked(path)) as file:
        while True:
            piece = file.read(SNIFF)
            try:
                line += decoder.decode(piece, final=not piece).count("\n")
            except UnicodeDecodeError as cause:
                before = cause.object[: cause.start].decode(cause.encoding, errors="replace")
                byte = cause.object[cause.start]
                name = "UTF-8" if encoding == "utf-8-sig" else "UTF-16"
                return TableError(
                    f"{path}, line {line + before.count(chr(10))}: byte 0x{byte:02x} is not "
                    f"{name}; save it as UTF-8"
                )
            if not piece:
                return TableError(f"{path}: is not {encoding}; save it as UTF-8")


def _unpacked(path: Path) -> Any:
    file = open(path, "rb")  # noqa: SIM115 (closed by the text stream around it)
    if file.read(2) != GZIP:
        file.seek(0)
        return file
    file.close()
    return io.BufferedReader(_Limited(path))


class _Limited(io.RawIOBase):
    """A .gz that may grow so far and no further."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, gzip.open(path)  # noqa: SIM115
        self.size, self.left = path.stat().st_size, max(HARMLESS, FACTOR * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self.file.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise TableError(
                f"{self.path}: unpacks to more than {FACTOR} times its {self.size} bytes; "
                "if it is what it should be, unpack it yourself"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.file.close()
        super().close()


def parse_json(text: str, path: Path, line: int | None = None) -> Any:
    """JSON; `TableError` names the line: where it ends early, a key twice, nested without end."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as cause:
        rest = text[cause.pos :].strip()
        early = (cause.pos > 0 and len(rest) < 20 and "}" not in rest) or cause.msg.startswith(
            "Unterminated"
        )
        words = "JSON ends early: is the file truncated?" if early else f"not JSON: {cause.msg}"
        at = line if line is not None else cause.lineno
        raise TableError(f"{path}, line {at}, character {cause.colno}: {words}") from cause
    except (ValueError, RecursionError) as cause:
        at = f", line {line}" if line is not None else ""
        words = "nested too deeply" if isinstance(cause, RecursionError) else str(cause)
        raise TableError(f"{path}{at}: {words}") from cause


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = repeated([name for name, _ in pairs])
        raise ValueError(f"the key {twice!r:.100} appears twice in one object")
    return found


def read_json(path: Path) -> Any:
    """A JSON file as a whole, up to `LARGEST_JSON` bytes."""
    if path.stat().st_size > LARGEST_JSON:
        raise TableError(f"{path}: larger than {LARGEST_JSON:g} bytes, too large for one object")
    return parse_json("".join(text_lines(path, LARGEST_JSON)), path)


def flat(value: dict[str, Any]) -> dict[str, Any]:
    """{"config": {"lr": 1}} → {"config.lr": 1}; lists stay what they are, and are no numbers."""
    found: dict[str, Any] = {}
    left = list(reversed(value.items()))
    while left:  # a stack, not recursion: files may nest deeper than Python calls
        name, inner = left.pop()
        if isinstance(inner, dict):
            left += [(f"{name}.{key}", item) for key, item in reversed(inner.items())]
        else:
            found[name] = inner
    return found


def files_in(path: Path, mine: Callable[[Path], bool]) -> list[Path]:
    """The file itself, or all files of a folder and its folders, for which `mine` is true."""
    if path.is_file():
        return [path] if mine(path) else []
    found = []
    for i, file in enumerate(sorted(path.rglob("*"))):
        if i >= MOST_FILES:
            raise TableError(f"{path}: more than {MOST_FILES} files; name a folder inside")
        if file.is_file() and mine(file):
            found.append(file)
    return found


def run_name(file: Path, root: Path) -> str:
    """A run is called after its folder: as seen from `root`, or by its own name for one file."""
    folder = file.resolve().parent
    inside = folder.relative_to(root.resolve()).as_posix() if root.is_dir() else "."
    return folder.name if inside == "." else inside


def place(file: Path, root: Path, what: str) -> str:
    """How messages call a row of one of several files: `run1/metrics.csv line 7`."""
    return f"{file.relative_to(root).as_posix()} {what}" if root.is_dir() else what
