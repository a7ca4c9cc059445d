"""Logistic regression: F = (1/n) sum log(1 + exp(-w.x)) + LAMBDA |w|^2 / 2, LAMBDA > 0.

Without a penalty it has no minimum on separable data, where w grows forever and its direction
tends to that of max margin (Soudry et al., JMLR 19, 70 (2018)).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from prunelaw_sim.students.base import Penalised

GAP_TARGET = 1e-18  # where Newton's iteration stops: a direction to about 1e-9
MOST_STEPS = 200
SUFFICIENT = 1e-4  # part of the decrease promised by the slope that a step must bring


@dataclass(frozen=True)
class Logistic(Penalised):
    """By Newton's method, which converges from anywhere for a smooth, strongly convex objective."""

    form = "logistic:LAMBDA"

    def minimum(
        self, rows: Float[np.ndarray, "K N"], drawn: int
    ) -> tuple[Float[np.ndarray, " N"], float]:
        return train_logistic(rows, drawn, self.penalty)


def train_logistic(
    rows: Float[np.ndarray, "K N"], drawn: int, penalty: float
) -> tuple[Float[np.ndarray, " N"], float]:
    """argmin F over rows y x, n = `drawn`, and its relative gap, proven at the w returned.

    Newton's method with backtracking from w = 0; in the span of the rows if that is smaller.
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


STUDENT = Logistic
