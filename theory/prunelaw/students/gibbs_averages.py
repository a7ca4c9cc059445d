"""Averages over the kept examples that the equations of `prunelaw.students.gibbs` are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr

from prunelaw.numerics.gaussian import SQRT_2PI, Array, gauss_legendre, normal_pdf

# exp(−REACH²/2) = 1e−18 relative to the largest value of an integrand: beyond, nothing counts.
REACH_SQUARED = 82.0
# Cuts around each place where the integrand changes, in units of its scale there.
CUTS = np.array([-9.0, -6.0, -3.5, -1.5, 0.0, 1.5, 3.5, 6.0, 9.0])
# u < 0: log Φ turns algebraic; geometric cuts reach the scale B of the distribution of u.
TAIL_CUTS = -9.0 * 4.0 ** np.arange(1, 9)
TAIL_START = -3.0  # below, r(u) + u comes from its continued fraction
TAIL_TERMS = 48


class Resolution(NamedTuple):
    """Gauss-Legendre nodes per panel in u, and in t."""

    outer: int
    inner: int


class Windows(NamedTuple):
    """Kept are low < |t| < high, with probability `weight`; shape (n,) each."""

    low: Array
    high: Array
    weight: Array


class Averages(NamedTuple):
    """2 ∫_{t>0} Dt w(t) ∫ Dx of the quantities below, shape (n,) each; k = r (r + u) = −r′."""

    log_cdf: Array
    t_r: Array
    k: Array
    tt_k: Array
    tx_k: Array
    t_slope: Array  # t k′(u)
    x_slope: Array  # x k′(u)


def averages(A: Array, B: Array, kept: Windows, resolution: Resolution) -> Averages:
    """The averages of the free entropy and its derivatives; A, B > 0 of shape (n,).

    The variables are (u, t) instead of (x, t): functions of u are computed once per u, and the
    window moments ∫ t^k over the kept t are sums of positive terms without cancellation.
    """
    u, weight = _outer_nodes(A, B, kept, resolution.outer)
    t0, t1, t2 = _window_moments(u, A, B, kept, resolution.inner, weight)
    r, rest = inverse_mills(u)
    k = r * rest
    slope = r * (1.0 - k) - k * rest
    a, b = A[:, None], B[:, None]
    return Averages(
        log_cdf=_total(t0, log_ndtr(u)),
        t_r=_total(t1, r),
        k=_total(t0, k),
        tt_k=_total(t2, k),
        tx_k=_total((u * t1 - a * t2) / b, k),
        t_slope=_total(t1, slope),
        x_slope=_total((u * t0 - a * t1) / b, slope),
    )


def _total(moment: Float[np.ndarray, "n m"], value: Float[np.ndarray, "n m"]) -> Array:
    return (moment * value).sum(axis=1)


def inverse_mills(u: Array) -> tuple[Array, Array]:
    """(r, r + u) with r = φ/Φ, to full relative accuracy; below −3 by Laplace's fraction."""
    y = np.maximum(-u, -TAIL_START)
    rest = np.zeros_like(y)
    for term in range(TAIL_TERMS, 0, -1):
        rest = term / (y + rest)
    middle = np.maximum(u, TAIL_START)
    r = np.exp(-0.5 * middle * middle - log_ndtr(middle)) / SQRT_2PI
    tail = u < TAIL_START
    return np.where(tail, y + rest, r), np.where(tail, rest, r + u)


def _outer_nodes(A: Array, B: Array, kept: Windows, order: int) -> tuple[Array, Array]:
    """Nodes and weights in u, shape (n, m), where the averages of r, k, log Φ have their mass.

    Integrands are bounded by exp(−max(u, 0)²/2 − max(A low − u, 0)²/(2B²)), whose largest value
    lies at `peak` with width `width`; the window's edges are blurred over B.
    """
    low, high = A * kept.low, A * np.minimum(kept.high, np.sqrt(kept.low**2 + REACH_SQUARED))
    reach = np.sqrt(REACH_SQUARED)
    peak, width = low / (1 + B * B), B / np.sqrt(1 + B * B)
    rest = np.sqrt(REACH_SQUARED + low**2 / (1 + B * B))
    inside = peak - reach * width
    first = np.where(inside > 0, inside, low - B * rest)
    above = peak + reach * width
    last = np.minimum(np.where(above < low, above, rest), high + B * reach)
    zero = np.zeros_like(A)
    centres = ((low, B), (high, B), (peak, width), (zero, zero + 1.0))
    cuts = [centre[:, None] + scale[:, None] * CUTS for centre, scale in centres]
    cuts += [first[:, None], last[:, None], np.tile(TAIL_CUTS, (len(A), 1))]
    ends = np.sort(np.clip(np.concatenate(cuts, axis=1), first[:, None], last[:, None]), axis=1)
    size = np.diff(ends, axis=1)[..., None]
    nodes, weights = gauss_legendre(order)
    return (ends[:, :-1, None] + size * nodes).reshape(len(A), -1), (size * weights).reshape(
        len(A), -1
    )


def _window_moments(u, A, B, kept: Windows, order: int, weight) -> Float[np.ndarray, "3 n m"]:
    """weight · 2 ∫_kept dt t^k φ(t) φ((u − A t)/B)/B · w for k = 0, 1, 2."""
    spread = np.sqrt(A * A + B * B)[:, None]
    a, b, low = A[:, None], B[:, None], kept.low[:, None]
    mean, tau = a * u / spread**2, b / spread
    high = np.minimum(kept.high, np.sqrt(kept.low**2 + REACH_SQUARED))[:, None]
    nearest = (np.clip(mean, low, high) - mean) / tau
    reach = tau * np.sqrt(nearest**2 + REACH_SQUARED)
    start = np.maximum(low, mean - reach)
    size = np.maximum(np.minimum(high, mean + reach) - start, 0.0)
    nodes, weights = gauss_legendre(order)
    t = start[..., None] + size[..., None] * nodes
    # t²+ (u − A t)²/B² about the conditional mean of t, where nothing cancels.
    density = np.exp(-0.5 * ((t - mean[..., None]) / tau[..., None]) ** 2) * weights
    scale = kept.weight[:, None] * normal_pdf(u / spread) / (spread * tau * SQRT_2PI)
    common = 2.0 * weight * scale * size
    first = density * t
    return common * np.stack([term.sum(axis=-1) for term in (density, first, first * t)])
