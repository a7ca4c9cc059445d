"""The law of a student's own vector: as the probe of another, or on examples of one's own."""

from __future__ import annotations

import numpy as np

from prunelaw.errors import InputError
from prunelaw.features.newton import Point, Task, hats_of
from prunelaw.features.probes import TheoryProbe
from prunelaw.features.solver import FeatureSolution, Solved
from prunelaw.numerics.gaussian import Array


def trained_probe(solution: FeatureSolution) -> TheoryProbe:
    """The law of a student trained on other examples: θ ~ N(β̄, A Σ_e q̂_e Σ_e A), z = θ·x + b.

    Args:
        solution: one converged point of `solve`, whose own probe (if any) is a fixed vector.

    Raises:
        InputError: for several points, one that has not converged, or one with a random probe.
    """
    if solution.error.size != 1 or not solution.converged.all():
        raise InputError(f"solution must be one converged point, got {solution.error.size} points")
    (law,) = student_laws(solution)
    assert law is not None
    return law


def student_laws(solution: FeatureSolution) -> list[TheoryProbe | None]:
    """The same for every point of a solution, flattened; None where it has not converged.

    A student's field on an example x of one's own is then N(β̄·x + b, xᵀ S x) over training sets.

    Raises:
        InputError: for a solution whose own probe is random.
    """
    laws: list[TheoryProbe | None] = [None] * solution.error.size
    good = solution.converged.ravel()
    for part in solution.solved:
        if part.task.world.spread is not None:
            raise InputError("solution must not itself have a probe known only by its theory")
        for place, index in enumerate(part.index):
            if good[index]:
                laws[int(index)] = _law(part, place)
    return laws


def _law(part: Solved, p: int) -> TheoryProbe:
    """The law of point number p of a part."""
    A, direction = response_of(part.task, part.point, p)
    hats, world, model = hats_of(part.point.x[p : p + 1]), part.task.world, part.setting.model
    b = float(part.point.b[p])
    if not world.diagonal:
        return TheoryProbe(direction, A @ np.tensordot(hats.q[0], world.covs, 1) @ A, b)
    spread = A * (hats.q[0] @ world.covs) * A
    if model.basis is None or not model.basis.size:
        return TheoryProbe(direction, spread, b)
    turn = model.basis
    return TheoryProbe(turn @ direction, (turn * spread) @ turn.T, b)


def response_of(task: Task, point: Point, p: int) -> tuple[Array, Array]:
    """A and β̄ = A r in the basis of the equations; A is its diagonal where that is all."""
    world, hats = task.world, hats_of(point.x[p : p + 1])
    loads = np.einsum("c,cd->d", hats.m[0], world.means)
    for k, vector in enumerate(world.signals):
        covs = world.covs * vector if world.diagonal else world.covs @ vector
        loads = loads + hats.o[0, :, k] @ covs
    if world.diagonal:
        A = 1.0 / (task.penalty[p] + hats.V[0] @ world.covs)
        return A, A * loads
    inner = np.tensordot(hats.V[0], world.covs, 1) + task.penalty[p] * np.eye(len(loads))
    A = np.linalg.inv(inner)
    return A, A @ loads
