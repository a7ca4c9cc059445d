"""The keep rule of least error at given (α_tot, f, θ), with a certificate of the first order.

Among rules w ∈ [0, 1] of |z| (or of the signed margin m = y z) with E[w] = f, a rule can be
optimal only if it keeps what has the least influence I = dε/d(kept mass):

    w = 1 where I < c,    w = 0 where I > c,    with c such that E[w] = f.

ε is not convex in w, so this is necessary, not sufficient: every optimum found here is a *local*
one. What is offered against that is a search from several starts (hard, easy, random, bands),
and the statement which of them arrived where.

The search works in the rank x ∈ [0, 1] of |z| or of m, in which kept mass is length. It moves
the edges of the kept intervals downhill, solves I(edge) = c, E[w] = f for them, and where the
condition is still violated exchanges kept examples for better ones elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize, root

from prunelaw.checks import check_real
from prunelaw.errors import ConvergenceError
from prunelaw.keep import Piecewise
from prunelaw.numerics.gaussian import Array, central_half_width, signed_margin_quantile
from prunelaw.perceptron.saddle import REFINEMENTS, Outcome, Problem, State, newton, refined
from prunelaw.perceptron.sensitivity import adjoint_of_error, influence_at
from prunelaw.perceptron.solver import SMALLEST_ANGLE, solve, solve_points
from prunelaw.pruning.ranks import between, least, of_length

GRID = (
    240  # ranks at which the influence is looked at during the search; thrice for the certificate
)
ROUNDS = 6
SEARCH = REFINEMENTS[0]
SHORTEST = 1e-3  # share of an exchange below which a search has ended
OPTIMAL = 1e-6  # largest relative violation of the first-order condition
SAME_ERROR = 1e-9  # relative: starts that agree to this have met
EXTREME = 1e-9  # the grid of ranks ends so far from 0 and 1


@dataclass(frozen=True)
class Start:
    """One start of the search, and where it led.

    Attributes:
        violation: largest violation of the first-order condition, relative to the spread of I.
    """

    name: str
    error: float
    intervals: tuple[tuple[float, float], ...]
    violation: float


@dataclass(frozen=True)
class OptimalRule:
    """The best keep rule found, and what speaks for it.

    Attributes:
        rule: as a `Piecewise` of |z| or of the signed margin; hand it to `solve`.
        intervals: what is kept: (low, high) of |z|, or of m = y z if `signed`.
        error: ε under this rule.
        errors: ε of hard, easy and random keeping (and their signed versions) at the same f.
        gain: 1 − error/(the least of these).
        z, influence: I(z) = dε/d(kept mass), on a grid of |z| or m, and its level `cut` = c.
        violation: the certificate: the largest amount by which a kept example's influence exceeds
            c, or a dropped one's falls below it, relative to the spread of I over the grid.
        starts: every start of the search with the error it reached.
        certified: violation < 1e-6, and no other start found a smaller error.
    """

    alpha_tot: float
    f: float
    theta: float
    signed: bool
    rule: Piecewise
    intervals: tuple[tuple[float, float], ...]
    error: float
    errors: dict[str, float]
    gain: float
    z: Float[np.ndarray, " grid"]
    influence: Float[np.ndarray, " grid"]
    cut: float
    violation: float
    starts: tuple[Start, ...]
    certified: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        names = ("alpha_tot", "f", "theta", "signed", "intervals", "error", "errors", "gain")
        values = {name: getattr(self, name) for name in names}
        certificate = {
            "violation": self.violation,
            "cut": self.cut,
            "certified": self.certified,
            "scope": "local: a first-order condition, and the best of the starts",
            "starts": [vars(start) for start in self.starts],
        }
        curve = {"z": self.z.tolist(), "influence": self.influence.tolist()}
        return {**values, "certificate": certificate, "influence_curve": curve}


def optimal_rule(
    alpha_tot: Any, f: Any, theta: Any = 0.0, signed: bool = False, *, throw: bool = True
) -> OptimalRule:
    """The keep rule of least error at one point: rules of |z|, or of the signed margin.

    Optimality is local (see the module): the condition is of first order.

    Args:
        alpha_tot, f, theta: one point, as in `prunelaw.solve`, f below 1.
        signed: True: rules may use labels and rank by m = y z.
        throw: False: return the best found even if its certificate fails (`certified`).

    Raises:
        InputError: for arguments out of range.
        ConvergenceError: if no start reaches a rule that satisfies it.

    Source:
        the influence function is this package's; the setting Sorscher et al. 2022.
    """
    alpha = float(check_real("alpha_tot", alpha_tot, 0.0, low_open=True))
    fraction = float(check_real("f", f, 0.0, 1.0, low_open=True, high_open=True))
    angle = float(check_real("theta", theta, 0.0, np.pi / 2))
    signed = signed and angle >= SMALLEST_ANGLE  # at θ = 0 the margin is |z|
    search = _Search(alpha, fraction, angle, signed)
    found = [search.run(name, ranks) for name, ranks in _starting_ranks(fraction).items()]
    best = min(found, key=lambda point: (point.error, point.violation))
    errors = _plain_errors(alpha, fraction, angle, signed)
    intervals = search.intervals(best.ranks)
    z, values, cut, violation = search.certificate(best)
    certified = violation < OPTIMAL and best.error <= min(errors.values()) * (1 + SAME_ERROR)
    result = OptimalRule(
        alpha_tot=alpha,
        f=fraction,
        theta=angle,
        signed=signed,
        rule=search.rule(best.ranks),
        intervals=intervals,
        error=best.error,
        errors=errors,
        gain=1.0 - best.error / min(errors.values()),
        z=z,
        influence=values,
        cut=cut,
        violation=violation,
        starts=tuple(Start(p.name, p.error, search.intervals(p.ranks), p.violation) for p in found),
        certified=certified,
    )
    if throw and not certified:
        raise ConvergenceError(
            f"no rule that satisfies the first-order condition was found at alpha_tot={alpha:g}, "
            f"f={fraction:g}, theta={angle:g}: the best has error {best.error:.6g} and violation "
            f"{violation:.1e}; throw=False returns it"
        )
    return result


def _plain_errors(alpha: float, f: float, theta: float, signed: bool) -> dict[str, float]:
    names = ["hard", "easy", "random"] + (["signed-hard", "signed-easy"] if signed else [])
    solved = solve(alpha, f, theta, names)
    return dict(zip(names, solved.error.tolist(), strict=True))


def _starting_ranks(f: float) -> dict[str, Array]:
    """Kept intervals of the rank as arrays (intervals, 2); None stands for random keeping."""
    room = 1.0 - f
    starts = {"hard": 0.0, "easy": room}
    starts |= {f"band at {place:g}": place * room for place in (0.15, 0.4, 0.7)}
    ranks = {name: np.array([[low, low + f]]) for name, low in starts.items()}
    return {**ranks, "random": np.empty((0, 2))}


class _Point(NamedTuple):
    """A rule met on the way: kept ranks, its saddle point, and the influence at the ranks' grid."""

    name: str
    ranks: Array
    error: float
    outcome: Outcome
    violation: float


