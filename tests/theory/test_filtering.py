"""Best filters and switch points: published claims, roots from both sides, hidden crossings."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw.filtering import best_filter, switch_points, union_errors
from prunelaw.utility import PUBLISHED, Pool, UtilityLaw, mixture_error, with_convention

OFFICIAL = PUBLISHED["utility"]
PAPER = with_convention(OFFICIAL, "paper")
EFFECTIVE = PUBLISHED["effective_data"]

# The published switch points were read off a grid, as its first point at which the larger union
# wins; one step of that grid, geomspace(20e6, 3e9, 2000), is 0.25 %.
GRID_STEP = 1.00251
REPORTED = [
    pytest.param(OFFICIAL, [100.7e6, 1098e6], id="official_code"),
    pytest.param(PAPER, [82.0e6, 993e6], id="paper"),
    pytest.param(EFFECTIVE, [67.8e6, 344.9e6], id="effective_data"),
]
ALL_CONVENTIONS = [pytest.param(p.values[0], id=p.id) for p in REPORTED]


class TestBestFilter:
    def test_official_code_at_the_four_budgets(self):
        choice = best_filter(OFFICIAL, [32e6, 64e6, 128e6, 640e6])
        assert choice.n_pools.tolist() == [1, 1, 2, 2]
        assert choice.names[0] == "top 0-10%"

    @pytest.mark.parametrize("pools", ALL_CONVENTIONS)
    def test_published_claim_more_compute_wants_more_data(self, pools):
        """Top 10 % at 32M samples seen, top 20 % from 100M to 350M, top 30 % far beyond."""
        seen = [32e6, 101e6, 340e6, 2e9]
        assert best_filter(pools, seen).n_pools.tolist() == [1, 2, 2, 3]

    def test_errors_and_advantage(self):
        choice = best_filter(OFFICIAL, [[32e6, 64e6], [128e6, 5e9]])
        assert choice.errors.shape == (4, 2, 2)
        for p in range(4):
            np.testing.assert_array_equal(
                choice.errors[p], mixture_error(OFFICIAL[: p + 1], choice.samples_seen)
            )
        in_order = np.sort(choice.errors, axis=0)
        np.testing.assert_array_equal(choice.error, in_order[0])
        np.testing.assert_array_equal(choice.advantage, in_order[1] - in_order[0])

    def test_one_number_one_pool(self):
        choice = best_filter(OFFICIAL[:1], 64e6)
        assert choice.n_pools.shape == ()
        assert int(choice.n_pools) == 1
        assert np.isinf(choice.advantage)

    def test_a_tie_names_the_smaller_union(self):
        """Equal pools teach the same until the first of them is used up."""
        law = UtilityLaw(0.025, -0.16, 6.7, 0.1)
        pools = [Pool(name, 1e6, law) for name in "abc"]
        assert best_filter(pools, [0.4e6, 1e6, 1.5e6, 2.5e6]).n_pools.tolist() == [1, 1, 2, 3]

    def test_no_pools(self):
        with pytest.raises(InputError, match="at least one Pool"):
            best_filter([], 1e6)

    def test_bad_samples(self):
        with pytest.raises(InputError, match="samples_seen"):
            best_filter(OFFICIAL, [1e6, -1.0])


class TestSwitchPoints:
    @pytest.mark.parametrize(("pools", "reported"), REPORTED)
    def test_published(self, pools, reported):
        found = switch_points(pools, 12.8e6, 3e9)
        assert [(s.from_pools, s.to_pools) for s in found] == [(1, 2), (2, 3)]
        for switch, value in zip(found, reported, strict=True):
            half_a_digit = 0.5 * (1e5 if value < 900e6 else 1e6)
            assert switch.samples_seen <= value + half_a_digit
            assert switch.samples_seen * GRID_STEP >= value - half_a_digit

    @pytest.mark.parametrize("pools", ALL_CONVENTIONS)
    def test_each_switch_is_a_root_of_the_envelope(self, pools):
        for switch in switch_points(pools, 1e6, 1e11):
            assert abs(switch.residual) <= 1e-15
            near = switch.samples_seen * (1.0 + np.array([-1e-9, 1e-9]))
            assert best_filter(pools, near).n_pools.tolist() == [switch.from_pools, switch.to_pools]
            assert float(best_filter(pools, switch.samples_seen).error) == pytest.approx(
                switch.error, rel=1e-13
            )

    def test_switches_explain_a_fine_grid(self):
        seen = np.geomspace(1e6, 1e11, 20_001)
        best = best_filter(EFFECTIVE, seen).n_pools
        found = switch_points(EFFECTIVE, 1e6, 1e11)
        places = [s.samples_seen for s in found]
        chain = [found[0].from_pools, *(s.to_pools for s in found)]
        np.testing.assert_array_equal(np.array(chain)[np.searchsorted(places, seen)], best)

    def test_where_errors_pass_one_the_worst_pools_look_best(self):
        """(a n/1e5)^b > 1 below n = 1e5/a: there the law prefers weak data, and says so."""
        first = switch_points(OFFICIAL, 1e6, 2e7)[0]
        assert (first.from_pools, first.to_pools) == (4, 1)
        assert first.samples_seen == pytest.approx(1e5 / 0.025, rel=1e-12)
        assert first.error == pytest.approx(1.1, rel=1e-12)

    def test_a_union_that_wins_only_between_two_others(self):
        """Two pools are best on .1 % of n around 128.9M, with a weak second pool: not missed."""
        law = {"a": 0.025, "d": 0.1, "convention": "paper"}
        utilities = [("a", -0.16, 6.7), ("b", -0.11206, 8.5), ("c", -0.125, 8.5)]
        pools = [Pool(name, 12.8e6, UtilityLaw(b=b, tau=tau, **law)) for name, b, tau in utilities]
        found = switch_points(pools, 4.5e6, 1e11)
        self.check_brief_reign(pools, found, (1, 2, 3), around=128.9e6, width=2e-3)

    def test_a_union_that_loses_only_briefly(self):
        """One pool is best for .5 % of n, at the end of a pass, amid the reign of two."""
        law = {"a": 0.05, "d": 0.1, "convention": "effective_data"}
        utilities = [("a", -0.086, 8.7), ("b", -0.07687, 3.9)]
        pools = [Pool(name, 2e6, UtilityLaw(b=b, tau=tau, **law)) for name, b, tau in utilities]
        found = switch_points(pools, 4.2e6, 1e11)
        self.check_brief_reign(pools, found, (2, 1, 2), around=6e6, width=1e-2)

    @staticmethod
    def check_brief_reign(pools, found, chain, around, width):
        assert [found[0].from_pools, *(s.to_pools for s in found)] == list(chain)
        seen = around * np.linspace(1.0 - width, 1.0 + width, 20_001)
        brief = seen[best_filter(pools, seen).n_pools == chain[1]]
        step = seen[1] - seen[0]
        assert found[0].samples_seen == pytest.approx(brief[0], abs=step)
        assert found[1].samples_seen == pytest.approx(brief[-1], abs=step)

    def test_none_when_nothing_changes(self):
        assert switch_points(OFFICIAL, 110e6, 1e9) == ()
        assert switch_points(OFFICIAL[:1], 1e6, 1e10) == ()

    def test_equal_pools_switch_where_the_smaller_union_is_used_up(self):
        law = UtilityLaw(0.025, -0.16, 6.7, 0.1)
        found = switch_points([Pool(name, 1e6, law) for name in "abc"], 1e5, 1e9)
        assert [(s.from_pools, s.to_pools) for s in found] == [(1, 2), (2, 3)]
        assert [s.samples_seen for s in found] == pytest.approx([1e6, 2e6], rel=1e-9)

    @pytest.mark.parametrize(("low", "high"), [(0.0, 1e9), (1e9, 1e8), (1e8, 1e8), (1e8, np.inf)])
    def test_bad_range(self, low, high):
        with pytest.raises(InputError, match=r"low|high"):
            switch_points(OFFICIAL, low, high)


def test_union_errors_stack_along_the_first_axis():
    assert union_errors(OFFICIAL, np.full((2, 3), 1e8)).shape == (4, 2, 3)
