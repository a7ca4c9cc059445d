"""Theory of features against certified students of sampled mixtures: loss × rule × labels."""

import numpy as np
import pytest
from reference.feature_mixtures import GAP, clusters, error_of, kept, probe_of, sample, train

from prunelaw.features import FeatureModel, solve

# loss, clusters (0: a teacher), flips, rule, n/N, keep, penalty
QUICK = [
    ("logistic", 2, 0.0, "hard", 6.0, 0.4, 0.5),
    ("logistic", 4, 0.1, "signed-easy", 3.0, 0.4, 0.3),
    ("square", 3, 0.0, "easy", 4.0, 0.5, 1.0),
    ("squared-hinge", 6, 0.05, "hard", 8.0, 0.5, 2.0),
    ("hinge", 2, 0.0, "signed-easy", 3.0, 0.4, 0.5),
    ("hard-margin", 4, 0.0, "easy", 1.2, 0.4, 1.0),
    ("logistic", 0, 0.1, "hard", 4.0, 0.5, 0.5),
    ("square", 0, 0.0, "signed-hard", 4.0, 0.5, 0.5),
]
ALL = [
    (loss, K, flips, rule, 4.0, 0.5, 0.5)
    for loss in ("logistic", "square", "hinge", "squared-hinge")
    for K, flips in ((2, 0.0), (5, 0.1), (0, 0.1))
    for rule in ("hard", "easy", "signed-hard", "signed-easy")
]


def world(N, K, flips):
    if K:
        model = clusters(N, K, flips=flips)
        return model, probe_of(model)
    place = (np.arange(N) + 0.5) / N
    rng = np.random.default_rng(N)
    teacher, other = rng.normal(size=(2, N)) / np.sqrt(N)
    return FeatureModel.gaussian(teacher, 0.3 + 1.4 * place, flips=flips), teacher + 0.5 * other


def deviations(case, trials, sizes=(100, 200)):
    """Mean of log(measured error) − log(theory) and its standard error at each N."""
    loss, K, flips, rule, ratio, keep, penalty = case
    found = []
    for N in sizes:
        model, probe = world(N, K, flips)
        theory = solve(model, ratio * N, keep, rule, probe, loss=loss, penalty=penalty)
        rng = np.random.default_rng(7)
        errors = np.empty(trials)
        for i in range(trials):
            x, _, y = sample(rng, model, int(ratio * N))
            chosen = kept(rule, x @ probe, y, theory.thresholds)
            beta, gap = train(loss, y[chosen, None] * x[chosen], penalty)
            assert gap < GAP
            errors[i] = error_of(model, beta)
        found.append(
            (np.log(errors.mean() / theory.error), errors.std() / errors.mean() / trials**0.5)
        )
    return np.array(found)


def agreement(rows):
    """(χ² per row, mean in σ) of deviations continued to N → ∞: twice the second less the first."""
    limit = 2 * rows[:, 1, 0] - rows[:, 0, 0]
    se = np.hypot(2 * rows[:, 1, 1], rows[:, 0, 1])
    return limit, se, np.mean((limit / se) ** 2), np.sum(limit / se**2) / np.sum(se**-2.0) ** 0.5


def check(rows):
    limit, se, chi2, bias = agreement(rows)
    assert np.abs(limit / se).max() < 4
    assert chi2 < 1 + 3 * np.sqrt(2 / len(rows))
    assert abs(bias) < 3.5
    wrong = rows + np.array([0.01, 0.0])  # a theory 1 % too low
    _, _, chi2_wrong, bias_wrong = agreement(wrong)
    assert abs(bias_wrong) > 3.5 or chi2_wrong > 1 + 3 * np.sqrt(2 / len(rows))


def test_students_of_every_loss():
    """The two cases of least spread are measured most: they catch a theory 1 % off."""
    check(np.array([deviations(case, 250 if case[3] == "signed-easy" else 40) for case in QUICK]))


@pytest.mark.exhaustive
def test_students_of_every_loss_rule_and_label_law():
    check(np.array([deviations(case, 200) for case in ALL]))
