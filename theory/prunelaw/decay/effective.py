"""Mixtures under the effective-data law: a sum over passes that has no closed form.

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
from jaxtyping import Float

from prunelaw.decay.passes import geometric
from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array

_SUMMED = 2**17  # passes added one by one; later ones go through an integral
_ENDS = 2**22  # ends of passes, times pools, that are gone through one by one
_DEAD = 46.0  # exp(−46) < 1e-19: a utility that weak changes no digit
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)

Points = Float[np.ndarray, " n"]
Pools = Float[np.ndarray, " pools"]
Ends = Float[np.ndarray, " ends"]


def effective_mixture(passes: Points, share: Pools, b: Pools, rate: Pools) -> Points:
    """Σ_k b_eff(k) log(E_{k+1}/E_k) of `mixture_error`: 0 for the first pass, part of the last."""
    again = passes > 1.0
    whole = np.floor(passes[again])
    growth = np.zeros_like(passes)
    if whole.size:
        sums = _sum_terms(
            lambda k: _effective_term(share, b, rate, k, 1.0), whole - 1.0, float(rate.min())
        )
        rest = _effective_term(share, b, rate, whole, passes[again] - whole)
        growth[again] = sums + rest
    return growth


def effective_draws(seen: Points, size: Pools, share: Pools, b: Pools, rate: Pools) -> Points:
    """∫ Σ w_i b_i δ_i^⌊k_i⌋/E dn from the first end of a pass on, k_i = w_i n/N_i; 0 before it.

    Between ends of passes E grows by Σ w_i δ_i^⌊k_i⌋ a sample, and the integral is a logarithm.
    """
    marks, counts = _pass_ends(seen.max(), size / share, rate)
    alive = np.exp(-rate * counts)
    useful, mean = alive @ (share * b), alive @ share
    effective = np.cumsum(np.concatenate([marks[:1], mean[:-1] * np.diff(marks)]))
    # The integral from each end of a pass to the next.
    length, at_end = np.diff(marks), effective[:-1]
    parts = useful[:-1] * length / at_end * _log_ratio(mean[:-1] * length / at_end)
    whole = np.concatenate([[0.0], np.cumsum(parts)])
    at = np.searchsorted(marks, seen, side="right") - 1
    after, at = at >= 0, np.maximum(at, 0)
    part = np.where(after, seen - marks[at], 0.0)
    step = mean[at] * part / effective[at]
    return np.where(after, whole[at], 0.0) + useful[at] * part / effective[at] * _log_ratio(step)


def _log_ratio(x: Array) -> Array:
    """log(1 + x)/x, which is 1 at 0."""
    return np.where(x > 0.0, np.log1p(x) / np.where(x > 0.0, x, 1.0), 1.0)


def _pass_ends(
    last: float, ends: Pools, rate: Pools
) -> tuple[Ends, Float[np.ndarray, "ends pools"]]:
    """Samples at which a pass of some pool ends, up to `last`, and the passes made from there on.

    A pool whose repeats have died out needs no more of them.
    """
    alive = np.divide(_DEAD, rate, out=np.full_like(rate, np.inf), where=rate > 0.0)
    number = np.maximum(np.minimum(np.ceil(alive) + 1.0, np.floor(last / ends)), 1.0)
    if number.sum() * number.size > _ENDS:
        raise InputError(
            f"weights: {number.sum():.3g} ends of passes lie within samples_seen {last:.3g}, too "
            "many for the effective_data convention with weights; leave weights out, or see less"
        )
    marks = np.concatenate(
        [end * np.arange(1.0, k + 1.0) for end, k in zip(ends, number, strict=True)]
    )
    pool = np.repeat(np.arange(ends.size), number.astype(np.int64))
    order = np.argsort(marks, kind="stable")
    passed = pool[order, None] == np.arange(ends.size)
    return marks[order], np.cumsum(passed, axis=0, dtype=np.float64)


def _effective_term(share: Pools, b: Pools, rate: Pools, k: Array, part: Any) -> Array:
    """b_eff(k) log(1 + part · m(k)/E_k), m(k) = Σ w_i δ_i^k.

    Decay is taken relative to the slowest pool, so that b_eff never becomes 0/0.
    """
    slowest = rate.min()
    each = rate.reshape(-1, *[1] * k.ndim)
    alive = np.exp(-(each - slowest) * k)
    mean = np.tensordot(share, alive, 1)
    step = mean * np.exp(-slowest * k) / np.tensordot(share, geometric(each, k), 1)
    return np.tensordot(share * b, alive, 1) / mean * np.log1p(part * step)


def _sum_terms(term: Callable[[Any], Any], last: Points, slowest: float) -> Points:
    """Σ_{k=1}^{last} term(k) for every entry; the terms die like exp(−slowest k)."""
    alive = _DEAD / slowest + 1.0 if slowest > 0.0 else np.inf
    top = int(min(last.max(), _SUMMED, alive))
    running = np.concatenate([[0.0], np.cumsum(term(np.arange(1.0, top + 1.0)))])
    sums = running[np.minimum(last, top).astype(np.int64)]
    end = np.minimum(last, np.ceil(alive))
    beyond = end > top
    if beyond.any():
        sums[beyond] += _integrated(term, float(top), end[beyond])
    return sums


def _integrated(term: Callable[[Any], Any], top: float, end: Points) -> Points:
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
