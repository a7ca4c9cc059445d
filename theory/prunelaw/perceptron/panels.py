"""Outer panels of the averages over kept examples: where [low, high] of the probe field is cut.

Gauss-Legendre panels in z end where the inner integral changes character: each change is
Gaussian-smoothed over a known scale, so a few cuts at multiples of that scale resolve it, however
small it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prunelaw.keep import Segments
from prunelaw.numerics.arrays import taken
from prunelaw.numerics.gaussian import Array

# exp(−REACH²/2) = 1e−18 relative to the largest value in the window: beyond, nothing counts.
REACH_SQUARED = 83.0
# Cuts around a change of character, in units of its scale.  Φ has done its work at 9.
CUTS = (1.5, 3.5, 6.0, 9.0)
FEW_CUTS = (2.5, 7.0)
# A change smoother than this is resolved by the panels of the Gaussian itself.
SMOOTH_SCALE = 2.0


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

    take = taken


class Resolution(NamedTuple):
    """Orders of the outer and inner Gauss-Legendre rules, the widest outer panel, where panels
    are cut around a change of character, and the cancellation up to which the inner integral is
    taken in closed form.
    """

    outer: int
    inner: int
    width: float
    cuts: tuple[float, ...] = CUTS
    closed: float = 0.0


def anchored(z: Array, fields: Fields) -> tuple[Array, Array]:
    """For single z: an anchor (the edge, or 0 on the other side), and κ − ρ·anchor there."""
    anchor = np.where(z > 0.0, fields.edge, 0.0)
    return anchor, np.where(z > 0.0, fields.slack, fields.kappa)


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


def plane_panels(segments: Segments, column: int, fields: Fields, resolution: Resolution) -> Panels:
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

    `margin` = κ − ρ·anchor. The changes: z = 0, where the teacher's edge L(z) enters the
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


def axis_panels(segments: Segments, column: int, fields: Fields, resolution: Resolution) -> Panels:
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


def merged(parts: list[Panels]) -> Panels:
    """Panels of all parts, ordered by owner."""
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Panels(*(column[order] for column in joined))


def sum_by_owner(
    values: Float[np.ndarray, "rows 14"], owner: Int[np.ndarray, " rows"], n: int
) -> Float[np.ndarray, "14 n"]:
    """Add up rows of each point; `owner` is sorted."""
    totals = np.zeros((n, values.shape[1]))
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    if len(starts):
        totals[owner[starts]] = np.add.reduceat(values, starts, axis=0)
    return totals.T
