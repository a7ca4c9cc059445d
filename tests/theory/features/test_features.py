"""`prunelaw.features.solve` against other theories and measured numbers; rules; bad input."""

import numpy as np
import pytest

import prunelaw
from prunelaw import ConvergenceError, InputError
from prunelaw.features import FeatureModel, Loss, Soft, Steps, logistic_labels, solve
from prunelaw.features.model import MEMORY
from prunelaw.keep import Function, Piecewise

THETA = 0.3
TEACHER = np.eye(6)[0]
PROBE = np.cos(THETA) * np.eye(6)[0] + np.sin(THETA) * np.eye(6)[1]
ISOTROPIC = FeatureModel.gaussian(TEACHER)


@pytest.mark.parametrize(
    ("alpha", "rule"),
    [
        (3.0, "hard"),
        (2.0, "signed-easy"),
        *(
            pytest.param(alpha, rule, marks=pytest.mark.exhaustive)
            for alpha in (0.5, 3.0, 30.0)
            for rule in ("hard", "easy", "random", "signed-easy", "mix:0.2,hard")
        ),
    ],
)
def test_isotropic_hard_margin_is_the_perceptron(alpha, rule):
    mine = solve(ISOTROPIC, 6 * alpha, 0.5, rule, PROBE, loss="hard-margin")
    theirs = prunelaw.solve(alpha, 0.5, THETA, rule)
    np.testing.assert_allclose(mine.error, theirs.error, rtol=1e-10)
    np.testing.assert_allclose(mine.variance[..., 0] ** -0.5, theirs.kappa, rtol=1e-9)


@pytest.mark.parametrize(
    "rule",
    ["band:0.2,1.1", Piecewise((0.0, 0.4, 1.0), (0.5, 1.0)), Function(lambda m: np.exp(-m * m))],
)
def test_rules_with_a_fraction_of_their_own(rule):
    mine = solve(ISOTROPIC, 18.0, None, rule, TEACHER, loss="hard-margin")
    theirs = prunelaw.solve(3.0, None, 0.0, rule)
    np.testing.assert_allclose(mine.keep, theirs.f, rtol=1e-9)
    np.testing.assert_allclose(mine.error, theirs.error, rtol=1e-9)


@pytest.mark.parametrize("loss", ["hinge", "logistic", "squared-hinge"])
def test_small_penalties_tend_to_the_hard_margin(loss):
    wall = prunelaw.solve(1.0, 1.0).error
    penalty = {"hinge": 1e-3, "logistic": 1e-7, "squared-hinge": 1e-7}[loss]
    found = solve(ISOTROPIC, 6.0, loss=loss, penalty=penalty).error
    np.testing.assert_allclose(found, wall, rtol=1e-10 if loss == "hinge" else 2e-2)


@pytest.mark.parametrize("rule", ["hard", "easy", "random"])
def test_square_loss_is_the_ridge_student(rule):
    """(1/n) Σ (1 − v)² + λ|w|² is Σ (1 − v)²/2 + (nλ/2)|w|²."""
    alpha, ridge = np.array([0.5, 4.0]), 0.02
    mine = solve(ISOTROPIC, 6 * alpha, 0.4, rule, PROBE, loss="square", penalty=6 * alpha * ridge)
    np.testing.assert_allclose(
        mine.error, prunelaw.solve_ridge(alpha, 0.4, THETA, rule, ridge=ridge).error, rtol=1e-11
    )


@pytest.mark.parametrize(
    ("loss", "flips", "ridge", "measured", "se"),
    [
        ("logistic", 0.0, 0.01, 0.2706, 0.0014),
        ("logistic", 0.0, 1e-6, 0.2446, 0.0017),
        ("logistic", 0.1, 0.01, 0.3134, 0.0016),
        ("square", 0.1, 0.01, 0.2219, 0.0020),
    ],
)
def test_numbers_measured_in_docs_experiments(loss, flips, ridge, measured, se):
    model = FeatureModel.gaussian(TEACHER, flips=flips)
    found = solve(model, 18.0, 0.5, "hard", PROBE, loss=loss, penalty=18.0 * ridge)
    assert abs(found.error - measured) < 3 * se


@pytest.mark.parametrize(("R", "measured", "se"), [(0.9, 0.1029, 0.0011), (0.3, 0.2281, 0.0016)])
def test_correlated_inputs_measured_in_docs_experiments(R, measured, se):
    """A teacher with the same share of every direction, the mean of a random one."""
    d = 200
    spectrum = (1 - R * R) / (1 + R * R - 2 * R * np.cos((np.arange(d) + 0.5) / d * np.pi))
    teacher, other = np.ones(d), (-1.0) ** np.arange(d)
    teacher /= np.sqrt(spectrum @ teacher**2)
    other -= (spectrum * teacher) @ other * teacher
    other /= np.sqrt(spectrum @ other**2)
    probe = np.cos(THETA) * teacher + np.sin(THETA) * other
    model = FeatureModel.gaussian(teacher, spectrum)
    found = solve(model, 3.0 * d, 0.5, "hard", probe, loss="hard-margin").error
    assert abs(found - measured) < 3 * se


