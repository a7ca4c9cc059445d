"""Roots of many functions at once, each inside its bracket, and the grids that bracket them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import root_scalar
from scipy.optimize.elementwise import find_root

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.numerics.arrays import broadcast
from prunelaw.numerics.gaussian import Array

ROUNDS = 60  # at most, of a bracketed root
EXACT = 1e-11  # width of a bracket in log f or log α at which a root counts as found
Function = Callable[[Int[np.ndarray, " k"], Float[np.ndarray, " k"]], Float[np.ndarray, " k"]]


def bracketed_roots(
    function: Function,
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    tolerance: float = EXACT,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Roots of n functions in brackets, and what is left there, by Chandrupatla's method.

    function(index, x) evaluates functions `index` at x. Where the values at the ends do not differ
    in sign, or one on the way is NaN, the root is NaN.
    """
    found = find_root(
        lambda x, index: function(index, x), (low, high), args=(np.arange(len(low)),),
        tolerances={"xatol": tolerance, "xrtol": 0.0}, maxiter=ROUNDS,
    )  # fmt: skip
    return found.x, found.f_x


def one_root(function: Callable[..., float], low: float, high: float, *args: float) -> float:
    """The root between two arguments of opposite sign, to rounding."""
    ends: Any = (low, high)
    return float(root_scalar(function, args, "brentq", ends, xtol=1e-16, rtol=1e-15).root)


def scanned_roots(
    function: Function, places: Array, values: Array, tolerance: float = EXACT
) -> tuple[Int[np.ndarray, " m"], Array, Array, Bool[np.ndarray, " m"]]:
    """Roots of n functions, one in each change of sign of a scan.

    Args:
        function: as in `bracketed_roots`.
        places: of the scan, ascending, shape (n, k).
        values: there; zeros and NaN are passed over.
        tolerance: width of a bracket at which a root counts as found.

    Returns:
        Which function, its root, what is left there, and whether it rises; ascending.
    """
    rows, before, after = [], [], []
    for i, row in enumerate(values):
        sound = np.flatnonzero(np.isfinite(row) & (row != 0.0))
        change = np.flatnonzero(np.sign(row[sound[1:]]) != np.sign(row[sound[:-1]]))
        rows += [i] * len(change)
        before += sound[change].tolist()
        after += sound[change + 1].tolist()
    row, low, high = (np.array(index, dtype=int) for index in (rows, before, after))
    root, left = bracketed_roots(
        lambda k, x: function(row[k], x), places[row, low], places[row, high], tolerance
    )
    return row, root, left, values[row, high] > 0.0


def log_grid(name: str, bounds: Any, highest: float, count: int) -> Float[np.ndarray, " count"]:
    """Logarithms of a grid between two bounds."""
    pair = check_real(name, bounds, 0.0, highest, low_open=True)
    if pair.shape != (2,) or not pair[0] < pair[1]:
        raise InputError(f"{name} must be two ascending numbers, got {bounds!r}")
    return np.linspace(np.log(pair[0]), np.log(pair[1]), count)


def common(**arrays: Any) -> tuple[tuple[int, ...], list[Array]]:
    """The common shape, and the arrays in it, flat."""
    full = broadcast(**{name: np.asarray(array) for name, array in arrays.items()})
    return full[0].shape, [np.array(array, dtype=float).ravel() for array in full]
