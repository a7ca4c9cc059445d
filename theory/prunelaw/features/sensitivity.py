"""How the error moves with the number of examples and the penalty, by implicit differentiation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prunelaw.features.channel import Fields
from prunelaw.features.error import cluster_errors
from prunelaw.features.matrix import Hats, World, respond
from prunelaw.features.newton import FINE, Point, Task, asked, hats_of, look
from prunelaw.features.solver import FeatureSolution, Solved
from prunelaw.numerics.gaussian import Array

STEP = 1e-5  # of the difference along a known direction of the fields, relative


class FeatureSlopes(NamedTuple):
    """Derivatives of the test error, in the shape of the solution; NaN where it has not converged.

    Attributes:
        d_n: dε/dn at a fixed penalty λ and fixed fraction kept.
        d_penalty: dε/dλ; 0 for the hard margin.
    """

    d_n: Float[np.ndarray, "*shape"]
    d_penalty: Float[np.ndarray, "*shape"]


def slopes(solution: FeatureSolution) -> FeatureSlopes:
    """dε/dn and dε/dλ: hats x = c(n, u(x, λ)) give (1 − c_u u_x) dx = c_n + c_u u_λ."""
    d_n, d_penalty = (np.full(solution.error.size, np.nan) for _ in range(2))
    for part in solution.solved:
        by_n, by_penalty = _slopes(part)
        d_n[part.index] = by_n / part.task.n
        d_penalty[part.index] = 0.0 if part.task.loss.constraint else by_penalty
    for values in (d_n, d_penalty):
        values[~solution.converged.ravel()] = np.nan
    shape = solution.error.shape
    return FeatureSlopes(d_n.reshape(shape), d_penalty.reshape(shape))


def _slopes(part: Solved) -> tuple[Array, Array]:
    """dε/d log n and dε/dλ."""
    task, point = part.task, part.point
    fields, linear = _with_penalty(task, point)
    _, inner = asked(task, fields, FINE)
    by_penalty = np.einsum("pcij,pcj->pci", inner, linear.penalty)
    seen = look(task, point, FINE)
    P, K, J = point.x.shape
    found = []
    for push, direct in ((point.x, 0.0), (by_penalty, linear.penalty)):
        right = np.zeros_like(seen.right)
        scaled = push / np.where(np.abs(seen.scale) > 0.0, seen.scale, 1.0)
        right[:, : K * J] = scaled.reshape(P, -1)
        step = -np.linalg.solve(seen.matrix, right[..., None])[..., 0]
        hats = step[:, : K * J].reshape(P, K, J) * seen.scale
        moved = np.einsum("pciej,pej->pci", linear.hats, hats) + direct
        if task.intercept:
            moved[..., 2] += (step[:, -1] * np.sqrt(seen.fields.q.mean(axis=1)))[:, None]
        found.append(_along(part, fields, moved))
    return found[0], found[1]


class _Linear(NamedTuple):
    hats: Array  # ∂fields/∂hats (P, K, 3+S, K, 3+S)
    penalty: Array  # ∂fields/∂λ (P, K, 3+S)


def _with_penalty(task: Task, point: Point) -> tuple[Fields, _Linear]:
    """Fields and their slopes; λ enters like V̂ of one more cluster, of covariance 1."""
    world, (P, K, J) = task.world, point.x.shape
    d = world.means.shape[1]
    unit = np.ones((1, d)) if world.diagonal else np.eye(d)[None]
    more = World(
        np.concatenate([world.means, np.zeros((1, d))]),
        np.concatenate([world.covs, unit]),
        world.signals,
        world.spread,
        world.drawn,
    )
    x = np.concatenate([point.x, np.zeros((P, 1, J))], axis=1)
    x[:, K, 0] = task.penalty
    answer = respond(Hats(*hats_of(x)), more, np.zeros(P))
    fields = Fields(*(array[:, :K] for array in answer.fields))
    slope = answer.slope[:, :K]
    shifted = fields._replace(m=fields.m + point.b[:, None])
    return shifted, _Linear(slope[:, :, :, :K], slope[:, :, :, K, 0])


def _along(part: Solved, fields: Fields, moved: Array) -> Array:
    """dε along a change of the fields."""
    weights = part.task.weights
    size = np.abs(moved[..., 1] / fields.q).max(axis=1)
    size = np.maximum(size, (np.abs(moved[..., 2]) / np.sqrt(fields.q)).max(axis=1))
    if moved.shape[-1] > 3:
        size = np.maximum(size, np.abs(moved[..., 3:]).max(axis=(1, 2)) / fields.q.max(axis=1))
    h = (STEP / np.maximum(size, 1e-300))[:, None, None]

    def error(sign: float) -> Array:
        new = sign * h * moved
        at = Fields(
            fields.V, fields.q + new[..., 1], fields.m + new[..., 2], fields.o + new[..., 3:]
        )
        return cluster_errors(part.setting, at) @ weights

    return (error(1.0) - error(-1.0)) / (2.0 * h[:, 0, 0])
