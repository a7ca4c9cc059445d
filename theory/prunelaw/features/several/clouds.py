"""Kept examples as places of several signals with masses, cluster by cluster.

In cluster c the signals s lie at places r = s − s̄ with mass P(there and kept).  Given r the field
is Gaussian, h = m + a·r + √(q − a·o) g with a = C⁻¹ o.  A cloud gives what `channel.moments` gives,
for any number of signals, and the Hermite coefficients of the force that pairs of students need.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.polynomial.hermite_e import hermegauss

from prunelaw.features.channel import SMALLEST_SPREAD, TINY, Fields, Moments, Signals
from prunelaw.features.losses import Loss, Square
from prunelaw.features.newton import FINE
from prunelaw.features.panels import nodes, turn
from prunelaw.numerics.gaussian import Array

DEGREE = 32  # of the Hermite series


class Cloud(NamedTuple):
    """place: r = s − s̄, (K, R, S); mass: (K, R), P(kept) in all; signs: labels y, (K,)."""

    place: Array
    mass: Array
    signs: Array

    def given(self, fields: Fields, signals: Signals) -> tuple[Array, Array, Array]:
        """Means (P, K, R) and spreads (P, K, 1) of h at each place, and a (P, K, S)."""
        if not fields.o.shape[-1]:
            spread = np.sqrt(np.maximum(fields.q, TINY))[..., None]
            return fields.m[..., None] + np.zeros(self.mass.shape), spread, fields.o
        a = np.linalg.solve(signals.cov, fields.o[..., None])[..., 0]
        rest = fields.q - np.sum(a * fields.o, axis=-1)
        sigma = np.sqrt(np.maximum(rest, SMALLEST_SPREAD**2 * fields.q + TINY))[..., None]
        return fields.m[..., None] + np.einsum("krs,pks->pkr", self.place, a), sigma, a

    def average(self, fields: Fields, signals: Signals, loss: Loss, order: int) -> Moments:
        """As `channel.moments`, by 2 × `order` Gauss-Hermite nodes of h at each place."""
        mu, sigma, a = self.given(fields, signals)
        g, weight = hermegauss(3 if isinstance(loss, Square) else 2 * order)
        weight = weight / weight.sum()
        s = sigma[..., None]
        score, y = g / s, self.signs[:, None, None]
        force, slope = loss.force(y * (mu[..., None] + s * g), fields.V[..., None, None])
        curve = score**2 - 1.0 / s**2
        f, both = y * force, y * force * slope
        rows = np.stack(
            [
                np.stack([slope, f * f, f]),
                np.stack([both * score, 2.0 * f * both, both]),  # in V
                np.stack([0.5 * slope * curve, both * score, 0.5 * slope * score]),  # in q
                np.stack([slope * score, 2.0 * both, slope]),  # in m
            ]
        )  # fmt: skip
        table = np.moveaxis((rows @ weight) * self.mass, (0, 1), (3, 4))  # (P, K, R, 4, 3)
        whole = table.sum(axis=2)
        pulled = np.einsum("pkrj,krs->pkjs", table[..., 2], self.place)
        whole = np.concatenate([whole, pulled], axis=-1)  # (P, K, 4, 3 + S)
        slopes = [whole[:, :, 1], whole[:, :, 2], whole[:, :, 3]]
        if a.shape[-1]:
            first = np.einsum("pkri,krs->pksi", table[:, :, :, 3], self.place)
            second = np.einsum("pkr,krs,krt->pkst", table[:, :, :, 3, 2], self.place, self.place,
                               optimize=True)  # fmt: skip
            turned = np.linalg.solve(signals.cov, np.concatenate([first, second], axis=-1))
            turned = turned - 2.0 * a[..., None] * whole[:, :, 2, None]
            slopes += list(np.moveaxis(turned, 2, 0))
        return Moments(whole[:, :, 0], np.stack(slopes, axis=-1))

    def hermite(
        self, fields: Fields, signals: Signals, loss: Loss, order: int, sampled: bool = False
    ) -> tuple[Float[np.ndarray, "K R degree"], Array]:
        """E[f He_j(g)]/√j! at each place, and E[w f²] (K,), of one point (P = 1).

        g has panels of `order` nodes; where places are sampled, Gauss-Hermite nodes as `average`.
        """
        mu, sigma, _ = self.given(fields, signals)
        K, R = self.mass.shape
        if isinstance(loss, Square):
            y = self.signs[:, None]
            force, slope = loss.force(y * mu[0], fields.V[0][:, None])
            coefficients = np.stack([y * force, slope * sigma[0] + 0.0 * force], axis=-1)
            return coefficients, np.sum(self.mass * (coefficients**2).sum(axis=2), axis=1)
        degree = min(DEGREE, order) if sampled else DEGREE
        coefficients, square = np.zeros((K, R, degree)), np.zeros(K)
        for k in range(K):
            y, V, sd = self.signs[k], fields.V[:1, k], sigma[0, k]
            if sampled:
                place, weight = hermegauss(2 * order)
                h, weight = mu[0, k][:, None] + sd * place, weight / weight.sum()
            else:
                spread = np.broadcast_to(sd, (R,))
                cuts = [np.full((R, 1), y * kink[0]) for kink in loss.kinks(V)]
                cuts += [turn(np.full(R, y * place[0]), spread) for place in loss.turns(V)]
                h, weight = nodes(mu[0, k], spread, cuts, order)
            force, _ = loss.force(y * h, np.broadcast_to(V, h.shape))
            g, part = (h - mu[0, k][:, None]) / sd, weight * y * force
            square[k] = self.mass[k] @ np.sum(part * y * force, axis=1)
            last, now = np.zeros_like(g), np.ones_like(g)
            for j in range(degree):
                coefficients[k, :, j] = np.sum(part * now, axis=1)
                last, now = now, (g * now - np.sqrt(j) * last) / np.sqrt(j + 1.0)
        return coefficients, square


class Clouds(NamedTuple):
    """Two clouds of the same examples, so that their difference tells what places cost."""

    coarse: Cloud
    fine: Cloud

    def take(self, index: Array) -> Clouds:
        """All points share the clouds."""
        return self

    def average(self, fields: Fields, signals: Signals, loss: Loss, order: int) -> Moments:
        cloud = self.coarse if order < FINE else self.fine
        return cloud.average(fields, signals, loss, order)
