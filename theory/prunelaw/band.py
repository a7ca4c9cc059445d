"""The best band of |z| that keeps a fraction f, at many points at once.

With x = P(|z| < low), the derivative along the bands of one kept fraction comes from the influence
I of the examples at the two edges:

    dε/dx = I(high) − I(low)        (kept mass leaves at `low` and enters at `high`).

Hard (x = 0) and easy (x = 1 − f, high = ∞) are the two ends.  Some points are scanned for their
minima, the others follow their neighbours; every minimum is a root of dε/dx.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.spatial import KDTree

from prunelaw._checks import check_real
from prunelaw.gaussian import Array, central_half_width, normal_pdf, outer_threshold
from prunelaw.keep import Segments
from prunelaw.moments import line_moments
from prunelaw.path import PATH
from prunelaw.perceptron import SMALLEST_ANGLE, solve_points
from prunelaw.roots import common
from prunelaw.saddle import (
    REFINEMENTS,
    Outcome,
    Problem,
    State,
    data_terms,
    local,
    moved,
    newton,
    newton_steps,
    newton_system,
    refined,
)

NOISE = 1e-10  # log ratios of errors below this are rounding, not a difference
BEND = 0.01  # bands are searched in s = log((y + BEND)/(1 − y)), y = x/(1 − f) ∈ [0, 1]
S_LOW, S_HIGH = float(np.log(BEND)), 30.0  # y = 0, and 1 − y = 1e-13: nothing beyond `high`
SCANNED = np.array([0.0, 0.03, 0.1, 0.25, 0.45, 0.65, 0.82, 0.94, 0.99, 1.0 - 1e-5, 1.0])
FIRST_SHARES = (48, 6, 1)  # one point in 48 is scanned; then one in 6, then all, follow
ALL_SCANNED = 64  # fewer points than this are all scanned
PART = 1024  # points worked on at a time
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
APART = 0.8  # in s: neighbours that differ by more belong to different minima
NEIGHBOURS = 8
FAR = 4.0  # in s: beyond, the same minimum may lie anywhere up to the easy end
PASSES = 4  # over points beside which another minimum was found


@dataclass(frozen=True, eq=False)
class BestBand:
    """The band low < |z| < high of least error among those that keep f; arrays of one shape.

    x            P(|z| < low), in [0, 1 − f]; 0 is hard, 1 − f is easy
    low, high    its edges
    error        ε
    residual     (I(high) − I(low)) f/ε: 0 inside (to about 1e-5), ≥ 0 at the hard end; at the
                 easy end ≤ 0, or what cutting off the far tail would change ε by is below 1e-10 ε
    at_end       "" inside, "hard" or "easy" where an end is best, "flat" where the error does not
                 depend on where the band lies (θ = 0, large α_tot)
    rival        error of the best other local minimum met, NaN if none was
    converged    the saddle point is, and the influences at the edges agree to 1e-4 unless
                 at an end; where False, x, low, high, error and residual are NaN
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

    alpha_tot  in (0, ∞); f in (0, 1); theta in [0, π/2] rad; they broadcast

    Up to 64 points are scanned at 11 bands each, and every bracketed minimum is followed to its
    root.  Of more points, one in 48 is; the others start from fits through their neighbours, one
    start for each minimum those are in, so minima of regions smaller than that can be missed.
    Nothing is raised for a point that fails: see `converged`.  Raises `InputError`.
    """
    alpha = check_real("alpha_tot", alpha_tot, 0.0, low_open=True)
    fraction = check_real("f", f, 0.0, 1.0, low_open=True, high_open=True)
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    shape, columns = common(alpha_tot=alpha, f=fraction, theta=angle)
    alpha, fraction, angle = columns
    n = len(alpha)
    found = _Found.empty(n)
    rival = np.full(n, np.nan)
    for planar in (False, True):
        index = np.flatnonzero((angle >= SMALLEST_ANGLE) == planar)
        if index.size:
            points = _Points(alpha[index], fraction[index], angle[index], planar)
            part, others = _search(points)
            found.put(index, part)
            rival[index] = others
    low, high = edges_of_band(fraction, found.s)
    good = found.good
    end = np.where(found.s <= S_LOW, "hard", np.where(found.s >= S_HIGH, "easy", ""))
    end = np.where(good, np.where(found.flat, "flat", end), "")
    values = {
        "x": _low_mass(fraction, found.s), "low": low, "high": high,
        "error": found.error, "residual": found.residual,
    }  # fmt: skip
    values = {name: np.where(good, value, np.nan) for name, value in values.items()}
    values |= dict(zip(("alpha_tot", "f", "theta"), columns, strict=True))
    values |= {"at_end": end, "rival": rival, "converged": good}
    return BestBand(**{name: value.reshape(shape) for name, value in values.items()})


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


def _of_y(y: Array) -> Array:
    """s at y."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log((y + BEND) / (1.0 - y)), S_LOW, S_HIGH)


