"""Widgets show what the solver says, follow their sliders, and say what they need."""

import builtins

import pytest

import prunelaw
from prunelaw.decay.filtering import best_filter, switch_points
from prunelaw.decay.utility import PUBLISHED
from prunelaw.errors import InputError
from prunelaw_figures import widgets
from prunelaw_figures.plots.pools_view import pools_view
from prunelaw_figures.plots.pruning_view import pruning_view

pytest.importorskip("ipywidgets", reason="the extra `notebook` is not installed")


def test_numbers_follow_the_sliders():
    box = widgets.explore_pruning(alpha_tot=3.0, f=0.5, theta=0.3, rule="hard")
    line, image = box.children[-2:]
    assert "ε = 0.245942" in line.value
    before = bytes(image.value)
    box.controls["alpha_tot"].value = 30.0
    wanted = prunelaw.solve(30.0, 0.5, 0.3, "hard").error
    assert f"ε = {wanted:.6f}" in line.value
    assert bytes(image.value).startswith(b"\x89PNG") and bytes(image.value) != before


def test_the_best_filter_follows_the_budget():
    box = widgets.explore_filters(samples_seen=32e6)
    line = box.children[-2]
    assert "the first 1 of 4 pools" in line.value
    box.controls["samples_seen"].value = 640e6
    choice = best_filter(PUBLISHED["utility"], 640e6)
    assert (
        f"the first {int(choice.n_pools)} of 4 pools, error {float(choice.error):.4f}" in line.value
    )


def test_a_point_without_solution_is_said_in_place_of_its_number(monkeypatch):
    box = widgets.explore_pruning()

    def fails(*_, **__):
        raise prunelaw.ConvergenceError("no solution here")

    monkeypatch.setattr(prunelaw, "solve", fails)
    box.controls["alpha_tot"].value = 5.0
    assert "not solved" in box.children[-2].value and "no solution here" in box.children[-2].value


def test_a_missing_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "ipywidgets":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"prunelaw\[notebook\]"):
        widgets.explore_pruning()


def test_values_out_of_range_are_named():
    with pytest.raises(InputError, match="α_tot must be in"):
        widgets.explore_pruning(alpha_tot=1e9)


def test_views_show_the_point_and_the_switches():
    figure = pruning_view(3.0, 0.5, 0.3, "easy")
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert marks[0].get_ydata()[0] == prunelaw.solve(3.0, 0.5, 0.3, "easy").error
    left = pools_view(PUBLISHED["utility"], 640e6).axes[0]
    dashed = [line.get_xdata()[0] for line in left.lines if line.get_linestyle() == "--"]
    switches = switch_points(PUBLISHED["utility"], 1e7, 1e10)
    assert dashed == [switch.samples_seen / 1e6 for switch in switches]
