"""The channel: what the kept examples of each cluster ask of a student's field, and its slopes.

In cluster c the field is Gaussian, h = m + a·(s − s̄) + √(q − a·o) g with a = C⁻¹o, s the signals
that labels and rule read.  With the proximal step f(h) of the loss (`losses`),

    V̂ = −n p E[w ∂f/∂h],  q̂ = n p E[w f²],  m̂ = n p E[w f],  ô = C⁻¹(n p E[w f (s − s̄)] + o V̂)

One signal r may be integrated on panels (`outer`), one signal u in closed form given h and r
(`closed`, weights constant on intervals of u), and h on panels.  Slopes in (V, q, m, o)
come from the heat equation of the Gaussian density, ∂p/∂cov(x, y) = ∂²p/∂x∂y, integrated by parts
until no loss is differentiated twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from prunelaw.features.losses import Loss
from prunelaw.features.panels import layer, nodes, turn
from prunelaw.numerics.gaussian import Array, normal_pdf

TINY = 1e-300
SMALLEST_SPREAD = 1e-14  # of h given its signals, relative to its scale


class Layers(NamedTuple):
    """Weights constant on intervals of one signal, for P points and labels (+1, −1): (P, 2, J)."""

    low: Array
    high: Array
    weight: Array

    def take(self, index: Array) -> Layers:
        return Layers(*(array[index] for array in self))


class Kept(NamedTuple):
    """Which examples are kept with which label, for P points, as a weight on the signals.

    outer    whether signal 0 is integrated on panels; its mass then is `weigh(r)`, shape
             (2, P, K, R): the probability of the label (+1, −1) and of being kept
    cuts     where that weight jumps or bends, (P, cuts), NaN for none
    layers   of the last signal, integrated in closed form; None if there is none
    labels   P(y = +1), P(y = −1) by cluster, (K, 2)
    scale    factor of the loss at r (importance weights), as `weigh`; None for 1
    rows     row of the layers for each cluster, (K,); None: that of the label
    """

    outer: bool
    cuts: Array
    weigh: Callable[[Array, Array], Array] | None
    layers: Layers | None
    labels: Array
    scale: Callable[[Array, Array], Array] | None
    number: Array  # the numbers of the points, which `weigh` and `scale` take first
    rows: Array | None = None

    def take(self, index: Array) -> Kept:
        layers = None if self.layers is None else self.layers.take(index)
        return self._replace(cuts=self.cuts[index], layers=layers, number=self.number[index])

    def average(self, fields: Fields, signals: Signals, loss: Loss, order: int) -> Moments:
        """See `moments`."""
        return moments(fields, self, signals, loss, order)


class Signals(NamedTuple):
    """Means (K, S) and covariances (K, S, S) of the signals in each cluster."""

    mean: Array
    cov: Array


class Fields(NamedTuple):
    """Order parameters of P points in K clusters: V, q, m (P, K) and o (P, K, S)."""

    V: Array
    q: Array
    m: Array
    o: Array


class Frame(NamedTuple):
    """The Gaussian of (h, u) given r, for arrays (P, K, R)."""

    r: Array  # r − r̄
    mass: Array
    mu: Array
    sigma: Array  # (P, K, 1)
    nu: Array  # mean of u given r
    D: Array  # variance of u given r, (K, 1)
    e: Array  # covariance of h and u given r, (P, K, 1)
    a: Array  # slope of h in r, (P, K, 1)
    b: Array  # slope of u in r, (K, 1)


def frame(
    fields: Fields,
    kept: Kept,
    signals: Signals,
    loss: Loss,
    order: int,
    at: Array | None = None,
) -> Frame:
    """Panels of r, or the given places `at` of it (R,), and what h and u are given r."""
    q, m = fields.q[..., None], fields.m[..., None]
    nothing = np.zeros_like(q)
    S = signals.mean.shape[1]
    if not kept.outer:
        D = signals.cov[:, 0, :1] if S else nothing[0]
        nu = np.broadcast_to(signals.mean, q.shape) if S else nothing
        e = fields.o[..., :1] if S else nothing
        sigma = np.sqrt(np.maximum(q, TINY))
        return Frame(nothing, nothing + 1.0, m, sigma, nu, D, e, nothing, 0.0 * D)
    variance, mean = signals.cov[:, 0, :1], signals.mean[:, :1]
    a = fields.o[..., :1] / variance
    sigma = np.sqrt(np.maximum(q - a * fields.o[..., :1], SMALLEST_SPREAD**2 * q + TINY))
    closed = S > 1
    b = signals.cov[:, 0, 1:2] / variance if closed else 0.0 * variance
    D = signals.cov[:, 1, 1:2] - b * signals.cov[:, 0, 1:2] if closed else 0.0 * variance
    e = fields.o[..., 1:2] - b * fields.o[..., :1] if closed else nothing
    sd = np.broadcast_to(np.sqrt(variance[:, 0]), fields.q.shape)
    centre = np.broadcast_to(mean[:, 0], fields.q.shape)
    cuts = [kept.cuts[:, None, :]]
    with np.errstate(divide="ignore", invalid="ignore"):
        for sign in (1.0, -1.0):
            for kink in (*loss.kinks(fields.V), *loss.turns(fields.V)):
                place = centre + (sign * kink - fields.m) / a[..., 0]
                cuts.append(layer(place, sigma[..., 0] / np.abs(a[..., 0]), sd))
        cuts.append(layer(centre - fields.m / a[..., 0], sigma[..., 0] / np.abs(a[..., 0]), sd))
        if closed and kept.layers is not None:
            u = signals.mean[:, 1]
            for edge in _edges(kept.layers):
                place = centre + (edge[:, None] - u) / b[:, 0]
                width = np.broadcast_to(np.sqrt(D[:, 0]) / np.abs(b[:, 0]), place.shape)
                cuts.append(layer(place, width, sd))
    if at is None:
        at, mass = nodes(centre, sd, cuts, order)
    else:
        at = np.broadcast_to(at, (*fields.q.shape, len(at)))
        mass = np.ones_like(at)
    r = at - mean
    nu = signals.mean[:, 1:2] + b * r if closed else 0.0 * r
    return Frame(r, mass, m + a * r, sigma, nu, D, e, a, b)


def _edges(layers: Layers) -> list[Array]:
    """All finite edges of the closed signal's intervals, (P,) each, without repetition."""
    both = np.concatenate([layers.low, layers.high], axis=2)
    flat = np.where(np.isfinite(both), both, np.nan).reshape(len(both), -1)
    flat.sort(axis=1)
    flat[:, 1:][flat[:, 1:] == flat[:, :-1]] = np.nan
    flat.sort(axis=1)
    return [column for column in flat.T if not np.isnan(column).all()]


