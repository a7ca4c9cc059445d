"""Coordinates about teacher, probe and u': the way there and back, and the chart made of them."""

import numpy as np
import pytest
from reference.make_chart import solved

from prunelaw.keep import as_rule
from prunelaw.perceptron import chart
from prunelaw.perceptron.frames import FRAMES, coordinates, nearest_frame, state_at
from prunelaw.perceptron.path import coarse_solution
from prunelaw.perceptron.saddle import Problem, local
from prunelaw.perceptron.solver import solved_points


def domain(seed, n, log_alpha=(-3, 6), largest=1.57):
    rng = np.random.default_rng(seed)
    alpha, f = 10 ** rng.uniform(*log_alpha, n), 10 ** rng.uniform(-3, 0, n)
    return alpha, f, rng.uniform(0, largest, n)


def problem(rule, alpha, f, theta):
    return Problem(alpha, theta, as_rule(rule, "rule").segments(f, theta), planar=True)


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_there_and_back_in_the_nearest_frame(rule):
    """On the scale σ over which the equations change, nothing is lost."""
    alpha, f, theta = domain(5, 300, (-1, 5), 1.5)
    part = solved_points(alpha, f, theta, rule).parts[0]
    frame = nearest_frame(part.problem, part.state)
    back = state_at(part.problem, coordinates(part.problem, part.state, frame), frame)
    step = np.stack([np.log(back[k] / part.state[k]) for k in (0, 1, 2)], axis=1)
    assert local(part.problem, part.state, step).max() < 1e-6
    assert set(frame) <= set(FRAMES) and (frame == (1 if rule == "easy" else 2)).any()


def test_a_held_student_is_close_to_the_probe():
    """Keep-easy at α_tot = 1e4, θ = .3, f = .02: ω = θ to four digits, and frame 1."""
    one = np.ones(1)
    part = solved_points(1e4 * one, 0.02 * one, 0.3 * one, "easy").parts[0]
    assert float(part.state.omega[0]) == pytest.approx(0.3, abs=1e-4)
    assert nearest_frame(part.problem, part.state).tolist() == [1]


@pytest.mark.parametrize("planar", [True, False])
@pytest.mark.parametrize("rule", chart.RULES)
def test_the_chart_is_what_the_solver_finds(rule, planar):
    """Some nodes of the shipped table, computed again without it."""
    rng = np.random.default_rng(11)
    load, f, theta = (axis for axis in chart.lattice(rule, planar=planar).nodes(rule))
    inside = np.flatnonzero((np.exp(load) / f < 1e6) & (load > chart.LEAST_LOAD + 0.1))
    take = rng.choice(inside, 60, replace=False)
    here = chart.problem_at(rule, load[take], f[take], theta[take], planar=planar)
    state, good = solved(here, f[take])
    assert good.all()
    charted = chart.chart_states(rule, here, f[take])
    np.testing.assert_allclose(np.log(charted.omega), np.log(state.omega), atol=2e-5)
    np.testing.assert_allclose(np.log(charted.kappa), np.log(state.kappa), atol=2e-5)


@pytest.mark.parametrize("rule", chart.RULES)
def test_most_starts_of_the_chart_lead_to_the_student(rule):
    alpha, f, theta = domain(2, 500)
    here = problem(rule, alpha, f, theta)
    inside = np.flatnonzero(chart.charted(here, f))
    assert len(inside) > 0.98 * len(f)
    part = here.take(inside)
    _, good = coarse_solution(part, chart.chart_states(rule, part, f[inside]))
    assert good.mean() > 0.9


def test_outside_the_chart_points_are_solved_as_well():
    """f below 1e-4, angles below .002, loads beyond 1e6."""
    solution = solved_points([10.0, 50.0, 3e6], [5e-5, 0.3, 0.9], [0.3, 1e-3, 0.5], "hard").solution
    assert solution.converged.all()
