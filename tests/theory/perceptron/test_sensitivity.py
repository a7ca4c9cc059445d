"""Derivatives and influence against differences of `solve`, and against identities.

Differences are central, in the logarithm of the parameter, with the powers h² and h⁴ of their
error removed (Romberg).  Steps of 2e-3 then agree with exact derivatives to about 1e-12.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prunelaw
from prunelaw import solve
from prunelaw.keep import Function, Piecewise, as_rule
from prunelaw.numerics.gaussian import gauss_legendre, normal_cdf, normal_pdf
from prunelaw.perceptron import STATUS
from prunelaw.perceptron.sensitivity import influence, sensitivity

ANY_FRACTION = (
    "hard", "easy", "random", "signed-hard", "signed-easy", "mix:0.3,hard", "mix:0.2,signed-easy"
)  # fmt: skip
BANDS = ("band:0.2,1.1", "signed-band:-0.4,0.9")
STEP, LEVELS = 2e-3, 3
AGREE = 1e-9  # of differences and derivatives, relative to ε + |∂ε/∂ log p|

log_alpha = st.floats(-3, 5)
log_f = st.floats(-2, -0.005)
angle = st.floats(0.003, 1.55)
SEVERAL = {"min_size": 4, "max_size": 4}
batch = st.lists(st.tuples(log_alpha, log_f, angle), **SEVERAL)


def slope_in_log(point, name):
    """∂ε/∂ log p by differences of `solve`, for each point of a batch."""
    steps = STEP / 2.0 ** np.arange(LEVELS)
    wide = {key: np.array(value)[:, None] for key, value in point.items() if key != "rule"}
    wide[name] = wide[name] * np.exp(np.concatenate([steps, -steps]))
    error = solve(**wide, rule=point["rule"]).error
    row = list(((error[:, :LEVELS] - error[:, LEVELS:]) / (2.0 * steps)).T)
    for order in range(1, LEVELS):
        row = [(4**order * fine - rough) / (4**order - 1) for rough, fine in pairwise(row)]
    return row[0]


def assert_slopes_of_solve(alpha_tot, f, theta, rule):
    """Every derivative that `sensitivity` gives at these points, against differences."""
    point = {"alpha_tot": np.array(alpha_tot), "theta": np.array(theta), "rule": rule}
    if f is not None:
        point["f"] = np.array(f)
    found = sensitivity(**point)
    np.testing.assert_array_equal(found.error, solve(**point).error)
    for name in set(point) & set(found.names):
        exact = getattr(found, f"d_{name}") * point[name]
        scale = found.error + np.abs(exact)
        np.testing.assert_allclose(slope_in_log(point, name) / scale, exact / scale, atol=AGREE)
    return found


# --- derivatives ------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", (*ANY_FRACTION, *BANDS))
@pytest.mark.parametrize(
    "alpha_tot, f, theta",
    [(3.0, 0.4, 0.5), pytest.param(40.0, 0.8, 0.1, marks=pytest.mark.exhaustive)],
)
def test_derivatives_in_the_plane(rule, alpha_tot, f, theta):
    found = assert_slopes_of_solve([alpha_tot], None if rule in BANDS else [f], [theta], rule)
    assert np.isnan(found.d_f).all() == (rule in BANDS)


@pytest.mark.parametrize("rule", (*ANY_FRACTION, *BANDS))
def test_derivatives_on_the_axis(rule):
    found = assert_slopes_of_solve([3.0], None if rule in BANDS else [0.4], [0.0], rule)
    assert np.isnan(found.d_f).all() == (rule in BANDS)
    assert not found.d_theta.any()  # ε is even in θ


@pytest.mark.exhaustive
@pytest.mark.parametrize("rule", (*ANY_FRACTION, *BANDS))
@settings(max_examples=3)
@given(batch)
def test_derivatives_at_drawn_points(rule, points):
    logs_alpha, logs_f, theta = np.array(points).T
    f = None if rule in BANDS else 10**logs_f
    assert_slopes_of_solve(10**logs_alpha, f, theta, rule)
    assert_slopes_of_solve(10**logs_alpha, f, np.zeros(len(points)), rule)


@pytest.mark.parametrize("rule", (*ANY_FRACTION, *BANDS))
@pytest.mark.parametrize("on_axis", [True, False])
@pytest.mark.parametrize("n", [8, pytest.param(30, marks=pytest.mark.exhaustive)])
def test_derivatives_at_random_points(rule, on_axis, n):
    rng = np.random.default_rng(7)
    alpha_tot, f = 10 ** rng.uniform(-3, 5, n), 10 ** rng.uniform(-2, -0.005, n)
    theta = np.zeros(n) if on_axis else rng.uniform(0.003, 1.55, n)
    assert_slopes_of_solve(alpha_tot, None if rule in BANDS else f, theta, rule)


def test_one_batch_equals_single_points():
    """Rules, whole and pruned fractions, planes and axes, in one broadcast."""
    rules = np.array(["hard", "random", "signed-easy"])
    f, theta = np.array([[[0.3]], [[1.0]]]), np.array([[0.0], [0.4]])
    found = sensitivity(3.0, f, theta, rules)
    assert found.d_f.shape == (2, 2, 3)
    for index in np.ndindex(2, 2, 3):
        single = sensitivity(3.0, f[index[0], 0, 0], theta[index[1], 0], str(rules[index[2]]))
        for name in ("error", "d_alpha_tot", "d_f", "d_theta"):
            one, many = getattr(single, name), getattr(found, name)[index]
            assert float(many) == pytest.approx(float(one), rel=1e-10, abs=1e-14, nan_ok=True)


@settings(max_examples=3)
@given(log_alpha, st.floats(-2, 0), st.floats(0, np.pi / 2))
def test_random_keeping_depends_on_alpha_prune_alone(log_alpha, log_f, theta):
    """ε(α f): α ∂ε/∂α = f ∂ε/∂f, and the probe does not matter."""
    alpha_tot, f = 10**log_alpha, 10**log_f
    found = sensitivity(alpha_tot, f, theta, "random")
    assert abs(found.d_theta) < 1e-14
    assert alpha_tot * found.d_alpha_tot == pytest.approx(float(f * found.d_f), rel=1e-11)


@settings(max_examples=3)
@given(log_alpha, st.floats(0, np.pi / 2), st.sampled_from(ANY_FRACTION))
def test_whole_set_has_one_derivative_in_alpha(log_alpha, theta, rule):
    here, plain = sensitivity(10**log_alpha, 1.0, theta, rule), sensitivity(10**log_alpha, 1.0)
    assert float(here.d_alpha_tot) == pytest.approx(float(plain.d_alpha_tot), rel=1e-10)
    assert abs(here.d_theta) < 1e-14


@pytest.mark.parametrize(
    "rule, theta",
    [
        ("hard", 0.0),  # the examples dropped first are satisfied anyhow
        ("hard", 0.4),
        ("random", 0.0),
        ("easy", 0.4),
        ("mix:0.3,easy", 0.4),
        ("easy", 0.0),
        ("mix:0.3,easy", 0.0),
        ("signed-easy", 0.0),
    ],
)
def test_whole_set_has_the_slope_in_f_from_below(rule, theta):
    alpha_tot = np.array([5.0, 50.0])
    at, below = (sensitivity(alpha_tot, f, theta, rule).d_f for f in (1.0, 1.0 - 1e-11))
    np.testing.assert_allclose(at, below, rtol=1e-7, atol=1e-12)


@settings(max_examples=3)
@given(st.floats(-1, 3), st.floats(0.01, 1.5), st.floats(0.1, 1.0))
def test_weights_count_only_times_alpha(log_alpha, theta, scale):
    """ε depends on α w: with all weights scaled, ∂ε/∂α at α is scale × that at scale·α."""
    alpha_tot, edges = 10**log_alpha, (0.0, 0.4, 1.5)
    thin = sensitivity(alpha_tot, None, theta, Piecewise(edges, (0.3 * scale, 0.8 * scale)))
    plain = sensitivity(scale * alpha_tot, None, theta, Piecewise(edges, (0.3, 0.8)))
    assert float(thin.error) == pytest.approx(float(plain.error), rel=1e-10)
    assert float(thin.d_theta) == pytest.approx(float(plain.d_theta), rel=1e-9, abs=1e-13)
    assert float(thin.d_alpha_tot) == pytest.approx(float(scale * plain.d_alpha_tot), rel=1e-10)


def test_laws_of_few_and_many_examples():
    """½ − ε ∝ √α from few examples; ε ∝ 1/α from many, whatever f if a perfect probe keeps hard."""
    few = sensitivity(1e-7, 1.0)
    assert float(1e-7 * few.d_alpha_tot / (0.5 - few.error)) == pytest.approx(-0.5, rel=1e-3)
    many = sensitivity(1e6, [0.1, 0.5], 0.0, "hard")
    np.testing.assert_allclose(1e6 * many.d_alpha_tot / many.error, -1.0, rtol=1e-4)
    np.testing.assert_allclose(many.d_f / many.error, 0.0, atol=1e-3)


@pytest.mark.parametrize("alpha_tot", [0.5, 20.0])
def test_right_angle_is_a_mirror(alpha_tot):
    """ε(π − θ) = ε(θ) for |z|; for signed margins, hard at π − θ is easy at θ."""
    right = np.pi / 2
    both = sensitivity(alpha_tot, 0.3, right, ["hard", "easy"])
    np.testing.assert_allclose(both.d_theta, 0.0, atol=1e-13)
    signed = sensitivity(alpha_tot, 0.3, right, ["signed-hard", "signed-easy"])
    assert signed.error[0] == pytest.approx(signed.error[1], rel=1e-11)
    assert signed.d_theta[0] == pytest.approx(-signed.d_theta[1], rel=1e-10)
    assert signed.d_theta[1] > 1e-3


def test_signed_band_that_starts_at_zero_has_no_slope_on_the_axis():
    """It loses a mass ∝ θ of small margins: ε is not even in θ, and the axis does not know."""
    starts, covers = (
        sensitivity(3.0, None, 0.0, f"signed-band:{low},1.2").d_theta for low in (0.0, -0.4)
    )
    assert np.isnan(starts) and float(covers) == 0.0


def test_signed_easy_has_no_slope_at_the_whole_set_off_the_axis():
    assert np.isnan(sensitivity(5.0, 1.0, 0.4, "signed-easy").d_f)


# --- influence --------------------------------------------------------------------------------


def panels(low, high, count=24, order=30):
    """Nodes and weights of a Gauss-Legendre rule on [low, high], clipped where no example is."""
    edges = np.linspace(max(low, -12.0), min(high, 12.0), count + 1)
    nodes, weights = gauss_legendre(order)
    width = np.diff(edges)[:, None]
    return (edges[:-1, None] + width * nodes).ravel(), (width * weights).ravel()


def density(m, theta, signed):
    """Of |z|, or of the signed margin."""
    right = normal_cdf(m / np.tan(theta)) if signed and theta > 0 else 1.0
    return 2.0 * normal_pdf(m) * right


SHARES = 3e-3 * np.arange(5)
FORWARD = np.array([-25.0, 48.0, -36.0, 16.0, -3.0]) / (12 * 3e-3)  # first derivative, to δ⁴


@pytest.mark.parametrize(
    "of, alpha_tot, theta",
    [("abs", 2.0, 0.0), ("abs", 2.0, 0.5), ("margin", 2.0, 0.0), ("margin", 4.0, 0.5)],
)
def test_thin_bands_change_the_error_by_their_influence(of, alpha_tot, theta):
    """Add a share δ of a band that is dropped, remove one of a band that is kept."""
    signed = of == "margin"
    cuts, kept = np.array([0.1, 0.15, 0.8, 1.3, 1.5]), np.array([1.0, 1.0, 1.0, 0.0])
    changing = (0, 3)
    if signed and theta > 0:  # some misclassified examples too
        cuts, kept = np.concatenate([[-0.7, -0.6], cuts]), np.concatenate([[1.0, 0.0], kept])
        changing = (0, 5)
    base = Piecewise(tuple(cuts), tuple(kept), of)
    for k in changing:
        sign = 1.0 if kept[k] == 0.0 else -1.0
        changed = kept + sign * SHARES[:, None] * (np.arange(len(kept)) == k)
        rules = [Piecewise(tuple(cuts), tuple(weights), of) for weights in changed]
        difference = sign * FORWARD @ solve(alpha_tot, None, theta, rules).error
        m, weight = panels(cuts[k], cuts[k + 1], count=1)
        values = influence(m, alpha_tot, None, theta, base, signed=signed)
        predicted = np.sum(values * weight * density(m, theta, signed))
        assert abs(predicted) > 1e-5
        assert difference == pytest.approx(predicted, rel=1e-7)


@pytest.mark.parametrize(
    "rule, f",
    [
        ("hard", 0.4),
        ("easy", 0.4),
        ("mix:0.3,hard", 0.4),
        ("signed-hard", 0.4),
        ("signed-easy", 0.8),
        ("signed-band:-0.4,0.9", None),
        (Piecewise((0.2, 0.5, 3.0), (0.9, 0.3)), None),
        (Function(lambda m: np.exp(-m * m)), None),
    ],
    ids=str,
)
@pytest.mark.parametrize("theta", [0.0, 0.4])
def test_more_of_the_same_is_more_alpha(rule, f, theta):
    """∫ I(m) w(m) p(m) dm = α ∂ε/∂α: what is added uniformly is more data of the kept kind."""
    keep, alpha_tot = as_rule(rule), 6.0
    signed = keep.uses_labels
    fraction = np.array([f if f is not None else float(keep.fraction(np.array(theta)))])
    layers = keep.segments(fraction, np.array([theta]))
    edges = np.unique(np.concatenate([layers.low[0], layers.high[0], [0.0]]))
    if not signed or theta == 0.0:
        edges = edges[edges >= 0.0]
    total = 0.0
    for low, high in pairwise(edges):
        m, weight = panels(low, high)
        values = influence(m, alpha_tot, f, theta, rule, signed=signed)
        kept = keep.weight(m, f, theta)
        total += np.sum(values * kept * weight * density(m, theta, signed))
    expected = alpha_tot * float(sensitivity(alpha_tot, f, 0.0, rule).d_alpha_tot)
    if theta > 0 and isinstance(rule, Function):
        # No derivative of functions in θ: take a difference in α instead.
        expected = slope_in_log(
            {"alpha_tot": [alpha_tot], "theta": [theta], "rule": rule}, "alpha_tot"
        )[0]
    elif theta > 0:
        expected = alpha_tot * float(sensitivity(alpha_tot, f, theta, rule).d_alpha_tot)
    assert total == pytest.approx(expected, rel=1e-9)


@settings(max_examples=2)
@given(st.floats(-1, 3), st.floats(-1.5, -0.05), st.sampled_from([0.0, 0.05, 0.7, 1.5]))
def test_slope_in_f_is_the_influence_at_the_threshold(log_alpha, log_f, theta):
    alpha_tot, f = 10**log_alpha, 10**log_f
    for rule in ("easy", "signed-hard"):
        signed = rule.startswith("signed")
        edge = float(prunelaw.threshold(rule, f, theta))
        here = influence([edge], alpha_tot, f, theta, rule, signed=signed)[0]
        found = float(sensitivity(alpha_tot, f, theta, rule).d_f)
        assert here == pytest.approx(found, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("theta", [0.02, 0.6])
def test_influence_of_the_field_is_the_mean_over_both_margins(theta):
    """I(|z|) = Φ(|z| cot θ) I(m = |z|) + Φ(−|z| cot θ) I(m = −|z|)."""
    z = np.array([1e-3, 0.02, 0.3, 1.0])
    unsigned = influence(z, 4.0, 0.5, theta)
    right, wrong = (influence(sign * z, 4.0, 0.5, theta, signed=True) for sign in (1.0, -1.0))
    share = normal_cdf(z / np.tan(theta))
    np.testing.assert_allclose(unsigned, share * right + (1.0 - share) * wrong, rtol=1e-12)


def test_influence_is_continuous_at_zero_angle():
    m = np.array([0.1, 0.7, 2.0])
    at, near = (influence(m, [[3.0], [30.0]], 0.5, theta) for theta in (0.0, 1e-7))
    assert at.shape == (2, 1, 3)
    np.testing.assert_allclose(near, at, rtol=1e-6, atol=1e-30)
    assert (influence([-0.5], 3.0, 0.5, 0.0, signed=True) == 0.0).all()  # nothing is there


@pytest.mark.parametrize("signed", [False, True])
def test_influence_at_zero_field_is_the_limit(signed):
    at, near = influence([0.0, 1e-12], 3.0, 0.5, 0.0, signed=signed)
    assert at == pytest.approx(near, rel=1e-9)


@pytest.mark.parametrize("theta", [0.0, 0.3])
def test_influence_far_out_is_a_number(theta):
    assert influence([39.0, 60.0], 3.0, 0.5, theta).tolist() == [0.0, 0.0]


def test_influence_of_one_batch_equals_single_points():
    m, theta, f = [0.2, 1.4], np.array([0.0, 0.3, 0.9]), np.array([[0.3], [1.0]])
    together = influence(m, 5.0, f, theta, "easy")
    assert together.shape == (2, 3, 2)
    for i, j in np.ndindex(2, 3):
        single = influence(m, 5.0, f[i, 0], theta[j], "easy")
        np.testing.assert_allclose(together[i, j], single, rtol=1e-10)


# --- functions, failures, bad input -----------------------------------------------------------


def step_function(m):
    return np.where(np.abs(m) < 0.7, 0.8, 0.2)


@pytest.mark.parametrize("of", ["abs", "margin"])
def test_functions_of_the_field(of):
    """The same rule as a function and in intervals; θ > 0 would need the slope of w."""
    steps = Piecewise((0.0, 0.7, np.inf), (0.8, 0.2))
    rule = Function(step_function, of, breakpoints=(-0.7, 0.7))
    found, expected = (sensitivity(3.0, None, 0.0, each) for each in (rule, steps))
    assert float(found.d_alpha_tot) == pytest.approx(float(expected.d_alpha_tot), rel=1e-10)
    assert np.isnan(found.d_f) and found.d_theta == 0.0
    with pytest.raises(prunelaw.InputError, match=r"rule must be made of intervals .* function of"):
        sensitivity(3.0, None, 0.2, rule)
    m = [0.1, 0.9]
    there = influence(m, 3.0, None, 0.2, rule)
    np.testing.assert_allclose(there, influence(m, 3.0, None, 0.2, steps), rtol=1e-9)


@pytest.mark.parametrize("theta", [0.0, 0.3])
def test_failures_are_flagged_or_raised(monkeypatch, theta):
    monkeypatch.setattr("prunelaw.perceptron.saddle.AGREEMENT", 0.0)
    flagged = sensitivity([3.0, 5.0], 0.5, theta, throw=False)
    assert not flagged.converged.any()
    for name in ("error", "d_alpha_tot", "d_f", "d_theta"):
        assert np.isnan(getattr(flagged, name)).all()
    with pytest.raises(prunelaw.ConvergenceError, match="2 of 2 points"):
        sensitivity([3.0, 5.0], 0.5, theta)
    with pytest.raises(prunelaw.ConvergenceError, match=STATUS[2][:20]):
        influence([0.1], 3.0, 0.5, theta)


def test_good_points_keep_their_derivatives_beside_bad_ones(monkeypatch):
    alpha_tot = np.geomspace(0.1, 1e3, 12)
    good = sensitivity(alpha_tot, 0.3, 0.3)
    change = np.sort(solve(alpha_tot, 0.3, 0.3).change)
    monkeypatch.setattr("prunelaw.perceptron.saddle.AGREEMENT", change[len(change) // 4])
    some = sensitivity(alpha_tot, 0.3, 0.3, throw=False)
    assert some.converged.any() and not some.converged.all()
    for name in ("error", "d_alpha_tot", "d_f", "d_theta"):
        values = getattr(some, name)
        np.testing.assert_array_equal(np.isnan(values), ~some.converged)
        np.testing.assert_allclose(
            values[some.converged], getattr(good, name)[some.converged], rtol=1e-9
        )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"m": [-0.1]}, r"m must be finite and in \[0, inf\), got -0.1 at index 0"),
        ({"m": [np.inf], "signed": True}, "m must be finite"),
        ({"m": 0.1}, r"m must be one-dimensional, got shape \(\)"),
        ({"m": [[0.1]]}, r"m must be one-dimensional, got shape \(1, 1\)"),
        ({"f": None}, "f must be given"),
        ({"alpha_tot": -1.0}, "alpha_tot must be finite"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(prunelaw.InputError, match=message):
        influence(**({"m": [0.1], "alpha_tot": 3.0, "f": 0.5} | arguments))


def test_empty_batches_are_empty():
    assert sensitivity(np.zeros(0) + 1, 0.5).d_f.shape == (0,)
    assert influence([], 3.0, 0.5).shape == (0,)
    assert influence([0.1], np.zeros(0) + 1, 0.5).shape == (0, 1)
