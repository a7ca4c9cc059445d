"""Pairs of students that share their examples: how their fields vary together.

    S_kl = A_k (Σ_e q̂_kl,e Σ_e) A_l,   q̂_kl,e = n p_e E_e[w f_k f_l]
    c_kl,e = Cov_e(h_k, h_l) = β̄_kᵀ Σ_e β̄_l + tr(Σ_e S_kl)

Given the signals r, (h_k, h_l) are Gaussian with one correlation ρ in a cluster, and with the
Hermite coefficients a_j of f_k and b_j of f_l (Mehler's formula)

    E[f_k f_l | r] = Σ_j ρʲ a_j b_j,   ρ = (c − o_k·C⁻¹o_l)/√((q_k − o_k·C⁻¹o_k)(q_l − o_l·C⁻¹o_l))

so that q̂ is a polynomial in c, and Newton's method has its slope.  What is left out beyond degree
D is at most |ρ|^D √(tail_k tail_l), tail = E[w f²] − Σ_j E[w a_j²].  Two classes have one student
and its mirror, ρ = −1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prunelaw.features.channel import SMALLEST_SPREAD, Fields, Signals
from prunelaw.features.losses import Loss
from prunelaw.features.matrix import World, respond
from prunelaw.features.newton import Point, Task, hats_of
from prunelaw.features.several.clouds import Cloud
from prunelaw.features.trained import response_of
from prunelaw.numerics.gaussian import Array

ROUNDS = 60
ENOUGH = 1e-13  # of a step, relative to the fields' spreads


class Student(NamedTuple):
    """A solved student: its equations, the solution and its fields (P = 1)."""

    task: Task
    point: Point
    fields: Fields

    @classmethod
    def of(cls, task: Task, point: Point) -> Student:
        fields = respond(hats_of(point.x), task.world, task.penalty, False).fields
        return cls(task, point, fields._replace(m=fields.m + point.b[:, None]))


class Together(NamedTuple):
    """Students jointly.

    direction: β̄ in the basis of the equations, (L, d); response: A, (L, d) or (L, d, d)
    pulls: q̂_kl,e, (L, L, K); covariance: of the fields, (K, L, L)
    residual: of the equations of pairs; truncation: share of q̂ beyond the last degree, at most
    mismatch: of the students' own q̂ and this quadrature's, relative
    """

    direction: Array
    response: Array
    pulls: Float[np.ndarray, "L L K"]
    covariance: Float[np.ndarray, "K L L"]
    residual: float
    truncation: float
    mismatch: float


def together(
    students: list[Student], clouds: list[Cloud], loss: Loss, order: int, sampled: bool
) -> Together:
    """Pairs of all students; clouds[k] has labels of student k; `sampled` as in `Cloud.hermite`."""
    task = students[0].task
    world, signals = task.world, task.signals
    load = task.n[0] * task.weights
    A, inner = (np.stack(part) for part in zip(
        *(response_of(one.task, one.point, 0) for one in students), strict=True
    ))  # fmt: skip
    m, q, o = (np.stack([getattr(one.fields, name)[0] for one in students]) for name in "mqo")
    L, K = m.shape
    through, rest = _given(q, o, signals)
    parts = [
        cloud.hermite(one.fields, signals, loss, order, sampled)
        for one, cloud in zip(students, clouds, strict=True)
    ]
    mass = clouds[0].mass
    square = load * np.stack([square for _, square in parts])
    own = np.stack([hats_of(one.point.x).q[0] for one in students])
    pulls, covariance = np.empty((L, L, K)), np.empty((K, L, L))
    worst = {"residual": 0.0, "truncation": 0.0}
    heads = [load * np.einsum("kr,krj->k", mass, a * a) for a, _ in parts]
    tails = [np.maximum(one - head, 0.0) for one, head in zip(square, heads, strict=True)]
    for k in range(L):
        pulls[k, k], covariance[:, k, k] = own[k], q[k]
        for i in range(k):
            if L == 2:
                pulls[0, 1] = pulls[1, 0] = -np.sqrt(own[0] * own[1])
                covariance[:, 0, 1] = covariance[:, 1, 0] = -np.sqrt(q[0] * q[1])
                break
            series = load * np.einsum("kr,krj,krj->jk", mass, parts[k][0], parts[i][0])
            size = np.sqrt(q[k] * q[i])
            scale = np.sqrt(rest[k] * rest[i])
            first = _between(inner[k], inner[i], world)
            c, left = _solved(series, first, _traces(world, A[k], A[i]), through[k, i], scale, size)
            rho = np.clip((c - through[k, i]) / scale, -1.0, 1.0)
            pull = _series(series, rho)[0]
            pulls[k, i] = pulls[i, k] = pull
            covariance[:, k, i] = covariance[:, i, k] = c
            cut = np.abs(rho) ** len(series) * np.sqrt(tails[k] * tails[i])
            both = np.sqrt(square[k] * square[i])
            lost = np.where(cut > 0.0, cut / np.maximum(both, 1e-300), 0.0)
            worst["truncation"] = max(worst["truncation"], float(lost.max()))
            worst["residual"] = max(worst["residual"], left)
    mismatch = float(np.max(np.abs(square - own) / np.maximum(own.max(axis=1), 1e-300)[:, None]))
    return Together(inner, A, pulls, covariance, worst["residual"], worst["truncation"], mismatch)


def _given(q: Array, o: Array, signals: Signals) -> tuple[Array, Array]:
    """o_k·C⁻¹o_l (L, L, K), and the variances of fields given the signals (L, K)."""
    through = np.zeros((len(q), *q.shape))
    if o.shape[-1]:
        a = np.linalg.solve(signals.cov, o[..., None])[..., 0]
        through = np.einsum("kes,les->kle", o, a)
    own = through[np.arange(len(q)), np.arange(len(q))]
    return through, np.maximum(q - own, SMALLEST_SPREAD**2 * q + 1e-300)


def _between(one: Array, other: Array, world: World) -> Array:
    """β̄_kᵀ Σ_e β̄_l, (K,)."""
    if world.diagonal:
        return world.covs @ (one * other)
    return world.covs @ other @ one


def _traces(world: World, A: Array, B: Array) -> Array:
    """tr(Σ_e A Σ_e' B), (K, K)."""
    covs = world.covs
    if world.diagonal:
        return (covs * (A * B)) @ covs.T
    K = len(covs)
    turned = np.swapaxes(B @ covs @ A, 1, 2).reshape(K, -1)
    return turned @ covs.reshape(K, -1).T


def _series(series: Array, rho: Array) -> tuple[Array, Array]:
    """Σ_j s_j ρʲ and its slope, by Horner's rule."""
    value, slope = np.zeros_like(rho), np.zeros_like(rho)
    for row in series[::-1]:
        slope = slope * rho + value
        value = value * rho + row
    return value, slope


def _solved(
    series: Array, first: Array, traces: Array, through: Array, scale: Array, size: Array
) -> tuple[Array, float]:
    """c = first + T q̂(c) by Newton's method, damped to |ρ| ≤ 1; the relative residual."""
    c = through + np.clip(first - through, -0.9 * scale, 0.9 * scale)
    left = np.inf

    def miss(c: Array) -> tuple[Array, Array]:
        value, slope = _series(series, np.clip((c - through) / scale, -1.0, 1.0))
        return first + traces @ value - c, slope / scale

    for _ in range(ROUNDS):
        gap, slope = miss(c)
        left = float(np.max(np.abs(gap) / size))
        if left < ENOUGH:
            break
        step = np.linalg.solve(np.eye(len(c)) - traces * slope, gap)
        new = np.clip(c + step, through - scale, through + scale)
        if float(np.max(np.abs(new - c) / size)) < 1e-16:
            break
        c = new
    return c, left


def spread(world: World, together: Together, turn: Array | None) -> Float[np.ndarray, "L L d d"]:
    """S_kl = A_k (Σ_e q̂_kl,e Σ_e) A_l in the model's own coordinates."""
    L, d = together.direction.shape
    A = together.response
    found = np.empty((L, L, d, d))
    for k in range(L):
        for i in range(k + 1):
            middle = np.tensordot(together.pulls[k, i], world.covs, 1)
            part = np.diag(A[k] * middle * A[i]) if world.diagonal else A[k] @ middle @ A[i]
            if turn is not None:
                part = turn @ part @ turn.T
            found[k, i], found[i, k] = part, part.T
    return found
