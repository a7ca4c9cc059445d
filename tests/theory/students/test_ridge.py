"""`solve_ridge` against independent quadrature, 40-digit algebra, known limits and identities."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from prunelaw import InputError, solve
from prunelaw.keep import Band, Function, Mixture, Piecewise
from prunelaw.students.ridge import Window, resolvent, solve_ridge, window_moments

# p = f, ρ = cos θ, φ = 1/α_tot, λ, rule, error: quadrature and simulation by others.
REFERENCE = [
    (0.5, 0.9, 0.3, 0.01, "hard", 0.1628),
    (0.2, 0.8, 0.1, 0.05, "easy", 0.2048),
]
# (θ, low, high, weight): hard, easy and band windows, both sides of every switch of formula.
WINDOWS = [
    (0.45, 0.0, 0.6745, 1.0),
    (0.64, 1.2816, np.inf, 1.0),
    (0.9, 0.17, 0.43, 0.7),
    (1e-3, 0.0, 1.25e-3, 1.0),
    (1e-4, 0.0, 0.3, 1.0),
    (1.5, 0.2, 5.0, 1.0),
    (0.3, 0.0, 1.2533e-3, 1.0),
    (0.01, 0.3, np.inf, 0.25),
]
# (alpha_tot, ridge) for each window: both signs of B = p − φ + λ.
LOADS = [(10 / 3, 0.01), (10.0, 0.05), (0.1, 1e-6), (1e5, 1e-9), (4.0, 1e-4), (1e3, 10.0)]
LOADS += [(1e6, 1e-12), (0.01, 1e4)]

log_alpha, log_f, log_ridge = st.floats(-3, 6), st.floats(-3, 0), st.floats(-12, 6)
angle = st.floats(0, np.pi / 2)
rules = st.sampled_from(["hard", "easy", "random"])


@pytest.mark.parametrize("p, rho, phi, ridge, rule, error", REFERENCE)
def test_reference_values(p, rho, phi, ridge, rule, error):
    solution = solve_ridge(1 / phi, p, np.arccos(rho), rule, ridge=ridge)
    assert float(solution.error) == pytest.approx(error, abs=5e-5)
    assert solution.residual < 1e-14


def moments_mp(theta, low, high, weight):
    """p, γ, β, β̃ by quadrature of their definitions, in mpmath's precision."""
    tau, low = mp.cot(theta), mp.mpf(low)
    high = mp.mpf(high) if np.isfinite(high) else low + 30
    scale = mp.sin(theta)
    marks = [low + k * scale * scale for k in (1, 5)] + [low + k * scale for k in (1, 4, 12)]
    marks += [low + k for k in (0.3, 1, 3, 8)]
    points = [low, *sorted(x for x in marks if x < high), high]

    def kept(integrand):
        return 2 * weight * mp.quad(lambda z: integrand(z) * mp.npdf(z), points)

    return (
        kept(lambda z: mp.mpf(1)),
        kept(lambda z: z * z),
        kept(lambda z: 2 * mp.npdf(tau * z)),
        kept(lambda z: z * mp.erf(tau * z / mp.sqrt(2))),
    )


@pytest.mark.parametrize("window", WINDOWS)
def test_moments_are_the_integrals(window):
    theta, *kept = window
    closed = window_moments(np.cos(theta), np.sin(theta), Window(*map(np.float64, kept)))
    with mp.workdps(30):
        exact = np.array([float(value) for value in moments_mp(*window)])
    # β of an easy rule with a good probe is exponentially small: absolute there, relative elsewhere
    np.testing.assert_allclose(closed, exact, rtol=1e-13, atol=1e-100)


def test_moments_of_a_perfect_probe_are_limits():
    """θ = 0: no label information off the probe, and β̃ = E[q |z|] = 2(φ(a) − φ(b))."""
    kept = Window(*(np.array(x) for x in ([0.0, 1.0], [0.7, np.inf], [1.0, 1.0])))
    moments = window_moments(np.ones(2), np.zeros(2), kept)
    np.testing.assert_array_equal(moments.beta, 0.0)
    expected = 2 * (norm.pdf(kept.low) - norm.pdf(kept.high))
    np.testing.assert_allclose(moments.beta_tilde, expected, rtol=1e-14)


def stieltjes_mp(p, phi, z):
    """The root that is positive for z < 0, as printed."""
    b = p - phi - z
    return (b - mp.sqrt(b * b - 4 * phi * z)) / (2 * phi * z)


