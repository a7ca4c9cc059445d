"""Coarse starts: near the solution for every point, with a chart and without."""

import numpy as np
import pytest

from prunelaw.perceptron.chart import problem_at
from prunelaw.perceptron.saddle import refined
from prunelaw.perceptron.starts import coarse_states


@pytest.mark.parametrize("rule", ["hard", ""])
def test_every_point_gets_a_start_near_its_solution(rule):
    load, f, theta = np.array([0.0, 2.0]), np.array([0.3, 0.5]), np.array([0.4, 0.6])
    problem = problem_at("hard", load, f, theta, planar=True)
    state, solved = coarse_states(problem, f, rule)
    assert solved.all()
    exact = refined(problem, state, solved)
    assert exact.converged.all()
    np.testing.assert_allclose(state.omega, exact.state.omega, rtol=1e-2)
