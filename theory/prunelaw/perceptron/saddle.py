"""The saddle point of the pruned max-margin perceptron: equations, Newton steps, refinement.

With the moments of `prunelaw.perceptron.moments`, the potential of Sorscher et al. 2022 (their
replica free energy in the max-margin limit, appendix A) is

    Ψ(κ, J) = α_tot E[w(z) G(κ − y h; σ)] − σ²,

and the student solves Ψ = 0, ∂Ψ/∂ω = 0, ∂Ψ/∂χ = 0 in the angles

    J = cos ω T + sin ω (cos χ e_u + sin χ e_⊥),     so     R = cos ω and ε = ω/π,

which lose nothing to cancellation when ε is 1e−12. The unknowns are log ω, log tan(χ/2) and κ.
At θ = 0 the plane is a line: χ = π/2 and two equations remain.

Newton's method starts where `prunelaw.perceptron.path` leads; its last steps are repeated on finer
and finer quadratures until two of them agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from prunelaw.keep import Segments
from prunelaw.numerics.arrays import overwritten, taken
from prunelaw.numerics.gaussian import Array, normal_cdf
from prunelaw.perceptron.closed_form import cancellation
from prunelaw.perceptron.moments import (
    Moments,
    Turn,
    axis_lines,
    axis_moments,
    plane_lines,
    plane_moments,
)
from prunelaw.perceptron.panels import Fields, Resolution

# On the whole domain the first two are good to 1e−11 and 1e−12; the others are for corners.
REFINEMENTS = (
    Resolution(outer=14, inner=30, width=3.0, cuts=(2.5, 7.0), closed=1e-12),
    Resolution(outer=12, inner=36, width=2.0, closed=1e-12),
    Resolution(outer=16, inner=48, width=1.5),
    Resolution(outer=24, inner=64, width=1.0),
    Resolution(outer=32, inner=96, width=0.5),
)
# Two resolutions must agree on log ω, log tan(χ/2) and log κ to this: ε is then good to 1e-10
# with a wide margin, because the step that measured the difference has been taken.
AGREEMENT = 2e-11
# A step of the first resolution after which the next one, about its square, need not be taken: the
# second resolution measures what it leaves.
SETTLED = 1e-6
FARTHEST_EDGE = 40.0  # of |z| that any example has
LARGEST_STEP = 0.7  # per Newton iteration, in each logarithmic unknown


class State(NamedTuple):
    """The unknowns of each point, shape (n,): ω, tan(χ/2), κ and κ − ρ·edge."""

    omega: Array
    tan_half_chi: Array
    kappa: Array
    slack: Array

    @staticmethod
    def unknown(n: int) -> State:
        """n points of which nothing is known yet."""
        return State(*np.full((4, n), np.nan))

    take, put = taken, overwritten

    def copy(self) -> State:
        """One that can be overwritten."""
        return State(*(column.copy() for column in self))


class Problem(NamedTuple):
    """Points that are solved together; all arrays of shape (n,). `planar` is False at θ = 0."""

    alpha: Array
    theta: Array
    segments: Segments
    planar: bool

    take = taken

    def moments(self, state: State, resolution: Resolution) -> Moments:
        """Averages over the kept examples."""
        fields = self.fields(state)
        if not self.planar:
            return axis_moments(self.segments, fields, resolution)
        return plane_moments(self.segments, fields, self._cancellation(fields), resolution)

    def lines(self, state: State, z: Float[np.ndarray, "n m"]) -> tuple[Moments, Turn]:
        """The integrands of the moments at given z, for w = 1: Moments and Turn of arrays (n, m).

        Σ over kept intervals of ∫ dz of these are the moments.
        """
        fields = self.fields(state)
        if not self.planar:
            return axis_lines(z, fields)
        return plane_lines(z, fields, self._cancellation(fields))

    def fields(self, state: State) -> Fields:
        """The student's components along teacher, probe and their orthogonal directions."""
        c, s = np.cos(self.theta), np.sin(self.theta)
        tan = state.tan_half_chi
        cos_chi, sin_chi = (1 - tan) * (1 + tan) / (1 + tan * tan), 2 * tan / (1 + tan * tan)
        a, radius = np.cos(state.omega), np.sin(state.omega)
        b, sigma = radius * cos_chi, radius * sin_chi
        edge, rho, zeta = self.segments.edge, c * a + s * b, s * a - c * b
        return Fields(c, s, a, b, sigma, rho, zeta, state.kappa, state.slack, edge)

    def _cancellation(self, fields: Fields) -> Array:
        """What the closed form of the inner integral would leave."""
        edge = np.minimum(fields.edge, FARTHEST_EDGE)  # infinite where nothing is kept
        wrong = normal_cdf(-edge * fields.cos_theta / fields.sin_theta)
        return cancellation(
            self.alpha * self.segments.mass, fields.slack, fields.kappa + fields.rho * edge,
            np.hypot(fields.sigma, fields.zeta), fields.sigma, wrong,
        )  # fmt: skip


