"""Linear students of real features, each with the proof that it solves its problem.

    min over (β, b) of  Σ_i ω_i ℓ(y_i (β·x_i + b)) + (λ/2)|β|²

the students of `prunelaw.features.solve`.  Smooth losses are solved by Newton's method, in the span
of the examples where that is smaller; the hinge by libsvm; a hard margin by `max_margin`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from prunelaw.checks import check_choice, check_number, check_real
from prunelaw.errors import ConvergenceError, InputError

GAP_LIMIT = 1e-6  # relative duality gap (or its bound) of a certified student
TARGET = 1e-15
MOST_STEPS = 100
Array = np.ndarray


class Smooth(NamedTuple):
    """A loss of the margin, its slope and its curvature."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    curve: Callable[[Array], Array]


SMOOTH = {
    "logistic": Smooth(
        lambda v: np.logaddexp(0.0, -v), lambda v: -expit(-v), lambda v: expit(v) * expit(-v)
    ),
    "square": Smooth(lambda v: 0.5 * (v - 1.0) ** 2, lambda v: v - 1.0, np.ones_like),
    "squared-hinge": Smooth(
        lambda v: 0.5 * np.minimum(v - 1.0, 0.0) ** 2,
        lambda v: np.minimum(v - 1.0, 0.0),
        lambda v: 1.0 * (v < 1.0),
    ),
}
LOSSES = (*SMOOTH, "hinge", "hard-margin")


@dataclass(frozen=True)
class LinearStudent:
    """A trained student.

    Attributes:
        weights: β.
        intercept: b, 0 without one.
        relative_gap: proven bound of (objective − minimum)/objective; for a hard margin of 1/κ².
    """

    weights: Float[Array, " d"]
    intercept: float
    relative_gap: float

    def fields(self, features: Float[Array, "n d"]) -> Float[Array, " n"]:
        """h = β·x + b."""
        return features @ self.weights + self.intercept

    def error(self, features: Float[Array, "n d"], labels: Float[Array, " n"]) -> float:
        """The share of examples whose field has the wrong sign."""
        return float(np.mean(labels * self.fields(features) <= 0.0))


def train_linear(
    features: Float[Array, "n d"],
    labels: Float[Array, " n"],
    *,
    loss: str = "logistic",
    penalty: float | int | None = None,
    intercept: bool = False,
    weights: Float[Array, " n"] | None = None,
    throw: bool = True,
) -> LinearStudent:
    """The student of these examples, labels +1 and −1.

    Args:
        penalty: λ above 0; not for a hard margin.
        weights: ω ≥ 0 of each example, 1 if None; smooth losses only.
        throw: raise where the certificate misses `GAP_LIMIT`.

    Raises:
        InputError: for values out of range, labels other than ±1, a hard margin with an intercept.
        ConvergenceError: for a student without its certificate; `NotSeparableError` for a hard
            margin of examples that are not separable.
    """
    check_choice("loss", loss, LOSSES)
    x, y = check_real("features", features), check_real("labels", labels)
    if y.shape != (len(x),) or not np.isin(y, (-1.0, 1.0)).all() or not len(y):
        raise InputError(f"labels must be {len(x)} values of +1 or -1, one an example")
    omega = np.ones(len(y)) if weights is None else check_real("weights", weights, 0.0)
    if loss == "hard-margin":
        if intercept:
            raise InputError("intercept must be False for a hard margin: it is not trained here")
        found = _hard_margin(x, y)
    else:
        lam = check_number("penalty", penalty, 0.0, low_open=True)
        if loss == "hinge":
            if weights is not None:
                raise InputError("weights must be left out for the hinge loss")
            found = _hinge(x, y, lam, intercept)
        else:
            found = _smooth(x, y, SMOOTH[loss], lam, intercept, omega)
    if throw and not found.relative_gap <= GAP_LIMIT:
        raise ConvergenceError(
            f"a student of {len(y)} examples has a relative gap of {found.relative_gap:.2g}, above "
            f"{GAP_LIMIT:g}"
        )
    return found


