"""The saddle point of the pruned max-margin perceptron: equations, Newton steps, continuation.

With the moments of `prunelaw.moments`, the potential of Sorscher et al. 2022 (their replica
free energy in the max-margin limit, appendix A) is

    Ψ(κ, J) = α_tot E[w(z) G(κ − y h; σ)] − σ²,

and the student solves Ψ = 0, ∂Ψ/∂ω = 0, ∂Ψ/∂χ = 0 in the angles

    J = cos ω T + sin ω (cos χ e_u + sin χ e_⊥),     so     R = cos ω and ε = ω/π,

which lose nothing to cancellation when ε is 1e−12.  The unknowns are log ω, log tan(χ/2) and κ.
At θ = 0 the plane is a line: χ = π/2 and two equations remain.

Newton's method starts from the Hebbian student at small α_prune and follows the solution in
log α; the last steps are repeated on finer and finer quadratures until two of them agree.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.gaussian import Array, normal_cdf, normal_pdf
from prunelaw.keep import Windows
from prunelaw.moments import Fields, Moments, Resolution, axis_moments, plane_moments

# Path-following needs the neighbourhood only; the later resolutions decide the digits.
PATH = Resolution(outer=8, inner=14, width=2.5)
REFINEMENTS = (
    Resolution(outer=10, inner=24, width=2.0),
    Resolution(outer=16, inner=40, width=1.5),
    Resolution(outer=24, inner=64, width=1.0),
    Resolution(outer=32, inner=96, width=0.5),
)
# Two resolutions must agree on log ω, log tan(χ/2) and log κ to this: ε is then good to 1e-10
# with a wide margin, because the step that measured the difference has been taken.
AGREEMENT = 2e-11
# Below this load every kept example is a support vector and the student nearly Hebbian.
HEBBIAN_LOAD = 0.05
LARGEST_STEP = 0.7  # per Newton iteration, in each logarithmic unknown
FIRST_STRIDE, LARGEST_STRIDE = np.log(4.0), np.log(16.0)
# At θ = 0 and f → 0 the solution turns over within Δ log α ~ f around α_prune = 2.
SMALLEST_STRIDE = 1e-9


class State(NamedTuple):
    """The unknowns of each point, shape (n,): ω, tan(χ/2), κ and κ − ρ·edge."""

    omega: Array
    tan_half_chi: Array
    kappa: Array
    slack: Array


class Problem(NamedTuple):
    """Points that are solved together; all arrays of shape (n,).  `planar` is False at θ = 0."""

    alpha: Array
    theta: Array
    windows: Windows
    planar: bool

    def take(self, index) -> Problem:
        windows = Windows(*(column[index] for column in self.windows))
        return Problem(self.alpha[index], self.theta[index], windows, self.planar)

    def moments(self, state: State, resolution: Resolution) -> Moments:
        average = plane_moments if self.planar else axis_moments
        return average(self.windows, self.fields(state), resolution)

    def fields(self, state: State) -> Fields:
        """The student's components along teacher, probe and their orthogonal directions."""
        c, s = np.cos(self.theta), np.sin(self.theta)
        tan = state.tan_half_chi
        cos_chi, sin_chi = (1 - tan) * (1 + tan) / (1 + tan * tan), 2 * tan / (1 + tan * tan)
        a, radius = np.cos(state.omega), np.sin(state.omega)
        b, sigma = radius * cos_chi, radius * sin_chi
        return Fields(
            c, s, a, b, sigma, c * a + s * b, s * a - c * b,
            state.kappa, state.slack, self.windows.low,
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
    on_path: Bool[np.ndarray, " n"]


# --- equations --------------------------------------------------------------------------------


def newton_system(
    problem: Problem, state: State, resolution: Resolution
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d d"]]:
    """Residuals and Jacobian of (Ψ, ∂Ψ/∂ω, ∂Ψ/∂χ) in the unknowns (log ω, log tan χ/2, log κ).

    Residuals are divided by σ², the size of the two terms that balance; d is 3, or 2 at θ = 0.
    """
    q, fields = problem.moments(state, resolution), problem.fields(state)
    alpha, a, b, sigma = problem.alpha, fields.a, fields.b, fields.sigma
    radius = np.sin(state.omega)
    sin_chi, cos_chi = sigma / radius, b / radius
    zero = np.zeros_like(a)

    # Derivatives of h as coefficients on (t, u), and of σ.
    h_w, h_c = (-radius, a * cos_chi), (zero, -sigma)
    h_ww, h_wc, h_cc = (-a, -b), (zero, -a * sin_chi), (zero, -b)
    s_w, s_c, s_ww, s_wc, s_cc = a * sin_chi, b, -sigma, a * cos_chi, -sigma

    psi = alpha * q.G - sigma**2
    psi_k, psi_w, psi_c = (
        2.0 * alpha * q.g,
        _slope(q, alpha, sigma, h_w, s_w),
        _slope(q, alpha, sigma, h_c, s_c),
    )
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
    balance = np.stack([np.ones_like(a), state.omega, sin_chi], axis=1) / sigma[:, None] ** 2
    residual, jacobian = residual * balance, jacobian * balance[:, :, None] * unknown[:, None, :]
    if problem.planar:
        return residual, jacobian
    return residual[:, :2], jacobian[:, :2][:, :, [0, 2]]


def _along(h, t, u) -> Array:
    """h is linear in the fields: its derivative's coefficients on (t, u), applied to moments."""
    return h[0] * t + h[1] * u


def _slope(q: Moments, alpha, sigma, h, s) -> Array:
    """∂Ψ/∂angle, with ∂h/∂angle = h and ∂σ/∂angle = s: G_m = 2g, G_σ = 2σΦ."""
    return alpha * (2.0 * sigma * q.cdf * s - 2.0 * _along(h, q.g_t, q.g_u)) - 2.0 * sigma * s


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


def _newton_steps(residual, jacobian) -> Float[np.ndarray, "n 3"]:
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


def _moved(problem: Problem, state: State, step: Float[np.ndarray, "n 3"]) -> State:
    """`state` after a step, shortened to LARGEST_STEP; NaN steps leave a point where it is."""
    size = np.abs(step).max(axis=1)
    step = np.where(np.isnan(step), 0.0, step)
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


def _newton(
    problem: Problem, state: State, resolution: Resolution, tolerance: float, iterations: int
) -> tuple[State, Array, Array, Array]:
    """Newton steps until the step is below `tolerance`.

    Returns the state, and per point the size of the first and of the last step and the
    residual that the last step removed.
    """
    n = len(problem.alpha)
    state = State(*(column.copy() for column in state))
    first, last, residuals = np.full(n, np.inf), np.full(n, np.inf), np.full(n, np.inf)
    active = np.arange(n)
    for iteration in range(iterations):
        part, here = problem.take(active), _at(state, active)
        residual, jacobian = newton_system(part, here, resolution)
        step = _newton_steps(residual, jacobian)
        for column, value in zip(state, _moved(part, here, step), strict=True):
            column[active] = value
        size = np.nan_to_num(np.abs(step).max(axis=1), nan=np.inf)
        last[active], residuals[active] = size, np.abs(residual).max(axis=1)
        if iteration == 0:
            first[active] = size
        active = active[(size > tolerance) & np.isfinite(size)]
        if active.size == 0:
            break
    return state, first, last, residuals


# --- start and continuation -------------------------------------------------------------------


def hebbian_state(problem: Problem, load: Array) -> State:
    """The student at small α_prune = `load`: J ∝ E[w y x] in the plane, κ = 1/√load.

    From Ψ with every example unsatisfied (G = m² + σ²): J_plane = √(load) E[w y x]/f.
    """
    c, s = np.cos(problem.theta), np.sin(problem.theta)
    low, high, weight = problem.windows
    if problem.planar:
        ratio = c / s  # E[y u'|z] = 2φ(z c/s), E[y|z] = 2Φ(z c/s) − 1
        inside = 2.0 * (normal_cdf(high / s) - normal_cdf(low / s))
        across = 2.0 * s * inside / np.sqrt(2.0 * np.pi)
        along = 2.0 * (_edge_term(low, ratio) - _edge_term(high, ratio)) + ratio * across
    else:
        across, along = np.zeros_like(c), 2.0 * (normal_pdf(low) - normal_pdf(high))
    fraction = 2.0 * weight * (normal_cdf(-low) - normal_cdf(-high))
    size = np.sqrt(load) / fraction * weight
    a = np.minimum(size * (c * along + s * across), 0.9)
    b = size * (s * along - c * across)
    omega = np.arccos(a)
    chi = np.arccos(np.clip(b / np.sin(omega), -0.95, 0.95)) if problem.planar else 0.5 * np.pi
    tan = np.tan(0.5 * chi) * np.ones_like(a)
    kappa = 1.0 / np.sqrt(load)
    state = State(omega, tan, kappa, kappa)
    return state._replace(slack=kappa - problem.fields(state).rho * low)


def _edge_term(z: Array, ratio: Array) -> Array:
    """φ(z) (2Φ(z c/s) − 1) at a window's edge, 0 at infinity."""
    finite = np.where(np.isfinite(z), z, 0.0)
    value = normal_pdf(finite) * (2.0 * normal_cdf(ratio * finite) - 1.0)
    return np.where(np.isfinite(z), value, 0.0)


def _ahead(now: Array, then: Array, ratio: Array, reach: float) -> Array:
    """now·(now/then)^ratio, the power kept within e^±reach."""
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.exp(np.clip(ratio * np.log(now / then), -reach, reach))
    return now * np.nan_to_num(growth, nan=1.0)


def _extrapolated(problem: Problem, here: State, before: State, ratio: Array) -> State:
    """Secant prediction, linear in the logarithms of the unknowns."""
    omega = np.minimum(_ahead(here.omega, before.omega, ratio, 2.0), 0.5 * np.pi - 1e-5)
    tan = _ahead(here.tan_half_chi, before.tan_half_chi, ratio, 2.0)
    state = State(omega, tan, _ahead(here.kappa, before.kappa, ratio, 3.0), here.slack)
    rho_edge = problem.fields(state).rho * problem.windows.low
    in_gap = (here.slack > 0.0) & (here.slack < here.kappa) & (before.slack > 0.0)
    slack = np.where(in_gap, _ahead(here.slack, before.slack, ratio, 3.0), state.kappa - rho_edge)
    return state._replace(slack=slack, kappa=np.where(in_gap, slack + rho_edge, state.kappa))


class Trail(NamedTuple):
    """Coarse solutions met on the way: point `owner` at log α_prune = `load`; shape (m,)."""

    owner: Int[np.ndarray, " m"]
    load: Float[np.ndarray, " m"]
    state: State


def follow_path(problem: Problem, fraction: Array) -> tuple[State, Bool[np.ndarray, " n"], Trail]:
    """Coarse solutions by continuation in log α_prune from the Hebbian student.

    Each point takes its own strides: longer after success, shorter after a failed Newton
    iteration, given up below SMALLEST_STRIDE.  Returns the states, which points arrived, and
    every solution met on the way.
    """
    target = np.log(problem.alpha * fraction)
    load = np.minimum(target, np.log(HEBBIAN_LOAD))
    previous_load = load.copy()
    state = hebbian_state(problem, np.exp(load))
    previous = State(*(column.copy() for column in state))
    stride = np.full_like(load, FIRST_STRIDE)
    has_solution = np.zeros(len(load), bool)
    done, lost = has_solution.copy(), has_solution.copy()
    trail = []

    while not (done | lost).all():
        active = np.flatnonzero(~(done | lost))
        part = problem.take(active)
        here, before = _at(state, active), _at(previous, active)
        reached = np.where(has_solution, load + stride, load)[active]
        reached = np.minimum(reached, target[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (reached - load[active]) / (load[active] - previous_load[active])
        guess = _extrapolated(part, here, before, np.where(np.isfinite(ratio), ratio, 0.0))
        part = part._replace(alpha=np.exp(reached) / fraction[active])
        found, good = _path_solution(part, guess)

        moved = active[good]
        for old, now, new in zip(previous, state, found, strict=True):
            old[moved], now[moved] = now[moved], new[good]
        first_time = moved[~has_solution[moved]]
        previous_load[moved], load[moved] = load[moved], reached[good]
        for old, now in zip(previous, state, strict=True):
            old[first_time] = now[first_time]
        trail.append(Trail(moved, reached[good], _at(found, good)))
        has_solution[moved] = True
        stride[moved] = np.minimum(1.3 * stride[moved], LARGEST_STRIDE)
        stride[active[~good]] *= 0.4
        lost[active] = stride[active] < SMALLEST_STRIDE
        done[moved] = load[moved] >= target[moved]
    return state, done, _joined(trail)


def _at(state: State, index) -> State:
    return State(*(column[index] for column in state))


def _joined(trail: list[Trail]) -> Trail:
    """One trail, ordered by owner and load."""
    owner = np.concatenate([part.owner for part in trail])
    load = np.concatenate([part.load for part in trail])
    columns = zip(*(part.state for part in trail), strict=True)
    state = State(*(np.concatenate(column) for column in columns))
    order = np.lexsort((load, owner))
    return Trail(owner[order], load[order], _at(state, order))


def _path_solution(problem: Problem, guess: State) -> tuple[State, Bool[np.ndarray, " n"]]:
    """Coarse Newton solution from a guess, and where it was found."""
    found, _, last, _ = _newton(problem, guess, PATH, tolerance=1e-3, iterations=8)
    return found, last < 1e-2


def coarse_states(problem: Problem, fraction: Array) -> tuple[State, Bool[np.ndarray, " n"]]:
    """Coarse solutions of all points; those that share (f, θ) share one path.

    The point of largest α of each (f, θ) leads; the others start from its trail, and only
    those that fail there walk a path of their own.
    """
    key = np.stack([fraction, problem.theta], axis=1)
    group = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((-problem.alpha, group))
    leaders = order[np.flatnonzero(np.diff(group[order], prepend=-1))]
    state, arrived, trail = follow_path(problem.take(leaders), fraction[leaders])
    result = State(*(np.full(len(group), np.nan) for _ in State._fields))
    solved = np.zeros(len(group), bool)
    for column, value in zip(result, state, strict=True):
        column[leaders] = value
    solved[leaders] = arrived

    load = np.log(problem.alpha * fraction)
    on_trail = np.ones(len(group), bool)
    on_trail[leaders] = False
    on_trail &= load > np.log(HEBBIAN_LOAD)
    followers = np.flatnonzero(on_trail)
    if followers.size and len(trail.owner):
        part = problem.take(followers)
        guess, bracketed = _between(part, trail, group[followers], load[followers])
        found, good = _path_solution(part, guess)
        good &= bracketed
        for column, value in zip(result, found, strict=True):
            column[followers[good]] = value[good]
        solved[followers[good]] = True
    alone = np.setdiff1d(np.flatnonzero(~solved), leaders)
    if alone.size:
        state, arrived, _ = follow_path(problem.take(alone), fraction[alone])
        for column, value in zip(result, state, strict=True):
            column[alone] = value
        solved[alone] = arrived
    return result, solved


def _between(problem: Problem, trail: Trail, owner, load) -> tuple[State, Bool[np.ndarray, " n"]]:
    """Guesses interpolated between the two solutions of a trail that bracket each load."""
    # Loads stay within ±100, so that owner and load make one sortable number.
    position = np.searchsorted(trail.owner * 1e3 + trail.load, owner * 1e3 + load)
    upper = np.clip(position, 1, len(trail.owner) - 1)
    lower = upper - 1
    bracketed = (trail.owner[upper] == owner) & (trail.owner[lower] == owner)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (load - trail.load[upper]) / (trail.load[upper] - trail.load[lower])
    ratio = np.where(bracketed & np.isfinite(ratio), np.clip(ratio, -1.0, 0.0), 0.0)
    guess = _extrapolated(problem, _at(trail.state, upper), _at(trail.state, lower), ratio)
    return guess, bracketed


def solve_points(problem: Problem, fraction: Array) -> Outcome:
    """Solve all points: continuation, then refinement until two resolutions agree."""
    state, on_path = coarse_states(problem, fraction)
    n = len(problem.alpha)
    change, residual = np.full(n, np.inf), np.full(n, np.inf)
    pending = np.flatnonzero(on_path)
    for level, resolution in enumerate(REFINEMENTS):
        part = problem.take(pending)
        here = _at(state, pending)
        found, first, last, left = _newton(part, here, resolution, AGREEMENT, iterations=8)
        for column, value in zip(state, found, strict=True):
            column[pending] = value
        # The first step on a finer quadrature measures what the coarser one was worth.
        change[pending], residual[pending] = np.maximum(first, last), left
        if level > 0:
            pending = pending[~(change[pending] < AGREEMENT)]
        if pending.size == 0:
            break
    return Outcome(state, change, residual, change < AGREEMENT, on_path)
