"""Figures draw what they are given: every point, every switch, named axes with units."""

import numpy as np
import pandas as pd
import pytest
from figures import checks
from matplotlib.figure import Figure

import prunelaw
from prunelaw.decay.repetition import DataConstrained, Overfit
from prunelaw.decay.utility import UtilityLaw
from prunelaw.errors import InputError
from prunelaw_figures.plots.best_filter import best_filter_figure
from prunelaw_figures.plots.capacity import capacity
from prunelaw_figures.plots.decay_fits import decay_lines, decay_points, draw_decay_fits
from prunelaw_figures.plots.law_comparison import law_comparison
from prunelaw_figures.plots.learning_curves import learning_curves
from prunelaw_figures.plots.loss_valley import ridge
from prunelaw_figures.plots.real_study import ProbeStudy, real_study
from prunelaw_figures.plots.real_sweep import pruning_sweep, utility_sweep
from prunelaw_figures.plots.rising_loss import rising_loss
from prunelaw_figures.plots.style import save
from prunelaw_figures.plots.theory_vs_simulation import theory_vs_simulation
from prunelaw_sim.fits.intervals import parameter_intervals
from prunelaw_sim.laws.comparison import compare_laws
from prunelaw_sim.laws.pruning_intervals import pruning_intervals
from prunelaw_sim.laws.scaling import fit_data_constrained
from prunelaw_sim.laws.utility import fit_utility
from prunelaw_sim.studies.answers import Estimate
from prunelaw_sim.tables.paired_errors import PairedErrors
from prunelaw_sim.verification.published import check_utility
from prunelaw_sim.verification.real import check_sweeps


def drawn(figure, tmp_path):
    """The figure, after it could be written; no text may be missing from the axes."""
    save(figure, tmp_path / "figure.png")
    assert isinstance(figure, Figure)
    for axes in figure.axes:
        assert axes.get_xlabel()
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            assert text.get_parse_math() or "mathdefault" not in text.get_text()
    return figure


def test_theory_vs_simulation_has_every_point(tmp_path):
    check = checks.simulation_check()
    left, right = drawn(theory_vs_simulation(check), tmp_path).axes
    shown = np.concatenate([bar.lines[0].get_xdata() for bar in left.containers])
    np.testing.assert_allclose(np.sort(shown), np.sort(check.agreement.theory))
    assert len(right.get_yticklabels()) == len(check.points)


def test_best_filter_marks_every_switch(tmp_path):
    check = check_utility()
    for panel, found in zip(
        drawn(best_filter_figure(check), tmp_path).axes, check.conventions, strict=True
    ):
        texts = [text.get_text() for text in panel.texts]
        assert texts == [
            f"{s.from_pools}→{s.to_pools}: {s.samples_seen / 1e6:.0f}M" for s in found.switches
        ]


def test_sweeps_show_all_runs_and_open_markers_for_held_out_ones(tmp_path):
    fits = check_sweeps((checks.pruning_sweep(), checks.repetition_sweep(noise=0.02))).fits
    laws = {fit.law: fit for fit in fits}
    for law, figure in (("pruning", pruning_sweep), ("utility", utility_sweep)):
        axes = figure(laws[law]).axes
        bars = [bar.lines[0] for panel in axes for bar in panel.containers]
        assert sum(len(line.get_xdata()) for line in bars) == len(laws[law].table)
        hollow = [line for line in bars if line.get_fillstyle() == "none"]
        assert sum(len(line.get_xdata()) for line in hollow) == laws[law].held_out_points


def test_learning_curves_draw_theory_and_simulated_points(tmp_path):
    run = checks.simulation(3.0, 0.5, 0.3, "hard", dim=50, error=[0.20, 0.22, 0.24])
    panel = drawn(learning_curves(0.5, 0.3, {"hard": [run]}), tmp_path).axes[0]
    assert "N = 50" in panel.get_title(loc="left")
    points = [y for bar in panel.containers for y in bar.lines[0].get_ydata()]
    assert points == [pytest.approx(0.22)]


def test_laws_side_by_side_show_every_run_and_open_the_held_out_ones(tmp_path):
    table = checks.repetition_sweep(noise=0.02)
    found = compare_laws(table, ["no-decay", "utility"])
    panels = drawn(law_comparison(found), tmp_path).axes
    assert [panel.get_title(loc="left").split("\n")[0] for panel in panels] == [
        f"{name} (best)" if name == found.best else name for name in found.fits
    ]
    for panel in panels:
        points = [line for line in panel.lines if line.get_linestyle() == "None"]
        hollow = [line for line in points if line.get_fillstyle() == "none"]
        assert sum(len(line.get_xdata()) for line in points) == len(table)
        held_out = (table["samples_seen"] > found.hold_out_above).sum()
        assert sum(len(line.get_xdata()) for line in hollow) == held_out
        dashed = [line for line in panel.lines if line.get_linestyle() == "--"]
        for line in dashed:
            assert np.isfinite(line.get_ydata()[-1])  # predictions beyond the fitted runs
    with pytest.raises(InputError, match="laws must be one of"):
        law_comparison(found, ["overfit"])