def test_scale_of_the_inputs_only_changes_the_penalty():
    mean = np.array([0.7, 0.2, 0.0])
    one = solve(FeatureModel.two_clusters(mean), 12.0, penalty=0.5)
    other = solve(FeatureModel.two_clusters(2 * mean, 4 * np.ones(3)), 12.0, penalty=2.0)
    np.testing.assert_allclose(one.error, other.error, rtol=1e-12)


def test_full_matrices_equal_their_spectra():
    """The general matrix side, of covariances that nearly commute, and the diagonal one."""
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    spectra, means = rng.uniform(0.3, 2.0, size=(2, 5)), rng.normal(size=(2, 5))
    probe = rng.normal(size=5)
    full = np.einsum("ia,ka,ja->kij", turn, spectra, turn)
    args = {
        "n": [10.0, 40.0],
        "keep": 0.4,
        "rule": "signed-hard",
        "penalty": 0.7,
        "intercept": True,
    }
    weights, labels = [0.3, 0.7], [1, -1]
    flat = FeatureModel(weights, means, spectra, labels)
    plain = solve(flat, probe=probe, **args)
    turned = FeatureModel(weights, means @ turn.T, full, labels)
    assert turned.basis is not None
    np.testing.assert_allclose(
        solve(turned, probe=turn @ probe, **args).error, plain.error, rtol=1e-11
    )
    full[0, 0, 1] += 1e-9
    full[0, 1, 0] += 1e-9
    dense = FeatureModel(weights, means @ turn.T, full, labels)
    assert dense.basis is None
    found = solve(dense, probe=turn @ probe, **args)
    np.testing.assert_allclose(found.error, plain.error, rtol=1e-7)
    np.testing.assert_allclose(found.intercept, plain.intercept, rtol=1e-6)


def test_a_teacher_and_its_probe_side_by_side():
    """A probe parallel to the teacher is the limit of small angles; noise laws agree."""
    near = np.cos(1e-4) * np.eye(6)[0] + np.sin(1e-4) * np.eye(6)[1]
    one = solve(ISOTROPIC, 18.0, 0.5, "hard", TEACHER, penalty=0.5)
    other = solve(ISOTROPIC, 18.0, 0.5, "hard", near, penalty=0.5)
    np.testing.assert_allclose(one.error, other.error, rtol=1e-6)
    noisy = solve(FeatureModel.gaussian(TEACHER, flips=0.1), 18.0, 0.5, "hard", PROBE, penalty=0.5)
    steps = FeatureModel.gaussian(TEACHER, label_law=Steps((0.0,), (0.1, 0.9)))
    seen = solve(steps, 18.0, 0.5, "hard", PROBE, penalty=0.5)
    np.testing.assert_allclose(seen.error, 0.1 + 0.8 * noisy.error, rtol=1e-9)


def test_soft_rules_and_smooth_labels():
    """A soft rule with g = 1 is random keeping; a steep logistic law is a sign."""
    model = FeatureModel.two_clusters(0.9 * np.eye(4)[0])
    probe = np.array([1.0, 0.5, 0.0, 0.0])
    flat = solve(model, 20.0, 0.3, Soft(np.ones_like), probe, penalty=0.4)
    random = solve(model, 20.0, 0.3, penalty=0.4)
    np.testing.assert_allclose(flat.error, random.error, rtol=1e-10)
    steep = FeatureModel.gaussian(TEACHER, label_law=logistic_labels(3e4))
    sign = solve(ISOTROPIC, 12.0, 0.5, "easy", TEACHER, penalty=0.4)
    found = solve(steep, 12.0, 0.5, "easy", TEACHER, penalty=0.4)
    np.testing.assert_allclose(found.error, sign.error, rtol=1e-4)
    whole = solve(model, 20.0, 0.3, Soft.power(0.3), probe, penalty=0.4, weights="inverse")
    assert abs(whole.error - random.error) < 0.02
    twice = solve(model, 20.0, 0.3, "hard", probe, penalty=0.4, weights=lambda y, z: 2.0 + 0.0 * z)
    np.testing.assert_allclose(
        twice.error, solve(model, 20.0, 0.3, "hard", probe, penalty=0.2).error, rtol=1e-9
    )


def test_thresholds_by_class_keep_the_same_share_of_each():
    model = FeatureModel([0.3, 0.7], [[1.0, 0.0], [-0.5, 0.3]], np.ones((2, 2)), [1, -1])
    probe = np.array([1.0, 0.4])
    from scipy.special import ndtr

    found = solve(model, 9.0, 0.4, "hard", probe, penalty=1.0, per_class=True)
    for c, gamma in enumerate(found.thresholds):
        mean, sd = model.means[c] @ probe, np.linalg.norm(probe)
        share = ndtr((gamma - mean) / sd) - ndtr((-gamma - mean) / sd)
        np.testing.assert_allclose(share, 0.4, rtol=1e-9)
    whole = solve(model, 9.0, 0.4, "hard", probe, penalty=1.0)
    assert whole.thresholds[0] == whole.thresholds[1]


