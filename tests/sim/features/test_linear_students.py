"""Linear students: each solves its problem, by its certificate and by other programs."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.features.linear_students import GAP_LIMIT, LOSSES, SMOOTH, train_linear


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 7))
    return x, np.where(x[:, 0] + 0.3 * rng.normal(size=80) + 0.4 > 0, 1.0, -1.0)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "hard-margin"])
def test_certified_and_no_worse_than_neighbours(data, loss, intercept):
    x, y = data
    found = train_linear(x, y, loss=loss, penalty=0.5, intercept=intercept)
    assert found.relative_gap <= GAP_LIMIT

    def objective(beta, b):
        v = y * (x @ beta + b)
        each = np.maximum(1.0 - v, 0.0) if loss == "hinge" else SMOOTH[loss].value(v)
        return each.sum() + 0.25 * beta @ beta

    best = objective(found.weights, found.intercept)
    rng = np.random.default_rng(1)
    for _ in range(20):
        step = 1e-3 * rng.normal(size=8)
        moved = objective(found.weights + step[:7], found.intercept + intercept * step[7])
        assert moved >= best * (1.0 - 1e-6)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("rows", [80, 5])
def test_logistic_is_that_of_scikit_learn(data, intercept, rows):
    from sklearn.linear_model import LogisticRegression

    x, y = data[0][:rows], data[1][:rows]
    theirs = LogisticRegression(C=2.0, fit_intercept=intercept, tol=1e-10, max_iter=1000).fit(x, y)
    ours = train_linear(x, y, penalty=0.5, intercept=intercept)
    np.testing.assert_allclose(ours.weights, theirs.coef_[0], atol=1e-5)
    assert ours.intercept == pytest.approx(float(np.ravel(theirs.intercept_)[0]), abs=1e-5)
    assert ours.error(x, y) == pytest.approx(1.0 - theirs.score(x, y))


def test_weights_count_as_repeats(data):
    x, y = data
    times = np.arange(80) % 3
    whole = train_linear(np.repeat(x, times, 0), np.repeat(y, times), penalty=0.5)
    weighted = train_linear(x, y, penalty=0.5, weights=times.astype(float))
    np.testing.assert_allclose(whole.weights, weighted.weights, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty": 0.0}, "penalty must"),
        ({"loss": "absolute", "penalty": 1.0}, "loss must be one of"),
        ({"loss": "hard-margin", "intercept": True}, "intercept must be False"),
        ({"loss": "hinge", "penalty": 1.0, "weights": np.ones(80)}, "weights must be left out"),
    ],
)
def test_bad_input(data, options, words):
    with pytest.raises(InputError, match=words):
        train_linear(*data, **options)
    with pytest.raises(InputError, match="labels must be 80 values"):
        train_linear(data[0], np.zeros(80), penalty=1.0)
