"""Robust fits: Huber's loss of log errors, by least squares with weights that are found again.

    Σ ρ(r),   ρ(r) = r²/2 for |r| ≤ δ, δ (|r| − δ/2) beyond,   r = log error − log predicted

An optimum of it is one of Σ w r² with w = min(1, δ/|r|), so that weights and fit are found in turn
(iteratively reweighted least squares).  Few runs that lie far off then pull little.

Source: Huber 1964; δ = 1e-3 of log loss as in Hoffmann et al. 2022 (arXiv 2203.15556).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.fits.least_squares import minimise_model
from prunelaw_sim.fits.problem import Problem, solve_from_starts

DELTA = 1e-3
SQUARES = "squares"
FORM = "squares or huber:DELTA"
ROUNDS, STILL = 400, 1e-10  # of the loss, relative
SHRINK = 3.0  # δ comes down to its value in such steps, from the scatter


def delta_of(loss: object) -> float | None:
    """δ of a loss from its text, None for least squares.

    Raises:
        InputError: for another text, and δ ≤ 0.
    """
    if loss == SQUARES:
        return None
    kind, colon, number = str(loss).partition(":")
    if kind != "huber":
        raise InputError(f"loss must be {FORM}; got {loss!r}")
    if not colon:
        return DELTA
    try:
        value = float(number)
    except ValueError as cause:
        raise InputError(f"loss must be {FORM}; got {loss!r}") from cause
    return float(check_real("DELTA of loss huber", value, 0.0, low_open=True))


def huber_loss(residual: Float[np.ndarray, " rows"], delta: float) -> float:
    """Σ ρ(r)."""
    size = np.abs(residual)
    return float(np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)).sum())


def reweighted(problem: Problem, delta: float) -> tuple[Problem, Float[np.ndarray, " p"]]:
    """The problem with the weights of its robust optimum, and that optimum.

    δ starts at the scatter of least squares and comes down, each time from the last optimum.

    Raises:
        ConvergenceError: where the loss still falls after 400 rounds.
    """
    error, weight = problem.model.to_error(problem.error), problem.weight
    weight = weight / error if problem.model.log_error else weight
    point = solve_from_starts(problem, problem.model.starts(error, weight)).p[0]
    scatter = float(np.median(np.abs(problem.residual(point))))
    steps = np.arange(max(int(np.ceil(np.log(scatter / delta) / np.log(SHRINK))), 0) + 1)
    weights = np.ones_like(problem.weight)
    for now in delta * SHRINK ** steps[::-1].astype(float):
        point, weights = _settled(problem, point, float(now))
    return replace(problem, weight=problem.weight * weights), point


def _settled(
    problem: Problem, point: Float[np.ndarray, " p"], delta: float
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " rows"]]:
    last = np.inf
    for _ in range(ROUNDS):
        residual = problem.residual(point)
        weights = np.sqrt(np.minimum(1.0, delta / np.maximum(np.abs(residual), 1e-300)))
        loss = huber_loss(residual, delta)
        if last - loss <= STILL * loss:
            return point, weights
        last = loss
        point = minimise_model(
            problem.model, point[None], problem.error, problem.weight * weights
        ).p[0]
    raise ConvergenceError(
        f"the robust fit did not settle in {ROUNDS} rounds at delta {delta:g}: take a larger one"
    )
