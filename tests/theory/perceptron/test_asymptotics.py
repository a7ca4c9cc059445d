"""Both ends of the max-margin student's learning curve, against `solve` and independent digits."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from prunelaw import InputError, solve
from prunelaw.keep import Band, Function, Piecewise
from prunelaw.perceptron.asymptotics import (
    MARGIN_RATIO,
    MAX_MARGIN,
    MAX_MARGIN_THIRD,
    best_fraction,
    f_min,
    interpolator,
    limit_constant,
    small_load,
    third_constant,
)
from prunelaw.students.ridge import solve_ridge

RULES = ["hard", "easy", "random", "mix:0.25,hard", "signed-hard", "signed-easy"]
# f, theta, rule with all three differing; f None where the rule implies it
PRUNED = [
    (0.5, 0.3, "hard"),
    (0.2, 0.5, "hard"),
    (0.1, 1.0, "hard"),
    (0.5, 0.3, "easy"),
    (0.3, 0.7, "random"),
    (0.2, 0.5, "mix:0.25,hard"),
    (None, 0.6, "band:0.17,0.43"),
]
LABELLED = [
    (0.5, 0.3, "signed-hard"),
    (0.7, 1.4, "signed-easy"),
    (None, 1.0, "signed-band:-0.3,0.5"),
]
log_f, angle = st.floats(-2, 0), st.floats(0.02, np.pi / 2)


# --- many examples ----------------------------------------------------------------------------


def cost_mp(power, q):
    """∫ φ(g) (q − g)₊ⁿ dg: with n = 3, three times ∫₀^∞ G(q − x; 1) dx by G's definition."""
    return mp.quad(lambda g: mp.npdf(g) * (q - g) ** power, [-14, -4, 0, q])


def test_constant_is_the_saddle_point_of_the_scaled_potential():
    """Ψ = √(2/π) w³ Γ(k/w) − w² = 0 gives w = √(π/2)/Γ(q) and k = q w, which the student makes
    largest: Γ = q Γ′."""
    with mp.workdps(20):
        q = mp.findroot(lambda q: cost_mp(3, q) - 3 * q * cost_mp(2, q), (0.6, 0.7))
        w, k = 3 * mp.sqrt(mp.pi / 2) / cost_mp(3, q), q * 3 * mp.sqrt(mp.pi / 2) / cost_mp(3, q)
    assert pytest.approx(float(w / mp.pi), rel=1e-14) == MAX_MARGIN
    assert pytest.approx(float(k / w), rel=1e-14) == MARGIN_RATIO
    assert f"{MAX_MARGIN:.10f} {MARGIN_RATIO:.10f}" == "0.5004889318 0.6388332158"


def test_unpruned_error_to_two_orders():
    """ε = C/α + C₃/α³ + O(α⁻⁵), κ = q sin(πε) + O(α⁻³): no even powers."""
    alpha = np.array([50.0, 100.0, 200.0])
    solution = solve(alpha, 1.0)
    left = (solution.error * alpha - MAX_MARGIN) * alpha**2 - MAX_MARGIN_THIRD
    np.testing.assert_allclose(left[:-1] / left[1:], 4.0, rtol=1e-2)
    far = solve([1e3, 1e6], 1.0)
    assert (far.error[0] * 1e3 - MAX_MARGIN) * 1e6 == pytest.approx(MAX_MARGIN_THIRD, rel=1e-5)
    assert far.error[1] * 1e6 == pytest.approx(MAX_MARGIN, rel=3e-12)
    assert far.kappa[1] * 1e6 == pytest.approx(MARGIN_RATIO * np.pi * MAX_MARGIN, rel=3e-12)


@pytest.mark.parametrize("f, theta, rule", PRUNED)
def test_pruned_error_to_two_orders(f, theta, rule):
    """The remainder after C₁/α + C₃/α³ falls by 4⁴ relative to C₁/α if α grows fourfold."""
    first, third = (float(g(f, theta, rule)) for g in (limit_constant, third_constant))
    alpha = np.sqrt(abs(third) / first * np.array([400.0, 6400.0]))
    left = solve(alpha, f, theta, rule).error * alpha - first - third / alpha**2
    order = np.log(left[0] / left[1]) / np.log(4.0)
    assert order == pytest.approx(4.0, abs=0.03)


