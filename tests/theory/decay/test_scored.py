"""Scored pools: against quadrature over quantiles, as buckets shrink, and the fraction to keep."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from prunelaw.decay.scored import ScoredPool, best_fraction
from prunelaw.decay.utility import CONVENTIONS, UtilityLaw, log_growth, mixture_error
from prunelaw.errors import InputError


def b_of(q):
    return -0.2 + 0.15 * q**1.5


def tau_of(q):
    return 12.0 * np.exp(-0.7 * q)


def scored(convention="paper"):
    return ScoredPool(1e8, 0.025, b_of, tau_of, 0.1, convention)


class TestBuckets:
    @pytest.mark.parametrize(
        "keep, stretch",
        [
            (0.4, 1.0),
            (1.0, 0.0),
            *(
                pytest.param(keep, stretch, marks=pytest.mark.exhaustive)
                for keep, stretch in ((0.07, 0.0), (0.07, 1.0), (0.4, 0.0), (1.0, 1.0))
            ),
        ],
    )
    def test_against_quadrature_over_quantiles(self, keep, stretch):
        seen = 7.3e8

        def exponent(q):
            growth = float(log_growth(seen / (keep * 1e8), keep**stretch * tau_of(q), "paper"))
            return b_of(q) * (math.log(0.025 * min(seen, keep * 1e8) / 1e5) + growth)

        mean = quad(exponent, 0.0, keep, epsabs=1e-13, epsrel=1e-13)[0] / keep
        got = float(scored().kept_error(keep, seen, n_buckets=2000, stretch=stretch))
        assert got == pytest.approx(math.exp(mean) + 0.1, rel=1e-7)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_errors_converge_with_the_square_of_the_width(self, convention):
        errors = [
            float(scored(convention).kept_error(0.4, 7.3e8, n_buckets=n))
            for n in (4, 8, 16, 32, 64)
        ]
        steps = np.diff(errors)
        # b has a kink of its curvature at q = 0 (q^1.5), hence a little less than a factor of 4.
        assert (steps[:-1] / steps[1:] > 3.2).all() and (steps[:-1] / steps[1:] < 4.4).all()

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @pytest.mark.parametrize("stretch", [0.0, 0.5, 1.0])
    def test_constant_profiles_are_one_pool(self, convention, stretch):
        pool = ScoredPool(1e8, 0.025, -0.16, 6.7, 0.1, convention)
        law = UtilityLaw(0.025, -0.16, 6.7 * 0.3**stretch, 0.1, convention)
        seen = np.array([1e7, 1e9])
        np.testing.assert_allclose(
            pool.kept_error(0.3, seen, stretch=stretch), law.error(seen, 3e7), rtol=1e-12
        )

    def test_buckets_are_pools_of_equal_size(self):
        pools = scored().buckets(5, keep=0.5)
        assert [p.size for p in pools] == pytest.approx([1e7] * 5)
        assert [p.law.b for p in pools] == pytest.approx(list(b_of(0.05 + 0.1 * np.arange(5))))
        assert pools[0].law.tau == pytest.approx(0.1 * tau_of(0.05))
        assert float(mixture_error(pools, 1e8)) == float(scored().kept_error(0.5, 1e8, n_buckets=5))

    def test_arrays_are_linear_between_even_quantiles(self):
        pool = ScoredPool(1e8, 0.025, [-0.2, -0.1, -0.08], [8.0, 4.0], 0.1)
        laws = [p.law for p in pool.buckets(4)]
        assert [law.b for law in laws] == pytest.approx([-0.175, -0.125, -0.095, -0.085])
        assert [law.tau for law in laws] == pytest.approx([1.875, 1.625, 1.375, 1.125])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"b": lambda q: q}, "b must be finite and in"),
            ({"b": lambda q: q[:2] - 1.0}, "b must return one number for each quantile"),
            ({"b": [[-0.1]]}, "b must be a number, a function or a 1-D array"),
            ({"tau": lambda q: q - 0.5}, "tau must be in"),
            ({"tau": math.nan}, "tau must be in"),
            ({"size": 0.0}, "size must be"),
            ({"convention": "code"}, "convention must be"),
        ],
    )
    def test_bad_pool(self, change, message):
        good = {"size": 1e8, "a": 0.025, "b": -0.1, "tau": 3.0, "d": 0.1}
        with pytest.raises(InputError, match=message):
            ScoredPool(**{**good, **change})

    @pytest.mark.parametrize("keep", [0.0, 1.1, math.nan])
    def test_bad_fraction(self, keep):
        with pytest.raises(InputError, match="keep must be"):
            scored().buckets(4, keep=keep)


class TestBestFraction:
    @pytest.mark.parametrize(
        ("convention", "seen"),
        [
            ("paper", 2e7),
            ("effective_data", 3e9),
            pytest.param("paper", 3e9, marks=pytest.mark.exhaustive),
            pytest.param("effective_data", 2e7, marks=pytest.mark.exhaustive),
        ],
    )
    def test_nothing_on_a_fine_grid_is_better(self, convention, seen):
        pool = scored(convention)
        best = best_fraction(pool, seen, n_buckets=4)
        grid = np.geomspace(1e-3, 1.0, 60)
        errors = [float(pool.kept_error(f, seen, n_buckets=4)) for f in grid]
        assert best.error <= min(errors) * (1 + 1e-13)
        assert best.low <= best.fraction <= best.high
        assert best.error <= min(best.low_error, best.high_error)
        assert best.high / best.low - 1.0 < 1e-7
        assert best.error < best.keep_all_error
        assert abs(best.bucket_effect) < 1e-3
        assert not best.beyond_range

    @pytest.mark.parametrize("buckets", [2, pytest.param(8, marks=pytest.mark.exhaustive)])
    def test_more_compute_keeps_more(self, buckets):
        seen = (3e7, 3e8, 3e9)
        fractions = [best_fraction(scored(), n, n_buckets=buckets).fraction for n in seen]
        assert fractions == sorted(fractions)

    def test_equal_samples_are_all_kept(self):
        best = best_fraction(ScoredPool(1e8, 0.025, -0.16, 6.7, 0.1), 3e9, n_buckets=4)
        assert best.fraction == best.high == 1.0
        assert best.error == best.keep_all_error

    def test_bad_budget(self):
        with pytest.raises(InputError, match="samples_seen must be"):
            best_fraction(scored(), 0.5)
