"""Profile intervals: exact where the law is linear, and as wide as chance is where it bends."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from prunelaw.decay.utility import UtilityLaw
from prunelaw.errors import InputError, TableError
from prunelaw_sim.fits.bootstrap import bootstrap
from prunelaw_sim.fits.intervals import parameter_intervals, prediction_intervals, profile
from prunelaw_sim.laws.utility import fit_utility

LAW = UtilityLaw(1.0, -0.2, 6.0, 0.08)
SEEN = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]) * 1e6


def runs(seed=0, sigma=0.004, repeats=1):
    """Eight budgets on one pool of 1e6."""
    seen = np.tile(SEEN, repeats)
    noise = sigma * np.random.default_rng(seed).standard_normal(seen.size)
    error = LAW.error(seen, 1e6) + noise
    return pd.DataFrame({"pool": "x", "unique_samples": 1e6, "samples_seen": seen, "error": error})


def linear_fit(seed=0):
    """With a, b and τ given the law is d + a known curve: a linear model of one parameter."""
    given = {"a": (1.0, 1.0), "b": (-0.2, -0.2), "tau": (6.0, 6.0)}
    return fit_utility(runs(seed), bounds=given)


class TestLinear:
    def test_the_interval_of_a_mean_is_students(self):
        fit = linear_fit()
        error = fit.scatter / math.sqrt(8)
        found = parameter_intervals(fit, 0.95)["d"]
        half = stats.t.ppf(0.975, 7) * error
        assert (found.low, found.high) == pytest.approx((fit.d - half, fit.d + half), rel=2e-3)
        assert not (found.low_open or found.high_open)

    def test_the_interval_of_a_prediction_is_that_of_d(self):
        fit = linear_fit()
        found = parameter_intervals(fit, 0.9)["d"]
        at = prediction_intervals(fit, runs().head(1), 0.9)[0]
        assert at.high - at.value == pytest.approx(found.high - found.value, rel=2e-3)
        assert at.value - at.low == pytest.approx(found.value - found.low, rel=2e-3)

    def test_a_new_run_scatters_about_the_law(self):
        fit = linear_fit()
        law = prediction_intervals(fit, runs().head(1), 0.9)[0]
        run = prediction_intervals(fit, runs().head(1), 0.9, new_run=True)[0]
        noise = stats.t.ppf(0.95, 7) * fit.scatter
        assert run.high - run.value == pytest.approx(math.hypot(law.high - law.value, noise))

    def test_given_error_bars_take_the_normal_quantile(self):
        given = {"a": (1.0, 1.0), "b": (-0.2, -0.2), "tau": (6.0, 6.0)}
        fit = fit_utility(runs().assign(error_se=0.004), bounds=given)
        found = parameter_intervals(fit, 0.9)["d"]
        half = stats.norm.ppf(0.95) * 0.004 / math.sqrt(8)
        assert found.high - found.value == pytest.approx(half, rel=2e-3)

    def test_error_bars_that_are_too_small_are_enlarged_and_warned_about(self):
        fit = fit_utility(runs().assign(error_se=0.0004))
        assert fit.warnings[0].kind == "misfit"
        assert fit.scatter > 3.0


class TestBent:
    def test_the_ends_are_where_the_profile_passes_the_critical_value(self):
        fit = fit_utility(runs())
        least = fit.problem.cost(fit.point)
        critical = stats.t.ppf(0.95, fit.freedom) * fit.scatter
        for name in ("b[x]", "tau[x]", "a"):
            found = parameter_intervals(fit, 0.9, [name])[name]
            ends = [
                end
                for end, is_open in ((found.low, found.low_open), (found.high, found.high_open))
                if not is_open
            ]
            cost, _ = profile(fit, name, ends)
            np.testing.assert_allclose(np.sqrt(cost - least), critical, rtol=5e-3)

    def test_an_open_end_is_said(self):
        """Without repeats nothing bounds τ."""
        table = runs().assign(unique_samples=1e9)
        fit = fit_utility(table)
        found = parameter_intervals(fit, names=["tau[x]"])["tau[x]"]
        assert found.low_open and found.high_open

    def test_predictions_among_the_data_are_narrower_than_beyond_them(self):
        fit = fit_utility(runs().iloc[:6])
        new = runs().assign(samples_seen=SEEN[5] * 16)
        inside, beyond = prediction_intervals(fit, pd.concat([runs().iloc[3:4], new.tail(1)]))
        assert not inside.extrapolates
        assert beyond.extrapolates
        assert beyond.beyond["samples_seen"] == pytest.approx(4.0)
        assert beyond.beyond["epochs"] == pytest.approx(4.0)
        assert beyond.high - beyond.low > 2.0 * (inside.high - inside.low)

    def test_profile_shows_the_ridge(self):
        """d goes up, b gets steeper, and the squared error hardly changes."""
        fit = fit_utility(runs())
        d = np.linspace(0.0, 0.1, 5)
        cost, values = profile(fit, "d", d)
        steep = values[:, fit.parameters.index("b[x]")]
        np.testing.assert_allclose(values[:, fit.parameters.index("d")], d, atol=1e-15)
        assert (np.diff(steep) < 0.0).all()
        assert cost.max() < 3.0 * cost.min()

    @pytest.mark.exhaustive
    def test_coverage(self):
        """90 % intervals of b hold the truth in 90 % of 60 tables, within three binomial standard
        errors; docs/fits.md has parameters and predictions in 200 tables of three designs."""
        held = []
        for seed in range(60):
            found = parameter_intervals(fit_utility(runs(seed)), 0.9, ["b[x]"])["b[x]"]
            held.append(found.low <= LAW.b <= found.high)
        assert np.mean(held) == pytest.approx(0.9, abs=3 * math.sqrt(0.09 / 60))


class TestBootstrap:
    @pytest.mark.parametrize("kind", ["wild", "normal"])
    def test_its_quantiles_are_students_where_the_law_is_linear(self, kind):
        fit = linear_fit()
        ensemble = bootstrap(fit, 3000, kind=kind, seed=1)
        low, high = ensemble.interval(ensemble.values[:, fit.parameters.index("d")], 0.9)
        half = stats.t.ppf(0.95, 7) * fit.standard_errors["d"]
        assert 0.5 * (high - low) == pytest.approx(half, rel=0.06)
        assert 0.5 * (high + low) == pytest.approx(fit.d, abs=0.06 * half)

    def test_known_scatter_is_taken_as_it_is(self):
        given = {"a": (1.0, 1.0), "b": (-0.2, -0.2), "tau": (6.0, 6.0)}
        fit = fit_utility(runs().assign(error_se=0.004), bounds=given)
        ensemble = bootstrap(fit, 3000, seed=1)
        spread = np.std(ensemble.values[:, fit.parameters.index("d")])
        assert spread == pytest.approx(0.004 / math.sqrt(8), rel=0.05)

    def test_runs_are_drawn_whole(self):
        """Two checkpoints a run: a replicate that weighs one weighs the other as much."""
        table = runs(repeats=4).assign(run=[f"r{i // 2}" for i in range(32)])
        fit = fit_utility(table)
        ensemble = bootstrap(fit, 300, kind="runs", seed=0)
        errors = ensemble.predict(runs().iloc[:1])[:, 0]
        assert np.std(errors) > 0.0
        low, high = ensemble.interval(errors, 0.9)
        assert low < fit.predict(runs().iloc[:1])[0] < high

    def test_replicates_depend_on_seed_and_number_alone(self):
        fit = fit_utility(runs())
        few, many = bootstrap(fit, 5, seed=3), bootstrap(fit, 20, seed=3)
        np.testing.assert_allclose(few.p, many.p[:5], rtol=1e-6)
        assert np.abs(bootstrap(fit, 5, seed=4).p - few.p).max() > 1e-6

    def test_few_runs_refuse_to_be_drawn(self):
        fit = fit_utility(runs().assign(run=list("aabbccdd"), seed=[0, 1] * 4))
        with pytest.raises(InputError, match="more runs than parameters, got 4 runs"):
            bootstrap(fit, kind="runs")

    def test_nothing_to_resample(self):
        fit = fit_utility(runs(sigma=0.0).iloc[[0, 2, 4, 6]])
        with pytest.raises(InputError, match="no residuals to resample"):
            bootstrap(fit)
        with pytest.raises(InputError, match="nothing is left to estimate the scatter"):
            parameter_intervals(fit)


class TestBadInput:
    def test_names_and_levels(self):
        fit = linear_fit()
        with pytest.raises(InputError, match="names must be one of"):
            parameter_intervals(fit, names=["c"])
        with pytest.raises(InputError, match="level must be finite and in"):
            parameter_intervals(fit, 1.0)
        with pytest.raises(InputError, match="kind must be one of"):
            bootstrap(fit, kind="block")
        with pytest.raises(InputError, match="replicates must be"):
            bootstrap(fit, 1)

    def test_a_pool_that_was_not_fitted(self):
        with pytest.raises(TableError, match="pool must be one of"):
            prediction_intervals(linear_fit(), runs().assign(pool="y"))