class Outcome(NamedTuple):
    """Solved points: the state and its proof.

    `change` is the last disagreement between two resolutions (largest logarithmic step of the
    unknowns), `residual` the largest scaled residual there, before the step that removed it.
    """

    state: State
    change: Array
    residual: Array
    converged: Bool[np.ndarray, " n"]
    started: Bool[np.ndarray, " n"]

    @staticmethod
    def unknown(n: int) -> Outcome:
        """n points that were not solved."""
        far, no = np.full((2, n), np.inf), np.zeros((2, n), bool)
        return Outcome(State.unknown(n), *far, *no)

    take, put = taken, overwritten


# --- equations --------------------------------------------------------------------------------


class _Angles(NamedTuple):
    """Derivatives of h (as coefficients on t and u) and of σ in the angles ω and χ."""

    h_w: tuple[Array, Array]
    h_c: tuple[Array, Array]
    s_w: Array
    s_c: Array
    balance: Array  # factors of the equations, shape (n, 3): their terms become of order 1


def _angles(state: State, fields: Fields) -> _Angles:
    radius = np.sin(state.omega)
    sin_chi, cos_chi = fields.sigma / radius, fields.b / radius
    balance = np.stack([np.ones_like(radius), state.omega, sin_chi], axis=1)
    return _Angles(
        h_w=(-radius, fields.a * cos_chi),
        h_c=(np.zeros_like(radius), -fields.sigma),
        s_w=fields.a * sin_chi,
        s_c=fields.b,
        balance=balance / fields.sigma[:, None] ** 2,
    )


