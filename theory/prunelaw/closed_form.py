"""The moments for θ > 0 with the inner integral in closed form, by the bivariate normal.

Given the probe field z, the part M − ζ u' of the margin (M = κ − ρ z) is linear in the in-plane
field u' orthogonal to the probe, the teacher's half-plane is u' > −k with k = z cot θ, and a field
σ g out of the plane blurs the margin.  With D² = σ² + ζ² = 1 − ρ² and

    h = M/D,     x = (M + ζ k)/σ at the teacher's edge,     q = (ζ M/D² + k) D/σ,

    A₀ = ∫_{−k}^∞ φ(u') Φ((M − ζu')/σ) du' = P(u' > −k, ζu' + σg < M)
       = ½Φ(h) + ½Φ(k) − T(h, q/h) − T(k, x/k) − ½·1{h, k of different sign}    (Owen 1956),
    F₀ = ∫_{−k}^∞ φ(u') φ((M − ζu')/σ) du' = (σ/D) φ(h) Φ(q),

and the powers of u' follow by parts from these, E = φ(k) Φ(x) and e = φ(k) φ(x):

    A₁ = E − (ζ/σ) F₀,    A₂ = A₀ − k E − (ζ/σ) F₁,    A₃ = k² E + 2A₁ − (ζ/σ) F₂,
    F₁ = μ F₀ + τ² e,     F₂ = (μ² + τ²) F₀ + τ² (μ − k) e,      μ = ζM/D²,  τ = σ/D.

Terms of order 1 cancel down to G ~ σ²/α, so this serves where `cancellation` is small enough;
elsewhere `prunelaw.moments` integrates positive terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import owens_t

from prunelaw.gaussian import Array, gauss_legendre, normal_cdf, normal_pdf
from prunelaw.panels import Fields, Panels, sum_by_owner

# Rounding of the terms that cancel, measured against the quadrature of positive terms.
ROUNDING = 4e-16
BLOCK = 8_192  # elements at a time: temporaries stay in the second-level cache
TINY = 1e-300


def cancellation(alpha_prune: Array, kappa: Array, edge: Array, sigma: Array) -> Array:
    """The error that rounding leaves in the scaled saddle-point equations, by the closed form."""
    return ROUNDING * alpha_prune * (1.0 + kappa**2 + edge**2) / sigma**2


class _Parts(NamedTuple):
    """Sums over z of the four functions, times powers of z."""

    A: Array
    A_z: Array
    A_zz: Array
    F: Array
    F_z: Array
    E: Array
    E_z: Array
    e: Array


def sums_over_panels(
    panels: Panels, fields: Fields, order: int, profile: Callable[[Array], Array] | None
) -> list[Array]:
    """The sums of `Moments`, in its order, shape (n,) each."""
    nodes, weights = gauss_legendre(order)
    slopes = np.stack(_slopes(fields))
    result = np.empty((len(panels.owner), len(_Parts._fields)))
    step = max(1, BLOCK // order)
    for first in range(0, len(panels.owner), step):
        block = slice(first, first + step)
        width = panels.width[block, None]
        z = panels.anchor[block, None] + panels.offset[block, None] + width * nodes
        weight = (2.0 * panels.weight[block, None]) * width * weights * normal_pdf(z)
        if profile is not None:
            weight *= profile(z)
        A, F, E, e = _four(z, *slopes[:, panels.owner[block], None], weight)
        z_A = z * A
        result[block] = np.stack(
            [
                A.sum(axis=1), z_A.sum(axis=1), np.einsum("ij,ij->i", z, z_A),
                F.sum(axis=1), np.einsum("ij,ij->i", z, F),
                E.sum(axis=1), np.einsum("ij,ij->i", z, E), e.sum(axis=1),
            ],
            axis=1,
        )  # fmt: skip
    return _moments(_Parts(*sum_by_owner(result, panels.owner, len(fields.kappa))), fields)


def values_on_lines(z: Float[np.ndarray, "n m"], fields: Fields) -> tuple[list[Array], list[Array]]:
    """The integrands of `Moments` and of `Turn`, in their order, at given z; shape (n, m) each."""
    fields = Fields(*(value[:, None] for value in fields))
    A, F, E, e = _four(z, *_slopes(fields), 2.0 * normal_pdf(z))
    parts = _Parts(A, z * A, z * z * A, F, z * F, E, z * E, e)
    return _moments(parts, fields), _turn(z, A, F, E, e, fields)


def _slopes(fields: Fields) -> tuple[Array, ...]:
    """What h, k, x and q need of each point: they are linear in z."""
    spread = np.hypot(fields.sigma, fields.zeta)
    return (
        fields.kappa / spread,
        fields.rho / spread,
        fields.cos_theta / fields.sin_theta,
        fields.kappa / fields.sigma,
        fields.b / (fields.sin_theta * fields.sigma),
        fields.zeta / fields.sigma,
        spread / fields.sigma,
    )


def _four(z, kappa_D, rho_D, cot, kappa_s, b_s, zeta_s, D_s, weight) -> tuple[Array, ...]:
    """A₀, F₀, E and e at each z, times `weight`."""
    h, k, x = kappa_D - rho_D * z, cot * z, kappa_s - b_s * z
    q = zeta_s * h + D_s * k
    apart = np.where((h < 0.0) != (k < 0.0), 0.5, 0.0)
    A = 0.5 * (normal_cdf(h) + normal_cdf(k)) - apart
    A -= owens_t(h, q / np.where(h == 0.0, TINY, h))
    A -= owens_t(k, x / np.where(k == 0.0, TINY, k))
    edge = weight * normal_pdf(k)
    F = weight * normal_pdf(h) * normal_cdf(q) / D_s
    return weight * A, F, edge * normal_cdf(x), edge * normal_pdf(x)


def _moments(part: _Parts, fields: Fields) -> list[Array]:
    """`Moments`, in its order: t = c z + s u' and u = s z − c u' put into A and F."""
    A, A_z, A_zz, F, F_z, E, E_z, e = part
    c, s, sigma, rho, zeta, kappa = (
        fields.cos_theta, fields.sin_theta, fields.sigma, fields.rho, fields.zeta, fields.kappa
    )  # fmt: skip
    square, ratio = sigma**2 + zeta**2, zeta / sigma
    F1 = zeta / square * (kappa * F - rho * F_z) + sigma**2 / square * e
    A1, A1_z = E - ratio * F, E_z - ratio * F_z
    A2 = A - c / s * E_z - ratio * F1
    # M = κ − ρ z times these, and the hinge g = ∫ (m Φ + σ φ) and its products with z and u'.
    MA, MA_z, MA1 = kappa * A - rho * A_z, kappa * A_z - rho * A_zz, kappa * A1 - rho * A1_z
    g, g_z, g_1 = (
        MA - zeta * A1 + sigma * F,
        MA_z - zeta * A1_z + sigma * F_z,
        (MA1 - zeta * A2 + sigma * F1),
    )
    F_x = (kappa * F - rho * F_z - zeta * F1) / sigma
    MMA = kappa * MA - rho * MA_z
    return [
        sigma**2 * (A + F_x) + MMA - 2.0 * zeta * MA1 + zeta**2 * A2,
        g,
        c * g_z + s * g_1,
        s * g_z - c * g_1,
        A,
        c * A_z + s * A1,
        s * A_z - c * A1,
        c * c * A_zz + 2.0 * c * s * A1_z + s * s * A2,
        c * s * (A_zz - A2) + (s * s - c * c) * A1_z,
        s * s * A_zz - 2.0 * c * s * A1_z + c * c * A2,
        F,
        c * F_z + s * F1,
        s * F_z - c * F1,
        F_x,
    ]


def _turn(z: Array, A: Array, F: Array, E: Array, e: Array, fields: Fields) -> list[Array]:
    """`Turn`, in its order: u' times G, g t, g u and Φ."""
    c, s, sigma, zeta = fields.cos_theta, fields.sin_theta, fields.sigma, fields.zeta
    square, ratio = sigma**2 + zeta**2, zeta / sigma
    M, k = fields.kappa - fields.rho * z, z * c / s
    mu, tau_squared = zeta * M / square, sigma**2 / square
    F1 = mu * F + tau_squared * e
    F2 = (mu * mu + tau_squared) * F + tau_squared * (mu - k) * e
    A1 = E - ratio * F
    A2 = A - k * E - ratio * F1
    A3 = k * k * E + 2.0 * A1 - ratio * F2
    g_1, g_2 = M * A1 - zeta * A2 + sigma * F1, M * A2 - zeta * A3 + sigma * F2
    G = sigma**2 * A1 + M * M * A1 - 2.0 * M * zeta * A2 + zeta**2 * A3
    return [
        G + sigma * (M * F1 - zeta * F2),
        c * z * g_1 + s * g_2,
        s * z * g_1 - c * g_2,
        A1,
    ]
