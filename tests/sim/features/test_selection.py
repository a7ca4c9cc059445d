"""Margin selection with scikit-learn's habits."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from prunelaw.errors import InputError
from prunelaw_sim.features.selection import MarginSelector, hardness


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    return rng.normal(size=(200, 5)) + 0.7 * (2 * y[:, None] - 1) * np.eye(5)[0], y


def test_hard_examples_are_those_of_small_margin(data):
    X, y = data
    model = LinearSVC().fit(X[:50], y[:50])
    selector = MarginSelector(model, rule="hard", keep=0.25).fit(X, y)
    margin = np.abs(model.decision_function(X))
    assert sorted(selector.get_support(indices=True)) == sorted(np.argsort(margin)[:50])
    mask = selector.get_support()
    assert mask.sum() == 50 and np.array_equal(mask, selector.sample_weight_ > 0)
    kept, labels = MarginSelector(model, rule="hard", keep=0.25).fit_resample(X, y)
    assert np.array_equal(kept, X[selector.support_]) and len(labels) == 50
    weighted = LogisticRegression().fit(X, y, sample_weight=selector.sample_weight_)
    alone = LogisticRegression().fit(X[mask], y[mask])
    np.testing.assert_allclose(weighted.coef_, alone.coef_, atol=1e-3)


def test_parameters_clone_and_any_estimator(data):
    X, y = data
    selector = MarginSelector(rule="easy", keep=0.5, random_state=3)
    assert clone(selector).get_params() == selector.get_params()
    assert selector.set_params(keep=0.2).fit(X, y).support_.size == 36  # a tenth trained its probe
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    scores = hardness(GaussianNB().fit(X, three), X)
    assert scores.shape == (200,) and (scores <= 0.0).all()


def test_rule_and_fraction_by_theory(data):
    X, y = data
    model = LogisticRegression().fit(X[:40], y[:40])
    selector = MarginSelector(model, rule="theory", keep=[0.3, 0.6]).fit(X, y)
    best = selector.prediction_.best[0]
    assert (selector.rule_, selector.keep_) == (best.rule, best.keep_fraction)
    assert len(selector.support_) == round(200 * best.keep_fraction)


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (MarginSelector(keep=0.0), "keep must be"),
        (MarginSelector(rule="band:0,1"), "rule must be one of ranks"),
        (MarginSelector(random_state=-1), "random_state must be"),
    ],
)
def test_bad_input(data, selector, words):
    with pytest.raises(InputError, match=words):
        selector.fit(*data)
    with pytest.raises(InputError, match="two classes at least"):
        MarginSelector().fit(data[0], np.zeros(200))
