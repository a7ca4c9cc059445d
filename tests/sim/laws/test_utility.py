"""Fits of utility decay: exact data give exact answers, and doubt where there is some."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sim.laws.pools import PUBLISHED_POOLS, TRUTH, A, D, exact_table, five_points, noisy_table

from prunelaw.decay.utility import CONVENTIONS, UtilityLaw
from prunelaw.errors import InputError
from prunelaw_sim.fits.least_squares import minimise_model
from prunelaw_sim.laws.utility import fit_utility


def assert_truth(fit, pools, rel):
    assert fit.a == pytest.approx(A, rel=rel)
    assert fit.d == pytest.approx(D, rel=rel)
    for name in pools:
        b, tau, smallest = TRUTH[name]
        assert fit.pools[name]["b"] == pytest.approx(b, rel=rel)
        assert fit.pools[name]["tau"] == pytest.approx(tau, rel=rel)
        assert fit.pools[name]["unique_samples"] == smallest


class TestExactData:
    @pytest.mark.parametrize("convention", CONVENTIONS)
    @pytest.mark.parametrize("pools", [("good",), ("good", "poor")])
    def test_parameters_come_back(self, convention, pools):
        fit = fit_utility(exact_table(pools, convention), convention=convention)
        assert np.abs(fit.residuals).max() < 1e-9
        assert_truth(fit, pools, rel=1e-6)
        assert not fit.not_identified

    def test_effective_data_by_name(self):
        fit = fit_utility(exact_table(convention="effective_data"), law="effective-data")
        assert fit.convention == "effective_data"
        assert_truth(fit, TRUTH, rel=1e-6)

    def test_no_decay(self):
        fit = fit_utility(exact_table(decays=False), law="no-decay")
        assert np.abs(fit.residuals).max() < 1e-9
        assert fit.a == pytest.approx(A, rel=1e-6)
        assert fit.pools["poor"]["tau"] == math.inf
        assert fit.parameters == ("a", "d", "b[good]", "b[poor]")

    def test_without_irreducible_error_d_is_held_at_zero(self):
        fit = fit_utility(exact_table(("good",), d=0.0))
        assert fit.d == pytest.approx(0.0, abs=1e-5)
        assert "bound 0" in fit.not_identified["d"]
        assert np.abs(fit.residuals).max() < 1e-6

    def test_held_out_rows_are_predicted(self):
        table = exact_table()
        fit = fit_utility(table, hold_out_above=2e7)
        beyond = int((table["samples_seen"] > 2e7).sum())
        assert fit.held_out is not None
        assert fit.held_out.points == beyond
        assert fit.held_out.rmse < 1e-8
        assert fit.points == len(table) - beyond
        np.testing.assert_array_equal(fit.fitted, table["samples_seen"] <= 2e7)

    def test_predict_gives_the_law_at_other_sizes(self):
        fit = fit_utility(exact_table())
        new = pd.DataFrame(
            {"pool": ["poor"], "unique_samples": [1.6e7], "samples_seen": [7.7e8]}, index=["x"]
        )
        law = UtilityLaw(A, -0.12, 2.5 * 4.0, D)
        assert fit.predict(new) == pytest.approx([float(law.error(7.7e8, 1.6e7))], rel=1e-7)

    def test_prefactor_is_that_of_the_first_epoch(self):
        pool = fit_utility(exact_table(("good",))).pools["good"]
        law = UtilityLaw(A, -0.21, 6.0, D)
        assert pool["prefactor"] * 5e5 ** pool["b"] + D == pytest.approx(float(law.error(5e5, 1e6)))


class TestFivePoints:
    @pytest.mark.parametrize("pools", [("p0",), tuple(PUBLISHED_POOLS)])
    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_parameters_come_back_to_a_millionth(self, convention, pools):
        fit = fit_utility(five_points(convention, pools), convention=convention)
        assert fit.a == pytest.approx(0.025, rel=1e-6)
        assert fit.d == pytest.approx(0.1, rel=1e-6)
        for name in pools:
            assert fit.pools[name]["b"] == pytest.approx(PUBLISHED_POOLS[name][0], rel=1e-6)
            assert fit.pools[name]["tau"] == pytest.approx(PUBLISHED_POOLS[name][1], rel=1e-6)
        assert fit.other_optima == ()

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_the_same_from_every_start(self, convention):
        """From 200 starts all over the box: whatever fits exactly is the truth, and no start ends
        lower than the fit."""
        fit = fit_utility(five_points(convention, ("p0",)), convention=convention)
        model, problem = fit.problem.model, fit.problem
        share = np.random.default_rng(1).random((200, fit.point.size))
        starts = model.low + (model.high - model.low) * share
        ends = minimise_model(model, starts, problem.error, problem.weight)
        exact = ends.cost < 1e-20
        assert exact.sum() > 50
        np.testing.assert_allclose(ends.p[exact], np.tile(fit.point, (exact.sum(), 1)), rtol=1e-6)
        assert ends.cost.min() >= problem.cost(fit.point) - 1e-24

    @pytest.mark.parametrize("seed", range(8))
    def test_no_start_beats_the_fit_of_noisy_data(self, seed):
        fit = fit_utility(five_points("paper", sigma=0.004, seed=seed))
        model, problem = fit.problem.model, fit.problem
        random = np.random.default_rng(seed)
        starts = fit.point + random.normal(0.0, 1.0, (100, fit.point.size))
        starts = np.clip(starts, model.low, model.high)
        ends = minimise_model(model, starts, problem.error, problem.weight)
        assert ends.cost.min() >= problem.cost(fit.point) * (1.0 - 1e-9)


class TestChoices:
    def test_groups_fitted_together_share_half_lives(self):
        one, two = exact_table(), exact_table()
        steep = two["pool"].map({name: truth[0] for name, truth in TRUTH.items()})
        two["error"] = 3.0**steep * (two["error"] - D) + 0.2  # a three times as large
        both = pd.concat([one.assign(group="one"), two.assign(group="two")], ignore_index=True)
        fit = fit_utility(both, together=True)
        assert [n for n in fit.parameters if n.startswith("tau")] == ["tau[good]", "tau[poor]"]
        assert fit.values["tau[good]"] == pytest.approx(6.0, rel=1e-6)
        assert fit.curve("one")["d"] == pytest.approx(D, rel=1e-6)
        assert fit.curve("two")["a"] == pytest.approx(3.0 * A, rel=1e-6)
        assert fit.curve("two")["d"] == pytest.approx(0.2, rel=1e-6)
        with pytest.raises(InputError, match="group must be one of one, two"):
            fit.curve()
        assert set(fit.to_dict()["curves"]) == {"one", "two"}
        alone = both[both["group"] == "two"]  # rows of one group are predicted as among all
        np.testing.assert_array_equal(fit.predict(alone), fit.predicted[alone.index])

    @pytest.mark.parametrize("s", [0.0, 0.4, 1.0])
    def test_the_stretch_of_tau_comes_back(self, s):
        rows = []
        for stretch in (1.0, 4.0):
            law = UtilityLaw(A, -0.21, 6.0 * stretch**s, D)
            for epochs in (0.5, 2.0, 5.0, 12.0, 30.0):
                error = float(law.error(epochs * stretch * 1e6, stretch * 1e6))
                rows.append(("x", stretch * 1e6, epochs * stretch * 1e6, error))
        columns = ["pool", "unique_samples", "samples_seen", "error"]
        fit = fit_utility(pd.DataFrame(rows, columns=columns), stretch=None)
        assert fit.stretch == pytest.approx(s, abs=1e-6)
        assert fit.pools["x"]["tau"] == pytest.approx(6.0, rel=1e-6)

    def test_bounds_hold_and_equal_ends_give_a_value(self):
        fit = fit_utility(noisy_table(), bounds={"d": (0.05, 0.05), "tau[good]": (7.0, 9.0)})
        assert fit.d == 0.05
        assert fit.pools["good"]["tau"] == pytest.approx(7.0, rel=1e-12)
        assert fit.standard_errors["d"] == 0.0

    def test_a_ceiling_keeps_errors_below_it(self):
        law = UtilityLaw(0.01, -0.3, 3.0, 0.05)
        seen = np.geomspace(1e5, 1e8, 12)
        capped = law.error(seen, 1e6)
        capped = capped / (1.0 + capped**8) ** 0.125
        table = pd.DataFrame(
            {"pool": "x", "unique_samples": 1e6, "samples_seen": seen, "error": capped}
        )
        assert law.error(seen, 1e6).max() > 1.0
        fit = fit_utility(table, ceiling=1.0)
        assert fit.a == pytest.approx(0.01, rel=1e-5)
        assert fit.predict(table.assign(samples_seen=1.0)).max() <= 1.0

    def test_pools_go_on_to_the_best_filter(self):
        pools = fit_utility(exact_table()).to_pools()
        assert [pool.name for pool in pools] == ["good", "poor"]
        assert pools[0].law.b == pytest.approx(-0.21, rel=1e-6)


class TestEvidence:
    def test_rmse_and_residuals_belong_together(self):
        table = noisy_table()
        fit = fit_utility(table)
        np.testing.assert_allclose(fit.predicted + fit.residuals, table["error"], rtol=1e-15)
        np.testing.assert_allclose(fit.predict(table), fit.predicted, rtol=1e-12)
        assert fit.rmse == pytest.approx(float(np.sqrt((fit.residuals**2).mean())), rel=1e-14)

    def test_standard_errors_are_honest(self):
        """Over 30 noisy tables the deviations from the truth have about unit spread."""
        scores = []
        for seed in range(30):
            fit = fit_utility(noisy_table(0.002, seed, pools=("good",)))
            for name, value in (("b[good]", -0.21), ("tau[good]", 6.0)):
                kind = name.partition("[")[0]
                scores.append((fit.pools["good"][kind] - value) / fit.standard_errors[name])
        assert 0.75 < float(np.std(scores)) < 1.3
        assert abs(float(np.mean(scores))) < 0.45

    def test_least_squares_beats_the_truth(self):
        table = noisy_table()
        truth = exact_table()["error"]
        assert fit_utility(table).rmse < float(np.sqrt(((table["error"] - truth) ** 2).mean()))

    def test_weights(self):
        """A row whose error bar is huge does not count."""
        table = exact_table(("good",)).assign(error_se=1e-3)
        table.loc[5, ["error", "error_se"]] = [0.9, 1e6]
        fit = fit_utility(table)
        assert_truth(fit, ("good",), rel=1e-5)

    def test_same_table_same_fit(self):
        table = noisy_table()
        assert fit_utility(table).to_dict() == fit_utility(table).to_dict()

    def test_decay_that_is_not_there_is_not_identified(self):
        fit = fit_utility(exact_table(("good",), decays=False))
        assert "no decay is visible" in fit.not_identified["tau[good]"]
        assert math.isnan(fit.standard_errors["tau[good]"])

    def test_pool_that_never_repeats_has_no_half_life(self):
        table = exact_table()
        once = table["samples_seen"] <= table["unique_samples"]
        fit = fit_utility(table[(table["pool"] == "good") | once])
        assert list(fit.not_identified) == ["tau[poor]"]
        assert "twice" in fit.not_identified["tau[poor]"]
        assert fit.pools["good"]["tau"] == pytest.approx(6.0, rel=1e-6)

    def test_two_sample_counts_cannot_give_three_parameters(self):
        """No decay on two values of n: a line of optima, equal on the rows, unlike beyond them."""
        table = pd.DataFrame(
            {
                "pool": "x",
                "unique_samples": 1e6,
                "samples_seen": [1e6, 1e6, 4e6, 4e6],
                "error": [0.50, 0.52, 0.40, 0.41],
            }
        )
        fit = fit_utility(table, law="no-decay")
        assert set(fit.not_identified) == {"a", "d", "b[x]"}
        assert fit.condition > 1e6

    def test_to_dict_is_json(self):
        fit = fit_utility(noisy_table(), law="no-decay", hold_out_above=5e7)
        back = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
        assert back["pools"]["good"]["tau"] is None
        assert back["held_out"]["points"] == fit.held_out.points
        assert back["rmse"] == fit.rmse
        assert len(back["predicted"]) == len(exact_table())