@pytest.mark.parametrize("phi", [1e-6, 0.3, 0.5000001, 7.0, 1e3])
@pytest.mark.parametrize("ridge", [1e-12, 1e-2, 1e6])
def test_stieltjes_transform_and_its_derivative(phi, ridge):
    ours = resolvent(np.float64(0.5), np.float64(phi), np.float64(ridge))
    with mp.workdps(60):
        phi, ridge = mp.mpf(phi), mp.mpf(ridge)
        exact = stieltjes_mp(mp.mpf(0.5), phi, -ridge)
        step = ridge * mp.mpf(10) ** -20
        slope = mp.diff(lambda z: stieltjes_mp(mp.mpf(0.5), phi, z), -ridge, h=step)
        # √(B² + 4φλ) turns rounding of B into this relative error of m
        condition = float(1 / mp.sqrt((mp.mpf(0.5) - phi + ridge) ** 2 + 4 * phi * ridge))
    assert ours[0] == pytest.approx(float(exact), rel=5e-16 * max(4, condition))
    assert ours[1] == pytest.approx(float(slope), rel=1e-15 * max(4, condition))
    assert ours[2] < 1e-14


def error_mp(alpha_tot, ridge, theta, *window):
    """The printed m₀ and ν₀ with numerical derivatives of m and r, from integrals."""
    p, gamma, beta, beta_tilde = moments_mp(theta, *window)
    phi, z = 1 / mp.mpf(alpha_tot), -mp.mpf(ridge)

    def m(z):
        return stieltjes_mp(p, phi, z)

    def m_tilde(z):
        return 1 / (gamma / (1 + phi * m(z)) - z)

    def r(z):
        return beta**2 * m(z) + beta_tilde**2 * m_tilde(z)

    m_slope, r_slope = (mp.diff(g, z, h=z * mp.mpf(10) ** -15) for g in (m, r))
    m0 = mp.sin(theta) * beta * m(z) + mp.cos(theta) * beta_tilde * m_tilde(z)
    nu0 = p * phi * m_slope + r_slope - 2 * phi * m_slope * r(z) / (1 + phi * m(z))
    return mp.acos(m0 / mp.sqrt(nu0)) / mp.pi


@pytest.mark.parametrize("window, load", list(zip(WINDOWS, LOADS, strict=True)))
def test_forty_digits_of_the_error(window, load):
    theta, low, high, weight = window
    rule = Piecewise((low, high), (weight,))
    with mp.workdps(50):
        exact = float(error_mp(*load, *window))
    error = solve_ridge(load[0], None, theta, rule, ridge=load[1]).error
    assert float(error) == pytest.approx(exact, rel=1e-12)


@given(log_alpha, log_f, angle, rules, log_ridge)
def test_whole_domain(log_alpha, log_f, theta, rule, log_ridge):
    solution = solve_ridge(10**log_alpha, 10**log_f, theta, rule, ridge=10**log_ridge)
    assert 0 < solution.error <= 0.5
    assert solution.residual < 1e-14
    assert abs(solution.rho) <= 1
    np.testing.assert_allclose(np.cos(np.pi * solution.error), solution.R, atol=1e-15)


@given(log_alpha, angle, rules, log_ridge)
def test_unpruned_does_not_depend_on_probe_or_rule(log_alpha, theta, rule, log_ridge):
    alpha, ridge = 10**log_alpha, 10**log_ridge
    plain = solve_ridge(alpha, 1.0, ridge=ridge)
    here = solve_ridge(alpha, 1.0, theta, rule, ridge=ridge)
    assert here.error == pytest.approx(float(plain.error), rel=1e-12)
    assert here.rho == pytest.approx(float(plain.R) * np.cos(theta), rel=1e-10, abs=1e-15)


@given(log_alpha, log_f, angle, log_ridge)
def test_random_keeping_is_less_data(log_alpha, log_f, theta, log_ridge):
    """α_tot → f α_tot, and λ → λ/f because n counts the examples before pruning."""
    alpha, f, ridge = 10**log_alpha, 10**log_f, 10**log_ridge
    kept = solve_ridge(alpha, f, theta, "random", ridge=ridge)
    fewer = solve_ridge(f * alpha, 1.0, ridge=ridge / f)
    assert kept.error == pytest.approx(float(fewer.error), rel=1e-10)


def test_hebbian_limit():
    """λ → ∞: w ∝ Σ y x, R = (1 + π/(2α))^(−1/2)."""
    alpha = np.array([0.1, 1.0, 30.0])
    expected = (1 + np.pi / (2 * alpha)) ** -0.5
    np.testing.assert_allclose(solve_ridge(alpha, 1.0, ridge=1e14).R, expected, rtol=1e-12)


