"""The potential Ψ of the pruned perceptron at 30 digits, independent of prunelaw's quadrature.

    Ψ = α E_{t,u}[w(c t + s u) G(κ − |..|)] − σ²,   G(m; σ) = (m² + σ²) Φ(m/σ) + m σ φ(m/σ)

is integrated in the plane (t, u) of teacher and orthogonal direction (prunelaw integrates over
the probe field and its orthogonal direction), with mpmath's arithmetic and Gauss-Legendre panels
of its own.  Gradients are central differences of Ψ itself, so nothing of the derivation of the
saddle-point equations is taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import mpmath as mp

DIGITS = 34
REACH = 13  # φ(13) ~ 1e−37


@dataclass(frozen=True)
class Point:
    """One problem; `edges` are the kept intervals of |z| (low, high), high possibly infinite."""

    alpha: float
    theta: float
    low: float
    high: float


@cache
def gauss_legendre(order: int) -> list[tuple[mp.mpf, mp.mpf]]:
    """Nodes and weights on [0, 1] by Newton's method on the Legendre recurrence."""
    pairs = []
    with mp.workdps(DIGITS + 10):
        for k in range(1, order + 1):
            x = mp.cos(mp.pi * (k - mp.mpf(1) / 4) / (order + mp.mpf(1) / 2))
            for _ in range(8):
                before, value = mp.mpf(1), x
                for j in range(2, order + 1):
                    before, value = value, ((2 * j - 1) * x * value - (j - 1) * before) / j
                slope = order * (x * value - before) / (x * x - 1)
                x -= value / slope
            pairs.append(((1 + x) / 2, 1 / ((1 - x * x) * slope * slope)))
    return pairs


def hinge(m, sigma):
    x = m / sigma
    cdf = mp.erfc(-x / mp.sqrt(2)) / 2
    return sigma**2 * ((1 + x * x) * cdf + x * mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi))


def panels(low, high, centres, width):
    """Panels of [low, high], cut at multiples of each (centre, scale) and at most `width` wide."""
    cuts = {low, high}
    for centre, scale in centres:
        cuts |= {centre + k * scale for k in (-13, -8, -4, -1.5, 0, 1.5, 4, 8, 13)}
    cuts = sorted(cut for cut in cuts if low <= cut <= high)
    for left, right in pairwise(cuts):
        pieces = int(mp.ceil((right - left) / width))
        for k in range(pieces):
            yield left + (right - left) * k / pieces, (right - left) / pieces


def integrate(function, low, high, centres, width, order):
    if high <= low:
        return mp.mpf(0)
    total = mp.mpf(0)
    for left, size in panels(low, high, centres, width):
        total += size * sum(w * function(left + size * x) for x, w in gauss_legendre(order))
    return total


def potential(point: Point, omega, chi, kappa, order: int = 30):
    """Ψ at θ > 0 by a double integral, at θ = 0 by a single one."""
    a, b = mp.cos(omega), mp.sin(omega) * mp.cos(chi)
    sigma = mp.sin(omega) * mp.sin(chi)
    c, s = mp.cos(point.theta), mp.sin(point.theta)
    low, high = mp.mpf(point.low), mp.mpf(point.high)
    gauss = lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)  # noqa: E731
    if point.theta == 0:
        sigma, spread = mp.sin(omega), mp.sin(omega) / a
        end = min(high, mp.mpf(REACH), kappa / a + REACH * spread)
        inner = lambda t: gauss(t) * hinge(kappa - a * t, sigma)  # noqa: E731
        value = integrate(inner, low, end, [(kappa / a, spread)], 2, order)
        return 2 * point.alpha * value - sigma**2

    def over_u(t):
        corner, blur = (kappa - a * t) / b, sigma / abs(b)
        value = mp.mpf(0)
        for z1, z2 in ((low, high), (-high, -low)):
            u1, u2 = max((z1 - c * t) / s, -REACH), min((z2 - c * t) / s, REACH)
            # Fields more than REACH blurs beyond κ are satisfied.
            if b > 0:
                u2 = min(u2, corner + REACH * blur)
            else:
                u1 = max(u1, corner - REACH * blur)
            value += integrate(
                lambda u: gauss(u) * hinge(kappa - a * t - b * u, sigma),
                u1, u2, [(corner, blur)], 3, order,
            )  # fmt: skip
        return gauss(t) * value

    # In t: the layer of unsatisfied examples next to 0, and the turning of the windows.
    layer = min(1, max(abs(kappa), mp.sin(omega)))
    crossings = [(kappa / a, mp.sin(omega) / a)]
    for z in (low, high):
        if mp.isfinite(z):
            crossings.append((z / c, min(s / c, mp.mpf(1))))
            crossings.append(((kappa * s - b * z) / (a * s - b * c), layer))
    end = min(mp.mpf(REACH), (kappa + REACH * mp.sin(omega)) / a)
    value = integrate(over_u, mp.mpf(0), end, [(0, layer), *crossings], 3, order)
    return 2 * point.alpha * value - sigma**2


def residuals(point: Point, omega, chi, kappa, order: int = 30):
    """(Ψ, ∂Ψ/∂ω, ∂Ψ/∂χ) at θ > 0, (Ψ, ∂Ψ/∂ω) at θ = 0, by central differences of Ψ."""
    step = mp.mpf(10) ** -10

    def difference(d_omega, d_chi):
        ahead = potential(point, omega + d_omega, chi + d_chi, kappa, order)
        behind = potential(point, omega - d_omega, chi - d_chi, kappa, order)
        return (ahead - behind) / 2

    values = [potential(point, omega, chi, kappa, order)]
    values.append(difference(step * omega, 0) / (step * omega))
    if point.theta > 0:
        values.append(difference(0, step * chi) / (step * chi))
    return values
