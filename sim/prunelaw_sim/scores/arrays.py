"""Scores in binary files: .npy, .npz and Parquet, without unpickling and without zip bombs.

Everything is decided from headers before data are read: an array of Python objects is refused, an
array must be as long as its file says, and a compressed file may unpack so far (`common.guarded`).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from prunelaw.errors import TableError
from prunelaw_sim.common.guarded import BROKEN, check_growth

PLAIN_ARRAY = "score"  # the column's name in a file that holds no names
UID = np.dtype("U32")
UIDS = "uid"  # the same, where it holds names of examples


class ScoreTable(NamedTuple):
    """Columns of equal length, of texts or of numbers; `places` names rows, else by index."""

    columns: dict[str, Any]
    provenance: dict[str, str]
    places: Sequence[str] | None = None

    def place(self, position: int) -> str:
        return self.places[position] if self.places else f"index {position}"


def read_arrays(file: Path) -> ScoreTable | None:
    """The table of a binary file, recognised by its first bytes; None for what may be text.

    Raises:
        TableError: for pickles, compressed files of other kinds, broken or outsized ones.
    """
    with open(file, "rb") as stream:
        start = stream.read(6)
        stream.seek(0)
        if start == b"\x93NUMPY":
            array = _array(str(file), stream, file.stat().st_size)
            if array.dtype.names and array.ndim == 1:
                return ScoreTable({name: array[name] for name in array.dtype.names}, {})
            return ScoreTable({UIDS if array.dtype == UID else PLAIN_ARRAY: array}, {})
        if start.startswith(b"PK"):
            return _read_zip(file, stream)
        if start.startswith(b"PAR1"):
            return _read_parquet(file)
    if start[:1] == b"\x80":
        raise TableError(f"{file}: a pickle could run any code and is never read; save as .npy")
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise TableError(f"{file}: compressed; unpack it first")
    return None


def _array(name: str, stream: io.BufferedIOBase, size: int) -> np.ndarray:
    """One row of numbers or texts from a stream of `size` bytes in NumPy's format."""
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, is_fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    except BROKEN as cause:
        raise TableError(f"{name}: no array in NumPy's format: {cause}") from cause
    if dtype.hasobject:
        raise TableError(f"{name}: an array of Python objects is a pickle, which is never read")
    if len(shape) > 2 or 0 in shape or not dtype.itemsize:
        raise TableError(
            f"{name}: must be one row of numbers, or one a seed, got {dtype} of shape {shape}"
        )
    length = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if length != size - stream.tell():
        raise TableError(
            f"{name}: the header promises {length} bytes of data, the file has "
            f"{size - stream.tell()}"
        )
    order = "F" if is_fortran and len(shape) > 1 else "C"
    return _uids(np.frombuffer(stream.read(length), dtype=dtype).reshape(shape, order=order))


def _uids(array: np.ndarray) -> np.ndarray:
    """Pairs of 64-bit numbers, as DataComp keeps uids, as their 32 hexadecimal digits."""
    kinds = [array.dtype[name] for name in array.dtype.names or ()]
    if len(kinds) != 2 or any(kind.kind != "u" or kind.itemsize != 8 for kind in kinds):
        return array
    first, second = (array[name].ravel().tolist() for name in array.dtype.names or ())
    texts = [f"{a:016x}{b:016x}" for a, b in zip(first, second, strict=True)]
    return np.array(texts, dtype=UID)


def _read_zip(file: Path, stream: io.BufferedIOBase) -> ScoreTable:
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_members(file, members)
            arrays = {
                member.filename.removesuffix(".npy"): _array(
                    f"{file}, array {member.filename}",
                    io.BytesIO(archive.read(member)),
                    member.file_size,
                )
                for member in members
            }
    except TableError:
        raise
    except BROKEN as cause:
        raise TableError(f"{file}: a broken or encrypted zip file: {cause}") from cause
    provenance = _provenance(file, arrays.pop("provenance", None))
    columns = {name: array for name, array in arrays.items() if array.ndim in (1, 2)}
    lines = {name: array for name, array in columns.items() if array.ndim == 1}
    if len({len(array) for array in lines.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in lines.items())
        raise TableError(f"{file}: arrays differ in length: {lengths}")
    if not columns:
        raise TableError(f"{file}: holds no array of one row")
    return ScoreTable(columns, provenance)


def _check_members(file: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    for member in members:
        if not member.filename.endswith(".npy"):
            raise TableError(
                f"{file}: holds {member.filename!r}: a zip of anything but .npy arrays is not read "
                "(pickles never)"
            )
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise TableError(f"{file}: {member.filename} is compressed as NumPy never does")
    unpacked = sum(member.file_size for member in members)
    check_growth(file, unpacked, file.stat().st_size)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; `ValueError` for a key with two values: none of them is the file's."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            raise ValueError(f"{key} is {found[key]!r} and {value!r}")
    return found


def _provenance(file: Path, array: np.ndarray | None) -> dict[str, str]:
    """The JSON object in the array `provenance`, if there is one."""
    if array is None:
        return {}
    try:
        found = json.loads(str(array.reshape(())), object_pairs_hook=once)
        return {str(key): str(value) for key, value in found.items()}
    except (ValueError, AttributeError, RecursionError) as cause:
        raise TableError(f"{file}: array provenance must be the text of a JSON object") from cause


def _read_parquet(file: Path) -> ScoreTable:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as cause:
        raise TableError(f"{file}: Parquet files need pyarrow: pip install pyarrow") from cause
    try:
        about, packed = parquet.read_metadata(file), file.stat().st_size
        groups = [about.row_group(i).total_byte_size for i in range(about.num_row_groups)]
        # Repeated values take no room in the file: numbers are counted by their rows, and texts,
        # which are read as references to the distinct ones, by their rows and the longest.
        check_growth(file, max(sum(groups), 8 * about.num_rows * about.num_columns), packed)
        texts = [
            field.name for field in parquet.read_schema(file) if field.type == pyarrow.string()
        ]
        table = parquet.read_table(file, read_dictionary=texts)
        for name in texts:
            check_growth(file, about.num_rows * _longest(table[name]), packed)
    except (pyarrow.ArrowException, OSError) as cause:
        raise TableError(f"{file}: no Parquet file that can be read: {cause}") from cause
    said = {
        key.decode(): value.decode("utf-8", "replace")
        for key, value in (table.schema.metadata or {}).items()
        if key not in (b"pandas", b"ARROW:schema")
    }
    return ScoreTable({name: table[name].to_pylist() for name in table.column_names}, said)


def _longest(column: Any) -> int:
    """Length of the longest distinct text of a column of references."""
    return max((len(t or "") for c in column.chunks for t in c.dictionary.to_pylist()), default=0)
