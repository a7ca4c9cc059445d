"""Students one against the rest: known cases, and students of sampled mixtures."""

import numpy as np
import pytest
from reference.several_classes import mixture as several
from reference.several_classes import probes, wrong
from scipy.special import ndtr
from scipy.stats import multivariate_normal, qmc

from prunelaw.errors import ConvergenceError, InputError
from prunelaw.features import FeatureModel, Soft, solve, solve_one_vs_rest
from prunelaw.features.several import ONE_VS_REST_STATUS, SCORES


def mixture(d):
    """Four clusters of three classes."""
    place = (np.arange(d) + 0.5) / d
    means = np.stack([1.6 * np.sqrt(2 / d) * np.cos(np.pi * (c + 1) * place) for c in range(4)])
    covs = np.stack([0.4 + 1.2 * (1 + 0.5 * c) * place ** (c % 3) for c in range(4)])
    return np.array([0.1, 0.2, 0.3, 0.4]), means, covs


def probe(d):
    _, means, _ = mixture(d)
    place = (np.arange(d) + 0.5) / d
    return means[0] - means[1] + 0.7 * means[2] + 0.6 / np.sqrt(d) * np.cos(9 * place)


CLASSES = np.array([0, 1, 2, 2])
BINARY = np.array([0, 1, 0, 1])


@pytest.mark.parametrize("loss", ["square", "logistic", "hinge"])
@pytest.mark.parametrize(
    ("rule", "per_class", "intercept"),
    [
        ("random", False, False), ("hard", False, True), ("easy", True, True),
        ("signed-easy", False, False), ("signed-hard", True, False), ("mix:0.2,hard", True, False),
        ("band:0.2,0.9", False, True), ("quantiles:0.5", False, False),
    ],
)  # fmt: skip
def test_two_classes_are_one_student_and_its_mirror(loss, rule, per_class, intercept):
    options = {"loss": loss, "penalty": 0.5, "intercept": intercept, "per_class": per_class}
    keep = None if rule.startswith("band") else 0.4
    both = solve_one_vs_rest(
        *mixture(20), BINARY, 60, keep, rule, probe(20), probe_labels=[1, -1], **options
    )
    model = FeatureModel(*mixture(20), [1.0, -1.0, 1.0, -1.0])
    one = solve(model, 60, keep, rule, probe(20), **options)
    assert both.error == pytest.approx(float(one.error), rel=1e-9)
    assert both.keep == pytest.approx(float(one.keep), rel=1e-9)
    np.testing.assert_allclose(both.thresholds, one.thresholds, rtol=1e-9)
    np.testing.assert_allclose(both.single_errors, float(one.error), rtol=1e-9)
    np.testing.assert_allclose(both.direction[0], -both.direction[1], atol=1e-8)
    np.testing.assert_allclose(both.spread[0, 1], -both.spread[0, 0], atol=1e-8)


def test_soft_rules_keep_by_the_probability_of_a_probe():
    _, means, covs = mixture(6)
    options = {"loss": "square", "penalty": 0.5}
    two = ([0.4, 0.6], means[:2], covs[:2])
    rule = Soft.power(0.5)
    both = solve_one_vs_rest(*two, [0, 1], 20, 0.4, rule, 0.25 * probe(6), **options)
    one = solve(FeatureModel(*two, [1.0, -1.0]), 20, 0.4, rule, 0.25 * probe(6), **options)
    assert both.error == pytest.approx(float(one.error), rel=1e-9)
    np.testing.assert_allclose(both.kept @ two[0], 0.4, rtol=1e-6)


