"""Gaussian building blocks: densities, tails, thresholds and Gauss-Legendre panels.

Notation of the papers: φ is the standard normal density, Φ its distribution function and
H(x) = 1 − Φ(x) the tail.  The smoothed hinge

    G(m; σ) = E_g[(m − σ g)₊²] = (m² + σ²) Φ(m/σ) + m σ φ(m/σ),      g ~ N(0, 1),

is the cost of one example in the max-margin problem: m is how far the margin κ exceeds the
part of the student's field that is already fixed, σ the spread of the part that is not.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.special import erfc, erfinv, ndtri

SQRT_2 = float(np.sqrt(2.0))
SQRT_2PI = float(np.sqrt(2.0 * np.pi))

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
    """γ with P(|z| < γ) = fraction, in (0, 1]; infinite at 1.  Accurate at both ends."""
    with np.errstate(divide="ignore"):
        return np.where(
            fraction < 0.5, SQRT_2 * erfinv(fraction), -ndtri(np.maximum(0.5 * (1 - fraction), 0))
        )


def outer_threshold(fraction: Array) -> Array:
    """γ with P(|z| > γ) = fraction, in (0, 1]; zero at 1.  Accurate at both ends."""
    return np.where(fraction < 0.5, -ndtri(0.5 * fraction), SQRT_2 * erfinv(1 - fraction))


@cache
def gauss_legendre(order: int) -> tuple[Array, Array]:
    """Nodes and weights of the Gauss-Legendre rule on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return 0.5 * (nodes + 1.0), 0.5 * weights
