"""From a start to the best band nearby: student and band are improved side by side.

Bands that keep the fraction f are places s = log((y + BEND)/(1 − y)), y = x/(1 − f) ∈ [0, 1], with
x = P(|z| < low). A look at a place takes one Newton step of the student and asks the influence of
the examples at the two edges for the sign of dε/ds; a safeguarded secant moves s.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.keep import Segments
from prunelaw.numerics.arrays import overwritten, taken
from prunelaw.numerics.gaussian import Array, central_half_width, normal_pdf, outer_threshold
from prunelaw.perceptron.path import PATH
from prunelaw.perceptron.saddle import (
    REFINEMENTS,
    Outcome,
    Problem,
    State,
    data_terms,
    local,
    moved,
    newton_steps,
    newton_system,
    refined,
)
from prunelaw.perceptron.solver import solve_points

BEND = 0.01
S_LOW, S_HIGH = float(np.log(BEND)), 30.0  # y = 0, and 1 − y = 1e-13: nothing beyond `high`
FLAT = 1e-9  # |I| f/ε at both edges below this: the error does not depend on the band
COARSE, MEDIUM = PATH, REFINEMENTS[0]
SMALL = 0.03  # of |I| f/ε: below, differences of influence count as they are, not relatively
NEARLY, SETTLED = 2e-3, 1e-5  # |g| at which a place counts as found
CLEAR = 0.05  # g at the hard end above which a coarse look decides
NEGLIGIBLE = 1e-10  # relative change of ε for which the far tail is not cut off: the rule is easy
# A Newton step of the student below which its influence is believed, and the error of g per size
# of that step (from above in all cases looked at): θ > 0, and θ = 0, where I is a small difference.
SURE, SURE_ON_AXIS = 3e-3, 1e-5
NOISE_OF_LOOK, NOISE_ON_AXIS = 10.0, 4e4


def _above(s: Array) -> Array:
    """1 − y."""
    return np.where(s >= S_HIGH, 0.0, np.where(s <= S_LOW, 1.0, (1.0 + BEND) / (1.0 + np.exp(s))))


def _below(s: Array) -> Array:
    """y."""
    inner = np.maximum((np.exp(s) - BEND) / (1.0 + np.exp(s)), 0.0)
    return np.where(s >= S_HIGH, 1.0, np.where(s <= S_LOW, 0.0, inner))


def _slope_of_y(s: Array) -> Array:
    """dy/ds."""
    return (1.0 + BEND) / (2.0 + np.exp(s) + np.exp(-s))


def place_of(y: Array) -> Array:
    """s at y."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log((y + BEND) / (1.0 - y)), S_LOW, S_HIGH)


def low_mass(f: Array, s: Array) -> Array:
    return (1.0 - f) * _below(s)


def edges_of_band(f: Array, s: Array) -> tuple[Array, Array]:
    """(low, high) of |z|, from the smaller of the masses on either side."""
    below, above = (1.0 - f) * _below(s), (1.0 - f) * _above(s)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.where(below < 0.5, central_half_width(below), outer_threshold(above + f))
        high = np.where(above < 0.5, outer_threshold(above), central_half_width(below + f))
    return low, np.where(above <= 0.0, np.inf, high)


class Points(NamedTuple):
    """Points of one kind of probe."""

    alpha: Array
    f: Array
    theta: Array
    planar: bool

    take = taken

    def problem(self, s: Array) -> Problem:
        """The saddle point of the band at s."""
        low, high = edges_of_band(self.f, s)
        layers = Segments(
            np.stack([low, -high], 1), np.stack([high, -low], 1), np.ones((len(low), 2))
        )
        return Problem(self.alpha, self.theta, layers, self.planar)

    def place(self) -> Float[np.ndarray, "n 3"]:
        """Coordinates in which bands and students vary at about the same rate."""
        return np.stack([np.log(self.alpha), np.log(self.f), 4.0 * self.theta], axis=1)


class Found(NamedTuple):
    """Places found, as arrays (n,): s, error, residual, student, and two flags."""

    s: Array
    error: Array
    residual: Array
    state: State
    good: Array
    flat: Array

    @staticmethod
    def empty(n: int) -> Found:
        """Nothing found yet."""
        s, error, residual = np.full((3, n), np.nan)
        good, flat = np.zeros((2, n), bool)
        return Found(s, error, residual, State.unknown(n), good, flat)

    take, put = taken, overwritten


class Starts(NamedTuple):
    """Places to start from: the point's number, s, bracket ends (or NaN), slope of g, student."""

    owner: Int[np.ndarray, " m"]
    s: Array
    low: Array
    high: Array
    slope: Array
    state: State

    take = taken


