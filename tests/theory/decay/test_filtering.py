"""Best filters and switch points: published claims, roots from both sides, hidden crossings."""

import numpy as np
import pytest

from prunelaw.decay.filtering import (
    best_filter,
    pareto,
    switch_points,
    training_samples,
    union_errors,
)
from prunelaw.decay.utility import PUBLISHED, Pool, UtilityLaw, mixture_error, with_convention
from prunelaw.errors import InputError

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


class TestSelectionCost:
    def test_what_scoring_leaves(self):
        """Four pools of 12.8M at a tenth of a sample each: 5.12M, unless all are kept."""
        left = training_samples(OFFICIAL, [32e6, 1e6], 0.1)
        np.testing.assert_allclose(left[:3], [[26.88e6, -4.12e6]] * 3, rtol=1e-12)
        np.testing.assert_array_equal(left[3], [32e6, 1e6])

    def test_errors_are_those_of_the_samples_left(self):
        budget = np.array([32e6, 640e6])
        choice = best_filter(OFFICIAL, budget, selection_cost=0.1)
        for p in range(4):
            left = budget - (5.12e6 if p < 3 else 0.0)
            wanted = mixture_error(OFFICIAL[: p + 1], left)
            np.testing.assert_allclose(choice.errors[p], wanted, rtol=1e-14)
        assert choice.samples_seen.tolist() == budget.tolist()

    def test_too_dear_leaves_everything_kept(self):
        choice = best_filter(OFFICIAL, 32e6, selection_cost=1.0)
        assert int(choice.n_pools) == 4
        assert np.isinf(choice.errors[:3]).all() and np.isfinite(choice.error)

    def test_no_cost_is_as_before(self):
        seen = np.geomspace(1e6, 1e10, 9)
        free, given = best_filter(OFFICIAL, seen), best_filter(OFFICIAL, seen, selection_cost=0.0)
        np.testing.assert_array_equal(free.errors, given.errors)

    @pytest.mark.parametrize("cost", [0.02, 0.3, 1.5])
    def test_switches_explain_a_fine_grid(self, cost):
        budget = np.geomspace(5e6, 1e11, 5_001)
        best = best_filter(OFFICIAL, budget, selection_cost=cost).n_pools
        found = switch_points(OFFICIAL, 5e6, 1e11, selection_cost=cost)
        chain = [found[0].from_pools, *(s.to_pools for s in found)]
        places = [s.samples_seen for s in found]
        np.testing.assert_array_equal(np.array(chain)[np.searchsorted(places, budget)], best)
        assert all(abs(s.residual) < 1e-12 for s in found)
        assert found[0].from_pools == 4  # scoring does not pay for small budgets

    def test_a_union_that_is_better_as_soon_as_it_can_be_paid(self):
        """Ten superb samples in 10,010: the jump is where one sample is left, and is said."""
        laws = [UtilityLaw(1e6, b, 5.0, 0.1) for b in (-3.0, -1e-3)]
        pools = [Pool("a", 10.0, laws[0]), Pool("b", 1e4, laws[1])]
        (switch,) = switch_points(pools, 1e3, 1e5, selection_cost=0.5)
        assert switch.samples_seen == pytest.approx(5_006.0, rel=1e-12)
        assert (switch.from_pools, switch.to_pools) == (2, 1)
        assert switch.residual > 0.5

    @pytest.mark.parametrize("cost", [-0.1, np.inf, [0.1, 0.2]])
    def test_bad_cost(self, cost):
        with pytest.raises(InputError, match="selection_cost must be"):
            best_filter(OFFICIAL, 1e8, selection_cost=cost)


class TestPareto:
    @pytest.mark.parametrize("cost", [0.0, 0.1])
    def test_is_the_lower_envelope_with_its_switches(self, cost):
        curve = pareto(OFFICIAL, 12.8e6, 3e9, points=50, selection_cost=cost)
        assert curve.budget[0] == 12.8e6 and curve.budget[-1] == pytest.approx(3e9)
        assert (np.diff(curve.budget) > 0.0).all()
        assert curve.is_switch.sum() == len(curve.switches) == curve.budget.size - 50
        places = [s.samples_seen for s in curve.switches]
        np.testing.assert_array_equal(curve.budget[curve.is_switch], places)
        assert curve.n_pools[curve.is_switch].tolist() == [s.to_pools for s in curve.switches]
        every = union_errors(OFFICIAL, curve.budget, selection_cost=cost)
        np.testing.assert_allclose(curve.error, every.min(axis=0), rtol=2e-13)  # a tie is 1e-13
        np.testing.assert_array_equal(curve(curve.budget), curve.error)

    @pytest.mark.parametrize("pools", ALL_CONVENTIONS)
    def test_continuous_and_falling(self, pools):
        curve = pareto(pools, 12.8e6, 1e10)
        assert (np.diff(curve.error) < 0.0).all()
        around = np.outer(curve.budget, [1.0 - 1e-12, 1.0 + 1e-12])
        np.testing.assert_allclose(np.diff(curve(around), axis=1), 0.0, atol=1e-11)

    def test_changes_of_the_best_union_happen_at_switches_only(self):
        curve = pareto(OFFICIAL, 1e6, 1e10)
        changes = np.flatnonzero(np.diff(curve.n_pools)) + 1
        assert curve.is_switch[changes].all()

    def test_bad_points(self):
        with pytest.raises(InputError, match="points must be"):
            pareto(OFFICIAL, 1e6, 1e9, points=1)


def test_less_than_one_sample_is_refused():
    for budget in (0.5, [1e6, 0.0]):
        with pytest.raises(InputError, match="samples_seen must be"):
            best_filter(OFFICIAL, budget)
    assert best_filter(OFFICIAL, 1.0).beyond_range
    with pytest.raises(InputError, match="low must be"):
        switch_points(OFFICIAL, 0.5, 1e9)


def test_pools_of_one_name_are_refused():
    with pytest.raises(InputError, match="different names"):
        best_filter([OFFICIAL[0], OFFICIAL[0]], 1e8)
