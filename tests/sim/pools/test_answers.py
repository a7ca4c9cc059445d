"""What was measured as asked comes first: means, intervals that hold the runs, and the choice."""

from dataclasses import replace

import numpy as np
import pytest

from prunelaw.decay.utility import PUBLISHED, with_convention
from prunelaw_sim.pools.answers import answers_at
from prunelaw_sim.pools.decisions import decide
from prunelaw_sim.pools.ensemble import from_pools, from_standard_errors
from prunelaw_sim.pools.measured import MeasuredCell, MeasuredPools
from prunelaw_sim.pools.plan import plan

POOLS = with_convention(PUBLISHED["utility"], "paper")[:3]
FIRST, SECOND, THIRD = (pool.name for pool in POOLS)
BUDGET = 64e6


def law(name, seen=BUDGET):
    return next(float(p.law.error(seen, p.size)) for p in POOLS if p.name == name)


def known(alternatives=True, se=0.002, seen=BUDGET, **errors):
    """Three pools, of which some were run, with these means, for `seen` samples."""
    doubt = dict.fromkeys((FIRST, SECOND, THIRD), 1e-3)
    ensemble = from_standard_errors(POOLS, doubt, {}, replicates=60)
    names = {"first": FIRST, "second": SECOND, "third": THIRD}
    cells = [
        MeasuredCell(names[key], seen, error, error - 0.01, error + 0.01, 3, se, 12.0, "seeds")
        for key, error in errors.items()
    ]
    measured = MeasuredPools(tuple((one, POOLS[0].size) for one in cells))
    return replace(ensemble, alternatives=alternatives, measured=measured)


def kinds(notes):
    return [note.kind for note in notes]


def test_a_measured_cell_answers_with_its_mean_and_an_interval_that_holds_its_runs():
    error = law(FIRST) + 0.001
    ensemble = known(first=error)
    found = answers_at(ensemble, 1.005 * BUDGET, 0.0, 0.9).best
    assert (found.how, found.runs, found.error) == ("measured", 3, error)
    assert found.low <= error - 0.01 and found.high >= error + 0.01
    alone = decide(replace(ensemble, measured=None), 1.005 * BUDGET)
    assert found.law_error == float(alone.error[0, 0])
    assert found.law_low == float(alone.low[0, 0])
    beside = answers_at(ensemble, 1.1 * BUDGET, 0.0, 0.9).best
    assert (beside.how, beside.runs) == ("law", 0)
    assert beside.error == beside.law_error


def test_where_the_runs_contradict_the_law_their_winner_leads():
    ensemble = known(first=law(FIRST) + 0.02, second=law(FIRST) - 0.01)
    found = answers_at(ensemble, BUDGET, 0.0, 0.9)
    assert found.best.pools == (SECOND,)
    assert found.by_law.pools == (FIRST,)
    (misses, disagree) = found.notes(ensemble)
    assert (misses.kind, disagree.kind) == ("law_misses", "runs_disagree")
    assert "do not tell" not in disagree.message
    planned = plan(ensemble, BUDGET)
    assert planned.chosen.pools == (SECOND,)
    assert planned.against_law
    assert planned.next_best.pools == (FIRST,)
    assert planned.better < 0.01
    assert {"law_misses", "runs_disagree"} <= set(kinds(planned.warnings))


def test_within_their_noise_that_is_said():
    ensemble = known(first=law(FIRST) + 0.003, second=law(FIRST) + 0.002, se=0.01)
    found = answers_at(ensemble, BUDGET, 0.0, 0.9)
    assert found.best.pools == (SECOND,)
    (note,) = (note for note in found.notes(ensemble) if note.kind == "runs_disagree")
    assert "they do not tell it from" in note.message


def test_a_single_pool_that_no_union_of_the_best_is_can_win():
    """And the law's unions, which the runs beside them contradict, are as doubtful as it is."""
    ensemble = known(alternatives=False, first=law(FIRST) + 0.02, second=law(FIRST) - 0.01)
    found = answers_at(ensemble, BUDGET, 0.0, 0.9)
    assert [union.pools for union in found.unions] == [
        (FIRST,), (FIRST, SECOND), (FIRST, SECOND, THIRD), (SECOND,),
    ]  # fmt: skip
    assert found.best.pools == (SECOND,)
    union = found.unions[1]
    assert union.high - union.low > 5 * (union.law_high - union.law_low)


def test_runs_that_agree_with_the_law_leave_its_unions_alone():
    ensemble = known(alternatives=False, first=law(FIRST) + 0.001, third=law(THIRD))
    found = answers_at(ensemble, BUDGET, 0.0, 0.9)
    assert found.miss == 0.0
    assert len(found.unions) == 3
    union = found.unions[1]
    assert (union.low, union.high) == (union.law_low, union.law_high)
    assert list(found.notes(ensemble)) == []


def test_an_unmeasured_choice_needs_to_be_told_better_where_the_order_is_contradicted():
    given = {"first": law(FIRST) + 0.02, "second": law(FIRST) + 0.012}
    near = answers_at(known(alternatives=False, **given), BUDGET, 0.0, 0.9)
    assert near.decision.error[1, 0] < near.best.error  # the union, by a law that is off
    assert near.best.pools == (SECOND,)


def test_scores_are_paid_before_the_runs_are_looked_up():
    ensemble = known(alternatives=False, first=0.7, seen=48e6)
    found = answers_at(ensemble, BUDGET, 16e6, 0.9)
    assert found.unions[0].how == "measured"
    assert found.unions[0].error == 0.7
    assert [union.samples_seen for union in found.unions] == [48e6, 48e6, BUDGET]


def test_without_runs_nothing_changes():
    one = answers_at(from_pools(POOLS), BUDGET, 0.0, 0.9)
    assert one.cells == (None, None, None)
    assert one.best.error == one.best.law_error == pytest.approx(law(FIRST))
    assert one.best.low is one.best.law_low is None
    np.testing.assert_array_equal(one.errors[0], [union.error for union in one.unions])
