"""Softmax regression of several classes on kept examples, by averages at sampled fields.

The student is min over W (L × d) of Σ_kept ℓ(W x, y) + (λ/2)|W|², ℓ = −v_y + log Σ_k e^{v_k}.  In
cluster c its fields are Gaussian with mean m_c and covariance Q_c, and

    v = argmin ℓ(v, y_c) + ½ (v − h)ᵀ V_c⁻¹ (v − h),   f = e_y − softmax(v),   H = −∂f/∂v
    V̂_c = n p_c E[w H (1 + V H)⁻¹],   q̂_c = n p_c E[w f fᵀ],   m̂_c = n p_c E[w f]
    ô_c = C⁻¹ n p_c E[w (s − s̄) fᵀ] + C⁻¹ o_c V̂_c
    A = (λ + Σ_c V̂_c ⊗ Σ_c)⁻¹,   W̄ = A Σ_c (m̂_c ⊗ μ_c + Σ_k ô_ck ⊗ Σ_c θ_k),   V_c = tr_d(A Σ_c)
    m_c = W̄ μ_c,   o_ck = W̄ Σ_c θ_k,   Q_c = W̄ Σ_c W̄ᵀ + tr_d(Σ_c A (Σ_e q̂_e ⊗ Σ_e) A)

with tr_d the trace over features alone.  Averages are at Sobol points of the fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri
from scipy.stats import qmc

from prunelaw.checks import check_number
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.features.channel import Signals
from prunelaw.features.matrix import World
from prunelaw.features.several.clouds import Cloud
from prunelaw.features.several.keeping import chosen
from prunelaw.features.several.largest import largest_chances
from prunelaw.numerics.gaussian import Array

POINTS = 2**11  # of the fields of each cluster; each stands for its mirror image, too
ROUNDS, MEMORY = 400, 10  # of Anderson's method
TOLERANCE = 1e-8  # relative change of the fields' covariances in a round
AGREE = 0.02  # relative difference of the errors by two sets of points
LARGEST = 2000  # of L d where covariances do not commute


@dataclass(frozen=True)
class Softmax:
    """A softmax student of L classes in K clusters; numbers are NaN unless `converged`.

    Attributes:
        classes, keep, kept, thresholds, error, errors, class_errors, chances, uncertainty: as in
            `OneVsRest`.
        direction: means of the vectors over training sets, (L, d).
        mean: of the fields, (L, K); covariance: (K, L, L).
        residual: relative change of the covariances in the last round.
        change: relative difference of the error between two sets of Sobol points.
    """

    classes: Int[np.ndarray, " K"]
    keep: float
    kept: Float[np.ndarray, " K"]
    thresholds: Float[np.ndarray, " L"]
    direction: Float[np.ndarray, "L d"]
    mean: Float[np.ndarray, "L K"]
    covariance: Float[np.ndarray, "K L L"]
    error: float
    errors: Float[np.ndarray, " K"]
    class_errors: Float[np.ndarray, " L"]
    chances: Float[np.ndarray, "K L"]
    uncertainty: float
    residual: float
    change: float
    converged: bool


def solve_softmax(
    weights: Any,
    means: Any,
    covariances: Any,
    classes: Any,
    n: float,
    keep: float | None = None,
    rule: Any = "random",
    probe: Any = None,
    *,
    penalty: float,
    per_class: bool = False,
    offset: Any = 0.0,
    probe_labels: Any = None,
    score: Any = None,
    throw: bool = True,
) -> Softmax:
    """A softmax student without intercepts of what a rule keeps; see also `solve_one_vs_rest`.

    Averages are at Sobol points, so that numbers are good to about 1e-3; see `change`.

    Raises:
        InputError: as `solve_one_vs_rest`; for L d above 2000 where covariances do not commute.
        ConvergenceError: where the equations are not solved, or two sets of points disagree, if
            throw is True.
    """
    n = check_number("n", n, 0.0, low_open=True)
    lam = check_number("penalty", penalty, 0.0, low_open=True)
    model, classes, selection = chosen(
        weights, means, covariances, classes, keep, rule, probe, per_class, offset, probe_labels,
        score,
    )  # fmt: skip
    L, world = int(classes.max()) + 1, selection.world
    if not world.diagonal and L * model.dim > LARGEST:
        raise InputError(
            f"L d must be at most {LARGEST} where covariances do not commute, got {L * model.dim}"
        )
    clouds = selection.clouds(np.ones(len(classes)))
    answers, start = [], None
    for seed, cloud in enumerate(clouds):
        equations = _Equations(
            world, selection.signals, n * model.weights, lam, classes, L, _draws(cloud, L, seed)
        )
        hats, residual = equations.solved(start)
        start = hats
        fields = equations.fields(hats)
        rows = [largest_chances(fields.m[e], fields.Q[e], int(k)) for e, k in enumerate(classes)]
        chances = np.stack([row for row, _ in rows])
        doubt = float(model.weights @ [row for _, row in rows])
        errors = np.sum(chances * (np.arange(L) != classes[:, None]), axis=1)
        answers.append((float(model.weights @ errors), errors, chances, doubt, fields, residual))
    (other, *_, first), (error, errors, chances, doubt, fields, residual) = answers
    change, residual = abs(other - error) / error, max(first, residual)
    good = residual < TOLERANCE and change < AGREE
    if throw and not good:
        raise ConvergenceError(
            f"softmax student not found: residual {residual:.2g}, two sets of points differ by "
            f"{change:.2g} of the error; throw=False flags it"
        )
    none = 1.0 if good else np.nan
    turn = model.basis
    direction = fields.W if turn is None or not turn.size else fields.W @ turn.T
    share = np.array([model.weights[classes == k].sum() for k in range(L)])
    by_class = [model.weights @ (errors * (classes == k)) for k in range(L)]
    return Softmax(
        classes, selection.keep, selection.kept, selection.thresholds, none * direction,
        none * fields.m.T, none * fields.Q, none * error, none * errors,
        none * np.array(by_class) / share, none * chances, none * doubt, residual, change, good,
    )  # fmt: skip


class _Hats(NamedTuple):
    """V̂, q̂ (K, L, L), m̂ (K, L) and ô (K, S, L)."""

    V: Array
    q: Array
    m: Array
    o: Array


class _Fields(NamedTuple):
    """V, Q (K, L, L), m (K, L), o (K, S, L) and W̄ (L, d)."""

    V: Array
    Q: Array
    m: Array
    o: Array
    W: Array


class _Draws(NamedTuple):
    """place: r (K, R, S); mass: (K, R); normal: the rest of the fields, (K, R, L)."""

    place: Array
    mass: Array
    normal: Array


def _draws(cloud: Cloud, L: int, seed: int) -> _Draws:
    """Sobol points of place and fields; places are in the order of the first signal.

    Each point of the fields stands for its mirror image, too.
    """
    K = len(cloud.mass)
    points = qmc.Sobol(1 + L, rng=10 + seed).random(POINTS)
    normal = ndtri(np.clip(points[:, 1:], 1e-12, 1.0 - 1e-12))
    places, masses = [], []
    for place, mass in zip(cloud.place, cloud.mass, strict=True):
        order = np.argsort(place[:, 0]) if place.shape[1] else np.arange(len(mass))
        ends = np.cumsum(mass[order])
        at = np.minimum(np.searchsorted(ends, points[:, 0] * ends[-1]), len(order) - 1)
        places.append(np.tile(place[order[at]], (2, 1)))
        masses.append(np.full(2 * POINTS, ends[-1] / (2 * POINTS)))
    both = np.concatenate([normal, -normal])
    return _Draws(np.stack(places), np.stack(masses), np.broadcast_to(both, (K, *both.shape)))


def _root(cov: Array) -> Array:
    """The symmetric root: it moves smoothly with the covariance, where eigenvectors may jump."""
    values, vectors = np.linalg.eigh(cov)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


class _Equations:
    """The equations at fixed points; `v` remembers proximal steps as starts of the next ones."""

    def __init__(
        self, world: World, signals: Signals, load: Array, penalty: float, classes: Array, L: int,
        draws: _Draws,
    ) -> None:  # fmt: skip
        self.world, self.signals, self.load, self.penalty = world, signals, load, penalty
        self.L, self.draws = L, draws
        self.target = np.eye(L)[classes]
        self.v: list[Array | None] = [None] * len(classes)
        covs = world.covs
        self.pulls = (  # Σ_c θ_k, (K, S, d)
            world.signals * covs[:, None] if world.diagonal else world.signals @ covs
        )

    def fields(self, hats: _Hats) -> _Fields:
        """The matrix side."""
        covs, L = self.world.covs, self.L
        r = np.einsum("cl,cd->ld", hats.m, self.world.means)
        r = r + np.einsum("ckl,ckd->ld", hats.o, self.pulls)
        if self.world.diagonal:
            A = np.linalg.inv(np.einsum("ckl,cd->dkl", hats.V, covs) + self.penalty * np.eye(L))
            W = np.einsum("dkl,ld->kd", A, r)
            N = A @ np.einsum("ckl,cd->dkl", hats.q, covs) @ A + np.einsum("kd,ld->dkl", W, W)
            V, Q = (np.einsum("cd,dkl->ckl", covs, one) for one in (A, N))
        else:
            d = covs.shape[1]

            def wide(hat: Array) -> Array:
                return np.einsum("ckl,cij->kilj", hat, covs, optimize=True).reshape(L * d, L * d)

            A = np.linalg.inv(wide(hats.V) + self.penalty * np.eye(L * d))
            W = (A @ r.ravel()).reshape(L, d)
            N = (A @ wide(hats.q) @ A).reshape(L, d, L, d)
            N = N + np.einsum("ki,lj->kilj", W, W)
            V, Q = (
                np.einsum("cij,kilj->ckl", covs, one, optimize=True)
                for one in (A.reshape(L, d, L, d), N)
            )
        return _Fields(V, Q, self.world.means @ W.T, np.einsum("ckd,ld->ckl", self.pulls, W), W)

    def asked(self, fields: _Fields) -> _Hats:
        """The channel side."""
        out = []
        for c, load in enumerate(self.load):
            place, mass, normal = (part[c] for part in self.draws)
            o, V = fields.o[c], fields.V[c]
            rest, mean = fields.Q[c], fields.m[c]
            C = self.signals.cov[c]
            slope = np.linalg.solve(C, o) if len(o) else o  # (S, L)
            rest = rest - o.T @ slope
            h = mean + place @ slope + normal @ _root(rest).T
            v = self.v[c] = _proximal(h, V, self.target[c], self.v[c])
            p = _softmax(v)
            f = self.target[c] - p
            H = _curvature(p)
            bend = H @ np.linalg.inv(np.eye(self.L) + V @ H)
            pull = mass[:, None] * f
            hat = load * np.einsum("r,rkl->kl", mass, bend)
            hat = 0.5 * (hat + hat.T)
            turned = load * place.T @ pull
            turned = np.linalg.solve(C, turned) + slope @ hat if len(o) else turned
            out.append((hat, load * f.T @ pull, load * pull.sum(axis=0), turned))
        return _Hats(*(np.stack(part) for part in zip(*out, strict=True)))

    def solved(self, start: _Hats | None) -> tuple[_Hats, float]:
        """Anderson's method from no knowledge, or from other hats."""
        K, L, S = len(self.load), self.L, self.signals.mean.shape[1]
        zero = _Hats(
            np.zeros((K, L, L)), np.zeros((K, L, L)), np.zeros((K, L)), np.zeros((K, S, L))
        )
        hats = self.asked(self.fields(zero)) if start is None else start
        shapes = [part.shape for part in hats]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

        def packed(hats: _Hats) -> Array:
            return np.concatenate([part.ravel() for part in hats])

        def apart(x: Array) -> _Hats:
            return _Hats(*(part.reshape(shape) for part, shape in
                           zip(np.split(x, ends), shapes, strict=True)))  # fmt: skip

        x = packed(hats)
        xs: list[Array] = []
        gaps: list[Array] = []
        before, change = None, np.inf
        for _ in range(ROUNDS):
            fields = self.fields(apart(x))
            if before is not None:
                size = np.trace(fields.Q, axis1=1, axis2=2)[:, None, None]
                change = float(np.max(np.abs(fields.Q - before) / size))
            before = fields.Q
            new = packed(self.asked(fields))
            gap = new - x
            scale = np.maximum(np.abs(new), 1e-3 * np.abs(new).max())
            if change < TOLERANCE and np.max(np.abs(gap) / scale) < 100 * TOLERANCE:
                return apart(x), change
            xs, gaps = [*xs[-MEMORY:], x], [*gaps[-MEMORY:], gap]
            step = 0.7 * gap
            if len(xs) > 1:
                dx = np.stack([xs[-1] - one for one in xs[:-1]], axis=1)
                dg = np.stack([gaps[-1] - one for one in gaps[:-1]], axis=1)
                weight = np.linalg.lstsq(dg / scale[:, None], gap / scale, rcond=1e-10)[0]
                step = 0.7 * (gap - dg @ weight) - dx @ weight
            x = x + step
        return apart(x), np.inf


