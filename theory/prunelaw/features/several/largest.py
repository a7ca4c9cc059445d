"""Which of L Gaussian fields is the largest, with the error of that number.

Number i is where all gaps g_j = h_i − h_j are positive.  That is taken apart into one-dimensional
steps: g_1 > 0, then g_2 > 0 given g_1, …, with C = R Rᵀ and the rarest first.  Two fields are
closed, three one integral on panels, more are Sobol points with several scrambles.  Each chance of
another field than number k is found by itself, so that rare errors are as accurate as others.

Source: Genz, Bretz, Computation of Multivariate Normal and t Probabilities (2009), ch. 4.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr, ndtr, ndtri
from scipy.stats import qmc

from prunelaw.errors import InputError
from prunelaw.features.panels import layer, nodes
from prunelaw.numerics.gaussian import Array

DRAWS, SCRAMBLES = 2**9, 8  # Sobol points of each scramble
ORDER = 24
SMALLEST = 1e-13  # of a pivot, relative to its variance


def largest_chances(
    mean: Float[np.ndarray, " L"], covariance: Float[np.ndarray, "L L"], k: int, draws: int = DRAWS
) -> tuple[Float[np.ndarray, " L"], float]:
    """P(h_i is the largest of L fields N(mean, covariance)) for all i, and the error of their sum.

    The chance of number k is 1 less the others, and the error is of both: 3 standard errors over
    scrambles; 1e-12 of it, or 1e-16, where no points are used.

    Raises:
        InputError: for shapes that do not fit, or fewer than two fields.

    >>> chances, _ = largest_chances(np.zeros(5), np.eye(5), 2)
    >>> round(float(chances[2]), 4)
    0.2
    """
    mean, covariance = np.asarray(mean, dtype=float), np.asarray(covariance, dtype=float)
    L = len(mean)
    if L < 2 or covariance.shape != (L, L) or not 0 <= k < L:
        raise InputError(
            f"mean must be L >= 2 numbers, covariance L x L and k one of them; got shapes "
            f"{mean.shape} and {covariance.shape}, k {k}"
        )
    cubes = [qmc.Sobol(L - 2, rng=seed).random(draws) for seed in range(SCRAMBLES if L > 3 else 0)]
    rows = np.zeros((max(1, len(cubes)), L))
    for i in range(L):
        if i == k:
            continue
        others = [j for j in range(L) if j != i]
        part = covariance[np.ix_(others, others)]
        cov = covariance[i, i] + part - covariance[i, others] - covariance[others, i][:, None]
        gaps, root = _ordered(mean[i] - mean[others], 0.5 * (cov + cov.T))
        if L == 2:
            rows[:, i] = ndtr(_ratio(gaps[0], root[0, 0]))
        elif L == 3:
            rows[:, i] = _both_positive(gaps, root)
        else:
            rows[:, i] = [_all_positive(gaps, root, cube).mean() for cube in cubes]
    chances, error = rows.mean(axis=0), rows.sum(axis=1)
    chances[k] = 1.0 - error.mean()
    if L <= 3:
        return chances, 1e-12 * float(error[0]) + 1e-16
    return chances, float(3.0 * error.std(ddof=1) / np.sqrt(SCRAMBLES))


def _ratio(x: Array, y: Array) -> Array:
    """x / y, ±∞ (or 0 for 0) where y is 0."""
    safe = np.where(y > 0.0, y, 1.0)
    return np.where(y > 0.0, x / safe, np.where(x > 0.0, np.inf, np.where(x < 0.0, -np.inf, 0.0)))


def _ordered(gaps: Array, cov: Array) -> tuple[Array, Array]:
    """Gaps and Cholesky factor, the gap least likely to be positive given those before it first."""
    gaps, cov, D = gaps.copy(), cov.copy(), len(gaps)
    root, seen = np.zeros((D, D)), np.zeros(D)  # `seen`: R times the means of those before
    for i in range(D):
        rest = np.diagonal(cov)[i:] - np.sum(root[i:, :i] ** 2, axis=1)
        rest = np.where(rest > SMALLEST * np.diagonal(cov)[i:], rest, 0.0)
        j = i + int(np.argmin(_ratio(gaps[i:] + seen[i:], np.sqrt(rest))))
        swap = np.arange(D)
        swap[[i, j]] = swap[[j, i]]
        gaps, seen, root, cov = gaps[swap], seen[swap], root[swap], cov[np.ix_(swap, swap)]
        rest = rest[j - i]
        if rest <= 0.0:
            continue
        root[i, i] = np.sqrt(rest)
        root[i + 1 :, i] = (cov[i + 1 :, i] - root[i + 1 :, :i] @ root[i, :i]) / root[i, i]
        low = -(gaps[i] + seen[i]) / root[i, i]
        seen = seen + root[:, i] * np.exp(-0.5 * low**2 - log_ndtr(-low)) / np.sqrt(2.0 * np.pi)
    return gaps, root


def _both_positive(gaps: Array, root: Array) -> float:
    """The first gap positive, and the second given the first: one integral."""
    if root[0, 0] == 0.0:
        return float(ndtr(_ratio(gaps[1], root[1, 1]))) if gaps[0] > 0.0 else 0.0
    low = -gaps[0] / root[0, 0]
    cuts = [np.array([low])]
    if root[1, 0] != 0.0:
        place, width = -gaps[1] / root[1, 0], root[1, 1] / abs(root[1, 0])
        cuts.append(layer(np.array(place), np.array(width), np.array(1.0)))
    y, weight = nodes(np.array(0.0), np.array(1.0), cuts, ORDER)
    second = ndtr(_ratio(gaps[1] + root[1, 0] * y, np.full_like(y, root[1, 1])))
    return float(np.sum(weight * (y > low) * second))


def _all_positive(gaps: Array, root: Array, u: Array) -> Array:
    """Π p_i at points u of the cube, (points,)."""
    y = np.zeros((len(u), len(gaps)))
    log = np.zeros(len(u))
    for i in range(len(gaps)):
        high = _ratio(gaps[i] + y[:, :i] @ root[i, :i], np.full(len(u), root[i, i]))
        log = log + np.where(high > -np.inf, log_ndtr(np.maximum(high, -1e150)), -np.inf)
        if i + 1 < len(gaps) and root[i, i] > 0.0:
            y[:, i] = -ndtri(np.maximum(u[:, i] * ndtr(high), 1e-300))
    return np.exp(log)
