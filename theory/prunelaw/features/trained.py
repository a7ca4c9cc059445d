"""A solved student as the probe of another: its vector known by its law alone."""

from __future__ import annotations

import numpy as np

from prunelaw.errors import InputError
from prunelaw.features.newton import hats_of
from prunelaw.features.probes import TheoryProbe
from prunelaw.features.solver import FeatureSolution


def trained_probe(solution: FeatureSolution) -> TheoryProbe:
    """The law of a student trained on other examples: θ ~ N(β̄, A Σ_e q̂_e Σ_e A), z = θ·x + b.

    Args:
        solution: one converged point of `solve`, whose own probe (if any) is a fixed vector.

    Raises:
        InputError: for several points, one that has not converged, or one with a random probe.
    """
    if solution.error.size != 1 or not solution.converged.all():
        raise InputError(f"solution must be one converged point, got {solution.error.size} points")
    (part,) = solution.solved
    world, task = part.task.world, part.task
    if world.spread is not None:
        raise InputError("solution must not itself have a probe known only by its theory")
    hats = hats_of(part.point.x)
    loads = np.einsum("c,cd->d", hats.m[0], world.means)
    for k, vector in enumerate(world.signals):
        covs = world.covs * vector if world.diagonal else world.covs @ vector
        loads = loads + hats.o[0, :, k] @ covs
    model, b = part.setting.model, float(part.point.b[0])
    if not world.diagonal:
        inner = np.tensordot(hats.V[0], world.covs, 1) + task.penalty[0] * np.eye(model.dim)
        A = np.linalg.inv(inner)
        return TheoryProbe(A @ loads, A @ np.tensordot(hats.q[0], world.covs, 1) @ A, b)
    A = 1.0 / (task.penalty[0] + hats.V[0] @ world.covs)
    direction, spread = A * loads, A * (hats.q[0] @ world.covs) * A
    if model.basis is None or not model.basis.size:
        return TheoryProbe(direction, spread, b)
    turn = model.basis
    return TheoryProbe(turn @ direction, (turn * spread) @ turn.T, b)