def test_rising_loss_rings_what_no_falling_law_fits(tmp_path):
    unique, size, seen = 1e6, np.repeat([1e6, 1e8], 6), np.tile(np.geomspace(1e6, 3e8, 6), 2)
    law = Overfit(DataConstrained(1.7, 400.0, 410.0, 0.34, 0.28), c=0.05, q=0.5)
    columns = {"samples_seen": seen, "unique_samples": unique, "parameters": size}
    table = pd.DataFrame(columns | {"epochs": seen / unique, "error": law.loss(seen, unique, size)})
    fits = {"falling": fit_data_constrained(table, 2e8, repeats=False, saturates=False)}
    panels = drawn(rising_loss(table, fits, unique, (1e6, 1e8)), tmp_path).axes
    rings = [line for line in panels[1].lines if line.get_label() == "above a shorter run"]
    assert len(rings[0].get_xdata()) == int((np.diff(table["error"][6:]) > 0.0).sum()) > 1
    hollow = [line for line in panels[0].lines if line.get_label() == "held out"]
    assert list(hollow[0].get_xdata()) == pytest.approx([300.0])
    assert [line.get_label() for line in panels[0].lines][-1] == "falling"


def test_save_never_overwrites(tmp_path):
    (tmp_path / "figure.png").write_text("mine")
    with pytest.raises(InputError, match="which exists and is not overwritten"):
        save(Figure(), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_text() == "mine"


def test_capacity_shows_the_step_and_what_follows_it(tmp_path):
    """At f = .001 the error falls from above .49 to below .005 around α_prune = 2; then ε ∝ f."""
    left, right = drawn(capacity((0.01, 0.001)), tmp_path).axes
    x, error = (np.asarray(v) for v in left.lines[1].get_data())
    assert error[x < 1.9].min() > 0.49 and error[x > 2.1].max() < 0.005
    one, two = (line.get_ydata()[-1] for line in right.lines[:2])
    assert one == pytest.approx(two, rel=0.02)


def decay_table():
    rows = [
        (
            "x",
            unique,
            seen,
            float(UtilityLaw(1.0, -0.2, 6.0 * unique / 1e6, 0.08).error(seen, unique)),
        )
        for unique in (1e6, 4e6)
        for seen in (1e6, 4e6, 16e6, 64e6, 256e6)
    ]
    table = pd.DataFrame(rows, columns=["pool", "unique_samples", "samples_seen", "error"])
    noise = 0.004 * np.random.default_rng(0).standard_normal(len(table))
    return table.assign(error=table["error"] + noise)


@pytest.mark.parametrize("count", [2, pytest.param(24, marks=pytest.mark.exhaustive)])
def test_decay_fits_show_every_run_and_leave_held_out_ones_open(tmp_path, count):
    table = decay_table()
    fit = fit_utility(table, hold_out_above=1e8)
    lines = decay_lines({"g": fit}, {"g": table}, count=count)
    assert len(lines) == 2 * count and (lines["low"] < lines["value"]).all()
    assert (lines["value"] < lines["high"]).all()
    (axes,) = drawn(draw_decay_fits(decay_points({"g": fit}, {"g": table}), lines), tmp_path).axes
    points = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert sum(len(line.get_xdata()) for line in points) == len(table)
    hollow = [line for line in points if line.get_markerfacecolor() == "none"]
    assert sum(len(line.get_xdata()) for line in hollow) == fit.held_out.points


def test_ridge_marks_what_the_interval_holds(tmp_path):
    fit = fit_utility(decay_table())
    left, right = drawn(ridge(fit, "x", 0.2), tmp_path).axes
    held = parameter_intervals(fit, 0.9, ["d"])["d"]
    marked = right.lines[1].get_xdata()
    assert held.low - 1e-4 <= marked.min() and marked.max() <= held.high + 1e-4
    assert left.get_ylim()[0] == 0.0


def test_real_study_shows_every_probe_and_what_was_held_out(tmp_path):
    """Of errors made by the theory itself: three panels, a point an angle, open ones held out."""
    cells = [(p, 0.5, r) for p in (40, 80, 160, 320) for r in ("hard", "easy", "random")]
    cells += [(p, 1.0, "random") for p in (40, 80, 160, 320)]
    frame = pd.DataFrame(cells, columns=pd.Index(["dataset_size", "keep_fraction", "rule"]))
    size, f, rule = (frame[name].to_numpy() for name in frame.columns)
    error = prunelaw.solve(size / 30.0, f, 0.4, rule.astype(str)).error
    noise = 0.004 * np.random.default_rng(0).normal(size=(len(frame), 6))
    errors = PairedErrors(frame, error[:, None] + noise, tuple(range(6)))
    angle = Estimate(0.4, 0.02, (0.37, 0.43))
    found = pruning_intervals(errors, hold_out_above=200, resamples=20)
    one = ProbeStudy(errors, found, angle, angle)
    left, middle, right = drawn(
        real_study({400: one, 40: one}, 0.5, "random", [0.5]), tmp_path
    ).axes
    shown = np.concatenate([bar.lines[0].get_xdata() for bar in left.containers])
    assert sorted(set(shown)) == [40, 80, 160, 320]
    assert len(middle.lines) == 3 and len(right.containers) == 3
    assert [text.get_text() for text in right.get_xticklabels()] == ["400", "40"]
