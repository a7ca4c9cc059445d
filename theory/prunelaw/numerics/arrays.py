"""Arrays of a batch: in their common shape, and held together in named tuples."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from prunelaw.errors import InputError

Columns = TypeVar("Columns", bound=tuple[Any, ...])


def broadcast(**arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """The arrays in their common shape; `InputError` with every shape if there is none."""
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError as cause:
        shapes = ", ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise InputError(f"arguments must broadcast to one shape: {shapes}") from cause


def taken(columns: Columns, index: Any) -> Columns:
    """The points `index` of a named tuple of arrays, and of those inside it."""
    kind: Any = type(columns)
    return kind(
        *(
            value[index] if isinstance(value, np.ndarray)
            else taken(value, index) if isinstance(value, tuple)
            else value
            for value in columns
        )
    )  # fmt: skip


def overwritten(columns: Columns, index: Any, other: Columns) -> None:
    """Write the points of `other` over the points `index` of a named tuple of arrays."""
    for mine, new in zip(columns, other, strict=True):
        if isinstance(mine, tuple):
            overwritten(mine, index, new)
        else:
            mine[index] = new
