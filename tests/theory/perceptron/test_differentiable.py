"""`differentiable.error` under JAX's transformations, against `solve` and `sensitivity`."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import prunelaw
from prunelaw.keep import Function, Piecewise
from prunelaw.perceptron import differentiable
from prunelaw.perceptron.differentiable import error
from prunelaw.perceptron.sensitivity import sensitivity

POINT = (3.0, 0.5, 0.3)
TYPES = [("float32", 3e-7), ("float64", 1e-13)]


@pytest.fixture(autouse=True)
def strict_promotion():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture(params=TYPES, ids=lambda value: value[0])
def accuracy(request):
    """Both precisions of JAX; the relative rounding allowed, with the type expected."""
    name, rounding = request.param
    with jax.enable_x64(name == "float64"):
        yield np.dtype(name), rounding


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def calls(monkeypatch):
    """Shapes of the batches that the host is asked to solve."""
    seen = []

    def counted(function):
        def call(alpha_tot, *others, **options):
            seen.append((function.__name__, alpha_tot.shape))
            return function(alpha_tot, *others, **options)

        return call

    for function in (prunelaw.solve, sensitivity):
        monkeypatch.setattr(differentiable, function.__name__, counted(function))
    return seen


def exact_slopes(point, rule="hard"):
    found = sensitivity(*point, rule)
    return [found.d_alpha_tot, found.d_f, found.d_theta]


# --- values and first derivatives -------------------------------------------------------------


@pytest.mark.parametrize("rule", ["hard", "easy", "mix:0.3,hard"])
def test_value_and_gradient_in_both_precisions(accuracy, rule):
    dtype, rounding = accuracy
    point = [float(np.asarray(value, dtype)) for value in POINT]  # what float32 makes of them
    value, slopes = jax.value_and_grad(error, (0, 1, 2))(*POINT, rule)
    assert value.dtype == dtype and all(slope.dtype == dtype for slope in slopes)
    assert float(value) == pytest.approx(float(prunelaw.solve(*point, rule).error), rel=rounding)
    np.testing.assert_allclose(slopes, exact_slopes(point, rule), rtol=rounding)


def test_arrays_of_float32_stay_float32_beside_float64():
    with jax.enable_x64(True):
        f = jnp.array([0.3, 0.5], jnp.float32)
        assert error(3.0, f, 0.3).dtype == jnp.float32
        assert error(3, 0.5).dtype == jnp.float64


def test_jit_and_eager_agree(accuracy):
    _, rounding = accuracy
    compiled = jax.jit(error, static_argnames="rule")
    for rule in ("hard", "random"):
        assert float(compiled(*POINT, rule=rule)) == float(error(*POINT, rule))
        slope, expected = (jax.grad(each, 1)(*POINT, rule=rule) for each in (compiled, error))
        assert float(slope) == pytest.approx(float(expected), rel=rounding)


def test_forward_and_reverse_mode_agree(accuracy):
    dtype, rounding = accuracy

    def errors(point):
        return error(point[0], jnp.stack([point[1], 0.5 * point[1]]), point[2])

    point = jnp.array(POINT, dtype)
    forward, reverse = jax.jacfwd(errors)(point), jax.jacrev(errors)(point)
    assert forward.shape == reverse.shape == (2, 3) and reverse.dtype == dtype
    np.testing.assert_allclose(forward, reverse, rtol=rounding)
    first, second = (exact_slopes([float(p) for p in point] * np.array(half)) for half in (
        [1.0, 1.0, 1.0], [1.0, 0.5, 1.0],
    ))  # fmt: skip
    second[1] = 0.5 * second[1]  # the chain rule
    np.testing.assert_allclose(forward, [first, second], rtol=rounding)


def test_tangents_are_combined_linearly(float64):
    steps = (0.3, -0.2, 0.7)
    value, tangent = jax.jvp(error, POINT, steps)
    assert float(value) == float(prunelaw.solve(*POINT).error)
    assert float(tangent) == pytest.approx(float(np.dot(exact_slopes(POINT), steps)), rel=1e-13)
    _, linear = jax.linearize(error, *POINT)
    assert float(linear(*steps)) == float(tangent)


def test_arguments_broadcast_and_gradients_sum_back(float64):
    alpha_tot, f = jnp.array([[2.0], [10.0]]), jnp.array([0.2, 0.5, 1.0])
    slopes = jax.grad(lambda *point: error(*point).sum(), (0, 1, 2))(alpha_tot, f, 0.3)
    found = sensitivity(np.array(alpha_tot), np.array(f), 0.3)
    assert found.error.shape == (2, 3)
    np.testing.assert_allclose(slopes[0], found.d_alpha_tot.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(slopes[1], found.d_f.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(slopes[2], found.d_theta.sum(), rtol=1e-12)


def test_lists_and_empty_arrays_are_arrays(float64):
    assert error([3.0, 5.0], (0.2, 0.5)).shape == (2,)
    assert error(jnp.ones(0), 0.5).shape == (0,)


def test_vmap_over_two_axes_is_one_batch(float64, calls):
    alpha_tot, f = jnp.array([2.0, 10.0]), jnp.array([0.2, 0.5, 0.9])
    inner = jax.vmap(jax.value_and_grad(error, 1), (None, 0, None))
    values, slopes = jax.jit(jax.vmap(inner, (0, None, None)))(alpha_tot, f, 0.3)
    assert calls == [("sensitivity", (2, 3))]
    found = sensitivity(np.array(alpha_tot)[:, None], np.array(f), 0.3)
    np.testing.assert_allclose(values, found.error, rtol=1e-13)
    np.testing.assert_allclose(slopes, found.d_f, rtol=1e-12)


def test_host_is_called_once_for_value_and_derivatives(float64, calls):
    jax.value_and_grad(error, (0, 1, 2))(*POINT)
    jax.jit(jax.jacrev(error, (0, 1, 2)))(*POINT)
    assert calls == [("sensitivity", ())] * 2
    error(*POINT)
    assert calls[2:] == [("solve", ())]


def test_equal_rules_share_one_compilation(float64):
    """A rule made anew in every call must not make JAX compile anew."""
    host = [differentiable._Host(Piecewise((0.0, 1.0), (0.5,)), True) for _ in range(2)]
    assert host[0] == host[1] and hash(host[0]) == hash(host[1])
    traced = []

    def loss(alpha_tot, rule):
        traced.append(rule)
        return error(alpha_tot, rule=rule)

    compiled = jax.jit(jax.grad(loss), static_argnames="rule")
    for alpha_tot in (3.0, 4.0):
        compiled(alpha_tot, rule=Piecewise((0.0, 1.0), (0.5,)))
    assert len(traced) == 1


# --- rules that imply f, ends of the domain ---------------------------------------------------


@pytest.mark.parametrize("rule", ["band:0.2,1.1", Piecewise((0.0, 0.4, 2.0), (0.2, 0.9))], ids=str)
def test_rules_that_imply_f_go_without_it(accuracy, rule):
    dtype, rounding = accuracy
    theta = float(np.asarray(0.3, dtype))
    slopes = jax.jit(jax.grad(lambda a, theta: error(a, None, theta, rule), (0, 1)))(3.0, theta)
    expected = sensitivity(3.0, None, theta, rule)
    np.testing.assert_allclose(slopes, [expected.d_alpha_tot, expected.d_theta], rtol=rounding)


def test_fraction_given_beside_a_band_has_no_derivative(float64):
    """Where it is not differentiated, its NaN stays out of the others."""
    f = float(prunelaw.solve(3.0, None, 0.3, "band:0.2,1.1").f)
    d_alpha_tot = jax.grad(error, 0)(3.0, f, 0.3, "band:0.2,1.1")
    expected = sensitivity(3.0, None, 0.3, "band:0.2,1.1").d_alpha_tot
    assert float(d_alpha_tot) == pytest.approx(float(expected), rel=1e-13)
    assert np.isnan(jax.grad(error, 1)(3.0, f, 0.3, "band:0.2,1.1"))


def test_right_angle_and_whole_fraction_in_both_precisions(accuracy):
    """float32 rounds π/2 up, which must not put it out of range."""
    dtype, rounding = accuracy
    exact = prunelaw.solve(5.0, 0.3, np.pi / 2).error
    for theta in (np.pi / 2, jnp.asarray(np.pi / 2)):
        for each in (error, jax.jit(error)):
            assert float(each(5.0, 0.3, theta)) == pytest.approx(float(exact), rel=5 * rounding)
    whole = prunelaw.solve(5.0, 1.0).error
    assert float(error(5.0, jnp.asarray(1.0, dtype), 0.3)) == pytest.approx(
        float(whole), rel=rounding
    )


def test_points_that_fail_are_nan_and_raise_nothing(float64, monkeypatch):
    monkeypatch.setattr("prunelaw.perceptron.saddle.AGREEMENT", 0.0)
    value, slopes = jax.jit(jax.value_and_grad(error, (0, 1, 2)))(*POINT)
    assert np.isnan(value) and np.isnan(slopes).all()
    assert np.isnan(error([3.0, 5.0], 0.5)).all()


# --- use, and misuse --------------------------------------------------------------------------


def test_best_fraction_at_fixed_kept_examples(accuracy):
    """Minimise ε(α_prune/f, f, θ) over f by its gradient alone, and by a scan without it."""
    _, rounding = accuracy
    alpha_prune, theta = 1.5, 0.0
    slope = jax.jit(jax.grad(lambda log_f: error(alpha_prune / jnp.exp(log_f), jnp.exp(log_f))))
    best = np.exp(brentq(lambda log_f: float(slope(log_f)), np.log(0.05), -0.05, xtol=1e-9))
    assert 0.1 < best < 0.9

    x = np.linspace(-0.02, 0.02, 9)
    f = best * (1.0 + x)
    scan = np.polynomial.Polynomial.fit(x, prunelaw.solve(alpha_prune / f, f, theta).error, 4)
    turns = scan.deriv().roots()
    assert np.min(np.abs(turns)) < max(1e-6, 100 * rounding)
    everywhere = np.linspace(0.05, 1.0, 40)
    least = prunelaw.solve(alpha_prune / everywhere, everywhere, theta).error.min()
    assert prunelaw.solve(alpha_prune / best, best, theta).error <= least


SECOND = {
    "hessian": jax.hessian(error, 1),
    "grad of grad": jax.grad(jax.grad(error)),
    "under jit": jax.jit(jax.hessian(error)),
    "forward twice": jax.jacfwd(jax.jacfwd(error)),
    "reverse twice": jax.jacrev(jax.jacrev(error, 1), 2),
    "mapped": lambda alpha_tot, f, theta: jax.vmap(jax.hessian(error, 1), (None, 0))(
        alpha_tot, jnp.array([f, f])
    ),
}


@pytest.mark.parametrize("transformed", SECOND.values(), ids=SECOND)
def test_second_derivatives_are_refused(transformed):
    """Loudly: a silent zero would be taken for flat."""
    with pytest.raises(NotImplementedError, match=r"second derivatives .* \(rule hard\)"):
        transformed(*POINT)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((-3.0, 0.5), r"alpha_tot must be finite and in \(0, inf\), got -3.0"),
        ((3.0, 1.5), r"f must be finite and in \(0, 1\], got 1.5"),
        ((3.0, [0.5, 0.0]), "f must be .* got 0.0 at index 1"),
        ((3.0, 0.5, 2.0), r"theta must be finite and in \[0, 1.5708\], got 2.0"),
        (("many", 0.5), "alpha_tot must be a real number"),
        ((3.0,), "f must be given: the rule hard works at any fraction kept"),
        ((3.0, 0.5, 0.3, "hardest"), "rule must be hard, easy, random"),
        ((3.0, 0.5, 0.3, ["hard", "easy"]), "rule must be a name or a keep rule"),
        (([1.0, 2.0], [0.1, 0.2, 0.3]), r"alpha_tot has shape \(2,\), f has shape \(3,\)"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(prunelaw.InputError, match=message):
        error(*arguments)


@pytest.mark.parametrize("transformed", [jax.jit(error), jax.grad(error), jax.jit(jax.grad(error))])
def test_bad_input_under_a_transformation_is_named_too(transformed):
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match="f must be finite and in"):
        jax.block_until_ready(transformed(3.0, 1.5))


def test_functions_have_values_but_no_slope_at_positive_angles(float64):
    rule = Function(lambda z: np.exp(-z * z))
    expected = prunelaw.solve(3.0, None, 0.3, rule).error
    assert float(error(3.0, None, 0.3, rule)) == float(expected)
    slope = jax.grad(lambda alpha: error(alpha, None, 0.0, rule))(3.0)
    exact = sensitivity(3.0, None, 0.0, rule).d_alpha_tot
    assert float(slope) == pytest.approx(float(exact), rel=1e-13)
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match="made of intervals"):
        jax.block_until_ready(jax.grad(lambda alpha: error(alpha, None, 0.3, rule))(3.0))


def test_import_leaves_the_precision_of_jax_alone():
    code = "from prunelaw import differentiable; import jax; assert not jax.config.jax_enable_x64"
    subprocess.run([sys.executable, "-c", code], check=True)