def test_pseudo_inverse_limit():
    """λ → 0, unpruned: the pseudo-inverse student of Opper, Kinzel, Kleinz, Nehl (1990)."""
    alpha = np.array([0.2, 0.7, 1.5, 6.0])
    below = np.sqrt(2 * alpha[:2] * (1 - alpha[:2]) / (np.pi - 2 * alpha[:2]))
    above = np.sqrt(2 * (alpha[2:] - 1) / (2 * alpha[2:] + np.pi - 4))
    expected = np.concatenate([below, above])
    np.testing.assert_allclose(solve_ridge(alpha, 1.0, ridge=1e-12).R, expected, rtol=1e-10)


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_continuous_at_the_ends(rule):
    alpha = np.array([1e-3, 0.5, 5.0, 1e4])
    for end, near in ((0.0, 1e-13), (np.pi / 2, np.pi / 2 - 1e-13)):
        errors = solve_ridge(alpha[:, None], 0.3, [end, near], rule).error
        np.testing.assert_allclose(errors[:, 1], errors[:, 0], rtol=1e-10)
    whole = solve_ridge(alpha, 1.0, 0.3, rule).error
    np.testing.assert_allclose(solve_ridge(alpha, 1 - 1e-13, 0.3, rule).error, whole, rtol=1e-8)


@pytest.mark.parametrize("theta", [0.0, 1e-6, 0.4, np.pi / 2])
def test_bands_contain_the_other_rules(theta):
    hard, easy = solve_ridge(3.0, 0.3, theta, "hard"), solve_ridge(3.0, 0.3, theta, "easy")
    low, high = float(norm.ppf(0.65)), float(norm.isf(0.15))
    bands = solve_ridge(3.0, None, theta, [Band(0, low), Band(high, np.inf), Band(0, 1e200)])
    plain = float(solve_ridge(3.0, 1.0, theta).error)
    np.testing.assert_allclose(bands.error, [hard.error, easy.error, plain], rtol=1e-13)
    np.testing.assert_allclose(bands.f, [0.3, 0.3, 1.0], rtol=1e-14)


@pytest.mark.parametrize("theta", [0.0, 0.4, np.pi / 2])
def test_moments_add_up_over_the_layers_of_a_rule(theta):
    """One window cut in two, a mixture as its two layers, and w(z) on one side as its mean."""
    whole, half = solve_ridge(3.0, None, theta, "band:0.2,0.9"), Piecewise([0.2, 0.9], [0.5])
    parts = solve_ridge(3.0, None, theta, Piecewise([0.2, 0.35, 0.9], [1, 1]))
    assert parts.error == pytest.approx(float(whole.error), rel=1e-13)
    one_sided = solve_ridge(3.0, None, theta, [Piecewise([0.2, 0.9], [1], of="z"), half])
    assert one_sided.error[0] == pytest.approx(one_sided.error[1], rel=1e-14)
    thinned = solve_ridge(3.0, 0.3, theta, Piecewise([0, np.inf], [0.3]))
    mixtures = solve_ridge(3.0, 0.3, theta, ["random", Mixture(1, Band(0, norm.ppf(0.65)))])
    np.testing.assert_allclose(mixtures.error, float(thinned.error), rtol=1e-13)


def test_rules_are_texts_objects_or_arrays_of_them():
    band = Band(0.2, 0.9)
    rules, implied = (
        ["hard", band, band.name, "mix:0.25,easy"],
        float(band.fraction(np.zeros(1))[0]),
    )
    solution = solve_ridge(3.0, [0.3, implied, implied, 0.4], 0.4, rules)
    assert solution.rule.tolist() == ["hard", "band:0.2,0.9", "band:0.2,0.9", "mix:0.25,easy"]
    assert solution.error[1] == solution.error[2]


@given(log_alpha, log_f, angle, st.floats(0, np.pi), st.sampled_from(["hard", "easy"]))
def test_generator_with_a_perfect_teacher_or_probe(log_alpha, log_f, angle, turn, rule):
    """Where one of the two errors vanishes, there is nothing to turn."""
    alpha, f = 10**log_alpha, 10**log_f
    plain = solve_ridge(alpha, f, angle, rule)
    assert solve_ridge(alpha, f, angle, rule, generator_turn=turn).error == plain.error
    turned = solve_ridge(alpha, f, 0.0, rule, generator_theta=angle, generator_turn=[0.3, turn])
    assert turned.error[0] == pytest.approx(turned.error[1], rel=1e-12)


