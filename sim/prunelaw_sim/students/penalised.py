"""Students beside max margin: ridge and logistic regression, solved to a proven gap.

    max-margin       no penalty; the data must be separable
    ridge:LAMBDA     (1/n) sum (1 - w.x)^2 + LAMBDA |w|^2, which `prunelaw.solve_ridge` predicts
    logistic:LAMBDA  (1/n) sum log(1 + exp(-w.x)) + LAMBDA |w|^2 / 2

Sums run over the kept rows x (label times input), n = round(alpha_tot N) counts the examples
before pruning, so that LAMBDA means the same whatever is kept.  LAMBDA > 0: without a penalty
logistic regression has no minimum on separable data, where w grows forever and its direction
tends to that of max margin (Soudry et al., JMLR 19, 70 (2018)).

Both objectives F are mu-strongly convex (mu = 2 LAMBDA and LAMBDA), so that any w proves

    F(w) - min F  <=  |grad F(w)|^2 / (2 mu):

the certificate is this bound over F(w), recomputed on all rows after training.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw_sim.common.text_forms import number_text, read_choice
from prunelaw_sim.common.threads import cores, one_lapack_thread

GRAMMAR = "max-margin, ridge:LAMBDA or logistic:LAMBDA with LAMBDA > 0"
GAP_TARGET = 1e-18  # where Newton's iteration stops: a direction to about 1e-9
MOST_STEPS = 200
SUFFICIENT = 1e-4  # part of the decrease promised by the slope that a step must bring

Rows = list[Float[np.ndarray, "_ N"]]


class Students(NamedTuple):
    """Students of a batch of trials: unit directions, smallest margins, certificates."""

    J: Float[np.ndarray, "batch N"]
    kappa: Float[np.ndarray, " batch"]
    relative_gap: Float[np.ndarray, " batch"]
    converged: Bool[np.ndarray, " batch"]


@dataclass(frozen=True)
class Separator:
    """The max-margin student: the direction with the largest smallest margin."""

    needs_separable = True

    @property
    def name(self) -> str:
        return "max-margin"

    def train(self, rows: Rows, drawn: int, width: int) -> Students:
        """Students of these rows, padded to `width` for few compilations; `drawn` plays no role."""
        from prunelaw_sim.students.hard_margin import train_separators

        found = train_separators(rows, width)
        return Students(found.J, found.kappa, found.relative_gap, found.converged)


@dataclass(frozen=True)
class Ridge:
    """Least squares on the labels with the penalty lambda |w|^2, from one Cholesky factor."""

    penalty: float | int
    needs_separable = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty", _checked_penalty("ridge", self.penalty))

    @property
    def name(self) -> str:
        return f"ridge:{number_text(self.penalty)}"

    def train(self, rows: Rows, drawn: int, width: int) -> Students:
        """Students of these rows, of `drawn` examples before pruning; `width` plays no role."""
        return _each(lambda one: self._one(one, drawn), rows)

    def _one(self, rows: Float[np.ndarray, "K N"], drawn: int) -> tuple[np.ndarray, float]:
        w = train_ridge(rows, drawn, self.penalty)
        missing = 1.0 - rows @ w
        value = missing @ missing / drawn + self.penalty * (w @ w)
        gradient = 2.0 * (self.penalty * w - rows.T @ missing / drawn)
        return w, float(gradient @ gradient / (4.0 * self.penalty * value))


@dataclass(frozen=True)
class Logistic:
    """Logistic regression with the penalty lambda |w|^2 / 2, by Newton's method."""

    penalty: float | int
    needs_separable = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty", _checked_penalty("logistic", self.penalty))

    @property
    def name(self) -> str:
        return f"logistic:{number_text(self.penalty)}"

    def train(self, rows: Rows, drawn: int, width: int) -> Students:
        """Students of these rows, of `drawn` examples before pruning; `width` plays no role."""
        return _each(lambda one: train_logistic(one, drawn, self.penalty), rows)


Student = Separator | Ridge | Logistic
_MAKERS = {"max-margin": Separator, "ridge": Ridge, "logistic": Logistic}


def as_student(student: Any, argument: str = "student") -> Student:
    """A student from its object or its text: max-margin, ridge:LAMBDA, logistic:LAMBDA.

    Raises `InputError`, which calls the choice `argument`, for anything else and for LAMBDA that
    is not positive.
    """
    if isinstance(student, Student):
        return student
    return read_choice(argument, student, _MAKERS, GRAMMAR)


def check_separable(student: Student, label_noise: float) -> None:
    """Raises `InputError` for flipped labels and a student that needs separable data."""
    if student.needs_separable and label_noise > 0.0:
        raise InputError(
            f"label_noise must be 0 for student {student.name}, got {label_noise:g}: examples with "
            "flipped labels are not separable in general, so that it does not exist; students that "
            "allow it: ridge:LAMBDA, logistic:LAMBDA"
        )


