"""Averages over the kept examples that the student has not yet satisfied.

Everything the saddle point needs is an average, over teacher field t > 0 and probe field z
in the kept windows, of the smoothed hinge G(m; σ) and its derivatives at

    m = κ − h(t, u),      h = a t + b u,      z = c t + s u,      c = cos θ, s = sin θ,

where (a, b, σ) are the student's components along the teacher, along the in-plane direction
orthogonal to it, and out of the plane.  All integrands are positive, so sums keep their
*relative* accuracy down to the tiny values that decide the answer at large α.

Layout of the quadrature.  The outer variable is z, whose windows have fixed edges; the inner
one is u' = s t − c u, the in-plane field orthogonal to z, in which the teacher's half-plane is
u' > L(z) = −z c/s and m = κ − ρ z − ζ u' is linear.  Both directions use Gauss-Legendre panels.
The outer panels end where the inner integral changes character: each change is Gaussian-smoothed
over a known scale, so a few cuts at multiples of that scale resolve it, however small it is.
The inner nodes follow a sinh map centred on the corner m = 0, which is smoothed over σ/|ζ|.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prunelaw.gaussian import Array, gauss_legendre, normal_cdf, normal_pdf
from prunelaw.keep import Windows

# exp(−REACH²/2) = 1e−18 relative to the largest value in the window: beyond, nothing counts.
REACH_SQUARED = 83.0
# Cuts around a change of character, in units of its scale.  Φ has done its work at 9.
CUTS = (1.5, 3.5, 6.0, 9.0)
# A change smoother than this is resolved by the panels of the Gaussian itself.
SMOOTH_SCALE = 2.0
# Elements per block of inner nodes: temporaries stay in the second-level cache.
BLOCK = 16_384


class Fields(NamedTuple):
    """The student and the probe as fields, one element per point; all arrays have shape (n,).

    `slack` = κ − ρ·edge is carried beside κ because keep-easy students at large α have
    κ ≈ ρ·edge to many digits, and it is the difference that decides.
    """

    cos_theta: Array
    sin_theta: Array
    a: Array  # R, overlap with the teacher
    b: Array  # in-plane component orthogonal to the teacher
    sigma: Array  # out-of-plane component
    rho: Array  # overlap with the probe
    zeta: Array  # in-plane component orthogonal to the probe
    kappa: Array
    slack: Array
    edge: Array  # smallest kept |z|


class Moments(NamedTuple):
    """2 E[w(z) 1{t>0} q] for the q below, shape (n,) each, with x = m/σ.

    g = ½ ∂G/∂m = σ(xΦ + φ); suffixes name the field that multiplies.
    """

    G: Array
    g: Array
    g_t: Array
    g_u: Array
    cdf: Array
    cdf_t: Array
    cdf_u: Array
    cdf_tt: Array
    cdf_tu: Array
    cdf_uu: Array
    pdf: Array
    pdf_t: Array
    pdf_u: Array
    pdf_x: Array


class Resolution(NamedTuple):
    """Orders of the outer and inner Gauss-Legendre rules and the widest outer panel."""

    outer: int
    inner: int
    width: float


class Panels(NamedTuple):
    """Outer panels of all points, flat: z = anchor + offset + width·[0, 1] for point `owner`."""

    owner: Int[np.ndarray, " panels"]
    offset: Float[np.ndarray, " panels"]
    width: Float[np.ndarray, " panels"]
    anchor: Float[np.ndarray, " panels"]
    weight: Float[np.ndarray, " panels"]


def plane_moments(windows: Windows, fields: Fields, resolution: Resolution) -> Moments:
    """Moments for θ > 0: integrals over the (z, u') plane."""
    panels = _plane_panels(windows, fields, resolution.width)
    rows = _rows(panels, fields, resolution.outer)
    return _sum_by_owner(_inner_moments(rows, resolution.inner), rows.owner, len(fields.kappa))


def axis_moments(windows: Windows, fields: Fields, resolution: Resolution) -> Moments:
    """Moments for θ = 0, where z = t and the plane shrinks to the teacher's axis."""
    panels = _axis_panels(windows, fields, resolution.width)
    nodes, weights = gauss_legendre(resolution.outer)
    own = panels.owner[:, None]
    offset = panels.offset[:, None] + panels.width[:, None] * nodes
    t = panels.anchor[:, None] + offset
    x = (fields.slack[own] - fields.rho[own] * offset) / fields.sigma[own]
    weight = 2.0 * panels.weight[:, None] * panels.width[:, None] * weights * normal_pdf(t)
    cdf, pdf = weight * normal_cdf(x), weight * normal_pdf(x)
    g = x * cdf + pdf
    sigma, zero = fields.sigma[own], np.zeros_like(t)
    values = [
        sigma**2 * (cdf + x * g),
        sigma * g,
        sigma * g * t,
        zero,
        cdf,
        cdf * t,
        zero,
        cdf * t * t,
        zero,
        zero,
        pdf,
        pdf * t,
        zero,
        pdf * x,
    ]
    sums = np.stack([value.sum(axis=1) for value in values], axis=1)
    return _sum_by_owner(sums, panels.owner, len(fields.kappa))


def _sum_by_owner(values: Float[np.ndarray, "rows 14"], owner, n: int) -> Moments:
    """Add up rows of each point; `owner` is sorted."""
    totals = np.zeros((n, values.shape[1]))
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    if len(starts):
        totals[owner[starts]] = np.add.reduceat(values, starts, axis=0)
    return Moments(*totals.T)


# --- outer panels -----------------------------------------------------------------------------


def _plane_panels(windows: Windows, fields: Fields, width: float) -> Panels:
    """Panels over z > 0 (anchored at the window's lower edge) and its mirror image z < 0."""
    zero = np.zeros_like(windows.low)
    tan_theta = fields.sin_theta / np.maximum(fields.cos_theta, 1e-300)
    # For z < 0 the teacher's half-plane is |z|/tan θ standard deviations away.
    depth = np.minimum(np.sqrt(windows.low**2 + REACH_SQUARED), 13.0 * tan_theta)
    positive = _side_panels(
        windows.low, windows.high, windows.low, fields.slack, windows, fields, width
    )
    negative = _side_panels(
        -np.minimum(windows.high, np.maximum(depth, windows.low)),
        -windows.low,
        zero,
        fields.kappa,
        windows,
        fields,
        width,
    )
    return _merge([positive, negative])


def _side_panels(low, high, anchor, margin, windows: Windows, fields: Fields, width) -> Panels:
    """Panels of [low, high] cut where the inner integral changes character.

    `margin` = κ − ρ·anchor.  The changes: z = 0, where the teacher's edge L(z) enters the
    Gaussian (scale tan θ); z = κ/ρ, where the corner m = 0 does (scale √(1−ρ²)/ρ); and
    z = κ s/b, where the two meet (scale s σ/b).
    """
    nearest = np.clip(0.0, low, high)
    reach = np.sqrt(nearest**2 + REACH_SQUARED)
    low, high = np.maximum(low, -reach) - anchor, np.minimum(high, reach) - anchor
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = [
            (-anchor, fields.sin_theta / fields.cos_theta),
            (margin / fields.rho, np.hypot(fields.zeta, fields.sigma) / np.abs(fields.rho)),
            (
                fields.kappa * fields.sin_theta / fields.b - anchor,
                fields.sin_theta * fields.sigma / np.abs(fields.b),
            ),
        ]
    cuts = [low, high, *_regular_cuts(low, high, anchor, width)]
    for centre, scale in changes:
        cuts += _cuts_around(centre, scale, low)
    return _panels_between(cuts, low, high, anchor, windows.weight)


def _axis_panels(windows: Windows, fields: Fields, width: float) -> Panels:
    """Panels over t > 0 inside the window, cut around the corner t = κ/R (scale σ/R)."""
    anchor = windows.low
    reach = np.sqrt(anchor**2 + REACH_SQUARED)
    low, high = np.zeros_like(anchor), np.minimum(windows.high, reach) - anchor
    corner, scale = fields.slack / fields.rho, fields.sigma / fields.rho
    # Beyond the corner by 9 scales every example is satisfied: φ(9) ~ 1e−18.
    high = np.clip(corner + 9.0 * scale, 1e-3 * np.minimum(high, scale), high)
    cuts = [low, high, *_regular_cuts(low, high, anchor, width)]
    cuts += _cuts_around(corner, scale, low)
    return _merge([_panels_between(cuts, low, high, anchor, windows.weight)])


def _regular_cuts(low, high, anchor, width: float) -> list[Array]:
    """Multiples of `width` in z, which resolve the Gaussian weight."""
    furthest = float(np.max(np.maximum(np.abs(low + anchor), np.abs(high + anchor)), initial=0.0))
    steps = np.arange(1, int(furthest / width) + 1) * width
    cuts = [sign * step - anchor for step in steps for sign in (1.0, -1.0)]
    return [np.where((cut > low) & (cut < high), cut, low) for cut in cuts]


def _cuts_around(centre, scale, fallback) -> list[Array]:
    """`centre` and multiples of `scale` beside it, where that scale needs resolving."""
    sharp = np.isfinite(centre) & (scale < SMOOTH_SCALE)
    factors = (0.0, *CUTS, *(-cut for cut in CUTS))
    with np.errstate(invalid="ignore"):
        return [np.where(sharp, centre + factor * scale, fallback) for factor in factors]


def _panels_between(cuts: list[Array], low, high, anchor, weight) -> Panels:
    """Sorted, clipped cuts as panels; those of no width are dropped."""
    edges = np.sort(np.clip(np.stack(cuts, axis=1), low[:, None], high[:, None]), axis=1)
    width = np.diff(edges, axis=1)
    size = np.maximum(np.abs(edges[:, 1:]), np.abs(edges[:, :-1]))
    owner, column = np.nonzero(width > 1e-14 * size)
    return Panels(owner, edges[owner, column], width[owner, column], anchor[owner], weight[owner])


def _merge(parts: list[Panels]) -> Panels:
    """Panels of all parts, ordered by owner."""
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Panels(*(column[order] for column in joined))


# --- inner integral ---------------------------------------------------------------------------


class _Rows(NamedTuple):
    """One inner integral per outer node: v = u' − origin runs over [start, stop].

    m = margin − ζ v;  t = t0 + s v;  u = u0 − c v.  All arrays have shape (rows, 1).
    """

    owner: Array
    weight: Array
    origin: Array
    start: Array
    stop: Array
    centre: Array  # of the sinh map
    spread: Array  # of the sinh map
    margin: Array
    zeta: Array
    sigma: Array
    t0: Array
    u0: Array
    cos_theta: Array
    sin_theta: Array


def _rows(panels: Panels, fields: Fields, order: int) -> _Rows:
    """The outer nodes and, for each, the interval of the inner variable that counts."""
    nodes, weights = gauss_legendre(order)
    offset = (panels.offset[:, None] + panels.width[:, None] * nodes).reshape(-1, 1)
    anchor = np.repeat(panels.anchor, order)[:, None]
    z = anchor + offset
    weight = np.multiply.outer(2.0 * panels.weight * panels.width, weights).reshape(-1, 1)
    weight = weight * normal_pdf(z)
    owner = np.repeat(panels.owner, order)
    c, s, _, b, sigma, rho, zeta, kappa, slack, _ = (v[owner][:, None] for v in fields)

    teacher_edge = -z * (c / s)
    near = teacher_edge > -9.0
    origin = np.where(near, teacher_edge, 0.0)
    # m at the origin, by whichever of two equal expressions cancels less: from the teacher's
    # edge (t = 0, u = z/s), or from the anchor of the window.
    from_edge, from_anchor = b * z / s, rho * offset + zeta * origin
    by_anchor = np.where(anchor > 0.0, slack, kappa) - from_anchor
    cancels_less = np.abs(from_edge) <= np.abs(rho * offset) + np.abs(zeta * origin)
    margin = np.where(near & cancels_less, kappa - from_edge, by_anchor)

    slope = np.where(zeta < 0.0, -1.0, 1.0) * np.maximum(np.abs(zeta), 1e-30)
    corner, blur = margin / slope, sigma / np.abs(slope)
    start = teacher_edge - origin
    # Examples more than 9 blurs on the satisfied side of the corner do not count.
    start = np.where(zeta < 0.0, np.maximum(start, corner - 9.0 * blur), start)
    stop = np.where(zeta >= 0.0, corner + 9.0 * blur, np.inf)
    nearest = np.clip(0.0, origin + start, np.maximum(origin + stop, origin + start))
    reach = np.sqrt(nearest**2 + REACH_SQUARED)
    start, stop = np.maximum(start, -reach - origin), np.minimum(stop, reach - origin)

    sharp = (blur < SMOOTH_SCALE) & (corner > start - 9 * blur) & (corner < stop + 9 * blur)
    centre = np.where(sharp, corner, np.clip(-origin, start, np.maximum(start, stop)))
    spread = np.where(sharp, blur, SMOOTH_SCALE)
    rows = _Rows(
        owner, weight, origin, start, stop, centre, spread, margin, zeta, sigma,
        s * (origin - teacher_edge), s * z - c * origin, c, s,
    )  # fmt: skip
    kept = (stop > start)[:, 0]
    return rows if kept.all() else _Rows(*(column[kept] for column in rows))


def _inner_moments(rows: _Rows, order: int) -> Float[np.ndarray, "rows 14"]:
    """The moments of each row, computed in blocks that fit the cache."""
    result = np.empty((len(rows.owner), len(Moments._fields)))
    step = max(1, BLOCK // order)
    for first in range(0, len(result), step):
        block = slice(first, first + step)
        result[block] = _block_moments(_Rows(*(column[block] for column in rows)), order)
    return result


def _row_sums(p: Array, q: Array | None = None) -> Array:
    """Σ p, or Σ p q, along each row."""
    return p.sum(axis=1) if q is None else np.einsum("ij,ij->i", p, q)


def _block_moments(rows: _Rows, order: int) -> Float[np.ndarray, "rows 14"]:
    """Inner sums by the sinh map v = centre + spread·sinh τ, τ on a Gauss-Legendre grid."""
    nodes, weights = gauss_legendre(order)
    tau_start = np.arcsinh((rows.start - rows.centre) / rows.spread)
    length = np.arcsinh((rows.stop - rows.centre) / rows.spread) - tau_start
    half = (0.5 * length) * nodes
    # v − start as a product, so that t ~ v keeps its relative accuracy next to the edge.
    v = rows.start + (2.0 * rows.spread) * (np.sinh(half) * np.cosh(tau_start + half))
    u_prime = rows.origin + v
    weight = np.cosh(tau_start + 2.0 * half) * weights
    weight *= np.exp(-0.5 * u_prime * u_prime)

    x = (rows.margin - rows.zeta * v) / rows.sigma
    cdf, pdf = weight * normal_cdf(x), weight * normal_pdf(x)
    g = x * cdf + pdf

    c, s, sigma, t0, u0 = (
        column[:, 0] for column in (rows.cos_theta, rows.sin_theta, rows.sigma, rows.t0, rows.u0)
    )
    p0, p1, p2 = _row_sums(cdf), _row_sums(cdf, v), _row_sums(cdf * v, v)
    f0, f1 = _row_sums(pdf), _row_sums(pdf, v)
    g0, g1 = _row_sums(g), _row_sums(g, v)
    sums = [
        sigma**2 * (p0 + _row_sums(g, x)),
        sigma * g0,
        sigma * (t0 * g0 + s * g1),
        sigma * (u0 * g0 - c * g1),
        p0,
        t0 * p0 + s * p1,
        u0 * p0 - c * p1,
        t0 * t0 * p0 + 2.0 * t0 * s * p1 + s * s * p2,
        t0 * u0 * p0 + (s * u0 - t0 * c) * p1 - s * c * p2,
        u0 * u0 * p0 - 2.0 * u0 * c * p1 + c * c * p2,
        f0,
        t0 * f0 + s * f1,
        u0 * f0 - c * f1,
        _row_sums(pdf, x),
    ]
    # φ(u') lacks its 1/√2π; the map contributes length·spread.
    scale = rows.weight * length * rows.spread / np.sqrt(2.0 * np.pi)
    return np.stack(sums, axis=1) * scale
