"""The best keep rule of a data set: the perceptron's, its certificate, what it must not lose to."""

import numpy as np
import pytest
from reference.feature_mixtures import clusters, probe_of

import prunelaw
from prunelaw import InputError
from prunelaw.features import (
    ByLabel,
    FeatureModel,
    best_keep,
    best_penalty,
    influence,
    optimal_rule,
    solve,
)
from prunelaw.features.field_law import FieldLaw, Ranks
from prunelaw.features.probes import as_probe, setting_for
from prunelaw.features.sensitivity import facing
from prunelaw.keep import Piecewise
from prunelaw.perceptron.sensitivity import influence as perceptron_influence

CLUSTERS = FeatureModel(
    [0.3, 0.3, 0.4],
    [[0.9, 0.1, 0, 0], [-0.3, 0.6, 0, 0.2], [-0.6, -0.5, 0.1, 0]],
    [[1, 0.5, 1, 2], [1, 1, 1, 1], [0.4, 0.8, 1, 0.2]],
    [1, 1, -1],
)
PROBE = np.array([1.0, 0.4, 0.0, 0.2])
THETA = 0.5
ISOTROPIC = FeatureModel.gaussian(np.eye(4)[0])
TILTED = np.array([np.cos(THETA), np.sin(THETA), 0.0, 0.0])


def test_influence_is_the_perceptrons():
    z = np.array([0.0, 0.3, 1.0])
    found = influence(solve(ISOTROPIC, 120.0, 0.2, "hard", TILTED, loss="hard-margin"), z)
    signed = perceptron_influence(z, 30.0, 0.2, THETA, signed=True)
    np.testing.assert_allclose(found[0], signed, rtol=1e-8)
    np.testing.assert_allclose(found[1, 0], found[0, 0], rtol=1e-10)  # at z = 0 labels are alike


def test_influence_is_what_a_thin_band_does():
    """Keep one more thin band of one label: the error moves by I times its mass."""
    low, high, z = 0.6, 0.601, 0.6005
    kept = Piecewise((-np.inf, 0.4), (1.0,), "margin")
    more = Piecewise((-np.inf, 0.4, low, high), (1.0, 0.0, 1.0), "margin")
    args = {"probe": PROBE, "penalty": 1.0}
    before, after = (
        solve(CLUSTERS, 30.0, rule=ByLabel(kept, rule), **args) for rule in (kept, more)
    )
    setting = setting_for(CLUSTERS, as_probe(PROBE, CLUSTERS, 0.0), True, False, None)
    at = -z * setting.rms  # label −1: z = −margin
    mid = (influence(before, at)[1, 0] + influence(after, at)[1, 0]) / 2
    np.testing.assert_allclose(
        after.error - before.error, mid * (after.keep - before.keep), rtol=1e-6
    )


def test_influence_asks_for_a_probe():
    with pytest.raises(InputError, match="mix:1,hard"):
        influence(solve(CLUSTERS, 30.0, 0.5, penalty=1.0), 0.0)


def test_best_rule_of_the_perceptrons_world():
    found = optimal_rule(CLUSTERS, 40.0, 0.3, PROBE, penalty=1.0)
    again = solve(CLUSTERS, 40.0, None, found.rule, PROBE, penalty=1.0)
    assert found.certified
    np.testing.assert_allclose(again.error, found.error, rtol=1e-9)
    np.testing.assert_allclose(again.keep, 0.3, rtol=1e-10)
    assert found.error < min(found.errors[name] for name in ("hard", "easy", "random"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("signed", [False, True])
def test_best_rule_is_the_perceptrons(signed):
    of = "margin" if signed else "abs"
    found = optimal_rule(ISOTROPIC, 120.0, 0.2, TILTED, of=of, loss="hard-margin")
    theirs = prunelaw.optimal_rule(30.0, 0.2, THETA, signed=signed)
    np.testing.assert_allclose(found.error, theirs.error, rtol=1e-8)
    np.testing.assert_allclose(found.intervals[1], theirs.intervals, rtol=1e-5)


@pytest.mark.exhaustive
def test_best_rule_for_each_label_is_not_worse():
    args = {"penalty": 1.0, "throw": False}
    for of in ("abs", "margin"):
        one = optimal_rule(CLUSTERS, 40.0, 0.3, PROBE, of=of, **args)
        two = optimal_rule(CLUSTERS, 40.0, 0.3, PROBE, of=of, per_class=True, **args)
        assert two.violation < 1e-6
        assert two.error <= one.error * (1 + 1e-9)


def test_ranks_are_masses():
    rng = np.random.default_rng(0)
    z = rng.uniform(size=30)
    for model, probe in (
        (CLUSTERS, PROBE),
        (FeatureModel.gaussian(np.eye(4)[0], flips=0.1), PROBE),
    ):
        setting = facing(setting_for(model, as_probe(probe, model, 0.1), True, False, None))
        law = FieldLaw(setting)
        for of in ("abs", "margin"):
            for per_class in (False, True):
                ranks = Ranks(law, of, per_class)
                labels, values = ranks.labels(z), ranks.values(z)
                mass = [ranks.mass(y, values) for y in (0, 1)]
                below = np.where(labels < 0, sum(mass), np.where(labels == 0, *mass))
                start = np.where(labels == 1, law.share, 0.0)
                np.testing.assert_allclose(below + start, z, atol=1e-12)


def test_best_penalty_is_a_minimum():
    best = best_penalty(CLUSTERS, 40.0, 0.5, "random")
    near = best * np.array([0.8, 1.0, 1.25])
    errors = solve(CLUSTERS, 40.0, 0.5, penalty=near).error
    assert errors.argmin() == 1


def test_of_is_named():
    with pytest.raises(InputError, match="abs"):
        optimal_rule(CLUSTERS, 40.0, 0.3, PROBE, of="z")


@pytest.mark.parametrize("fixed", ["n", "kept"])
def test_the_best_fraction_has_no_slope_and_no_better_neighbour(fixed):
    model, probe = clusters(24, 3), probe_of(clusters(24, 3))
    given = {fixed: 400.0 if fixed == "n" else 60.0}
    found = best_keep(model, "hard", probe, **given, penalty=0.1)
    assert found.converged and found.fixed == fixed
    assert found.kept == pytest.approx(found.keep * found.n)
    grid = np.geomspace(0.02, 1.0, 60)
    size = found.n if fixed == "n" else found.kept / grid
    scan = solve(model, size, grid, "hard", probe, penalty=0.1).error
    assert found.error <= scan.min() * (1.0 + 1e-9)
    if not found.at_end:
        assert abs(found.slope) < 1e-6
        near = solve(
            model, found.n if fixed == "n" else found.kept / (found.keep * 1.001),
            found.keep * 1.001, "hard", probe, penalty=0.1,
        ).error  # fmt: skip
        assert float(near) >= found.error
    with pytest.raises(InputError, match="exactly one of n and kept"):
        best_keep(model, "hard", probe, penalty=0.1)
    with pytest.raises(InputError, match="keep_range"):
        best_keep(model, "hard", probe, n=9, penalty=0.1, keep_range=(0.5, 0.2))
