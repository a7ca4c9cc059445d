"""Students one against the rest: known cases, and students of sampled mixtures."""

import numpy as np
import pytest
from scipy.special import ndtr

from prunelaw.errors import InputError
from prunelaw.features import FeatureModel, solve, solve_one_vs_rest
from prunelaw.features.multiclass import arg_max_error


def mixture(d):
    """Four clusters of three classes."""
    place = (np.arange(d) + 0.5) / d
    means = np.stack([1.6 * np.sqrt(2 / d) * np.cos(np.pi * (c + 1) * place) for c in range(4)])
    covs = np.stack([0.4 + 1.2 * (1 + 0.5 * c) * place ** (c % 3) for c in range(4)])
    return np.array([0.1, 0.2, 0.3, 0.4]), means, covs


@pytest.mark.parametrize("loss", ["square", "logistic"])
@pytest.mark.parametrize("intercept", [False, True])
def test_two_classes_are_one_student_and_its_mirror(loss, intercept):
    weights, means, covs = mixture(20)
    both = solve_one_vs_rest(
        weights, means, covs, [0, 1, 0, 1], 60, loss=loss, penalty=0.5, intercept=intercept
    )
    model = FeatureModel(weights, means, covs, [1.0, -1.0, 1.0, -1.0])
    one = solve(model, 60, loss=loss, penalty=0.5, intercept=intercept)
    assert both.error == pytest.approx(float(one.error), abs=2e-3)
    np.testing.assert_allclose(both.direction[0], -both.direction[1], atol=1e-8)
    np.testing.assert_allclose(both.spread[0, 1], -both.spread[0, 0], atol=1e-5)


def test_full_and_diagonal_covariances_agree():
    weights, means, covs = mixture(12)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    full = np.einsum("ia,ka,ja->kij", turn, covs, turn)
    full = 0.5 * (full + np.swapaxes(full, 1, 2))
    options = {"loss": "logistic", "penalty": 0.5}
    one = solve_one_vs_rest(weights, means, covs, [0, 1, 2, 2], 40, **options)
    other = solve_one_vs_rest(weights, means @ turn.T, full, [0, 1, 2, 2], 40, **options)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-6)
    np.testing.assert_allclose(one.direction @ turn.T, other.direction, atol=1e-8)
    assert one.converged and one.residual < 1e-8


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_students_of_sampled_mixtures(loss):
    """60 students of each class at d = 40 and 80, continued to d = ∞ as 1/d."""
    from prunelaw_sim.features.linear_students import train_linear

    classes, found = np.array([0, 1, 2, 2]), []
    for d in (40, 80):
        weights, means, covs = mixture(d)
        said = solve_one_vs_rest(weights, means, covs, classes, 3 * d, loss=loss, penalty=0.5)
        errors = []
        for trial in range(60):
            rng = np.random.default_rng([trial, d])
            k = rng.choice(4, size=3 * d + 4000, p=weights)
            x = means[k] + np.sqrt(covs[k]) * rng.normal(size=(len(k), d))
            fields = [
                train_linear(
                    x[: 3 * d], np.where(classes[k[: 3 * d]] == c, 1.0, -1.0), loss=loss,
                    penalty=0.5,
                ).fields(x[3 * d :])
                for c in range(3)
            ]  # fmt: skip
            errors.append(np.mean(np.argmax(fields, axis=0) != classes[k[3 * d :]]))
        apart = np.array(errors) - said.error
        found.append((apart.mean(), apart.std(ddof=1) / np.sqrt(60)))
    (small, small_se), (large, large_se) = found
    limit, se = 2 * large - small, np.hypot(2 * large_se, small_se)
    assert abs(limit) < 4.0 * se
    assert se < 0.01


def test_the_largest_of_gaussian_fields():
    cov = np.array([[1.0, 0.3], [0.3, 2.0]])
    exact = ndtr(-(0.5 - 0.2) / np.sqrt(1.0 + 2.0 - 0.6))
    assert arg_max_error(np.array([0.5, 0.2]), cov, 0) == pytest.approx(exact, abs=2e-4)
    same = arg_max_error(np.zeros(5), np.eye(5), 2)
    assert same == pytest.approx(0.8, abs=3e-3)


@pytest.mark.parametrize("classes", [[0, 0, 0, 0], [0, 2, 2, 0], [1, 2, 1, 2]])
def test_classes_are_numbers_from_0(classes):
    with pytest.raises(InputError, match="classes must be 0"):
        solve_one_vs_rest(*mixture(8), classes, 20, penalty=1.0)
