"""Decisions between unions: identities of regret, one law alone, plain loops, and next runs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from prunelaw.decay.filtering import best_filter, switch_points, union_errors
from prunelaw.decay.utility import PUBLISHED, Pool, UtilityLaw, mixture_error
from prunelaw.errors import InputError
from prunelaw_sim.pools.decisions import TIE, decide
from prunelaw_sim.pools.decisions import union_errors as paid_errors
from prunelaw_sim.pools.effective_unions import fits, growth_of_unions, last_pass
from prunelaw_sim.pools.ensemble import from_laws, from_pools, from_standard_errors
from prunelaw_sim.pools.next_runs import candidates, rank_runs
from prunelaw_sim.pools.switches import scores_pay, switch_distribution

POOLS = PUBLISHED["utility"]
BUDGETS = np.geomspace(2e7, 3e9, 25)


def doubted(replicates=60, pools=POOLS, seed=0, b_se=0.01):
    return from_standard_errors(
        pools,
        {pool.name: b_se for pool in pools},
        {pool.name: 0.2 * pool.law.tau for pool in pools},
        replicates=replicates,
        seed=seed,
    )


@st.composite
def laws_of_pools(draw):
    """A few laws of the same two to four pools of different size, in any convention."""
    count = draw(st.integers(2, 4))
    convention = draw(st.sampled_from(["paper", "official_code", "effective_data"]))
    sizes = draw(st.lists(st.floats(1e3, 1e8), min_size=count, max_size=count))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        a, d = draw(st.floats(1e-3, 100.0)), draw(st.floats(0.0, 0.5))
        numbers = st.tuples(st.floats(-0.4, -0.01), st.floats(0.1, 50.0))
        made.append(
            [
                Pool(f"pool {i}", size, UtilityLaw(a, *draw(numbers), d, convention))
                for i, size in enumerate(sizes)
            ]
        )
    return made


class TestErrors:
    @given(laws_of_pools(), st.floats(0.0, 2.0))
    def test_are_those_of_the_theory(self, laws, stretch):
        """All replicates at once give what `mixture_error` gives for each, in every convention."""
        ensemble = from_laws(laws, stretch=stretch)
        seen = np.array([1.0, 1e4, 3.7e7, 1e10])
        got = ensemble.union_errors(seen)
        for r, u in itertools.product(range(len(ensemble)), range(len(laws[0]))):
            exact = mixture_error(ensemble.pools(r)[: u + 1], seen, stretch=stretch)
            np.testing.assert_allclose(got[r, u], exact, rtol=1e-12)

    def test_passes_of_the_effective_data_law(self):
        """A plain loop over passes; the tables end where nothing is left to learn."""
        share, b, rate = np.array([0.25, 0.75]), np.array([[-0.3, -0.1]]), np.array([[0.2, 0.7]])
        made = np.array([[0.5, 1.0, 3.6]])
        worth = [share * np.exp(-rate[0] * k) for k in range(4)]
        seen = np.cumsum([0.0] + [w.sum() for w in worth])
        steps = [(1, 1.0), (2, 1.0), (3, 0.6)]
        grown = sum(
            (b[0] @ worth[k]) / worth[k].sum() * math.log1p(part * worth[k].sum() / seen[k])
            for k, part in steps
        )
        got = growth_of_unions(made, share, b, rate, 4)
        np.testing.assert_allclose(got, [[0.0, 0.0, grown]], rtol=1e-13)
        assert last_pass(np.array([[1e12]]), rate) == math.ceil(46.0 / 0.2) + 1
        assert last_pass(np.array([[7.9]]), np.array([[0.0]])) == 7
        assert fits(1000, 4) and not fits(10**9, 4)

    def test_budgets_of_their_own(self):
        """(replicates, n) budgets are taken row by row."""
        ensemble = doubted(replicates=3)
        own = np.array([[1e8], [2e8], [3e8]])
        rows = ensemble.error([0, 2], own)
        for r in range(3):
            assert rows[r, 0] == ensemble.error([0, 2], own[r])[r, 0]

    def test_filters_pay_for_their_scores(self):
        ensemble = doubted(replicates=4)
        paid = paid_errors(ensemble, BUDGETS, 5e7)
        for p in range(3):
            left = BUDGETS > 5e7
            free = ensemble.error(range(p + 1), BUDGETS[left] - 5e7)
            np.testing.assert_array_equal(paid[:, p, left], free)
            assert np.isinf(paid[:, p, ~left]).all()
        np.testing.assert_array_equal(paid[:, 3], ensemble.error(range(4), BUDGETS))


class TestEnsembles:
    def test_draws_have_the_standard_errors_asked_for(self):
        many = doubted(replicates=20_000)
        for i, pool in enumerate(POOLS):
            assert many.b[:, i].mean() == pytest.approx(pool.law.b, abs=4 * 0.01 / 141)
            assert many.b[:, i].std() == pytest.approx(0.01, rel=0.03)
            assert np.log(many.tau[:, i]).std() == pytest.approx(0.2, rel=0.03)
            assert np.median(many.tau[:, i]) == pytest.approx(pool.law.tau, rel=0.01)
        assert np.corrcoef(many.b.T)[0, 1] == pytest.approx(0.0, abs=0.04)

    def test_utilities_stay_below_zero(self):
        assert doubted(replicates=500, b_se=0.5).b.max() < 0.0

    def test_seed_decides(self):
        np.testing.assert_array_equal(doubted().b, doubted().b)
        assert (doubted().b != doubted(seed=1).b).all()

    def test_pools_are_put_in_order(self):
        assert from_pools(POOLS[::-1]).names == tuple(pool.name for pool in POOLS)

    def test_quantile_of_weighted_numbers(self):
        ensemble = from_laws([POOLS] * 4, weights=[1.0, 1.0, 1.0, 3.0])
        numbers = np.array([[4.0, 1.0], [1.0, np.inf], [2.0, 2.0], [3.0, np.inf]])
        np.testing.assert_array_equal(ensemble.quantile(numbers, 0.5), [3.0, np.inf])
        np.testing.assert_array_equal(ensemble.quantile(numbers, 1 / 6), [1.0, 1.0])
        low, high = ensemble.interval(numbers[:, 0], 0.9)
        assert (low, high) == (1.0, 4.0)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda: from_laws([]), "at least one"),
            (lambda: from_laws([POOLS, POOLS[:2]]), "laws must be of the pools"),
            (lambda: from_laws([POOLS], weights=[0.0]), r"weights .* in \(0, inf\)"),
            (lambda: from_laws([POOLS], weights=[1.0, 2.0]), "one a law"),
            (lambda: from_standard_errors(POOLS, {"x": 1.0}, {}), "b_se must be one of top 0-10%"),
            (lambda: from_standard_errors(POOLS, {}, {"top 0-10%": -1.0}), "tau_se"),
            (lambda: decide(doubted(), 0.5), "budgets"),
            (lambda: decide(doubted(), 1e8, level=1.0), "level"),
            (lambda: switch_distribution(doubted(), 1e8, 1e8), "most"),
        ],
    )
    def test_bad_input_is_named(self, change, message):
        with pytest.raises(InputError, match=message):
            change()


class TestDecision:
    def test_one_law_alone_is_the_best_filter(self):
        found, exact = decide(from_pools(POOLS), BUDGETS), best_filter(POOLS, BUDGETS)
        np.testing.assert_array_equal(found.n_pools, exact.n_pools)
        np.testing.assert_allclose(found.error, exact.errors, rtol=1e-13)
        np.testing.assert_allclose(found.curve[0], exact.error, rtol=1e-13)
        np.testing.assert_array_equal(found.low, found.high)
        np.testing.assert_array_equal(found.chosen_regret, 0.0)
        assert set(found.probability.ravel()) == {0.0, 1.0}

    def test_by_a_plain_loop(self):
        ensemble = doubted(replicates=30)
        found = decide(ensemble, BUDGETS[[5, 15]], level=0.8)
        for i, n in enumerate(BUDGETS[[5, 15]]):
            errors = np.array([union_errors(ensemble.pools(r), n) for r in range(30)])
            assert found.n_pools[i] == 1 + np.argmin(errors.mean(0))
            wins = np.bincount(errors.argmin(1), minlength=4) / 30
            np.testing.assert_allclose(found.probability[:, i], wins, atol=1e-12)
            regret = np.mean([row - row.min() for row in errors], axis=0)
            np.testing.assert_allclose(found.regret[:, i], regret, atol=1e-13)
            np.testing.assert_allclose(found.low[:, i], np.sort(errors, 0)[2], rtol=1e-12)
            np.testing.assert_allclose(found.high[:, i], np.sort(errors, 0)[26], rtol=1e-12)

    @given(laws_of_pools(), st.floats(0.0, 1e8))
    def test_identities_of_regret(self, laws, selection):
        """Regrets differ as errors do, are ≥ 0, and 0 where one union is best for certain."""
        found = decide(from_laws(laws), [1.0, 1e6, 1e9], selection=selection)
        assert (found.regret >= 0.0).all()
        np.testing.assert_allclose(found.probability.sum(0), 1.0)
        finite = np.isfinite(found.error)
        against = found.error[-1] - found.error
        np.testing.assert_allclose(
            (found.regret[-1] - found.regret)[finite], against[finite], rtol=1e-9, atol=1e-12
        )
        ties = finite & (found.probability == 1.0)
        assert (found.regret[ties] <= 2.0 * TIE * found.error[ties]).all()
        tied = found.chosen_regret <= found.regret.min(0) + 1e-12 * found.curve[0]
        assert tied.all()

    def test_the_runner_up_is_the_least_of_the_others(self):
        found = decide(doubted(), BUDGETS)
        for i in range(BUDGETS.size):
            order = np.argsort(found.error[:, i])
            assert (found.n_pools[i], found.next_best[i]) == (order[0] + 1, order[1] + 1)
        assert decide(from_pools(POOLS[:1]), 1e8).next_best == [0]


class TestSwitches:
    def test_of_one_law_are_the_switch_points(self):
        found = switch_distribution(from_pools(POOLS), 2e7, 3e9)
        exact = switch_points(POOLS, 2e7, 3e9)
        assert [s.budget for s in found[:2]] == pytest.approx([s.samples_seen for s in exact])
        assert [s.low for s in found] == [s.high for s in found] == [s.budget for s in found]
        assert (found[2].budget, found[2].probability) == (math.inf, 0.0)
        assert [s.added for s in found] == [pool.name for pool in POOLS[1:]]

    def test_each_replicate_by_itself(self):
        """What all replicates give at once is what the theory's own search gives for each."""
        ensemble = doubted(replicates=12)
        found = switch_distribution(ensemble, 6e7, 2e9)
        for r in range(12):
            switches = switch_points(ensemble.pools(r), 6e7, 2e9)
            ends = (int(best_filter(ensemble.pools(r), n).n_pools) for n in (6e7, 2e9))
            first, last = ends
            for switch in found:
                p = switch.from_pools
                upward = [s.samples_seen for s in switches if s.from_pools <= p < s.to_pools]
                down = any(s.to_pools <= p < s.from_pools for s in switches)
                expected = -math.inf if first > p and not down else max(upward, default=math.inf)
                expected = expected if last > p else math.inf
                assert switch.each[r] == pytest.approx(expected, rel=1e-10)

    def test_never_counts_as_infinity(self):
        switch = switch_distribution(doubted(replicates=100), 2e7, 2e9)[1]
        assert 0.5 < switch.probability < 0.95
        assert switch.high == math.inf and switch.budget < 2e9
        assert switch.probability == pytest.approx(np.isfinite(switch.each).mean())

    def test_spells_that_end_again_are_told(self):
        """Below a n/1e5 = 1 (4M samples) the order of the pools is reversed."""
        whole = switch_distribution(from_pools(POOLS), 1e6, 3e9)
        part = switch_distribution(from_pools(POOLS), 2e7, 3e9)
        assert [s.elsewhere for s in whole] == [1.0] * 3
        assert [s.elsewhere for s in part] == [0.0] * 3
        assert [s.budget for s in whole] == pytest.approx([s.budget for s in part])

    def test_all_scored_unions_switch_later_by_the_selection(self):
        free = switch_distribution(from_pools(POOLS), 2e7, 3e9)
        dear = switch_distribution(from_pools(POOLS), 2e7, 3e9, selection=5e7)
        for one, other in zip(free[:2], dear[:2], strict=True):
            assert other.budget == pytest.approx(one.budget + 5e7, rel=1e-10)

    def test_scores_pay_from_where_they_are_earned_back(self):
        found = scores_pay(from_pools(POOLS), 1e7, 3e9, 5e7)
        at = found.budget
        filtered = best_filter(POOLS[:3], at - 5e7).error
        assert float(filtered) == pytest.approx(float(mixture_error(POOLS, at)), rel=1e-10)
        below, above = (decide(from_pools(POOLS), at * f, selection=5e7) for f in (0.99, 1.01))
        assert (below.n_pools[0], above.n_pools[0] < 4) == (4, True)
        assert scores_pay(from_pools(POOLS), 1e7, 1e8, 1e9).budget == math.inf

    def test_json_says_where_an_open_end_lies(self):
        values = switch_distribution(doubted(replicates=100), 2e7, 2e9)[1].to_dict()
        assert values["high"] is None and values["high_is"] == "beyond"
        assert values["budget_is"] == "within" and "each" not in values


