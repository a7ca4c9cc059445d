"""Equations of the theory at 25 digits, and slopes of both sides by differences."""

from itertools import pairwise

import numpy as np
import pytest
from mpmath import mp

from prunelaw.features import LOSSES, FeatureModel, solve
from prunelaw.features.channel import Fields, Kept, Layers, Signals, moments
from prunelaw.features.matrix import Hats, World, respond


def reference(n, keep, penalty, mean, probe, start):
    """Two clusters N(±μ, I), logistic loss, keep |z| < γ: the equations in mpmath, no prox:

    the field is integrated over v = prox(h), h = v − V/(1 + e^v).
    """
    mp.dps = 25
    d, mu = len(mean), [mp.mpf(x) for x in mean]
    theta = [mp.mpf(x) for x in probe]

    def dot(a, b):
        return mp.fsum(x * y for x, y in zip(a, b, strict=True))

    zbar, C = dot(theta, mu), dot(theta, theta)

    def mass(gamma):
        sd = mp.sqrt(C)
        return mp.ncdf((gamma - zbar) / sd) - mp.ncdf((-gamma - zbar) / sd)

    gamma = mp.findroot(lambda g: mass(g) - keep, 0.7) if keep < 1 else mp.inf

    def equations(V, q, m, o):
        kappa, tau, sd = o / q, mp.sqrt(C - o * o / q), mp.sqrt(q)

        def integrand(v):
            force = 1 / (1 + mp.exp(v))
            h, curve = v - V * force, force * (1 - force)
            dh = 1 + V * curve
            weight = mp.npdf((h - m) / sd) / sd * dh
            centre = zbar + kappa * (h - m)
            if keep < 1:
                low, high = (-gamma - centre) / tau, (gamma - centre) / tau
                kept = mp.ncdf(high) - mp.ncdf(low)
                along = (centre - zbar) * kept - tau * (mp.npdf(high) - mp.npdf(low))
            else:
                kept, along = mp.mpf(1), centre - zbar
            return (
                mp.matrix([kept * curve / dh, kept * force**2, kept * force, along * force])
                * weight
            )

        edges = [m + sd * k for k in (-11, -8, -5, -3, -1, 1, 3, 5, 8, 11)]
        ends = [mp.findroot(lambda v, h=h: v - V / (1 + mp.exp(v)) - h, h + V / 2) for h in edges]
        total = mp.matrix(4, 1)
        for a, b in pairwise(ends):
            for x, y in panel:
                total += y * (b - a) / 2 * integrand((a + b) / 2 + x * (b - a) / 2)
        load = mp.mpf(n) / 2
        Vh, qh, mh = (load * total[i] for i in range(3))
        oh = (load * total[3] + o * Vh) / C
        A = 1 / (penalty + 2 * Vh)
        beta = [A * 2 * (mh * a + oh * b) for a, b in zip(mu, theta, strict=True)]
        new = (d * A, dot(beta, beta) + 2 * d * A * A * qh, dot(mu, beta), dot(theta, beta))
        return [a - b for a, b in zip(new, (V, q, m, o), strict=True)]

    panel = [_polished(44, x) for x in np.polynomial.legendre.leggauss(44)[0]]
    _, q, m, _ = mp.findroot(equations, [mp.mpf(float(x)) for x in start], tol=1e-18)
    return mp.ncdf(-m / mp.sqrt(q))


def _polished(order, x):
    """A Gauss-Legendre node and weight at working precision."""
    x = mp.findroot(lambda t: mp.legendre(order, t), mp.mpf(float(x)))
    slope = order * (x * mp.legendre(order, x) - mp.legendre(order - 1, x)) / (x * x - 1)
    return x, 2 / ((1 - x * x) * slope**2)


