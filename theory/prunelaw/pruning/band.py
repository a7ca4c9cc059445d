"""The best band of |z| that keeps a fraction f, at many points at once.

With x = P(|z| < low), the derivative along the bands of one kept fraction comes from the influence
I of the examples at the two edges:

    dε/dx = I(high) − I(low)        (kept mass leaves at `low` and enters at `high`).

Hard (x = 0) and easy (x = 1 − f, high = ∞) are the two ends. Some points are scanned for their
minima, the others follow their neighbours; from each start `prunelaw.pruning.band_descent` goes
down to the minimum, a root of dε/dx.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from prunelaw.checks import check_real
from prunelaw.numerics.gaussian import Array
from prunelaw.numerics.neighbours import NEIGHBOURS, linear_fit, nearest_points
from prunelaw.numerics.roots import common
from prunelaw.perceptron.saddle import State, local, newton
from prunelaw.perceptron.solver import SMALLEST_ANGLE, solve_points
from prunelaw.pruning.band_descent import (
    COARSE,
    S_HIGH,
    S_LOW,
    Found,
    Points,
    Starts,
    carried,
    descended,
    edges_of_band,
    look_at,
    low_mass,
    place_of,
)

NOISE = 1e-10  # log ratios of errors below this are rounding, not a difference
SCANNED = np.array([0.0, 0.03, 0.1, 0.25, 0.45, 0.65, 0.82, 0.94, 0.99, 1.0 - 1e-5, 1.0])
FIRST_SHARES = (48, 6, 1)  # one point in 48 is scanned; then one in 6, then all, follow
ALL_SCANNED = 64  # fewer points than this are all scanned
PART = 1024  # points worked on at a time
APART = 0.8  # in s: neighbours that differ by more belong to different minima
RIDGE = 1e-2
FAR = 4.0  # in s: beyond, the same minimum may lie anywhere up to the easy end
PASSES = 4  # over points beside which another minimum was found


@dataclass(frozen=True, eq=False)
class BestBand:
    """The band low < |z| < high of least error among those that keep f; arrays of one shape.

    Attributes:
        x: P(|z| < low), in [0, 1 − f]; 0 is hard, 1 − f is easy.
        low, high: its edges.
        error: ε.
        residual: (I(high) − I(low)) f/ε: 0 inside (to about 1e-5), ≥ 0 at the hard end; at the easy
            end ≤ 0, or what cutting off the far tail would change ε by is below 1e-10 ε.
        at_end: "" inside, "hard" or "easy" where an end is best, "flat" where the error does not
            depend on where the band lies (θ = 0, large α_tot).
        rival: error of the best other local minimum met, NaN if none was.
        converged: the saddle point is, and the influences at the edges agree to 1e-4 unless at an
            end; where False, x, low, high, error and residual are NaN.
    """

    alpha_tot: Float[np.ndarray, "*shape"]
    f: Float[np.ndarray, "*shape"]
    theta: Float[np.ndarray, "*shape"]
    x: Float[np.ndarray, "*shape"]
    low: Float[np.ndarray, "*shape"]
    high: Float[np.ndarray, "*shape"]
    error: Float[np.ndarray, "*shape"]
    residual: Float[np.ndarray, "*shape"]
    at_end: Shaped[np.ndarray, "*shape"]
    rival: Float[np.ndarray, "*shape"]
    converged: Bool[np.ndarray, "*shape"]


def best_band(alpha_tot: Any, f: Any, theta: Any = 0.0) -> BestBand:
    """The best band of |z| that keeps f, by root finding on dε/dx = I(high) − I(low).

    Up to 64 points are scanned at 11 bands each, and every bracketed minimum is followed to its
    root. Of more points, one in 48 is; the others start from fits through their neighbours, one
    start for each minimum those are in, so minima of regions smaller than that can be missed.
    Nothing is raised for a point that fails: see `converged`.

    Args:
        alpha_tot: in (0, ∞); f in (0, 1); theta in [0, π/2] rad; they broadcast.

    Raises:
        InputError: for an argument outside its range.
    """
    alpha = check_real("alpha_tot", alpha_tot, 0.0, low_open=True)
    fraction = check_real("f", f, 0.0, 1.0, low_open=True, high_open=True)
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    shape, columns = common(alpha_tot=alpha, f=fraction, theta=angle)
    alpha, fraction, angle = columns
    n = len(alpha)
    found = Found.empty(n)
    rival = np.full(n, np.nan)
    for planar in (False, True):
        index = np.flatnonzero((angle >= SMALLEST_ANGLE) == planar)
        if index.size:
            points = Points(alpha[index], fraction[index], angle[index], planar)
            part, others = _search(points)
            found.put(index, part)
            rival[index] = others
    low, high = edges_of_band(fraction, found.s)
    good = found.good
    end = np.where(found.s <= S_LOW, "hard", np.where(found.s >= S_HIGH, "easy", ""))
    end = np.where(good, np.where(found.flat, "flat", end), "")
    values = {
        "x": low_mass(fraction, found.s), "low": low, "high": high,
        "error": found.error, "residual": found.residual,
    }  # fmt: skip
    values = {name: np.where(good, value, np.nan) for name, value in values.items()}
    values |= dict(zip(("alpha_tot", "f", "theta"), columns, strict=True))
    values |= {"at_end": end, "rival": rival, "converged": good}
    return BestBand(**{name: value.reshape(shape) for name, value in values.items()})


def _search(points: Points) -> tuple[Found, Array]:
    """Best bands of all points, and the errors of rivals."""
    n = len(points.alpha)
    result, rival, done = Found.empty(n), np.full(n, np.nan), np.zeros(n, bool)
    place = points.place()
    for share in FIRST_SHARES:
        whole = share == 1 or (n <= ALL_SCANNED and share == FIRST_SHARES[0])
        wanted = np.arange(n) if whole else _spread(place, max(ALL_SCANNED, n // share))
        index = wanted[~done[wanted]]
        if not index.size:
            continue
        known = np.flatnonzero(done & result.good)
        if share == FIRST_SHARES[0] or not known.size:
            start = _scanned(points.take(index))
        else:
            tree, here = place[known], result.take(known)
            start = _followers(points.take(index), place[index], tree, here)
        part, others = _best_of(points.take(index), start)
        result.put(index, part)
        rival[index], done[index] = others, True
    lost = np.flatnonzero(~result.good)
    if lost.size and n > ALL_SCANNED:  # neighbours led astray
        part, others = _best_of(points.take(lost), _scanned(points.take(lost)))
        result.put(lost, part)
        rival[lost] = others
    _, near = nearest_points(place, place, NEIGHBOURS + 1)
    changed = np.ones(n, bool)
    for _ in range(PASSES):
        changed = _reconsidered(points, near, result, rival, changed)
        if not changed.any():
            break
    return result, rival


def _reconsidered(
    points: Points,
    near: Int[np.ndarray, "n k"],
    result: Found,
    rival: Array,
    changed: Bool[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Try the minimum of the nearest `changed` point that has found another one; who improved.

    Where two minima exchange the lead a point's first neighbours may all have been on one side.
    """
    improved = np.zeros(len(near), bool)
    # Towards the easy end s runs to infinity while the minimum stays the same.
    mine, theirs = (np.minimum(s, FAR) for s in (result.s[:, None], result.s[near]))
    other = (np.abs(mine - theirs) > APART) & result.good[near] & changed[near]
    owner = np.flatnonzero(other.any(axis=1))
    if not owner.size:
        return improved
    first = np.argmax(other[owner], axis=1)
    known = result.take(near[owner, first])
    nan = np.full(owner.size, np.nan)
    starts = Starts(np.arange(owner.size), known.s, nan, nan, nan, known.state)
    found, _ = _best_of(points.take(owner), starts)
    before = result.error[owner]
    better = found.good & ~(found.error >= before * (1.0 - NOISE))
    worse = found.good & ~better & (np.abs(found.s - result.s[owner]) > 1e-3)
    rival[owner[better]] = before[better]
    rival[owner[worse]] = np.fmin(rival[owner[worse]], found.error[worse])
    result.put(owner[better], found.take(np.flatnonzero(better)))
    improved[owner[better]] = True
    return improved


