"""Roots of many functions at once, each inside its bracket, and the grids that bracket them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.numerics.arrays import broadcast
from prunelaw.numerics.gaussian import Array

ROUNDS = 60  # at most, of a bracketed root
EXACT = 1e-11  # width of a bracket in log f or log α at which a root counts as found


def bracketed_roots(
    function: Callable[[Int[np.ndarray, " k"], Float[np.ndarray, " k"]], Float[np.ndarray, " k"]],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    at_low: Float[np.ndarray, " n"],
    at_high: Float[np.ndarray, " n"],
    tolerance: float = EXACT,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Roots of n functions in brackets, and what is left there, by Chandrupatla's method.

    function(index, x) evaluates functions `index` at x; the values at the ends differ in sign.
    NaN values end a search at NaN.
    """
    a, b, fa, fb = high.copy(), low.copy(), at_high.copy(), at_low.copy()
    c, fc = a.copy(), fa.copy()
    share = np.full_like(a, 0.5)
    active = np.flatnonzero(fa * fb < 0.0)
    for _ in range(ROUNDS):
        if not active.size:
            break
        k = active
        x = a[k] + share[k] * (b[k] - a[k])
        fx = function(k, x)
        same = np.sign(fx) == np.sign(fa[k])
        c[k], fc[k] = np.where(same, a[k], b[k]), np.where(same, fa[k], fb[k])
        b[k], fb[k] = np.where(same, b[k], a[k]), np.where(same, fb[k], fa[k])
        a[k], fa[k] = x, fx
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.abs(b[k] - a[k])
            xi = (a[k] - b[k]) / (c[k] - b[k])
            phi = (fa[k] - fb[k]) / (fc[k] - fb[k])
            smooth = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            slope = (c[k] - a[k]) / (b[k] - a[k])
            step = fa[k] / (fb[k] - fa[k]) * fc[k] / (fb[k] - fc[k])
            step = step + slope * fa[k] / (fc[k] - fa[k]) * fb[k] / (fc[k] - fb[k])
        least = np.minimum(0.4 * tolerance / np.maximum(width, 1e-300), 0.5)
        share[k] = np.clip(np.where(smooth & np.isfinite(step), step, 0.5), least, 1 - least)
        active = k[(width > tolerance) & (fx != 0.0) & np.isfinite(fx)]
    best = np.abs(fa) <= np.abs(fb)
    root, left = np.where(best, a, b), np.where(best, fa, fb)
    lost = np.isnan(fa)
    return np.where(lost, np.nan, root), np.where(lost, np.nan, left)


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


def sign_changes(values: Array) -> tuple[Any, Any, Any]:
    """(row, column before, column after) of changes of sign, whatever zeros and NaN lie between."""
    rows, before, after = [], [], []
    for i, row in enumerate(values):
        sound = np.flatnonzero(np.isfinite(row) & (row != 0.0))
        change = np.flatnonzero(np.sign(row[sound[1:]]) != np.sign(row[sound[:-1]]))
        rows += [i] * len(change)
        before += sound[change].tolist()
        after += sound[change + 1].tolist()
    return np.array(rows, dtype=int), np.array(before, dtype=int), np.array(after, dtype=int)