@pytest.mark.parametrize("f, theta, rule", LABELLED)
def test_rules_that_use_labels_lean(f, theta, rule):
    """Their W is not even: the correction is one power earlier, and its coefficient settles."""
    alpha = np.array([1e5, 1e6])
    left = solve(alpha, f, theta, rule).error * alpha / limit_constant(f, theta, rule) - 1
    assert left[1] * 1e6 == pytest.approx(left[0] * 1e5, rel=1e-3)


def test_perfect_probe():
    """θ = 0: keep-hard costs nothing, keep-easy exp(γ²/2), its corrections an order earlier."""
    f = np.array([0.05, 0.5, 0.9])
    np.testing.assert_allclose(limit_constant(f), MAX_MARGIN, rtol=1e-15)
    np.testing.assert_array_equal(third_constant(f), MAX_MARGIN_THIRD)
    hard = solve(1e3, f).error * 1e3 - MAX_MARGIN
    np.testing.assert_allclose(hard * 1e6, MAX_MARGIN_THIRD, rtol=1e-5)
    easy = limit_constant(f, 0.0, "easy")
    np.testing.assert_allclose(easy, MAX_MARGIN * np.exp(norm.isf(f / 2) ** 2 / 2), rtol=1e-14)
    left = solve([[1e5], [1e6]], f, 0.0, "easy").error * [[1e5], [1e6]] / easy - 1
    np.testing.assert_allclose(10 * left[1], left[0], rtol=5e-4)
    assert np.isnan(third_constant(f, 0.0, "easy")).all()


@settings(max_examples=20)
@given(log_f, angle, st.sampled_from(RULES))
def test_whatever_keeps_all_is_unpruned_and_random_is_less_data(log_f, theta, rule):
    f = 10**log_f
    assert limit_constant(1.0, theta, rule) == pytest.approx(MAX_MARGIN, rel=1e-12)
    assert limit_constant(f, theta, "random") * f == pytest.approx(MAX_MARGIN, rel=1e-13)
    third = third_constant(f, theta, "random") * f**3
    assert third == pytest.approx(MAX_MARGIN_THIRD, rel=1e-9)


@given(log_f, angle)
def test_limit_is_the_kept_share_of_the_boundary(log_f, theta):
    f = 10**log_f
    half = norm.ppf(0.5 + f / 2) / np.sin(theta)
    expected = MAX_MARGIN / (1 - 2 * norm.sf(half))
    assert limit_constant(f, theta) == pytest.approx(expected, rel=1e-12)
    outside = norm.isf(f / 2) / np.sin(theta)
    if outside < 30:
        expected = MAX_MARGIN / (2 * norm.sf(outside))
        assert limit_constant(f, theta, "easy") == pytest.approx(expected, rel=1e-10)


@settings(max_examples=25)
@given(st.floats(-4, 0), st.floats(-3, 0.19), st.sampled_from(RULES))
def test_whole_domain(log_f, log_theta, rule):
    """No warning, no rule better than C, and finite coefficients wherever the limit is."""
    f, theta = 10**log_f, 10**log_theta
    limit, law = limit_constant(f, theta, rule), small_load(f, theta, rule)
    assert limit >= MAX_MARGIN * (1 - 1e-12)
    assert np.isfinite(law).all() and law.first > 0
    if not rule.startswith("signed"):
        assert np.isfinite(third_constant(f, theta, rule)) or limit > 1e39


def test_functions_are_layers_without_edges():
    steps = Piecewise([0, 0.4, np.inf], [1.0, 0.3])
    same = Function(lambda z: np.where(z < 0.4, 1.0, 0.3), breakpoints=[0.4])
    theta = [0.0, 0.3, 1.2]
    for law in (limit_constant, small_load):
        np.testing.assert_allclose(law(None, theta, same), law(None, theta, steps), rtol=1e-12)
    gap = Function(lambda z: np.where(z < 1.0, 0.0, 0.5), breakpoints=[1.0])
    assert limit_constant(None, 0.0, gap) == pytest.approx(2 * MAX_MARGIN * np.exp(0.5), rel=1e-14)


