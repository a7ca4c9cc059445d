"""Gaussian building blocks: densities, tails, thresholds and Gauss-Legendre panels.

Notation of the papers: φ is the standard normal density, Φ its distribution function and
H(x) = 1 − Φ(x) the tail. The smoothed hinge

    G(m; σ) = E_g[(m − σ g)₊²] = (m² + σ²) Φ(m/σ) + m σ φ(m/σ),      g ~ N(0, 1),

is the cost of one example in the max-margin problem: m is how far the margin κ exceeds the
part of the student's field that is already fixed, σ the spread of the part that is not.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.special import erfc, erfinv, ndtri, owens_t

SQRT_2 = float(np.sqrt(2.0))
SQRT_2PI = float(np.sqrt(2.0 * np.pi))
REACH, BISECTIONS = 12.0, 34  # of the search for a quantile: |x| < 12, to 1.4e-9

if TYPE_CHECKING:
    Array = Float[np.ndarray, "..."]
else:  # NumPy turns results of shape () into scalars, which count as arrays
    Array = Float[np.ndarray | np.generic, "..."]


def normal_pdf(x: Array) -> Array:
    """φ(x) = exp(−x²/2)/√(2π)."""
    return np.exp(-0.5 * x * x) / SQRT_2PI


def normal_cdf(x: Array) -> Array:
    """Φ(x), with full relative accuracy in the lower tail."""
    return 0.5 * erfc(x / -SQRT_2)


def hinge(m: Array, sigma: Array) -> Array:
    """G(m; σ) = E_g[(m − σ g)₊²] for σ > 0."""
    x = m / sigma
    return sigma**2 * ((1.0 + x * x) * normal_cdf(x) + x * normal_pdf(x))


def hinge_slopes(m: Array, sigma: Array) -> tuple[Array, Array]:
    """(∂G/∂m, ∂G/∂σ) = (2(mΦ + σφ), 2σΦ) at m/σ."""
    x = m / sigma
    cdf = normal_cdf(x)
    return 2.0 * sigma * (x * cdf + normal_pdf(x)), 2.0 * sigma * cdf


def central_half_width(fraction: Array) -> Array:
    """γ with P(|z| < γ) = fraction, in (0, 1]; infinite at 1. Accurate at both ends."""
    with np.errstate(divide="ignore"):
        return np.where(
            fraction < 0.5, SQRT_2 * erfinv(fraction), -ndtri(np.maximum(0.5 * (1 - fraction), 0))
        )


def outer_threshold(fraction: Array) -> Array:
    """γ with P(|z| > γ) = fraction, in (0, 1]; zero at 1. Accurate at both ends."""
    return np.where(fraction < 0.5, -ndtri(0.5 * fraction), SQRT_2 * erfinv(1 - fraction))


def signed_margin_cdf(x: Array, theta: Array, *, upper: bool = False) -> Array:
    """P(m < x), or P(m > x), of the signed margin m = y z of a probe at angle θ to the teacher.

    m has the skew-normal density 2φ(m)Φ(m cot θ), so P(m < x) = Φ(x) − 2T(x, cot θ) with Owen's T.
    """
    with np.errstate(divide="ignore"):
        shape = np.where(theta > 0.0, 1.0 / np.tan(np.maximum(theta, 1e-300)), np.inf)
    finite = np.clip(x, -1e3, 1e3)  # Owen's T of an infinite argument is 0
    twice = 2.0 * owens_t(finite, shape)
    return normal_cdf(-x) + twice if upper else np.maximum(normal_cdf(x) - twice, 0.0)


def signed_margin_quantile(fraction: Array, theta: Array, *, upper: bool = False) -> Array:
    """x with P(m < x), or P(m > x), = fraction in (0, 1]; infinite at 1. Bisection and Newton."""
    fraction, theta = np.broadcast_arrays(fraction, theta)
    low, high = np.full(fraction.shape, -REACH), np.full(fraction.shape, REACH)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        below = (signed_margin_cdf(middle, theta, upper=upper) < fraction) != upper
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    x = 0.5 * (low + high)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(2):
            density = 2.0 * normal_pdf(x) * normal_cdf(x / np.tan(theta))
            missing = fraction - signed_margin_cdf(x, theta, upper=upper)
            step = np.where(upper, -missing, missing) / density
            x = np.where(np.abs(step) < 1e-3, x + step, x)
    # The whole half-line at θ = 0, where no margin is negative; else the whole line.
    end = np.where(theta > 0.0, -np.inf, 0.0) if upper else np.inf
    return np.where(fraction == 1.0, end, x)


@cache
def gauss_legendre(order: int) -> tuple[Array, Array]:
    """Nodes and weights of the Gauss-Legendre rule on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return 0.5 * (nodes + 1.0), 0.5 * weights
