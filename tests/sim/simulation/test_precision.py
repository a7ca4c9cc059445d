"""Trials until a wanted standard error: reached, not overshot by much, the trials of `simulate`."""

import numpy as np
import pytest

from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim import simulate, simulate_until

POINT = (2.0, 0.5, 0.3, "hard")


def test_the_standard_error_is_reached_and_the_trials_are_those_of_simulate():
    seen = []
    found = simulate_until(
        2e-3, *POINT, dim=20, seed=3, progress=lambda done, total: seen.append((done, total))
    )
    assert found.stderr <= 2e-3
    same = simulate(*POINT, dim=20, seed=3, trials=found.trials)
    np.testing.assert_array_equal(found.error, same.error)
    assert found.stderr == same.stderr
    assert seen[-1] == (found.trials, found.trials)
    assert all(done <= total for done, total in seen)


@pytest.mark.exhaustive
def test_no_more_trials_than_needed():
    """(s / stderr)^2 with the spread of all trials, within what a pilot of 30 can know of it."""
    counts = [simulate_until(3e-3, *POINT, dim=20, seed=seed).trials for seed in range(5)]
    spread = simulate(*POINT, dim=20, trials=500, seed=99).error.std(ddof=1)
    assert np.mean(counts) == pytest.approx((spread / 3e-3) ** 2, rel=0.25)


def test_a_generous_wish_costs_the_pilot():
    assert simulate_until(0.4, *POINT, dim=10).trials == 30
    assert simulate_until(0.4, *POINT, dim=10, pilot=12).trials == 12


def test_too_much_is_refused_before_it_is_run():
    with pytest.raises(ConvergenceError, match=r"takes about \d+ trials, more than most=50"):
        simulate_until(1e-4, *POINT, dim=10, most=50)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"stderr": 0.0}, "stderr must be"), ({"pilot": 3}, "pilot"), ({"most": 1}, "most")],
)
def test_bad_input_is_named(change, words):
    arguments = {"stderr": 0.1, "alpha_tot": 1.0, "f": 0.5, "dim": 10} | change
    with pytest.raises(InputError, match=words):
        simulate_until(**arguments)
