"""The large-margin trainer: exact against two yardsticks, on any data, batched or alone."""

import jax
import numpy as np
import pytest

from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.students.large_margin import train_large_margin


def problem(count: int = 60, dim: int = 20, flips: int = 0, seed: int = 0):
    """Gaussian inputs, labels of a teacher, some of them wrong."""
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(count, dim))
    labels = np.sign(inputs @ draw.normal(size=dim)).astype(int)
    labels[:flips] *= -1
    return inputs, labels


def test_separable_student_is_the_max_margin_one():
    """Against the hard-margin problem given to a general-purpose optimiser (SLSQP)."""
    from scipy.optimize import minimize

    inputs, labels = problem()
    fits = train_large_margin(inputs, labels, [np.arange(60)], slack_cost=1e7)
    signed = labels[:, None] * inputs
    best = minimize(
        lambda w: w @ w / 2,
        fits.weights[0] + 0.1,
        jac=lambda w: w,
        constraints={"type": "ineq", "fun": lambda w: signed @ w - 1, "jac": lambda w: signed},
        options={"ftol": 1e-14},
    )
    assert best.success
    np.testing.assert_allclose(fits.weights[0], best.x, rtol=1e-4, atol=1e-5)
    assert fits.separated.all()
    assert fits.min_margin[0] == pytest.approx(1, abs=1e-4)


def test_student_solves_its_own_problem_on_any_data():
    """First-order condition of a strictly convex problem, with wrong labels and unequal subsets."""
    inputs, labels = problem(count=300, flips=40)
    subsets = [np.arange(300), np.arange(70), np.array([5]), np.arange(0, 300, 2)]
    fits = train_large_margin(inputs, labels, subsets, slack_cost=10.0)
    assert not fits.separated[0]
    assert fits.misclassified[0] > 0
    for rows, weights in zip(subsets, fits.weights, strict=True):
        signed = labels[rows, None] * inputs[rows]
        slack = np.maximum(1 - signed @ weights, 0)
        np.testing.assert_allclose(weights, 10.0 * signed.T @ slack, atol=1e-7)
    assert np.all(np.abs(fits.relative_gap) <= 1e-8)


def test_batching_does_not_change_a_student():
    inputs, labels = problem(count=200)
    subsets = [np.arange(n) for n in (10, 50, 64, 65, 130, 200)]
    together = train_large_margin(inputs, labels, subsets)
    for i, rows in enumerate(subsets):
        alone = train_large_margin(inputs, labels, [rows])
        np.testing.assert_allclose(together.weights[i], alone.weights[0], rtol=1e-9, atol=1e-12)


def test_training_stopped_short_is_an_error():
    inputs, labels = problem(count=300, flips=20)
    with pytest.raises(ConvergenceError, match=r"1 of 1 students.*relative gap of 1e-08"):
        train_large_margin(inputs, labels, [np.arange(300)], slack_cost=1.0, max_steps=1)


def test_large_margin_bad_input():
    inputs, labels = problem()
    with pytest.raises(InputError, match="labels"):
        train_large_margin(inputs, labels + 1, [np.arange(3)])
    with pytest.raises(InputError, match="got none"):
        train_large_margin(inputs, labels, [])
    with pytest.raises(InputError, match=r"subsets\[1\].*\[0, 59\], got none"):
        train_large_margin(inputs, labels, [np.arange(3), np.array([], dtype=int)])
    with pytest.raises(InputError, match=r"subsets\[0\].*57 to 60"):
        train_large_margin(inputs, labels, [np.array([57, 60])])
    with pytest.raises(InputError, match="slack_cost"):
        train_large_margin(inputs, labels, [np.arange(3)], slack_cost=0.0)


def test_results_do_not_depend_on_the_callers_jax_settings():
    inputs, labels = problem()
    results = []
    for double in (False, True):
        with jax.enable_x64(double):
            results.append(train_large_margin(inputs, labels, [np.arange(60)]).weights)
            assert jax.config.jax_enable_x64 == double
    np.testing.assert_array_equal(results[0], results[1])
