"""Plans: the parts agree with the theory they are made of, and what must be said is said."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prunelaw.decay.filtering import best_filter
from prunelaw.decay.mixtures import best_weights
from prunelaw.decay.schedule import best_schedule
from prunelaw.decay.utility import PUBLISHED, UtilityLaw, mixture_error, with_convention
from prunelaw.errors import InputError
from prunelaw_sim.fits.bootstrap import bootstrap
from prunelaw_sim.laws.utility import fit_utility
from prunelaw_sim.pools.ensemble import from_fit, from_standard_errors
from prunelaw_sim.pools.notes import beyond_runs
from prunelaw_sim.pools.plan import plan
from prunelaw_sim.pools.tables import read_pools

POOLS = PUBLISHED["utility"]
RUNS = Path(__file__).resolve().parents[3] / "docs" / "examples" / "pool_runs.csv"


PAPER = with_convention(POOLS, "paper")


def doubted(replicates=12, pools=PAPER[:3]):
    errors = {pool.name: 0.01 for pool in pools}
    return from_standard_errors(pools, errors, {}, replicates=replicates)


@pytest.fixture(scope="module")
def fitted():
    fit = fit_utility(read_pools(RUNS).frame)
    return bootstrap(fit, 60, seed=2)


@pytest.fixture(scope="module")
def plan_of_fit(fitted):
    return plan(fitted, 640e6)


@pytest.fixture(scope="module")
def exact_plan():
    return plan(POOLS, 640e6)


@pytest.fixture(scope="module")
def doubted_plan():
    return plan(doubted(), 100e6)


def kinds(notes):
    return [note.kind for note in notes]


class TestOneLaw:
    @pytest.mark.parametrize("budget", [32e6, 2e9])
    def test_chooses_the_best_filter(self, budget):
        found, exact = plan(POOLS, budget), best_filter(POOLS, budget)
        assert len(found.chosen.pools) == exact.n_pools
        assert found.chosen.error == found.chosen.at_point == pytest.approx(float(exact.error))
        assert found.chosen.regret == 0.0 and found.chosen.probability == 1.0
        assert found.next_best.error - found.chosen.error == pytest.approx(float(exact.advantage))
        union = sum(pool.size for pool in POOLS[: int(exact.n_pools)])
        assert found.chosen.epochs == pytest.approx(budget / union)
        assert sum(found.chosen.weights.values()) == pytest.approx(1.0)

    def test_without_uncertainty_nothing_is_claimed(self, exact_plan):
        found = exact_plan
        assert found.chosen.low is None and found.chosen.high is None
        assert found.next_runs == ()
        assert "no_uncertainty" in kinds(found.warnings)
        assert "statistics" not in kinds(found.assumptions)

    def test_one_pool_needs_no_choice(self):
        found = plan(POOLS[:1], 640e6)
        assert found.next_best is found.better is found.weighting is found.schedule is None
        assert found.switches == ()


class TestParts:
    @pytest.mark.parametrize(
        ("replicates", "pools", "budget"),
        [(12, PAPER[:3], 100e6), pytest.param(40, PAPER, 640e6, marks=pytest.mark.exhaustive)],
    )
    def test_weights_and_schedule_are_the_theorys(self, replicates, pools, budget):
        """And the gain of the weights in every replicate is that of a plain loop."""
        ensemble = doubted(replicates, pools)
        found = plan(ensemble, budget)
        exact, best = best_weights(pools, budget), found.weighting
        np.testing.assert_allclose(list(best.weights.values()), exact.weights)
        assert best.gain == pytest.approx(exact.union_error - exact.error) and best.pays
        gains = [
            float(
                mixture_error(ensemble.pools(r)[: len(found.chosen.pools)], budget)
                - mixture_error(ensemble.pools(r), budget, weights=exact.weights)
            )
            for r in range(replicates)
        ]
        assert best.expected_gain == pytest.approx(np.mean(gains))
        assert best.low <= best.expected_gain <= best.high
        for name, epochs in best.epochs.items():
            assert epochs == pytest.approx(best.weights[name] * budget / 12.8e6)
        schedule = best_schedule(pools, budget)
        assert found.schedule.error == schedule.error
        assert found.schedule.segments == schedule.segments
        assert "no_schedule" not in kinds(found.warnings)

    def test_where_there_is_no_schedule_the_plan_says_why(self, exact_plan):
        note = next(n for n in exact_plan.warnings if n.kind == "no_schedule")
        assert "convention must be paper" in note.message

    def test_effective_data_has_neither_weights_nor_schedule(self):
        found = plan(PUBLISHED["effective_data"], 640e6)
        assert found.weighting is None and found.schedule is None
        assert len(found.chosen.pools) == 3  # published: 40.09 % at the top 30 %

    def test_selection_is_paid_from_the_budget(self):
        found = plan(POOLS, 200e6, selection_cost=0.25, scored=128e6)
        assert found.selection == 32e6
        assert found.chosen.samples_seen == 168e6
        assert found.unions[-1].samples_seen == 200e6
        assert found.scores_pay.budget < 200e6
        assert plan(POOLS, 200e6, selection_cost=0.25).selection == pytest.approx(12.8e6)

    def test_scores_that_the_budget_cannot_pay(self):
        found = plan(POOLS, 60e6, selection_cost=2.0)
        assert len(found.chosen.pools) == 4 and found.next_best is None
        assert found.unions[0].error == math.inf
        assert "selection" in kinds(found.warnings)

    def test_next_runs_can_be_chosen(self):
        found = plan(doubted(), 1e8, runs=[((POOLS[2].name,), 1e7), ((POOLS[0].name,), 5e6)])
        assert {run.samples_seen for run in found.next_runs} == {1e7, 5e6}
        assert found.next_runs[0].regret_now == pytest.approx(found.chosen.regret)

    def test_the_cheapest_run_is_as_good_within_its_error(self, doubted_plan):
        runs, cheap = doubted_plan.next_runs, doubted_plan.cheapest_run
        assert runs[0].reduction - cheap.reduction <= runs[0].standard_error
        least = runs[0].reduction - runs[0].standard_error
        cheaper = [run for run in runs if run.samples_seen < cheap.samples_seen]
        assert all(run.reduction < least for run in cheaper)
        assert replace(doubted_plan, next_runs=()).cheapest_run is None


class TestFits:
    def test_the_truth_lies_in_the_intervals(self, plan_of_fit):
        """Runs simulated from the published pools in the paper's convention: its switches."""
        found = plan_of_fit
        assert found.chosen.pools == tuple(pool.name for pool in POOLS[:2])
        exact = float(best_filter(with_convention(POOLS, "paper"), 640e6).error)
        assert found.chosen.low < exact < found.chosen.high
        for switch, truth in zip(found.switches[:2], (82.0e6, 993e6), strict=True):
            assert switch.low < truth < switch.high

    def test_extrapolation_is_told_in_doublings(self, fitted, plan_of_fit):
        """A pool of the union of two sees 320M samples of 640M; its runs end at 256M."""
        notes = [n.message for n in plan_of_fit.warnings if n.kind == "extrapolation"]
        assert len(notes) == 2
        assert all("0.3 doublings in samples seen" in note for note in notes)
        known = from_fit(fitted)
        beyond = beyond_runs(known, fitted.fit, plan_of_fit.chosen)
        assert list(beyond) == list(plan_of_fit.chosen.pools)
        assert beyond[POOLS[0].name]["samples_seen"] == pytest.approx(math.log2(320 / 256))
        assert "extrapolation" not in kinds(plan(fitted, 200e6).warnings)

    def test_the_fits_warnings_come_along(self, fitted, plan_of_fit):
        wanted = {warning.kind for warning in fitted.fit.warnings}
        assert wanted <= set(kinds(plan_of_fit.warnings))

    def test_scatter_is_the_fits(self, fitted, plan_of_fit, exact_plan):
        assert plan_of_fit.scatter == pytest.approx(fitted.fit.scatter)
        assert exact_plan.scatter is None

    def test_same_every_time(self, fitted):
        one, two = (plan(fitted.fit, 100e6, replicates=8, seed=5) for _ in range(2))
        assert one.chosen == two.chosen and one.next_runs == two.next_runs
        assert one.weighting == two.weighting

    def test_groups(self):
        """Two tasks fitted together, one of them easier: a plan is for one of them."""
        rows = [
            (group, pool.name, 12.8e6, n, float(law.error(n, 12.8e6)))
            for group, a in (("hard", 0.025), ("easy", 0.1))
            for pool in POOLS[:2]
            for law in [UtilityLaw(a, pool.law.b, pool.law.tau, 0.1, "paper")]
            for n in (1.6e7, 3.2e7, 6.4e7, 1.28e8, 2.56e8)
        ]
        columns = pd.Index(["group", "pool", "unique_samples", "samples_seen", "error"])
        fit = fit_utility(pd.DataFrame(rows, columns=columns), together=True)
        replicates = bootstrap(fit, 10)
        easy, hard = (from_fit(replicates, group=group) for group in ("easy", "hard"))
        assert easy.point == fit.to_pools("easy") and len(easy) == 10
        assert (easy.error([0, 1], 3e8) < hard.error([0, 1], 3e8)).all()
        found = plan(easy, 6.4e8)
        assert found.chosen.error == pytest.approx(found.chosen.at_point, rel=1e-3)
        assert "extrapolation" in kinds(found.warnings)
        with pytest.raises(InputError, match="group must be one of hard, easy"):
            from_fit(replicates)

    def test_a_ceiling_has_no_pools(self):
        fit = fit_utility(read_pools(RUNS).frame, convention="paper", ceiling=1.0)
        with pytest.raises(InputError, match="ceiling"):
            plan(fit, 64e6, replicates=2)