class _Search:
    """Rules of one kind at one (α_tot, f, θ)."""

    def __init__(self, alpha: float, f: float, theta: float, signed: bool):
        self.alpha, self.f, self.theta, self.signed = (
            np.array([alpha]),
            f,
            np.array([theta]),
            signed,
        )
        self.planar = bool(theta >= SMALLEST_ANGLE)
        self.grid = self._ranks(GRID)
        self.z = self.quantile(self.grid)
        self.fine = self._ranks(3 * GRID)
        self.fine_z = self.quantile(self.fine)

    def _ranks(self, count: int) -> Float[np.ndarray, " grid"]:
        """Ranks, denser towards both ends, where few examples can matter most."""
        angle = np.linspace(0.0, np.pi, count)
        return EXTREME + (1.0 - 2.0 * EXTREME) * 0.5 * (1.0 - np.cos(angle))

    def quantile(self, rank: Array) -> Array:
        """|z| or m at a rank in [0, 1]."""
        inner = np.clip(rank, 0.0, 1.0)
        if not self.signed:
            return central_half_width(inner)
        theta = self.theta * np.ones_like(inner)
        low = signed_margin_quantile(np.maximum(inner, 1e-300), theta)
        high = signed_margin_quantile(np.maximum(1.0 - inner, 1e-300), theta, upper=True)
        value = np.where(inner < 0.5, low, high)
        return np.where(inner <= 0.0, -np.inf, np.where(inner >= 1.0, np.inf, value))

    def rule(self, ranks: Array) -> Piecewise:
        """The kept ranks as a rule; none stands for random keeping."""
        of = "margin" if self.signed else "abs"
        if not len(ranks):
            return Piecewise((-np.inf if self.signed else 0.0, np.inf), (self.f,), of)
        edges = self.quantile(ranks).ravel()
        weights = [1.0 if i % 2 == 0 else 0.0 for i in range(len(edges) - 1)]
        return Piecewise(tuple(edges.tolist()), tuple(weights), of)

    def intervals(self, ranks: Array) -> tuple[tuple[float, float], ...]:
        """Kept intervals of |z| or m."""
        return tuple((float(low), float(high)) for low, high in self.quantile(ranks))

    def problem(self, ranks: Array) -> Problem:
        """The saddle-point problem of the rule."""
        layers = self.rule(ranks).segments(np.array([self.f]), self.theta)
        return Problem(self.alpha, self.theta, layers, self.planar)

    def solved(self, ranks: Array, near: State | None) -> Outcome:
        """The saddle point to about 1e-9, which is enough to search by; from a neighbour's if that
        works.
        """
        problem = self.problem(ranks)
        if near is not None:
            rho = problem.fields(near).rho
            start = near._replace(slack=near.kappa - rho * problem.segments.edge)
            state, _, last, residual = newton(problem, start, SEARCH, 1e-5, iterations=8)
            if last[0] < 1e-4:
                good = np.array([True])
                return Outcome(state, last, residual, good, good)
        return self.exactly(ranks, None)

    def exactly(self, ranks: Array, near: State | None) -> Outcome:
        """The saddle point with its proof, as `solve` finds it; faster from the answer itself."""
        problem = self.problem(ranks)
        if near is not None:
            outcome = refined(problem, near, np.array([True]))
            if outcome.converged.all():
                return outcome
        return solve_points(problem, np.array([self.f]))

    def influence(self, ranks: Array, outcome: Outcome, z: Array) -> Float[np.ndarray, " z"]:
        """I at |z| or m."""
        problem = self.problem(ranks)
        adjoint = adjoint_of_error(problem, outcome.state)
        lines = np.where(np.isfinite(z), z, np.sign(z) * 38.0)[None]
        return influence_at(problem, outcome.state, adjoint, lines, signed=self.signed)[0]

    def run(self, name: str, ranks: Array) -> _Point:
        """Alternate between moving the edges to their optimum and exchanging kept for dropped."""
        point = self._judged(name, ranks, self.exactly(ranks, None))
        for _ in range(ROUNDS):
            if not point.outcome.converged.all() or point.violation < OPTIMAL:
                break
            ranks, outcome = point.ranks, point.outcome
            if len(ranks):
                ranks, outcome = self._polished(*self._descended(ranks, outcome))
                point = self._judged(name, ranks, outcome)
                if point.violation < OPTIMAL:
                    break
            wanted = least(self.grid, self.influence(ranks, outcome, self.z), self.f)
            moved, outcome = self._step(ranks, wanted, outcome)
            if moved is ranks:
                break
            point = self._judged(name, moved, outcome)
        return point

    def _descended(self, ranks: Array, outcome: Outcome) -> tuple[Array, Outcome]:
        """Sequential quadratic programming over the edges, as many as there are: with ranks as
        coordinates dε = Σ I(high) d high − I(low) d low, at Σ (high − low) = f.
        """
        best = {"ranks": ranks, "outcome": outcome}
        floor = float(outcome.state.omega[0])
        sign = np.tile([-1.0, 1.0], len(ranks))

        def log_error(edges: Array) -> tuple[float, Array]:
            trial = np.sort(np.clip(edges, 0.0, 1.0)).reshape(-1, 2)
            nowhere = np.log(0.5 * np.pi), np.zeros_like(edges)
            if not (np.diff(trial.ravel()) > 0.0).all():  # an interval that the step has emptied
                return nowhere
            found = self.solved(trial, best["outcome"].state)
            if not found.converged.all():
                return nowhere
            omega = float(found.state.omega[0])
            if omega < float(best["outcome"].state.omega[0]):
                best.update(ranks=trial, outcome=found)
            slope = sign * self.influence(trial, found, self.quantile(trial.ravel()))
            return np.log(omega), slope * np.pi / omega

        ordered = np.diff(np.eye(2 * len(ranks)), axis=0)
        minimize(
            log_error, ranks.ravel(), jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * ranks.size,
            constraints=[
                {"type": "eq", "fun": lambda e: sign @ e - self.f, "jac": lambda e: sign},
                {"type": "ineq", "fun": lambda e: ordered @ e, "jac": lambda e: ordered},
            ],
            options={"maxiter": 30, "ftol": 1e-7},
        )  # fmt: skip
        # Its constraint holds to rounding only; what is kept must be f.
        trial = of_length(best["ranks"], self.f)
        found = self.solved(trial, best["outcome"].state)
        if found.converged.all() and float(found.state.omega[0]) <= floor:
            return trial, found
        return ranks, outcome

    def _judged(self, name: str, ranks: Array, outcome: Outcome) -> _Point:
        """The rule with its error and its certificate."""
        outcome = self.exactly(ranks, outcome.state)
        point = _Point(name, ranks, float(outcome.state.omega[0] / np.pi), outcome, np.inf)
        return point._replace(violation=self.certificate(point)[3])

    def _step(self, ranks: Array, wanted: Array, outcome: Outcome) -> tuple[Array, Outcome]:
        """The longest of the steps 1, 1/2, 1/4, ... towards `wanted` that lowers the error.

        From random keeping there is no way but the whole step, taken whatever the error.
        """
        before, length = float(outcome.state.omega[0]) if len(ranks) else np.inf, 1.0
        while length >= SHORTEST:
            trial = of_length(between(ranks, wanted, length), self.f)
            found = self.solved(trial, outcome.state)
            if found.converged.all() and float(found.state.omega[0]) < before:
                return trial, found
            length *= 0.5
        return ranks, outcome

    def _polished(self, ranks: Array, outcome: Outcome) -> tuple[Array, Outcome]:
        """Edges that solve I(edge) = c and E[w] = f; those at rank 0 or 1 stay there."""
        flat = ranks.ravel()
        free = np.flatnonzero((flat > 10 * EXTREME) & (flat < 1.0 - 10 * EXTREME))
        if len(free) < 2:
            return ranks, outcome
        last = {"ranks": ranks, "outcome": outcome}

        def equations(unknown: Array) -> Array:
            trial = flat.copy()
            trial[free] = unknown
            edges = trial.reshape(-1, 2)
            if (np.diff(trial) <= 0).any() or trial[0] < 0 or trial[-1] > 1:
                return np.full(len(free), 1e3)
            found = self.solved(edges, last["outcome"].state)
            if not found.converged.all():
                return np.full(len(free), 1e3)
            last.update(ranks=edges, outcome=found)
            values = self.influence(edges, found, self.quantile(unknown))
            scale = np.abs(values).max()
            mass = np.sum(edges[:, 1] - edges[:, 0]) - self.f
            return np.append(np.diff(values) / scale, mass / self.f)

        found = root(equations, flat[free], tol=1e-11, options={"maxfev": 12 + 6 * len(free)})
        if np.abs(found.fun).max() > 1e-7 or np.abs(equations(found.x)).max() > 1e-7:
            return ranks, outcome
        better = last["outcome"].state.omega[0] <= outcome.state.omega[0] * (1 + SAME_ERROR)
        return (last["ranks"], last["outcome"]) if better else (ranks, outcome)

    def certificate(self, point: _Point) -> tuple[Array, Array, float, float]:
        """(z, I(z), c, largest relative violation of the first-order condition) on a fine grid."""
        if not point.outcome.converged.all():
            return self.z, np.full_like(self.z, np.nan), np.nan, np.inf
        grid, z = self.fine, self.fine_z
        values = self.influence(point.ranks, point.outcome, z)
        edges = point.ranks.ravel()
        edges = edges[(edges > 10 * EXTREME) & (edges < 1.0 - 10 * EXTREME)]
        if not len(edges):
            return z, values, np.nan, 1.0
        cut = float(np.mean(self.influence(point.ranks, point.outcome, self.quantile(edges))))
        kept = ((grid[:, None] >= point.ranks[:, 0]) & (grid[:, None] <= point.ranks[:, 1])).any(1)
        excess = np.where(kept, values - cut, cut - values)
        spread = values.max() - values.min()
        return z, values, cut, float(max(excess.max(), 0.0) / spread)
