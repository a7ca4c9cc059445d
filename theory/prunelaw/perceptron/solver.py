"""Test error of a max-margin perceptron trained on pruned data: `solve` and its `Solution`.

Setting (Sorscher, Geirhos, Shekhar, Ganguli, Morcos, NeurIPS 2022, arXiv 2206.14486):
inputs x ~ N(0, I_N), labels sign(T·x) from a teacher T, P = α_tot N examples; a probe at angle θ
from the teacher ranks them by |z|, z = J_probe·x, and a fraction f is kept. The student J is the
max-margin separator of the kept examples. For N → ∞ its test error is ε = arccos(J·T)/π.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from prunelaw.checks import check_real
from prunelaw.errors import ConvergenceError
from prunelaw.keep import KeepRule, Random, points
from prunelaw.numerics.arrays import taken
from prunelaw.numerics.gaussian import Array
from prunelaw.perceptron.path import follow_path
from prunelaw.perceptron.saddle import Outcome, Problem, State, refined
from prunelaw.perceptron.starts import coarse_states

# Points solved together, sharing their starts: in this process, and as one task of an executor.
TOGETHER, TASK = 16_384, 2_048
UNPRUNED = "hard"  # the chart that serves f = 1, whatever the rule
# Below this angle the plane of teacher and probe is a line to double precision: the solution
# depends on θ through (θ/ω)² and (θ/γ)² with ω > 1e−7 and γ > 1e−3 on the whole domain.
SMALLEST_ANGLE = 1e-12

STATUS = (
    "converged",
    "lost on the way: Newton's method failed while alpha was raised from the Hebbian limit; "
    "move alpha_tot, f or theta slightly, and report the point",
    "accuracy not reached: the finest two quadratures disagree; see `change`",
    "rule not resolved: its w changes too often or too fast for the quadratures; make w smoother",
)


@dataclass(frozen=True)
class Solution:
    """Order parameters of the student, with their proof. All arrays have the broadcast shape.

    Attributes:
        error: ε = arccos(R)/π, test error probability.
        R: J·T, overlap with the teacher.
        rho: J·J_probe, overlap with the probe.
        kappa: margin at |J| = 1.
        residual: largest scaled residual of the saddle-point equations on the finest quadrature
            used, before the last Newton step removed it.
        change: largest relative difference of the unknowns between the last two quadratures.
        converged: True where `change` < 2e-11; elsewhere error, R, rho and kappa are NaN.
        status: index into `prunelaw.perceptron.STATUS`.
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
    f: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    throw: bool = True,
    executor: Executor | None = None,
) -> Solution:
    """Solve the replica saddle point of the pruned max-margin perceptron, N → ∞.

    The arguments broadcast against each other and are solved as one batch.
    Solves Ψ = 0 and ∂Ψ = 0 (`prunelaw.perceptron.saddle`), whose gradient gives the published
    equations (arXiv 2206.14486, appendix A). Relative accuracy of the error 1e-10 or better.

    Args:
        alpha_tot: examples per dimension before pruning, P/N, in (0, ∞); checked on [1e-3, 1e6].
        f: fraction kept, in (0, 1]; checked on [1e-4, 1]; None: as the rule implies (bands).
        theta: angle between probe and teacher in radians, in [0, π/2].
        rule: "hard" (keep small |z|), "easy" (keep large |z|), "random", or another text or object
            of `prunelaw.keep` (bands, signed margins, mixtures, any w); or an array.
        throw: True: raise `ConvergenceError` if a point cannot be solved. False: flag it in
            `converged`, with NaN in error, R, rho and kappa.
        executor: a `concurrent.futures` executor of processes, to share many points among cores;
            threads would wait for each other.

    Raises:
        InputError: for arguments outside their range.

    >>> import prunelaw
    >>> solution = prunelaw.solve(alpha_tot=3.0, f=0.5, theta=0.3, rule="hard")
    >>> round(float(solution.error), 6)
    0.245942
    """
    return solved_points(alpha_tot, f, theta, rule, throw=throw, executor=executor).solution


class Solved(NamedTuple):
    """Solved points of one rule, with what their derivatives need.

    `place` is where they stand in the flattened batch, `theta` the angle of their probe; `problem`
    has θ = 0 where the probe does not matter.
    """

    place: Int[np.ndarray, " n"]
    rule: KeepRule
    problem: Problem
    fraction: Array
    theta: Array
    alpha_tot: Array
    outcome: Outcome

    @property
    def state(self) -> State:
        """The order parameters in the saddle point's own variables."""
        return self.outcome.state

    def good(self) -> Solved:
        """The converged points."""
        if self.outcome.converged.all():
            return self
        return taken(self, np.flatnonzero(self.outcome.converged))

    def problem_of_rule(self) -> Problem:
        """The problem with the rule's own layers, of which `state` is the solution.

        Where the probe does not matter, the student has no part along it but the teacher's:
        χ = π/2, as `state` says.
        """
        planar = bool((self.theta >= SMALLEST_ANGLE).all()) and self.theta.size > 0
        theta = self.theta if planar else np.zeros_like(self.theta)
        layers = self.rule.segments(self.fraction, theta)
        return Problem(self.alpha_tot, theta, layers, planar)


class SolvedBatch(NamedTuple):
    """A `Solution`, and its points by rule."""

    solution: Solution
    parts: tuple[Solved, ...]