class _Look(NamedTuple):
    """One Newton step of the student at fixed bands, and what the edges say there."""

    state: State
    size: Array  # of the step
    g: Array  # (I(high) − I(low))/(|I(high)| + |I(low)| + SMALL ε/f): the sign of dε/dx
    residual: Array  # (I(high) − I(low)) f/ε
    flat: Array
    tail: Array  # what the examples beyond `high` could change: |residual| times their mass / f
    change: Float[np.ndarray, "n 3"]  # of the logarithmic unknowns, per unit of s


def look_at(
    points: Points, s: Array, state: State, resolution: Any, *, still: bool = False
) -> _Look:
    problem = points.problem(s)
    residual, jacobian = newton_system(problem, state, resolution)
    step = newton_steps(residual, jacobian)
    step = np.where(np.isfinite(step), step, np.nan)
    size = np.nan_to_num(local(problem, state, step), nan=np.inf)
    if not still:
        state = moved(problem, state, step)
    sound = np.isfinite(size)
    response = np.full_like(jacobian, np.nan)
    response[sound] = -np.linalg.inv(jacobian[sound])
    low, high = edges_of_band(points.f, s)
    near, far = np.minimum(low, 37.0), np.minimum(high, 37.0)
    lines = np.stack([near, far, -near, -far], axis=1)
    moments, _ = problem.lines(state, lines)
    terms = data_terms(problem, state, moments)
    terms = (terms[:, :2] + terms[:, 2:]) / (2.0 * normal_pdf(lines[:, :2]))[..., None]
    terms[:, 1][~np.isfinite(high)] = 0.0
    answer = np.einsum("nij,nmj->nmi", response, terms)  # of the unknowns to mass at each edge
    influence = answer[:, :, 0] * points.f[:, None]  # I f/ε
    size_of = np.abs(influence).sum(axis=1)
    left = influence[:, 1] - influence[:, 0]
    flat = size_of < FLAT
    tail = np.maximum(np.abs(left), SMALL) * (1.0 - points.f) * _above(s) / points.f
    g = np.where(flat, 0.0, left / (size_of + SMALL))
    mass = (1.0 - points.f) * _slope_of_y(s)
    change = (answer[:, 1] - answer[:, 0]) * mass[:, None]
    if change.shape[1] == 2:
        change = np.insert(change, 1, 0.0, axis=1)
    g = np.where(sound, g, np.nan)
    return _Look(state, size, g, left, flat, tail, change)


def carried(points: Points, s: Array, state: State, moved: Float[np.ndarray, "n 3"]) -> State:
    """The student after the band has moved to s, its unknowns changed by `moved` (logarithms)."""
    moved = np.clip(np.nan_to_num(moved), -0.5, 0.5)
    omega = np.minimum(state.omega * np.exp(moved[:, 0]), 0.5 * (state.omega + 0.5 * np.pi))
    kappa = state.kappa * np.exp(moved[:, 2])
    trial = State(omega, state.tan_half_chi * np.exp(moved[:, 1]), kappa, state.slack)
    problem = points.problem(s)
    rho_edge = problem.fields(trial).rho * problem.segments.edge
    # In a gap the margin is all but ρ·edge, and the slack keeps its size.
    in_gap = (state.slack > 0.0) & (state.slack < 0.3 * state.kappa)
    return trial._replace(
        slack=np.where(in_gap, state.slack, kappa - rho_edge),
        kappa=np.where(in_gap, state.slack + rho_edge, kappa),
    )


def descended(points: Points, starts: Starts) -> Found:
    """From each start to its minimum: coarse rounds, finer rounds, and the refined student."""
    s, state = starts.s.copy(), starts.state
    state = carried(points, s, state, np.zeros((len(s), 3)))
    bracket = _Bracket(
        starts.low.copy(), starts.high.copy(), starts.slope.copy(), np.zeros(len(s), bool)
    )
    s, state, g, left, flat = _rounds(points, s, state, bracket, COARSE, 40, NEARLY)
    medium = _Bracket(np.full_like(s, np.nan), np.full_like(s, np.nan), bracket.slope, bracket.cut)
    # Where an end is best by a wide margin, the coarse look at it was enough.
    clear = ((s <= S_LOW) & (g > CLEAR)) | ((s >= S_HIGH) & bracket.cut)
    k = np.flatnonzero(~clear)
    medium = _Bracket(*(column[k] for column in medium))
    closer = _rounds(points.take(k), s[k], state.take(k), medium, MEDIUM, 30, SETTLED)
    s[k], closer_state, g[k], left[k], flat[k] = closer
    state.put(k, closer_state)
    bracket.cut[k] = medium.cut
    usable = np.isfinite(g) & np.isfinite(np.stack(state)).all(axis=0)
    outcome = _refined(points, s, state, usable)
    at_end = ((s <= S_LOW) & (g >= 0.0)) | ((s >= S_HIGH) & ((g <= 0.0) | bracket.cut))
    settled = at_end | (np.abs(g) < 10 * SETTLED) | (np.abs(left) < SETTLED) | flat
    error = outcome.state.omega / np.pi
    return Found(s, error, left, outcome.state, outcome.converged & settled, flat)


