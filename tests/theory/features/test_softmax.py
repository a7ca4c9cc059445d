"""Softmax regression: two classes are logistic regression; students of sampled mixtures."""

import numpy as np
import pytest
from reference.several_classes import mixture, probes, trained_softmax, wrong
from scipy.optimize import approx_fprime

from prunelaw.errors import ConvergenceError, InputError
from prunelaw.features import FeatureModel, solve
from prunelaw.features.several import SCORES, solve_softmax


@pytest.fixture
def few_points(monkeypatch):
    monkeypatch.setattr("prunelaw.features.several.softmax.POINTS", 2**9)


@pytest.mark.usefixtures("few_points")
@pytest.mark.parametrize("rule", ["random", "hard", "easy"])
def test_two_classes_are_logistic_regression(rule):
    """The difference of the two fields has half the penalty."""
    model = FeatureModel(*mixture(12, 3), [1.0, -1.0, -1.0])
    theta = probes(model.means, np.arange(3))[0]
    one = solve(model, 30, 0.5, rule, theta, loss="logistic", penalty=0.5)
    found = solve_softmax(*mixture(12, 3), [0, 1, 1], 30, 0.5, rule, theta, penalty=1.0)
    assert found.error == pytest.approx(float(one.error), rel=3e-3)
    assert found.change < 5e-3
    np.testing.assert_allclose(found.mean[0] - found.mean[1], one.mean, rtol=5e-3, atol=1e-2)
    gap = np.array([1.0, -1.0])
    np.testing.assert_allclose(gap @ found.covariance @ gap, one.variance, rtol=2e-2)


@pytest.mark.usefixtures("few_points")
def test_full_and_diagonal_covariances_agree():
    weights, means, covs = mixture(6, 3)
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    full = np.einsum("ia,ka,ja->kij", turn, covs, turn)
    full = 0.5 * (full + np.swapaxes(full, 1, 2))
    full[0] += 1e-7 * (turn[:, :1] + turn[:, 1:2]) @ (turn[:, :1] + turn[:, 1:2]).T  # no basis
    theta = probes(means, np.arange(3))[0]
    one = solve_softmax(weights, means, covs, range(3), 12, 0.5, "hard", theta, penalty=1.0)
    other = solve_softmax(
        weights, means @ turn.T, full, range(3), 12, 0.5, "hard", turn @ theta, penalty=1.0
    )
    assert FeatureModel(weights, means, full, [1.0, -1.0, 1.0]).basis is None
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.direction @ turn.T, other.direction, atol=1e-5)


# classes, rule, score, per class
CASES = [([0, 1, 2], "easy", None, False), ([0, 1, 2, 2], "hard", "margin", True)]
ALL = [
    (classes, rule, score, score is not None)
    for classes in ([0, 1, 2], [0, 1, 2, 3, 1])
    for rule, score in (("random", None), ("hard", None), ("easy", None), ("hard", "el2n"))
]


def deviations(case, trials, sizes, seed=0):
    """Mean of log(measured error) − log(theory) and its standard error at each size."""
    classes, rule, score, per_class = case
    classes, rows = np.asarray(classes), []
    K = len(classes)
    for d in sizes:
        weights, means, covs = mixture(d, K)
        theta = probes(means, classes)
        theory = solve_softmax(
            weights, means, covs, classes, 3 * d, 0.5, rule, theta[0] if score is None else theta,
            penalty=0.5, per_class=per_class, score=score,
        )  # fmt: skip
        rng, errors = np.random.default_rng([seed, d]), []
        for _ in range(trials):
            k = rng.choice(K, size=3 * d, p=weights)
            x, y = means[k] + np.sqrt(covs[k]) * rng.normal(size=(len(k), d)), classes[k]
            if rule == "random":
                kept = rng.uniform(size=len(k)) < 0.5
            else:
                value = np.abs(x @ theta[0])
                if score is not None:
                    of, fields = SCORES[score], x @ theta.T
                    value = np.array([of(fields[i : i + 1], y[i])[0] for i in range(len(y))])
                kept = (value < theory.thresholds[y]) == (rule == "hard")
            W = trained_softmax(x[kept], y[kept], classes.max() + 1, 0.5)
            errors.append(wrong(W, np.zeros(len(W)), weights, means, covs, classes))
        mean, spread = np.mean(errors), np.std(errors, ddof=1) / np.sqrt(trials)
        rows.append((np.log(mean / theory.error), spread / mean))
    return rows


def limit(rows):
    """The deviation continued to d = ∞ as 1/d, and its standard error."""
    (small, small_se), (large, large_se) = rows
    return 2 * large - small, np.hypot(2 * large_se, small_se)


@pytest.mark.usefixtures("few_points")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_students_of_sampled_mixtures(case):
    value, se = limit(deviations(case, 16, (20, 40)))
    assert abs(value) < 4.0 * se


@pytest.mark.exhaustive
def test_students_of_sampled_mixtures_at_many_points():
    z = np.array([np.divide(*limit(deviations(case, 24, (100, 200), i)))
                  for i, case in enumerate(ALL)])  # fmt: skip
    assert np.abs(z).max() < 4.0
    assert (z**2).sum() < len(z) + 4.0 * np.sqrt(2.0 * len(z))
    assert abs(z.sum()) < 4.0 * np.sqrt(len(z))


def test_the_reference_student_is_at_a_minimum():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 4)), rng.integers(3, size=30)
    W = trained_softmax(x, y, 3, 0.7)

    def objective(flat):
        v = x @ flat.reshape(3, 4).T
        loss = np.log(np.exp(v).sum(axis=1)) - v[np.arange(30), y]
        return loss.sum() + 0.35 * flat @ flat

    assert np.abs(approx_fprime(W.ravel(), objective, 1e-6)).max() < 1e-4


def test_what_is_not_solved_is_flagged(monkeypatch):
    monkeypatch.setattr("prunelaw.features.several.softmax.ROUNDS", 3)
    three = (*mixture(6, 3), range(3), 12)
    assert np.isnan(solve_softmax(*three, penalty=1.0, throw=False).error)
    with pytest.raises(ConvergenceError, match="throw=False"):
        solve_softmax(*three, penalty=1.0)


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="penalty must be"):
        solve_softmax(*mixture(6, 3), range(3), 12, penalty=0.0)
    with pytest.raises(InputError, match="classes must be"):
        solve_softmax(*mixture(6, 3), [0, 1, 3], 12, penalty=1.0)
    covs = np.stack([np.diag(np.ones(800)), np.diag(np.ones(800))])
    covs[0, 0, 1] = covs[0, 1, 0] = 0.5
    covs[1, 1, 2] = covs[1, 2, 1] = 0.5
    with pytest.raises(InputError, match="L d must be at most"):
        solve_softmax(
            [0.3, 0.3, 0.4], np.ones((3, 800)), covs[[0, 1, 1]], range(3), 12, penalty=1.0
        )