class Windows(NamedTuple):
    """Integrals over u at given h and r: of w, w(u − ū), the same against slopes of p(u|h)."""

    W0: Array
    W1: Array
    B0: Array  # ∫ w ∂_u p
    B1: Array  # ∫ w (u − ū) ∂_u p
    B2: Array  # ∫ w ∂_u² p


def windows(uc: Array, tau: Array, ubar: Array, layers: Layers, number: Array) -> Windows:
    """u ~ N(uc, τ²): sums over the layers of the label number that each cluster has."""
    total = [np.zeros_like(uc) for _ in range(5)]
    for j in range(layers.low.shape[2]):
        low, high, weight = (array[:, number, j][..., None, None] for array in layers)
        if not weight.any():
            continue
        below, above = (low - uc) / tau, (high - uc) / tau
        flip = np.where(np.maximum(below, -1e9) + np.minimum(above, 1e9) > 0.0, -1.0, 1.0)
        inside = flip * (ndtr(flip * above) - ndtr(flip * below))
        ends = [
            (np.where(np.isfinite(x), x, 0.0), normal_pdf(x), edge)
            for x, edge in ((below, low), (above, high))
        ]
        (x0, p0, low), (x1, p1, high) = ends
        low, high = (np.where(np.isfinite(edge), edge, 0.0) for edge in (low, high))
        step = (p1 - p0) / tau
        first = (uc - ubar) * inside - tau**2 * step
        parts = (
            inside,
            first,
            step,
            ((high - ubar) * p1 - (low - ubar) * p0) / tau - inside,
            -(x1 * p1 - x0 * p0) / tau**2,
        )
        for sum_, part in zip(total, parts, strict=True):
            sum_ += weight * part
    return Windows(*total)


