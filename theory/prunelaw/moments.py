"""Averages over the kept examples that the student has not yet satisfied.

Everything the saddle point needs is an average, over teacher field t > 0 and probe field z
in the kept intervals, of the smoothed hinge G(m; σ) and its derivatives at

    m = κ − h(t, u),      h = a t + b u,      z = c t + s u,      c = cos θ, s = sin θ,

where (a, b, σ) are the student's components along the teacher, along the in-plane direction
orthogonal to it, and out of the plane.  All integrands are positive, so sums keep their
*relative* accuracy down to the tiny values that decide the answer at large α.

Layout of the quadrature.  The outer variable is z, whose intervals have fixed edges; the inner
one is u' = s t − c u, the in-plane field orthogonal to z, in which the teacher's half-plane is
u' > L(z) = −z c/s and m = κ − ρ z − ζ u' is linear.  Both directions use Gauss-Legendre panels.
The outer panels end where the inner integral changes character: each change is Gaussian-smoothed
over a known scale, so a few cuts at multiples of that scale resolve it, however small it is.
The inner nodes follow a sinh map centred on the corner m = 0, which is smoothed over σ/|ζ|.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prunelaw.gaussian import SQRT_2PI, Array, gauss_legendre, normal_cdf, normal_pdf
from prunelaw.keep import Segments

# exp(−REACH²/2) = 1e−18 relative to the largest value in the window: beyond, nothing counts.
REACH_SQUARED = 83.0
# Cuts around a change of character, in units of its scale.  Φ has done its work at 9.
CUTS = (1.5, 3.5, 6.0, 9.0)
FEW_CUTS = (2.5, 7.0)
# A change smoother than this is resolved by the panels of the Gaussian itself.
SMOOTH_SCALE = 2.0
# Elements per block of inner nodes: temporaries stay in the second-level cache.
BLOCK = 16_384
# Points whose panels are laid out together; a batch takes tens of megabytes, however long it is.
POINTS = 512
# Inner order for single lines: no panels share the work of resolving the corner.
LINE_ORDER = 80


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
    """Orders of the outer and inner Gauss-Legendre rules, the widest outer panel, and where panels
    are cut around a change of character.
    """

    outer: int
    inner: int
    width: float
    cuts: tuple[float, ...] = CUTS


class Panels(NamedTuple):
    """Outer panels of all points, flat: z = anchor + offset + width·[0, 1] for point `owner`.

    `margin` is κ − ρ·anchor, without cancellation.
    """

    owner: Int[np.ndarray, " panels"]
    offset: Float[np.ndarray, " panels"]
    width: Float[np.ndarray, " panels"]
    anchor: Float[np.ndarray, " panels"]
    margin: Float[np.ndarray, " panels"]
    weight: Float[np.ndarray, " panels"]


def plane_moments(segments: Segments, fields: Fields, resolution: Resolution) -> Moments:
    """Moments for θ > 0: integrals over the (z, u') plane."""
    n, columns = segments.low.shape
    total = np.zeros((len(Moments._fields), n))
    for first in range(0, n, POINTS):
        block = slice(first, first + POINTS)
        part, here = segments.take(block), Fields(*(value[block] for value in fields))
        panels = _merge([_plane_panels(part, k, here, resolution) for k in range(columns)])
        rows = _outer_rows(panels, here, resolution.outer, segments.profile)
        sums = _moments_of_sums(_inner_sums(rows, resolution.inner), rows)
        total[:, block] = _sum_by_owner(sums, rows.owner, len(here.kappa))
    return Moments(*total)


def axis_moments(segments: Segments, fields: Fields, resolution: Resolution) -> Moments:
    """Moments for θ = 0, where z = t and the plane shrinks to the teacher's axis."""
    columns = range(segments.low.shape[1])
    panels = _merge([_axis_panels(segments, k, fields, resolution) for k in columns])
    nodes, weights = gauss_legendre(resolution.outer)
    own = panels.owner[:, None]
    offset = panels.offset[:, None] + panels.width[:, None] * nodes
    t = panels.anchor[:, None] + offset
    x = (panels.margin[:, None] - fields.rho[own] * offset) / fields.sigma[own]
    weight = 2.0 * panels.weight[:, None] * panels.width[:, None] * weights * normal_pdf(t)
    if segments.profile is not None:
        weight = weight * segments.profile(t)
    values = _axis_values(t, x, fields.sigma[own], weight)
    sums = np.stack([value.sum(axis=1) for value in values], axis=1)
    return Moments(*_sum_by_owner(sums, panels.owner, len(fields.kappa)))


def line_moments(z: Array, fields: Fields, *, planar: bool) -> tuple[Moments, Turn]:
    """The integrands of the moments at given z, for w = 1: Moments and Turn of arrays (n, m).

    Σ over kept intervals of ∫ dz of these are the moments; z has shape (n, m).
    """
    n, m = z.shape
    if not planar:
        offset = z - fields.edge[:, None]
        x = (fields.slack[:, None] - fields.rho[:, None] * offset) / fields.sigma[:, None]
        weight = np.where(np.signbit(z), 0.0, 2.0 * normal_pdf(z))  # −0.0 is left of the border
        zero = np.zeros_like(z)
        return Moments(*_axis_values(z, x, fields.sigma[:, None], weight)), Turn(*[zero] * 4)
    owner = np.repeat(np.arange(n), m)
    flat = z.reshape(-1, 1)
    anchor = np.where(flat > 0.0, fields.edge[owner][:, None], 0.0)
    margin = np.where(flat > 0.0, fields.slack[owner][:, None], fields.kappa[owner][:, None])
    rows = _rows(owner, flat, flat - anchor, margin, 2.0 * normal_pdf(flat), fields)
    sums = _inner_sums(rows, LINE_ORDER)
    # Lines on which every example is satisfied were dropped: their moments are 0.
    moments, turn = np.zeros((n * m, len(Moments._fields))), np.zeros((n * m, len(Turn._fields)))
    moments[rows.place] = _moments_of_sums(sums, rows)
    turn[rows.place] = _turn_of_sums(sums, rows)
    return (
        Moments(*(column.reshape(n, m) for column in moments.T)),
        Turn(*(column.reshape(n, m) for column in turn.T)),
    )


def _axis_values(t: Array, x: Array, sigma: Array, weight: Array) -> list[Array]:
    """The integrands of `Moments` at θ = 0, times `weight`."""
    cdf, pdf = weight * normal_cdf(x), weight * normal_pdf(x)
    g, zero = x * cdf + pdf, np.zeros_like(t)
    return [
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


def _sum_by_owner(
    values: Float[np.ndarray, "rows 14"], owner: Int[np.ndarray, " rows"], n: int
) -> Float[np.ndarray, "14 n"]:
    """Add up rows of each point; `owner` is sorted."""
    totals = np.zeros((n, values.shape[1]))
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    if len(starts):
        totals[owner[starts]] = np.add.reduceat(values, starts, axis=0)
    return totals.T


# --- outer panels -----------------------------------------------------------------------------


def _plane_panels(
    segments: Segments, column: int, fields: Fields, resolution: Resolution
) -> Panels:
    """Panels of one layer: z > 0 is anchored at its lower edge, z < 0 at 0."""
    low, high = segments.low[:, column], segments.high[:, column]
    positive = high > 0.0
    # For z < 0 the teacher's half-plane is |z|/tan θ standard deviations away.
    tan_theta = fields.sin_theta / np.maximum(fields.cos_theta, 1e-300)
    depth = np.minimum(np.sqrt(np.minimum(high, 0.0) ** 2 + REACH_SQUARED), 13.0 * tan_theta)
    low = np.where(positive, low, np.maximum(low, np.minimum(-depth, high)))
    anchor = np.where(positive, low, 0.0)
    margin = _margin_at(anchor, fields)
    return _side_panels(low, high, anchor, margin, segments.weight[:, column], fields, resolution)


def _margin_at(anchor: Array, fields: Fields) -> Array:
    """κ − ρ·anchor, from `slack` where the anchor is an edge of the kept examples."""
    return np.where(anchor > 0.0, fields.slack - fields.rho * (anchor - fields.edge), fields.kappa)


def _side_panels(
    low, high, anchor, margin, weight, fields: Fields, resolution: Resolution
) -> Panels:
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
    cuts = [low, high, *_regular_cuts(low, high, anchor, resolution.width)]
    for centre, scale in changes:
        cuts += _cuts_around(centre, scale, low, resolution.cuts)
    return _panels_between(cuts, low, high, anchor, margin, weight)


def _axis_panels(segments: Segments, column: int, fields: Fields, resolution: Resolution) -> Panels:
    """Panels over one layer's t > 0, cut around the corner t = κ/R (scale σ/R)."""
    anchor = np.maximum(segments.low[:, column], 0.0)
    margin = _margin_at(anchor, fields)
    reach = np.sqrt(anchor**2 + REACH_SQUARED)
    high = np.minimum(np.maximum(segments.high[:, column], 0.0), reach) - anchor
    low = np.zeros_like(anchor)
    corner, scale = margin / fields.rho, fields.sigma / fields.rho
    # Beyond the corner by 9 scales every example is satisfied: φ(9) ~ 1e−18.
    high = np.clip(corner + 9.0 * scale, np.minimum(1e-3 * scale, high), high)
    cuts = [low, high, *_regular_cuts(low, high, anchor, resolution.width)]
    cuts += _cuts_around(corner, scale, low, resolution.cuts)
    return _panels_between(cuts, low, high, anchor, margin, segments.weight[:, column])


def _regular_cuts(low, high, anchor, width: float) -> list[Array]:
    """Multiples of `width` in z, which resolve the Gaussian weight."""
    furthest = float(np.max(np.maximum(np.abs(low + anchor), np.abs(high + anchor)), initial=0.0))
    steps = np.arange(1, int(furthest / width) + 1) * width
    cuts = [sign * step - anchor for step in steps for sign in (1.0, -1.0)]
    return [np.where((cut > low) & (cut < high), cut, low) for cut in cuts]


def _cuts_around(centre, scale, fallback, multiples: tuple[float, ...]) -> list[Array]:
    """`centre` and multiples of `scale` beside it, where that scale needs resolving."""
    sharp = np.isfinite(centre) & (scale < SMOOTH_SCALE)
    factors = (0.0, *multiples, *(-multiple for multiple in multiples))
    with np.errstate(invalid="ignore"):
        return [np.where(sharp, centre + factor * scale, fallback) for factor in factors]


def _panels_between(cuts: list[Array], low, high, anchor, margin, weight) -> Panels:
    """Sorted, clipped cuts as panels; those of no width are dropped."""
    edges = np.sort(np.clip(np.stack(cuts, axis=1), low[:, None], high[:, None]), axis=1)
    width = np.diff(edges, axis=1)
    size = np.maximum(np.abs(edges[:, 1:]), np.abs(edges[:, :-1]))
    owner, column = np.nonzero((width > 1e-14 * size) & (weight > 0.0)[:, None])
    return Panels(
        owner, edges[owner, column], width[owner, column],
        anchor[owner], margin[owner], weight[owner],
    )  # fmt: skip


def _merge(parts: list[Panels]) -> Panels:
    """Panels of all parts, ordered by owner."""
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Panels(*(column[order] for column in joined))


# --- inner integral ---------------------------------------------------------------------------


class _Rows(NamedTuple):
    """One inner integral per outer node: v = u' − origin runs over [start, stop].

    m = margin − ζ v;  t = t0 + s v;  u = u0 − c v.  `place` counts the nodes before those with an
    empty interval were dropped; the other arrays have shape (rows, 1).
    """

    owner: Int[np.ndarray, " rows"]
    place: Int[np.ndarray, " rows"]
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


def _outer_rows(panels: Panels, fields: Fields, order: int, profile: Any) -> _Rows:
    """The outer nodes of all panels as rows."""
    nodes, weights = gauss_legendre(order)
    offset = (panels.offset[:, None] + panels.width[:, None] * nodes).reshape(-1, 1)
    z = np.repeat(panels.anchor, order)[:, None] + offset
    weight = np.multiply.outer(2.0 * panels.weight * panels.width, weights).reshape(-1, 1)
    weight = weight * normal_pdf(z)
    if profile is not None:
        weight = weight * profile(z)
    margin = np.repeat(panels.margin, order)[:, None]
    return _rows(np.repeat(panels.owner, order), z, offset, margin, weight, fields)


def _rows(
    owner: Int[np.ndarray, " rows"],
    z: Array,
    offset: Array,
    at_anchor: Array,
    weight: Array,
    fields: Fields,
) -> _Rows:
    """For each z = anchor + offset, the interval of the inner variable that counts.

    `at_anchor` is κ − ρ·anchor; all but `owner` have shape (rows, 1).
    """
    c, s, _, b, sigma, rho, zeta, kappa, _, _ = (value[owner][:, None] for value in fields)
    teacher_edge = -z * (c / s)
    near = teacher_edge > -9.0
    origin = np.where(near, teacher_edge, 0.0)
    # m at the origin, by whichever of two equal expressions cancels less: from the teacher's
    # edge (t = 0, u = z/s), or from the anchor of the window.
    from_edge, from_anchor = b * z / s, rho * offset + zeta * origin
    cancels_less = np.abs(from_edge) <= np.abs(rho * offset) + np.abs(zeta * origin)
    margin = np.where(near & cancels_less, kappa - from_edge, at_anchor - from_anchor)

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
        owner, np.arange(len(owner)), weight, origin, start, stop, centre, spread, margin, zeta,
        sigma, s * (origin - teacher_edge), s * z - c * origin, c, s,
    )  # fmt: skip
    kept = (stop > start)[:, 0]
    return rows if kept.all() else _Rows(*(column[kept] for column in rows))


class _Sums(NamedTuple):
    """Sums over the inner nodes, shape (rows,): Φ, φ and g = xΦ + φ times powers of v and x."""

    p0: Array
    p1: Array
    p2: Array
    f0: Array
    f1: Array
    fx: Array
    g0: Array
    g1: Array
    g2: Array
    gx: Array
    gxv: Array


def _inner_sums(rows: _Rows, order: int) -> _Sums:
    """The sums of each row, computed in blocks that fit the cache."""
    result = np.empty((len(_Sums._fields), len(rows.owner)))
    step = max(1, BLOCK // order)
    for first in range(0, len(rows.owner), step):
        block = slice(first, first + step)
        result[:, block] = _block_sums(_Rows(*(column[block] for column in rows)), order)
    return _Sums(*result)


def _row_sums(p: Array, q: Array | None = None) -> Array:
    """Σ p, or Σ p q, along each row."""
    return p.sum(axis=1) if q is None else np.einsum("ij,ij->i", p, q)


def _block_sums(rows: _Rows, order: int) -> list[Array]:
    """Inner sums by the sinh map v = centre + spread·sinh τ, τ on a Gauss-Legendre grid."""
    nodes, weights = gauss_legendre(order)
    tau_start = np.arcsinh((rows.start - rows.centre) / rows.spread)
    length = np.arcsinh((rows.stop - rows.centre) / rows.spread) - tau_start
    half = (0.5 * length) * nodes
    # v − start as a product, so that t ~ v keeps its relative accuracy next to the edge.
    v = rows.start + (2.0 * rows.spread) * (np.sinh(half) * np.cosh(tau_start + half))
    u_prime = rows.origin + v
    # φ(u') lacks its 1/√2π; the map contributes length·spread.
    scale = rows.weight * length * rows.spread / SQRT_2PI
    weight = np.cosh(tau_start + 2.0 * half) * (scale * weights)
    weight *= np.exp(-0.5 * u_prime * u_prime)

    x = (rows.margin - rows.zeta * v) / rows.sigma
    cdf, pdf = weight * normal_cdf(x), weight * normal_pdf(x)
    g = x * cdf + pdf
    gx, gv = g * x, g * v
    return [
        _row_sums(cdf), _row_sums(cdf, v), _row_sums(cdf * v, v),
        _row_sums(pdf), _row_sums(pdf, v), _row_sums(pdf, x),
        _row_sums(g), _row_sums(gv), _row_sums(gv, v), _row_sums(gx), _row_sums(gx, v),
    ]  # fmt: skip


def _moments_of_sums(q: _Sums, rows: _Rows) -> Float[np.ndarray, "rows 14"]:
    """t = t0 + s v and u = u0 − c v put into the sums."""
    c, s, sigma, t0, u0 = (
        column[:, 0] for column in (rows.cos_theta, rows.sin_theta, rows.sigma, rows.t0, rows.u0)
    )
    values = [
        sigma**2 * (q.p0 + q.gx),
        sigma * q.g0,
        sigma * (t0 * q.g0 + s * q.g1),
        sigma * (u0 * q.g0 - c * q.g1),
        q.p0,
        t0 * q.p0 + s * q.p1,
        u0 * q.p0 - c * q.p1,
        t0 * t0 * q.p0 + 2.0 * t0 * s * q.p1 + s * s * q.p2,
        t0 * u0 * q.p0 + (s * u0 - t0 * c) * q.p1 - s * c * q.p2,
        u0 * u0 * q.p0 - 2.0 * u0 * c * q.p1 + c * c * q.p2,
        q.f0,
        t0 * q.f0 + s * q.f1,
        u0 * q.f0 - c * q.f1,
        q.fx,
    ]
    return np.stack(values, axis=1)


class Turn(NamedTuple):
    """As `Moments`, of u' = s t − c u times G, g t, g u and Φ: what a turn of the probe changes."""

    G: Array
    g_t: Array
    g_u: Array
    cdf: Array


def _turn_of_sums(q: _Sums, rows: _Rows) -> Float[np.ndarray, "rows 4"]:
    """u' = origin + v put into the sums."""
    c, s, sigma, t0, u0, origin = (
        column[:, 0]
        for column in (
            rows.cos_theta, rows.sin_theta, rows.sigma, rows.t0, rows.u0, rows.origin
        )
    )  # fmt: skip
    first, second = origin * q.g0 + q.g1, origin * q.g1 + q.g2  # Σ g u', Σ g u' v
    values = [
        sigma**2 * (origin * (q.p0 + q.gx) + q.p1 + q.gxv),
        sigma * (t0 * first + s * second),
        sigma * (u0 * first - c * second),
        origin * q.p0 + q.p1,
    ]
    return np.stack(values, axis=1)
