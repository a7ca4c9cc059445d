"""The moments for θ > 0 with the inner integral in closed form, by the bivariate normal.

Given the probe field z, the part M − ζ u' of the margin (M = κ − ρ z) is linear in the in-plane
field u' orthogonal to the probe, the teacher's half-plane is u' > −k with k = z cot θ, and a field
σ g out of the plane blurs the margin. With D² = σ² + ζ² = 1 − ρ² and

    h = M/D,     x = (M + ζ k)/σ at the teacher's edge,     q = (ζ M/D² + k) D/σ,

    A₀ = ∫_{−k}^∞ φ(u') Φ((M − ζu')/σ) du' = P(u' > −k, ζu' + σg < M)
       = ½Φ(h) + ½Φ(k) − T(h, q/h) − T(k, x/k) − ½·1{h, k of different sign}    (Owen 1956),
    F₀ = ∫_{−k}^∞ φ(u') φ((M − ζu')/σ) du' = (σ/D) φ(h) Φ(q),

and the powers of u' follow by parts from these, E = φ(k) Φ(x) and e = φ(k) φ(x):

    A₁ = E − (ζ/σ) F₀,    A₂ = A₀ − k E − (ζ/σ) F₁,    A₃ = k² E + 2A₁ − (ζ/σ) F₂,
    F₁ = μ F₀ + τ² e,     F₂ = (μ² + τ²) F₀ + τ² (μ − k) e,      μ = ζM/D²,  τ = σ/D.

The terms cancel down to G ~ σ²/α from their own size, D² + M²; this serves where `cancellation` is
small enough. Elsewhere `prunelaw.perceptron.moments` integrates positive terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import owens_t

from prunelaw.numerics.gaussian import Array, gauss_legendre, normal_cdf, normal_pdf
from prunelaw.perceptron.panels import Fields, Panels, anchored, sum_by_owner

# Rounding of the terms that cancel, measured against the quadrature of positive terms.
ROUNDING = 4e-16
BLOCK = 8_192  # elements at a time: temporaries stay in the second-level cache
TINY = 1e-300
BEYOND = 9.0  # Φ(−9) ~ 1e-19


def cancellation(
    alpha_prune: Array, slack: Array, farthest: Array, spread: Array, sigma: Array, wrong: Array
) -> Array:
    """The error that rounding leaves in the scaled saddle-point equations, by the closed form.

    `slack` is M at the kept examples' edge, `farthest` M at the edge on the other side, where the
    probe is wrong, which examples with probability `wrong` are; `spread` is D.
    """
    size = spread**2 + slack**2 + wrong * farthest**2
    return ROUNDING * alpha_prune * size / sigma**2


class _Parts(NamedTuple):
    """Sums over z of the four functions, times powers of M and z."""

    A: Array
    MA: Array
    MMA: Array
    A_z: Array
    MA_z: Array
    A_zz: Array
    F: Array
    MF: Array
    F_z: Array
    E: Array
    ME: Array
    E_z: Array
    e: Array


class _Slopes(NamedTuple):
    """What h, k, x and q need of each point: they are linear in z."""

    spread: Array
    cot: Array
    rho: Array
    b_s: Array  # −dx/dz
    zeta_s: Array
    D_s: Array


def sums_over_panels(
    panels: Panels, fields: Fields, order: int, profile: Callable[[Array], Array] | None
) -> list[Array]:
    """The sums of `Moments`, in its order, shape (n,) each."""
    nodes, weights = gauss_legendre(order)
    slopes = np.stack(_slopes(fields))
    at_anchor = _x_at(panels.anchor, panels.margin, fields.take(panels.owner))
    result = np.empty((len(panels.owner), len(_Parts._fields)))
    step = max(1, BLOCK // order)
    for first in range(0, len(panels.owner), step):
        block = slice(first, first + step)
        here = _Slopes(*slopes[:, panels.owner[block], None])
        width = panels.width[block, None]
        offset = panels.offset[block, None] + width * nodes
        z = panels.anchor[block, None] + offset
        M = panels.margin[block, None] - here.rho * offset
        weight = (2.0 * panels.weight[block, None]) * width * weights * normal_pdf(z)
        if profile is not None:
            weight *= profile(z)
        four = _four(z, M, at_anchor[block, None] - here.b_s * offset, here, weight)
        result[block] = _sums(z, M, *four)
    return _moments(_Parts(*sum_by_owner(result, panels.owner, len(fields.kappa))), fields)


def values_on_lines(z: Float[np.ndarray, "n m"], fields: Fields) -> tuple[list[Array], list[Array]]:
    """The integrands of `Moments` and of `Turn`, in their order, at given z; shape (n, m) each."""
    fields = Fields(*(value[:, None] for value in fields))
    anchor, margin = anchored(z, fields)
    slopes = _slopes(fields)
    M = margin - fields.rho * (z - anchor)
    x = _x_at(anchor, margin, fields) - slopes.b_s * (z - anchor)
    A, F, E, e = _four(z, M, x, slopes, 2.0 * normal_pdf(z))
    parts = _Parts(
        A, M * A, M * M * A, z * A, z * M * A, z * z * A, F, M * F, z * F, E, M * E, z * E, e
    )
    return _moments(parts, fields), _turn(z, M, A, F, E, e, fields)


def _slopes(fields: Fields) -> _Slopes:
    spread = np.hypot(fields.sigma, fields.zeta)
    return _Slopes(
        spread,
        fields.cos_theta / fields.sin_theta,
        fields.rho,
        fields.b / (fields.sin_theta * fields.sigma),
        fields.zeta / fields.sigma,
        spread / fields.sigma,
    )


def _x_at(anchor: Array, margin: Array, fields: Fields) -> Array:
    """x at the anchors, by whichever of two equal expressions cancels less."""
    from_teacher = fields.b * anchor / fields.sin_theta
    from_margin = fields.zeta * anchor * fields.cos_theta / fields.sin_theta
    closer = np.abs(from_teacher) <= np.abs(fields.rho * anchor) + np.abs(from_margin)
    near = np.abs(fields.kappa) + np.abs(from_teacher) <= np.abs(margin) + np.abs(from_margin)
    return np.where(closer & near, fields.kappa - from_teacher, margin + from_margin) / fields.sigma


def _four(z: Array, M: Array, x: Array, at: _Slopes, weight: Array) -> tuple[Array, ...]:
    """A₀, F₀, E and e at each z, times `weight`."""
    h, k = M / at.spread, at.cot * z
    q = at.zeta_s * h + at.D_s * k
    near = k < BEYOND
    if near.all():
        A = _both_below(h, k, x, q)
    else:  # the teacher's edge is out of sight: P(u' > −k) = 1
        A = normal_cdf(h)
        A[near] = _both_below(h[near], k[near], x[near], q[near])
    edge = weight * normal_pdf(k)
    F = weight * normal_pdf(h) * normal_cdf(q) / at.D_s
    return weight * A, F, edge * normal_cdf(x), edge * normal_pdf(x)


def _both_below(h: Array, k: Array, x: Array, q: Array) -> Array:
    """A₀ = P(u' > −k, (ζu' + σg)/D < h)."""
    # ½Φ(h) + ½Φ(k), less ½ if the signs differ, from tails: a rare A keeps its relative accuracy.
    tail_h, tail_k = normal_cdf(-np.abs(h)), normal_cdf(-np.abs(k))
    A = 0.5 * (np.where(h < 0.0, tail_h, -tail_h) + np.where(k < 0.0, tail_k, -tail_k))
    A += (h >= 0.0) & (k >= 0.0)
    A -= owens_t(h, q / np.where(h == 0.0, TINY, h))
    return A - owens_t(k, x / np.where(k == 0.0, TINY, k))


def _sums(z: Array, M: Array, A: Array, F: Array, E: Array, e: Array) -> Float[np.ndarray, "p 13"]:
    """`_Parts` of each panel."""
    MA, zA = M * A, z * A
    products = (
        (A, None), (A, M), (MA, M), (A, z), (MA, z), (zA, z),
        (F, None), (F, M), (F, z), (E, None), (E, M), (E, z), (e, None),
    )  # fmt: skip
    return np.stack(
        [p.sum(axis=1) if q is None else np.einsum("ij,ij->i", p, q) for p, q in products], axis=1
    )


def _moments(part: _Parts, fields: Fields) -> list[Array]:
    """`Moments`, in its order: t = c z + s u' and u = s z − c u' put into A and F."""
    A, MA, MMA, A_z, MA_z, A_zz, F, MF, F_z, E, ME, E_z, e = part
    c, s, sigma, zeta = fields.cos_theta, fields.sin_theta, fields.sigma, fields.zeta
    square, ratio = sigma**2 + zeta**2, zeta / sigma
    F1 = zeta / square * MF + sigma**2 / square * e
    A1, A1_z, MA1 = E - ratio * F, E_z - ratio * F_z, ME - ratio * MF
    A2 = A - c / s * E_z - ratio * F1
    # The hinge g = ∫ (m Φ + σ φ), and its products with z and u'.
    g = MA - zeta * A1 + sigma * F
    g_z = MA_z - zeta * A1_z + sigma * F_z
    g_1 = MA1 - zeta * A2 + sigma * F1
    F_x = (MF - zeta * F1) / sigma
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


def _turn(
    z: Array, M: Array, A: Array, F: Array, E: Array, e: Array, fields: Fields
) -> list[Array]:
    """`Turn`, in its order: u' times G, g t, g u and Φ."""
    c, s, sigma, zeta = fields.cos_theta, fields.sin_theta, fields.sigma, fields.zeta
    square, ratio = sigma**2 + zeta**2, zeta / sigma
    k, mu, tau_squared = z * c / s, zeta * M / square, sigma**2 / square
    F1 = mu * F + tau_squared * e
    F2 = (mu * mu + tau_squared) * F + tau_squared * (mu - k) * e
    A1 = E - ratio * F
    A2 = A - k * E - ratio * F1
    A3 = k * k * E + 2.0 * A1 - ratio * F2
    g_1, g_2 = M * A1 - zeta * A2 + sigma * F1, M * A2 - zeta * A3 + sigma * F2
    G = sigma**2 * A1 + M * M * A1 - 2.0 * M * zeta * A2 + zeta**2 * A3
    return [G + sigma * (M * F1 - zeta * F2), c * z * g_1 + s * g_2, s * z * g_1 - c * g_2, A1]
