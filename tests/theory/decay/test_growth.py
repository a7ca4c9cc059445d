"""Growth over passes and its slope in log τ: against mpmath, identities, and at every limit."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.decay.utility import CONVENTIONS, growth_and_slope, log_growth
from prunelaw.errors import InputError

LAWS = ("paper", "effective_data")


def by_mpmath(passes, tau, convention):
    """G and dG/dlog τ term by term, at 40 digits."""
    with mp.workdps(40):
        passes, rate = mp.mpf(passes), mp.log(2) / mp.mpf(tau)
        whole = int(passes)
        part = passes - whole
        delta = [mp.exp(-rate * k) for k in range(whole + 1)]
        if convention == "effective_data":
            n_eff = mp.fsum(delta[:whole]) + delta[whole] * part
            moved = mp.fsum(k * delta[k] for k in range(whole)) + whole * delta[whole] * part
            return float(mp.log(n_eff)), float(rate * moved / n_eff)
        logs = [mp.mpf(0), *(mp.log1p(mp.mpf(1) / k) for k in range(1, whole))]
        logs.append(mp.log1p(part / whole))
        terms = [d * x for d, x in zip(delta, logs, strict=True)]
        return float(mp.fsum(terms)), float(rate * mp.fsum(k * x for k, x in enumerate(terms)))


class TestAgainstMpmath:
    @pytest.mark.parametrize("convention", LAWS)
    @pytest.mark.parametrize("passes", [1.25, 2.0, 2.5, 7.0, 40.75, 500.5, 3000.25])
    @pytest.mark.parametrize("tau", [0.02, 0.7, 6.0, 90.0, 4e3, 1e7, 1e15])
    def test_value_and_slope(self, convention, passes, tau):
        got = [float(x) for x in growth_and_slope(passes, tau, convention)]
        np.testing.assert_allclose(got, by_mpmath(passes, tau, convention), rtol=1e-14)

    @pytest.mark.parametrize("convention", LAWS)
    def test_one_array_of_all_of_them(self, convention):
        """The nodes are chosen for a whole array; every entry must be as good as alone."""
        passes = np.array([0.3, 1.0, 1.25, 2.0, 40.75, 3000.25])
        tau = np.array([0.02, 6.0, 4e3, 1e15])[:, None]
        wanted = np.array([[by_mpmath(max(x, 1.0), t, convention) for x in passes] for (t,) in tau])
        got = np.stack(growth_and_slope(passes, tau, convention), axis=-1)
        np.testing.assert_allclose(got, wanted, rtol=1e-14)


class TestSlope:
    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(passes=st.floats(1e-3, 1e9), log_tau=st.floats(np.log(1e-2), np.log(1e10)))
    def test_integrates_to_the_difference(self, convention, passes, log_tau):
        """∫ dG/dlog τ over half a unit of log τ is the difference of G: Gauss–Legendre."""
        x, w = np.polynomial.legendre.leggauss(24)
        tau = np.exp(log_tau + 0.25 * (1.0 + x))
        area = 0.25 * w @ growth_and_slope(passes, tau, convention)[1]
        ends = log_growth(passes, np.exp(log_tau + np.array([0.0, 0.5])), convention)
        assert area == pytest.approx(ends[1] - ends[0], rel=1e-11, abs=1e-13)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(passes=st.floats(1e-6, 1e300), log_tau=st.floats(-690.0, 690.0))
    def test_finite_and_not_negative_everywhere(self, convention, passes, log_tau):
        growth, slope = growth_and_slope(passes, np.exp(log_tau), convention)
        assert np.isfinite(growth) and np.isfinite(slope)
        assert 0.0 <= growth <= np.log(max(passes, 1.0)) * (1 + 1e-14)
        assert slope >= 0.0


class TestLimits:
    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_no_decay(self, convention):
        passes = np.array([0.5, 1.0, 1.5, 40.25, 1e9, 1e300])
        growth, slope = growth_and_slope(passes, np.inf, convention)
        np.testing.assert_array_equal(growth, np.log(np.maximum(passes, 1.0)))
        np.testing.assert_array_equal(slope, 0.0)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_repeats_worth_nothing(self, convention):
        growth, slope = growth_and_slope([0.5, 1.5, 1e300], [[1e-300], [5e-324]], convention)
        np.testing.assert_array_equal(growth, 0.0)
        np.testing.assert_array_equal(slope, 0.0)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_extremes_beside_each_other_do_not_disturb(self, convention):
        tau = np.array([1e-300, 6.0, 1e250, np.inf])
        passes = np.array([[0.5], [3.5], [1e300]])
        together = growth_and_slope(passes, tau, convention)
        for i, j in np.ndindex(3, 4):
            alone = growth_and_slope(passes[i, 0], tau[j], convention)
            for all_of_them, one in zip(together, alone, strict=True):
                assert all_of_them[i, j] == pytest.approx(float(one), rel=1e-14)


class TestShapes:
    @pytest.mark.parametrize("convention", CONVENTIONS)
    @pytest.mark.parametrize(
        ("passes", "tau"),
        [
            ((), ()),
            ((5,), ()),
            ((), (5,)),
            ((15,), (400, 15)),
            ((400, 1), (15,)),
            ((3, 1, 4), (2, 1)),
        ],
    )
    def test_broadcast_equals_one_by_one(self, convention, passes, tau):
        rng = np.random.default_rng(0)
        made, half_life = rng.uniform(0.3, 60.0, passes), rng.uniform(0.3, 60.0, tau)
        growth, slope = growth_and_slope(made, half_life, convention)
        made, half_life = np.broadcast_arrays(made, half_life)
        assert growth.shape == slope.shape == made.shape
        for i in list(np.ndindex(made.shape))[::97]:
            alone = growth_and_slope(made[i], half_life[i], convention)
            assert growth[i] == pytest.approx(float(alone[0]), rel=1e-14)
            assert slope[i] == pytest.approx(float(alone[1]), rel=1e-14)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_nothing_in_nothing_out(self, convention):
        growth, slope = growth_and_slope(np.zeros((0,)), np.ones((3, 1)), convention)
        assert growth.shape == slope.shape == (3, 0)

    def test_growth_is_log_growth(self):
        passes, tau = np.array([0.5, 3.5, 1e9]), np.array([[0.3], [40.0]])
        for convention in CONVENTIONS:
            np.testing.assert_array_equal(
                growth_and_slope(passes, tau, convention)[0], log_growth(passes, tau, convention)
            )

    @pytest.mark.parametrize(
        ("passes", "tau", "convention", "message"),
        [
            (0.0, 1.0, "paper", "passes must be"),
            (np.inf, 1.0, "paper", "passes must be"),
            (2.0, 0.0, "paper", "tau must be in"),
            (2.0, np.nan, "paper", "tau must be in"),
            (2.0, 1.0, "code", "convention must be"),
        ],
    )
    def test_bad_input(self, passes, tau, convention, message):
        with pytest.raises(InputError, match=message):
            growth_and_slope(passes, tau, convention)
