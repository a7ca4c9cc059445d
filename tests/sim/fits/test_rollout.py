"""Steps of a roll-out: the largest budgets first, each with a tenth of the points."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.errors import InputError
from prunelaw_sim.fits.rollout import Step, hold_out_limit, rollout


def test_held_out_budgets_are_the_largest_that_hold_a_tenth():
    values = np.array([1.0] * 10 + [2.0] * 9 + [3.0])
    assert hold_out_limit("n", values) == 1.0
    assert hold_out_limit("n", np.append(values, 3.0 * 1.01)) == 1.0
    assert hold_out_limit("n", np.append(values, [3.0] * 3)) == 2.0
    # "34B samples" that differ in the last digits are one budget
    assert hold_out_limit("n", np.array([13e9, 34.21e9, 34.24e9])) == 13e9
    with pytest.raises(InputError, match="nothing can be held out"):
        hold_out_limit("samples_seen", np.ones(5))


def test_steps_follow_each_other_downwards():
    values = np.array([1.0, 1.0, 2.0, 4.0, 4.1, 8.0])
    assert rollout("n", values) == (Step(4.1, 8.0), Step(2.0, 4.1), Step(1.0, 2.0))


def test_few_points_above_the_lowest_budget_are_one_step():
    assert rollout("n", np.array([1.0] * 19 + [2.0])) == (Step(1.0, 2.0),)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=60))
def test_every_step_predicts_new_points_and_leaves_some_to_fit(exponents):
    values = 1.3 ** np.array(exponents)
    if np.ptp(values) == 0.0:
        return
    steps = rollout("n", values)
    assert steps[0].upper == values.max()
    for before, after in pairwise(steps):
        assert after.upper == before.limit
    for step in steps:
        predicted = (values > step.limit) & (values <= step.upper)
        assert predicted.any() and (values <= step.limit).any()
        assert len(steps) == 1 or predicted.mean() >= 0.1
