"""Arguments that several experiments check alike: one number, a seed."""

from __future__ import annotations

from typing import Any

from prunelaw.checks import check_integer, check_real
from prunelaw.errors import InputError


def one_number(name: str, value: Any, *bounds: float, **open_ends: bool) -> float:
    """One number inside its range (see `check_real`), as a float; `InputError` otherwise."""
    array = check_real(name, value, *bounds, **open_ends)
    if array.ndim:
        raise InputError(f"{name} must be one number for a simulation, got shape {array.shape}")
    return float(array)


def check_seed(seed: Any) -> int:
    """An integer below 2^53, which a table of float64 holds exactly; `InputError` otherwise."""
    return check_integer("seed", seed, 0, 2**53 - 1)
