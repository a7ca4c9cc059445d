"""How far repeated passes carry the first one, G, and dG/dlog τ: any number of passes, any decay.

Repeating a pool multiplies the error by exp(b G). With K whole passes, a part of the next one and
δ = e^−rate, the utility law has G = Σ_{k<K} δ^k log(1 + 1/k) + δ^K log(passes/K). No pass is added
after another: log(1 + 1/k) = ∫ φ(t) e^{−kt} dt over t > 0, φ = (1 − e^{−t})/t, so that the sum over
k = 1..M is a geometric series inside an integral. With x = e^{−(rate + t)},

    Σ δ^k log(1 + 1/k)    = δ ∫ φ(t) e^{−t} (1 − x^M)/(1 − x) dt
    Σ k δ^k log(1 + 1/k)  = Σ δ^k − δ ∫ (−φ′(t)) e^{−t} (1 − x^M)/(1 − x) dt     (by parts)

and the second is −d/drate of the first. The integrands are positive and analytic in log t: the
trapezoidal rule in u, t = exp(u − e^{−u})/scale, reaches rounding with some forty nodes for tens of
passes and a hundred for 1e9. 1 − x^M = P + Q R and (1 − x) e^t = E + ρ never cancel; P, Q and E
belong to the nodes and the number of passes, R and ρ to the rate.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import gammainc

from prunelaw.numerics.gaussian import Array

_STEP = 0.25  # of the trapezoidal rule, whose error is about exp(−π²/step)
_LOW = -3.75  # at this u, t·scale is below 1e-19
_FAR = 42.0  # e^{−t} beyond this t changes no digit
_BLOCK = 2**14  # numbers held at once, so that they stay in the cache
_FAST = 1e4  # rates above it are as good as this one: δ = 0
_SLOW = 0.02  # up to this rate the expansion of the limit is good to rounding
_MANY = 1e250  # more passes than any decay above 1e-200 survives
_SMALL = 0.5  # below it, 1/(e^x − 1) is taken apart into 1/x − 1/2 and a series
_SERIES = (
    *(1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160),
    *(-691 / 1307674368000, 1 / 74724249600),
)
_ZETA_SLOPES = (  # ζ′(−n) (−1)^n/n!
    *(-0.918938533204672742, 0.165421143700450929, -0.0152242285291966354),
    *(-0.000896429392962383524, 0.000332658810427859345, 4.77488316832196004e-6),
)

Nodes = Float[np.ndarray, " nodes"]


def decayed_log(passes: Array, rate: Array) -> tuple[Array, Array]:
    """G of the utility law and dG/dlog τ, broadcast; 0 up to the end of the first pass."""
    shape = np.broadcast_shapes(passes.shape, rate.shape)
    passes, whole, part, rate = _aligned(passes, rate)
    last = np.exp(-rate * whole) * np.log1p(part / whole)
    sums, weighted = _sums(whole - 1.0, rate)
    growth = np.where(rate > 0.0, sums + last, np.log(passes))
    slope = rate * weighted + rate * whole * last
    return growth.reshape(shape), slope.reshape(shape)


def log_effective(passes: Array, rate: Array) -> tuple[Array, Array]:
    """G = log(n_eff/N), n_eff/N = (1 − δ^K)/(1 − δ) + δ^K (passes − K), and dG/dlog τ."""
    shape = np.broadcast_shapes(passes.shape, rate.shape)
    passes, whole, part, rate = _aligned(passes, rate)
    full = geometric(rate, whole)
    last = np.exp(-rate * whole) * part
    growth = np.where(rate > 0.0, np.log(full + last), np.log(passes))
    slope = (full * (rate * _mean_pass(rate, whole)) + rate * whole * last) / (full + last)
    return growth.reshape(shape), slope.reshape(shape)


def decayed_log_limit(tau: Array) -> Array:
    """Σ_{k≥1} δ^k log(1 + 1/k), G of the utility law for infinitely many passes; inf at τ = ∞.

    It is −((1 − δ)/δ) ∂_s Li_s(δ) at s = 0 (`prunelaw.derivations.infinite_passes`). For rates
    r < 1/50 its expansion serves, the integral of `decayed_log` for the others:

        (e^r − 1) [(log(1/r) − γ)/r − Σ_{n≥0} ζ′(−n) (−r)^n/n!]
    """
    log_rate, rate = _log_rate(tau)
    slow = np.minimum(rate, _SLOW)
    growth = (-log_rate - np.euler_gamma) * np.expm1(slow) / slow
    growth -= np.expm1(slow) * np.polynomial.polynomial.polyval(slow, _ZETA_SLOPES)
    fast = rate > _SLOW
    growth[fast] = _sums(np.full(1, np.inf), rate[fast])[0]
    return growth


def log_effective_limit(tau: Array) -> Array:
    """log(n_eff/N) = log(1/(1 − δ)) for infinitely many passes; inf at τ = ∞."""
    log_rate, rate = _log_rate(tau)
    slow = np.minimum(rate, 0.5)
    near = -log_rate - np.log(-np.expm1(-slow) / slow)
    return np.where(rate > slow, -np.log1p(-np.exp(-np.maximum(rate, 0.5))), near)


def _log_rate(tau: Array) -> tuple[Array, Array]:
    """The log of the rate, −inf at τ = ∞, and the rate held inside [1e-290, 1e4]."""
    log_rate = math.log(math.log(2.0)) - np.log(tau)
    return log_rate, np.exp(np.clip(log_rate, math.log(1e-290), math.log(_FAST)))


def decay_rate(tau: Array) -> Array:
    """log 2 / τ, held away from overflow and from subnormal numbers."""
    rate = math.log(2.0) / np.maximum(tau, 1e-200)
    return np.where(rate < 1e-200, 0.0, rate)


def geometric(rate: Array, k: Array) -> Array:
    """Σ_{j<k} exp(−rate j) = (1 − δ^k)/(1 − δ), which is k when nothing decays."""
    safe = np.where(rate > 0.0, rate, 1.0)
    return np.where(rate > 0.0, np.expm1(-safe * k) / np.expm1(-safe), k)


def _aligned(passes: Array, rate: Array) -> tuple[Array, Array, Array, Array]:
    """Passes, the whole ones (at least one), the part of the next, the rate: with as many axes.

    The last three are held where products are floats: what is cut off is dead, or does not decay.
    """
    axes = max(passes.ndim, rate.ndim, 1)
    passes, rate = (a.reshape((1,) * (axes - a.ndim) + a.shape) for a in (passes, rate))
    held = np.clip(passes, 1.0, _MANY)
    whole = np.floor(held)
    return np.maximum(passes, 1.0), whole, held - whole, np.minimum(rate, _FAST)


def _sums(last: Array, rate: Array) -> tuple[Array, Array]:
    """Σ δ^k log(1 + 1/k) and Σ k δ^k log(1 + 1/k) for k = 1..last, of aligned arrays."""
    shape = np.broadcast_shapes(last.shape, rate.shape)
    if math.prod(shape) == 0:
        return np.zeros(shape), np.zeros(shape)
    slowest = float(rate.min())
    alive = 2.0 / slowest if slowest > 0.0 else _MANY
    scale = min(float(last.max()), alive, _MANY)
    rule = _rule(math.ceil(math.log2(max(scale, 1.0))))
    axis = int(np.argmax(shape))
    integrals = _integrals(last.swapaxes(0, axis), rate.swapaxes(0, axis), *rule)
    first, second = (integrals[..., i].swapaxes(0, axis) for i in (0, 1))
    delta = np.exp(-rate)
    return delta * first, delta * (geometric(rate, last) - second)


def _integrals(last: Array, rate: Array, t: Nodes, weights: Any) -> Float[np.ndarray, "... 2"]:
    """Both integrals over t, in blocks along the first axis."""
    growing = np.expm1(t)
    lost, lost_each = -np.expm1(-rate * last), -np.expm1(-rate)[..., None]  # R and ρ
    integrals = np.empty((*lost.shape, 2))
    step = max(1, _BLOCK // (lost[0].size * t.size))
    reached = -np.expm1(-last[:1, ..., None] * t)  # P
    left = 1.0 - reached  # Q
    for start in range(0, len(lost), step):
        block = slice(start, start + step)
        if len(last) > 1:
            reached = -np.expm1(-last[block, ..., None] * t)
            left = 1.0 - reached
        kernel = left * lost[block, ..., None]
        kernel += reached
        kernel /= (lost_each[block] if len(rate) > 1 else lost_each) + growing
        np.matmul(kernel, weights, out=integrals[block])
    return integrals


@lru_cache(maxsize=64)
def _rule(doublings: int) -> tuple[Nodes, Float[np.ndarray, "nodes 2"]]:
    """Nodes t, and weights for both integrals of (1 − x^M)/((1 − x) e^t) up to 2^doublings passes.

    It is the trapezoidal rule.
    """
    scale = 2.0**doublings
    u = np.arange(_LOW, math.log(_FAR * scale) + _STEP, _STEP)
    t = np.exp(u - np.exp(-u)) / scale
    measure = _STEP * (1.0 + np.exp(-u))  # dt/t; φ t = 1 − e^{−t}, −φ′ t = γ(2, t)/t
    return t, measure[:, None] * np.stack([-np.expm1(-t), gammainc(2.0, t) / t], axis=1)


def _mean_pass(rate: Array, k: Array) -> Array:
    """Mean of j = 0..k−1 weighted by δ^j: 1/(e^r − 1) − k/(e^{kr} − 1), without cancellation."""
    x = rate * k
    slow = x < _SMALL
    half = 0.5 * (k - 1.0) - (k * _remainder(x) - _remainder(rate))
    safe = np.where(slow, 1.0, rate)
    return np.where(slow, half, _bose(safe) - k * _bose(safe * k))


def _bose(x: Array) -> Array:
    """1/(e^x − 1) for x > 0, which dies out instead of overflowing."""
    return np.exp(-x) / -np.expm1(-x)


def _remainder(x: Array) -> Array:
    """1/(e^x − 1) − 1/x + 1/2 for x < 1/2: odd Bernoulli terms."""
    small = np.minimum(x, _SMALL)
    return small * np.polynomial.polynomial.polyval(small**2, _SERIES)
