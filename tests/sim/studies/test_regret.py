"""Regret on made tables: none of the truth, a known one of the worst choice; the best, unbiased."""

import numpy as np
import pandas as pd
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.studies.regret import crossfitted, regrets
from prunelaw_sim.tables.paired_errors import PairedErrors

TRUTH = np.array([0.10, 0.16, 0.30, 0.05, 0.11, 0.02])  # two groups of cells, and one cell alone
GROUPS = np.array([0, 0, 0, 1, 1, -1])


@pytest.fixture
def errors():
    """Ten seeds, whose noise all cells share in part."""
    rng = np.random.default_rng(2)
    noise = 0.003 * (rng.normal(size=(6, 10)) + rng.normal(size=10))
    return PairedErrors(pd.DataFrame({"cell": range(6)}), TRUTH[:, None] + noise, tuple(range(10)))


def test_regret_of_the_truth_is_none_and_of_the_worst_is_its_distance(errors):
    result = regrets(errors, {"truth": TRUTH, "worst": -TRUTH}, GROUPS)
    truth, worst = result.to_dict(orient="records")
    assert abs(truth["regret"]) < 4 * truth["standard_error"] + 1e-9
    assert (truth["hits"], worst["hits"], truth["groups"]) == (2, 0, 2)
    distance = np.mean([0.30 - 0.10, 0.11 - 0.05])
    assert abs(worst["regret"] - distance) < 4 * worst["standard_error"] < 0.01
    assert worst["low"] < worst["regret"] < worst["high"]


def test_wrong_questions_are_refused(errors):
    nothing = np.full(6, -1)
    for values, groups, words in [
        (TRUTH, nothing, "one group of two cells"),
        (TRUTH[:3], GROUPS, "must be 6 numbers"),
        (np.full(6, np.inf), nothing + 1, "forbids all cells of group 0"),
    ]:
        with pytest.raises(InputError, match=words):
            regrets(errors, {"a": values}, groups)


def test_crossfitted_errors_are_those_of_a_choice():
    """Far apart: the best cell's own.  Equal cells: no bias, where the least of means has one."""
    rng = np.random.default_rng(1)
    noise = 0.01 * rng.normal(size=(3, 10))
    apart = 0.3 + np.array([[0.0], [0.2], [0.4]]) + noise
    np.testing.assert_allclose(crossfitted(apart), apart[0])
    np.testing.assert_allclose(crossfitted(apart, np.arange(7)), apart[0, :7])
    equal = 0.3 + 0.1 * rng.normal(size=(300, 4, 10))
    found = np.array([crossfitted(errors).mean() for errors in equal]) - 0.3
    assert abs(found.mean()) < 4 * found.std(ddof=1) / np.sqrt(300)
    assert equal.mean(axis=2).min(axis=1).mean() < 0.28
    with pytest.raises(InputError, match="half of the seeds needs 3, got 2"):
        crossfitted(apart[:, :2])
