"""Sums over passes for the laws of utility decay: any number of passes, any rate of decay.

A pass more multiplies the error by exp(b_eff(k) · log of a ratio); the logs are summed here. Up to
2^17 passes they are added one by one (fewer where they have died out before), later ones go
through an integral with an Euler–Maclaurin correction: a million passes cost what a few do, with
no decay as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

_SUMMED = 2**17  # passes added one by one; later ones go through an integral
_DEAD = 46.0  # exp(−46) < 1e-19: a utility that weak changes no digit
_TABLE = 2**22  # entries of a table of running sums; beyond, one series after another
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def log_effective(
    passes: Float[np.ndarray, " n"], rate: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """log(n_eff/N) = log((1 − δ^K)/(1 − δ) + δ^K (passes − K)), K = ⌊passes⌋ ≥ 1, δ = e^−rate."""
    whole = np.floor(passes)
    return np.log(_geometric(rate, whole) + np.exp(-rate * whole) * (passes - whole))


def decayed_log(
    passes: Float[np.ndarray, " n"], rate: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Σ_{k=1}^{K−1} δ^k log(1 + 1/k) + δ^K log(passes/K), K = ⌊passes⌋ ≥ 1, δ = e^−rate."""
    whole = np.floor(passes)
    rates, series = np.unique(rate, return_inverse=True)
    sums = _sum_terms(
        lambda i, k: np.exp(-rates[i] * k) * np.log1p(1.0 / k), whole - 1.0, series, rates
    )
    return sums + np.exp(-rate * whole) * np.log1p((passes - whole) / whole)


def effective_mixture(
    passes: Float[np.ndarray, " n"],
    share: Float[np.ndarray, " pools"],
    b: Float[np.ndarray, " pools"],
    rate: Float[np.ndarray, " pools"],
) -> Float[np.ndarray, " n"]:
    """Σ_k b_eff(k) log(E_{k+1}/E_k) of `mixture_error`: 0 for the first pass, part of the last."""
    again = passes > 1.0
    whole = np.floor(passes[again])
    growth = np.zeros_like(passes)
    if whole.size:
        sums = _sum_terms(
            lambda _, k: _effective_term(share, b, rate, k, 1.0),
            whole - 1.0,
            np.zeros(whole.size, dtype=np.int64),
            rate.min(keepdims=True),
        )
        rest = _effective_term(share, b, rate, whole, passes[again] - whole)
        growth[again] = sums + rest
    return growth


def _effective_term(
    share: Float[np.ndarray, " pools"],
    b: Float[np.ndarray, " pools"],
    rate: Float[np.ndarray, " pools"],
    k: Float[np.ndarray, "..."],
    part: Any,
) -> Float[np.ndarray, "..."]:
    """b_eff(k) log(1 + part · m(k)/E_k), m(k) = Σ w_i δ_i^k.

    Decay is taken relative to the slowest pool, so that b_eff never becomes 0/0.
    """
    slowest = rate.min()
    each = rate.reshape(-1, *[1] * k.ndim)
    alive = np.exp(-(each - slowest) * k)
    mean = np.tensordot(share, alive, 1)
    step = mean * np.exp(-slowest * k) / np.tensordot(share, _geometric(each, k), 1)
    return np.tensordot(share * b, alive, 1) / mean * np.log1p(part * step)


def _sum_terms(
    term: Callable[[Any, Any], Any],
    last: Float[np.ndarray, " n"],
    series: Int[np.ndarray, " n"],
    rates: Float[np.ndarray, " m"],
) -> Float[np.ndarray, " n"]:
    """Σ_{k=1}^{last} term(series, k) for every entry; terms of series i die like exp(−rates[i] k).

    A running sum of each series serves all its entries; past 2^17 passes that are still alive,
    an integral.
    """
    slowest = float(rates.min())
    alive = _DEAD / slowest + 1.0 if slowest > 0.0 else np.inf
    top = int(min(last.max(), _SUMMED, alive))
    if rates.size > 1 and rates.size * top > _TABLE:
        return _one_series_at_a_time(term, last, series, rates)
    k = np.arange(1.0, top + 1.0)
    running = np.zeros((rates.size, top + 1))
    np.cumsum(term(np.arange(rates.size)[:, None], k[None, :]), axis=1, out=running[:, 1:])
    sums = running[series, np.minimum(last, top).astype(np.int64)]
    end = np.minimum(last, np.ceil(alive))
    beyond = end > top
    if beyond.any():
        which = series[beyond]
        sums[beyond] += _integrated(lambda t: term(which, t), float(top), end[beyond])
    return sums


def _one_series_at_a_time(
    term: Callable[[Any, Any], Any],
    last: Float[np.ndarray, " n"],
    series: Int[np.ndarray, " n"],
    rates: Float[np.ndarray, " m"],
) -> Float[np.ndarray, " n"]:
    sums = np.zeros_like(last)
    for i in range(rates.size):
        mine = series == i
        none = np.zeros(int(mine.sum()), dtype=np.int64)
        sums[mine] = _sum_terms(
            lambda j, k, i=i: term(i + j, k), last[mine], none, rates[i : i + 1]
        )
    return sums


def _integrated(
    term: Callable[[Any], Any], top: float, end: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Σ_{k=top+1}^{end} f(k) = ∫_{top+½}^{end+½} f dt − [f′]/24 + O(f‴), Gauss–Legendre in log t.

    The first term left out is 7/5760 [f‴]; with f < 1/k and k > 2^17 it is below 1e-20.
    """
    low, high = math.log(top + 0.5), np.log(end + 0.5)
    panels = math.ceil(high.max() - low) + 1
    width = (high - low) / panels
    place = (np.arange(panels)[:, None] + 0.5 + 0.5 * _NODES).ravel()
    t = np.exp(low + place[:, None] * width)
    weight = np.tile(0.5 * _WEIGHTS, panels)[:, None] * width * t
    area = (term(t) * weight).sum(axis=0)
    start = np.full_like(end, top)
    slope_top = term(start + 1.0) - term(start)
    slope_end = term(end + 1.0) - term(end)
    return area - (slope_end - slope_top) / 24.0


def decay_rate(tau: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """log 2 / τ, held away from overflow and from subnormal numbers."""
    rate = math.log(2.0) / np.maximum(tau, 1e-200)
    return np.where(rate < 1e-200, 0.0, rate)


def _geometric(
    rate: Float[np.ndarray, "..."], k: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Σ_{j<k} exp(−rate j) = (1 − δ^k)/(1 − δ), which is k when nothing decays."""
    safe = np.where(rate > 0.0, rate, 1.0)
    return np.where(rate > 0.0, np.expm1(-safe * k) / np.expm1(-safe), k)