def test_no_limit_where_the_boundary_is_not_kept():
    """Slower than 1/α: w = 0 at z = 0, or one side of the boundary kept."""
    assert limit_constant(None, 0.0, Function(lambda z: np.minimum(z, 1.0))) == np.inf
    assert limit_constant(0.5, 0.3, "signed-easy") == np.inf
    assert limit_constant(0.1, 1.0, "signed-hard") == np.inf
    assert np.isnan(third_constant(None, 0.0, Function(lambda z: np.minimum(z, 1.0))))
    assert solve(1e3, 0.5, 0.3, "signed-easy").error == pytest.approx(0.3 / np.pi, rel=3e-4)
    assert solve(1e4, 0.1, 1.0, "signed-hard").error == pytest.approx(0.5, abs=6e-3)


# --- the best fraction ------------------------------------------------------------------------


@settings(max_examples=20)
@given(angle, st.floats(0, 3), st.floats(0.01, 3))
def test_no_rule_of_the_probe_goes_below_the_sine(theta, low, width):
    """lim ε α_prune ≥ C sin θ, because φ(z)/φ(z/sin θ) is smallest at z = 0."""
    band = Band(low, low + width)
    f = band.fraction(np.zeros(1))[0]
    assert limit_constant(None, theta, band) * f >= MAX_MARGIN * np.sin(theta) * (1 - 1e-9)


def test_fraction_where_pruning_stops_to_pay():
    theta = np.array([1e-5, 0.1, 0.5, 1.0])
    for excess in (0.01, 0.1, 0.5):
        f = f_min(theta, excess)
        cost = f * limit_constant(f, theta) / (MAX_MARGIN * np.sin(theta))
        inside = f < 1
        np.testing.assert_allclose(cost[inside], 1 + excess, rtol=1e-10)
        assert (cost[~inside] < 1 + excess).all()
    np.testing.assert_allclose(f_min(theta[:1]) / theta[:1], 0.6154608, rtol=1e-6)
    np.testing.assert_array_equal(f_min([0.0, 1.5, np.pi / 2]), [0.0, 1.0, 1.0])


@pytest.mark.parametrize("load, allowed", [(8.0, 0.06), (50.0, 3e-3)])
def test_best_fraction_is_the_minimum(load, allowed):
    """Against the minimum of the exact curve; the next order falls from one load to the other."""
    theta = np.radians([5.0, 20.0, 60.0])[:, None]
    f = best_fraction(load, theta) * np.exp([-0.02, 0.0, 0.02])
    errors = solve(load / f, f, theta).error
    down, up = errors[:, 0] - errors[:, 1], errors[:, 2] - errors[:, 1]
    assert (np.abs(0.01 * (down - up) / (down + up)) < allowed).all()


def test_best_fraction_at_the_ends():
    degrees = np.radians([5.0, 10.0, 20.0, 30.0])
    np.testing.assert_allclose(best_fraction(8.0, degrees), [0.07, 0.15, 0.3, 0.4], rtol=0.1)
    leading = np.sqrt(2 / np.pi) * (np.sqrt(13.5) * np.pi * MAX_MARGIN) ** (1 / 3)
    scaled = best_fraction(1e12, degrees) * 1e4 / np.sin(degrees)
    np.testing.assert_allclose(scaled, leading, rtol=1e-4)


# --- few examples -----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_interpolator_is_the_student_up_to_its_tail(rule):
    """What is neglected is below H(1/√α_prune), and there is nothing else."""
    load = np.array([1e-3, 0.02, 0.04, 0.1])[:, None]
    f, theta = np.array([0.5, 0.2, 0.05]), np.array([0.0, 0.3, 1.0])
    exact, ours = solve(load / f, f, theta, rule), interpolator(load / f, f, theta, rule)
    tail = 0.1 * norm.sf(1 / np.sqrt(load)) + 1e-14
    assert (np.abs(ours.error - exact.error) < tail).all()
    assert (np.abs(ours.R - exact.R) < np.pi * tail).all()
    assert (np.abs(ours.rho - exact.rho) < np.pi * tail).all()
    assert (np.abs(ours.kappa / exact.kappa - 1) < tail).all()
    assert (np.abs(ours.error - exact.error)[-1] > 1e-4 * norm.sf(1 / np.sqrt(0.1))).all()


