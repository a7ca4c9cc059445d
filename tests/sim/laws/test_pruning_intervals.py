"""Fits, intervals and choices on tables made from theory, whose truth is known."""

import numpy as np
import pandas as pd
import pytest

import prunelaw
from prunelaw.errors import InputError, TableError
from prunelaw_sim.laws.pruning import fit_pruning
from prunelaw_sim.laws.pruning_intervals import KEYS, pruning_intervals, widening
from prunelaw_sim.laws.theory_rules import theory_rules
from prunelaw_sim.tables.paired_errors import PairedErrors

TRUTH = {"dimension": 60.0, "theta": 0.6, "scale": 0.8, "floor": 0.02}
SIZES, FRACTIONS, RULES = (60, 180, 540, 1620), (1 / 3,), ("hard", "easy", "random")
STUDENT = 1.833  # the 90 % intervals of 10 seeds are so many standard errors to each side


def cells():
    rows = [(p, f, rule) for p in SIZES for f in FRACTIONS for rule in RULES]
    rows += [(p, 1.0, "random") for p in SIZES]
    return pd.DataFrame(rows, columns=pd.Index(KEYS)).sort_values(KEYS, ignore_index=True)


def truth(table):
    f = table["keep_fraction"].to_numpy(float)
    rules = theory_rules(table["rule"].to_numpy(object), f)
    loads = table["dataset_size"].to_numpy(float) / TRUTH["dimension"]
    theory = prunelaw.solve(loads, f, TRUTH["theta"], rules).error
    return TRUTH["floor"] + TRUTH["scale"] * theory


def noisy(seed, seeds=10, noise=0.01):
    """Errors with noise that a seed's cells share, and noise of their own."""
    rng, table = np.random.default_rng(seed), cells()
    errors = truth(table)[:, None] * np.ones(seeds)
    own = rng.normal(size=errors.shape)
    shared = rng.normal(size=seeds)
    return PairedErrors(table, errors + noise * (own + shared) / np.sqrt(2), tuple(range(seeds)))


@pytest.fixture(scope="module")
def found():
    return pruning_intervals(noisy(0), hold_out_above=600, resamples=60)


def test_parameters_come_back_within_their_scatter_over_seeds(found):
    for name, value in TRUTH.items():
        low, high = found.intervals[name]
        deviation = (high - low) / (2 * STUDENT)
        assert abs(getattr(found.fit, name) - value) < 4 * deviation < value + 0.05
        assert low <= getattr(found.fit, name) <= high
    assert found.fit.held_out.points == 4 and found.fit.describes


def test_the_refit_of_the_whole_table_is_the_fit(found):
    from prunelaw_sim.laws import pruning_intervals as module

    inside = found.fit.table.loc[~found.fit.table["held_out"].to_numpy(bool)]
    training = inside.reset_index(drop=True)
    means = training["error"].to_numpy(float)[None]
    again = module.refitted(training, found.fit, means)
    assert again["dimension"][0] == pytest.approx(found.fit.dimension, rel=2e-3)
    assert again["theta"][0] == pytest.approx(found.fit.theta, abs=2e-3)
    assert again["scale"][0] == pytest.approx(found.fit.scale, rel=2e-3)


def test_theta_from_elsewhere_is_held():
    held = pruning_intervals(noisy(1), theta=0.6, resamples=40)
    assert held.fit.theta == 0.6 and held.fit.theta_held and held.fit.to_dict()["theta_held"]
    assert held.fit.standard_errors["theta"] == 0.0 and "theta" not in held.fit.not_identified
    assert (held.draws["theta"] == 0.6).all() and held.intervals["theta"] == (0.6, 0.6)
    assert held.correlated == 0.0
    low, high = held.intervals["dimension"]
    assert low < TRUTH["dimension"] < high


def test_wrong_questions_are_refused():
    errors = noisy(3)
    with pytest.raises(InputError, match="resamples must be"):
        pruning_intervals(errors, resamples=5)
    with pytest.raises(TableError, match="at least 5 seeds, got 4"):
        pruning_intervals(PairedErrors(errors.cells, errors.errors[:, :4], (0, 1, 2, 3)))
    extra = PairedErrors(errors.cells.assign(score="el2n"), errors.errors, errors.seeds)
    with pytest.raises(InputError, match="select one probe and score"):
        pruning_intervals(extra)
    with pytest.raises(InputError, match=r"theta must be finite and in \[0, 1\.57"):
        fit_pruning(errors.to_sweep("x"), theta=2.0)


def test_widening_is_that_of_a_mean():
    """For a mean the widened bootstrap is Student's interval, but for the bootstrap's own draws."""
    from scipy.stats import t

    values = np.random.default_rng(0).normal(size=8)
    resampled = np.random.default_rng(1).choice(values, size=(40_000, 8)).mean(axis=1)
    student = t.ppf(0.95, 7) * values.std(ddof=1) / np.sqrt(8)
    normal = 1.6448536 * resampled.std()
    assert widening(8, 0.9) * normal == pytest.approx(student, rel=0.02)


@pytest.mark.exhaustive
def test_intervals_hold_the_truth_as_often_as_they_say():
    """60 tables: 90 % intervals miss at most 20 % of the time (binomial, 3 standard errors)."""
    held = dict.fromkeys(TRUTH, 0)
    for seed in range(60):
        found = pruning_intervals(noisy(100 + seed), resamples=100)
        for name, value in TRUTH.items():
            low, high = found.intervals[name]
            held[name] += low <= value <= high
    assert min(held.values()) >= 60 * (0.9 - 3 * np.sqrt(0.09 / 60)), held
