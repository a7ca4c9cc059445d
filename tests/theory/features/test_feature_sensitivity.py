"""Derivatives in n and the penalty against differences of `solve`; probes known by their theory."""

import numpy as np
import pytest

from prunelaw import InputError
from prunelaw.features import FeatureModel, slopes, solve, trained_probe

CLUSTERS = FeatureModel(
    [0.3, 0.3, 0.4],
    [[0.9, 0.1, 0, 0], [-0.3, 0.6, 0, 0.2], [-0.6, -0.5, 0.1, 0]],
    [[1, 0.5, 1, 2], [1, 1, 1, 1], [0.4, 0.8, 1, 0.2]],
    [1, 1, -1],
)
PROBE = np.array([1.0, 0.4, 0.0, 0.2])


@pytest.mark.parametrize("loss", ["logistic", "hinge", "square"])
@pytest.mark.parametrize("intercept", [False, True])
def test_slopes_are_those_of_solve(loss, intercept):
    n, penalty = np.array([8.0, 30.0]), np.array([0.3, 1.0])
    args = {"keep": 0.5, "rule": "hard", "probe": PROBE, "loss": loss, "intercept": intercept}

    def error(n, penalty):
        return solve(CLUSTERS, n, penalty=penalty, **args).error

    found = slopes(solve(CLUSTERS, n, penalty=penalty, **args))
    by_n = (error(n * 1.0001, penalty) - error(n / 1.0001, penalty)) / (n * (1.0001 - 1 / 1.0001))
    change = penalty * (1.0001 - 1 / 1.0001)
    by_penalty = (error(n, penalty * 1.0001) - error(n, penalty / 1.0001)) / change
    np.testing.assert_allclose(found.d_n, by_n, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.d_penalty, by_penalty, rtol=1e-5, atol=1e-9)


def test_slopes_with_a_teacher():
    model = FeatureModel.gaussian(np.eye(4)[0], flips=0.05)
    args = {"keep": 0.5, "rule": "easy", "probe": np.eye(4)[0], "penalty": 0.4}
    found = slopes(solve(model, 12.0, **args))
    pair = solve(model, [12.0 * 1.0001, 12.0 / 1.0001], **args).error
    np.testing.assert_allclose(
        found.d_n, (pair[0] - pair[1]) / (12 * (1.0001 - 1 / 1.0001)), rtol=1e-5
    )


def test_a_probe_known_by_its_theory_is_the_mean_over_trained_probes():
    """Random probes of the law θ ~ N(direction, spread), one by one, scatter about the theory's."""
    d = 60
    place = (np.arange(d) + 0.5) / d
    means = np.stack([np.cos(3 * place), -np.cos(3 * place)]) * 1.2 / np.sqrt(d / 2)
    model = FeatureModel([0.5, 0.5], means, np.stack([0.5 + place, 1.5 - place]), [1, -1])
    law = trained_probe(solve(model, 2.0 * d, penalty=2.0))
    direction, spread = law.direction, law.spread
    args = {"n": 3.0 * d, "keep": 0.4, "rule": "hard", "penalty": 1.0}
    theory = solve(model, probe=law, **args).error
    rng = np.random.default_rng(0)
    drawn = direction + np.sqrt(spread) * rng.normal(size=(40, d))
    errors = np.array([solve(model, probe=one, **args).error for one in drawn])
    assert abs(errors.mean() - theory) < 4 * errors.std() / np.sqrt(40)


def test_a_trained_probe_has_the_fields_of_its_student():
    """Overlaps of the law's vector with clusters are the student's order parameters."""
    rng = np.random.default_rng(2)
    root = rng.normal(size=(2, 5, 5))
    covs = root @ np.swapaxes(root, 1, 2) / 5
    model = FeatureModel([0.4, 0.6], rng.normal(size=(2, 5)), covs, [1, -1])
    student = solve(model, 25.0, penalty=0.5, intercept=True)
    law = trained_probe(student)
    np.testing.assert_allclose(
        model.means @ law.direction + law.intercept, student.mean, rtol=1e-10
    )
    along = np.einsum("i,cij,j->c", law.direction, covs, law.direction)
    np.testing.assert_allclose(along + np.einsum("cij,ji->c", covs, law.spread), student.variance)
    with pytest.raises(InputError, match="one converged point"):
        trained_probe(solve(model, [5.0, 9.0], penalty=0.5))
