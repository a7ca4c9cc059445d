"""Coordinates in which students of neighbouring problems differ little: what fits go through.

A student lies close to one of three directions of the plane: the teacher (enough data), the probe
(keep-easy: the margin is all but the gap between the kept examples) or the orthogonal u' of the
probe (keep-hard with f → 0: all |z| ≈ 0 say nothing about the probe). How far off it is, and to
which side, varies smoothly with the problem on the scale of that distance, which can be 1e-6; in
polar coordinates about another direction the same student is lost to rounding of a fit.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from prunelaw.numerics.gaussian import Array
from prunelaw.perceptron.saddle import Problem, State

# Of κ, the part that slack and σ are below which the gap between the kept examples holds the
# student: then κ follows from the slack.
HELD = 0.1
FRAMES = range(3)
FARTHEST = 0.5 * np.pi - 1e-5  # from the teacher, of a start


def nearest_frame(problem: Problem, state: State) -> Int[np.ndarray, " n"]:
    """0, 1 or 2: the direction (teacher, probe, u') that each student is closest to."""
    return nearest(every_frame(problem, state))


def every_frame(problem: Problem, state: State) -> Float[np.ndarray, "n 3 4"]:
    """The coordinates in each frame."""
    return np.stack([coordinates(problem, state, frame) for frame in FRAMES], axis=1)


def nearest(every: Float[np.ndarray, "n 3 4"]) -> Int[np.ndarray, " n"]:
    """The frame of least distance; where two directions are all but the same, the teacher."""
    return np.argmin(every[:, :, 0] - np.log([2.0, 1.0, 1.0]), axis=1)


def coordinates(
    problem: Problem, state: State, frame: int | Int[np.ndarray, " n"]
) -> Float[np.ndarray, "n 4"]:
    """log tan of half the distance to that direction, log tan χ/2 about it, log κ, asinh(slack/σ).

    χ is measured from the direction's own orthogonal in the plane.
    """
    along, across, sigma = _in_plane(problem, state, frame)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack(
            [
                _log_tan_half(along, np.hypot(across, sigma)),
                _log_tan_half(across, sigma),
                np.log(state.kappa),
                np.arcsinh(state.slack / sigma),
            ],
            axis=1,
        )


def state_at(
    problem: Problem, place: Float[np.ndarray, "n 4"], frame: Int[np.ndarray, " n"]
) -> State:
    """The student at such coordinates; κ and slack from whichever of the two decides."""
    distance, chi = (2.0 * np.arctan(np.exp(place[:, k])) for k in (0, 1))
    along, across = np.cos(distance), np.sin(distance) * np.cos(chi)
    sigma = np.sin(distance) * np.sin(chi)
    cos, sin = _direction(problem, frame)
    a, b = along * cos - across * sin, along * sin + across * cos
    omega = np.minimum(np.arctan2(np.hypot(b, sigma), a), FARTHEST)
    tan_half_chi = np.exp(_log_tan_half(b, sigma)) if problem.planar else np.ones_like(a)
    kappa = np.exp(place[:, 2])
    state = State(omega, tan_half_chi, kappa, kappa)
    rho_edge = problem.fields(state).rho * problem.segments.edge
    slack = np.sinh(np.clip(place[:, 3], -40.0, 40.0)) * sigma
    held = (np.hypot(slack, sigma) < HELD * kappa) & (slack + rho_edge > 0.0)
    return state._replace(
        kappa=np.where(held, slack + rho_edge, kappa), slack=np.where(held, slack, kappa - rho_edge)
    )


def _log_tan_half(along: Array, across: Array) -> Array:
    """log tan(φ/2) of the angle φ between (along, across) and the first axis, across > 0."""
    length = np.hypot(along, across)
    tan = np.where(along > 0.0, across / (length + along), (length - along) / across)
    return np.log(tan)


def _direction(problem: Problem, frame: int | Int[np.ndarray, " n"]) -> tuple[Array, Array]:
    """The direction's components along the teacher and e_u."""
    c, s = np.cos(problem.theta), np.sin(problem.theta)
    return np.choose(frame, [np.ones_like(c), c, s]), np.choose(frame, [np.zeros_like(c), s, -c])


def _in_plane(
    problem: Problem, state: State, frame: int | Int[np.ndarray, " n"]
) -> tuple[Array, Array, Array]:
    """J along the direction, along its orthogonal in the plane, and out of the plane."""
    fields = problem.fields(state)
    cos, sin = _direction(problem, frame)
    along, across = fields.a * cos + fields.b * sin, fields.b * cos - fields.a * sin
    return along, across, fields.sigma
