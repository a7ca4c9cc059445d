"""Averages over the kept examples that the student has not yet satisfied.

Everything the saddle point needs is an average, over teacher field t > 0 and probe field z
in the kept intervals, of the smoothed hinge G(m; σ) and its derivatives at

    m = κ − h(t, u),      h = a t + b u,      z = c t + s u,      c = cos θ, s = sin θ,

where (a, b, σ) are the student's components along the teacher, along the in-plane direction
orthogonal to it, and out of the plane. All integrands are positive, so sums keep their
*relative* accuracy down to the tiny values that decide the answer at large α.

The outer variable is z, whose intervals have fixed edges (`prunelaw.perceptron.panels` cuts them);
the inner one is u' = s t − c u, the in-plane field orthogonal to z, in which the teacher's
half-plane is u' > L(z) = −z c/s and m = κ − ρ z − ζ u' is linear. The inner integral is taken in
closed form (`prunelaw.perceptron.closed_form`) where rounding allows, else by quadrature: its nodes
follow a sinh map centred on the corner m = 0, which is smoothed over σ/|ζ|.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prunelaw.keep import Segments
from prunelaw.numerics.gaussian import SQRT_2PI, Array, gauss_legendre, normal_cdf, normal_pdf
from prunelaw.perceptron.closed_form import sums_over_panels, values_on_lines
from prunelaw.perceptron.panels import (
    REACH_SQUARED,
    SMOOTH_SCALE,
    Fields,
    Panels,
    Resolution,
    anchored,
    axis_panels,
    merged,
    plane_panels,
    sum_by_owner,
)

# Elements per block of inner nodes: temporaries stay in the second-level cache.
BLOCK = 16_384
# Points whose panels are laid out together; a batch takes tens of megabytes, however long it is.
POINTS = 512
# Inner order for single lines: no panels share the work of resolving the corner.
LINE_ORDER = 80
# Cancellation up to which single lines are taken in closed form.
LINE_CANCELLATION = 1e-12


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


def plane_moments(
    segments: Segments, fields: Fields, lost: Array, resolution: Resolution
) -> Moments:
    """Moments for θ > 0: integrals over the (z, u') plane.

    `lost` is what the closed form would leave (`prunelaw.perceptron.closed_form.cancellation`).
    """
    total = np.zeros((len(Moments._fields), len(fields.kappa)))
    closed = lost < resolution.closed
    for chosen, average in ((closed, _closed_moments), (~closed, _integrated_moments)):
        index = np.flatnonzero(chosen)
        for first in range(0, len(index), POINTS):
            block = index[first : first + POINTS]
            part, here = segments.take(block), fields.take(block)
            columns = range(segments.low.shape[1])
            panels = merged([plane_panels(part, k, here, resolution) for k in columns])
            total[:, block] = average(panels, here, resolution, segments.profile)
    return Moments(*total)


def _closed_moments(panels: Panels, fields: Fields, resolution: Resolution, profile: Any) -> Array:
    """The moments as an array (14, n), the inner integral in closed form."""
    return np.stack(sums_over_panels(panels, fields, resolution.outer, profile))


def _integrated_moments(
    panels: Panels, fields: Fields, resolution: Resolution, profile: Any
) -> Array:
    """The moments as an array (14, n), the inner integral by quadrature of positive terms."""
    rows = _outer_rows(panels, fields, resolution.outer, profile)
    sums = _moments_of_sums(_inner_sums(rows, resolution.inner), rows)
    return sum_by_owner(sums, rows.owner, len(fields.kappa))


def axis_moments(segments: Segments, fields: Fields, resolution: Resolution) -> Moments:
    """Moments for θ = 0, where z = t and the plane shrinks to the teacher's axis."""
    columns = range(segments.low.shape[1])
    panels = merged([axis_panels(segments, k, fields, resolution) for k in columns])
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
    return Moments(*sum_by_owner(sums, panels.owner, len(fields.kappa)))


def axis_lines(z: Array, fields: Fields) -> tuple[Moments, Turn]:
    """The integrands of the moments at given z (n, m) for θ = 0 and w = 1."""
    offset = z - fields.edge[:, None]
    x = (fields.slack[:, None] - fields.rho[:, None] * offset) / fields.sigma[:, None]
    weight = np.where(np.signbit(z), 0.0, 2.0 * normal_pdf(z))  # −0.0 is left of the border
    zero = np.zeros_like(z)
    return Moments(*_axis_values(z, x, fields.sigma[:, None], weight)), Turn(*[zero] * 4)


def plane_lines(z: Array, fields: Fields, lost: Array) -> tuple[Moments, Turn]:
    """The integrands of the moments at given z (n, m) for θ > 0 and w = 1; `lost` as above."""
    n, m = z.shape
    moments = np.zeros((len(Moments._fields), n, m))
    turn = np.zeros((len(Turn._fields), n, m))
    closed = lost < LINE_CANCELLATION
    for chosen, values in ((closed, values_on_lines), (~closed, _integrated_lines)):
        index = np.flatnonzero(chosen)
        if index.size:
            moments[:, index], turn[:, index] = values(z[index], fields.take(index))
    return Moments(*moments), Turn(*turn)


def _integrated_lines(z: Array, fields: Fields) -> tuple[Array, Array]:
    """`plane_lines` by quadrature of positive terms: arrays (14, n, m) and (4, n, m)."""
    n, m = z.shape
    owner = np.repeat(np.arange(n), m)
    flat = z.reshape(-1, 1)
    anchor, margin = anchored(z, Fields(*(value[:, None] for value in fields)))
    margin = margin.reshape(-1, 1)
    rows = _rows(owner, flat, flat - anchor.reshape(-1, 1), margin, 2.0 * normal_pdf(flat), fields)
    sums = _inner_sums(rows, LINE_ORDER)
    # Lines on which every example is satisfied were dropped: their moments are 0.
    moments, turn = np.zeros((n * m, len(Moments._fields))), np.zeros((n * m, len(Turn._fields)))
    moments[rows.place] = _moments_of_sums(sums, rows)
    turn[rows.place] = _turn_of_sums(sums, rows)
    return moments.T.reshape(-1, n, m), turn.T.reshape(-1, n, m)


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


# --- inner integral ---------------------------------------------------------------------------


class _Rows(NamedTuple):
    """One inner integral per outer node: v = u' − origin runs over [start, stop].

    m = margin − ζ v;  t = t0 + s v;  u = u0 − c v. `place` counts the nodes before those with an
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
    c, s, _, b, sigma, rho, zeta, kappa, *_ = (value[owner][:, None] for value in fields)
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