def test_full_and_diagonal_covariances_agree():
    weights, means, covs = mixture(12)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    full = np.einsum("ia,ka,ja->kij", turn, covs, turn)
    full = 0.5 * (full + np.swapaxes(full, 1, 2))
    options = {"loss": "logistic", "penalty": 0.5}
    one = solve_one_vs_rest(weights, means, covs, CLASSES, 40, 0.5, "hard", probe(12), **options)
    other = solve_one_vs_rest(
        weights, means @ turn.T, full, CLASSES, 40, 0.5, "hard", turn @ probe(12), **options
    )
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-9)
    np.testing.assert_allclose(one.direction @ turn.T, other.direction, atol=1e-8)
    assert one.converged and one.residual < 1e-9 and one.truncation < 1e-4


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_pairs_by_draws_of_their_fields(loss):
    """The covariance of two students from its equation, E[w f_k f_l] by Sobol points."""
    weights, means, covs = mixture(20)
    found = solve_one_vs_rest(
        weights, means, covs, CLASSES, 60, 0.4, "hard", probe(20), loss=loss, penalty=0.5
    )
    models = [FeatureModel(weights, means, covs, np.where(k == CLASSES, 1.0, -1.0)) for k in (0, 2)]
    one, other = (
        solve(model, 60, 0.4, "hard", probe(20), loss=loss, penalty=0.5) for model in models
    )
    from prunelaw.features.losses import LOSSES

    pulls = np.zeros(4)
    for e in range(4):
        z_mean, z_var = means[e] @ probe(20), covs[e] @ probe(20) ** 2
        cov = np.empty((3, 3))
        cov[:2, :2] = found.covariance[e][np.ix_([0, 2], [0, 2])]
        cov[2] = cov[:, 2] = one.overlaps[e, 0], other.overlaps[e, 0], z_var
        points = multivariate_normal([one.mean[e], other.mean[e], z_mean], cov)
        engine = qmc.MultivariateNormalQMC(points.mean, points.cov, rng=1)
        h, g, z = engine.random(2**13).T
        force = 1.0
        for k, solution, field in ((0, one, h), (2, other, g)):
            y = 1.0 if CLASSES[e] == k else -1.0
            force = force * y * LOSSES[loss].force(y * field, solution.stiffness[e])[0]
        pulls[e] = 60 * weights[e] * np.mean((np.abs(z) < found.thresholds[0]) * force)
    first = found.direction[0] @ (covs * found.direction[2]).T
    size = np.sqrt(found.covariance[:, 0, 0] * found.covariance[:, 2, 2])
    expected = first + covs @ np.diagonal(found.spread[0, 2])
    np.testing.assert_allclose(found.covariance[:, 0, 2] / size, expected / size, atol=1e-9)
    A = np.sqrt(np.diagonal(found.spread[0, 0]) / (_pull(one, 60, weights, loss) @ covs))
    B = np.sqrt(np.diagonal(found.spread[2, 2]) / (_pull(other, 60, weights, loss) @ covs))
    again = A * (pulls @ covs) * B
    np.testing.assert_allclose(
        again, np.diagonal(found.spread[0, 2]), atol=0.01 * np.abs(again).max()
    )


def _pull(solution, n, weights, loss):
    """q̂ by cluster, from the solved point."""
    return solution.solved[0].point.x[0, :, 1]


def test_the_same_examples_by_one_probe_and_by_a_score():
    """Two probes ±θ: their margin is 2|z|."""
    both = np.stack([probe(20), -probe(20)])
    for rule, per_class in (("hard", True), ("easy", False)):
        options = {"loss": "square", "penalty": 0.5, "per_class": per_class}
        one = solve_one_vs_rest(*mixture(20), CLASSES, 60, 0.4, rule, probe(20), **options)
        three = np.vstack([both, 0.0 * both[:1]])  # the third is never first, nor second of two
        other = solve_one_vs_rest(
            *mixture(20), CLASSES, 60, 0.4, rule, three, score=_two, **options
        )
        assert other.error == pytest.approx(one.error, rel=1e-3)
        assert other.change < 2e-3
        np.testing.assert_allclose(other.thresholds / 2, one.thresholds, rtol=3e-3)
        np.testing.assert_allclose(other.kept, one.kept, atol=1e-3)
        np.testing.assert_allclose(other.covariance, one.covariance, rtol=2e-2, atol=1e-3)