def _smooth(
    x: Array, y: Array, loss: Smooth, lam: float, intercept: bool, omega: Array
) -> LinearStudent:
    """Newton with backtracking; λ-strong convexity bounds the gap by |gradient|²/(2λ)."""
    basis = None
    if len(x) < x.shape[1]:
        basis, inside = np.linalg.qr(x.T)
        x = inside.T
    d = x.shape[1]
    rows = y[:, None] * np.column_stack([x, np.ones(len(y))] if intercept else [x])
    ridge = np.full(rows.shape[1], lam)
    ridge[d:] = 0.0

    def objective(w: Array) -> float:
        return float(omega @ loss.value(rows @ w) + 0.5 * ridge @ w**2)

    w = np.zeros(rows.shape[1])
    value, gap = objective(w), np.inf
    for _ in range(MOST_STEPS):
        v = rows @ w
        gradient = rows.T @ (omega * loss.slope(v)) + ridge * w
        hessian = rows.T @ ((omega * loss.curve(v))[:, None] * rows)
        hessian[np.diag_indices(len(w))] += ridge + (
            1e-12 * (1.0 + np.trace(hessian)) if intercept else 0.0
        )
        step = cho_solve(cho_factor(hessian), gradient)
        gap = float(gradient @ step) / max(value, 1e-300)  # twice the Newton decrement
        if not intercept:
            gap = float(gradient @ gradient) / (2.0 * lam * max(value, 1e-300))
        if gap < TARGET:
            break
        share, new = 1.0, objective(w - step)
        while new > value - 1e-4 * share * float(gradient @ step) and share > 1e-8:
            share *= 0.5
            new = objective(w - share * step)
        if new >= value:
            break
        w, value = w - share * step, new
    beta = w[:d] if basis is None else basis @ w[:d]
    return LinearStudent(beta, float(w[d]) if intercept else 0.0, gap)


def _hinge(x: Array, y: Array, lam: float, intercept: bool) -> LinearStudent:
    """libsvm's dual; without an intercept liblinear's, whose gap is computed here."""
    from sklearn.svm import SVC, LinearSVC

    if intercept:
        found = SVC(C=1.0 / lam, kernel="linear", tol=1e-10).fit(x, y)
        beta, b = np.asarray(found.coef_)[0], float(found.intercept_[0])
        a = np.zeros(len(y))
        a[found.support_] = np.abs(found.dual_coef_[0])
        direction = found.coef_[0]
    else:
        options: Any = {"loss": "hinge", "dual": True, "fit_intercept": False}
        found = LinearSVC(C=1.0 / lam, tol=1e-9, max_iter=1_000_000, **options).fit(x, y)
        beta, b = np.asarray(found.coef_)[0], 0.0
        a, direction = _duals(x, y, beta, lam), beta
    primal = float(np.maximum(1.0 - y * (x @ beta + b), 0.0).sum() + 0.5 * lam * beta @ beta)
    if intercept:
        dual = float(lam * a.sum() - 0.5 * lam * direction @ direction)
    else:
        pull = x.T @ (a * y) / lam
        dual = float(a.sum() - 0.5 * lam * pull @ pull)
    return LinearStudent(beta, b, max(0.0, primal - dual) / max(primal, 1e-300))


def _duals(x: Array, y: Array, beta: Array, lam: float) -> Array:
    """Multipliers in [0, 1] that prove a hinge student: fixed beside the margin, fitted on it."""
    from scipy.optimize import lsq_linear

    v = y * (x @ beta)
    a = 1.0 * (v < 1.0)
    on = np.abs(v - 1.0) < 1e-4 * (1.0 + np.abs(beta).max())
    a[on] = 0.0
    if on.any():
        rows = (y[:, None] * x)[on].T
        rest = lam * beta - x.T @ (a * y)
        a[on] = lsq_linear(rows, rest, bounds=(0.0, 1.0), tol=1e-14).x
    return a


def _hard_margin(x: Array, y: Array) -> LinearStudent:
    from prunelaw_sim.students.hard_margin import max_margin

    found: Any = max_margin(y[:, None] * x)
    return LinearStudent(np.asarray(found.J), 0.0, float(found.relative_gap))
