"""Several classes: one student against the rest for each, trained on the same kept examples.

Student k of class k is that of `solve` with labels +1 in class k and −1 elsewhere.  The students
share their examples, so that their vectors vary together over training sets (see `pairs`).  Their
fields on a test example are jointly Gaussian in each cluster; the class is that of the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from prunelaw.checks import check_number
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.features.losses import Loss, as_loss
from prunelaw.features.model import FeatureModel
from prunelaw.features.newton import COARSE, FINE, Task, solved
from prunelaw.features.several.keeping import Selection, chosen, labels_of
from prunelaw.features.several.largest import largest_chances
from prunelaw.features.several.pairs import Student, Together, spread, together
from prunelaw.features.solver import AGREE, checked_penalty
from prunelaw.numerics.gaussian import Array

TOLERANCE = 1e-9  # of the residuals
SAMPLED = 0.02  # relative difference of two clouds of Sobol points that still counts as agreement
NEGATIVE = 1e-7  # of an eigenvalue of the fields' covariance, relative
TRUNCATED = 2e-3  # share of q̂ beyond the Hermite series, most where a kinked loss meets |ρ| near 1
ONE_VS_REST_STATUS = (
    "converged",
    "a student was not found: see `solve`",
    "accuracy not reached: the two quadratures of a student, or the two clouds, disagree",
    "the covariances of the students' fields were not found to the accuracy asked for",
)


@dataclass(frozen=True)
class OneVsRest:
    """Students one against the rest, jointly, of L classes in K clusters.

    Attributes:
        classes: number of the class of each cluster, 0 ... L − 1.
        keep: fraction kept; `kept`: of each cluster.
        thresholds: of each class: γ of |z|, y z or the score; NaN for other rules.
        direction: means β̄ of their vectors over training sets, (L, d).
        intercept: (L,).
        spread: S_kl, covariances of their vectors, (L, L, d, d).
        mean: mean of every student's field in each cluster, (L, K).
        covariance: of the fields in each cluster, (K, L, L).
        error: probability that the largest field is not that of the class.
        errors: the same by cluster; `class_errors`: by class.
        chances: probability that field number k is the largest, by cluster, (K, L).
        uncertainty: of `error`, from the multivariate normal rule (3 standard errors).
        single_errors: each student's own, its class against the rest, (L,).
        residual: largest of all equations, scaled.
        change: relative difference of the error between two quadratures (of the students' own), or
            between two clouds of Sobol points (of `error`) with a score.
        truncation: largest share of E[w f_k f_l] that the Hermite series may have left out.
        converged: whether all equations hold; numbers are NaN otherwise.
        status: index into `ONE_VS_REST_STATUS`.
    """

    classes: Int[np.ndarray, " K"]
    keep: float
    kept: Float[np.ndarray, " K"]
    thresholds: Float[np.ndarray, " L"]
    direction: Float[np.ndarray, "L d"]
    intercept: Float[np.ndarray, " L"]
    spread: Float[np.ndarray, "L L d d"]
    mean: Float[np.ndarray, "L K"]
    covariance: Float[np.ndarray, "K L L"]
    error: float
    errors: Float[np.ndarray, " K"]
    class_errors: Float[np.ndarray, " L"]
    chances: Float[np.ndarray, "K L"]
    uncertainty: float
    single_errors: Float[np.ndarray, " L"]
    residual: float
    change: float
    truncation: float
    converged: bool
    status: int


def solve_one_vs_rest(
    weights: Any,
    means: Any,
    covariances: Any,
    classes: Any,
    n: float,
    keep: float | None = None,
    rule: Any = "random",
    probe: Any = None,
    *,
    loss: Loss | str = "square",
    penalty: float | None = None,
    intercept: bool = False,
    per_class: bool = False,
    offset: Any = 0.0,
    probe_labels: Any = None,
    score: str | Callable[[Array, int], Array] | None = None,
    throw: bool = True,
) -> OneVsRest:
    """Students of what a rule keeps, each class against the rest; the largest field decides.

    Args:
        weights, means, covariances: of K clusters, as in `FeatureModel`.
        classes: the class of each cluster, whole numbers from 0; two or more.
        n: examples before pruning.
        keep, rule: as in `solve`; with a score "hard" (the lowest are kept) or "easy".
        probe: a vector θ (d,), z = θ·x + offset; with a score one for each class, (L, d).
        loss, penalty, intercept: of every student, as in `solve`.
        per_class: thresholds for each class, so that each keeps the same fraction.
        offset: of z; with a score one number or L.
        probe_labels: sign of each class, (L,): the probe's own label y, for rules that read y z.
        score: "margin" (largest field less the second), "label-margin" (the class's field less the
            largest other), "probability" (of the class, by softmax), "el2n", or a function (fields
            (n, L), class) ↦ certainty (n,).  Fields are then Sobol points: see `change`.
        throw: raise where an equation is not solved; else see `converged`.

    Raises:
        InputError: for classes that are not 0 ... L − 1, and as `solve`.
        ConvergenceError: as `throw` says.

    >>> found = solve_one_vs_rest([.5, .3, .2], np.eye(3), np.ones((3, 3)), range(3), 30, penalty=1)
    >>> round(found.error, 3)
    0.495
    """
    loss, n = as_loss(loss), check_number("n", n, 0.0, low_open=True)
    lam = checked_penalty(penalty, loss)
    if lam.shape:
        raise InputError(f"penalty must be one number, got shape {lam.shape}")
    first, classes, selection = chosen(
        weights, means, covariances, classes, keep, rule, probe, per_class, offset, probe_labels,
        score,
    )  # fmt: skip
    found = _Found(first, classes, selection, n, float(lam), loss, intercept)
    answer = found.answer()
    if throw and not answer.converged:
        raise ConvergenceError(
            f"{ONE_VS_REST_STATUS[answer.status]} (residual {answer.residual:.2g}, change "
            f"{answer.change:.2g}, truncation {answer.truncation:.2g}); throw=False flags it"
        )
    return answer


@dataclass(frozen=True)
class _Found:
    model: FeatureModel
    classes: Array
    selection: Selection
    n: float
    penalty: float
    loss: Loss
    intercept: bool

    def answer(self) -> OneVsRest:
        """All students, then all pairs, then the largest field."""
        L, keeps = int(self.classes.max()) + 1, self.selection
        labels = [labels_of(self.classes, k) for k in range(L)]
        fine, coarse, residual, change = [], [], 0.0, 0.0
        single = np.full(L, np.nan)
        for k in range(L):
            task = Task(
                np.array([self.n]), np.array([self.penalty]), self.model.weights,
                keeps.examples(labels[k]), keeps.signals, keeps.world, self.loss, self.intercept,
            )  # fmt: skip
            point, left, before = solved(task)
            fine.append(Student.of(task, point))
            coarse.append(Student.of(task, before))
            residual = max(residual, float(left[0]))
            single[k], other = (self._error(one, labels[k]) for one in (fine[-1], coarse[-1]))
            change = max(change, abs(other / single[k] - 1.0))
        if not residual < TOLERANCE:
            return self._lost(L, 1, residual, change)
        both = [keeps.clouds(one) for one in labels]
        found = together(fine, [one.fine for one in both], self.loss, FINE, keeps.sampled)
        chances, doubts = self._chances(fine, found)
        errors = self._missed(chances)
        error = float(self.model.weights @ errors)
        if keeps.sampled:
            less = together(coarse, [one.coarse for one in both], self.loss, COARSE, keeps.sampled)
            other = float(self.model.weights @ self._missed(self._chances(coarse, less)[0]))
            change = abs(other - error) / error
        residual = max(residual, found.residual)
        low = np.linalg.eigvalsh(found.covariance)[:, 0]
        sound = (low > -NEGATIVE * np.trace(found.covariance, axis1=1, axis2=2)).all()
        if not change < (SAMPLED if keeps.sampled else AGREE):
            return self._lost(L, 2, residual, change, found.truncation)
        # the students' own q̂ meet the places of pairs as closely as the panels of z allow
        apart = 0.0 if keeps.sampled else found.mismatch
        if not (sound and residual < TOLERANCE and max(found.truncation, apart) < TRUNCATED):
            return self._lost(L, 3, residual, change, max(found.truncation, apart))
        turn = self.model.basis
        turn = turn if turn is not None and turn.size else None
        share = np.array([self.model.weights[self.classes == k].sum() for k in range(L)])
        by_class = [self.model.weights @ (errors * (self.classes == k)) for k in range(L)]
        return OneVsRest(
            self.classes, keeps.keep, keeps.kept, keeps.thresholds,
            found.direction if turn is None else found.direction @ turn.T,
            np.array([one.point.b[0] for one in fine]), spread(keeps.world, found, turn),
            np.stack([one.fields.m[0] for one in fine]), found.covariance, error, errors,
            np.array(by_class) / share, chances, float(self.model.weights @ doubts), single,
            residual, change, found.truncation, True, 0,
        )  # fmt: skip

    def _error(self, one: Student, labels: Array) -> float:
        fields = one.fields
        return float(self.model.weights @ ndtr(-labels * fields.m[0] / np.sqrt(fields.q[0])))

    def _missed(self, chances: Array) -> Array:
        """1 less the chance of the own class, (K,), without loss of digits."""
        others = np.arange(chances.shape[1]) != self.classes[:, None]
        return np.sum(chances * others, axis=1)

    def _chances(self, students: list[Student], found: Together) -> tuple[Array, Array]:
        mean = np.stack([one.fields.m[0] for one in students])
        rows = [
            largest_chances(mean[:, e], found.covariance[e], int(k))
            for e, k in enumerate(self.classes)
        ]
        return np.stack([row for row, _ in rows]), np.array([doubt for _, doubt in rows])

    def _lost(
        self, L: int, status: int, residual: float, change: float, truncation: float = np.nan
    ) -> OneVsRest:
        keeps, d, K, none = self.selection, self.model.dim, self.model.clusters, np.nan
        return OneVsRest(
            self.classes, keeps.keep, keeps.kept, keeps.thresholds, np.full((L, d), none),
            np.full(L, none), np.full((L, L, d, d), none), np.full((L, K), none),
            np.full((K, L, L), none), none, np.full(K, none), np.full(L, none),
            np.full((K, L), none), none, np.full(L, none), residual, change, truncation, False,
            status,
        )  # fmt: skip