def _low_mass(f: Array, s: Array) -> Array:
    return (1.0 - f) * _below(s)


def edges_of_band(f: Array, s: Array) -> tuple[Array, Array]:
    """(low, high) of |z|, from the smaller of the masses on either side."""
    below, above = (1.0 - f) * _below(s), (1.0 - f) * _above(s)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.where(below < 0.5, central_half_width(below), outer_threshold(above + f))
        high = np.where(above < 0.5, outer_threshold(above), central_half_width(below + f))
    return low, np.where(above <= 0.0, np.inf, high)


class _Points(NamedTuple):
    """Points of one kind of probe."""

    alpha: Array
    f: Array
    theta: Array
    planar: bool

    def take(self, index: Any) -> _Points:
        return _Points(self.alpha[index], self.f[index], self.theta[index], self.planar)

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


class _Found(NamedTuple):
    """Places found, as arrays (n,): s, error, residual, student, and two flags."""

    s: Array
    error: Array
    residual: Array
    state: State
    good: Array
    flat: Array

    @staticmethod
    def empty(n: int) -> _Found:
        """Nothing found yet."""
        nan = np.full(n, np.nan)
        state = State(*(nan.copy() for _ in State._fields))
        no = np.zeros(n, bool)
        return _Found(nan.copy(), nan.copy(), nan, state, no, no.copy())

    def take(self, index: Any) -> _Found:
        s, error, residual, state, good, flat = self
        return _Found(
            s[index], error[index], residual[index], state.take(index), good[index], flat[index]
        )

    def put(self, index: Any, other: _Found) -> None:
        for mine, theirs in zip(self, other, strict=True):
            if isinstance(mine, State):
                _put(mine, index, theirs)
            else:
                mine[index] = theirs


def _search(points: _Points) -> tuple[_Found, Array]:
    """Best bands of all points, and the errors of rivals."""
    n = len(points.alpha)
    result, rival, done = _Found.empty(n), np.full(n, np.nan), np.zeros(n, bool)
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
    changed = np.ones(n, bool)
    for _ in range(PASSES):
        changed = _reconsidered(points, place, result, rival, changed)
        if not changed.any():
            break
    return result, rival