class TestNotes:
    def test_budgets_below_one_epoch(self):
        found = plan(POOLS, 8e6)
        note = next(n for n in found.warnings if n.kind == "below_one_epoch")
        assert "8M samples are 0.625 epochs of the chosen union of 12.8M" in note.message

    def test_errors_above_one(self, exact_plan):
        found = plan(POOLS, 5e6)
        assert found.chosen.error > 1.0
        assert "beyond_range" in kinds(found.warnings)
        assert "beyond_range" not in kinds(exact_plan.warnings)

    def test_what_is_theorem_and_what_is_not(self, doubted_plan):
        found = doubted_plan
        assert kinds(found.assumptions).count("theorem") == 2
        assert "extension" in kinds(plan(POOLS[:2], 64e6, stretch=0.5).assumptions)
        assert any("scatter" in note.message for note in found.assumptions)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"budget": 0.0}, "budget"),
            ({"level": 1.5}, "level"),
            ({"selection_cost": -1.0}, "selection_cost"),
            ({"scored": -1.0}, "scored"),
            ({"stretch": -0.5}, "stretch"),
            ({"scatter": -0.1}, "scatter"),
            ({"run_limit": 0.0}, "cost_limit"),
        ],
    )
    def test_bad_arguments_are_named(self, options, message):
        budget = options.pop("budget", 1e8)
        with pytest.raises(InputError, match=message):
            plan(POOLS, budget, **options)

    def test_stretch_of_an_ensemble_is_its_own(self):
        with pytest.raises(InputError, match="stretch belongs to pools"):
            plan(doubted(), 1e8, stretch=0.0)
