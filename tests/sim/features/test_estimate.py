"""Means and covariances of real features, read once and in pieces."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw.features import FeatureModel, solve
from prunelaw_sim.features import estimate
from prunelaw_sim.features.estimate import from_data, moments, signs_of


@pytest.fixture(scope="module")
def data():
    """400 examples of two classes in 6 dimensions, and which of two clusters they are of."""
    rng = np.random.default_rng(0)
    cluster = rng.integers(4, size=400)
    x = rng.normal(size=(400, 6)) * [1, 2, 1, 1, 0.5, 1] + 5 * np.eye(6)[cluster] + 3.0
    return x, np.where(cluster % 2, 1.0, -1.0), cluster


def test_the_model_is_the_examples_own_moments(data):
    x, y, cluster = data
    model = from_data(x, y, clusters=cluster, shrinkage="none")
    assert isinstance(model, FeatureModel) and model.labels.tolist() == [-1, 1, -1, 1]
    for c in range(4):
        mine = x[cluster == c]
        assert model.weights[c] == pytest.approx(len(mine) / 400)
        np.testing.assert_allclose(model.means[c], mine.mean(axis=0) - x.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(model.covariances[c], np.cov(mine.T), atol=1e-12)
    plain = from_data(x, y, shrinkage="none", centred=False)
    np.testing.assert_allclose(plain.means[0], x[y < 0].mean(axis=0), atol=1e-12)


def test_pieces_types_and_folds_change_nothing(data, monkeypatch, tmp_path):
    x, y, _ = data
    whole = moments(x, y)
    monkeypatch.setattr(estimate, "PIECE", 60)
    np.save(tmp_path / "x.npy", x.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    pieces = moments(mapped, y, folds=3, seed=1)
    assert pieces.counts.sum(axis=0).tolist() == whole.counts[0].tolist()
    assert pieces.counts.min() >= 60 and sorted(np.unique(pieces.fold)) == [0, 1, 2]
    one, other = whole.model(), pieces.model()
    np.testing.assert_allclose(one.means, other.means, atol=1e-6)
    np.testing.assert_allclose(one.covariances, other.covariances, atol=1e-5)
    some = moments(x, y, rows=np.arange(100))
    np.testing.assert_allclose(some.mean, x[:100].mean(axis=0))


def test_k_means_finds_clusters_inside_classes(data):
    x, y, cluster = data
    found = moments(x, y, clusters=2)
    sizes = sorted(found.counts[0].tolist())
    assert sizes == pytest.approx(sorted(np.bincount(cluster).tolist()), abs=15)
    assert sorted(found.labels.tolist()) == [-1, -1, 1, 1]


def test_shrinkage_is_that_of_scikit_learn(data):
    from sklearn.covariance import OAS

    x, y, _ = data
    few = x[:30], y[:30]
    model = from_data(*few, shrinkage="oas")
    for c, sign in enumerate((-1.0, 1.0)):
        mine = few[0][few[1] == sign]
        theirs = OAS().fit(mine)
        plain = np.cov(mine.T)
        share = 1.0 - (model.covariances[c][0, 1] / plain[0, 1])
        assert share == pytest.approx(theirs.shrinkage_, rel=0.1)  # theirs divides by n
    half = from_data(*few, shrinkage=0.5)
    full = from_data(*few, shrinkage="none")
    assert np.trace(half.covariances[0]) == pytest.approx(np.trace(full.covariances[0]))


def test_the_theory_takes_it(data):
    x, y, _ = data
    assert 0.0 < float(solve(from_data(x, y), 100, penalty=1.0).error) < 0.5


def test_several_classes_have_statistics(data):
    x, _, cluster = data
    weights, means, covs = moments(x, cluster.astype(float)).statistics()
    assert means.shape == (4, 6) and covs.shape == (4, 6, 6) and weights.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y: (x, y[:10]), "10 rows, one a label"),
        (lambda x, y: (np.where(x > 9, np.nan, x), y), "features must be finite numbers, row"),
        (lambda x, y: (x, np.ones(len(y))), "of two classes, got 1"),
        (lambda x, y: (x, np.arange(len(y)) % 3), "of two classes, got 3"),
        (lambda x, y: (np.ones_like(x), y), "must vary in every cluster"),
        (lambda x, y: (x[:3], np.array([1, 1, 0])), "needs at least 2 examples"),
    ],
)
def test_bad_input(data, change, words):
    with pytest.raises(InputError, match=words):
        from_data(*change(*data[:2]))
    assert signs_of(["b", "a", "b"]).tolist() == [1, -1, 1]


def test_clusters_lie_inside_classes(data):
    x, y, _ = data
    with pytest.raises(InputError, match="holds both labels"):
        from_data(x, y, clusters=np.zeros(len(y), dtype=int))