def test_batches_broadcast_and_flag():
    model = FeatureModel.two_clusters(np.array([0.8, 0.1, 0.0]))
    rules = np.array(["hard", "random"], dtype=object)[:, None]
    whole = solve(model, [5.0, 50.0, 500.0], 0.5, rules, np.array([1.0, 0.2, 0.0]), penalty=1.0)
    assert whole.error.shape == (2, 3)
    assert whole.mean.shape == (2, 3, 2)
    assert whole.converged.all()
    one = solve(model, 50.0, 0.5, "hard", np.array([1.0, 0.2, 0.0]), penalty=1.0)
    np.testing.assert_allclose(whole.error[0, 1], one.error, rtol=1e-11)
    lost = solve(model, 1e5, loss="hard-margin", throw=False)  # overlapping classes: not separable
    assert not lost.converged
    assert np.isnan(lost.error)
    with pytest.raises(ConvergenceError, match="n=100000"):
        solve(model, 1e5, loss="hard-margin")


GOOD = {
    "weights": [0.5, 0.5],
    "means": np.eye(2),
    "covariances": np.ones((2, 2)),
    "labels": [1, -1],
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": [0.5, 0.6]}, "weights must be K numbers that sum to 1"),
        ({"means": np.ones(2)}, "means must have shape"),
        ({"covariances": np.ones((3, 2))}, "covariances must have shape"),
        ({"covariances": np.array([np.eye(2), [[1, 0.5], [0.1, 1]]])}, "symmetric, number 1"),
        ({"covariances": np.array([np.eye(2), [[1, 2.0], [2.0, 1]]])}, "semi-definite, number 1"),
        ({"covariances": -np.ones((2, 2))}, "semi-definite"),
        ({"labels": [1, 1]}, "one class alone"),
        ({"labels": [1, 2]}, "labels must be 2 signs"),
        ({"labels": None}, "either labels"),
        ({"flips": 0.7}, "flips must be"),
        ({"labels": None, "teacher": np.zeros(2)}, "teacher must not be 0"),
        ({"labels": None, "teacher": np.ones(2), "label_law": "cosine"}, "label_law must be"),
        ({"labels": None, "teacher": np.ones(2), "label_law": lambda t: t}, "probabilities in"),
    ],
)
def test_models_name_what_is_wrong(change, words):
    with pytest.raises(InputError, match=words):
        FeatureModel(**(GOOD | change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 0.0}, "n must be"),
        ({"keep": 1.2}, "keep must be"),
        ({"keep": None, "rule": "hard"}, "keep must be given"),
        ({"keep": 0.9, "rule": "band:0,0.1"}, "which the rule band:0,0.1 implies"),
        ({"rule": "hard", "probe": None}, "probe must be given"),
        ({"rule": "hard", "probe": np.ones(3)}, "probe must be a vector of 2"),
        ({"rule": "hard", "probe": np.zeros(2)}, "probe must not be 0"),
        ({"penalty": 0.0}, "penalty must be above 0"),
        ({"penalty": None}, "penalty must be given"),
        ({"loss": "cubic"}, "loss must be one of"),
        ({"n": [1.0, 2.0], "penalty": [1.0, 2.0, 3.0]}, "broadcast"),
    ],
)
def test_solve_names_what_is_wrong(change, words):
    given = {"n": 5.0, "keep": 0.5, "probe": np.ones(2), "penalty": 1.0} | change
    with pytest.raises(InputError, match=words):
        solve(FeatureModel(**GOOD), **given)


def test_too_many_dimensions_are_refused_before_they_are_allocated():
    d = int(np.sqrt(MEMORY / 32)) + 1
    lazy = np.broadcast_to(np.float64(1.0), (1, d, d))
    from prunelaw.features.model import _check_covariances

    with pytest.raises(InputError, match=f"d must be at most {d - 1}"):
        _check_covariances(lazy, 1, d)


def test_a_new_loss_is_two_functions():
    """The squared hinge by its slope and curvature alone, against its closed form."""

    class Mine(Loss):
        def slope(self, v):
            return np.minimum(v - 1.0, 0.0)

        def curvature(self, v):
            return 1.0 * (v < 1.0)

        def kinks(self, V):
            return (np.ones_like(V),)

    model = FeatureModel.two_clusters(0.9 * np.eye(3)[0])
    mine, known = (
        solve(model, 9.0, loss=loss, penalty=1.0).error for loss in (Mine(), "squared-hinge")
    )
    np.testing.assert_allclose(mine, known, rtol=1e-12)
