"""The parts of the features solver: panels, errors of clusters, probes, the path's first point."""

import numpy as np
import pytest
from scipy.stats import norm

from prunelaw import InputError
from prunelaw.features import FeatureModel, solve, solver
from prunelaw.features.error import cluster_errors
from prunelaw.features.newton import follow
from prunelaw.features.panels import REACH, layer, nodes, turn
from prunelaw.features.probes import TheoryProbe, as_probe

MODEL = FeatureModel(
    weights=[0.5, 0.5],
    means=[[0.8, 0.2], [-0.8, 0.1]],
    covariances=[[1.0, 0.5], [0.7, 1.0]],
    labels=[1, -1],
)


def test_panels_hold_gaussian_moments_beside_any_cuts():
    mean, sd = np.array([0.3, -2.0]), np.array([1.0, 4.0])
    cuts = [turn(mean, sd), layer(mean + 0.1, 1e-3 * sd, sd), np.array([0.0, np.nan, 1e9])]
    x, weight = nodes(mean, sd, cuts, 24)
    z = (x - mean[:, None]) / sd[:, None]
    moments = [(weight * z**power).sum(axis=-1) for power in range(5)]
    np.testing.assert_allclose(moments, np.array([[1, 0, 1, 0, 3]] * 2).T, atol=1e-12)
    assert np.abs(z).max() <= REACH
    step = (weight * (x > mean[:, None] + 0.1)).sum(axis=-1)
    np.testing.assert_allclose(step, norm.sf(0.1 / sd), atol=1e-12)


def test_a_clusters_error_is_the_tail_of_its_field():
    found = solve(MODEL, n=20.0, keep=0.5, rule="hard", probe=[1.0, 0.1], penalty=0.5)
    expected = norm.cdf(-MODEL.labels * found.mean / np.sqrt(found.variance))
    np.testing.assert_allclose(found.errors, expected, rtol=1e-12)
    np.testing.assert_allclose(found.error, found.errors @ MODEL.weights, rtol=1e-12)


def test_a_teacher_at_the_origin_gives_an_angle(monkeypatch):
    """arccos(o/√(q C_tt))/π, by the function and by what the solution holds."""
    model = FeatureModel([1.0], [[0.0, 0.0]], [[1.0, 0.5]], teacher=[1.0, 1.0])
    seen = []
    monkeypatch.setattr(
        solver, "cluster_errors", lambda *given: seen.append(cluster_errors(*given)) or seen[-1]
    )
    found = solve(model, n=10.0, keep=1.0, rule="random", penalty=0.1)
    angle = np.arccos(found.overlaps[..., 0] / np.sqrt(found.variance * 1.5)) / np.pi
    np.testing.assert_allclose(found.errors, angle, rtol=1e-9)
    np.testing.assert_allclose(seen[-1].ravel(), angle.ravel(), rtol=1e-7)


def test_probes_are_vectors_or_laws():
    assert as_probe(None, MODEL, 0.0) is None
    vector, offset = as_probe([1.0, 2.0], MODEL, 0.5)
    assert vector.tolist() == [1.0, 2.0] and offset == 0.5
    law = TheoryProbe(np.array([1.0, 2.0]), np.zeros(2), intercept=0.25)
    assert as_probe(law, MODEL, 0.5) == (law, 0.75)
    with pytest.raises(InputError, match="probe"):
        as_probe([1.0, 2.0, 3.0], MODEL, 0.0)


def test_the_path_from_few_examples_ends_where_newton_does():
    options = {"n": [20.0, 60.0], "keep": 0.5, "rule": "hard", "probe": [1.0, 0.1]}
    (straight,) = solve(MODEL, penalty=0.5, **options).solved
    followed, left = follow(straight.task)
    assert (left < 1e-9).all()
    np.testing.assert_allclose(followed.x, straight.point.x, rtol=1e-8)


def test_a_probe_without_spread_is_its_vector():
    law = TheoryProbe(np.array([1.0, 0.1]), np.zeros(2))
    options = {"n": 20.0, "keep": 0.5, "rule": "hard", "penalty": 0.5}
    by_law, by_vector = (solve(MODEL, probe=p, **options).error for p in (law, [1.0, 0.1]))
    np.testing.assert_allclose(by_law, by_vector, rtol=1e-10)