def _two(fields, k):
    return SCORES["margin"](fields[:, :2], 0)


def test_scores_of_fields():
    fields = np.array([[2.0, 1.0, -1.0], [0.0, 3.0, 0.5]])
    p = np.exp(fields) / np.exp(fields).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(SCORES["margin"](fields, 1), [1.0, 2.5])
    np.testing.assert_allclose(SCORES["label-margin"](fields, 1), [-1.0, 2.5])
    np.testing.assert_allclose(np.exp(SCORES["probability"](fields, 1)), p[:, 1])
    away = np.linalg.norm(p - np.array([0.0, 1.0, 0.0]), axis=1)
    np.testing.assert_allclose(SCORES["el2n"](fields, 1), -away)


# loss, classes, rule, score, per class, intercept
CASES = [
    ("square", [0, 1, 2, 2], "random", None, False, False),
    ("logistic", [0, 1, 2, 2], "hard", None, False, True),
    ("logistic", [0, 1, 2], "easy", None, True, False),
    ("square", [0, 1, 2, 3, 1], "hard", "margin", False, False),
    ("square", [0, 1, 2], "easy", "probability", True, False),
]
ALL = [
    (loss, classes, rule, score, per_class, per_class)
    for loss in ("square", "logistic")
    for classes, score, per_class in (
        ([0, 1, 2], None, False), ([0, 1, 2, 3, 1], None, True), ([0, 1, 2], "el2n", True),
        ([0, 1, 2, 2], "margin", False),
    )
    for rule in ("hard", "easy")
]  # fmt: skip


def deviations(case, trials, sizes, seed=0):
    """Mean of log(measured error) − log(theory) and its standard error at each size."""
    from prunelaw_sim.features.linear_students import train_linear

    loss, classes, rule, score, per_class, intercept = case
    classes, rows = np.asarray(classes), []
    L, K = classes.max() + 1, len(classes)
    for d in sizes:
        weights, means, covs = several(d, K)
        theta = probes(means, classes)
        theory = solve_one_vs_rest(
            weights, means, covs, classes, 3 * d, 0.5, rule, theta[0] if score is None else theta,
            loss=loss, penalty=0.5, intercept=intercept, per_class=per_class, score=score,
        )  # fmt: skip
        rng, errors = np.random.default_rng([seed, d]), []
        for _ in range(trials):
            k = rng.choice(K, size=3 * d, p=weights)
            x = means[k] + np.sqrt(covs[k]) * rng.normal(size=(len(k), d))
            y = classes[k]
            if rule == "random":
                kept = rng.uniform(size=len(k)) < 0.5
            else:
                value = np.abs(x @ theta[0])
                if score is not None:
                    value = np.array([SCORES[score](x[i : i + 1] @ theta.T, y[i])[0]
                                      for i in range(len(y))])  # fmt: skip
                kept = (value < theory.thresholds[y]) == (rule == "hard")
            students = [
                train_linear(x[kept], np.where(y[kept] == c, 1.0, -1.0), loss=loss, penalty=0.5,
                             intercept=intercept)
                for c in range(L)
            ]  # fmt: skip
            vectors = np.stack([one.weights for one in students])
            shifts = np.array([one.intercept for one in students])
            errors.append(wrong(vectors, shifts, weights, means, covs, classes))
        mean, spread = np.mean(errors), np.std(errors, ddof=1) / np.sqrt(trials)
        rows.append((np.log(mean / theory.error), spread / mean))
    return rows


def limit(rows):
    """The deviation continued to d = ∞ as 1/d, in standard errors."""
    (small, small_se), (large, large_se) = rows
    return (2 * large - small) / np.hypot(2 * large_se, small_se)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_students_of_sampled_mixtures(case):
    assert abs(limit(deviations(case, 20, (40, 80)))) < 4.0


