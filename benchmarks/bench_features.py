"""`prunelaw.features.solve` in batches, and the public state-evolution recipe as its peer.

The peer is written from the description of the public code for generalised linear models of
Gaussian mixtures (Loureiro et al. 2021, arXiv 2106.03791): damped substitution of the same
equations, unpruned, with adaptive quadrature (`scipy.integrate.quad`) over each cluster's field and
a scalar proximal step by Brent's method.  It stops where overlaps change by 1e-7.

    python -m benchmarks.bench_features          a few minutes
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit, ndtr

from prunelaw.features import FeatureModel, solve

BATCH = 1000


def mixture(d: int, K: int, seed: int = 0) -> tuple[FeatureModel, np.ndarray]:
    """K clusters with eigenvectors of their own, spectra like i^−1/2; a probe."""
    rng = np.random.default_rng(seed)
    spectrum = np.arange(1, d + 1.0) ** -0.5
    covs = []
    for _ in range(K):
        turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
        cov = (turn * spectrum * np.exp(0.5 * rng.normal(size=d))) @ turn.T
        covs.append(0.5 * (cov + cov.T))
    means = rng.normal(size=(K, d)) * np.sqrt(spectrum) * 0.4
    labels = np.where(np.arange(K) % 2, 1.0, -1.0)
    model = FeatureModel(np.ones(K) / K, means, np.stack(covs), labels)
    return model, labels @ means + rng.normal(size=d) / np.sqrt(d)


def peer(model: FeatureModel, n: float, lam: float, damping: float = 0.5) -> tuple[float, int]:
    """Test error of the unpruned logistic student, and the rounds that it took."""
    K, d = model.clusters, model.dim
    y, covs, means = np.asarray(model.labels), model.covariances, model.means
    V, q, m = np.ones(K), np.ones(K), 0.1 * y
    rounds, change = 0, np.inf
    while change > 1e-7 and rounds < 2000:
        hats = np.array([channel(y[c], V[c], q[c], m[c]) for c in range(K)])
        Vh, qh, mh = (n * model.weights[:, None] * hats).T
        A = np.linalg.inv(lam * np.eye(d) + np.tensordot(Vh, covs, 1))
        beta = A @ (mh @ means)
        spread = A @ np.tensordot(qh, covs, 1) @ A + np.outer(beta, beta)
        fields = zip(covs, means, strict=True)
        new = np.array([(np.sum(S * A), np.sum(S * spread), mu @ beta) for S, mu in fields]).T
        old = np.stack([V, q, m])
        V, q, m = damping * old + (1.0 - damping) * new
        change, rounds = float(np.max(np.abs(new - old) / (1e-3 + np.abs(old)))), rounds + 1
    return float(model.weights @ ndtr(-y * m / np.sqrt(q))), rounds


def channel(y: float, V: float, q: float, m: float) -> tuple[float, float, float]:
    """−E[∂f/∂h], E[f²] and E[f] of one cluster."""

    def force(h: float) -> tuple[float, float]:
        def miss(v: float) -> float:
            return v - h - V * y * expit(-y * v)

        v = brentq(miss, min(h, h + y * V) - 1e-9, max(h, h + y * V) + 1e-9, xtol=1e-12)
        curve = expit(v) * expit(-v)
        return y * expit(-y * v), curve / (1.0 + V * curve)

    def mean(of) -> float:
        def inner(g: float) -> float:
            return np.exp(-0.5 * g * g) / np.sqrt(2 * np.pi) * of(*force(m + np.sqrt(q) * g))

        return quad(inner, -8.0, 8.0, epsabs=1e-9, epsrel=1e-8, limit=100)[0]

    return mean(lambda f, df: df), mean(lambda f, df: f * f), mean(lambda f, df: f)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without d = 768")
    given, _ = parser.parse_known_args()
    model, probe = mixture(64, 10)
    n = np.geomspace(60, 6000, 10)[:, None, None]
    keep = np.linspace(0.03, 0.99, 25)[None, :, None]
    rules = np.array(["hard", "easy", "random", "signed-hard"], dtype=object)
    start = time.perf_counter()
    found = solve(model, n, keep, rules, probe, penalty=1.0, throw=False)
    each = (time.perf_counter() - start) / found.error.size
    print(f"d 64, K 10, {found.error.size} points (n x f x rule): {1e3 * each:.1f} ms a point, "
          f"{found.converged.mean():.1%} solved")  # fmt: skip
    start = time.perf_counter()
    error, rounds = peer(model, 600.0, 1.0)
    theirs = time.perf_counter() - start
    start = time.perf_counter()
    ours = solve(model, np.geomspace(60, 6000, 40), penalty=1.0)
    mine = (time.perf_counter() - start) / 40
    same = float(solve(model, 600.0, penalty=1.0).error)
    print(f"unpruned, the same mixture: {1e3 * mine:.1f} ms a point in a batch of 40; peer "
          f"{theirs:.2f} s ({rounds} rounds), {theirs / mine:.0f} times as long; errors "
          f"{same:.8f} and {error:.8f}")  # fmt: skip
    print("cost of one point, keep hard .3, n = 8 d:")
    for d, K in ((64, 2), (64, 10), (256, 2), (256, 10), (768, 2), (768, 10)):
        if d == 768 and given.quick:
            continue
        model, probe = mixture(d, K)
        start = time.perf_counter()
        solve(model, 8.0 * d, 0.3, "hard", probe, penalty=1.0)
        print(f"  d {d}, K {K}: {time.perf_counter() - start:.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB; a chunk holds at most 3e7 numbers of its matrices")
    assert ours.converged.all()


if __name__ == "__main__":
    main()
