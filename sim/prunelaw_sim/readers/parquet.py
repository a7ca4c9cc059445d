"""Parquet, by pyarrow (`pip install "prunelaw[parquet]"`); rows are counted from 1."""

import math
from pathlib import Path
from typing import Any

from prunelaw.errors import InputError
from prunelaw_sim.common.guarded import BROKEN, check_growth, check_header, named
from prunelaw_sim.readers._cells import PIECE, Cells, Wanted
from prunelaw_sim.readers._files import head
from prunelaw_sim.tables.assemble import FileRows


def claims(path: Path) -> str:
    """A file that begins with Parquet's four letters."""
    return "the file begins with PAR1" if path.is_file() and head(path)[:4] == b"PAR1" else ""


def read(path: Path, *, wanted: Wanted | None = None) -> FileRows:
    """A table of numbers and texts, in pieces; columns of no use are not read.

    Raises:
        TableError: for a broken or truncated file, or one that would unpack to more than 100 times
            its size.
        InputError: if pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as cause:
        raise InputError(
            f"{path}: Parquet needs pyarrow: pip install 'prunelaw[parquet]'"
        ) from cause
    cells = Cells(wanted or Wanted())
    with named(path, "Parquet file", (*BROKEN, ArrowException)), ParquetFile(path) as file:
        _refuse_bomb(path, file.metadata)
        names = [str(name) for name in file.schema_arrow.names]
        check_header(path, names)
        kept = [names[i] for i in cells.start(names)]
        row = 0
        for piece in file.iter_batches(PIECE, columns=kept):
            columns = [piece.column(name).to_pylist() for name in kept]
            for values in zip(*columns, strict=True):
                row += 1
                cells.add_values(row, values)
    return FileRows(cells.frame(), row="row", header=tuple(cells.header))


def _refuse_bomb(path: Path, metadata: Any) -> None:
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    stated = sum(group.total_byte_size for group in groups)
    # Repeated values take no room in the file: a row is counted as a number in every column.
    cells = 8 * metadata.num_rows * max(metadata.num_columns, 1)
    check_growth(path, max(stated, cells), path.stat().st_size, math.inf)
