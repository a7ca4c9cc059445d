"""The matrix side: the student's direction and its spread from what the examples ask of it.

With A = (λI + Σ_c V̂_c Σ_c)⁻¹, r = Σ_c (m̂_c μ_c + Σ_k ô_ck Σ_c θ_k), β̄ = A r,

    V_c = tr(Σ_c A),  q_c = tr(Σ_c N),  m_c = μ_c·β̄,  o_ck = θ_kᵀΣ_cβ̄,
    N = A (Σ_e q̂_e Σ_e + r rᵀ) A

A probe that is itself random, θ ~ N(θ̄, S) (trained on other examples), adds E over θ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from prunelaw.features.channel import Fields
from prunelaw.numerics.gaussian import Array

SINGLE = 256  # dimensions from which slopes may be in single precision


class Hats(NamedTuple):
    """V̂, q̂, m̂ (P, K) and ô (P, K, S)."""

    V: Array
    q: Array
    m: Array
    o: Array


class World(NamedTuple):
    """Means (K, d), covariances (K, d, d), or (K, d) in their common eigenbasis, signals (S, d).

    `spread` is the covariance S of the own vector of signal number `drawn`, in the form of one
    covariance; None where all vectors are fixed.
    """

    means: Array
    covs: Array
    signals: Array
    spread: Array | None = None
    drawn: int = 0

    @property
    def diagonal(self) -> bool:
        return self.covs.ndim == 2


def product(cov: Array, x: Array) -> Array:
    """Σ x for stacks of vectors x (..., d) and of covariances, full or diagonal."""
    return cov * x if cov.ndim == x.ndim else (cov @ x[..., None])[..., 0]


class Response(NamedTuple):
    """Fields and their slopes (P, K, 3+S, K, 3+S) in the hats, order (V, q, m, o) on both."""

    fields: Fields
    slope: Array


def respond(
    hats: Hats, world: World, penalty: Array, slopes: bool = True, exact: bool = True
) -> Response:
    """Fields of P points from their hats; penalty (P,).

    `exact`: slopes in double precision in any dimension, which Newton's method does not need.
    """
    P, K = hats.V.shape
    S, d = world.signals.shape
    loads = np.concatenate(  # (K, 1+S, d): μ_c and Σ_c θ_k
        [world.means[:, None], np.stack([_times(world.covs, v) for v in world.signals], 1)]
        if S else [world.means[:, None]], axis=1,
    )  # fmt: skip
    weights = np.concatenate([hats.m[..., None], hats.o], axis=-1)
    r = np.einsum("pcj,cjd->pd", weights, loads)
    X = T = third = np.zeros(0)
    drawn = None
    if world.diagonal:
        A = 1.0 / (penalty[:, None] + hats.V @ world.covs)
        Q = hats.q @ world.covs
        if world.spread is not None:
            X = hats.o[..., world.drawn] @ world.covs
            Q = Q + X * world.spread * X
        beta = A * r
        N = A * Q * A + beta**2
        BA = world.covs * A[:, None]  # Σ_c A
        T = BA @ np.swapaxes(BA, 1, 2)
        V, q = A @ world.covs.T, N @ world.covs.T
        Y = A[:, None, None] * loads
        SB = world.covs * beta[:, None]
        third = (BA * (A * Q * A)[:, None]) @ world.covs.T
        third = third + np.einsum("pcd,pd,ped->pce", SB, A, SB)
    else:
        covs = world.covs.reshape(K, d * d)
        inner = (hats.V @ covs).reshape(P, d, d)
        inner[:, np.arange(d), np.arange(d)] += penalty[:, None]
        A = np.linalg.inv(inner)
        A = 0.5 * (A + np.swapaxes(A, 1, 2))
        Q = (hats.q @ covs).reshape(P, d, d)
        if world.spread is not None:
            X = (hats.o[..., world.drawn] @ covs).reshape(P, d, d)
            Q = Q + X @ world.spread @ X
        beta = (A @ r[..., None])[..., 0]
        N = A @ Q @ A + beta[:, :, None] * beta[:, None, :]
        V = A.reshape(P, -1) @ covs.T
        q = N.reshape(P, -1) @ covs.T
        Y = np.einsum("pij,clj->pcli", A, loads) if slopes else X
        SB = np.einsum("cij,pj->pci", world.covs, beta) if slopes else X
        BA = X if world.spread is None else world.covs @ A[:, None]
        if slopes:
            T, third = _traces(world.covs, A, N, exact or d < SINGLE)
    linear = np.einsum("cjd,pd->pcj", loads, beta)
    o = linear[..., 1:]
    if world.spread is not None:
        drawn = _spread_terms(world, A, X, BA, slopes)
        o = o.copy()
        o[..., world.drawn] += drawn.overlap
    fields = Fields(V, q, linear[..., 0], o)
    if not slopes:
        return Response(fields, np.zeros(0))
    slope = np.zeros((P, K, 3 + S, K, 3 + S))
    slope[:, :, 0, :, 0] = -T
    slope[:, :, 1, :, 0] = -2.0 * third
    slope[:, :, 1, :, 1] = T
    back = np.einsum("pcd,pejd->pcej", SB, Y)  # β̄ᵀ Σ_c A g_j
    slope[:, :, 1, :, 2:] = 2.0 * back
    slope[:, :, 2:, :, 0] = -np.moveaxis(back, 1, 3)
    slope[:, :, 2:, :, 2:] = np.einsum("cjd,peld->pcjel", loads, Y)
    if drawn is not None:
        k = 3 + world.drawn
        slope[:, :, k, :, k] += drawn.direct
        slope[:, :, k, :, 0] -= np.swapaxes(drawn.back, 1, 2)
        slope[:, :, 1, :, k] += 2.0 * drawn.back
    return Response(fields, slope)


def _traces(covs: Array, A: Array, N: Array, exact: bool) -> tuple[Array, Array]:
    """tr(Σ_c A Σ_e A) and tr(Σ_c A Σ_e N), (P, K, K)."""
    P, K = len(A), len(covs)
    kind = np.float64 if exact else np.float32
    whole, A, N = (array.astype(kind, copy=False) for array in (covs, A, N))
    T, third = np.empty((2, P, K, K))
    for p in range(P):
        BA = whole @ A[p]
        turned = np.swapaxes(BA, 1, 2).reshape(K, -1)
        T[p] = BA.reshape(K, -1) @ turned.T
        third[p] = turned @ (whole @ N[p]).reshape(K, -1).T
    return T, third


def _times(covs: Array, vector: Array) -> Array:
    """Σ_c v for every cluster, (K, d)."""
    return covs * vector if covs.ndim == 2 else covs @ vector


class Drawn(NamedTuple):
    """What the spread S of a probe adds: tr(Σ_cAXS), tr(Σ_cAΣ_eS), tr(Σ_cAXSΣ_eA)."""

    overlap: Array
    direct: Array
    back: Array


def _spread_terms(world: World, A: Array, X: Array, BA: Array, slopes: bool) -> Drawn:
    S, covs = world.spread, world.covs
    assert S is not None
    if world.diagonal:
        overlap = np.einsum("pcd,pd,d->pc", BA, X, S)
        direct = np.einsum("pcd,ed,d->pce", BA, covs, S)
        back = np.einsum("pcd,pd,ped->pce", BA, X * S, BA)
        return Drawn(overlap, direct, back)
    XS = X @ S
    overlap = np.einsum("pcij,pji->pc", BA, XS)
    if not slopes:
        return Drawn(overlap, np.zeros(0), np.zeros(0))
    P, K = BA.shape[:2]
    flat = np.swapaxes(BA, 2, 3).reshape(P, K, -1)
    direct = flat @ (covs @ S).reshape(K, -1).T
    back = flat @ np.swapaxes((XS[:, None] @ BA).reshape(P, K, -1), 1, 2)
    return Drawn(overlap, direct, back)
