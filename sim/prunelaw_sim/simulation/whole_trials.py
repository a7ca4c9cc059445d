"""Trials of which all N coordinates of all P examples are drawn: at most 24 P N bytes at a time.

Needed where the fields in the plane of teacher and probe do not tell everything: for inputs that
are not Gaussian, and for probes trained on the pool that they prune.  The teacher is a random
direction (e1 is no generic direction for inputs of +-1), a given probe lies at the angle theta to
it in a random plane; lengths and angles are those of the fields, |J|^2 = Var(J.x).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prunelaw_sim.simulation.inputs import cosine, field_angle
from prunelaw_sim.simulation.point import Point
from prunelaw_sim.simulation.probes import Same
from prunelaw_sim.simulation.teacher import chosen, noisy, stream

Direction = Float[np.ndarray, " N"]


class WholeTrial(NamedTuple):
    """The kept rows y x of one trial, and the two directions behind labels and pruning."""

    rows: Float[np.ndarray, "K N"]
    teacher: Float[np.ndarray, " N"]
    probe: Float[np.ndarray, " N"]


def draw_whole(pool: Point, trial: int, trained: Direction | None) -> WholeTrial:
    """One trial with its `trained` probe, or with one at the angle pool.theta if that is None.

    Raises:
        InputError: if no example is kept.
    """
    teacher = teacher_direction(pool, trial)
    probe = _given_direction(pool, trial, teacher) if trained is None else _unit(pool, trained)
    inputs = pool.inputs.draw(stream(pool.seed, trial, "inputs"), pool.drawn, pool.dim)
    labels = noisy(pool, trial, np.sign(inputs @ teacher))
    theta = field_angle(pool.inputs, teacher, probe)
    kept = chosen(pool, trial, inputs @ probe, labels, theta)
    return WholeTrial(labels[kept, None] * inputs[kept], teacher, probe)


def probe_rows(pool: Point, trial: int) -> Float[np.ndarray, "K N"]:
    """The rows y x, with the teacher's labels, on which a trial's probe is trained."""
    part = "inputs" if isinstance(pool.probe, Same) else "probe"
    inputs = pool.inputs.draw(stream(pool.seed, trial, part), pool.probe_drawn, pool.dim)
    return np.sign(inputs @ teacher_direction(pool, trial))[:, None] * inputs


def teacher_direction(pool: Point, trial: int) -> Float[np.ndarray, " N"]:
    """A random direction whose field has variance 1."""
    return _unit(pool, stream(pool.seed, trial, "teacher").standard_normal(pool.dim))


def _given_direction(pool: Point, trial: int, teacher: Direction) -> Float[np.ndarray, " N"]:
    """cos theta T + sin theta e, where the field of e is uncorrelated with that of T."""
    other = _unit(pool, stream(pool.seed, trial, "direction").standard_normal(pool.dim))
    across = _unit(pool, other - cosine(pool.inputs, other, teacher) * teacher)
    return np.cos(pool.theta) * teacher + np.sin(pool.theta) * across


def _unit(pool: Point, J: Direction) -> Float[np.ndarray, " N"]:
    """The direction at the length where its field has variance 1."""
    return J / np.linalg.norm(pool.inputs.whitened(J))
