"""Starts for a batch of points: from the chart; else a few walk the path, the others follow them.

Solutions met on the way of the few are a cloud of known students in (log α_prune, log f, θ); each
other point starts from the local linear fit through its nearest neighbours in that cloud, joins
the cloud if Newton's method converges from there, and walks a path of its own if nothing else
helps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.numerics.arrays import joined
from prunelaw.numerics.gaussian import Array
from prunelaw.numerics.neighbours import linear_fit, nearest_points
from prunelaw.perceptron.chart import RULES, chart_states, charted
from prunelaw.perceptron.frames import every_frame, nearest, state_at
from prunelaw.perceptron.path import coarse_solution, follow_path
from prunelaw.perceptron.saddle import Problem, State

FOLLOWERS = 32  # points of a batch for each that leads
# What a scout has not met by then, few others will ask for; those few walk by themselves.
SCOUTS_STRIDES = 40
RIDGE = 1e-3
ROUNDS = 4
WORTH_ANOTHER_ROUND = 0.3  # least share of points that a round must have solved


class _Cloud(NamedTuple):
    """Known coarse solutions: where they are, their frame, and their coordinates in each frame."""

    place: Float[np.ndarray, "m d"]
    frame: Int[np.ndarray, " m"]
    coordinates: Float[np.ndarray, "m 3 4"]

    @staticmethod
    def empty() -> _Cloud:
        """No solutions yet."""
        return _Cloud(np.empty((0, 4)), np.empty(0, dtype=int), np.empty((0, 3, 4)))

    def with_more(self, place: Array, problem: Problem, state: State) -> _Cloud:
        """The cloud and these points."""
        every = every_frame(problem, state)
        return joined([self, _Cloud(place, nearest(every), every)])


def coarse_states(
    problem: Problem, fraction: Array, rule: str = ""
) -> tuple[State, Bool[np.ndarray, " n"]]:
    """Coarse solutions of all points, and where there is one; `rule` is a name the chart knows."""
    n = len(problem.alpha)
    place = _place(problem, fraction, np.log(problem.alpha * fraction))
    result = State.unknown(n)
    left, cloud, followers = np.arange(n), _Cloud.empty(), FOLLOWERS
    if rule in RULES:
        left, cloud = _charted(problem, fraction, rule, place, result)
    if len(cloud.place):
        left, cloud = _followed(problem, left, place, cloud, result)
        followers = 1
    solved = np.ones(n, bool)
    while left.size:
        leaders = left[_leaders(place[left], followers)]
        scouts = not len(cloud.place) and len(leaders) < len(left)
        part, strides = problem.take(leaders), None
        if scouts:  # to the end of the batch's range, for the points that will follow
            part = part._replace(alpha=np.full(len(leaders), problem.alpha.max()))
            strides = SCOUTS_STRIDES
        state, arrived, trail = follow_path(part, fraction[leaders], strides)
        met = place[leaders][trail.owner]
        met[:, 0] = trail.load
        cloud = cloud.with_more(met, part.take(trail.owner), trail.state)
        if not scouts:
            result.put(leaders, state)
            solved[leaders] = arrived
            left = np.setdiff1d(left, leaders)
        left, cloud = _followed(problem, left, place, cloud, result)
        followers = max(1, followers // 4)
    return result, solved


def _charted(
    problem: Problem, fraction: Array, rule: str, place: Float[np.ndarray, "n 4"], result: State
) -> tuple[Int[np.ndarray, " less"], _Cloud]:
    """Solve what can be solved from the chart, into `result`; what is left, and a cloud."""
    inside = np.flatnonzero(charted(problem, fraction))
    part = problem.take(inside)
    found, good = coarse_solution(part, chart_states(rule, part, fraction[inside]))
    solved = inside[good]
    result.put(solved, found.take(good))
    left = np.setdiff1d(np.arange(len(place)), solved)
    if not left.size:
        return left, _Cloud.empty()
    return left, _Cloud.empty().with_more(place[solved], part.take(good), found.take(good))


def _followed(
    problem: Problem,
    left: Int[np.ndarray, " left"],
    place: Float[np.ndarray, "n 4"],
    cloud: _Cloud,
    result: State,
) -> tuple[Int[np.ndarray, " less"], _Cloud]:
    """Solve what can be solved from the cloud, into `result`; what is left, and the new cloud."""
    for _ in range(ROUNDS):
        if not left.size:
            break
        part = problem.take(left)
        found, good = coarse_solution(part, _guess(part, cloud, place[left]))
        result.put(left[good], found.take(good))
        cloud = cloud.with_more(place[left[good]], part.take(good), found.take(good))
        left = left[~good]
        if good.mean() < WORTH_ANOTHER_ROUND:
            break
    return left, cloud


def _leaders(place: Float[np.ndarray, "n 4"], followers: int) -> Int[np.ndarray, " leaders"]:
    """One point of each (f, θ, edge), or of some, spread evenly: the one of largest load."""
    different, kind = np.unique(place[:, [2, 1, 3]], axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    wanted = max(1, min(len(different), -(-len(place) // followers)))
    chosen = np.linspace(0, len(different) - 1, wanted).round().astype(int)
    order = np.lexsort((-place[:, 0], kind))
    first = order[np.flatnonzero(np.diff(kind[order], prepend=-1))]
    return first[chosen]


def _place(problem: Problem, fraction: Array, load: Array) -> Float[np.ndarray, "n 4"]:
    """Coordinates in which solutions vary at about the same rate in each direction."""
    edge = np.minimum(problem.segments.edge, 1e6)
    return np.stack([load, np.log(fraction), 4.0 * problem.theta, 2.0 * edge / (1 + edge)], axis=1)


def _guess(problem: Problem, cloud: _Cloud, place: Float[np.ndarray, "n 4"]) -> State:
    """The weighted linear fit through each point's nearest neighbours, at the point."""
    distance, index = nearest_points(cloud.place, place)
    frame = cloud.frame[index[:, 0]]
    values = cloud.coordinates[index, frame[:, None]]
    fitted = linear_fit(distance, cloud.place[index] - place[:, None, :], values, RIDGE)
    # Kept inside the neighbours' range widened by e.
    fitted = np.clip(fitted, values.min(axis=1) - 1.0, values.max(axis=1) + 1.0)
    return state_at(problem, fitted, frame)
