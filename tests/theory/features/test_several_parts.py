"""The parts of students of several classes: the largest of Gaussian fields, and clouds."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_ndtr
from scipy.stats import norm

from prunelaw.errors import InputError
from prunelaw.features import FeatureModel, solve
from prunelaw.features.channel import Fields, Signals
from prunelaw.features.losses import LOSSES
from prunelaw.features.several.clouds import Cloud
from prunelaw.features.several.keeping import by_probe
from prunelaw.features.several.largest import largest_chances
from prunelaw.features.several.pairs import Student, together
from prunelaw.keep import Easy, Hard, Random


@pytest.mark.parametrize("L", [2, 3, 5, 10])
@pytest.mark.parametrize("lead", [0.0, 3.0])
@pytest.mark.parametrize("share", [0.0, 0.9])
def test_the_largest_of_equally_correlated_fields(L, lead, share):
    """One integral: given what they share, the others are independent."""
    mean = np.zeros(L)
    mean[0] = lead
    cov = np.full((L, L), share) + (1.0 - share) * np.eye(L)
    gap = lead / np.sqrt(1.0 - share)
    exact, _ = quad(
        lambda x: -norm.pdf(x) * np.expm1((L - 1) * log_ndtr(x + gap)), -12, 12, epsrel=1e-11,
        epsabs=0.0, limit=300,
    )  # fmt: skip
    chances, error = largest_chances(mean, cov, 0)
    found = chances[1:].sum()
    assert abs(found - exact) < 2.0 * error + 1e-10 * exact
    assert error < 2e-3 * exact
    assert chances.sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(chances[1:], found / (L - 1), rtol=5e-3)


def test_the_largest_of_fields_that_are_one():
    """A field that equals another but for its mean is never the largest; singular covariances."""
    cov = np.ones((4, 4))
    chances, _ = largest_chances(np.array([0.3, 0.1, 0.0, -1.0]), cov, 0)
    np.testing.assert_allclose(chances, [1.0, 0.0, 0.0, 0.0])
    cov = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    chances, _ = largest_chances(np.zeros(3), cov, 2)
    np.testing.assert_allclose(chances, [0.5, 0.5, 0.0], atol=1e-9)


def test_the_largest_by_draws():
    rng = np.random.default_rng(0)
    root, mean = rng.normal(size=(6, 6)), rng.normal(size=6)
    draws = np.argmax(mean + rng.normal(size=(200_000, 6)) @ root.T, axis=1)
    chances, error = largest_chances(mean, root @ root.T, 1)
    assert error < 1e-3
    np.testing.assert_allclose(chances, np.bincount(draws, minlength=6) / 200_000, atol=4e-3)


@pytest.mark.parametrize(("fields", "size", "k"), [(1, 1, 0), (3, 2, 0), (3, 3, 3)])
def test_shapes_that_do_not_fit(fields, size, k):
    with pytest.raises(InputError, match="mean must be"):
        largest_chances(np.zeros(fields), np.eye(size), k)


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_slopes_of_a_cloud(loss):
    """Against differences of its own averages, and averages against draws."""
    rng = np.random.default_rng(3)
    root = rng.normal(size=(2, 2, 2))
    signals = Signals(rng.normal(size=(2, 2)), root @ np.swapaxes(root, 1, 2))
    place = rng.normal(size=(2, 9, 2))
    cloud = Cloud(place, rng.uniform(size=(2, 9)) / 9, np.array([1.0, -1.0]))
    o = (signals.cov @ rng.normal(size=(2, 2, 1)))[None, ..., 0] * 0.3
    fields = Fields(np.array([[0.7, 0.9]]), np.array([[5.0, 4.0]]), np.array([[0.2, -0.4]]), o)
    found = cloud.average(fields, signals, LOSSES[loss], 16)
    for column in range(5):
        ends = []
        for sign in (1.0, -1.0):
            name = ("V", "q", "m", "o", "o")[column]
            value = getattr(fields, name).copy()
            if name == "o":
                value[..., column - 3] += sign * 1e-5
            else:
                value += sign * 1e-5
            moved = fields._replace(**{name: value})
            ends.append(cloud.average(moved, signals, LOSSES[loss], 16).value)
        slope = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(found.slope[..., column], slope, rtol=1e-3, atol=1e-6)
    mean, sigma, _ = cloud.given(fields, signals)
    h = mean[0, 1, 4] + sigma[0, 1, 0] * rng.normal(size=400_000)
    force = -LOSSES[loss].force(-h, np.full_like(h, 0.9))[0]
    coefficients, square = cloud.hermite(fields, signals, LOSSES[loss], 16)
    assert coefficients[1, 4, 0] == pytest.approx(force.mean(), abs=0.01)
    assert square[1] == pytest.approx(found.value[0, 1, 1], rel=1e-6)
    series = np.einsum("r,rj->", cloud.mass[1], coefficients[1] ** 2)
    assert series == pytest.approx(square[1], rel=1e-4)


def model_of_three():
    """Three clusters of three classes in twelve dimensions, and a probe."""
    place = (np.arange(12) + 0.5) / 12
    means = np.stack([np.cos(np.pi * (c + 1) * place) for c in range(3)]) / 2
    covs = np.stack([0.5 + c * place for c in range(3)])
    labels = np.array([1.0, -1.0, -1.0])
    return FeatureModel([0.2, 0.3, 0.5], means, covs, labels), means[0] - means[1]


@pytest.mark.parametrize("per_class", [False, True])
def test_shares_that_thresholds_keep(per_class):
    model, theta = model_of_three()
    mean, sd = model.means @ theta + 0.3, np.sqrt(model.covariances @ theta**2)
    found = by_probe(model, np.arange(3), 0.4, Easy(), theta, 0.3, per_class, None)
    inside = norm.cdf((found.thresholds - mean) / sd) - norm.cdf((-found.thresholds - mean) / sd)
    np.testing.assert_allclose(found.kept, 1.0 - inside, atol=1e-9)
    assert found.keep == pytest.approx(0.4, abs=1e-9)
    if per_class:
        np.testing.assert_allclose(found.kept, 0.4, atol=1e-9)
    else:
        assert np.ptp(found.thresholds) == 0.0


@pytest.mark.parametrize("loss", ["square", "logistic"])
@pytest.mark.parametrize("rule", ["random", "hard"])
def test_a_student_is_its_own_pair(loss, rule):
    """Of one student taken as three, all covariances are its variance."""
    model, theta = model_of_three()
    point = solve(model, 40, 0.5, rule, theta, loss=loss, penalty=0.5)
    student = Student.of(point.solved[0].task, point.solved[0].point)
    chosen = by_probe(model, np.arange(3), 0.5, rule_of(rule), theta, 0.0, False, None)
    cloud = chosen.clouds(model.labels).fine
    found = together([student] * 3, [cloud] * 3, LOSSES[loss], 16, False)
    assert found.residual < 1e-7 and found.mismatch < 1e-7
    expected = np.broadcast_to(point.variance[:, None, None], (3, 3, 3))
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-5)
    np.testing.assert_allclose(found.pulls[0, 1], found.pulls[0, 0], rtol=1e-5)


def rule_of(name):
    return Random() if name == "random" else Hard()