def train_logistic(
    rows: Float[np.ndarray, "K N"], drawn: int, penalty: float
) -> tuple[Float[np.ndarray, " N"], float]:
    """argmin (1/n) sum log(1 + exp(-w.row)) + penalty |w|^2 / 2, n = `drawn`, and its relative gap.

    Newton's method with backtracking from w = 0, which converges from anywhere for a smooth,
    strongly convex objective; in the span of the rows, where the minimum lies, if that is smaller.
    The gap is proven at the w returned, whatever stopped the iteration.
    """
    count, dim = rows.shape
    if count >= dim:
        w = _newton(_LogisticLoss(rows, drawn, penalty))
    else:
        basis, inside = np.linalg.qr(rows.T)
        w = basis @ _newton(_LogisticLoss(inside.T, drawn, penalty))
    return w, _LogisticLoss(rows, drawn, penalty).relative_gap(w)


class _LogisticLoss(NamedTuple):
    """F of the header, its gradient and its Newton step."""

    rows: Float[np.ndarray, "K N"]
    drawn: int
    penalty: float

    def value(self, w: Float[np.ndarray, " N"]) -> float:
        losses = np.logaddexp(0.0, -(self.rows @ w))
        return float(losses.sum() / self.drawn + 0.5 * self.penalty * (w @ w))

    def gradient(self, w: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        return self.penalty * w - self.rows.T @ expit(-(self.rows @ w)) / self.drawn

    def newton_step(
        self, w: Float[np.ndarray, " N"], gradient: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, " N"]:
        wrong = expit(-(self.rows @ w))
        weighted = self.rows * (wrong * (1.0 - wrong) / self.drawn)[:, None]
        hessian = self.rows.T @ weighted
        hessian[np.diag_indices_from(hessian)] += self.penalty
        return -cho_solve(cho_factor(hessian), gradient)

    def relative_gap(self, w: Float[np.ndarray, " N"]) -> float:
        gradient = self.gradient(w)
        return float(gradient @ gradient / (2.0 * self.penalty * self.value(w)))


def _newton(loss: _LogisticLoss) -> Float[np.ndarray, " N"]:
    """Steps until the gap is closed, or rounding lets no step decrease the objective."""
    w = np.zeros(loss.rows.shape[1])
    for _ in range(MOST_STEPS):
        if loss.relative_gap(w) <= GAP_TARGET:
            break
        gradient = loss.gradient(w)
        shorter = _backtracked(loss, w, gradient, loss.newton_step(w, gradient))
        if shorter is None:
            break
        w = shorter
    return w


def _backtracked(
    loss: _LogisticLoss,
    w: Float[np.ndarray, " N"],
    gradient: Float[np.ndarray, " N"],
    step: Float[np.ndarray, " N"],
) -> Float[np.ndarray, " N"] | None:
    """w after the first of the steps 1, 1/2, 1/4, ... that decreases F enough; None if none does.

    Near the minimum, where the decrease drowns in rounding, a smaller gradient counts as well.
    """
    value, slope, length = loss.value(w), gradient @ step, 1.0
    while length > 1e-12:
        trial = w + length * step
        if loss.value(trial) <= value + SUFFICIENT * length * slope:
            return trial
        if length == 1.0 and loss.relative_gap(trial) < 0.25 * loss.relative_gap(w) < 1e-10:
            return trial
        length *= 0.5
    return None


def _each(
    solve: Callable[[Float[np.ndarray, "K N"]], tuple[np.ndarray, float]], rows: Rows
) -> Students:
    """One student a core; directions are normalised and margins measured on all rows."""
    from prunelaw_sim.students.hard_margin import GAP_LIMIT  # loads JAX

    with one_lapack_thread(), ThreadPoolExecutor(cores()) as pool:
        solved = list(pool.map(solve, rows))
    J = np.stack([w / np.linalg.norm(w) for w, _ in solved])
    gap = np.array([gap for _, gap in solved])
    kappa = np.array([np.min(one @ direction) for one, direction in zip(rows, J, strict=True)])
    return Students(J, kappa, gap, gap <= GAP_LIMIT)


def _checked_penalty(name: str, penalty: Any) -> float:
    return float(check_real(f"LAMBDA of student {name}", penalty, 0.0, low_open=True))


def train_ridge(
    rows: Float[np.ndarray, "K N"], drawn: int, ridge: float
) -> Float[np.ndarray, " N"]:
    """argmin (1/n) Σ (1 − w·row)² + λ|w|² over rows y x, n = `drawn`, in the smaller dimension.

    Raises `InputError` if there is no row.
    """
    count, dim = rows.shape
    if count == 0:
        raise InputError("a trial kept no example: increase dim, alpha_tot or f, or change seed")
    if count < dim:  # w = Xᵀ (X Xᵀ + nλ)⁻¹ 1
        gram = rows @ rows.T + drawn * ridge * np.eye(count)
        return rows.T @ cho_solve(cho_factor(gram), np.ones(count))
    covariance = rows.T @ rows + drawn * ridge * np.eye(dim)
    return cho_solve(cho_factor(covariance), rows.sum(axis=0))