def _softmax(v: Array) -> Array:
    p = np.exp(v - v.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def _curvature(p: Array) -> Array:
    """diag(p) − p pᵀ."""
    H = -p[..., :, None] * p[..., None, :]
    k = np.arange(p.shape[-1])
    H[..., k, k] += p
    return H


def _proximal(h: Array, V: Array, target: Array, start: Array | None) -> Array:
    """argmin ℓ(v) + ½ (v − h)ᵀ V⁻¹ (v − h) for fields h (R, L), by damped Newton steps."""
    inverse, one = np.linalg.inv(V), np.eye(len(V))

    def value(v: Array, h: Array) -> Array:
        top = v.max(axis=-1)
        log = top + np.log(np.exp(v - top[:, None]).sum(axis=-1))
        return log - v @ target + 0.5 * np.einsum("rk,kl,rl->r", v - h, inverse, v - h)

    v = h + (target - 1.0 / len(V)) @ V
    if start is not None:
        better = value(start, h) < value(v, h)
        v = np.where(better[:, None], start, v)
    left = np.arange(len(h))
    for _ in range(60):
        at, goal = v[left], h[left]
        p = _softmax(at)
        miss = at - goal - (target - p) @ V
        step = np.linalg.solve(one + V @ _curvature(p), miss[..., None])[..., 0]
        share, here = np.ones(len(left)), value(at, goal)
        rounding = 1e-13 * (1.0 + np.abs(at).max(axis=1))
        for _ in range(30):
            worse = value(at - share[:, None] * step, goal) > here + rounding
            if not worse.any():
                break
            share[worse] *= 0.5
        v[left] = at - share[:, None] * step
        left = left[np.abs(step).max(axis=1) > 1e-11 * (1.0 + np.abs(at).max(axis=1))]
        if not left.size:
            break
    return v
