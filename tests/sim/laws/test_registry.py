"""The one way into every fit, and the package's public names."""

import numpy as np
import pandas as pd
import pytest

import prunelaw_sim
from prunelaw import InputError, TableError
from prunelaw.decay.utility import UtilityLaw
from prunelaw_sim import Sweep, fit


def repeated_runs() -> Sweep:
    law = UtilityLaw(a=2e3, b=-0.3, tau=5.0, d=0.1)
    size, seen = 1000.0, 1000.0 * np.array([0.5, 1, 2, 4, 8, 16, 32])
    frame = {"pool": "p", "unique_samples": size, "samples_seen": seen}
    return Sweep.from_frame(pd.DataFrame(frame | {"error": law.error(seen, size)}), "made")


def test_utility_is_dispatched_with_its_options():
    found = fit("utility", repeated_runs(), hold_out_above=2e4)
    assert found.law == "utility" and found.convention == "paper"
    assert found.pools["p"]["tau"] == pytest.approx(5.0, rel=1e-3)
    assert found.held_out.points == 1


def sized_runs() -> Sweep:
    """Models of many sizes that see fresh data."""
    seen, size = np.geomspace(1e8, 1e11, 24), np.tile([1e7, 1e8, 1e9], 8)
    loss = 1.7 + 400.0 * size**-0.34 + 410.0 * seen**-0.28
    frame = {"samples_seen": seen, "unique_samples": 1e12, "parameters": size, "error": loss}
    return Sweep.from_frame(pd.DataFrame({**frame, "metric": "loss"}), "made")


def test_scaling_laws_are_dispatched_with_their_options():
    found = fit("data-constrained", sized_runs(), repeats=False, saturates=False)
    assert found.values["beta"] == pytest.approx(0.28, rel=1e-5)
    assert fit("overfit", sized_runs()).parameters[-3:] == ("c", "q", "r_star")
    assert fit("power-law-floor", sized_runs(), hold_out_above=5e10).parameters == ("k", "s", "d")


@pytest.mark.parametrize(
    ("law", "option"),
    [
        ("no-decay", {"stretch": 0.0}),
        ("data-constrained", {"convention": "paper"}),
        ("power-law", {"penalty": "power"}),
        ("pruning", {"log_error": True}),
    ],
)
def test_options_that_a_law_does_not_take_are_named(law, option):
    name = next(iter(option))
    with pytest.raises(InputError, match=f"law {law} takes no option '{name}'; it takes"):
        fit(law, repeated_runs(), **option)


def test_unknown_law_and_missing_columns_are_named():
    with pytest.raises(InputError, match=r"law must be one of .*no-decay, .*; got 'cubic'"):
        fit("cubic", repeated_runs())
    with pytest.raises(TableError, match="dataset_size"):
        fit("pruning", repeated_runs())
    with pytest.raises(TableError, match="'parameters'"):
        fit("overfit", repeated_runs())
    with pytest.raises(TableError, match="'compute'"):
        fit("power-law", repeated_runs())


@pytest.mark.parametrize("name", prunelaw_sim.__all__)
def test_public_names_exist(name):
    assert getattr(prunelaw_sim, name).__doc__ or name == "LAWS"


def test_foreign_names_do_not():
    with pytest.raises(AttributeError, match="No prunelaw_sim attribute optimise"):
        _ = prunelaw_sim.optimise