@pytest.mark.parametrize("rule", ["hard", "easy", "random", "band:0.2,0.9"])
def test_interpolator_is_ridge_without_a_penalty(rule):
    f = None if rule.startswith("band") else 0.3
    theta = np.array([0.0, 1e-4, 0.4, np.pi / 2])
    alpha = np.array([[0.01], [0.5], [1.5]])
    ours, ridge = (
        interpolator(alpha, f, theta, rule),
        solve_ridge(alpha, f, theta, rule, ridge=1e-14),
    )
    np.testing.assert_allclose(ours.error, ridge.error, rtol=1e-11)
    np.testing.assert_allclose(ours.rho, ridge.rho, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("rule", RULES)
def test_powers_of_a_small_load(rule):
    """The remainder of ε is of order α_prune^(5/2), that of κ√α_prune of order α_prune²."""
    f, theta = np.array([0.5, 0.2, 0.05]), np.array([0.0, 0.3, 1.0])
    load = np.array([[1e-3], [2.5e-4]])
    ours, law = interpolator(load / f, f, theta, rule), small_load(f, theta, rule)
    expansion = 0.5 - (law.first * load**0.5 + law.third * load**1.5) / np.pi
    left = ours.error - expansion
    np.testing.assert_allclose(left[0] / left[1], 32.0, rtol=0.02)
    left = ours.kappa * np.sqrt(load) - 1 - law.margin * load
    np.testing.assert_allclose(left[0] / left[1], 16.0, rtol=0.02)


def test_small_load_of_known_rules():
    """θ = 0: E[|t|] over the kept; unpruned, R = √(2α(1 − α)/(π − 2α)) of the pseudo-inverse."""
    gamma = float(norm.ppf(0.75))
    hard = 4 * (norm.pdf(0) - norm.pdf(gamma))
    first = small_load(0.5, 0.0, ["hard", "easy", "random"]).first
    np.testing.assert_allclose(first, [hard, 4 * norm.pdf(gamma), np.sqrt(2 / np.pi)], rtol=1e-13)
    alpha = np.array([0.01, 0.3, 0.9])
    expected = np.sqrt(2 * alpha * (1 - alpha) / (np.pi - 2 * alpha))
    np.testing.assert_allclose(interpolator(alpha, 1.0, 0.7).R, expected, rtol=1e-13)
    c = np.sqrt(2 / np.pi)
    unpruned = small_load(1.0)
    assert unpruned.third == pytest.approx(c * (1 / np.pi - 0.5) + c**3 / 6, rel=1e-12)
    assert unpruned.margin == pytest.approx(1 / np.pi - 0.5, rel=1e-12)


# --- input ------------------------------------------------------------------------------------


def test_arguments_broadcast():
    grid = limit_constant([[0.3], [0.5]], 0.4, ["hard", "easy", "random"])
    assert grid.shape == (2, 3)
    assert grid[1, 0] == limit_constant(0.5, 0.4, "hard")
    many = limit_constant(np.linspace(0.1, 1.0, 150), 0.4)
    assert many[70] == limit_constant(np.linspace(0.1, 1.0, 150)[70], 0.4)
    assert interpolator(np.zeros(0), 0.5).error.shape == (0,)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: interpolator(3.0, 0.5),
            "alpha_prune must be below 1 for an interpolator, got 1.5",
        ),
        (lambda: interpolator(-1.0, 0.5), "alpha_tot must be finite"),
        (lambda: limit_constant(), "f must be given: the rule hard works at any"),
        (lambda: limit_constant(1.5), r"f must be finite and in \(0, 1\]"),
        (lambda: limit_constant(0.5, 2.0), "theta must be finite"),
        (lambda: limit_constant(0.5, 0.1, "best"), "rule must be hard, easy"),
        (lambda: limit_constant(0.5, 0.1, "band:0.1,0.2"), "f must be 0.0788"),
        (lambda: third_constant(0.5, 0.1, "signed-hard"), "rule must be one of .z., got signed-h"),
        (lambda: f_min(-0.1), "theta must be finite"),
        (lambda: f_min(0.1, 0.0), "excess must be finite"),
        (lambda: best_fraction(2.0, 0.1), r"alpha_prune must be finite and in \[8, inf\)"),
        (lambda: best_fraction(8.0, 0.0), r"theta must be finite and in \(0, 1.5708\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
