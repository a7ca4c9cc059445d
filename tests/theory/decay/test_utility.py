"""Utility decay: against plain loops over passes, the published predictions, and its invariants."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.decay.utility import (
    CONVENTIONS,
    DIVISOR,
    PUBLISHED,
    Pool,
    UtilityLaw,
    log_growth,
    mixture_error,
    with_convention,
)
from prunelaw.errors import InputError

SEEN = np.array([32e6, 64e6, 128e6, 640e6])

# Predicted accuracy (%) of the union of the best 1..4 pools at 32M, 64M, 128M, 640M samples seen,
# as the functions published with arXiv 2404.07177 give it.
OFFICIAL_CODE = [
    [18.25, 24.62, 28.73, 31.18],
    [15.84, 23.30, 29.60, 38.55],
    [13.42, 20.40, 26.77, 37.56],
    [11.68, 17.99, 24.13, 35.14],
]
PAPER_TOP_10 = [17.04, 22.72, 26.39, 28.57]
EFFECTIVE_DATA_640M = [30.77, 39.02, 40.09, 37.92]


def loop_over_passes(pools, seen):
    """The law one pass after another, in plain Python: slow, and hard to get wrong."""
    law = pools[0].law
    total = sum(pool.size for pool in pools)
    marks = [0.0]
    while marks[-1] < seen:
        marks.append(min(seen, len(marks) * total))

    def weights(k):
        return [p.size / total * 0.5 ** (k * p.size / total / p.law.tau) for p in pools]

    def exponent(k):
        mean_b = sum(w * p.law.b for w, p in zip(weights(k), pools, strict=True))
        return mean_b / sum(weights(k)) if law.convention == "effective_data" else mean_b

    y = (law.a * marks[1] / 1e5) ** exponent(0)
    y += law.d if law.convention == "official_code" else 0.0
    effective = marks[1]
    for k, (before, after) in enumerate(pairwise(marks[1:]), start=1):
        if law.convention == "effective_data":
            grown = effective + (after - before) * sum(weights(k))
            y *= (grown / effective) ** exponent(k)
            effective = grown
        else:
            y *= (after / before) ** exponent(k)
    return y if law.convention == "official_code" else y + law.d


def accuracy_percent(pools, seen=SEEN):
    return 100.0 * (1.0 - mixture_error(pools, seen))


def unequal_pools(convention):
    laws = [UtilityLaw(0.03, b, tau, 0.07, convention) for b, tau in ((-0.2, 3.0), (-0.1, 9.0))]
    return [Pool("clean", 4e5, laws[0]), Pool("rest", 1.1e6, laws[1])]


class TestPublishedNumbers:
    @pytest.mark.parametrize("union", [1, 2, 3, 4])
    def test_official_code(self, union):
        got = accuracy_percent(PUBLISHED["utility"][:union])
        np.testing.assert_allclose(got, OFFICIAL_CODE[union - 1], rtol=0, atol=0.00501)

    def test_paper_form(self):
        law = UtilityLaw(0.025, -0.16, 6.72727, 0.1, convention="paper")
        got = 100.0 * (1.0 - law.error(SEEN, 12.8e6))
        np.testing.assert_allclose(got, PAPER_TOP_10, rtol=0, atol=0.00501)

    def test_effective_data(self):
        pools = PUBLISHED["effective_data"]
        got = [float(accuracy_percent(pools[:p], 640e6)) for p in (1, 2, 3, 4)]
        np.testing.assert_allclose(got, EFFECTIVE_DATA_640M, rtol=0, atol=0.00501)

    def test_random_pools_lie_between_best_and_worst(self):
        for name in ("utility", "effective_data"):
            control = mixture_error(PUBLISHED[f"{name}_random"], 128e6)
            alone = [float(mixture_error([pool], 128e6)) for pool in PUBLISHED[name]]
            assert alone[0] < control < alone[-1]

    def test_published_parameters(self):
        assert [p.law.tau for p in PUBLISHED["utility"]] == pytest.approx(
            [6.72727, 8.54545, 5.27273, 2.27273], abs=5e-6
        )
        assert [p.law.b for p in PUBLISHED["effective_data"]] == pytest.approx(
            [-0.182273, -0.144848, -0.135303, -0.0975758], abs=5e-7
        )
        assert {p.size for pools in PUBLISHED.values() for p in pools} == {12.8e6}


class TestAgainstLoop:
    @pytest.mark.parametrize("convention", CONVENTIONS)
    @pytest.mark.parametrize("seen", [3e5, 1.5e6, 1.6e6, 3e6, 4.4e6, 2.9e8])
    def test_unequal_mixture(self, convention, seen):
        pools = unequal_pools(convention)
        assert float(mixture_error(pools, seen)) == pytest.approx(
            loop_over_passes(pools, seen), rel=1e-13
        )

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(
        a=st.floats(1e-3, 10.0),
        b=st.floats(-0.5, 0.0),
        tau=st.floats(0.1, 1e4),
        d=st.floats(0.0, 0.5),
        passes=st.floats(0.01, 60.0),
    )
    def test_one_pool(self, convention, a, b, tau, d, passes):
        law = UtilityLaw(a, b, tau, d, convention)
        got = float(law.error(passes * 1e6, 1e6))
        assert got == pytest.approx(
            loop_over_passes([Pool("x", 1e6, law)], passes * 1e6), rel=1e-12
        )


class TestManyPasses:
    """No sum over passes is taken any more; against such a sum, in long double."""

    @pytest.mark.parametrize("tau", [1e-3, 1.0, 700.0, 1e4, 1e5, 1e6, 1e12])
    @pytest.mark.parametrize("passes", [1e3, 2.0**17, 2.0**17 + 1, 2.0**17 + 2.5, 1e6 + 0.25])
    def test_utility_against_direct_sum(self, tau, passes):
        whole = int(passes)
        k = np.arange(1, whole, dtype=np.longdouble)
        rate = np.log(np.longdouble(2)) / np.longdouble(tau)
        wanted = (np.exp(-rate * k) * np.log1p(1 / k)).sum()
        wanted += np.exp(-rate * whole) * np.log1p((np.longdouble(passes) - whole) / whole)
        assert float(log_growth(passes, tau, "paper")) == pytest.approx(float(wanted), rel=2e-13)

    @pytest.mark.parametrize("tau", [1e-3, 1.0, 1e4, 1e6, 1e12])
    @pytest.mark.parametrize("passes", [1.5, 1e3, 1e6 + 0.25, 1e11 + 0.5])
    def test_effective_data_has_a_closed_form(self, tau, passes):
        rate = math.log(2.0) / tau
        whole = math.floor(passes)
        n_eff = math.expm1(-rate * whole) / math.expm1(-rate)
        n_eff += math.exp(-rate * whole) * (passes - whole)
        got = float(log_growth(passes, tau, "effective_data"))
        assert got == pytest.approx(math.log(n_eff), rel=1e-12, abs=1e-15)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @pytest.mark.parametrize("passes", [1.0, 7.3, 1e6, 1e9 + 0.5, 1e15])
    def test_without_decay_repeats_count_as_new_data(self, convention, passes):
        assert float(log_growth(passes, math.inf, convention)) == pytest.approx(
            math.log(passes), rel=1e-12
        )
        assert float(log_growth(passes, 1e300, convention)) == pytest.approx(
            math.log(passes), rel=1e-12
        )

    def test_effective_mixture_past_the_direct_sum(self):
        laws = [
            UtilityLaw(0.02, b, tau, 0.1, "effective_data") for b, tau in ((-0.2, 2e5), (-0.1, 3e4))
        ]
        pools = [Pool("x", 3e3, laws[0]), Pool("y", 1e3, laws[1])]
        k = np.arange(4e5)
        delta = [np.exp2(-k * p.size / 4e3 / p.law.tau) * p.size / 4e3 for p in pools]
        effective = np.cumsum(delta[0] + delta[1])
        exponent = (-0.2 * delta[0] - 0.1 * delta[1]) / (delta[0] + delta[1])
        log_y = exponent[0] * math.log(0.02 * 4e3 / DIVISOR)
        log_y += (exponent[1:] * np.diff(np.log(effective))).sum()
        got = float(mixture_error(pools, 4e5 * 4e3))
        assert got == pytest.approx(math.exp(log_y) + 0.1, rel=1e-11)

    def test_many_half_lives_at_once_equal_one_by_one(self):
        """The nodes of the integral serve all of them: none may spoil another."""
        tau = np.array([0.7, 30.0, 2e4, 4e5, np.inf])
        for passes in (np.array([[40.5], [3.0]]), np.array([[4e6 + 0.5], [2e5]])):
            alone = [[float(log_growth(x, t, "paper")) for t in tau] for x in passes[:, 0]]
            np.testing.assert_allclose(log_growth(passes, tau, "paper"), alone, rtol=1e-13)
        many = np.geomspace(1e4, 1e6, 50)
        alone = [float(log_growth(3e5, t, "paper")) for t in many]
        np.testing.assert_allclose(log_growth(3e5, many, "paper"), alone, rtol=1e-13)

    def test_array_of_far_apart_passes_equals_one_by_one(self):
        passes = np.array([[0.3, 1.0, 2.5], [1e4, 5e5, 3e7]])
        alone = [[float(log_growth(x, 3e5, "paper")) for x in row] for row in passes]
        np.testing.assert_allclose(log_growth(passes, 3e5, "paper"), alone, rtol=1e-13)


class TestInvariants:
    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_mixture_of_one_is_the_law(self, convention):
        law = UtilityLaw(0.025, -0.16, 6.7, 0.1, convention)
        np.testing.assert_allclose(
            mixture_error([Pool("x", 12.8e6, law)], SEEN), law.error(SEEN, 12.8e6), rtol=1e-15
        )

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(parts=st.lists(st.floats(0.05, 1.0), min_size=2, max_size=5))
    def test_splitting_a_pool_changes_nothing(self, convention, parts):
        """τ̂ = (N̂/N) τ: pieces of one pool, each with τ in proportion to its size, are that pool."""
        share = np.array(parts) / sum(parts)
        whole = UtilityLaw(0.025, -0.16, 6.7, 0.1, convention)
        pieces = [
            Pool(str(i), 1e6 * s, UtilityLaw(0.025, -0.16, 6.7 * s, 0.1, convention))
            for i, s in enumerate(share)
        ]
        seen = np.array([2e5, 1.7e6, 3e7])
        np.testing.assert_allclose(mixture_error(pieces, seen), whole.error(seen, 1e6), rtol=1e-12)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(passes=st.floats(0.01, 1e6), tau=st.floats(0.1, 1e7), step=st.floats(1.001, 10.0))
    def test_more_samples_never_hurt_and_slower_decay_helps(self, convention, passes, tau, step):
        law = UtilityLaw(0.025, -0.16, tau, 0.1, convention)
        slower = UtilityLaw(0.025, -0.16, tau * step, 0.1, convention)
        error = law.error(passes * 1e6, 1e6)
        assert law.error(passes * step * 1e6, 1e6) <= error * (1 + 1e-13)
        assert slower.error(passes * 1e6, 1e6) <= error * (1 + 1e-13)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @pytest.mark.parametrize("whole", [1, 2, 17, 2**17 + 1, 10**6])
    def test_continuous_at_the_end_of_a_pass(self, convention, whole):
        law = UtilityLaw(0.025, -0.16, 4e5, 0.1, convention)
        around = whole * (1.0 + np.array([-1e-12, 0.0, 1e-12]))
        np.testing.assert_allclose(np.diff(law.error(around * 1e6, 1e6)), 0.0, atol=2e-12)

    def test_conventions_agree_within_one_pass(self):
        paper, official, effective = (UtilityLaw(0.03, -0.2, 2.0, 0.1, c) for c in CONVENTIONS)
        assert float(paper.error(5e5, 1e6)) == pytest.approx(float(official.error(5e5, 1e6)))
        assert float(paper.error(5e5, 1e6)) == pytest.approx(float(effective.error(5e5, 1e6)))

    def test_prefactor_form(self):
        law = UtilityLaw(0.03, -0.2, 2.0, 0.1)
        assert float(law.error(5e5, 1e6)) == pytest.approx(law.prefactor * 5e5**-0.2 + 0.1)

    def test_errors_above_one_are_the_law(self):
        assert float(UtilityLaw(0.025, -0.085, 2.3, 0.1).error(1e5, 12.8e6)) > 1.0

    def test_useless_data_teaches_nothing(self):
        law = UtilityLaw(0.03, 0.0, 2.0, 0.1)
        np.testing.assert_allclose(law.error(SEEN, 1e6), 1.1, rtol=1e-15)

    def test_samples_and_sizes_broadcast(self):
        law = UtilityLaw(0.025, -0.16, 6.7, 0.1)
        got = law.error(SEEN[:, None], [1e6, 2e6, 3e6])
        assert got.shape == (4, 3)
        assert got[2, 1] == law.error(SEEN[2], 2e6)
        assert law.error(1e6, 1e6).shape == ()

    def test_with_convention_changes_only_the_convention(self):
        pools = with_convention(PUBLISHED["utility"], "paper")
        assert {p.law.convention for p in pools} == {"paper"}
        assert [p.law.b for p in pools] == [p.law.b for p in PUBLISHED["utility"]]


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"a": 0.0}, "a must be finite and in"),
            ({"a": math.nan}, "a must be"),
            ({"b": 0.1}, "b must be finite and in"),
            ({"tau": 0.0}, "tau must be"),
            ({"tau": -math.inf}, "tau must be"),
            ({"tau": "six"}, "tau must be a real number"),
            ({"d": -0.1}, "d must be"),
            ({"convention": "code"}, "convention must be one of paper, official_code"),
        ],
    )
    def test_law(self, change, message):
        with pytest.raises(InputError, match=message):
            UtilityLaw(**{"a": 0.02, "b": -0.1, "tau": 3.0, "d": 0.1, **change})

    def test_law_takes_numbers_not_arrays(self):
        with pytest.raises(InputError, match="b must be one number"):
            UtilityLaw(0.02, np.array([-0.1, -0.2]), 3.0, 0.1)  # pyright: ignore

    @pytest.mark.parametrize(("seen", "size"), [(0.0, 1e6), (-1.0, 1e6), (math.nan, 1e6), (1e6, 0)])
    def test_samples_and_size(self, seen, size):
        with pytest.raises(InputError, match=r"samples_seen|pool_size"):
            UtilityLaw(0.02, -0.1, 3.0, 0.1).error(seen, size)

    def test_pool(self):
        with pytest.raises(InputError, match="size must be"):
            Pool("x", 0.0, UtilityLaw(0.02, -0.1, 3.0, 0.1))

    def test_no_pools(self):
        with pytest.raises(InputError, match="at least one Pool"):
            mixture_error([], 1e6)

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("a", UtilityLaw(0.03, -0.1, 3.0, 0.1)),
            ("d", UtilityLaw(0.02, -0.1, 3.0, 0.2)),
            ("convention", UtilityLaw(0.02, -0.1, 3.0, 0.1, "official_code")),
        ],
    )
    def test_mixed_laws(self, name, other):
        pools = [Pool("x", 1e6, UtilityLaw(0.02, -0.1, 3.0, 0.1)), Pool("y", 1e6, other)]
        with pytest.raises(InputError, match=f"must share {name}: 'x' has .* 'y' has"):
            mixture_error(pools, 1e6)

    def test_overflow_is_said(self):
        with pytest.raises(InputError, match="beyond the range of floats"):
            UtilityLaw(1e-9, -40.0, 3.0, 0.1).error(1.0, 1e6)