def _passes(labels: Array) -> list[Array]:
    """Label numbers by cluster, in one pass where each cluster has one label only, else in two."""
    if (np.count_nonzero(labels, axis=1) == 1).all():
        return [np.argmax(labels != 0.0, axis=1)]
    return [np.zeros(len(labels), int), np.ones(len(labels), int)]


class Moments(NamedTuple):
    """E[w f_h], E[w f²], E[w f], E[w f (s − s̄)], and their slopes in (V, q, m, o)."""

    value: Array  # (P, K, 3 + S)
    slope: Array  # (P, K, 3 + S, 3 + S)


def moments(fields: Fields, kept: Kept, signals: Signals, loss: Loss, order: int) -> Moments:
    """The averages of one example, before n p multiplies them."""
    part = frame(fields, kept, signals, loss, order)
    table = _table(part, fields, kept, signals, loss, order)
    return _collected(table, part, kept, signals, signals.mean.shape[1])


def moments_at(
    fields: Fields, kept: Kept, signals: Signals, loss: Loss, order: int, place: Array
) -> Float[np.ndarray, "P K R values"]:
    """The averages of one example whose outer signal is at `place` (R,), labels and w included."""
    part = frame(fields, kept, signals, loss, order, place)
    table = _table(part, fields, kept, signals, loss, order, slopes=False)
    force = table[..., 0, 0]
    rows = [table[..., 2, 0], table[..., 1, 0], force, force * part.r]
    if kept.layers is not None:
        rows.append(table[..., 0, 1])
    return np.stack(rows, axis=-1)


def _table(
    part: Frame, fields: Fields, kept: Kept, signals: Signals, loss: Loss, order: int,
    slopes: bool = True,
) -> Array:  # fmt: skip
    """Integrals over h at each r: f, f², f_h, f f_h, f² f_h against eight weights of h and u.

    Without slopes f, f² and f_h against two: w and w (u − ū).
    """
    layers = kept.layers
    shape = part.mu.shape
    sigma = np.broadcast_to(part.sigma, shape)
    kappa = (part.e / part.sigma**2)[..., None]
    tau2 = np.maximum(part.D - part.e**2 / part.sigma**2, 1e-28 * part.D + TINY)
    tau = np.sqrt(tau2)
    place = part.r + signals.mean[:, :1] if kept.outer else part.r
    mass = np.broadcast_to(kept.labels.T[:, None, :, None], (2, *shape))
    if kept.weigh is not None:
        mass = mass * kept.weigh(kept.number, place)
    scale = None if kept.scale is None else kept.scale(kept.number, place)
    table = np.zeros((*shape, *((5, 8) if slopes else (3, 2))))
    clusters = np.arange(shape[1])
    for number in _passes(kept.labels):
        sign = np.where(number == 0, 1.0, -1.0)[:, None]
        mine = mass[number, :, clusters].swapaxes(0, 1)
        if not mine.any():
            continue
        V, pull = np.broadcast_to(fields.V[..., None], shape), 1.0
        if scale is not None:
            pull = scale[number, :, clusters].swapaxes(0, 1)[..., None]
            V = V * pull[..., 0]
        cuts = [(sign * kink)[..., None] for kink in loss.kinks(V)]
        cuts += [turn(sign * place, sigma) for place in loss.turns(V)]
        if layers is not None:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                width = np.broadcast_to(tau / np.abs(kappa[..., 0]), shape)
                for edge in _edges(layers):
                    cuts.append(layer(part.mu + (edge[:, None, None] - part.nu) / kappa[..., 0],
                                      width, sigma))  # fmt: skip
        h, density = nodes(part.mu, sigma, cuts, order)
        force, slope = loss.force(sign[..., None] * h, V[..., None])
        f, fh = sign[..., None] * force * pull, slope * pull
        forces = [f, f * f, fh]
        score = (h - part.mu[..., None]) / sigma[..., None] ** 2
        curve = score**2 - 1.0 / sigma[..., None] ** 2 if slopes else score
        if layers is not None:
            ubar = signals.mean[:, -1].reshape(-1, 1, 1)
            rows = number if kept.rows is None else kept.rows
            uc = part.nu[..., None] + kappa * (h - part.mu[..., None])
            W = windows(uc, tau[..., None], ubar, layers, rows)
            right = (W.W0, W.W1)
            right += () if not slopes else (
                W.W0 * score + kappa * W.B0,
                W.W0 * curve + 2.0 * kappa * W.B0 * score + kappa**2 * W.B2,
                W.W1 * score + kappa * W.B1, W.B0, W.B1, -score * W.B0 - kappa * W.B2,
            )  # fmt: skip
        else:
            one, none = np.ones_like(h), np.zeros_like(h)
            right = (one, none, score, curve, none, none, none, none)
        if slopes:
            forces += [f * fh, f * f * fh]
        left = np.stack(forces, axis=-2) * density[..., None, :]
        weight = (part.mass * mine)[..., None, None]
        table += weight * (left @ np.stack(right[: table.shape[-1]], axis=-1))
    return table