def newton_system(
    problem: Problem, state: State, resolution: Resolution
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d d"]]:
    """Residuals and Jacobian of (Ψ, ∂Ψ/∂ω, ∂Ψ/∂χ) in the unknowns (log ω, log tan χ/2, log κ).

    Residuals are divided by σ², the size of the two terms that balance; d is 3, or 2 at θ = 0.
    """
    q, fields = problem.moments(state, resolution), problem.fields(state)
    alpha, a, b, sigma = problem.alpha, fields.a, fields.b, fields.sigma
    h_w, h_c, s_w, s_c, balance = _angles(state, fields)
    sin_chi, cos_chi = sigma / np.sin(state.omega), b / np.sin(state.omega)
    zero = np.zeros_like(a)

    h_ww, h_wc, h_cc = (-a, -b), (zero, -a * sin_chi), (zero, -b)
    s_ww, s_wc, s_cc = -sigma, a * cos_chi, -sigma

    psi, psi_k = alpha * q.G - sigma**2, 2.0 * alpha * q.g
    psi_w = alpha * _slope(q, sigma, h_w, s_w) - 2.0 * sigma * s_w
    psi_c = alpha * _slope(q, sigma, h_c, s_c) - 2.0 * sigma * s_c
    psi_ww = _curvature(q, alpha, sigma, (h_w, s_w), (h_w, s_w), (h_ww, s_ww))
    psi_wc = _curvature(q, alpha, sigma, (h_w, s_w), (h_c, s_c), (h_wc, s_wc))
    psi_cc = _curvature(q, alpha, sigma, (h_c, s_c), (h_c, s_c), (h_cc, s_cc))
    residual = np.stack([psi, psi_w, psi_c], axis=1)
    jacobian = np.stack(
        [
            np.stack([psi_w, psi_c, psi_k], axis=1),
            np.stack([psi_ww, psi_wc, _mixed(q, alpha, h_w, s_w)], axis=1),
            np.stack([psi_wc, psi_cc, _mixed(q, alpha, h_c, s_c)], axis=1),
        ],
        axis=1,
    )
    # d ω = ω d log ω, d χ = sin χ d log tan(χ/2), d κ = κ d log κ.
    unknown = np.stack([state.omega, sin_chi, state.kappa], axis=1)
    residual, jacobian = residual * balance, jacobian * balance[:, :, None] * unknown[:, None, :]
    if problem.planar:
        return residual, jacobian
    return residual[:, :2], jacobian[:, :2][:, :, [0, 2]]


def data_terms(problem: Problem, state: State, q: Moments | Turn) -> Float[np.ndarray, "n m d"]:
    """What the examples contribute to the residuals of `newton_system`: linear in the moments q.

    q holds arrays (n, m): the integrands on m lines, or moments with m = 1.
    """
    fields = problem.fields(state)
    h_w, h_c, s_w, s_c, balance = _angles(state, fields)
    sigma, s_w, s_c = fields.sigma[:, None], s_w[:, None], s_c[:, None]
    along = [tuple(part[:, None] for part in h) for h in (h_w, h_c)]
    terms = [q.G, _slope(q, sigma, along[0], s_w), _slope(q, sigma, along[1], s_c)]
    scaled = np.stack(terms, axis=2) * (problem.alpha[:, None] * balance)[:, None, :]
    return scaled if problem.planar else scaled[:, :, :2]


def _along(h, t, u) -> Array:
    """h is linear in the fields: its derivative's coefficients on (t, u), applied to moments."""
    return h[0] * t + h[1] * u


def _slope(q: Any, sigma, h, s) -> Array:
    """∂ E[w G]/∂angle, with ∂h/∂angle = h and ∂σ/∂angle = s: G_m = 2g, G_σ = 2σΦ."""
    return 2.0 * sigma * q.cdf * s - 2.0 * _along(h, q.g_t, q.g_u)


def _mixed(q: Moments, alpha, h, s) -> Array:
    """∂²Ψ/∂κ∂angle: G_mm = 2Φ, G_mσ = 2φ."""
    return alpha * (2.0 * q.pdf * s - 2.0 * _along(h, q.cdf_t, q.cdf_u))


def _curvature(q: Moments, alpha, sigma, first, second, mixed) -> Array:
    """∂²Ψ for two angles, each argument a pair (∂h, ∂σ): G_σσ = 2Φ − 2xφ."""
    (h1, s1), (h2, s2), (h12, s12) = first, second, mixed
    both = h1[0] * h2[0] * q.cdf_tt + h1[1] * h2[1] * q.cdf_uu
    both = both + (h1[0] * h2[1] + h1[1] * h2[0]) * q.cdf_tu
    cross = _along(h1, q.pdf_t, q.pdf_u) * s2 + _along(h2, q.pdf_t, q.pdf_u) * s1
    curved = 2.0 * (both - cross + (q.cdf - q.pdf_x) * s1 * s2)
    bent = 2.0 * sigma * q.cdf * s12 - 2.0 * _along(h12, q.g_t, q.g_u)
    return alpha * (curved + bent) - 2.0 * (s1 * s2 + sigma * s12)


def newton_steps(residual, jacobian) -> Float[np.ndarray, "n 3"]:
    """Full steps in (log ω, log tan χ/2, log κ); NaN where the system is not finite or singular."""
    usable = np.isfinite(residual).all(axis=1) & np.isfinite(jacobian).all(axis=(1, 2))
    usable[usable] &= np.linalg.det(jacobian[usable]) != 0.0
    steps = np.full((len(residual), 3), np.nan)
    if usable.any():
        solved = -np.linalg.solve(jacobian[usable], residual[usable][:, :, None])[:, :, 0]
        if solved.shape[1] == 2:
            solved = np.insert(solved, 1, 0.0, axis=1)
        steps[usable] = solved
    return steps


def moved(problem: Problem, state: State, step: Float[np.ndarray, "n 3"]) -> State:
    """`state` after a step, shortened to LARGEST_STEP; steps that are not finite are not taken."""
    finite = np.all(np.isfinite(step), axis=1, keepdims=True)
    step = np.where(finite, step, 0.0)
    size = np.abs(step).max(axis=1)
    step = step * np.minimum(1.0, LARGEST_STEP / np.fmax(size, 1e-300))[:, None]
    omega = state.omega * np.exp(step[:, 0])
    omega = np.minimum(omega, 0.5 * (state.omega + 0.5 * np.pi))
    trial = State(omega, state.tan_half_chi * np.exp(step[:, 1]), state.kappa, state.slack)

    # Of κ and slack = κ − ρ·edge, the smaller carries the information: it is updated by
    # itself, and the other follows from it without cancellation.
    before, after = problem.fields(state), problem.fields(trial)
    half_sum, half_difference = 0.5 * (omega + state.omega), 0.5 * (omega - state.omega)
    rho_change = -2.0 * before.cos_theta * np.sin(half_sum) * np.sin(half_difference)
    rho_change += before.sin_theta * (after.b - before.b)
    by_kappa = np.abs(state.slack) >= state.kappa
    kappa = state.kappa * np.exp(step[:, 2])
    slack = state.slack + state.kappa * step[:, 2] - before.edge * rho_change
    rho_edge = after.rho * after.edge
    slack = np.where(by_kappa, kappa - rho_edge, slack)
    kappa = np.where(by_kappa, kappa, np.maximum(slack + rho_edge, 0.1 * state.kappa))
    return trial._replace(kappa=kappa, slack=slack)


def logarithmic(problem: Problem, state: State, step: Float[np.ndarray, "n 3"]) -> Array:
    """Size of steps in the logarithms of the unknowns: relative accuracy of ω and κ."""
    return np.abs(step).max(axis=1)


def local(problem: Problem, state: State, step: Float[np.ndarray, "n 3"]) -> Array:
    """Size of steps on the scale σ over which the equations change.

    Where the gap between the kept examples holds the student, ω and κ hardly move, and what is
    decided is (κ − ρ·edge)/σ and the distance to the probe in units of σ.
    """
    sigma = problem.fields(state).sigma
    scales = np.stack([state.omega / sigma, np.ones_like(sigma), state.kappa / sigma], axis=1)
    return np.abs(step * np.maximum(scales, 1.0)).max(axis=1)


def newton(
    problem: Problem,
    state: State,
    resolution: Resolution,
    tolerance: float,
    iterations: int,
    measure: Callable[[Problem, State, Array], Array] = logarithmic,
) -> tuple[State, Array, Array, Array]:
    """Newton steps until the step's `measure` is below `tolerance`.

    Returns the state, and per point the size of the first and of the last step and the
    residual that the last step removed.
    """
    n = len(problem.alpha)
    state = state.copy()
    first, last, residuals = np.full(n, np.inf), np.full(n, np.inf), np.full(n, np.inf)
    active = np.arange(n)
    for iteration in range(iterations):
        part, here = problem.take(active), state.take(active)
        residual, jacobian = newton_system(part, here, resolution)
        step = newton_steps(residual, jacobian)
        here = moved(part, here, step)
        state.put(active, here)
        size = np.nan_to_num(measure(part, here, step), nan=np.inf)
        last[active], residuals[active] = size, np.abs(residual).max(axis=1)
        if iteration == 0:
            first[active] = size
        active = active[(size > tolerance) & np.isfinite(size)]
        if active.size == 0:
            break
    return state, first, last, residuals


# --- refinement -------------------------------------------------------------------------------


def refined(problem: Problem, state: State, started: Bool[np.ndarray, " n"]) -> Outcome:
    """Newton's method from `state` on finer and finer quadratures, until two of them agree.

    Points that have no start (`started` is False) are left as they are.
    """
    state = state.copy()
    n = len(problem.alpha)
    change, residual = np.full(n, np.inf), np.full(n, np.inf)
    pending = np.flatnonzero(started)
    for level, resolution in enumerate(REFINEMENTS):
        part, here = problem.take(pending), state.take(pending)
        enough = SETTLED if level == 0 else AGREEMENT
        found, first, last, left = newton(part, here, resolution, enough, iterations=8)
        state.put(pending, found)
        # The first step on a finer quadrature measures what the coarser one was worth.
        change[pending], residual[pending] = np.maximum(first, last), left
        if level > 0:
            pending = pending[~(change[pending] < AGREEMENT)]
        if pending.size == 0:
            break
    return Outcome(state, change, residual, change < AGREEMENT, started)
