"""Ridge regression on the labels: F = (1/n) sum (1 - w.x)^2 + LAMBDA |w|^2, LAMBDA > 0."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from prunelaw.errors import InputError
from prunelaw.keep import KeepRule
from prunelaw_sim.students.base import Penalised


@dataclass(frozen=True)
class Ridge(Penalised):
    """From one Cholesky factor; the theory is `prunelaw.solve_ridge`."""

    form = "ridge:LAMBDA"

    def minimum(
        self, rows: Float[np.ndarray, "K N"], drawn: int
    ) -> tuple[Float[np.ndarray, " N"], float]:
        w = train_ridge(rows, drawn, self.penalty)
        missing = 1.0 - rows @ w
        value = missing @ missing / drawn + self.penalty * (w @ w)
        gradient = 2.0 * (self.penalty * w - rows.T @ missing / drawn)
        return w, float(gradient @ gradient / (4.0 * self.penalty * value))

    def has_theory(self, rule: KeepRule) -> bool:
        """`solve_ridge` takes rules of |z| made of layers."""
        return not rule.uses_labels and rule.profile_of() is None

    def theory(self, alpha_tot: Any, f: Any, theta: Any, rule: KeepRule) -> Any:
        from prunelaw.students.ridge import solve_ridge

        return solve_ridge(alpha_tot, f, theta, rule, ridge=self.penalty)


def train_ridge(
    rows: Float[np.ndarray, "K N"], drawn: int, ridge: float
) -> Float[np.ndarray, " N"]:
    """argmin F over rows y x, n = `drawn`, in the smaller dimension; `InputError` for no row."""
    count, dim = rows.shape
    if count == 0:
        raise InputError("a trial kept no example: increase dim, alpha_tot or f, or change seed")
    if count < dim:  # w = Xᵀ (X Xᵀ + nλ)⁻¹ 1
        gram = rows @ rows.T + drawn * ridge * np.eye(count)
        return rows.T @ cho_solve(cho_factor(gram), np.ones(count))
    covariance = rows.T @ rows + drawn * ridge * np.eye(dim)
    return cho_solve(cho_factor(covariance), rows.sum(axis=0))


STUDENT = Ridge
