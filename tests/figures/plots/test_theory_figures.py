"""Figures of the theory draw the arrays that they are given, each as a line with its name."""

import numpy as np
import pytest

import prunelaw
from prunelaw.pruning.phase import PhaseDiagram
from prunelaw_figures.plots.band_edges import band_edges
from prunelaw_figures.plots.information import information
from prunelaw_figures.plots.optimal_fraction import optimal_fraction
from prunelaw_figures.plots.pareto_frontier import pareto_frontier
from prunelaw_figures.plots.phase_map import phase_map
from prunelaw_figures.plots.pool_curves import pool_curves
from prunelaw_figures.plots.pruning_view import pruning_view
from prunelaw_figures.plots.switch_curve import switch_curve

X = np.array([1.0, 3.0, 10.0, 30.0])
TWO = np.stack([0.3 / X, 0.2 / X])


def lines(panel) -> dict[str, np.ndarray]:
    """Name → heights of the lines that have one."""
    return {str(one.get_label()): np.asarray(one.get_ydata()) for one in panel.lines}


def test_information_has_nats_left_and_errors_right():
    left, right = information(X, ["unpruned", "hard"], TWO, 0.5 * TWO).axes
    np.testing.assert_array_equal(lines(left)["hard"], TWO[1])
    np.testing.assert_array_equal(lines(right)["unpruned"], 0.5 * TWO[0])


def test_optimal_fraction_is_faint_at_the_end_of_the_range():
    at_end = np.array([[False, False, True, True], [False] * 4])
    left, right = optimal_fraction(X, [0.0, 5.0], TWO, TWO, 2.0 * TWO[0], at_end).axes
    np.testing.assert_array_equal(lines(left)["θ = 0°"], np.where(at_end[0], np.nan, TWO[0]))
    faint = [one for one in left.lines if one.get_alpha() == 0.35]
    np.testing.assert_array_equal(faint[0].get_ydata(), np.where(at_end[0], TWO[0], np.nan))
    np.testing.assert_allclose(lines(right)["θ = 5°"], TWO[1] / TWO[0] / 2.0)


def test_pareto_frontier_shows_fixed_fractions_left_and_all_frontiers_right():
    figure = pareto_frontier(X, [0.5, 0.2], TWO, [0.0, 5.0], 0.9 * TWO, TWO[0])
    left, right = figure.axes
    np.testing.assert_array_equal(lines(left)["f = 0.2"], TWO[1])
    np.testing.assert_array_equal(lines(left)["frontier"], 0.9 * TWO[0])
    np.testing.assert_array_equal(lines(right)["θ = 5°"], 0.9 * TWO[1])


def test_switch_curve_has_a_line_an_angle():
    (panel,) = switch_curve(np.array([0.1, 0.3, 0.5, 0.8]), [0.0, 10.0], 10.0 * TWO).axes
    shown = [np.asarray(one.get_ydata()) for one in panel.lines]
    assert all(any(np.array_equal(row, one) for one in shown) for row in 10.0 * TWO)


def test_band_edges_has_bands_above_and_errors_of_every_rule_below():
    errors = {rule: k * TWO for k, rule in enumerate(("hard", "easy", "random", "band"), 1)}
    high = np.array([[0.5, 0.6, np.inf, np.inf]] * 2)
    figure = band_edges(X, [0.1, 0.3], 0.2, 0.1 * TWO, high, errors)
    below = figure.axes[2:]
    for i, panel in enumerate(below):
        np.testing.assert_array_equal(lines(panel)["best band"], 4.0 * TWO[i])
        np.testing.assert_array_equal(lines(panel)["keep easy"], 2.0 * TWO[i])


def test_pool_curves_have_one_scale_for_pools_and_unions():
    left, right = pool_curves(1e6 * X, ["a", "b"], TWO, ["top"], 0.5 * TWO[:1], 3e6).axes
    np.testing.assert_array_equal(lines(left)["b"], TWO[1])
    np.testing.assert_array_equal(lines(right)["top"], 0.5 * TWO[0])
    assert left.get_ylim() == right.get_ylim()


def test_phase_map_names_the_rules_where_they_are_best():
    error = {"hard": np.full((6, 6), 0.2), "random": np.full((6, 6), 0.3)}
    error["random"][:, :3] = 0.1
    x, y, none = np.geomspace(1, 100, 6), np.geomspace(0.1, 0.9, 6), np.full((6, 6), np.nan)
    solved = np.ones((6, 6), bool)
    diagram = PhaseDiagram("alpha_tot", "f", x, y, {"theta": 0.3}, error, none, none, solved)
    left = phase_map(diagram).axes[0]
    names = {text.get_text(): text.xy[0] for text in left.texts if text.get_text() in error}
    assert names["random"] < x[3] <= names["hard"]


def test_pruning_view_marks_the_point_on_both_curves():
    exact = prunelaw.solve(3.0, 0.5, 0.3, "hard").error.item()
    for panel, x in zip(pruning_view(3.0, 0.5, 0.3, "hard").axes[:2], (0.5, 3.0), strict=True):
        (mark,) = (one for one in panel.lines if one.get_marker() == "o")
        assert mark.get_xdata()[0] == x
        assert mark.get_ydata()[0] == pytest.approx(exact, rel=1e-12)
