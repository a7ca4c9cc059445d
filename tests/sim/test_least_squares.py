"""The minimiser on problems with known answers: large residuals, bounds, flat directions."""

import numpy as np
import pytest

from prunelaw_sim._least_squares import minimise

T = np.arange(1, 21) / 5.0


def brown_dennis(p, _):
    """20 residuals of order 60 at the minimum: steps of the linear model alone creep."""
    first = p[:, :1] + p[:, 1:2] * T - np.exp(T)
    second = p[:, 2:3] + p[:, 3:] * np.sin(T) - np.cos(T)
    parts = (2.0 * first, 2.0 * first * T, 2.0 * second, 2.0 * second * np.sin(T))
    return first**2 + second**2, np.stack(parts, axis=-1)


def solve(evaluate, start, rows, low, high, **options):
    start = np.atleast_2d(np.asarray(start, dtype=float))
    data = np.zeros((len(start), rows)), np.ones((len(start), rows))
    return minimise(evaluate, start, *data, np.asarray(low), np.asarray(high), **options)


def test_large_residuals():
    """Brown and Dennis 1972, as problem 16 of Moré, Garbow and Hillstrom 1981: 85822.2 at
    (−11.59, 13.20, −.4034, .2368)."""
    starts = [[25.0, 5.0, -5.0, -1.0], [-40.0, 40.0, 3.0, 1.0]]
    found = solve(brown_dennis, starts, 20, [-100.0] * 4, [100.0] * 4)
    assert found.settled.all() and (found.steps < 150).all()
    np.testing.assert_allclose(found.cost, 85822.2016, rtol=1e-9)
    np.testing.assert_allclose(found.p, [[-11.594, 13.204, -0.40344, 0.23678]] * 2, rtol=1e-4)


def test_a_bound_that_is_in_the_way():
    """The same with the second coordinate at most 10: the minimum over the face."""
    found = solve(brown_dennis, [25.0, 5.0, -5.0, -1.0], 20, [-100.0] * 4, [100.0, 10.0, 100, 100])
    assert found.settled.all() and found.p[0, 1] == pytest.approx(10.0, abs=1e-9)
    value, slope = brown_dennis(found.p, None)
    gradient = slope[0].T @ value[0]
    assert gradient[1] < 0.0
    np.testing.assert_allclose(gradient[[0, 2, 3]], 0.0, atol=1e-3 * abs(gradient[1]))


def test_a_hair_from_a_bound_is_at_it():
    """A flat direction that leads out of the box promises much and can gain nothing."""

    def flat(p, _):
        rows = np.stack([1.0 - 1e-9 * p[:, 0], p[:, 1] - 0.3], axis=1)
        slope = np.tile(np.array([[-1e-9, 0.0], [0.0, 1.0]]), (len(p), 1, 1))
        return rows, slope

    found = solve(flat, [1.0 - 1e-15, 0.0], 2, [0.0, 0.0], [1.0, 1.0])
    assert found.settled.all() and found.p[0] == pytest.approx([1.0, 0.3])
