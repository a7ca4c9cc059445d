"""Infinitely many passes, and the laws over their whole range: finite, monotone, continuous."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.decay.filtering import best_filter
from prunelaw.decay.utility import (
    CONVENTIONS,
    PUBLISHED,
    Pool,
    UtilityLaw,
    exceeds_one,
    log_growth,
    log_growth_limit,
    mixture_error,
)
from prunelaw.errors import InputError

TAU = st.one_of(st.floats(-690.0, 690.0).map(math.exp), st.just(math.inf))
PASSES = st.floats(math.log(1e-6), math.log(1e12)).map(math.exp)


def limit_by_mpmath(tau):
    """Σ δ^k log(1 + 1/k) by its polylogarithm, or term by term where that is short."""
    with mp.workdps(40):
        rate = mp.log(2) / mp.mpf(tau)
        if rate > 0.05:
            last = int(100 / rate) + 2
            return float(
                mp.fsum(mp.exp(-rate * k) * mp.log1p(mp.mpf(1) / k) for k in range(1, last))
            )
        head = -(mp.log(rate) + mp.euler) / rate
        tail = mp.nsum(
            lambda n: mp.zeta(-n, derivative=1) * (-rate) ** n / mp.factorial(n), [0, 30]
        )
        return float(mp.expm1(rate) * (head - tail))


class TestLimit:
    @pytest.mark.parametrize("tau", [0.02, 0.5, 3.0, 12.0, 20.0, 34.6, 34.7, 300.0, 1e6, 1e200])
    def test_utility_against_mpmath(self, tau):
        got = float(log_growth_limit(tau, "paper"))
        assert got == pytest.approx(limit_by_mpmath(tau), rel=1e-14)

    @pytest.mark.parametrize("tau", [3.0, 40.0])
    def test_polylogarithm(self, tau):
        """−((1 − δ)/δ) ∂_s Li_s(δ) at s = 0, by mpmath's own polylogarithm and differences."""
        with mp.workdps(40):
            delta = mp.exp(-mp.log(2) / tau)
            slope = mp.diff(lambda s: mp.polylog(s, delta), 0, h=mp.mpf(10) ** -12)
            wanted = float(-(1 - delta) / delta * slope)
        assert float(log_growth_limit(tau, "paper")) == pytest.approx(wanted, rel=1e-10)

    @pytest.mark.parametrize("tau", [0.02, 0.5, 1.3, 1.4, 300.0, 1e17, 1e200])
    def test_effective_data_against_mpmath(self, tau):
        with mp.workdps(300):
            wanted = float(-mp.log(-mp.expm1(-mp.log(2) / mp.mpf(tau))))
        assert float(log_growth_limit(tau, "effective_data")) == pytest.approx(wanted, rel=1e-14)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(log_tau=st.floats(-5.0, 400.0))
    def test_is_where_many_passes_lead(self, convention, log_tau):
        tau = math.exp(log_tau)
        growth = float(log_growth(1e3 * max(tau, 1.0), tau, convention))
        assert growth == pytest.approx(float(log_growth_limit(tau, convention)), rel=1e-13)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_asymptotics(self, convention):
        tau = np.array([1e8, 1e100, 1e308])
        shift = 0.0 if convention == "effective_data" else np.euler_gamma
        wanted = np.log(tau) - math.log(math.log(2.0)) - shift
        np.testing.assert_allclose(log_growth_limit(tau, convention), wanted, rtol=1e-7)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_ends(self, convention):
        growth = log_growth_limit([5e-324, 1e-300, math.inf], convention)
        np.testing.assert_array_equal(growth, [0.0, 0.0, math.inf])

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_of_a_law(self, convention):
        law = UtilityLaw(0.025, -0.16, 6.7, 0.1, convention)
        np.testing.assert_allclose(
            law.limit([1e6, 12.8e6]), law.error(1e13, [1e6, 12.8e6]), rtol=1e-14
        )
        assert law.limit(12.8e6).shape == ()

    def test_without_decay_everything_that_decays_at_all_goes(self):
        ends = {"paper": 0.1, "official_code": 0.0, "effective_data": 0.1}
        for convention, end in ends.items():
            assert float(UtilityLaw(0.025, -0.16, math.inf, 0.1, convention).limit(1e6)) == end
            assert float(UtilityLaw(0.025, 0.0, math.inf, 0.1, convention).limit(1e6)) == 1.1

    def test_bad_input(self):
        with pytest.raises(InputError, match="tau must be in"):
            log_growth_limit([1.0, 0.0], "paper")
        with pytest.raises(InputError, match="pool_size must be"):
            UtilityLaw(0.025, -0.16, 6.7, 0.1).limit(0.0)


class TestWholeRange:
    """a N/1e5 = 1: the first pass ends at error 1 + d, however steep the law."""

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(tau=TAU, b=st.floats(-20.0, 0.0), passes=PASSES, step=st.floats(1.0, 1e3))
    def test_finite_and_monotone(self, convention, tau, b, passes, step):
        law = UtilityLaw(1e-1, b, tau, 0.1, convention)
        seen = np.array([passes, passes * step]) * 1e6
        first, second = law.error(seen, 1e6)
        limit = float(law.limit(1e6))
        assert np.isfinite([first, second, limit]).all()
        assert second <= first * (1 + 1e-13)
        assert limit <= second * (1 + 1e-13)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(tau=TAU, b=st.floats(-20.0, 0.0), log_whole=st.floats(0.0, math.log(1e12)))
    def test_continuous_at_the_end_of_a_pass(self, convention, tau, b, log_whole):
        law = UtilityLaw(1e-1, b, tau, 0.1, convention)
        whole = np.floor(np.exp(log_whole))
        around = whole * 1e6 * (1.0 + np.array([-1e-13, 0.0, 1e-13]))
        errors = law.error(around, 1e6)
        np.testing.assert_allclose(errors, errors[1], rtol=20 * 2e-13)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(
        taus=st.tuples(TAU, TAU), size=st.floats(1e4, 1e8), passes=PASSES, step=st.floats(1, 1e3)
    )
    def test_mixtures(self, convention, taus, size, passes, step):
        laws = [
            UtilityLaw(1e-1, b, t, 0.1, convention) for b, t in zip((-1, -0.1), taus, strict=True)
        ]
        pools = [Pool("x", 1e6, laws[0]), Pool("y", size, laws[1])]
        seen = np.array([passes, passes * step]) * (1e6 + size)
        first, second = mixture_error(pools, seen)
        assert np.isfinite([first, second]).all()
        assert second <= first * (1 + 1e-12)


class TestErrorsAboveOne:
    def test_flagged_not_clipped(self):
        choice = best_filter(PUBLISHED["utility"], [1e4, 32e6])
        assert choice.error[0] > 1.0
        assert choice.beyond_range.tolist() == [True, False]
        assert best_filter(PUBLISHED["utility"], 1e4).beyond_range.shape == ()

    def test_of_an_array(self):
        assert exceeds_one([0.5, 1.0, 1.1]).tolist() == [False, False, True]
        with pytest.raises(InputError, match="error must be"):
            exceeds_one(math.nan)