def solved_points(
    alpha_tot: Any,
    f: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    throw: bool = True,
    executor: Executor | None = None,
) -> SolvedBatch:
    """`solve`, with the saddle points themselves for those who differentiate through them."""
    alpha_tot = check_real("alpha_tot", alpha_tot, 0.0, low_open=True)
    given = points(f, theta, rule, alpha_tot=alpha_tot)
    shape = given["f"].shape
    alpha_tot, fraction, angle, rules = (array.ravel() for array in given.values())
    flat, parts = _solve_flat(alpha_tot, fraction, angle, rules, executor)
    bad = np.flatnonzero(~flat["converged"])
    if throw and bad.size:
        names = ("alpha_tot", "f", "theta", "rule")
        point = ", ".join(f"{name}={flat[name][bad[0]]}" for name in names)
        raise ConvergenceError(
            f"{bad.size} of {flat['converged'].size} points could not be solved, first {point}: "
            f"{STATUS[flat['status'][bad[0]]]}; throw=False returns the others"
        )
    solution = Solution(**{name: value.reshape(shape) for name, value in flat.items()})
    return SolvedBatch(solution, parts)


def _solve_flat(
    alpha_tot, f, theta, rules, executor: Executor | None
) -> tuple[dict[str, np.ndarray], tuple[Solved, ...]]:
    """One-dimensional inputs to one-dimensional results by name, and the points by rule."""
    n = len(alpha_tot)
    numbers = {rule: i for i, rule in enumerate(dict.fromkeys(rules.tolist()))}
    number = np.array([numbers[rule] for rule in rules.tolist()], dtype=int)
    result = {name: np.full(n, np.nan) for name in ("error", "R", "rho", "kappa")}
    result |= {name: np.full(n, np.inf) for name in ("residual", "change")}
    result |= {"converged": np.zeros(n, bool), "status": np.zeros(n, np.int8)}
    most = TOGETHER if executor is None else TASK
    jobs = list(_jobs(alpha_tot, f, theta, numbers, number, most))
    run = map if executor is None else executor.map
    seen = [(problem, f, chart) for _, rule, chart, problem, f in jobs if rule.resolved]
    solved = iter(run(solve_points, *(zip(*seen, strict=True) if seen else [()] * 3)))
    outcomes = [next(solved) if job[1].resolved else Outcome.unknown(len(job[0])) for job in jobs]
    parts = tuple(
        Solved(index, rule, problem, f[index], theta[index], alpha_tot[index], outcome)
        for (index, rule, _, problem, _), outcome in zip(jobs, outcomes, strict=True)
    )
    for part in parts:
        state, good = part.state, part.outcome.converged
        rho = np.cos(state.omega) * np.cos(part.theta)
        if part.problem.planar:
            rho = part.problem.fields(state).rho
        values = (state.omega / np.pi, np.cos(state.omega), rho, state.kappa)
        for name, value in zip(("error", "R", "rho", "kappa"), values, strict=True):
            result[name][part.place] = np.where(good, value, np.nan)
        for name in ("residual", "change", "converged"):
            result[name][part.place] = getattr(part.outcome, name)
        result["status"][part.place] = np.where(good, 0, np.where(part.outcome.started, 2, 1))
        if not part.rule.resolved:
            result["status"][part.place] = 3
    names = np.array([rule.name for rule in numbers] or ["hard"])[number]
    return {"alpha_tot": alpha_tot, "f": f, "theta": theta, "rule": names, **result}, parts


def solve_points(problem: Problem, fraction: Array, rule: str = "") -> Outcome:
    """Solve points of one rule: starts from the rule's chart or neighbours, then refinement.

    A start from a neighbour may lead Newton's method astray on the finer quadratures; points that
    are not solved walk the whole way from small loads.
    """
    outcome = refined(problem, *coarse_states(problem, fraction, rule))
    bad = np.flatnonzero(~outcome.converged)
    if not bad.size:
        return outcome
    again = problem.take(bad)
    state, arrived, _ = follow_path(again, fraction[bad])
    outcome.put(bad, refined(again, state, arrived))
    return outcome


def _jobs(alpha_tot, f, theta, numbers: dict[KeepRule, int], number, most: int):
    """(index, rule, chart, problem, kept fraction) of points that share an equation and a rule.

    Random keeping, and f = 1, are unpruned learning at α_prune: the probe does not matter.
    """
    on_axis = theta < SMALLEST_ANGLE
    for rule, i in numbers.items():
        unpruned = (f == 1.0) | isinstance(rule, Random)
        for planar in (True, False):
            chosen = np.flatnonzero((number == i) & ~unpruned & (on_axis != planar))
            chosen = chosen[np.lexsort((alpha_tot[chosen], f[chosen], theta[chosen]))]
            for index in _shared_out(chosen, most):
                angle = theta[index] if planar else np.zeros(len(index))
                kept = rule.segments(f[index], angle)
                problem = Problem(alpha_tot[index], angle, kept, planar)
                yield index, rule, rule.name, problem, f[index]
        for on in (True, False):  # one kind of probe a part: derivatives need it
            chosen = np.flatnonzero((number == i) & unpruned & (on_axis == on))
            for index in _shared_out(chosen, most):
                everything, zero = np.ones(len(index)), np.zeros(len(index))
                load = alpha_tot[index] * f[index]
                whole = Random().segments(everything, zero)
                problem = Problem(load, zero, whole, planar=False)
                yield index, rule, UNPRUNED, problem, everything


def _shared_out(index: Int[np.ndarray, " n"], most: int):
    """Sorted points dealt out in parts of at most `most`."""
    parts = -(-len(index) // most)
    return (index[part::parts] for part in range(parts))
