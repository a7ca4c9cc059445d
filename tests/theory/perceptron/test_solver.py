"""`solve` against reference values, identities, limits and independent 30-digit integrals."""

from concurrent.futures import ThreadPoolExecutor

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.perceptron import REFERENCE, SWITCHES
from reference.potential_mp import DIGITS, Point, residuals

import prunelaw
from prunelaw import solve
from prunelaw.keep import as_rule
from prunelaw.perceptron.saddle import REFINEMENTS, Problem, newton_system
from prunelaw.perceptron.solver import solve_points

log_alpha = st.floats(-3, 6)
log_f = st.floats(-3, 0)
angle = st.floats(0, np.pi / 2)
rules = st.sampled_from(["hard", "easy"])


@pytest.mark.parametrize("alpha_tot, f, theta, rule, error, kappa", REFERENCE)
def test_reference_values(alpha_tot, f, theta, rule, error, kappa):
    solution = solve(alpha_tot, f, theta, rule)
    assert float(solution.error) == pytest.approx(error, rel=1e-13)
    assert float(solution.kappa) == pytest.approx(kappa, rel=1e-13)
    assert solution.converged and solution.residual < 1e-9


def relative_error_of_omega(alpha_tot, f, theta, rule, order):
    """Newton correction to log ω from the 30-digit residual of Ψ and its numerical gradient.

    Only the conversion of the residual into a step uses prunelaw's Jacobian.
    """
    kept = as_rule(rule).segments(np.array([f]), np.array([theta]))
    low, high = float(kept.low[0, 0]), float(kept.high[0, 0])  # of |z|; the rest is its mirror
    problem = Problem(np.array([alpha_tot]), np.array([theta]), kept, theta > 0)
    outcome = solve_points(problem, np.array([f]))
    assert outcome.converged.all()
    state = outcome.state
    _, jacobian = newton_system(problem, state, REFINEMENTS[-1])
    with mp.workdps(DIGITS):
        omega = mp.mpf(float(state.omega[0]))
        chi = 2 * mp.atan(mp.mpf(float(state.tan_half_chi[0])))
        rho = mp.cos(theta) * mp.cos(omega) + mp.sin(theta) * mp.sin(omega) * mp.cos(chi)
        kappa = mp.mpf(float(state.kappa[0]))
        if abs(state.slack[0]) < state.kappa[0]:
            kappa = mp.mpf(float(state.slack[0])) + rho * mp.mpf(low)
        point = Point(alpha_tot, theta, low, high)
        values = residuals(point, omega, chi, kappa, order)
        sigma = mp.sin(omega) * (mp.sin(chi) if theta > 0 else 1)
        balance = [1, omega, mp.sin(chi)][: len(values)]
        scaled = [float(v * w / sigma**2) for v, w in zip(values, balance, strict=True)]
    return np.linalg.solve(jacobian[0], np.array(scaled))[0]


@pytest.mark.parametrize(
    "alpha_tot, f, rule",
    [
        (3.0, 0.5, "hard"),
        (1e6, 0.3, "easy"),
        (1e6, 1e-3, "hard"),
        (1e6, 1e-3, "easy"),
        (1e-3, 1e-3, "easy"),
        (2000.0, 1e-3, "hard"),
    ],
)
def test_thirty_digits_on_the_axis(alpha_tot, f, rule):
    # At the turn α_prune = 2 the answer itself magnifies rounding by 1/f.
    goal = 1e-11 if alpha_tot * f == 2.0 else 1e-12
    assert abs(relative_error_of_omega(alpha_tot, f, 0.0, rule, order=20)) < goal


@pytest.mark.parametrize(
    "alpha_tot, f, theta, rule",
    [
        (3.0, 0.5, 0.3, "hard"),
        pytest.param(1e6, 0.2, 0.5, "hard", marks=pytest.mark.exhaustive),
        pytest.param(1e4, 0.05, 0.05, "easy", marks=pytest.mark.exhaustive),
        pytest.param(1e6, 0.01, 1e-3, "hard", marks=pytest.mark.exhaustive),
        pytest.param(1e-3, 1e-3, 1.5, "easy", marks=pytest.mark.exhaustive),
    ],
)
def test_thirty_digits_in_the_plane(alpha_tot, f, theta, rule):
    assert abs(relative_error_of_omega(alpha_tot, f, theta, rule, order=10)) < 1e-12


