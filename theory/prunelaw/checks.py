"""Argument checks whose messages name the argument, the value got and the allowed range."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.errors import InputError


def describe_range(low: float, high: float, low_open: bool = False, high_open: bool = False) -> str:
    """`(0, 1]` and the like."""
    left = "(" if low_open or low == -np.inf else "["
    right = ")" if high_open or high == np.inf else "]"
    return f"{left}{low:g}, {high:g}{right}"


def check_real(
    name: str,
    value: Any,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> Float[np.ndarray, "..."]:
    """`value` as a float64 array, all finite and inside the range; `InputError` otherwise."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as cause:
        raise InputError(
            f"{name} must be a real number or an array of them, got {value!r}"
        ) from cause
    above = array > low if low_open else array >= low
    below = array < high if high_open else array <= high
    bad = ~(np.isfinite(array) & above & below)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f" at index {', '.join(map(str, index))}" if index else ""
        allowed = describe_range(low, high, low_open, high_open)
        raise InputError(f"{name} must be finite and in {allowed}, got {array[index]!s}{where}")
    return array


def check_number(
    name: str, value: Any, low: float = -np.inf, high: float = np.inf, **ends: bool
) -> float:
    """`value` as one float inside the range; `InputError` otherwise."""
    number = check_real(name, value, low, high, **ends)
    if number.ndim:
        raise InputError(f"{name} must be one number, got an array: {value!r}")
    return float(number)


def hold_number(
    holder: Any, name: str, low: float, high: float = np.inf, infinite: bool = False, **ends: bool
) -> None:
    """Check one field of a frozen dataclass and keep it as a Python float; inf if `infinite`."""
    if infinite and isinstance(getattr(holder, name), float) and getattr(holder, name) == np.inf:
        return
    object.__setattr__(holder, name, check_number(name, getattr(holder, name), low, high, **ends))


def check_finite(what: str, value: Any) -> Float[np.ndarray, "..."]:
    """`value` as an array if it is finite; `InputError` that says of what otherwise."""
    if not np.isfinite(value).all():
        raise InputError(f"{what} give a value beyond the range of floats (1e308)")
    return np.asarray(value)


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int inside [low, high]; `InputError` otherwise."""
    allowed = f"an integer of at least {low}" if high is None else f"an integer in [{low}, {high}]"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError(f"{name} must be {allowed}, got {value!r}")
    if value < low or (high is not None and value > high):
        raise InputError(f"{name} must be {allowed}, got {value}")
    return int(value)


def check_choice(name: str, value: Any, options: Collection[str]) -> str:
    """`value` if it is one of the options; `InputError` that lists them otherwise."""
    if value not in options:
        raise InputError(f"{name} must be one of {', '.join(options)}; got {value!r}")
    return value
