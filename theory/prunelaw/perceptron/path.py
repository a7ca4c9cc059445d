"""Coarse solutions by continuation in log α_prune, from the nearly Hebbian student at small load.

This finds a start for Newton's method anywhere in the domain; `prunelaw.perceptron.starts` uses it
for a few points of a batch, and their neighbours start from what those met on the way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.numerics.gaussian import SQRT_2PI, Array, normal_cdf, normal_pdf
from prunelaw.perceptron.frames import coordinates, nearest_frame, state_at
from prunelaw.perceptron.panels import FEW_CUTS, Resolution
from prunelaw.perceptron.saddle import Problem, State, local, newton

# The path needs the neighbourhood only; the later resolutions decide the digits.
PATH = Resolution(outer=8, inner=14, width=3.5, cuts=FEW_CUTS, closed=1e-6)
# Below this load every kept example is a support vector and the student nearly Hebbian.
HEBBIAN_LOAD = 0.05
FIRST_STRIDE, LARGEST_STRIDE = np.log(4.0), np.log(16.0)
# At θ = 0 and f → 0 the solution turns over within Δ log α ~ f around α_prune = 2.
SMALLEST_STRIDE = 1e-9


def hebbian_state(problem: Problem, fraction: Array, load: Array) -> State:
    """The student at small α_prune = `load`: J ∝ E[w y x] in the plane, κ = 1/√load.

    From Ψ with every example unsatisfied (G = m² + σ²): J_plane = √(load) E[w y x]/f.
    """
    along, across = _label_field_moments(problem)
    c, s = np.cos(problem.theta), np.sin(problem.theta)
    size = np.sqrt(load) / fraction
    a = np.clip(size * (c * along + s * across), 1e-9, 0.9)
    b = size * (s * along - c * across)
    omega = np.arccos(a)
    chi = np.arccos(np.clip(b / np.sin(omega), -0.95, 0.95)) if problem.planar else 0.5 * np.pi
    kappa = 1.0 / np.sqrt(load)
    state = State(omega, np.tan(0.5 * chi) * np.ones_like(a), kappa, kappa)
    return state._replace(slack=kappa - problem.fields(state).rho * problem.segments.edge)


def _label_field_moments(problem: Problem) -> tuple[Array, Array]:
    """E[w y z] and E[w y u'], u' the in-plane field orthogonal to the probe, shape (n,) each.

    Exact for intervals; a profile is taken at each interval's middle, which is near enough for a
    start.
    """
    low, high, weight, profile = problem.segments
    if profile is not None:
        weight = weight * profile(0.5 * (np.clip(low, -3.0, 3.0) + np.clip(high, -3.0, 3.0)))
    if not problem.planar:
        low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
        along = np.sum(2.0 * weight * (normal_pdf(low) - normal_pdf(high)), axis=1)
        return along, np.zeros_like(along)
    c, s = np.cos(problem.theta)[:, None], np.sin(problem.theta)[:, None]
    ratio = c / s  # E[y u'|z] = 2φ(z c/s), E[y|z] = 2Φ(z c/s) − 1
    inside = 2.0 * s / SQRT_2PI * (normal_cdf(high / s) - normal_cdf(low / s))
    along = _edge_term(low, ratio) - _edge_term(high, ratio) + ratio * inside
    return np.sum(weight * along, axis=1), np.sum(weight * inside, axis=1)


def _edge_term(z: Array, ratio: Array) -> Array:
    """2φ(z)Φ(z c/s) at an interval's edge, 0 at infinity."""
    finite = np.where(np.isfinite(z), z, 0.0)
    value = 2.0 * normal_pdf(finite) * normal_cdf(ratio * finite)
    return np.where(np.isfinite(z), value, 0.0)


def _extrapolated(problem: Problem, here: State, before: State, ratio: Array) -> State:
    """Secant prediction in the coordinates of the frame that the student is closest to."""
    frame = nearest_frame(problem, here)
    now, then = coordinates(problem, here, frame), coordinates(problem, before, frame)
    with np.errstate(invalid="ignore"):
        change = np.nan_to_num(ratio[:, None] * (now - then))
    return state_at(problem, now + np.clip(change, -3.0, 3.0), frame)


class Trail(NamedTuple):
    """Coarse solutions met on the way: point `owner` at log α_prune = `load`; shape (m,)."""

    owner: Int[np.ndarray, " m"]
    load: Float[np.ndarray, " m"]
    state: State


def follow_path(
    problem: Problem, fraction: Array, strides: int | None = None
) -> tuple[State, Bool[np.ndarray, " n"], Trail]:
    """Coarse solutions by continuation in log α_prune from the Hebbian student.

    Each point takes its own strides: longer after success, shorter after a failed Newton
    iteration, given up below SMALLEST_STRIDE or after `strides` of them. Returns the states,
    which points arrived, and every solution met on the way.
    """
    target = np.log(problem.alpha * fraction)
    load = np.minimum(target, np.log(HEBBIAN_LOAD))
    previous_load = load.copy()
    state = hebbian_state(problem, fraction, np.exp(load))
    previous = state.copy()
    stride = np.full_like(load, FIRST_STRIDE)
    has_solution = np.zeros(len(load), bool)
    done, lost = has_solution.copy(), has_solution.copy()
    trail: list[Trail] = []

    taken = 0
    while not (done | lost).all() and taken != strides:
        taken += 1
        active = np.flatnonzero(~(done | lost))
        part = problem.take(active)
        here, before = state.take(active), previous.take(active)
        reached = np.where(has_solution, load + stride, load)[active]
        reached = np.minimum(reached, target[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (reached - load[active]) / (load[active] - previous_load[active])
        guess = _extrapolated(part, here, before, np.where(np.isfinite(ratio), ratio, 0.0))
        part = part._replace(alpha=np.exp(reached) / fraction[active])
        found, good = coarse_solution(part, guess)

        moved = active[good]
        previous.put(moved, state.take(moved))
        state.put(moved, found.take(good))
        first_time = moved[~has_solution[moved]]
        previous_load[moved], load[moved] = load[moved], reached[good]
        previous.put(first_time, state.take(first_time))
        trail.append(Trail(moved, reached[good], found.take(good)))
        has_solution[moved] = True
        stride[moved] = np.minimum(1.3 * stride[moved], LARGEST_STRIDE)
        stride[active[~good]] *= 0.4
        lost[active] = stride[active] < SMALLEST_STRIDE
        done[moved] = load[moved] >= target[moved]
    return state, done, _joined(trail)


def _joined(trail: list[Trail]) -> Trail:
    """One trail, ordered by owner and load."""
    owner = np.concatenate([part.owner for part in trail])
    load = np.concatenate([part.load for part in trail])
    columns = zip(*(part.state for part in trail), strict=True)
    state = State(*(np.concatenate(column) for column in columns))
    order = np.lexsort((load, owner))
    return Trail(owner[order], load[order], state.take(order))


def coarse_solution(problem: Problem, guess: State) -> tuple[State, Bool[np.ndarray, " n"]]:
    """Coarse Newton solution from a guess, and where it was found."""
    found, _, last, _ = newton(problem, guess, PATH, tolerance=3e-3, iterations=8, measure=local)
    return found, last < 1e-2