def test_an_executor_changes_nothing():
    """Parts of a batch solved elsewhere are the same points, in the same places."""
    alpha = np.geomspace(0.1, 1e4, 9)
    f = np.array([0.02, 0.3, 1.0])[:, None]
    rule = np.array(["hard", "easy", "signed-hard"], dtype=object)[:, None, None]
    alone = solve(alpha, f, 0.4, rule)
    with ThreadPoolExecutor(2) as executor:
        shared = solve(alpha, f, 0.4, rule, executor=executor)
    assert shared.error.shape == (3, 3, 9)
    np.testing.assert_allclose(shared.error, alone.error, rtol=1e-11)


def test_one_batch_equals_single_solves():
    alpha_tot, f, theta, rule, error, _ = zip(*REFERENCE, strict=True)
    batch = solve(alpha_tot, f, theta, rule)
    np.testing.assert_allclose(batch.error, error, rtol=1e-13)
    grid = solve([[3.0], [10.0]], 0.5, [0.0, 0.2, 0.4])
    assert grid.error.shape == (2, 3)
    assert grid.alpha_prune[1, 2] == 5.0


@settings(max_examples=15)
@given(log_alpha, angle, st.sampled_from(["hard", "easy", "random"]))
def test_unpruned_does_not_depend_on_probe_or_rule(log_alpha, theta, rule):
    alpha = 10**log_alpha
    here, plain = solve(alpha, 1.0, theta, rule), solve(alpha, 1.0)
    assert here.error == plain.error
    assert here.rho == pytest.approx(float(plain.R) * np.cos(theta), rel=1e-15)


@settings(max_examples=15)
@given(log_alpha, st.floats(-2, -0.01), angle)
def test_plane_quadrature_sees_no_probe_when_nothing_is_pruned(log_alpha, log_f, theta):
    """The two-dimensional equations with w = f must give the one-dimensional answer, ρ = R cos θ.

    This is the test that catches quadratures which fail at small θ or large α.
    """
    alpha, f, one = np.array([10**log_alpha]), np.array([10**log_f]), np.ones(1)
    theta = max(theta, 1e-8)
    everything = as_rule("random").segments(f, theta * one)
    planar = solve_points(Problem(alpha, theta * one, everything, True), f)
    assert planar.converged.all()
    expected = solve(alpha, f, theta, "random")
    error = planar.state.omega / np.pi
    np.testing.assert_allclose(error, expected.error, rtol=1e-11)
    np.testing.assert_allclose(planar.state.kappa, expected.kappa, rtol=1e-10)
    np.testing.assert_allclose(planar.state.tan_half_chi, 1.0, atol=1e-8)


@settings(max_examples=30)
@given(log_alpha, log_f, angle, rules)
def test_whole_domain_is_solved_and_ordered(log_alpha, log_f, theta, rule):
    alpha_tot, f = 10**log_alpha, 10**log_f
    solution = solve([alpha_tot, 1.1 * alpha_tot], f, theta, rule)
    assert (solution.error > 0).all() and (solution.error < 0.5).all()
    assert solution.error[1] < solution.error[0]  # more data of the same kind never hurts
    assert solution.kappa[1] < solution.kappa[0]  # and leaves less margin
    assert (np.abs(solution.rho) <= 1).all()
    np.testing.assert_allclose(np.cos(np.pi * solution.error), solution.R, rtol=1e-15)


@pytest.mark.parametrize("rule", ["hard", "easy"])
@pytest.mark.parametrize("on_axis", [True, False])
def test_random_points_of_the_domain(rule, on_axis):
    """At least 99 % of the domain is asked for; no failure is known."""
    rng = np.random.default_rng(20)
    n = 1500
    alpha_tot, f = 10 ** rng.uniform(-3, 6, n), 10 ** rng.uniform(-3, 0, n)
    theta = np.zeros(n) if on_axis else rng.uniform(0, np.pi / 2, n)
    solution = solve(alpha_tot, f, theta, rule, throw=False)
    assert solution.converged.all()
    assert solution.change.max() < 2e-11


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_continuous_at_zero_angle(rule):
    alpha_tot = np.array([1e-3, 0.5, 5.0, 100.0])
    at_zero = solve(alpha_tot, 0.3, 0.0, rule).error
    np.testing.assert_allclose(solve(alpha_tot, 0.3, 1e-9, rule).error, at_zero, rtol=1e-12)
    np.testing.assert_allclose(solve(alpha_tot, 0.3, 1e-6, rule).error, at_zero, rtol=1e-6)


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_continuous_at_whole_fraction(rule):
    alpha_tot = np.array([1e-3, 0.5, 5.0, 100.0, 1e6])
    whole = solve(alpha_tot, 1.0, 0.3, rule).error
    np.testing.assert_allclose(solve(alpha_tot, 1 - 1e-13, 0.3, rule).error, whole, rtol=1e-11)


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_right_angle_is_included(rule):
    """A probe orthogonal to the teacher carries no information on the label."""
    below, at = solve(5.0, 0.3, [np.pi / 2 - 1e-9, np.pi / 2], rule).error
    assert below == pytest.approx(at, rel=1e-8)


