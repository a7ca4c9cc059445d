"""The keep rule of least error at given (α_tot, f, θ), with a certificate of the first order.

Among rules w ∈ [0, 1] of |z| (or of the signed margin m = y z) with E[w] = f, a rule can be
optimal only if it keeps what has the least influence I = dε/d(kept mass):

    w = 1 where I < c,    w = 0 where I > c,    with c such that E[w] = f.

ε is not convex in w, so this is necessary, not sufficient: every optimum found here is a *local*
one. What is offered against that is a search from several starts (hard, easy, random, bands),
and the statement which of them arrived where.

The search (`rule_search`) works in the rank x ∈ [0, 1] of |z| or of m: kept mass is length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw.errors import ConvergenceError
from prunelaw.keep import Piecewise
from prunelaw.numerics.gaussian import Array, central_half_width, signed_margin_quantile
from prunelaw.perceptron.saddle import REFINEMENTS, Problem, State, newton, refined
from prunelaw.perceptron.sensitivity import adjoint_of_error, influence_at
from prunelaw.perceptron.solver import SMALLEST_ANGLE, solve, solve_points
from prunelaw.pruning.rule_search import OPTIMAL, SAME_ERROR, Found, RuleSearch

SEARCH = REFINEMENTS[0]


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
    found = [search.run(name, start) for name, start in search.starts().items()]
    best = min(found, key=lambda point: (point.error, point.violation))
    names = ["hard", "easy", "random"] + (["signed-hard", "signed-easy"] if signed else [])
    plain = solve(alpha, fraction, angle, names).error.tolist()
    errors = dict(zip(names, plain, strict=True))
    values, cut, violation = search.certificate(best)
    certified = violation < OPTIMAL and best.error <= min(errors.values()) * (1 + SAME_ERROR)
    starts = tuple(Start(p.name, p.error, search.intervals(p.ranks), p.violation) for p in found)
    result = OptimalRule(
        alpha, fraction, angle, signed, search.rule(best.ranks), search.intervals(best.ranks),
        best.error, errors, 1.0 - best.error / min(errors.values()),
        search.quantile(search.fine), values, cut, violation, starts, certified,
    )  # fmt: skip
    if throw and not certified:
        raise ConvergenceError(
            f"no rule that satisfies the first-order condition was found at alpha_tot={alpha:g}, "
            f"f={fraction:g}, theta={angle:g}: the best has error {best.error:.6g} and violation "
            f"{violation:.1e}; throw=False returns it"
        )
    return result


class _Search(RuleSearch):
    """Rules of one kind at one (α_tot, f, θ)."""

    def __init__(self, alpha: float, f: float, theta: float, signed: bool):
        self.alpha, self.theta = np.array([alpha]), np.array([theta])
        self.signed = signed
        self.planar = bool(theta >= SMALLEST_ANGLE)
        super().__init__(f)

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

    def solved(self, ranks: Array, near: Found | None) -> Found | None:
        problem = self.problem(ranks)
        if near is not None:
            rho = problem.fields(near.state).rho
            start = near.state._replace(slack=near.state.kappa - rho * problem.segments.edge)
            state, _, last, _ = newton(problem, start, SEARCH, 1e-5, iterations=8)
            if last[0] < 1e-4:
                return _found(state)
        return self.exactly(ranks, None)

    def exactly(self, ranks: Array, near: Found | None) -> Found | None:
        """As `solve` finds it; faster from the answer itself."""
        problem = self.problem(ranks)
        if near is not None:
            outcome = refined(problem, near.state, np.array([True]))
            if outcome.converged.all():
                return _found(outcome.state)
        outcome = solve_points(problem, np.array([self.f]))
        return _found(outcome.state) if outcome.converged.all() else None

    def influence(self, ranks: Array, found: Found, at: Array) -> Float[np.ndarray, " ranks"]:
        problem, z = self.problem(ranks), self.quantile(at)
        adjoint = adjoint_of_error(problem, found.state)
        lines = np.where(np.isfinite(z), z, np.sign(z) * 38.0)[None]
        return influence_at(problem, found.state, adjoint, lines, signed=self.signed)[0]


def _found(state: State) -> Found:
    return Found(float(state.omega[0] / np.pi), state)
