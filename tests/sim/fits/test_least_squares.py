"""The batched Levenberg–Marquardt: known minima, bounds, eliminated parameters, honest ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from prunelaw_sim.fits.least_squares import minimise

T = np.linspace(0.0, 3.0, 12)


def decay(p, _):
    """p0 exp(−p1 t) + p2."""
    with np.errstate(over="ignore"):
        fall = np.exp(-p[:, 1:2] * T)
        jacobian = np.stack([fall, -p[:, :1] * T * fall, np.ones_like(fall)], axis=2)
        return p, p[:, :1] * fall + p[:, 2:], jacobian


def box(low=-10.0, high=10.0, p=3):
    return np.full(p, low), np.full(p, high)


def run(start, target, low=None, high=None, **options):
    start = np.atleast_2d(start).astype(float)
    target = np.broadcast_to(target, (len(start), T.size))
    ends = (box()[0] if low is None else low, box()[1] if high is None else high)
    return minimise(decay, start, target, np.ones_like(target), *ends, **options)


def exact(*p):
    return decay(np.array([p], dtype=float), None)[1][0]


def test_exact_data_give_the_parameters_from_every_start():
    starts = np.random.default_rng(0).uniform(0.1, 3.0, (50, 3))
    found = run(starts, exact(2.0, 0.7, 0.5))
    assert found.settled.all()
    np.testing.assert_allclose(found.p, np.tile([2.0, 0.7, 0.5], (50, 1)), rtol=1e-10)


@given(st.integers(0, 10_000))
def test_noisy_data_end_where_scipy_does(seed):
    random = np.random.default_rng(seed)
    target = exact(2.0, 0.7, 0.5) + 0.05 * random.standard_normal(T.size)
    found = run([1.0, 1.0, 0.0], target)
    scipys = least_squares(
        lambda p: decay(p[None], None)[1][0] - target,
        [1.0, 1.0, 0.0],
        jac=lambda p: decay(p[None], None)[2][0],
        bounds=box(),
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    assert found.settled[0]
    assert found.cost[0] <= 2.0 * scipys.cost * (1.0 + 1e-9)


def test_a_bound_holds_and_the_rest_is_at_its_best_there():
    found = run([1.0, 1.0, 0.9], exact(2.0, 0.7, 0.5), low=np.array([-10.0, -10.0, 0.8]))
    assert found.settled[0]
    assert found.p[0, 2] == 0.8
    free = least_squares(
        lambda q: decay(np.array([[*q, 0.8]]), None)[1][0] - exact(2.0, 0.7, 0.5), [1.0, 1.0]
    )
    assert found.cost[0] == pytest.approx(2.0 * free.cost, rel=1e-6)


def test_equal_ends_give_a_parameter():
    low, high = box()
    low[1] = high[1] = 0.4
    found = run([1.0, 1.0, 0.0], exact(2.0, 0.7, 0.5), low=low, high=high)
    assert found.settled[0] and found.p[0, 1] == 0.4


def test_eliminated_parameters_end_at_the_same_minimum_in_fewer_steps():
    random = np.random.default_rng(3)
    target = exact(2.0, 0.7, 0.5) + 0.05 * random.standard_normal((20, T.size))
    starts = np.column_stack([np.ones(20), np.linspace(0.1, 3.0, 20), np.zeros(20)])

    def eliminated(p, which):
        best = p.copy()
        for row, problem in enumerate(which):
            columns = np.column_stack([np.exp(-p[row, 1] * T), np.ones_like(T)])
            best[row, [0, 2]] = np.linalg.lstsq(columns, target[problem], rcond=None)[0]
        return decay(best, which)

    weight = np.ones_like(target)
    inner = np.array([True, False, True])
    plain = minimise(decay, starts, target, weight, *box())
    projected = minimise(eliminated, starts, target, weight, *box(-99.0, 99.0), inner=inner)
    assert plain.settled.all() and projected.settled.all()
    np.testing.assert_allclose(projected.cost, plain.cost, rtol=1e-9)
    assert projected.steps.mean() < 0.75 * plain.steps.mean()


def test_a_problem_does_not_depend_on_its_neighbours():
    starts = np.random.default_rng(1).uniform(0.1, 3.0, (7, 3))
    target = exact(2.0, 0.7, 0.5) + 0.05 * np.random.default_rng(2).standard_normal(T.size)
    together = run(starts, target)
    for i in range(7):
        alone = run(starts[i], target)
        np.testing.assert_allclose(alone.p[0], together.p[i], rtol=1e-12)


def test_a_start_without_a_finite_cost_is_flagged():
    found = run([[1.0, -1e4, 0.0], [1.0, 1.0, 0.0]], exact(2.0, 0.7, 0.5), *box(-1e5, 1e5))
    assert found.settled.tolist() == [False, True]
    assert found.cost[0] == np.inf


def test_too_few_steps_are_not_called_settled():
    found = run([5.0, 3.0, 2.0], exact(2.0, 0.7, 0.5), most_steps=1)
    assert not found.settled[0] and found.steps[0] == 1


def test_what_the_data_do_not_know_stays_where_it_was():
    """A parameter without influence is left alone, and does not keep the others from settling."""

    def blind(p, _):
        p, predicted, jacobian = decay(p, None)
        jacobian[:, :, 1] = 0.0
        return p, predicted * 0.0 + p[:, :1] + 2.0 * p[:, 2:], np.ones_like(jacobian) * [1, 0, 2]

    start = np.array([[1.0, 0.3, 0.0]])
    found = minimise(blind, start, np.full((1, T.size), 4.0), np.ones((1, T.size)), *box())
    assert found.settled[0] and found.p[0, 1] == 0.3
    assert found.p[0, 0] + 2.0 * found.p[0, 2] == pytest.approx(4.0, rel=1e-12)


STEPS = np.arange(1, 21) / 5.0


def brown_dennis(p, _):
    """20 residuals of order 60 at the minimum: steps of the linear model alone creep."""
    first = p[:, :1] + p[:, 1:2] * STEPS - np.exp(STEPS)
    second = p[:, 2:3] + p[:, 3:] * np.sin(STEPS) - np.cos(STEPS)
    parts = (2.0 * first, 2.0 * first * STEPS, 2.0 * second, 2.0 * second * np.sin(STEPS))
    return p, first**2 + second**2, np.stack(parts, axis=-1)


def solve_zero(evaluate, start, rows, low, high, **options):
    start = np.atleast_2d(np.asarray(start, dtype=float))
    data = np.zeros((len(start), rows)), np.ones((len(start), rows))
    return minimise(evaluate, start, *data, np.asarray(low), np.asarray(high), **options)


def test_large_residuals():
    """Brown and Dennis 1972, as problem 16 of Moré, Garbow and Hillstrom 1981: 85822.2 at
    (−11.59, 13.20, −.4034, .2368)."""
    starts = [[25.0, 5.0, -5.0, -1.0], [-40.0, 40.0, 3.0, 1.0]]
    found = solve_zero(brown_dennis, starts, 20, [-100.0] * 4, [100.0] * 4)
    assert found.settled.all() and (found.steps < 150).all()
    np.testing.assert_allclose(found.cost, 85822.2016, rtol=1e-9)
    np.testing.assert_allclose(found.p, [[-11.594, 13.204, -0.40344, 0.23678]] * 2, rtol=1e-4)


def test_a_bound_that_is_in_the_way():
    """The same with the second coordinate at most 10: the minimum over the face."""
    found = solve_zero(
        brown_dennis, [25.0, 5.0, -5.0, -1.0], 20, [-100.0] * 4, [100.0, 10.0, 100, 100]
    )
    assert found.settled.all() and found.p[0, 1] == pytest.approx(10.0, abs=1e-9)
    _, value, slope = brown_dennis(found.p, None)
    gradient = slope[0].T @ value[0]
    assert gradient[1] < 0.0
    np.testing.assert_allclose(gradient[[0, 2, 3]], 0.0, atol=1e-3 * abs(gradient[1]))


def test_a_hair_from_a_bound_is_at_it():
    """A flat direction that leads out of the box promises much and can gain nothing."""

    def flat(p, _):
        rows = np.stack([1.0 - 1e-9 * p[:, 0], p[:, 1] - 0.3], axis=1)
        slope = np.tile(np.array([[-1e-9, 0.0], [0.0, 1.0]]), (len(p), 1, 1))
        return p, rows, slope

    found = solve_zero(flat, [1.0 - 1e-15, 0.0], 2, [0.0, 0.0], [1.0, 1.0])
    assert found.settled.all() and found.p[0] == pytest.approx([1.0, 0.3])
