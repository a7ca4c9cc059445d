"""The one way into every fit, and the package's public names."""

import numpy as np
import pandas as pd
import pytest

import prunelaw_sim
from prunelaw import InputError, TableError
from prunelaw.utility import UtilityLaw
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
    assert found.held_out["points"] == 1


def test_unknown_law_and_missing_columns_are_named():
    with pytest.raises(InputError, match=r"law must be one of .*pruning; got 'chinchilla'"):
        fit("chinchilla", repeated_runs())
    with pytest.raises(TableError, match="dataset_size"):
        fit("pruning", repeated_runs())


@pytest.mark.parametrize("name", prunelaw_sim.__all__)
def test_public_names_exist(name):
    assert getattr(prunelaw_sim, name).__doc__ or name == "LAWS"


def test_foreign_names_do_not():
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        _ = prunelaw_sim.optimise