def _collected(table: Array, part: Frame, kept: Kept, signals: Signals, S: int) -> Moments:
    """Sums over r of the table (rows f, f², f_h, f f_h, f² f_h), with powers of r − r̄."""
    F, FF, FH, G, GG = range(5)
    W0, W1, S1, S2, S1U, B0, B1, SE = range(8)
    pick = {
        "value": ((FH, W0, 1.0), (FF, W0, 1.0), (F, W0, 1.0), (F, W1, 1.0)),
        "mu": ((FH, S1, 1.0), (G, W0, 2.0), (FH, W0, 1.0), (FH, W1, 1.0)),
        "var": ((FH, S2, 0.5), (G, S1, 1.0), (FH, S1, 0.5), (FH, S1U, 0.5)),
        "e": ((FH, SE, 1.0), (G, B0, -2.0), (FH, B0, -1.0), (FH, B1, -1.0)),
        "V": ((G, S1, 1.0), (GG, W0, 2.0), (G, W0, 1.0), (G, W1, 1.0)),
    }
    r = part.r
    powers = np.stack([np.ones_like(r), r, r * r], axis=-1)
    of = {}
    for name, parts in pick.items():
        columns = np.stack([factor * table[..., i, j] for i, j, factor in parts], axis=-1)
        of[name] = np.swapaxes(columns, -1, -2) @ powers  # (P, K, 4, 3)
    outer, closed = int(kept.outer), kept.layers is not None

    def rows(kind: str, power: int = 0) -> Array:
        """The moments (f_h, f², f, f r, f u) of one kind, times (r − r̄)^power."""
        sums = of[kind]
        chosen = [sums[..., :3, power]]
        if outer:
            chosen.append(sums[..., 2:3, power + 1])
        if closed:
            chosen.append(sums[..., 3:4, power])
        return np.concatenate(chosen, axis=-1)

    columns = [rows("V"), rows("var"), rows("mu")]
    if outer:
        variance = signals.cov[:, 0, :1]
        columns.append(rows("mu", 1) / variance - 2.0 * part.a * rows("var") - part.b * rows("e"))
    if closed:
        columns.append(rows("e"))
    value = rows("value")
    assert value.shape[-1] == 3 + S
    return Moments(value, np.stack(columns, axis=-1))
