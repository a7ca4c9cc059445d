"""Where the kept examples lie once the student is trained: the distribution of margins y J·x.

A kept example that the student has not seen has the margin of a *new* kept example, of density p₀.
Training to the largest margin leaves it where it is if that is at least κ, and else moves it to κ:

    p(m) = p₀(m) [m > κ] + δ(m − κ) ∫_{−∞}^κ p₀

(Kepler and Abbott 1988 for random examples; the cavity argument is the same for pruned ones.)
Teacher field t, probe field z and student field s are jointly Gaussian with correlations cos θ, R
and ρ, so that

    p₀(m) = (2/f) φ(m) ∫ dz w(z) N(z; ρ m, 1 − ρ²) Φ(E[t | z, m] / sd[t | z, m]),

one integral. The saddle point says α_prune ∫_{−∞}^κ (κ − m)² p₀(m) dm = 1 − |in-plane part of J|².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_number, check_real
from prunelaw.keep import KeepRule, as_rule
from prunelaw.numerics.gaussian import gauss_legendre, normal_cdf, normal_pdf
from prunelaw.perceptron.solver import Solution, solve

_REACH = 9.0  # standard deviations of z at given m; beyond lies 1e-19
_PANELS = np.linspace(-_REACH, _REACH, 13)
_STEP_CUTS = np.array([-9.0, -6.0, -3.5, -1.5, 0.0, 1.5, 3.5, 6.0, 9.0])
_ORDER = 16
_NEAREST = 1e-9  # width of the panel of margins next to κ


@dataclass(frozen=True)
class Stabilities:
    """Margins of the kept examples; arrays have the shape of `margin`.

    Attributes:
        margin: m = y J·x, at |J| = 1.
        density: p(m) above κ, 0 below: what is moved is in `at_kappa`.
        untrained: p₀(m), the margins of new examples that the rule keeps.
        at_kappa: share of the kept examples that lie at the margin κ itself, in [0, 1].
        solution: the saddle point behind them.
    """

    margin: Float[np.ndarray, "..."]
    density: Float[np.ndarray, "..."]
    untrained: Float[np.ndarray, "..."]
    at_kappa: float
    solution: Solution


def stabilities(
    margin: Any, alpha_tot: Any, f: Any = None, theta: Any = 0.0, rule: Any = "hard"
) -> Stabilities:
    """The distribution of margins of the max-margin student's own (kept) examples, N → ∞.

    `margin` are the places m at which densities are wanted, any shape; (alpha_tot, f, theta, rule)
    is one point of `prunelaw.solve`.

    Raises:
        InputError: where `solve` raises it, and for more points than one.

    >>> from prunelaw.perceptron.stability import stabilities
    >>> round(stabilities(0.0, 3.0, 0.5, 0.3).at_kappa, 4)
    0.5376
    """
    m = check_real("margin", margin)
    fraction = None if f is None else check_number("f", f, 0.0, 1.0, low_open=True)
    load = check_number("alpha_tot", alpha_tot, 0.0, low_open=True)
    solution = solve(load, fraction, check_number("theta", theta, 0.0, np.pi / 2), rule)
    keep = as_rule(rule)
    untrained = _untrained(m.reshape(-1), keep, solution).reshape(m.shape)
    density = np.where(m > solution.kappa, untrained, 0.0)
    return Stabilities(m, density, untrained, _mass_below(keep, solution), solution)


def _mass_below(keep: KeepRule, solution: Solution) -> float:
    """∫_{−∞}^κ p₀."""
    nodes, weights = below_kappa(float(solution.kappa))
    return float(np.clip(weights @ _untrained(nodes, keep, solution), 0.0, 1.0))


def below_kappa(kappa: float) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Nodes and weights on (−∞, κ], in panels that double away from κ: p₀ is as narrow as 1/α."""
    farthest = int(np.ceil(np.log2((_REACH + abs(kappa)) / _NEAREST)))
    edges = kappa - _NEAREST * 2.0 ** np.arange(farthest, -1.0, -1.0)
    nodes, weights = _panel_nodes(np.append(edges, kappa)[None])
    return nodes[0], weights[0]


def _untrained(
    m: Float[np.ndarray, " m"], keep: KeepRule, solution: Solution
) -> Float[np.ndarray, " m"]:
    """p₀ at margins m."""
    theta, R, rho = float(solution.theta), float(solution.R), float(solution.rho)
    f = solution.f
    spread = np.sqrt((1.0 - rho) * (1.0 + rho))
    # t given (z, m): mean by_z z + by_m m, variance Λ²/(1 − ρ²)
    by_z = (np.cos(theta) - R * rho) / spread**2
    by_m = (R - np.cos(theta) * rho) / spread**2
    deviation = np.sqrt(max(1.0 - by_z * np.cos(theta) - by_m * R, 0.0))
    centre = rho * m[:, None]
    cuts = _cuts(m, keep, f, solution, spread, (by_z, by_m, deviation))
    x, weights = _panel_nodes(cuts)
    z = centre + spread * x
    mean = by_z * z + by_m * m[:, None]
    if deviation < 1e-12:  # a perfect probe: t = z
        correct = (mean > 0.0).astype(np.float64)
    else:
        correct = normal_cdf(mean / deviation)
    kept = keep.weight(z, f, theta)
    inner = np.sum(weights * normal_pdf(x) * kept * correct, axis=1)
    return 2.0 / float(f) * normal_pdf(m) * inner


def _cuts(
    m: Float[np.ndarray, " m"],
    keep: KeepRule,
    f: Any,
    solution: Solution,
    spread: float,
    of_t: tuple[float, float, float],
) -> Float[np.ndarray, "m cuts"]:
    """Ends of panels in x = (z − ρm)/√(1 − ρ²): regular, at the rule's edges, around t = 0."""
    one = np.ones(1)
    layers = keep.segments(f * one, solution.theta * one)
    edges = np.concatenate([layers.low, layers.high], axis=None)
    edges = np.concatenate([edges, -edges])  # of |z|: both sides
    edges = edges[np.isfinite(edges)]
    by_z, by_m, deviation = of_t
    slope = by_z if abs(by_z) > 1e-300 else 1e-300
    steps = -by_m * m[:, None] / slope + deviation / abs(slope) * _STEP_CUTS
    places = np.concatenate([np.broadcast_to(edges, (m.size, edges.size)), steps], axis=1)
    x = np.clip((places - float(solution.rho) * m[:, None]) / spread, -_REACH, _REACH)
    regular = np.broadcast_to(_PANELS, (m.size, _PANELS.size))
    return np.sort(np.concatenate([regular, x], axis=1), axis=1)


def _panel_nodes(
    cuts: Float[np.ndarray, "m cuts"],
) -> tuple[Float[np.ndarray, "m nodes"], Float[np.ndarray, "m nodes"]]:
    """Gauss–Legendre nodes and weights on the panels between neighbouring cuts."""
    nodes, weights = gauss_legendre(_ORDER)
    width = np.diff(cuts, axis=1)[..., None]
    flat = (len(cuts), -1)
    return (cuts[:, :-1, None] + width * nodes).reshape(flat), (width * weights).reshape(flat)
