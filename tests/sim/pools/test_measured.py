"""Cells of runs: means, what their scatter is taken from, draws, and which cell a question is."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from prunelaw.decay.utility import UtilityLaw
from prunelaw_sim.laws.utility import fit_utility
from prunelaw_sim.pools.measured import MeasuredCell, MeasuredPools, even_draws, measured_pools


def cell(**given):
    known = MeasuredCell("top", 2e6, 0.3, 0.29, 0.31, 2, 0.01, 6.0, "seeds")
    return replace(known, **given)


def table(seeds, scatter=0.004, **more):
    rng, rows = np.random.default_rng(3), []
    for pool, b in (("top", -0.2), ("rest", -0.12)):
        law = UtilityLaw(0.1, b, 4.0, 0.05)
        for seen in (1e6, 2e6, 4e6, 8e6):
            for seed in range(seeds):
                error = float(law.error(seen, 1e6)) + scatter * rng.normal()
                rows.append((pool, 1e6, seen, seed, error))
    names = ["pool", "unique_samples", "samples_seen", "seed", "error"]
    return pd.DataFrame(rows, columns=names).assign(**more)


def test_seeds_tell_their_scatter():
    frame = table(seeds=4)
    found = measured_pools(fit_utility(frame)).at("top", 1e6, 4e6)
    mine = frame.loc[(frame["pool"] == "top") & (frame["samples_seen"] == 4e6), "error"]
    assert found.error == pytest.approx(mine.mean())
    assert (found.least, found.largest) == pytest.approx((mine.min(), mine.max()))
    assert (found.runs, found.scatter, found.freedom) == (4, "seeds", 24.0)
    assert found.standard_error == pytest.approx(0.004 / 2, rel=0.3)


def test_single_runs_take_the_scatter_about_the_law_or_that_of_the_table():
    fit = fit_utility(table(seeds=1))
    found = measured_pools(fit).at("rest", 1e6, 2e6)
    assert (found.runs, found.scatter, found.freedom) == (1, "law", fit.freedom)
    assert found.standard_error == pytest.approx(fit.scatter)
    stated = measured_pools(fit_utility(table(seeds=1, error_se=0.006))).at("rest", 1e6, 2e6)
    assert (stated.standard_error, stated.scatter) == (pytest.approx(0.006), "stated")
    assert math.isinf(stated.freedom)


def test_a_cell_is_the_same_pool_size_and_number_of_samples_within_a_per_cent():
    cells = (cell(), 1e6), (cell(samples_seen=2.01e6, error=0.36, largest=0.37, runs=1), 1e6)
    known = MeasuredPools(cells)
    assert known.at("top", 1e6, 1.985e6) == cell()
    assert known.at("top", 1e6, 1.97e6) is None
    assert known.at("top", 1.1e6, 2e6) is None
    assert known.at("rest", 1e6, 2e6) is None
    both = known.at("top", 1e6, 2.005e6)
    assert both.error == pytest.approx(0.32)
    assert (both.runs, both.least, both.largest) == (3, 0.29, 0.37)
    assert both.standard_error == pytest.approx(0.01 * math.sqrt(5) / 3)


def test_draws_are_students():
    draws = cell().draws(400)
    assert draws.mean() == pytest.approx(0.3)
    ends = np.quantile(draws, (0.05, 0.95))
    np.testing.assert_allclose(ends, 0.3 + 0.01 * t.ppf([0.05, 0.95], 6), rtol=2e-3)
    assert (draws == cell().draws(400)).all()
    assert (cell(error=1e-3).draws(400) >= 0.0).all()
    normal = even_draws(1000, math.inf, np.random.default_rng(0))
    assert normal.std() == pytest.approx(1.0, rel=0.01)
