"""The max-margin trainer against solved cases, SciPy, the optimality conditions and bad input."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from threadpoolctl import threadpool_info

from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.students.hard_margin import (
    GAP_LIMIT,
    MaxMargin,
    NotSeparableError,
    max_margin,
    train,
)
from prunelaw_sim.students.one_student import patient_student, quick_student


def separable_rows(examples: int, dim: int, seed: int, scale: float = 1.0) -> np.ndarray:
    """Gaussian inputs with the labels of a teacher."""
    rows = np.random.default_rng(seed).normal(size=(examples, dim))
    return scale * rows * np.sign(rows[:, :1])


def kappa_by_nnls(X: np.ndarray) -> float:
    """Independent solution: w = X^T lambda / (1 - sum) of the least-distance problem Xw >= 1.

    Lawson and Hanson's reduction: min |[X^T; 1^T] u - e_{N+1}| over u >= 0 with residual r gives
    w = -r[:N] / r[N].
    """
    matrix = np.vstack([X.T, np.ones(len(X))])
    target = np.append(np.zeros(X.shape[1]), 1.0)
    u, _ = nnls(matrix, target, maxiter=50 * len(X))
    residual = matrix @ u - target
    return float(1 / np.linalg.norm(residual[:-1] / residual[-1]))


def assert_certified(X: np.ndarray, result: MaxMargin) -> None:
    """Everything the result claims, recomputed here from J and the weights alone."""
    J, weights = result.J, result.weights
    lower = (X @ J).min()
    upper = np.linalg.norm(X.T @ weights) / weights.sum()
    assert result.converged and result.separable
    assert np.linalg.norm(J) == pytest.approx(1, abs=1e-14)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-13)
    assert result.kappa == pytest.approx(lower, rel=1e-11)
    assert result.upper_bound == pytest.approx(upper, rel=1e-11)
    assert result.relative_gap == pytest.approx(1 - (lower / upper) ** 2, abs=1e-12)
    assert result.relative_gap <= GAP_LIMIT


SHAPES = [(1, 7), (5, 20), (30, 30), (60, 30), (128, 5)]
LARGE_SHAPES = [(400, 20), (2000, 20), (50, 200)]  # each compiles its own program
LARGE = pytest.mark.exhaustive


@pytest.mark.parametrize(
    ("examples", "dim"),
    SHAPES + [pytest.param(*shape, marks=LARGE) for shape in LARGE_SHAPES],
)
def test_agrees_with_nnls(examples, dim):
    X = separable_rows(examples, dim, seed=examples + dim)
    result = max_margin(X)
    assert_certified(X, result)
    assert float(result.kappa) == pytest.approx(kappa_by_nnls(X), rel=2e-8)


def test_one_example_points_at_it():
    x = np.array([[3.0, -4.0, 12.0]])
    result = max_margin(x)
    np.testing.assert_allclose(result.J, x[0] / 13, rtol=1e-12)
    assert float(result.kappa) == pytest.approx(13, rel=1e-12)
    assert result.n_support == 1


def test_two_examples_nearest_point_of_the_segment():
    """Inside the segment for (1,0),(0,2), at its end for (1,0),(3,1)."""
    inner = max_margin(np.array([[1.0, 0.0], [0.0, 2.0]]))
    assert float(inner.kappa) == pytest.approx(2 / np.sqrt(5), rel=1e-8)
    np.testing.assert_allclose(inner.J, np.array([2.0, 1.0]) / np.sqrt(5), atol=2e-5)
    end = max_margin(np.array([[1.0, 0.0], [3.0, 1.0]]))
    assert float(end.kappa) == pytest.approx(1, rel=1e-8)
    assert inner.n_support == 2
    assert end.n_support == 1


def test_optimality_conditions():
    """w = sum lambda x, weight only where the margin is kappa, no row below it."""
    X = separable_rows(100, 30, seed=3)
    result = max_margin(X)
    hull_point = X.T @ result.weights
    slack = X @ result.J - result.kappa
    np.testing.assert_allclose(hull_point / np.linalg.norm(hull_point), result.J, atol=1e-4)
    assert slack.min() >= -1e-14
    # 1 - kappa/upper = gap/2 equals the weighted slack in units of kappa, to first order.
    assert result.weights @ slack <= GAP_LIMIT * result.kappa
    assert np.sum(slack < 1e-6 * result.kappa) <= result.n_support <= 31


def test_batch_equals_one_by_one():
    X = np.stack([separable_rows(60, 30, seed) for seed in range(3)])
    together = max_margin(X)
    assert together.J.shape == (3, 30)
    assert together.weights.shape == (3, 60)
    for index in range(3):
        alone = max_margin(X[index])
        assert alone.kappa.shape == ()
        np.testing.assert_allclose(together.kappa[index], alone.kappa, rtol=1e-12)
        np.testing.assert_allclose(together.J[index], alone.J, atol=1e-9)


def test_padding_has_no_influence():
    X = separable_rows(60, 30, seed=9)
    wide = np.zeros((1, 32, 128))
    wide[0, :30, :60] = X.T
    padded = train(wide, np.array([60]))
    assert padded.kappa[0] == pytest.approx(float(max_margin(X).kappa), rel=2e-9)
    assert padded.weights[0, 60:].max() == 0
    assert_certified(X, max_margin(X))


@pytest.mark.parametrize(
    "shape",
    [
        (600, 150),
        pytest.param((5000, 60), marks=pytest.mark.exhaustive),
        pytest.param((1000, 150), marks=pytest.mark.exhaustive),
    ],
)
def test_two_precisions_agree_with_nnls(shape):
    """Above 2^16 entries: float32 first, then float64 on part of the rows, certified on all."""
    X = separable_rows(*shape, seed=1)
    result = max_margin(X)
    assert_certified(X, result)
    assert float(result.kappa) == pytest.approx(kappa_by_nnls(X), rel=2e-8)


def test_training_again_rescues_a_bad_first_stage(monkeypatch):
    """If the first training fails (here: it returns garbage), the patient one takes over."""

    def garbage(rows, mask):
        direction, lowest, upper, weights, steps, scale = quick_student(rows, mask)
        return direction, lowest / 2, upper, weights, steps, scale

    X = separable_rows(60, 30, seed=6)
    expected = max_margin(X)
    monkeypatch.setattr("prunelaw_sim.students.hard_margin.quick_student", garbage)
    rescued = max_margin(X)
    assert_certified(X, rescued)
    assert int(rescued.iterations) == 2 * int(expected.iterations)


def test_duplicate_rows_change_nothing():
    X = separable_rows(60, 30, seed=5)
    repeated = np.concatenate([X, X[:20], X[:20]])
    result = max_margin(repeated)
    assert_certified(repeated, result)
    assert float(result.kappa) == pytest.approx(float(max_margin(X).kappa), rel=1e-8)


def test_duplicate_rows_below_the_dimension():
    X = separable_rows(4, 20, seed=5)
    result = max_margin(np.concatenate([X, X]))
    assert float(result.kappa) == pytest.approx(float(max_margin(X).kappa), rel=1e-8)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(-6, 6))
def test_scale_and_rotation(seed, exponent):
    """kappa scales with X and does not see a rotation of the inputs; every result is certified."""
    X = separable_rows(60, 30, seed, scale=10.0**exponent)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(30, 30)))
    plain, rotated = max_margin(X), max_margin(X @ rotation)
    assert_certified(X, plain)
    assert float(rotated.kappa) == pytest.approx(float(plain.kappa), rel=2e-8)


def test_rows_of_very_different_length():
    X = separable_rows(60, 30, seed=2) * 10.0 ** np.linspace(-3, 3, 60)[:, None]
    result = max_margin(X, throw=False)
    assert result.converged == (result.relative_gap <= GAP_LIMIT)
    assert_certified(X, result)


CONTRADICTIONS = {
    "opposite": np.array([[1.0, 0.0], [-1.0, 0.0]]),
    "around the origin": np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]]),
    "zeros": np.zeros((3, 2)),
    "one zero row": np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]]),
    "random labels beyond capacity": np.random.default_rng(1).normal(size=(120, 20)),
    "one flipped label": np.concatenate(
        [separable_rows(100, 20, 4), -separable_rows(100, 20, 4)[:1]]
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions_are_detected_and_proved(case):
    X = CONTRADICTIONS[case]
    with pytest.raises(NotSeparableError, match="not separable"):
        max_margin(X)
    result = max_margin(X, throw=False)
    assert not result.separable and not result.converged
    assert np.isnan(result.kappa) and np.isnan(result.J).all()
    assert result.relative_gap == 1
    scale = max(np.sqrt(np.mean(np.sum(X**2, axis=1))), 1)
    assert result.weights.min() >= 0
    assert np.linalg.norm(X.T @ result.weights) <= 1e-8 * scale
    assert result.weights.sum() == pytest.approx(1)


def test_padding_never_proves_a_contradiction(monkeypatch):
    """Both trainings fail here on separable rows: undecided is the answer, not a contradiction.

    Padding columns are zero, and a zero row would be one.
    """

    def failing(rows, mask):
        _, lowest, upper, weights, steps, scale = quick_student(rows, mask)
        return -jnp.ones(len(rows)), -jnp.abs(lowest), 10 * upper, weights, steps, scale

    monkeypatch.setattr("prunelaw_sim.students.hard_margin.quick_student", failing)
    monkeypatch.setattr("prunelaw_sim.students.hard_margin.patient_student", failing)
    result = max_margin(separable_rows(20, 20, seed=1), throw=False)
    assert result.separable and not result.converged
    with pytest.raises(ConvergenceError, match="gap"):
        max_margin(separable_rows(20, 20, seed=1))


def test_not_separable_is_both_bad_input_and_failed_work():
    assert issubclass(NotSeparableError, InputError)
    assert issubclass(NotSeparableError, ConvergenceError)


def test_a_batch_names_the_contradictory_member():
    good = separable_rows(3, 2, seed=1)
    bad = CONTRADICTIONS["around the origin"]
    with pytest.raises(NotSeparableError, match=r"X\[1\]"):
        max_margin(np.stack([good, bad]))
    result = max_margin(np.stack([good, bad]), throw=False)
    assert result.separable.tolist() == [True, False]
    assert result.converged.tolist() == [True, False]


def test_random_labels_below_capacity_are_separable():
    """K < N points in general position are separable whatever the labels."""
    X = np.random.default_rng(8).normal(size=(15, 30))
    assert_certified(X, max_margin(X))


def test_nearly_contradictory_rows():
    """Two rows at an angle of pi - 2e-4: kappa = sin 1e-4, separable and certified."""
    angle = 1e-4
    X = np.array([[np.cos(angle), np.sin(angle)], [-np.cos(angle), np.sin(angle)]])
    result = max_margin(X)
    assert float(result.kappa) == pytest.approx(np.sin(angle), rel=1e-8)
    np.testing.assert_allclose(result.J, [0, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((0, 3)), "at least one row"),
        (np.zeros((3, 0)), "at least one row"),
        (np.zeros((0, 3, 3)), "at least one row"),
        (np.ones(3), "shape"),
        (np.ones((1, 1, 1, 1)), "shape"),
        (np.array([[1.0, np.nan]]), "finite"),
        (np.array([[1.0, np.inf]]), "finite"),
        ("rows", "real number"),
    ],
)
def test_bad_input(X, message):
    with pytest.raises(InputError, match=message):
        max_margin(X)


def test_a_gap_that_stays_open_raises(monkeypatch):
    """An impossible limit makes every student uncertified; it must not be returned as certified."""
    monkeypatch.setattr("prunelaw_sim.students.hard_margin.GAP_LIMIT", -1.0)
    X = separable_rows(60, 30, seed=0)
    with pytest.raises(ConvergenceError, match="gap"):
        max_margin(X)
    assert not max_margin(X, throw=False).converged


def test_global_precision_is_left_alone():
    max_margin(separable_rows(60, 30, seed=0))
    assert jnp.ones(1).dtype == jnp.float32


def lapack_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_lapack_threads_are_restored_after_training_in_several_threads():
    X = separable_rows(60, 30, seed=0)
    max_margin(X)
    before = lapack_threads()
    with ThreadPoolExecutor(3) as pool:
        kappas = [float(result.kappa) for result in pool.map(max_margin, [X] * 6)]
    assert len(set(kappas)) == 1
    assert lapack_threads() == before


@pytest.mark.parametrize(
    "student", [quick_student, pytest.param(patient_student, marks=pytest.mark.exhaustive)]
)
def test_one_student_is_mappable(student, monkeypatch):
    """Both ways to train one student work under jax.vmap, as accelerators need."""
    monkeypatch.setattr("prunelaw_sim.students.one_student.SMALL", 0)
    X = np.stack([separable_rows(60, 30, seed) for seed in range(3)])
    mask = jnp.ones((3, 60), bool)
    with jax.enable_x64(True):
        _, lowest, upper, *_ = jax.vmap(student)(jnp.asarray(X.swapaxes(1, 2)), mask)
    np.testing.assert_allclose(lowest, upper, rtol=1e-8)
    np.testing.assert_allclose(lowest, max_margin(X).kappa, rtol=1e-8)