class TestNextRuns:
    def test_reduction_is_never_negative_and_at_most_the_regret(self):
        ensemble = doubted()
        for budget in (1e8, 6.4e8, 1e9):
            for run in rank_runs(ensemble, budget, candidates(ensemble, budget), scatter=0.004):
                assert -1e-15 <= run.reduction <= run.regret_now * (1 + 1e-12)
                assert run.regret_after == pytest.approx(run.regret_now - run.reduction)
                assert run.standard_error >= 0.0

    def test_a_run_that_tells_nothing_is_worth_nothing(self):
        """Replicates that differ in τ only: a run below one epoch comes out the same in all."""
        ensemble = from_standard_errors(POOLS, {}, {p.name: 0.5 * p.law.tau for p in POOLS})
        short, long = (rank_runs(ensemble, 1e9, [((POOLS[1].name,), n)]) for n in (1e6, 2e8))
        assert short[0].reduction == 0.0 and short[0].standard_error == 0.0
        assert short[0].regret_now > 0.0
        assert long[0].reduction > 2 * long[0].standard_error

    def test_pure_noise_is_worth_nothing(self):
        ensemble = doubted()
        clear, noisy = (
            rank_runs(ensemble, 1e9, [((POOLS[2].name,), 2.5e8)], scatter=s)[0] for s in (0.0, 10.0)
        )
        assert noisy.reduction <= 1e-12 < clear.reduction

    def test_two_laws_in_closed_form(self):
        """Two laws, two unions: the choice turns where the posterior does, at one outcome."""
        law = POOLS[1].law
        other = (POOLS[0], Pool(POOLS[1].name, 12.8e6, UtilityLaw(law.a, -0.07, law.tau, law.d,
                 law.convention)))  # fmt: skip
        laws = from_laws([POOLS[:2], other], weights=[0.6, 0.4])
        scatter = 0.02
        run = rank_runs(laws, 3e8, [((POOLS[1].name,), 1e8)], scatter=scatter)[0]
        loss = np.array([union_errors(pools, 3e8) for pools in (POOLS[:2], other)])
        loss -= loss.min(axis=1, keepdims=True)
        assert loss[0, 1] == 0.0 == loss[1, 0]
        good, bad = (float(mixture_error([pools[1]], 1e8)) for pools in (POOLS[:2], other))
        spread = math.sqrt(0.24) * (bad - good)
        scale = min(spread, (bad - good) / 1.34)
        width = math.hypot(scatter, 0.9 * scale * (0.36 + 0.16) ** 0.2)
        odds = math.log(0.6 * loss[0, 0] / (0.4 * loss[1, 1]))
        turn = 0.5 * (good + bad) + width**2 / (bad - good) * odds
        after = 0.6 * loss[0, 0] * norm.sf((turn - good) / width)
        after += 0.4 * loss[1, 1] * norm.cdf((turn - bad) / width)
        assert run.regret_now == pytest.approx(min(0.6 * loss[0, 0], 0.4 * loss[1, 1]))
        assert run.regret_after == pytest.approx(after, rel=0.01)

    def test_agrees_with_simulated_outcomes(self):
        """The integral over outcomes is what drawing them gives, within its standard error."""
        ensemble, scatter, budget = doubted(replicates=200), 0.05, 1e9
        run = rank_runs(ensemble, budget, [((POOLS[2].name,), 2.5e8)], scatter=scatter)[0]
        outcome = ensemble.error([2], 2.5e8)[:, 0]
        errors = ensemble.union_errors(budget)[:, :, 0]
        regret = errors - errors.min(axis=1, keepdims=True)
        spread = min(outcome.std(), np.subtract(*np.quantile(outcome, [0.75, 0.25])) / 1.34)
        width = math.hypot(scatter, 0.9 * spread * 200**-0.2)
        random = np.random.default_rng(0)
        truth = random.integers(0, 200, 20_000)
        y = outcome[truth] + width * random.standard_normal(truth.size)
        likelihood = np.exp(-0.5 * ((y[:, None] - outcome) / width) ** 2)
        chosen = np.argmin(likelihood @ regret, axis=1)
        after = regret[truth, chosen]
        error = after.std() / math.sqrt(truth.size)
        assert run.regret_after == pytest.approx(after.mean(), abs=4 * error)

    def test_best_first_and_cheaper_first(self):
        ensemble = doubted()
        ranked = rank_runs(ensemble, 1e9, candidates(ensemble, 1e9))
        keys = [(-run.reduction, run.samples_seen) for run in ranked]
        assert keys == sorted(keys)

    def test_candidates_respect_the_limit(self):
        ensemble = doubted(replicates=2)
        assert {seen for _, seen in candidates(ensemble, 8e8, 2e8)} == {2e8, 1e8, 5e7}
        assert {seen for _, seen in candidates(ensemble, 8e8, 1e6)} == {1e6}
        assert len({pools for pools, _ in candidates(ensemble, 8e8)}) == 7

    def test_bad_input_is_named(self):
        ensemble = doubted(replicates=2)
        with pytest.raises(InputError, match="runs must be one of top"):
            rank_runs(ensemble, 1e9, [(("no pool",), 1e8)])
        with pytest.raises(InputError, match="at least one pool"):
            rank_runs(ensemble, 1e9, [((), 1e8)])
        with pytest.raises(InputError, match="scatter"):
            rank_runs(ensemble, 1e9, [], scatter=-1.0)