@pytest.mark.parametrize(
    ("n", "keep", "penalty"),
    [
        (20.0, 0.4, 0.5),
        pytest.param(3.0, 0.3, 0.05, marks=pytest.mark.exhaustive),
        pytest.param(60.0, 0.7, 0.01, marks=pytest.mark.exhaustive),
        pytest.param(20.0, 1.0, 2.0, marks=pytest.mark.exhaustive),
    ],
)
def test_against_mpmath(n, keep, penalty):
    mean, probe = [0.8, 0.3, 0.0, 0.0], [0.9, -0.2, 0.3, 0.0]
    found = solve(FeatureModel.two_clusters(mean), n, keep, "hard", probe, penalty=penalty)
    start = (found.stiffness[0], found.variance[0], found.mean[0], found.overlaps[0, 0])
    truth = reference(n, keep, penalty, mean, probe, start)
    assert abs(float(found.error / truth - 1)) < 1e-12


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("drawn", [False, True])
def test_slopes_of_the_matrix_side(diagonal, drawn):
    rng = np.random.default_rng(0)
    K, d, S, P = 3, 6, 2, 2
    root = rng.normal(size=(K, d, d))
    covs = np.abs(root[:, 0]) + 0.1 if diagonal else root @ np.swapaxes(root, 1, 2) / d
    spread = (np.full(d, 0.3) if diagonal else 0.3 * np.eye(d) + 0.1 * covs[0]) if drawn else None
    world = World(rng.normal(size=(K, d)), covs, rng.normal(size=(S, d)), spread, drawn=1)
    x = np.concatenate([rng.uniform(0.5, 2, (P, K, 2)), rng.normal(size=(P, K, 1 + S))], axis=-1)

    def fields(x):
        hats = Hats(x[..., 0], x[..., 1], x[..., 2], x[..., 3:])
        answer = respond(hats, world, np.array([0.5, 1.0]))
        return np.concatenate([np.stack(answer.fields[:3], -1), answer.fields.o], -1), answer.slope

    slope = fields(x)[1]
    for e, j in np.ndindex(K, 3 + S):
        step = np.zeros_like(x)
        step[:, e, j] = 1e-6
        difference = (fields(x + step)[0] - fields(x - step)[0]) / 2e-6
        np.testing.assert_allclose(slope[:, :, :, e, j], difference, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("mode", ["none", "closed", "outer", "both", "scaled"])
def test_slopes_of_the_channel(loss, mode):
    """Moments on two quadratures, and their slopes against differences."""
    rng = np.random.default_rng(1)
    outer, closed, P, K = mode in ("outer", "both", "scaled"), mode in ("closed", "both"), 2, 2
    S = outer + closed
    cov = np.stack([np.eye(S) + 0.4 * (1 - np.eye(S)), 1.3 * np.eye(S)])
    signals, layers = Signals(0.3 * rng.normal(size=(K, S)), cov), None
    if closed:
        low = np.array([[[-0.7, -np.inf], [-0.5, 0.9]]] * P)
        high = np.array([[[0.8, -1.0], [0.6, np.inf]]] * P)
        layers = Layers(low, high, np.array([[[1, 0.5], [0.3, 1.0]]] * P))

    def weigh(i, r):
        return np.stack([1 / (1 + np.exp(-2 * r)), 1 / (1 + np.exp(2 * r))])

    def scale(i, r):
        return np.stack([1 + 0.05 * r * r, 1.5 + 0 * r])

    kept = Kept(
        outer, np.full((P, 1), np.nan), weigh if outer else None, layers,
        np.array([[1, 0.0], [0.2, 0.8]]), scale if mode == "scaled" else None, np.arange(P),
    )  # fmt: skip
    x = np.concatenate([rng.uniform(0.8, 2, (P, K, 2)), 0.4 * rng.normal(size=(P, K, 1 + S))], -1)
    x[..., 3:] = rng.uniform(0.2, 0.35, (P, K, S))

    def at(x, order=16):
        return moments(
            Fields(x[..., 0], x[..., 1], x[..., 2], x[..., 3:]), kept, signals, LOSSES[loss], order
        )

    here = at(x)
    np.testing.assert_allclose(
        here.value, at(x, 24).value, atol=1e-8 if mode == "scaled" else 1e-12
    )
    for j in range(3 + S):
        step = np.zeros_like(x)
        step[..., j] = 1e-5
        difference = (at(x + step).value - at(x - step).value) / 2e-5
        np.testing.assert_allclose(here.slope[..., j], difference, atol=3e-6)