def test_published_constant_of_max_margin():
    """ε·α → 0.5005 (Opper & Kinzel), whatever f under keep-hard with a perfect probe."""
    assert float(solve(1e6, 1.0).error) * 1e6 == pytest.approx(0.5005, abs=5e-5)
    errors = solve(1e6, [0.01, 0.1, 0.5], 0.0, "hard").error * 1e6
    np.testing.assert_allclose(errors, 0.5005, atol=5e-5)


def test_easy_to_hard_switches():
    """Easy wins half a per cent below the published switch, hard half a per cent above."""
    f, switch = np.array(list(SWITCHES)), np.array(list(SWITCHES.values()))
    alpha_tot = switch * np.array([[0.995], [1.005]])
    easy, hard = solve(alpha_tot, f, rule="easy"), solve(alpha_tot, f, rule="hard")
    assert (easy.error[0] < hard.error[0]).all()
    assert (easy.error[1] > hard.error[1]).all()


def test_capacity_transition_as_f_vanishes():
    """θ = 0, f → 0: ε → 1/2 below α_prune = 2 and ε ∝ f above."""
    f = np.array([1e-2, 1e-3])
    below, above = solve(1.8 / f, f).error, solve(2.5 / f, f).error
    assert 0.4 < below[0] < below[1] < 0.5
    assert above[0] / above[1] == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha_tot": 0.0}, r"alpha_tot must be finite and in \(0, inf\), got 0.0"),
        ({"alpha_tot": [1.0, -2.0]}, r"got -2.0 at index 1"),
        ({"alpha_tot": np.inf}, "alpha_tot"),
        ({"alpha_tot": "many"}, "alpha_tot must be a real number"),
        ({"f": 0.0}, r"f must be finite and in \(0, 1\], got 0.0"),
        ({"f": 1.5}, r"f must be finite and in \(0, 1\], got 1.5"),
        ({"f": np.nan}, "f must be finite"),
        ({"theta": -0.1}, r"theta must be finite and in \[0, 1.5708\], got -0.1"),
        ({"theta": 2.0}, "theta"),
        ({"f": None}, "f must be given: the rule hard works at any fraction kept"),
        ({"rule": "band:0.1,0.5"}, r"f must be 0.303269248, which the rule band:0.1,0.5 implies"),
        ({"rule": "band:0.5,0.5"}, "band must have low < high, got 0.5 and 0.5: it is empty"),
        ({"rule": "band:0.5"}, "must have two edges"),
        ({"rule": "mix:2,hard"}, r"q of a mixture must be finite and in \[0, 1\], got 2.0"),
        ({"rule": 3}, "rule must be a name or a keep rule, got 3"),
        ({"rule": "hardest"}, "rule must be hard, easy, random, .* got 'hardest'"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(prunelaw.InputError, match=message):
        solve(**({"alpha_tot": 3.0, "f": 0.5} | arguments))


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(prunelaw.InputError, match="alpha_tot has shape"):
        solve([1.0, 2.0], [0.1, 0.2, 0.3])


def test_empty_input_gives_empty_output():
    assert solve(np.zeros(0) + 1, 0.5).error.shape == (0,)


def test_failures_are_flagged_or_raised(monkeypatch):
    """With a Newton iteration that never agrees, nothing may come back as a number."""
    monkeypatch.setattr("prunelaw.perceptron.saddle.AGREEMENT", 0.0)
    flagged = solve([3.0, 5.0], 0.5, 0.3, throw=False)
    assert not flagged.converged.any()
    assert np.isnan(flagged.error).all() and np.isnan(flagged.kappa).all()
    with pytest.raises(prunelaw.ConvergenceError, match=r"2 of 2 points .* alpha_tot=3\.0"):
        solve([3.0, 5.0], 0.5, 0.3)
