"""Features, labels and probes from files, and files of the examples to keep."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from prunelaw.errors import InputError, TableError, spoken
from prunelaw_sim.common.guarded import check_growth, named, regular
from prunelaw_sim.common.new_file import write_new_file
from prunelaw_sim.readers.table import read_cells

FEATURES = ("features", "X", "x", "inputs", "embeddings", "data", "arr_0")
LABELS = ("labels", "label", "y", "targets", "target", "class")
MOST = 2**36  # bytes of an array that is not memory-mapped, unpacked
KEPT = (".npy", ".csv", ".jsonl")
Array = np.ndarray


def read_features(path: str | Path, labels: str | None = None) -> tuple[Array, Array | None]:
    """Features, and labels if they are in the same file.

        X.npy        an array n × d, memory-mapped
        X.npz        arrays `features` (or X, inputs, ...) and, if there, `labels` (or y, ...)
        X.parquet, X.csv, ...   all columns of numbers; `labels` names the column of labels

    Inputs of more than two axes are flattened.  Nothing is unpickled.

    Args:
        labels: which array or column holds the labels.

    Raises:
        TableError: naming the file, and the row and column of a cell that is no number.
    """
    path = Path(path)
    size = regular(path, "file of features")
    with open(path, "rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY":
        return _flat(_array(path), path), None
    if start[:4] == b"PK\x03\x04":
        return _archive(path, size, labels)
    return _columns(path, start, labels)


def read_labels(path: str | Path) -> Array:
    """Labels from a .npy array or from a file with one column (a header is taken for one)."""
    path = Path(path)
    regular(path, "file of labels")
    with open(path, "rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY":
        return np.asarray(_array(path)).reshape(-1)
    if start[:4] == b"PK\x03\x04":
        raise TableError(f"{path}: is an archive; save the labels alone as .npy or .csv")
    cells = read_cells(path)
    if len(cells.columns) == 1:
        first = str(cells.columns[0])
        values = cells.iloc[:, 0].tolist()
        is_value = first not in LABELS and (_is_number(first) or first in set(values))
        return np.array([first, *values] if is_value else values)
    found = [name for name in LABELS if name in cells]
    if len(found) != 1:
        raise TableError(
            f"{path}: which column holds the labels? Leave one column, or call it label; there are "
            f"{', '.join(map(str, cells.columns))}"
        )
    return np.array(cells[found[0]].tolist())


def read_vector(path: str | Path, what: str = "probe") -> Float[Array, " d"]:
    """A probe's weights: a .npy array, or numbers in a text file, one a line or with commas."""
    path = Path(path)
    regular(path, what)
    with open(path, "rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY":
        return np.asarray(_array(path), dtype=np.float64).reshape(-1)
    with named(path, what):
        text = path.read_text(encoding="utf-8-sig")
    words = text.replace(",", " ").split()
    try:
        return np.array([float(word) for word in words])
    except ValueError as cause:
        raise TableError(f"{path}: {what} must be numbers: {cause}") from cause


def check_kept_file(name: str, path: str | Path | None) -> None:
    """`InputError` for a name that `write_kept` would not take."""
    if path is not None and Path(path).suffix not in KEPT:
        raise InputError(f"{name} must end in one of {', '.join(KEPT)}, got {path}")


def write_kept(
    path: str | Path, rows: Int[Array, " kept"], said: dict[str, Any], name: str = "path"
) -> None:
    """The rows to keep, counted from 0, in a new file: .npy, .csv or .jsonl.

    What was asked (`said`) is in a comment line of the .csv, in the first object of the .jsonl, and
    beside a .npy in FILE.json.
    """
    path = Path(path)
    check_kept_file(name, path)
    told = json.dumps(said)
    if path.suffix == ".npy":
        stream = io.BytesIO()
        np.save(stream, rows.astype(np.int64))
        write_new_file(name, path.with_name(path.name + ".json"), told + "\n")
        write_new_file(name, path, stream.getvalue())
    elif path.suffix == ".csv":
        write_new_file(name, path, f"# {told}\nrow\n" + "".join(f"{row}\n" for row in rows))
    else:
        lines = "".join(f'{{"row": {row}}}\n' for row in rows)
        write_new_file(name, path, f'{{"about": {told}}}\n{lines}')


def _array(path: Path) -> Array:
    with named(path, "array"):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _flat(array: Array, path: Path) -> Array:
    if array.ndim < 2 or array.dtype.kind not in "fiu":
        raise TableError(
            f"{path}: features must be numbers, n rows of d, got {array.dtype} of shape "
            f"{array.shape}"
        )
    return array.reshape(len(array), -1)


def _archive(path: Path, size: int, labels: str | None) -> tuple[Array, Array | None]:
    with named(path, "file of features"):
        with zipfile.ZipFile(path) as archive:
            check_growth(path, sum(one.file_size for one in archive.infolist()), size, MOST)
        with np.load(path, allow_pickle=False) as held:
            names = held.files
            features = next((name for name in FEATURES if name in names), None)
            wanted = (labels,) if labels else LABELS
            label = next((name for name in wanted if name in names), None)
            if features is None:
                raise TableError(
                    f"{path}: no array called {', '.join(FEATURES)}; there are {', '.join(names)}"
                )
            if labels and label is None:
                raise TableError(f"{path}: no array {labels!r}; there are {', '.join(names)}")
            x = _flat(held[features], path)
            return x, None if label is None else held[label].reshape(-1)


def _columns(path: Path, start: bytes, labels: str | None) -> tuple[Array, Array | None]:
    if start[:4] == b"PAR1":
        with named(path, "Parquet file"):
            cells = pd.read_parquet(path)
    else:
        cells = read_cells(path)
    label = labels or next((name for name in LABELS if name in cells), None)
    if label is not None and label not in cells:
        raise TableError(
            f"{path}: no column {label!r} of labels; present: {', '.join(map(str, cells.columns))}"
        )
    y = None if label is None else np.array(cells[label].tolist())
    numbers = cells.drop(columns=[label] if label else [])
    columns = []
    for name in numbers:
        values = np.asarray(pd.to_numeric(numbers[name], errors="coerce"), dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            option = spoken("labels=", "--labels")
            raise TableError(
                f"{path}, line {numbers.index[bad[0]]}, column {str(name)!r}: features must be "
                f"numbers, got {numbers[name].iloc[bad[0]]!r}; a column of labels is named by "
                f"{option}"
            )
        columns.append(values)
    if not columns:
        raise TableError(f"{path}: has no column of numbers beside the labels")
    return np.column_stack(columns), y


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
