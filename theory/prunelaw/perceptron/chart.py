"""Starts for keep-hard and keep-easy from a chart: a table of known students over the domain.

The table holds the coordinates of `prunelaw.perceptron.frames` on a lattice in α_prune, f and θ.
Cubic splines through it give starts within a few percent, which Newton's method then refines like
any other: an error of the table would cost time, never digits.  tests/reference/make_chart.py
computes it with the starts that need no chart, and a test repeats a part of that.
"""

from __future__ import annotations

from functools import cache, partial
from importlib import resources
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from scipy.ndimage import map_coordinates, spline_filter

from prunelaw.keep import as_rule
from prunelaw.numerics.gaussian import Array, normal_cdf, outer_threshold
from prunelaw.perceptron.frames import every_frame, state_at
from prunelaw.perceptron.path import hebbian_state
from prunelaw.perceptron.saddle import Problem, State

_interpolated = partial(map_coordinates, order=3, mode="mirror", prefilter=False)
RULES = ("hard", "easy")
FILE = "chart.npz"
LEAST_LOAD, LARGEST_LOAD = float(np.log(0.02)), float(np.log(1e6))  # log α_prune
LEAST_FRACTION, LARGEST_FRACTION = 1e-4, 0.999
LEAST_ANGLE = 0.002  # smaller angles, other than 0, have no chart
BEND = 0.05  # the lattice is even in asinh(θ/BEND)
NODES, NODES_ON_AXIS = (31, 16, 15), (97, 32)
# At θ = 0 and f → 0 the student turns over at the capacity α_prune = 2: nodes lie close there.
CAPACITY, STEP = float(np.log(2.0)), 0.05


class Lattice(NamedTuple):
    """Evenly spaced nodes in the coordinates of load, fraction and, for θ > 0, angle."""

    axes: tuple[Array, ...]

    def nodes(self, rule: str) -> tuple[Array, Array, Array]:
        """log α_prune, f and θ of all nodes, flat."""
        grids = [grid.ravel() for grid in np.meshgrid(*self.axes, indexing="ij")]
        fraction = np.exp(grids[1]) if rule == "hard" else 2.0 * normal_cdf(-grids[1])
        if len(grids) == 2:
            return CAPACITY + STEP * np.sinh(grids[0]), fraction, np.zeros(grids[0].shape)
        return grids[0], fraction, np.minimum(BEND * np.sinh(grids[2]), 0.5 * np.pi)

    def places(self, rule: str, load: Array, fraction: Array, theta: Array) -> list[Array]:
        """Positions on the lattice, in steps of it."""
        fraction = np.minimum(fraction, LARGEST_FRACTION)
        load = _load_coordinate(load, planar=len(self.axes) == 3)
        columns = (load, _fraction_coordinate(rule, fraction), np.arcsinh(theta / BEND))
        return [
            (column - axis[0]) / (axis[1] - axis[0])
            for column, axis in zip(columns, self.axes, strict=False)
        ]


def _load_coordinate(load: Array, *, planar: bool) -> Array:
    """log α_prune; at θ = 0 stretched around the capacity."""
    return load if planar else np.arcsinh((load - CAPACITY) / STEP)


def _fraction_coordinate(rule: str, fraction: Array) -> Array:
    """log f for keep-hard; for keep-easy the threshold, by which the gap opens."""
    return np.log(fraction) if rule == "hard" else outer_threshold(fraction)


def lattice(rule: str, *, planar: bool) -> Lattice:
    """The lattice of θ > 0, or of θ = 0."""
    fractions = _fraction_coordinate(rule, np.array([LEAST_FRACTION, LARGEST_FRACTION]))
    angles = np.arcsinh(np.array([LEAST_ANGLE, 0.5 * np.pi]) / BEND)
    loads = _load_coordinate(np.array([LEAST_LOAD, LARGEST_LOAD]), planar=planar)
    low, high = (loads[0], fractions.min(), angles[0]), (loads[1], fractions.max(), angles[1])
    counts = NODES if planar else NODES_ON_AXIS
    return Lattice(tuple(map(np.linspace, low, high, counts)))


