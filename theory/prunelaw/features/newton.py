"""Newton's method for the hats of many points, with a path in the number of examples behind it."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

import numpy as np

from prunelaw.features.channel import Fields, Moments, Signals
from prunelaw.features.losses import Loss
from prunelaw.features.matrix import Hats, World, respond
from prunelaw.numerics.gaussian import Array

COARSE, FINE = 12, 16  # orders of the panels
TOLERANCE = 1e-13  # scaled residual at which Newton stops
ENOUGH = 1e-9  # at which a point counts as found when rounding stops Newton
ROUNDS, HALVINGS = 40, 7
LONGEST = 2.0  # of a step in these coordinates
BEND = 0.1  # m̂ and ô count in logarithms above this share of √(n p q̂)
PATH_ROUNDS, SHORTEST = 120, 1e-3  # of the path in log n


class Examples(Protocol):
    """Which examples are kept, for P points: `channel.Kept`, or anything that does the same."""

    def take(self, index: Array) -> Self: ...

    def average(self, fields: Fields, signals: Signals, loss: Loss, order: int) -> Moments: ...


class Task(NamedTuple):
    """P points of one setting."""

    n: Array
    penalty: Array
    weights: Array  # (K,)
    kept: Examples
    signals: Signals
    world: World
    loss: Loss
    intercept: bool

    def take(self, index: Array) -> Task:
        return self._replace(
            n=self.n[index], penalty=self.penalty[index], kept=self.kept.take(index)
        )


class Point(NamedTuple):
    """Hats and intercept, as numbers: (P, K, 3 + S) and (P,)."""

    x: Array
    b: Array

    def take(self, index: Array) -> Point:
        return Point(self.x[index], self.b[index])


class Look(NamedTuple):
    """What the equations say at a point."""

    fields: Fields
    small: Array  # where m̂ and ô turn from linear to logarithmic, (P, K, 3+S)
    scale: Array  # slopes of the hats in Newton's coordinates
    matrix: Array  # Jacobian of the scaled equations, (P, N, N)
    right: Array  # their scaled residuals, (P, N)

    @property
    def size(self) -> Array:
        with np.errstate(invalid="ignore"):
            return np.where(
                np.isfinite(self.right).all(axis=1), np.abs(self.right).max(axis=1), np.inf
            )


def hats_of(x: Array) -> Hats:
    return Hats(x[..., 0], x[..., 1], x[..., 2], x[..., 3:])


def asked(task: Task, fields: Fields, order: int) -> tuple[Array, Array]:
    """New hats (P, K, 3+S) from fields, and their slopes (P, K, 3+S, 3+S) in the fields."""
    value, slope = task.kept.average(fields, task.signals, task.loss, order)
    load = task.n[:, None] * task.weights
    value, slope = load[..., None] * value, load[..., None, None] * slope
    slope[..., 0, :] = -slope[..., 0, :]
    S = fields.o.shape[-1]
    if S:
        slope[..., 3:, :] += fields.o[..., None] * slope[..., :1, :]
        for k in range(S):
            slope[..., 3 + k, 3 + k] -= value[..., 0]
        slope[..., 3:, :] = np.linalg.solve(task.signals.cov, slope[..., 3:, :])
    return hats_from(value[:, :, None], fields.o, task.signals)[:, :, 0], slope


def hats_from(sums: Array, o: Array, signals: Signals) -> Array:
    """V̂, q̂, m̂, ô from sums of f_h, f², f, f (s − s̄) over examples, (P, K, R, 3+S)."""
    hats = sums.copy()
    hats[..., 0] = -hats[..., 0]
    if o.shape[-1]:
        pulled = hats[..., 3:] + o[:, :, None] * hats[..., :1]
        hats[..., 3:] = np.linalg.solve(signals.cov[:, None], pulled[..., None])[..., 0]
    return hats


def look(task: Task, point: Point, order: int, exact: bool = True) -> Look:
    """Residuals and Jacobian: log V̂, log q̂, asinh m̂, asinh ô by cluster, then the intercept.

    `exact` is of the Jacobian: see `respond`.
    """
    x, b = point
    P, K, J = x.shape
    hats = hats_of(x)
    linear, slope = respond(hats, task.world, task.penalty, exact=exact)
    fields = linear._replace(m=linear.m + b[:, None])
    new, inner = asked(task, fields, order)
    floor = np.maximum(1e-13 * x[..., :2].sum(axis=1, keepdims=True), 1e-250)
    small = np.empty_like(x)  # of the linear part of m̂ and ô
    load = task.n[:, None] * task.weights
    small[..., 2] = BEND * np.sqrt(load * np.maximum(x[..., 1], floor[..., 1])) + 1e-250
    if J > 3:
        spread = np.sqrt(np.diagonal(task.signals.cov, axis1=1, axis2=2))
        small[..., 3:] = small[..., 2:3] / spread
    scale, ends, right = np.empty_like(x), np.empty_like(x), np.empty((P, K * J + task.intercept))
    miss = np.empty_like(x)
    scale[..., :2], ends[..., :2] = np.maximum(x[..., :2], floor), np.maximum(new[..., :2], floor)
    scale[..., 2:] = np.hypot(x[..., 2:], small[..., 2:])
    ends[..., 2:] = np.hypot(new[..., 2:], small[..., 2:])
    miss[..., :2] = np.log(ends[..., :2] / scale[..., :2])
    miss[..., 2:] = np.arcsinh(new[..., 2:] / small[..., 2:]) - np.arcsinh(
        x[..., 2:] / small[..., 2:]
    )
    right[:, : K * J] = miss.reshape(P, -1)
    N = K * J + task.intercept
    matrix = np.zeros((P, N, N))
    block = np.einsum("pcij,pcjel->pciel", inner, slope) / ends[..., None, None]
    block = (block * scale[:, None, None]).reshape(P, K * J, K * J)
    block[:, np.arange(K * J), np.arange(K * J)] -= 1.0
    matrix[:, : K * J, : K * J] = block
    if task.intercept:
        total = scale[..., 2].sum(axis=1)
        size = np.sqrt(fields.q.mean(axis=1))
        matrix[:, : K * J, -1] = (inner[..., 2] / ends * size[:, None, None]).reshape(P, -1)
        row = np.zeros((P, K, J))
        row[..., 2] = scale[..., 2] / total[:, None]
        matrix[:, -1, : K * J] = row.reshape(P, -1)
        right[:, -1] = x[..., 2].sum(axis=1) / total
    return Look(fields, small, scale, matrix, right)


def moved(task: Task, point: Point, seen: Look, step: Array, share: Array) -> Point:
    """The point after `share` of a step in log V̂, log q̂, asinh m̂ and asinh ô."""
    P, K, J = point.x.shape
    delta = step[:, : K * J].reshape(P, K, J) * share[:, None, None]
    x = point.x.copy()
    x[..., :2] = seen.scale[..., :2] * np.exp(delta[..., :2])
    small = seen.small[..., 2:]
    x[..., 2:] = small * np.sinh(np.arcsinh(x[..., 2:] / small) + delta[..., 2:])
    b = point.b
    if task.intercept:
        b = b + share * step[:, -1] * np.sqrt(seen.fields.q.mean(axis=1))
    return Point(x, b)


def newton(task: Task, point: Point, order: int, rounds: int = ROUNDS) -> tuple[Point, Array]:
    """Damped Newton from a start; the point where it ended and the scaled residual there (P,)."""
    x, b = point.x.copy(), point.b.copy()
    left = np.full(len(b), np.inf)
    active = np.arange(len(b))
    here, mine = point, task
    seen = look(mine, here, order, exact=False)
    left[active] = seen.size
    for _ in range(rounds):
        go = seen.size > TOLERANCE
        go &= np.isfinite(seen.size)
        if not go.any():
            break
        if not go.all():
            active, here, mine = active[go], here.take(go), mine.take(np.flatnonzero(go))
            seen = Look(Fields(*(a[go] for a in seen.fields)), *(a[go] for a in seen[1:]))
        step = _steps(seen)
        free = here.x[0].size
        logs = np.abs(step[:, :free]).max(axis=1)
        share = np.minimum(1.0, LONGEST / np.maximum(logs, 1e-300))
        trial = moved(mine, here, seen, step, share)
        then = look(mine, trial, order, exact=False)
        bad = _worse(then, seen, share)
        for _ in range(HALVINGS):
            if not bad.any():
                break
            k = np.flatnonzero(bad)
            share[k] *= 0.4
            part, sub = here.take(k), mine.take(k)
            was = Look(Fields(*(a[k] for a in seen.fields)), *(a[k] for a in seen[1:]))
            new = moved(sub, part, was, step[k], share[k])
            now = look(sub, new, order, exact=False)
            targets = (*trial, *then.fields, *then[1:])
            for target, value in zip(targets, (*new, *now.fields, *now[1:]), strict=True):
                target[k] = value
            bad[k] = _worse(now, was, share[k])
        small = seen.size < ENOUGH
        better = then.size < left[active]
        k = active[better]
        x[k], b[k], left[k] = trial.x[better], trial.b[better], then.size[better]
        on = np.flatnonzero(~bad & ~(small & (then.size > 0.3 * seen.size)))
        if not on.size:
            break
        active, here, mine = active[on], trial.take(on), mine.take(on)
        seen = Look(Fields(*(a[on] for a in then.fields)), *(a[on] for a in then[1:]))
    return Point(x, b), left


def _worse(then: Look, seen: Look, share: Array) -> Array:
    return ~(then.size < (1.0 - 0.1 * share) * seen.size) & ~(then.size < TOLERANCE)


def _steps(seen: Look) -> Array:
    """Newton's steps; least squares where a Jacobian is singular."""
    try:
        return -np.linalg.solve(seen.matrix, seen.right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        rows = zip(seen.matrix, seen.right, strict=True)
        return -np.stack([np.linalg.lstsq(m, r, rcond=None)[0] for m, r in rows])


def hebbian(task: Task, order: int = COARSE) -> Point:
    """The start for few examples: every example is seen by a student that knows nothing yet."""
    P, K, S = len(task.n), len(task.weights), task.signals.mean.shape[1]
    zero = np.zeros((P, K))
    V = respond(
        Hats(zero, zero, zero, np.zeros((P, K, S))), task.world, task.penalty, False
    ).fields.V
    fields = Fields(V, np.full((P, K), 1e-12), zero, np.zeros((P, K, S)))
    x, _ = asked(task, fields, order)
    return Point(np.maximum(x, [1e-250, 1e-250, *[-np.inf] * (1 + S)]), np.zeros(P))


def substitution(task: Task, point: Point, rounds: int, share: float = 0.5) -> Point:
    """Damped substitution, the first steps from a crude start; V̂ and q̂ in their logarithms."""
    x, b = point.x.copy(), point.b.copy()
    for _ in range(rounds):
        fields = respond(hats_of(x), task.world, task.penalty, False).fields
        new, _ = asked(task, fields._replace(m=fields.m + b[:, None]), 8)
        good = np.isfinite(new).all(axis=(1, 2), keepdims=True)
        new = np.where(good, new, x)
        new[..., :2] = x[..., :2] * np.exp(
            share * np.clip(np.log(np.maximum(new[..., :2], 1e-250) / x[..., :2]), -3.0, 3.0)
        )
        new[..., 2:] = x[..., 2:] + share * (new[..., 2:] - x[..., 2:])
        x = new
    return Point(x, b)


def follow(task: Task) -> tuple[Point, Array]:
    """Each point along a path from few examples to n; residuals are infinite where it got lost."""
    P = len(task.n)
    goal = np.log(task.n)
    first = np.log(np.minimum(task.n, 0.02 * task.world.means.shape[1]))
    here = np.full(P, np.nan)
    point = hebbian(task._replace(n=np.exp(first)))
    stride = np.full(P, 1.0)
    before_x, before = point.x.copy(), here.copy()
    left = np.full(P, np.inf)
    target = first.copy()
    active = np.arange(P)
    for _ in range(PATH_ROUNDS):
        if not active.size:
            break
        start = _predicted(point.take(active), here[active], before_x[active], before[active],
                           target[active])  # fmt: skip
        sub = task.take(active)._replace(n=np.exp(target[active]))
        found, size = newton(sub, start, COARSE, rounds=9)
        ok = size < 1e-8
        k = active[ok]
        before_x[k], before[k] = point.x[k], here[k]
        point.x[k], point.b[k], here[k] = found.x[ok], found.b[ok], target[k]
        left[k[target[k] >= goal[k]]] = size[ok][target[k] >= goal[k]]
        stride[k] = np.minimum(1.7 * stride[k], 3.0)
        stride[active[~ok]] *= 0.4
        begin = np.isnan(here)
        lower = begin & ~np.isin(np.arange(P), k)
        target = np.where(lower, target - 2.0, np.minimum(here + stride, goal))
        active = active[~(here[active] >= goal[active]) & (stride[active] > SHORTEST)]
    return point, left


def _predicted(point: Point, here: Array, before_x: Array, before: Array, target: Array) -> Point:
    """Hats at the next number of examples: by the last two, else in proportion to it."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ahead = np.where(np.isnan(here), 0.0, target - here)
        share = (ahead / (here - before))[:, None, None]
        x = point.x * np.exp(ahead)[:, None, None]
        power = point.x * np.exp(np.clip(np.log(point.x / before_x) * share, -9.0, 9.0))
        secant = np.where(point.x * before_x > 0.0, power, point.x + (point.x - before_x) * share)
        known = np.isfinite(share) & np.isfinite(secant)
    return Point(np.where(known, secant, x), point.b)


def solved(task: Task) -> tuple[Point, Array, Point]:
    """The points, their residuals, and the points of the coarser panels that they come from.

    Newton's method goes from a crude start, from neighbours, or along the path.
    """
    point, left = newton(task, substitution(task, hebbian(task), 8), COARSE)
    for _ in range(2):
        point, left = _from_neighbours(task, point, left)
    lost = np.flatnonzero(~(left < 1e-9))
    if lost.size:
        found, size = follow(task.take(lost))
        point.x[lost], point.b[lost], left[lost] = found.x, found.b, size
    fine, size = newton(task, point, FINE, rounds=6)
    return fine, np.where(left < 1e-8, size, np.inf), point


def _from_neighbours(task: Task, point: Point, left: Array) -> tuple[Point, Array]:
    """Points that failed, from the nearest that did not, hats in proportion to n."""
    good, bad = np.flatnonzero(left < 1e-9), np.flatnonzero(~(left < 1e-9))
    if not good.size or not bad.size:
        return point, left
    place = np.stack([np.log(task.n), np.log(task.penalty)], axis=1)
    far = np.abs(place[bad, None] - place[None, good]).sum(axis=2)
    far = far + 0.3 * np.abs(bad[:, None] - good[None]) / len(left)
    near = good[far.argmin(axis=1)]
    x = point.x[near] * (task.n[bad] / task.n[near])[:, None, None]
    found, size = newton(task.take(bad), Point(x, point.b[near]), COARSE, rounds=15)
    point.x[bad], point.b[bad], left[bad] = found.x, found.b, size
    return point, left
