"""Fractions, switches and bands: published numbers, exact derivatives, and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.perceptron import SWITCHES
from scipy.optimize import minimize_scalar

from prunelaw import InputError, solve
from prunelaw.keep import Band
from prunelaw.numerics.gaussian import central_half_width
from prunelaw.numerics.roots import bracketed_roots
from prunelaw.perceptron.sensitivity import influence
from prunelaw.pruning.band import best_band
from prunelaw.pruning.band_phases import band_boundary, band_gain, gain_boundary
from prunelaw.pruning.frontier import best_fraction, pareto, switch

# alpha_tot, f, theta, low, high, error: found by the search over all rules
# (prunelaw.pruning.optimal).
BANDS = [
    (30.0, 0.2, 0.5, 0.1803, 0.4441, 0.051376),
    (30.0, 0.2, 0.0, 0.0418, 0.2967, 0.0166355),
    (3.0, 0.5, 0.0, 0.556, 1.761, 0.140565),
]


def band_error(x, alpha_tot, f, theta):
    """ε of the band that starts at rank x, through the public rule."""
    low, high = (float(central_half_width(np.array(rank))) for rank in (x, min(x + f, 1.0)))
    return float(solve(alpha_tot, None, theta, Band(low, high)).error)


class TestRoots:
    def test_many_at_once(self):
        shift = np.array([0.3, 1.0, 2.5])
        low, high = np.zeros(3), np.full(3, 3.0)
        root, left = bracketed_roots(lambda k, x: x**3 - shift[k], low, high)
        np.testing.assert_allclose(root, np.cbrt(shift), rtol=1e-10)
        np.testing.assert_allclose(left, 0.0, atol=1e-9)

    def test_nan_is_not_a_root(self):
        jump = np.array([-1.0, np.nan, 1.0])  # at 0, between and at 1
        root, _ = bracketed_roots(
            lambda k, x: jump[np.ceil(2 * x).astype(int)], np.zeros(1), np.ones(1)
        )
        assert np.isnan(root).all()


class TestBestFraction:
    def test_published_at_fixed_kept_data(self):
        """α_prune = 8, θ = 5°, 10°, 20°, 30°: about .07, .15, .3, .4."""
        best = best_fraction(alpha_prune=8.0, theta=np.deg2rad([5, 10, 20, 30]))
        np.testing.assert_allclose(best.f, [0.07, 0.15, 0.3, 0.4], atol=0.02)
        np.testing.assert_allclose(best.derivative, 0.0, atol=1e-9)
        np.testing.assert_allclose(best.alpha_tot * best.f, 8.0, rtol=1e-14)
        assert (best.at_end == "").all() and best.converged.all()

    def test_perfect_probe_runs_to_the_end(self):
        """Above capacity, α_prune > 2, ε ∝ f."""
        best = best_fraction(alpha_prune=8.0, f_range=(1e-2, 1.0))
        assert best.at_end == "low" and best.f == pytest.approx(0.01)
        assert float(best.derivative) == pytest.approx(1.0, abs=1e-3)

    def test_keeping_all_can_be_best(self):
        best = best_fraction(alpha_tot=[1.0, 10.0], theta=0.3)
        assert (best.f == 1.0).all() and (best.at_end == "high").all()

    @pytest.mark.parametrize("fixed", ["alpha_tot", "alpha_prune"])
    def test_brute_force(self, fixed):
        best = best_fraction(
            **{fixed: 1.0 if fixed == "alpha_tot" else 6.0}, theta=0.4, rule="easy"
        )

        def error(log_f):
            f = float(np.exp(log_f))
            return float(solve(1.0 if fixed == "alpha_tot" else 6.0 / f, f, 0.4, "easy").error)

        start = float(np.log(best.f))
        found = minimize_scalar(
            error, bounds=(start - 0.5, min(start + 0.5, 0.0)), method="bounded"
        )
        assert float(best.error) <= float(found.fun) * (1 + 1e-12)
        if best.at_end == "":
            assert found.x == pytest.approx(start, abs=1e-4)

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ({}, "exactly one"),
            ({"alpha_tot": 1.0, "alpha_prune": 1.0}, "exactly one"),
            ({"alpha_prune": -1.0}, "alpha_prune must be finite"),
            ({"alpha_tot": 1.0, "rule": "band:0.1,0.5"}, "any fraction"),
            ({"alpha_tot": 1.0, "f_range": (0.5, 0.1)}, "f_range must be two ascending"),
            ({"alpha_tot": 1.0, "f_range": (0.0, 0.1)}, "f_range"),
            ({"alpha_tot": [1.0, 2.0], "theta": [0.1, 0.2, 0.3]}, "broadcast"),
        ],
    )
    def test_bad_input(self, arguments, message):
        with pytest.raises(InputError, match=message):
            best_fraction(**arguments)


def test_frontier_is_below_every_fraction():
    front = pareto([1.0, 8.0], 0.3, f_range=(0.05, 1.0))
    f = np.linspace(0.05, 1.0, 9)[:, None]
    alpha = np.array([1.0, 8.0])
    for rule in ("hard", "easy"):
        assert (solve(alpha / f, f, 0.3, rule).error >= front.error * (1 - 1e-10)).all()
    reached = solve(alpha / front.f, front.f, 0.3, front.rule).error
    np.testing.assert_allclose(front.error, reached, rtol=1e-10)
    assert front.f_range == (0.05, 1.0) and front.rule.tolist() == ["easy", "hard"]


def test_frontier_includes_no_pruning():
    """A probe orthogonal to the teacher: nothing beats f = 1 among kept fractions near it."""
    front = pareto(1.0, np.pi / 2, f_range=(0.5, 0.9), rules=("hard",))
    assert front.rule == "unpruned" and front.f == 1.0
    assert front.error == solve(1.0, 1.0).error


class TestSwitch:
    def test_published(self):
        found = switch(0.0, list(SWITCHES))
        np.testing.assert_allclose(found.alpha_tot, list(SWITCHES.values()), rtol=5e-3)
        np.testing.assert_allclose(found.residual, 0.0, atol=1e-9)
        assert (found.reason == "").all() and found.converged.all()

    @pytest.mark.parametrize("theta", [0.5, pytest.param(1.0, marks=pytest.mark.exhaustive)])
    def test_random_to_hard_in_the_plane(self, theta):
        found = switch(theta, 0.2, "random", "hard", (10.0, 1e3))
        alpha = float(found.alpha_tot)
        for scale, better in ((0.99, 0), (1.01, 1)):
            errors = solve(scale * alpha, 0.2, theta, ["random", "hard"]).error
            assert np.argmin(errors) == better
        assert found.crossings[0][0] == (alpha, "hard")

    def test_no_switch_has_a_reason(self):
        found = switch(0.0, 0.5, alpha_range=(0.1, 1.0))
        assert np.isnan(found.alpha_tot) and found.reason == "easy is better in the whole range"
        assert found.crossings == ((),)
        same = switch(0.0, 1.0, alpha_range=(0.1, 1.0))
        assert same.reason == "both rules have the same error in the whole range"

    def test_other_direction_is_listed(self):
        found = switch(0.0, 0.5, "hard", "easy")
        assert np.isnan(found.alpha_tot) and found.crossings[0][0][1] == "hard"
        assert found.reason == "hard overtakes easy, never the other way"

    def test_band_implies_its_fraction(self):
        found = switch(0.5, None, "band:0.1803,0.4441", "hard", (10.0, 1e4))
        assert float(found.f) == pytest.approx(0.2, abs=1e-3)
        assert 30.0 < float(found.alpha_tot) < 1e4

    def test_bad_input(self):
        with pytest.raises(InputError, match="f must be given"):
            switch(0.0)
        with pytest.raises(InputError, match="alpha_range"):
            switch(0.0, 0.5, alpha_range=(1.0, 1.0))


class TestBestBand:
    def test_known_bands(self):
        alpha, f, theta, low, high, error = np.array(BANDS).T
        band = best_band(alpha, f, theta)
        assert band.converged.all() and (band.at_end == "").all()
        np.testing.assert_allclose(band.low, low, atol=1e-3)
        np.testing.assert_allclose(band.high, high, atol=1e-3)
        np.testing.assert_allclose(band.error, error, rtol=2e-5)
        np.testing.assert_allclose(band.residual, 0.0, atol=1e-4)

    @pytest.mark.parametrize(
        "alpha_tot, f, theta",
        [(8.0, 0.2, 1.0), pytest.param(30.0, 0.2, 0.5, marks=pytest.mark.exhaustive)],
    )
    def test_brute_force(self, alpha_tot, f, theta):
        band = best_band(alpha_tot, f, theta)
        found = minimize_scalar(
            band_error, args=(alpha_tot, f, theta), method="bounded",
            bounds=(0.5 * float(band.x), min(1.5 * float(band.x), 1 - f)), options={"xatol": 1e-7},
        )  # fmt: skip
        assert float(band.error) == pytest.approx(float(found.fun), rel=1e-10)
        assert float(band.x) == pytest.approx(float(found.x), abs=1e-5)
        exact = band_error(float(band.x), alpha_tot, f, theta)
        assert float(band.error) == pytest.approx(exact, rel=1e-10)

    def test_hard_is_exactly_best_at_large_alpha(self):
        band = best_band(1e4, 0.5, 0.5)
        assert band.at_end == "hard" and band.x == 0.0 and band.residual > 0.0
        assert float(band.error) == pytest.approx(float(solve(1e4, 0.5, 0.5).error), rel=1e-12)

    def test_easy_is_best_at_small_alpha(self):
        band = best_band(0.1, 0.8, 0.0)
        assert band.at_end == "easy" and np.isinf(band.high)
        assert float(band.error) == pytest.approx(
            float(solve(0.1, 0.8, 0.0, "easy").error), rel=1e-9
        )

    @settings(max_examples=4)
    @given(st.floats(-0.5, 3.0), st.floats(0.05, 0.9), st.floats(0.05, 1.4))
    def test_never_above_bands_beside_it(self, log_alpha, f, theta):
        alpha = 10**log_alpha
        band = best_band(alpha, f, theta)
        assert band.converged
        plain = solve(alpha, f, theta, ["hard", "easy"]).error
        # The far tail that "easy" leaves in place is worth 1e-10 at most.
        assert float(band.error) <= plain.min() * (1 + 1e-9)
        for x in (0.3 * (1 - f), 0.7 * (1 - f)):
            assert float(band.error) <= band_error(x, alpha, f, theta) * (1 + 1e-9)

    @pytest.mark.parametrize("side", [9, pytest.param(20, marks=pytest.mark.exhaustive)])
    def test_many_points_agree_with_scanned_ones(self, side):
        """More than 64 points: most are not scanned, but follow their neighbours."""
        alpha, f = np.meshgrid(np.geomspace(0.5, 500.0, side), np.linspace(0.05, 0.9, side))
        many = best_band(alpha, f, 0.5)
        assert many.converged.all()
        take = np.arange(0, many.error.size, 12)
        few = best_band(alpha.ravel()[take], f.ravel()[take], 0.5)
        np.testing.assert_allclose(many.error.ravel()[take], few.error, rtol=1e-8)

    def test_shapes_and_bad_input(self):
        band = best_band([[3.0], [30.0]], [0.2, 0.5], 0.5)
        assert band.error.shape == band.at_end.shape == (2, 2)
        for arguments in ((-1.0, 0.5), (1.0, 1.0), (1.0, 0.5, 2.0)):
            with pytest.raises(InputError):
                best_band(*arguments)

    def test_failures_are_flagged(self, monkeypatch):
        monkeypatch.setattr("prunelaw.perceptron.saddle.AGREEMENT", 0.0)
        monkeypatch.setattr("prunelaw.pruning.band.SCANNED", np.array([0.0, 0.2, 1.0]))
        band = best_band(30.0, 0.2, 0.5)
        assert not band.converged and np.isnan(band.error) and np.isnan(band.low)


class TestBoundaries:
    @pytest.mark.parametrize("f", [0.5, pytest.param(0.2, marks=pytest.mark.exhaustive)])
    def test_hard_boundary_is_where_influences_meet(self, f):
        found = band_boundary("hard", 0.5, f)
        alpha = float(found.alpha_tot)
        gamma = float(central_half_width(np.array(f)))
        inner, outer = influence([0.0, gamma], alpha, f, 0.5, "hard")
        assert inner == pytest.approx(outer, rel=1e-8)
        band = best_band([0.95 * alpha, 1.05 * alpha], f, 0.5)
        assert band.at_end.tolist() == ["", "hard"]
        assert found.transition == found.alpha_tot and not found.jump

    @pytest.mark.parametrize(
        "alpha_range", [(5.0, 30.0), pytest.param((1e-2, 1e6), marks=pytest.mark.exhaustive)]
    )
    def test_hard_takes_over_by_a_jump_at_small_angles(self, alpha_range):
        found = band_boundary("hard", 0.01, 0.2, alpha_range)
        alpha = float(found.transition)
        assert found.jump and alpha > float(found.alpha_tot)
        band = best_band([0.99 * alpha, 1.01 * alpha], 0.2, 0.01)
        assert band.at_end.tolist() == ["", "hard"]
        assert band.x[0] > 0.05

    def test_hard_is_never_exactly_best_with_a_perfect_probe(self):
        found = band_boundary("hard", 0.0, 0.2)
        assert np.isnan(found.alpha_tot) and found.reason == "hard is never the best band nearby"

    def test_easy_boundary(self):
        found = band_boundary("easy", 0.0, [0.5, 0.8])
        assert np.isnan(found.alpha_tot[0]) and found.reason[0].startswith("easy is never")
        alpha = float(found.alpha_tot[1])
        band = best_band([0.95 * alpha, 1.05 * alpha], 0.8, 0.0)
        assert band.at_end.tolist() == ["easy", ""]

    def test_gain(self):
        gain = band_gain(30.0, 0.2, [0.0, 0.5])
        assert gain.plain.tolist() == ["hard", "random"]
        np.testing.assert_allclose(
            gain.gain, [1 - 0.0166355 / 0.01665, 1 - 0.051376 / 0.0796], atol=1e-3
        )

    @pytest.mark.parametrize(
        "alpha_range, ends",
        [((100.0, 300.0), 1), pytest.param((1e-1, 1e4), 2, marks=pytest.mark.exhaustive)],
    )
    def test_gain_boundary(self, alpha_range, ends):
        found = gain_boundary(0.5, 0.2, alpha_range=alpha_range)
        assert float(band_gain(found.alpha_tot, 0.2, 0.5).gain) == pytest.approx(0.01, abs=1e-8)
        assert len(found.roots[0]) == ends

    def test_bad_input(self):
        with pytest.raises(InputError, match="kind"):
            band_boundary("random", 0.0, 0.5)
        with pytest.raises(InputError, match="tolerance"):
            gain_boundary(0.0, 0.5, 0.0)