@pytest.mark.exhaustive
def test_students_of_sampled_mixtures_at_many_points():
    z = np.array([limit(deviations(case, 20, (100, 200), i)) for i, case in enumerate(ALL)])
    assert np.abs(z).max() < 4.0
    assert (z**2).sum() < len(z) + 4.0 * np.sqrt(2.0 * len(z))
    assert abs(z.sum()) < 4.0 * np.sqrt(len(z))


def test_numbers_agree_with_each_other():
    weights, means, covs = several(30, 5)
    classes = np.array([0, 1, 2, 3, 1])
    theta = probes(means, classes)[0]
    found = solve_one_vs_rest(
        weights, means, covs, classes, 90, 0.5, "hard", theta, loss="logistic", penalty=0.5,
        per_class=True,
    )  # fmt: skip
    np.testing.assert_allclose(found.chances.sum(axis=1), 1.0, atol=1e-12)
    own = found.chances[np.arange(5), classes]
    np.testing.assert_allclose(found.errors, 1.0 - own, atol=1e-12)
    share = np.bincount(classes, weights)
    assert share @ found.class_errors == pytest.approx(found.error)
    assert found.uncertainty < 1e-3 * found.error
    kept = np.bincount(classes, weights * found.kept) / share
    np.testing.assert_allclose(kept, 0.5, atol=1e-9)
    labels = np.where(classes == 2, 1.0, -1.0)
    sd = np.sqrt(found.covariance[:, 2, 2])
    assert weights @ ndtr(-labels * found.mean[2] / sd) == pytest.approx(found.single_errors[2])


def test_what_is_not_solved_is_flagged():
    options = {"loss": "hard-margin", "throw": False}
    lost = solve_one_vs_rest(*mixture(8), CLASSES, 4000, **options)
    assert not lost.converged and ONE_VS_REST_STATUS[lost.status].startswith("a student")
    assert np.isnan(lost.error) and np.isnan(lost.covariance).all()
    with pytest.raises(ConvergenceError, match="throw=False"):
        solve_one_vs_rest(*mixture(8), CLASSES, 4000, loss="hard-margin")


@pytest.mark.parametrize("classes", [[0, 0, 0, 0], [0, 2, 2, 0], [1, 2, 1, 2]])
def test_classes_are_numbers_from_0(classes):
    with pytest.raises(InputError, match="classes must be 0"):
        solve_one_vs_rest(*mixture(8), classes, 20, penalty=1.0)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0.5, "hard"), {}, "probe must be given"),
        ((0.5, "hard", np.ones(7)), {}, "vector of 8"),
        ((0.5, "signed-hard", np.ones(8)), {}, "probe_labels must be given"),
        ((0.5, "signed-hard", np.ones(8)), {"probe_labels": [1, 1, 1]}, "probe_labels must be 3"),
        ((None, "hard", np.ones(8)), {}, "keep must be given"),
        ((1.5, "hard", np.ones(8)), {}, "keep must be"),
        ((0.5, ["hard", "easy"], np.ones(8)), {}, "one rule"),
        ((0.5, "hard", np.ones((3, 8))), {"score": "loss"}, "score must be one of"),
        ((0.5, "hard", np.ones(8)), {"score": "margin"}, r"shape \(3, 8\)"),
        ((0.5, "hard", np.zeros((3, 8))), {"score": "margin"}, "no direction"),
        ((0.5, "random", np.ones((3, 8))), {"score": "margin"}, "rule must be"),
        ((None, "hard", np.ones((3, 8))), {"score": "margin"}, "keep must be given"),
    ],
)
def test_bad_arguments_are_named(arguments, options, message):
    with pytest.raises(InputError, match=message):
        solve_one_vs_rest(*mixture(8), CLASSES, 20, *arguments, penalty=1.0, **options)
