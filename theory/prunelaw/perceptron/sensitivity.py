"""How the test error answers to changes: exact derivatives, and the influence of each example.

The saddle point is F(x; p) = 0 in the unknowns x = (log ω, log tan χ/2, log κ), so

    dx/dp = −(∂F/∂x)⁻¹ ∂F/∂p        (implicit-function theorem)

for every parameter p: α_tot, f, θ, or the keep rule itself. F is linear in w, and ∂F/∂w(m) is
the integrand of the moments at signed margin m; the row λ of −(∂F/∂x)⁻¹ that belongs to log ω
(the adjoint) turns it into the influence of one kept example:

    I(m) = dε/d(kept mass at m),     dε = ∫ I(m) δw(m) p(m) dm

Negative influence is good. Derivatives of the thresholds come from the rule (`KeepRule.slopes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.keep import Segments
from prunelaw.numerics.gaussian import Array, normal_cdf, normal_pdf
from prunelaw.perceptron.moments import Moments
from prunelaw.perceptron.panels import Resolution
from prunelaw.perceptron.saddle import Problem, State, data_terms, newton_system
from prunelaw.perceptron.solver import Solved, solved_points

FINE = Resolution(outer=16, inner=40, width=1.5, closed=1e-12)


@dataclass(frozen=True)
class Sensitivity:
    """The error and its exact first derivatives; all arrays have the broadcast shape.

    Attributes:
        error: ε.
        d_alpha_tot: ∂ε/∂α_tot at fixed f and θ.
        d_f: ∂ε/∂f at fixed α_tot and θ (NaN for rules that imply f); at f = 1 from below
            (signed-easy at θ > 0: NaN, its threshold is at −∞ there).
        d_theta: ∂ε/∂θ at fixed α_tot and f (of a band: at fixed edges), per radian; at θ = 0 NaN
            for signed rules whose weight jumps at m = 0.
        converged: as in `Solution`; where False all others are NaN.
    """

    error: Float[np.ndarray, "*shape"]
    d_alpha_tot: Float[np.ndarray, "*shape"]
    d_f: Float[np.ndarray, "*shape"]
    d_theta: Float[np.ndarray, "*shape"]
    converged: np.ndarray

    @property
    def names(self) -> tuple[str, str, str]:
        """The parameters, in the order of the derivatives."""
        return ("alpha_tot", "f", "theta")


def sensitivity(
    alpha_tot: Any, f: Any = None, theta: Any = 0.0, rule: Any = "hard", *, throw: bool = True
) -> Sensitivity:
    """∂ε/∂α_tot, ∂ε/∂f and ∂ε/∂θ by implicit differentiation; arguments as in `prunelaw.solve`.

    Raises:
        InputError: where `solve` raises it, and for rules given as functions at θ > 0, whose
            derivative in θ would need that of w.
    """
    solved = solved_points(alpha_tot, f, theta, rule, throw=throw)
    shape = solved.solution.error.shape
    values = {name: np.full(shape, np.nan).ravel() for name in ("alpha_tot", "f", "theta")}
    for part in (part.good() for part in solved.parts):
        for name, value in _derivatives(part).items():
            values[name][part.place] = value
    return Sensitivity(
        solved.solution.error,
        *(value.reshape(shape) for value in values.values()),
        converged=solved.solution.converged,
    )


def influence(
    m: Any,
    alpha_tot: Any,
    f: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    signed: bool = False,
) -> Array:
    """I(m) = dε/d(kept mass at m), shape (*shape of the point, number of m).

    Adding a fraction δ of all examples at |z| (or at margin) m changes ε by I(m) δ at first order;
    where examples have no probability at all (m < 0 at θ = 0) it is 0.

    Args:
        m: probe fields |z| ≥ 0, or signed margins y z with `signed`; one-dimensional.
        others: as in `prunelaw.solve`, one point or an array.

    Raises:
        InputError: for negative |z|, and where `solve` raises it.
    """
    fields = check_real("m", m, -np.inf if signed else 0.0)
    if fields.ndim != 1:
        raise InputError(f"m must be one-dimensional, got shape {fields.shape}")
    solved = solved_points(alpha_tot, f, theta, rule, throw=True)
    shape = solved.solution.error.shape
    result = np.full((int(np.prod(shape)), len(fields)), np.nan)
    for part in solved.parts:
        problem = part.problem_of_rule()
        adjoint = adjoint_of_error(problem, part.state)
        lines = np.broadcast_to(fields, (len(part.place), len(fields)))
        result[part.place] = influence_at(problem, part.state, adjoint, lines, signed=signed)
    return result.reshape(*shape, len(fields))


def adjoint_of_error(problem: Problem, state: State) -> Float[np.ndarray, "n d"]:
    """λ with dε/dp = λ·∂F/∂p."""
    return _response(problem, state)[:, 0, :] * (state.omega / np.pi)[:, None]


def influence_at(
    problem: Problem,
    state: State,
    adjoint: Float[np.ndarray, "n d"],
    m: Float[np.ndarray, "n lines"],
    *,
    signed: bool,
) -> Float[np.ndarray, "n lines"]:
    """I at |z| = m, or at signed margin m, of solved points."""
    lines = m if signed else np.concatenate([m, -m], axis=1)
    moments, _ = problem.lines(state, lines)
    changes = np.einsum("nmd,nd->nm", data_terms(problem, state, moments), adjoint)
    density = 2.0 * normal_pdf(m)
    if signed:
        density = density * _right_side(m, problem)
    else:
        changes = changes[:, : m.shape[1]] + changes[:, m.shape[1] :]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(density > 1e-250, changes / density, 0.0)


def _right_side(m: Array, problem: Problem) -> Array:
    """P(t > 0 | z = m) = Φ(m cot θ)."""
    if not problem.planar:
        return np.where(np.signbit(m), 0.0, 1.0)
    return normal_cdf(m / np.tan(problem.theta)[:, None])


def _response(problem: Problem, state: State) -> Float[np.ndarray, "n d d"]:
    """−(∂F/∂x)⁻¹ at the solution."""
    _, jacobian = newton_system(problem, state, FINE)
    return -np.linalg.inv(jacobian)


def _derivatives(part: Solved) -> dict[str, Array]:
    """∂ε/∂(α_tot, f, θ) of one part's points."""
    problem, state = part.problem_of_rule(), part.state
    adjoint = adjoint_of_error(problem, state)
    layers = problem.segments
    slopes = part.rule.slopes(part.fraction, problem.theta)
    low = _edge_terms(problem, state, adjoint, layers.low)
    high = _edge_terms(problem, state, adjoint, layers.high)

    def moved(low_slope: Array, high_slope: Array) -> Array:
        return np.sum(layers.weight * (high_slope * high[0] - low_slope * low[0]), axis=1)

    by_weight = _by_moments(problem, state, adjoint, layers._replace(weight=slopes.weight_f))
    turned = np.sum(layers.weight * (high[1] - low[1]), axis=1)
    if not problem.planar and part.rule.fraction(problem.theta) is not None:
        # A weight that jumps at m = 0 has a slope in θ there that the axis does not know.
        beside = layers.weight_at(np.tile([-1e-9, 1e-9], (len(problem.alpha), 1)))
        jumps = part.rule.uses_labels & (beside[:, 0] != beside[:, 1])
        turned = np.where(jumps, np.nan, turned)
    if layers.profile is not None and problem.planar:
        raise InputError(
            "rule must be made of intervals for a derivative in theta, got a function of "
            f"the field ({part.rule.name})"
        )
    return {
        "alpha_tot": _by_moments(problem, state, adjoint, layers) / problem.alpha,
        "f": moved(slopes.low_f, slopes.high_f) + by_weight,
        "theta": moved(slopes.low_theta, slopes.high_theta) + turned,
    }


def _by_moments(problem: Problem, state: State, adjoint: Array, layers: Segments) -> Array:
    """λ·(what these layers contribute to F)."""
    if np.isnan(layers.weight).any():
        return np.full(len(problem.alpha), np.nan)
    # Layers of negative weight would be dropped as empty: f moves weights up only.
    q = problem._replace(segments=layers).moments(state, FINE)
    terms = data_terms(problem, state, Moments(*(value[:, None] for value in q)))
    return np.einsum("nmd,nd->n", terms, adjoint)


def _edge_terms(
    problem: Problem, state: State, adjoint: Array, edge: Float[np.ndarray, "n k"]
) -> tuple[Array, Array]:
    """λ·∂F/∂(kept up to here) at each edge, and the same times dz/dθ's part u'; 0 at infinity."""
    finite = np.isfinite(edge)
    lines = np.where(finite, edge, 0.0)
    moments, turn = problem.lines(state, lines)
    result = []
    for q in (moments, turn):
        terms = np.einsum("nmd,nd->nm", data_terms(problem, state, q), adjoint)
        result.append(np.where(finite, terms, 0.0))
    return result[0], result[1]