def problem_at(rule: str, load: Array, fraction: Array, theta: Array, *, planar: bool) -> Problem:
    """The problem of each point."""
    layers = as_rule(rule, "rule").segments(fraction, theta)
    return Problem(np.exp(load) / fraction, theta, layers, planar)


class _Chart(NamedTuple):
    """Splines over the lattice: two polar coordinates in each frame, log κ and asinh(slack/σ)."""

    lattice: Lattice
    frame: Int[np.ndarray, "..."]
    polar: list[tuple[Array, Array]]
    margin: tuple[Array, Array]


@cache
def _chart(rule: str, planar: bool) -> _Chart:
    """The chart of one rule, read once."""
    grid = lattice(rule, planar=planar)
    shape = tuple(len(axis) for axis in grid.axes)
    with resources.files("prunelaw").joinpath(FILE).open("rb") as file, np.load(file) as table:
        place = table[key(rule, planar, "place")].astype(float)
        frame = table[key(rule, planar, "frame")].astype(int)
    problem = problem_at(rule, *grid.nodes(rule), planar=planar)
    state = state_at(problem, place, frame)

    def spline(values: Array) -> Array:
        return spline_filter(values.reshape(shape), order=3, mode="mirror")

    polar = every_frame(problem, state) if planar else place[:, None]
    splines = [(spline(one[:, 0]), spline(one[:, 1])) for one in np.moveaxis(polar, 1, 0)]
    margin = (spline(place[:, 2]), spline(place[:, 3]))
    return _Chart(grid, frame.reshape(shape), splines, margin)


def key(rule: str, planar: bool, name: str) -> str:
    """Name of an array in the file."""
    return f"{rule}_{'plane' if planar else 'axis'}_{name}"


def charted(problem: Problem, fraction: Array) -> Bool[np.ndarray, " n"]:
    """Where the chart of a rule gives a start."""
    load = np.log(problem.alpha * fraction)
    inside = (load <= LARGEST_LOAD + 1e-9) & (fraction >= LEAST_FRACTION * (1.0 - 1e-9))
    return inside & (problem.theta >= LEAST_ANGLE) if problem.planar else inside


def chart_states(rule: str, problem: Problem, fraction: Array) -> State:
    """Starts of points that are `charted`; `rule` is one of RULES."""
    load = np.log(problem.alpha * fraction)
    chart = _chart(rule, problem.planar)
    places = chart.lattice.places(rule, load, fraction, problem.theta)
    values = np.empty((len(load), 4))
    values[:, 2], values[:, 3] = (_interpolated(spline, places) for spline in chart.margin)
    frame = _frame(chart, places)
    for k in np.unique(frame):
        mine = np.flatnonzero(frame == k)
        here = [place[mine] for place in places]
        values[mine, 0], values[mine, 1] = (_interpolated(s, here) for s in chart.polar[k])
    state = state_at(problem, values, frame)
    # Below the lattice every kept example is a support vector, and the student all but known.
    small = load < LEAST_LOAD
    if not small.any():
        return state
    simple = hebbian_state(problem, fraction, np.exp(np.minimum(load, LEAST_LOAD)))
    return State(*(np.where(small, a, b) for a, b in zip(simple, state, strict=True)))


def _frame(chart: _Chart, places: list[Array]) -> Int[np.ndarray, " n"]:
    """The frame of a node nearby; of two angles the smaller: at π/2 two directions coincide."""
    nearest = [np.rint(place) for place in places[:2]] + [np.floor(place) for place in places[2:]]
    index = [
        np.clip(place, 0, size - 1).astype(int)
        for place, size in zip(nearest, chart.frame.shape, strict=True)
    ]
    return chart.frame[tuple(index)]