def _spread(place: Array, count: int) -> Int[np.ndarray, " some"]:
    """About `count` points, spread evenly: one of each cell of a lattice of the right size."""
    size = 0.05
    while True:
        _, index = np.unique(np.round(place / size), axis=0, return_index=True)
        if len(index) <= count:
            return np.sort(index)
        size *= 1.15


def _scanned(points: Points) -> Starts:
    """Every minimum that the signs of dε/ds at the scanned bands bracket."""
    n, count = len(points.alpha), len(SCANNED)
    s = np.tile(place_of(SCANNED), n)
    state, g = _looks_at_bands(points)
    grid, at = g.reshape(n, count), s.reshape(n, count)
    point, cell = np.nonzero((grid[:, :-1] < 0.0) & (grid[:, 1:] >= 0.0))
    left, right = point * count + cell, point * count + cell + 1
    share = np.clip(g[left] / (g[left] - g[right]), 0.1, 0.9)
    ends = [
        np.flatnonzero(~(grid[:, 0] < 0.0)) * count,  # NaN is tried as well
        np.flatnonzero(~(grid[:, -1] > 0.0)) * count + count - 1,
    ]
    ends = np.concatenate(ends)
    mixed = _between(state.take(left), state.take(right), share)
    nan = np.full(len(ends), np.nan)
    inner = at[point, cell] + share * (at[point, cell + 1] - at[point, cell])
    steep = (g[right] - g[left]) / (s[right] - s[left])
    starts = Starts(
        np.concatenate([point, ends // count]),
        np.concatenate([inner, s[ends]]),
        np.concatenate([s[left], nan]),
        np.concatenate([s[right], nan]),
        np.concatenate([steep, nan]),
        State(*(np.concatenate(pair) for pair in zip(mixed, state.take(ends), strict=True))),
    )
    return starts.take(np.argsort(starts.owner, kind="stable"))


def _looks_at_bands(points: Points) -> tuple[State, Float[np.ndarray, " m"]]:
    """Students of every scanned band, flat, and g there (NaN where there is none)."""
    n, places = len(points.alpha), place_of(SCANNED)
    count = len(places)
    state, g = [State.unknown(n)] * count, np.full((count, n), np.nan)
    middle = count // 2
    for rule, columns in (("hard", range(middle + 1)), ("easy", range(count - 1, middle, -1))):
        outcome = solve_points(points.problem(np.full(n, places[columns[0]])), points.f, rule)
        here, good = outcome.state, outcome.converged
        for column, following in zip_longest(columns, columns[1:]):
            k = np.flatnonzero(good)
            part, s = points.take(k), np.full(k.size, places[column])
            look = look_at(part, s, here.take(k), COARSE, still=True)
            state[column], g[column, k] = here, look.g
            if following is not None:
                there = np.full(k.size, places[following])
                start = carried(part, there, here.take(k), (there - s)[:, None] * look.change)
                here, good = _students_at(points, places[following], k, start)
    joined = State(*(np.stack(columns, axis=1).ravel() for columns in zip(*state, strict=True)))
    return joined, g.T.ravel()


def _students_at(
    points: Points, s: float, k: Int[np.ndarray, " some"], start: State
) -> tuple[State, Bool[np.ndarray, " n"]]:
    """Students of one band s, of points k from `start`, of the others from scratch."""
    n = len(points.alpha)
    result, good = State.unknown(n), np.zeros(n, bool)
    problem = points.problem(np.full(n, s))
    found, _, last, _ = newton(problem.take(k), start, COARSE, 1e-9, 10, local)
    good[k] = last < 1e-6
    result.put(k, found)
    lost = np.flatnonzero(~good)
    if lost.size:
        outcome = solve_points(problem.take(lost), points.f[lost])
        good[lost] = outcome.converged
        result.put(lost, outcome.state)
    return result, good


def _between(one: State, two: State, share: Array) -> State:
    """States between two, geometrically; slack on the scale of κ."""
    omega, tan, kappa = (
        np.exp((1 - share) * np.log(a) + share * np.log(b))
        for a, b in zip(one[:3], two[:3], strict=True)
    )
    slack = (1 - share) * one.slack / one.kappa + share * two.slack / two.kappa
    return State(omega, tan, kappa, slack * kappa)


def _followers(points: Points, place: Array, known: Array, found: Found) -> Starts:
    """Starts from the weighted linear fit through the nearest known points, of up to 2 minima."""
    distance, index = nearest_points(known, place)
    near = found.s[index]
    same = np.abs(near - near[:, :1]) < APART
    other = np.argmax(~same, axis=1)
    rest = np.abs(near - np.take_along_axis(near, other[:, None], 1)) < APART
    second = np.flatnonzero(~same.all(axis=1))
    owner = np.concatenate([np.arange(len(place)), second])
    member = np.concatenate([same, rest[second]])
    index = index[owner]
    state = found.state
    logs = [np.log(column) for column in state[:3]]
    values = np.stack([found.s, *logs, state.slack / state.kappa], axis=1)[index]
    relative = known[index] - place[owner][:, None, :]
    fit = linear_fit(distance[owner], relative, values, RIDGE, member)
    spread = np.where(member[..., None], values, np.nan)
    fit = np.clip(fit, np.nanmin(spread, axis=1) - 0.5, np.nanmax(spread, axis=1) + 0.5)
    s = np.clip(fit[:, 0], S_LOW, S_HIGH)
    kappa = np.exp(fit[:, 3])
    omega = np.minimum(np.exp(fit[:, 1]), 0.5 * np.pi - 1e-6)
    nan = np.full(len(owner), np.nan)
    start = State(omega, np.exp(fit[:, 2]), kappa, fit[:, 4] * kappa)
    starts = Starts(owner, s, nan, nan, nan, start)
    return starts.take(np.argsort(owner, kind="stable"))


def _best_of(points: Points, starts: Starts) -> tuple[Found, Array]:
    """The best place of each point and its rival's error, from all starts."""
    found = Found.empty(len(starts.owner))
    for first in range(0, len(starts.owner), PART):
        part = slice(first, first + PART)
        found.put(part, descended(points.take(starts.owner[part]), starts.take(part)))
    n = len(points.alpha)
    order = np.lexsort((np.where(found.good, found.error, np.inf), starts.owner))
    owner = starts.owner[order]
    first = np.searchsorted(owner, np.arange(n))
    best, rival = found.take(order[first]), np.full(n, np.nan)
    following = np.minimum(first + 1, len(order) - 1)
    has = (owner[following] == np.arange(n)) & (first + 1 < len(order))
    two = found.take(order[following])
    has &= two.good & (np.abs(two.s - best.s) > 1e-3)
    rival[has] = two.error[has]
    return best, rival
