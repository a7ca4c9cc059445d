"""Test error of a max-margin perceptron trained on pruned data: `solve` and its `Solution`.

Setting (Sorscher, Geirhos, Shekhar, Ganguli, Morcos, NeurIPS 2022, arXiv 2206.14486):
inputs x ~ N(0, I_N), labels sign(T·x) from a teacher T, P = α_tot N examples; a probe at angle θ
from the teacher ranks them by |z|, z = J_probe·x, and a fraction f is kept.  The student J is the
max-margin separator of the kept examples.  For N → ∞ its test error is ε = arccos(J·T)/π.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from prunelaw._checks import check_choice, check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.gaussian import Array
from prunelaw.keep import RULES, Windows, windows
from prunelaw.saddle import Outcome, Problem, solve_points

# Points solved together in one thread: long enough to amortise NumPy's overhead, short enough
# that the panels of one chunk stay below some tens of megabytes.
CHUNK = 256
# Below this angle the plane of teacher and probe is a line to double precision: the solution
# depends on θ through (θ/ω)² and (θ/γ)² with ω > 1e−7 and γ > 1e−3 on the whole domain.
SMALLEST_ANGLE = 1e-12

STATUS = (
    "converged",
    "lost on the way: Newton's method failed while alpha was raised from the Hebbian limit; "
    "move alpha_tot, f or theta slightly, and report the point",
    "accuracy not reached: the finest two quadratures disagree; see `change`",
)


@dataclass(frozen=True)
class Solution:
    """Order parameters of the student, with their proof.  All arrays have the broadcast shape.

    error      ε = arccos(R)/π, test error probability
    R          J·T, overlap with the teacher
    rho        J·J_probe, overlap with the probe
    kappa      margin at |J| = 1
    residual   largest scaled residual of the saddle-point equations on the finest quadrature
               used, before the last Newton step removed it
    change     largest relative difference of the unknowns between the last two quadratures
    converged  True where `change` < 2e-11; elsewhere error, R, rho and kappa are NaN
    status     index into `prunelaw.perceptron.STATUS`
    """

    alpha_tot: Float[np.ndarray, "*shape"]
    f: Float[np.ndarray, "*shape"]
    theta: Float[np.ndarray, "*shape"]
    rule: Shaped[np.ndarray, "*shape"]
    error: Float[np.ndarray, "*shape"]
    R: Float[np.ndarray, "*shape"]
    rho: Float[np.ndarray, "*shape"]
    kappa: Float[np.ndarray, "*shape"]
    residual: Float[np.ndarray, "*shape"]
    change: Float[np.ndarray, "*shape"]
    converged: Bool[np.ndarray, "*shape"]
    status: Int[np.ndarray, "*shape"]

    @property
    def alpha_prune(self) -> Array:
        """f·α_tot, kept examples per dimension."""
        return self.f * self.alpha_tot


def solve(
    alpha_tot: Any,
    f: Any,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    throw: bool = True,
) -> Solution:
    """Solve the replica saddle point of the pruned max-margin perceptron, N → ∞.

    The arguments broadcast against each other and are solved as one batch:

    alpha_tot  examples per dimension before pruning, P/N, in (0, ∞); checked on [1e-3, 1e6]
    f          fraction kept, in (0, 1]; checked on [1e-3, 1]
    theta      angle between probe and teacher in radians, in [0, π/2]
    rule       "hard" (keep small |z|), "easy" (keep large |z|) or "random"; a string or an array
    throw      True: raise `ConvergenceError` if a point cannot be solved.
               False: flag it in `converged`, with NaN in error, R, rho and kappa.

    Solves Ψ = 0 and ∂Ψ = 0 (`prunelaw.saddle`), whose gradient gives the published equations
    (arXiv 2206.14486, appendix A).  Relative accuracy of the error 1e-10 or better.
    Raises `InputError` for arguments outside their range.

    >>> import prunelaw
    >>> solution = prunelaw.solve(alpha_tot=3.0, f=0.5, theta=0.3, rule="hard")
    >>> round(float(solution.error), 6)
    0.245942
    """
    alpha_tot = check_real("alpha_tot", alpha_tot, 0.0, low_open=True)
    f = check_real("f", f, 0.0, 1.0, low_open=True)
    theta = check_real("theta", theta, 0.0, np.pi / 2)
    rules = np.asarray(rule)
    for name in np.unique(rules):
        check_choice("rule", str(name), RULES)
    arrays = _broadcast(alpha_tot=alpha_tot, f=f, theta=theta, rule=rules)
    shape = arrays[0].shape
    flat = _solve_flat(*(array.ravel() for array in arrays))
    if throw and not flat["converged"].all():
        raise ConvergenceError(_failure_text(flat))
    return Solution(**{name: value.reshape(shape) for name, value in flat.items()})


def _broadcast(**arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """The arrays in their common shape; `InputError` with every shape if there is none."""
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError as cause:
        shapes = ", ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise InputError(f"arguments must broadcast to one shape: {shapes}") from cause


def _failure_text(flat: dict[str, np.ndarray]) -> str:
    """Which point failed first, how many did, and what to do."""
    bad = np.flatnonzero(~flat["converged"])
    names = ("alpha_tot", "f", "theta", "rule")
    point = ", ".join(f"{name}={flat[name][bad[0]]}" for name in names)
    return (
        f"{bad.size} of {flat['converged'].size} points could not be solved, first {point}: "
        f"{STATUS[flat['status'][bad[0]]]}; throw=False returns the others"
    )


def _solve_flat(alpha_tot, f, theta, rules) -> dict[str, np.ndarray]:
    """One-dimensional inputs to one-dimensional results, by name."""
    n = len(alpha_tot)
    result = {name: np.full(n, np.nan) for name in ("error", "R", "rho", "kappa")}
    result |= {name: np.full(n, np.inf) for name in ("residual", "change")}
    result |= {"converged": np.zeros(n, bool), "status": np.zeros(n, np.int8)}
    jobs = list(_jobs(alpha_tot, f, theta, rules))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        outcomes = pool.map(lambda job: solve_points(*job[1:]), jobs)
        for (index, problem, _), outcome in zip(jobs, outcomes, strict=True):
            _store(result, index, problem, outcome, theta[index])
    return {"alpha_tot": alpha_tot, "f": f, "theta": theta, "rule": rules, **result}


def _jobs(alpha_tot, f, theta, rules):
    """Chunks (index, problem, kept fraction) of points that share an equation.

    Random keeping, and f = 1, are unpruned learning at α_prune: the probe does not matter.
    """
    unpruned = (rules == "random") | (f == 1.0)
    on_axis = unpruned | (theta < SMALLEST_ANGLE)
    for name in np.unique(rules):
        for planar in (True, False):
            chosen = np.flatnonzero((rules == name) & ~unpruned & (on_axis != planar))
            # Neighbours in (θ, f) share a chunk, and points of equal (θ, f) one path.
            chosen = chosen[np.lexsort((alpha_tot[chosen], f[chosen], theta[chosen]))]
            for index in _chunks(chosen):
                kept = windows(str(name), f[index])
                angle = theta[index] if planar else np.zeros(len(index))
                yield index, Problem(alpha_tot[index], angle, kept, planar), f[index]
    for index in _chunks(np.flatnonzero(unpruned)):
        everything = np.ones(len(index))
        whole = Windows(0.0 * everything, np.inf * everything, everything)
        load = alpha_tot[index] * f[index]
        problem = Problem(load, np.zeros(len(index)), whole, planar=False)
        yield index, problem, everything


def _chunks(index: Int[np.ndarray, " n"]):
    return (index[first : first + CHUNK] for first in range(0, len(index), CHUNK))


def _store(result, index, problem: Problem, outcome: Outcome, theta) -> None:
    """Write one chunk's outcome into the result arrays."""
    good = outcome.converged
    if problem.planar:
        rho = problem.fields(outcome.state).rho
    else:
        rho = np.cos(outcome.state.omega) * np.cos(theta)
    values = {
        "error": outcome.state.omega / np.pi,
        "R": np.cos(outcome.state.omega),
        "rho": rho,
        "kappa": outcome.state.kappa,
    }
    for name, value in values.items():
        result[name][index] = np.where(good, value, np.nan)
    result["residual"][index] = outcome.residual
    result["change"][index] = outcome.change
    result["converged"][index] = good
    result["status"][index] = np.where(good, 0, np.where(outcome.on_path, 2, 1))
