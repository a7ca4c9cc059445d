"""Several classes: one student against the rest for each, trained on the same examples.

Student k of class k is that of `solve` with labels +1 in class k and −1 elsewhere.  The students
share their examples, so that their vectors vary together over training sets:

    Cov(β_k, β_l) = S_kl = A_k (Σ_e q̂_kl,e Σ_e) A_l,   q̂_kl,e = n p_e E_e[f_k f_l]
    c_kl,e = Cov_e(h_k, h_l) = β̄_kᵀ Σ_e β̄_l + tr(Σ_e S_kl)

with (h_k, h_l) Gaussian in each cluster e.  Given the single students these are equations of one
number c for each pair and cluster.  The class is that of the largest field.

Kept are examples drawn at random, of a mixture that may be what a rule left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtri
from scipy.stats import qmc

from prunelaw.checks import check_number, check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.features.losses import Loss, as_loss
from prunelaw.features.model import FeatureModel
from prunelaw.features.solver import FeatureSolution, solve
from prunelaw.features.trained import response_of
from prunelaw.numerics.gaussian import Array

NODES = 16  # of each field, in the mean of two forces
ROUNDS = 400
TOLERANCE = 1e-9  # relative change of the covariances of fields
DRAWS = 2**12  # Sobol points of the error of a cluster


@dataclass(frozen=True)
class OneVsRest:
    """Students one against the rest, jointly.

    Attributes:
        classes: number of the class of each cluster, 0 ... L − 1.
        direction: means β̄ of their vectors over training sets, (L, d).
        intercept: (L,).
        spread: S_kl, (L, L, d, d).
        mean: mean of every student's field in each cluster, (L, K).
        covariance: of the fields in each cluster, (K, L, L).
        error: probability that the largest field is not that of the class; by `DRAWS` Sobol points
            a cluster, good to about 1e-3 of it.
        errors: the same by cluster.
        single: the students' own solutions, in the order of the classes.
        residual: largest relative change of the last round of the covariances.
        converged: whether all equations hold.
    """

    classes: Int[np.ndarray, " K"]
    direction: Float[np.ndarray, "L d"]
    intercept: Float[np.ndarray, " L"]
    spread: Float[np.ndarray, "L L d d"]
    mean: Float[np.ndarray, "L K"]
    covariance: Float[np.ndarray, "K L L"]
    error: float
    errors: Float[np.ndarray, " K"]
    single: tuple[FeatureSolution, ...]
    residual: float
    converged: bool


def solve_one_vs_rest(
    weights: Any,
    means: Any,
    covariances: Any,
    classes: Any,
    n: float,
    *,
    loss: Loss | str = "square",
    penalty: float,
    intercept: bool = False,
    throw: bool = True,
) -> OneVsRest:
    """Students of n examples of a mixture, each class against the rest; the largest field decides.

    Args:
        weights, means, covariances: of K clusters, as in `FeatureModel`.
        classes: the class of each cluster, whole numbers from 0; two or more.
        n: examples trained on.
        loss, penalty, intercept: of every student, as in `solve`.
        throw: raise where an equation is not solved; else see `converged`.

    Raises:
        InputError: for classes that are not 0 ... L − 1, and as `solve`.
        ConvergenceError: as `throw` says.

    >>> found = solve_one_vs_rest([.5, .3, .2], np.eye(3), np.ones((3, 3)), range(3), 30, penalty=1)
    >>> round(found.error, 3)
    0.495
    """
    loss, n = as_loss(loss), check_number("n", n, 0.0, low_open=True)
    classes = np.asarray(check_real("classes", classes)).astype(int)
    names = np.unique(classes)
    if len(names) < 2 or not np.array_equal(names, np.arange(len(names))):
        raise InputError(f"classes must be 0 ... L - 1, each of them, L >= 2; got {names.tolist()}")
    models = [
        FeatureModel(weights, means, covariances, np.where(classes == k, 1.0, -1.0)) for k in names
    ]
    single = tuple(
        solve(model, n, loss=loss, penalty=penalty, intercept=intercept, throw=throw)
        for model in models
    )
    if not all(one.converged.all() for one in single):
        return _lost(classes, single, models[0])
    found = _Joint(models[0], single, n, loss)
    covariance, residual, rounds = found.covariances()
    good = residual <= TOLERANCE * 10
    if throw and not good:
        raise ConvergenceError(
            f"covariances of the students' fields changed by {residual:.2g} in round {rounds}"
        )
    mean = np.stack([one.mean for one in single])
    errors = np.array(
        [arg_max_error(mean[:, e], covariance[e], int(classes[e])) for e in range(len(classes))]
    )
    return OneVsRest(
        classes, found.direction, np.array([float(one.intercept) for one in single]),
        found.spread(covariance), mean, covariance, float(models[0].weights @ errors), errors,
        single, residual, good,
    )  # fmt: skip


def arg_max_error(mean: Array, covariance: Array, k: int, draws: int = DRAWS) -> float:
    """P(the largest of L Gaussian fields is not number k), by Sobol points.

    The k-th field is conditioned on last, in closed form: fewer points, smoother.
    """
    L = len(mean)
    others = [i for i in range(L) if i != k]
    turn = np.zeros((L - 1, L))
    turn[np.arange(L - 1), others] = -1.0
    turn[:, k] = 1.0
    gaps, cov = turn @ mean, turn @ covariance @ turn.T  # all positive where k is the largest
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    points = qmc.Sobol(L - 1, scramble=True, rng=0).random(draws)
    normal = ndtri(np.clip(points, 1e-12, 1.0 - 1e-12))
    return float(1.0 - ((gaps + normal @ root.T) > 0.0).all(axis=1).mean())


class _Joint:
    """Pairs of students of one mixture."""

    def __init__(
        self, model: FeatureModel, single: Sequence[FeatureSolution], n: float, loss: Loss
    ) -> None:
        self.model, self.single, self.loss = model, single, loss
        self.load = n * model.weights
        parts = [one.solved[0] for one in single]
        world = parts[0].task.world
        self.covs, self.diagonal = world.covs, world.diagonal
        found = [response_of(part, 0) for part in parts]
        self.A = np.stack([A for A, _ in found])
        self.inner = np.stack([direction for _, direction in found])
        turn = model.basis
        self.turn = turn if turn is not None and turn.size else None
        self.direction = self.inner if self.turn is None else self.inner @ self.turn.T
        self.signs = np.stack([np.asarray(part.setting.model.labels) for part in parts])
        self.mean, self.variance, self.stiffness = (
            np.stack([getattr(one, name) for one in single])
            for name in ("mean", "variance", "stiffness")
        )  # (L, K)
        nodes, weight = hermegauss(NODES)
        self.nodes, self.weight = nodes, np.outer(weight, weight) / weight.sum() ** 2

    def covariances(self) -> tuple[Array, float, int]:
        """(K, L, L), the last relative change, and in which round."""
        L = len(self.signs)
        if self.diagonal:
            fixed = np.einsum("kd,ed,ld->ekl", self.inner, self.covs, self.inner)
        else:
            fixed = np.einsum("ki,eij,lj->ekl", self.inner, self.covs, self.inner, optimize=True)
        c = fixed.copy()
        own = np.stack([one.variance for one in self.single])  # (L, K)
        c[:, np.arange(L), np.arange(L)] = own.T
        one, other = np.triu_indices(L, 1)
        traces = np.stack([self._traces(int(k), int(m)) for k, m in zip(one, other, strict=True)])
        first, size = fixed[:, one, other].T, np.sqrt(own[one] * own[other])
        value, change, rounds = first, np.inf, 0
        while rounds < ROUNDS and change > TOLERANCE:
            pulls = self._pulls(one, other, value)
            new = first + (traces @ pulls[..., None])[..., 0]
            new = np.clip(new, -0.999999 * size, 0.999999 * size)
            change, value, rounds = float(np.max(np.abs(new - value) / size)), new, rounds + 1
        c[:, one, other] = c[:, other, one] = value.T
        return c, change, rounds

    def spread(self, c: Array) -> Array:
        """S_kl in the model's own coordinates."""
        L, d = self.inner.shape
        found = np.empty((L, L, d, d))
        for k in range(L):
            for m in range(k + 1):
                pulls = self._pulls(np.array([k]), np.array([m]), c[None, :, k, m])[0]
                middle = np.tensordot(pulls, self.covs, 1)
                if self.diagonal:
                    part = np.diag(self.A[k] * middle * self.A[m])
                else:
                    part = self.A[k] @ middle @ self.A[m]
                if self.turn is not None:
                    part = self.turn @ part @ self.turn.T
                found[k, m], found[m, k] = part, part.T
        return found

    def _traces(self, k: int, m: int) -> Array:
        """tr(Σ_e A_k Σ_e' A_m), (K, K)."""
        if self.diagonal:
            return (self.covs * (self.A[k] * self.A[m])) @ self.covs.T
        K = len(self.covs)
        turned = np.swapaxes(self.A[m] @ self.covs @ self.A[k], 1, 2).reshape(K, -1)
        return turned @ self.covs.reshape(K, -1).T

    def _pulls(self, one: Array, other: Array, c: Array) -> Array:
        """q̂_e = n p_e E[f f'] of pairs of students in each cluster, (pairs, K)."""
        mean, sd = self.mean[one], np.sqrt(self.variance[one])
        slope = c / sd
        rest = np.sqrt(np.maximum(self.variance[other] - slope**2, 1e-12 * self.variance[other]))
        h = mean[..., None] + sd[..., None] * self.nodes
        g = self.mean[other][..., None, None] + slope[..., None, None] * self.nodes[:, None]
        g = g + rest[..., None, None] * self.nodes
        first = self._force(one, h)
        second = self._force(other, g.reshape(*h.shape[:2], -1)).reshape(g.shape)
        return self.load * np.einsum("peu,peuv,uv->pe", first, second, self.weight)

    def _force(self, students: Array, h: Array) -> Array:
        """f = y F(y h; V) for fields (pairs, K, nodes)."""
        y = self.signs[students][..., None]
        force, _ = self.loss.force(y * h, self.stiffness[students][..., None])
        return y * force


def _lost(classes: Array, single: tuple[FeatureSolution, ...], model: FeatureModel) -> OneVsRest:
    """Students of which one was not solved."""
    L, K, d = len(single), len(classes), model.dim
    none = np.nan
    return OneVsRest(
        classes, np.full((L, d), none), np.full(L, none), np.full((L, L, d, d), none),
        np.full((L, K), none), np.full((K, L, L), none), none, np.full(K, none), single, np.inf,
        False,
    )  # fmt: skip