@given(log_alpha, log_f, angle, angle, st.floats(0, np.pi))
def test_random_keeping_learns_the_generator(log_alpha, log_f, theta, generator_theta, turn):
    """Without a preferred direction but the generator's, R = R(generator) cos(generator_theta)."""
    alpha, f = 10**log_alpha, 10**log_f
    teacher = solve_ridge(
        alpha, f, theta, "random", generator_theta=generator_theta, generator_turn=turn
    )
    expected = float(solve_ridge(alpha, f, 0.0, "random").R) * np.cos(generator_theta)
    np.testing.assert_allclose(teacher.R, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_a_generator_that_is_the_probe(rule):
    """turn = 0, equal angles: a perfect probe of the generator, tested at the teacher's angle."""
    theta = np.array([0.0, 0.2, 1.0])
    seen = solve_ridge(3.0, 0.4, theta, rule, generator_theta=theta, generator_turn=0.0)
    student = solve_ridge(3.0, 0.4, 0.0, rule)
    np.testing.assert_allclose(seen.R, student.R * np.cos(theta), rtol=1e-13)
    np.testing.assert_allclose(seen.rho, student.R, rtol=1e-13)


def test_a_misleading_generator_exceeds_one_half():
    """Keep-hard by a good probe and a strong penalty hide the direction that the labels share with
    the teacher, and leave the one in which they are wrong."""
    misled = solve_ridge(20.0, 0.1, 0.3, ridge=1.0, generator_theta=1.4, generator_turn=0.0)
    assert misled.error > 0.5


def test_easy_to_hard_switches_of_this_student():
    """θ = 0, λ = .01: at α_tot 2.052 (f = .5), .9991 (f = .8); at f = .2 easy wins throughout."""
    f, switch = np.array([0.5, 0.8]), np.array([2.052, 0.9991])
    alpha = switch * np.array([[0.999], [1.001]])
    gap = solve_ridge(alpha, f, rule="hard").error - solve_ridge(alpha, f, rule="easy").error
    assert (gap[0] > 0).all() and (gap[1] < 0).all()
    alpha = np.geomspace(1e-3, 1e6, 2000)
    errors = [solve_ridge(alpha, 0.2, rule=rule).error for rule in ("hard", "easy")]
    assert (errors[0] > errors[1]).all()


def test_one_loop_over_students():
    for student in (solve, solve_ridge):
        solution = student([[2.0], [20.0]], 0.5, theta=0.3, rule=["hard", "easy", "random"])
        assert solution.error.shape == (2, 3)
        assert (solution.alpha_prune == [[1.0] * 3, [10.0] * 3]).all()
        assert (solution.error[1] < solution.error[0]).all()


def test_empty_input_gives_empty_output():
    assert solve_ridge(np.zeros(0) + 1, 0.5).error.shape == (0,)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha_tot": 0.0}, r"alpha_tot must be finite and in \(0, inf\), got 0.0"),
        ({"alpha_tot": [1.0, -2.0]}, "got -2.0 at index 1"),
        ({"f": 1.5}, r"f must be finite and in \(0, 1\], got 1.5"),
        ({"theta": 2.0}, r"theta must be finite and in \[0, 1.5708\], got 2.0"),
        ({"ridge": 0.0}, r"ridge must be finite and in \(0, inf\), got 0.0"),
        ({"ridge": "small"}, "ridge must be a real number"),
        ({"generator_theta": -0.1}, r"generator_theta must be finite and in \[0, 1.5708\]"),
        ({"generator_turn": 4.0}, r"generator_turn must be finite and in \[0, 3.14159\], got 4.0"),
        ({"rule": "hardest"}, "rule must be hard, easy, .*; got 'hardest'"),
        ({"rule": "band:2,1"}, "band must have low < high, got 2 and 1"),
        ({"rule": "band:1"}, "must have two edges"),
        ({"rule": "band:0.1,0.2"}, "f must be 0.078863.*, which the rule band:0.1,0.2 implies"),
        ({"f": None}, "f must be given: the rule hard works at any fraction kept"),
        ({"rule": "signed-hard"}, "signed-hard acts on the signed margin; .* of .z. made"),
        ({"rule": Function(np.tanh)}, "rule function of abs is a function; the ridge"),
        ({"alpha_tot": [1.0, 2.0], "f": [0.1, 0.2, 0.3]}, "alpha_tot has shape"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        solve_ridge(**({"alpha_tot": 3.0, "f": 0.5} | arguments))
