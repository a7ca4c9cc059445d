"""Fits of the pruning theory: known parameters come back, foreign data are called foreign."""

import numpy as np
import pandas as pd
import pytest

import prunelaw
from prunelaw_sim.laws.kept_power_law import fit_kept_power_law
from prunelaw_sim.laws.pruning import fit_pruning
from prunelaw_sim.laws.pruning_search import best_line
from prunelaw_sim.tables.replicates import averaged
from prunelaw_sim.tables.sweep import Sweep

SIZES = (40, 100, 250, 600, 1500)
FRACTIONS = (0.3, 0.6)


def frame_of(error_of, noise=0.0, seeds=1):
    rng = np.random.default_rng(3)
    rows = [
        {"dataset_size": size, "keep_fraction": f, "rule": rule, "seed": seed,
         "error": float(error_of(size, f, rule)) + noise * rng.standard_normal()}
        for size in SIZES for f in FRACTIONS for rule in ("hard", "easy", "random")
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def theoretical(size, f, rule):
    return 0.02 + 0.7 * prunelaw.solve(size / 60.0, f, 0.35, rule).error


@pytest.fixture(scope="module")
def exact():
    sweep = Sweep.from_frame(frame_of(theoretical), "made from theory")
    return fit_pruning(sweep, hold_out_above=1000)


def test_parameters_come_back(exact):
    assert exact.dimension == pytest.approx(60.0, rel=1e-5)
    assert exact.theta == pytest.approx(0.35, abs=1e-5)
    assert exact.scale == pytest.approx(0.7, rel=1e-5)
    assert exact.floor == pytest.approx(0.02, abs=1e-6)
    assert exact.rmse < 1e-7
    assert exact.held_out.rmse < 1e-6 and exact.held_out.points == 6
    assert exact.describes and not exact.reasons and not exact.not_identified
    assert exact.error_at(1500, 0.3, "hard") == pytest.approx(
        float(theoretical(1500, 0.3, "hard")), abs=1e-6
    )


def test_dictionary_is_plain(exact):
    import json

    text = json.loads(json.dumps(exact.to_dict()))
    assert text["law"] == "pruning" and len(text["points"]) == 30


def test_noise_gives_honest_standard_errors():
    sweep = Sweep.from_frame(frame_of(theoretical, noise=0.003, seeds=6), "noisy")
    fit = fit_pruning(sweep)
    truth = {"dimension": 60.0, "theta": 0.35, "scale": 0.7, "floor": 0.02}
    for name, value in truth.items():
        assert abs(getattr(fit, name) - value) < 4 * fit.standard_errors[name]
        assert fit.standard_errors[name] < 0.5 * value
    assert fit.lack_of_fit > 1e-3 and fit.describes


def test_foreign_data_are_called_foreign():
    """A law in which easy examples are always worse at the same rate is not the theory's."""

    def foreign(size, f, rule):
        return 0.1 + {"hard": 0.5, "easy": 1.1, "random": 0.8}[rule] * (size * f) ** -0.3

    sweep = Sweep.from_frame(frame_of(foreign, noise=1e-3, seeds=4), "foreign")
    fit = fit_pruning(sweep, hold_out_above=1000)
    assert not fit.describes
    assert any("power law" in reason for reason in fit.reasons)
    assert any("lack of fit" in reason for reason in fit.reasons)


def test_too_few_points_are_refused():
    sweep = Sweep.from_frame(frame_of(lambda *_: 0.2).head(5), "short.csv")
    with pytest.raises(prunelaw.TableError, match=r"5 points .* needs at least 6"):
        fit_pruning(sweep)


def test_unknown_rule_is_named():
    frame = frame_of(lambda *_: 0.2).assign(rule="el2n")
    with pytest.raises(prunelaw.InputError, match=r"rule must be hard, easy, .* got 'el2n'"):
        fit_pruning(Sweep.from_frame(frame, "scores.csv"))


def test_lack_of_fit_is_calibrated_for_few_replicates():
    """Three replicates of exact data with noise: p must not be small more often than it says."""
    from prunelaw_sim.laws import pruning as module

    rng = np.random.default_rng(11)
    frame = frame_of(theoretical, seeds=3)
    truth = frame.groupby(list(module.COLUMNS[:3]))["error"].first().to_numpy()
    p_values = []
    for _ in range(200):
        noise = np.sqrt(frame["error"] * (1 - frame["error"])) * 0.01
        noisy = frame.assign(error=frame["error"] + noise * rng.standard_normal(len(frame)))
        points = averaged(Sweep.from_frame(noisy, "noisy"), module.COLUMNS[:3])
        # Against the truth all 30 points are free, and the statistic divides by 26.
        misfit = (points["error"].to_numpy() - truth) * np.sqrt(26 / 30)
        p_values.append(module._lack_of_fit(points, misfit, 4))
    assert np.mean(np.array(p_values) < 0.01) < 0.04


def test_the_baseline_is_a_power_law_of_each_rule():
    points = frame_of(lambda size, f, rule: 0.1 + len(rule) * (size * f) ** -0.4 / 10)
    law = fit_kept_power_law(points.assign(error_se=np.nan), np.ones(len(points), dtype=bool))
    assert law.floor == pytest.approx(0.1, abs=1e-4)
    assert law.exponents == pytest.approx(dict.fromkeys(("easy", "hard", "random"), 0.4), rel=1e-3)
    with pytest.raises(prunelaw.InputError, match="rule must be one that was fitted, got 'el2n'"):
        law.predict(points.assign(rule="el2n"))


def test_the_best_line_has_no_negative_part():
    points = pd.DataFrame({"error": [0.5, 0.3, 0.2], "error_se": [np.nan] * 3})
    cost, (scale, floor) = best_line(np.array([0.4, 0.2, 0.1]), points)
    assert (scale, floor) == pytest.approx((1.0, 0.1)) and cost < 1e-20
    assert best_line(np.array([0.1, 0.2, 0.4]), points)[1].min() == 0.0
