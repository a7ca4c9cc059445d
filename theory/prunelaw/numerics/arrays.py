"""Arrays of a batch in their common shape."""

from __future__ import annotations

import numpy as np

from prunelaw.errors import InputError


def broadcast(**arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """The arrays in their common shape; `InputError` with every shape if there is none."""
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError as cause:
        shapes = ", ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise InputError(f"arguments must broadcast to one shape: {shapes}") from cause