def _refined(points: Points, s: Array, state: State, usable: Any) -> Outcome:
    """The students at s; those that do not refine from `state` are solved from scratch."""
    problem = points.problem(s)
    outcome = refined(problem, state, usable)
    again = np.flatnonzero(~outcome.converged)
    if again.size:
        outcome.put(again, solve_points(problem.take(again), points.f[again]))
    return outcome


class _Bracket(NamedTuple):
    """Of each point's root: ends where g < 0 and g > 0 (NaN: unknown), and the last slope of g."""

    low: Array
    high: Array
    slope: Array
    cut: Array  # True where the far tail was found to be negligible: the place is the easy end


def _rounds(
    points: Points,
    s: Array,
    state: State,
    bracket: _Bracket,
    resolution: Any,
    count: int,
    tolerance: float,
) -> tuple[Array, State, Array, Array, Bool[np.ndarray, " n"]]:
    """Newton's method for the student and a safeguarded secant for s, side by side.

    Returns s, state, and at s the g, the residual and whether the error is flat.
    """
    n = len(s)
    s, state = s.copy(), state.copy()
    g, left, flat = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, bool)
    last_s, last_g = np.full(n, np.nan), np.full(n, np.nan)
    active = np.arange(n)
    for _ in range(count):
        k = active[np.isfinite(np.stack(state.take(active))).all(axis=0)]
        if not k.size:
            break
        part, here = points.take(k), s[k]
        look = look_at(part, here, state.take(k), resolution)
        state.put(k, look.state)
        noise = (NOISE_OF_LOOK if points.planar else NOISE_ON_AXIS) * look.size
        sure = (look.size < (SURE if points.planar else SURE_ON_AXIS)) & np.isfinite(look.g)
        sure &= (noise < np.abs(look.g)) | (noise < tolerance)
        value = np.where(sure, look.g, np.nan)
        g[k], left[k], flat[k] = value, look.residual, look.flat & sure
        bracket.low[k] = np.where(value < 0.0, here, bracket.low[k])
        bracket.high[k] = np.where(value > 0.0, here, bracket.high[k])
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (value - last_g[k]) / (here - last_s[k])
        bracket.slope[k] = np.where((slope > 0.0) & np.isfinite(slope), slope, bracket.slope[k])
        last_s[k], last_g[k] = np.where(sure, here, last_s[k]), np.where(sure, value, last_g[k])
        done = (np.abs(value) < tolerance) | flat[k]
        done |= sure & (np.abs(look.residual) < 0.5 * tolerance)
        done |= ((here <= S_LOW) & (value > 0.0)) | (
            (here >= S_HIGH) & ((value < 0.0) | bracket.cut[k])
        )
        done &= noise < np.maximum(tolerance, 0.1 * np.abs(look.g))
        wanted = _next(here, value, bracket, k)
        wanted = np.where(done | ~sure, here, wanted)
        cut = (value < 0.0) & (look.tail < NEGLIGIBLE) & ~done
        bracket.cut[k], wanted = bracket.cut[k] | cut, np.where(cut, S_HIGH, wanted)
        # A bracket shrunk to nothing without a root came from looks at unsettled students.
        empty = sure & ~done & (bracket.high[k] - bracket.low[k] < 1e-7)
        bracket.low[k[empty]] = bracket.high[k[empty]] = np.nan
        active = k[~(done & ~cut)]
        shift = (wanted - here)[:, None] * look.change
        there = carried(part, wanted, look.state, shift)
        moves = np.flatnonzero(wanted != here)
        s[k[moves]] = wanted[moves]
        state.put(k[moves], there.take(moves))
    return s, state, g, left, flat


def _next(s: Array, g: Array, bracket: _Bracket, k: Any) -> Array:
    """A secant step kept inside the bracket; its middle where that fails.

    Without a bracket it is no longer than 1, or than a third of s on the way to the easy end.
    """
    low, high = np.fmax(bracket.low[k], S_LOW), np.fmin(bracket.high[k], S_HIGH)
    slope = np.where(np.isfinite(bracket.slope[k]), bracket.slope[k], 0.5)
    trial = s + np.clip(-g / np.maximum(slope, 1e-3), -1.0, np.maximum(1.0, 0.33 * s))
    bracketed = np.isfinite(bracket.low[k]) & np.isfinite(bracket.high[k])
    outside = (trial <= low) | (trial >= high)
    middle = 0.5 * (low + high)
    return np.where(bracketed & outside, middle, np.clip(trial, low, high))