def _reconsidered(
    points: _Points, place: Array, result: _Found, rival: Array, changed: Bool[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Try the minimum of the nearest `changed` point that has found another one; who improved.

    Where two minima exchange the lead a point's first neighbours may all have been on one side.
    """
    n = len(place)
    improved = np.zeros(n, bool)
    if n < 2:
        return improved
    _, near = KDTree(place).query(place, k=min(NEIGHBOURS + 1, n))
    # Towards the easy end s runs to infinity while the minimum stays the same.
    mine, theirs = (np.minimum(s, FAR) for s in (result.s[:, None], result.s[near]))
    other = (np.abs(mine - theirs) > APART) & result.good[near] & changed[near]
    owner = np.flatnonzero(other.any(axis=1))
    if not owner.size:
        return improved
    known = result.take(near[owner, np.argmax(other[owner], axis=1)])
    nan = np.full(owner.size, np.nan)
    starts = _Starts(np.arange(owner.size), known.s, nan, nan, nan, known.state)
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


class _Starts(NamedTuple):
    """Places to start from: the point's number, s, bracket ends (or NaN), slope of g, student."""

    owner: Int[np.ndarray, " m"]
    s: Array
    low: Array
    high: Array
    slope: Array
    state: State

    def take(self, index: Any) -> _Starts:
        owner, s, low, high, slope, state = self
        return _Starts(
            owner[index], s[index], low[index], high[index], slope[index], state.take(index)
        )


def _scanned(points: _Points) -> _Starts:
    """Every minimum that the signs of dε/ds at the scanned bands bracket."""
    n, count = len(points.alpha), len(SCANNED)
    owner, s = np.repeat(np.arange(n), count), np.tile(_of_y(SCANNED), n)
    every = points.take(owner)
    state, good = _students_of_bands(points)
    g = np.full(n * count, np.nan)
    k = np.flatnonzero(good)
    g[k] = _look(every.take(k), s[k], state.take(k), COARSE, still=True).g
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
    starts = _Starts(
        np.concatenate([point, ends // count]),
        np.concatenate([inner, s[ends]]),
        np.concatenate([s[left], nan]),
        np.concatenate([s[right], nan]),
        np.concatenate([steep, nan]),
        State(*(np.concatenate(pair) for pair in zip(mixed, state.take(ends), strict=True))),
    )
    return starts.take(np.argsort(starts.owner, kind="stable"))


def _students_of_bands(points: _Points) -> tuple[State, Bool[np.ndarray, " m"]]:
    """Students of every scanned band, flat: from both ends, which are charted, to the middle."""
    n, count = len(points.alpha), len(SCANNED)
    every = _of_y(SCANNED)
    state = [State(*np.full((4, n), np.nan))] * count
    good = np.zeros((count, n), bool)
    middle = count // 2
    for rule, columns in (("hard", range(middle + 1)), ("easy", range(count - 1, middle, -1))):
        first = columns[0]
        outcome = solve_points(points.problem(np.full(n, every[first])), points.f, rule)
        state[first], good[first] = outcome.state, outcome.converged
        for before, column in pairwise(columns):
            state[column], good[column] = _next_band(
                points, every[before], every[column], state[before], good[before]
            )
    joined = State(*(np.stack(columns, axis=1).ravel() for columns in zip(*state, strict=True)))
    return joined, good.T.ravel()


def _next_band(
    points: _Points, s: float, wanted: float, state: State, usable: Bool[np.ndarray, " n"]
) -> tuple[State, Bool[np.ndarray, " n"]]:
    """Students at s = `wanted` from those at s, by the tangent; else from scratch."""
    n = len(points.alpha)
    result, good = State(*np.full((4, n), np.nan)), np.zeros(n, bool)
    k = np.flatnonzero(usable)
    if k.size:
        part, here = points.take(k), np.full(k.size, s)
        look = _look(part, here, state.take(k), COARSE, still=True)
        there = np.full(k.size, wanted)
        start = _carried(part, there, state.take(k), (there - here)[:, None] * look.change)
        found, _, last, _ = newton(part.problem(there), start, COARSE, 1e-9, 10, local)
        good[k] = last < 1e-6
        _put(result, k, found)
    lost = np.flatnonzero(~good)
    if lost.size:
        part = points.take(lost)
        outcome = solve_points(part.problem(np.full(lost.size, wanted)), part.f)
        good[lost] = outcome.converged
        _put(result, lost, outcome.state)
    return result, good


def _put(state: State, index: Any, values: State) -> None:
    for column, value in zip(state, values, strict=True):
        column[index] = value


def _between(one: State, two: State, share: Array) -> State:
    """States between two, geometrically; slack on the scale of κ."""
    omega, tan, kappa = (
        np.exp((1 - share) * np.log(a) + share * np.log(b))
        for a, b in zip(one[:3], two[:3], strict=True)
    )
    slack = (1 - share) * one.slack / one.kappa + share * two.slack / two.kappa
    return State(omega, tan, kappa, slack * kappa)


def _followers(points: _Points, place: Array, known: Array, found: _Found) -> _Starts:
    """Starts from the weighted linear fit through the nearest known points, of up to 2 minima."""
    count = min(NEIGHBOURS, len(known))
    distance, index = KDTree(known).query(place, k=count)
    distance, index = distance.reshape(len(place), count), index.reshape(len(place), count)
    near = found.s[index]
    same = np.abs(near - near[:, :1]) < APART
    other = np.argmax(~same, axis=1)
    rest = np.abs(near - np.take_along_axis(near, other[:, None], 1)) < APART
    second = np.flatnonzero(~same.all(axis=1))
    owner = np.concatenate([np.arange(len(place)), second])
    member = np.concatenate([same, rest[second]])
    index, distance = index[owner], distance[owner]
    weight = member / (distance + 0.3 * distance.mean(axis=1, keepdims=True) + 1e-9) ** 2
    weight /= weight.sum(axis=1, keepdims=True)
    relative = known[index] - place[owner][:, None, :]
    design = np.concatenate([np.ones_like(weight)[..., None], relative], axis=2)
    size = np.einsum("nk,nkd,nkd->n", weight, relative, relative)
    ridge = (1e-2 * size + 1e-12)[:, None, None] * np.diag([0.0, 1.0, 1.0, 1.0])
    state = found.state
    logs = [np.log(column) for column in state[:3]]
    values = np.stack([found.s, *logs, state.slack / state.kappa], axis=1)[index]
    normal = np.einsum("nki,nk,nkj->nij", design, weight, design) + ridge
    fit = np.linalg.solve(normal, np.einsum("nki,nk,nkj->nij", design, weight, values))[:, 0]
    spread = np.where(member[..., None], values, np.nan)
    fit = np.clip(fit, np.nanmin(spread, axis=1) - 0.5, np.nanmax(spread, axis=1) + 0.5)
    s = np.clip(fit[:, 0], S_LOW, S_HIGH)
    kappa = np.exp(fit[:, 3])
    omega = np.minimum(np.exp(fit[:, 1]), 0.5 * np.pi - 1e-6)
    nan = np.full(len(owner), np.nan)
    start = State(omega, np.exp(fit[:, 2]), kappa, fit[:, 4] * kappa)
    starts = _Starts(owner, s, nan, nan, nan, start)
    return starts.take(np.argsort(owner, kind="stable"))


def _best_of(points: _Points, starts: _Starts) -> tuple[_Found, Array]:
    """The best place of each point and its rival's error, from all starts."""
    found = _Found.empty(len(starts.owner))
    parts = _in_parts(
        lambda part: (part, _descended(points.take(starts.owner[part]), starts.take(part))),
        len(starts.owner),
    )
    for part, here in parts:
        found.put(part, here)
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


def _in_parts(work: Callable[[Array], Any], n: int) -> list[Any]:
    """work(index) for parts of range(n)."""
    return [work(part) for part in np.array_split(np.arange(n), max(1, -(-n // PART)))]


class _Look(NamedTuple):
    """One Newton step of the student at fixed bands, and what the edges say there."""

    state: State
    size: Array  # of the step
    g: Array  # (I(high) − I(low))/(|I(high)| + |I(low)| + SMALL ε/f): the sign of dε/dx
    residual: Array  # (I(high) − I(low)) f/ε
    flat: Array
    tail: Array  # what the examples beyond `high` could change: |residual| times their mass / f
    change: Float[np.ndarray, "n 3"]  # of the logarithmic unknowns, per unit of s


def _look(
    points: _Points, s: Array, state: State, resolution: Any, *, still: bool = False
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
    moments, _ = line_moments(lines, problem.fields(state), planar=points.planar)
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


def _carried(points: _Points, s: Array, state: State, moved: Float[np.ndarray, "n 3"]) -> State:
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


def _descended(points: _Points, starts: _Starts) -> _Found:
    """From each start to its minimum: coarse rounds, finer rounds, and the refined student."""
    s, state = starts.s.copy(), starts.state
    state = _carried(points, s, state, np.zeros((len(s), 3)))
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
    for mine, theirs in zip((s, g, left, flat, *state), (closer[0], *closer[2:], *closer[1]),
                            strict=True):  # fmt: skip
        mine[k] = theirs
    bracket.cut[k] = medium.cut
    usable = np.isfinite(g) & np.isfinite(np.stack(state)).all(axis=0)
    outcome = _refined(points, s, state, usable)
    at_end = ((s <= S_LOW) & (g >= 0.0)) | ((s >= S_HIGH) & ((g <= 0.0) | bracket.cut))
    settled = at_end | (np.abs(g) < 10 * SETTLED) | (np.abs(left) < SETTLED) | flat
    error = outcome.state.omega / np.pi
    return _Found(s, error, left, outcome.state, outcome.converged & settled, flat)


def _refined(points: _Points, s: Array, state: State, usable: Any) -> Outcome:
    """The students at s; those that do not refine from `state` are solved from scratch."""
    problem = points.problem(s)
    outcome = refined(problem, state, usable)
    again = np.flatnonzero(~outcome.converged)
    if again.size:
        other = solve_points(problem.take(again), points.f[again])
        _put(outcome.state, again, other.state)
        for mine, theirs in zip(outcome[1:], other[1:], strict=True):
            mine[again] = theirs
    return outcome


class _Bracket(NamedTuple):
    """Of each point's root: ends where g < 0 and g > 0 (NaN: unknown), and the last slope of g."""

    low: Array
    high: Array
    slope: Array
    cut: Array  # True where the far tail was found to be negligible: the place is the easy end


def _rounds(
    points: _Points,
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
    s, state = s.copy(), State(*(column.copy() for column in state))
    g, left, flat = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, bool)
    last_s, last_g = np.full(n, np.nan), np.full(n, np.nan)
    active = np.arange(n)
    for _ in range(count):
        k = active[np.isfinite(np.stack(state.take(active))).all(axis=0)]
        if not k.size:
            break
        part, here = points.take(k), s[k]
        look = _look(part, here, state.take(k), resolution)
        for column, value in zip(state, look.state, strict=True):
            column[k] = value
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
        carried = _carried(part, wanted, look.state, shift)
        moves = np.flatnonzero(wanted != here)
        s[k[moves]] = wanted[moves]
        for column, value in zip(state, carried, strict=True):
            column[k[moves]] = value[moves]
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
