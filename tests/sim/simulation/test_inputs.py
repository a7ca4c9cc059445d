"""Input distributions: their moments, texts and metric, and what students make of them."""

import numpy as np
import pytest

from prunelaw import solve
from prunelaw.errors import InputError
from prunelaw_sim.simulation.batches import draw_batch
from prunelaw_sim.simulation.inputs import (
    Correlated,
    Gaussian,
    Signs,
    StudentT,
    as_inputs,
    cosine,
    field_angle,
)
from prunelaw_sim.simulation.point import make_point
from prunelaw_sim.simulation.trials import simulate

EVERY = ("gaussian", "signs", "student-t:5", "student-t:9", "correlated:0.9", "correlated:-0.5")
COUNT = 200_000  # numbers whose moments are taken: standard error of a mean 1/sqrt(COUNT)


@pytest.mark.parametrize("text", EVERY)
def test_a_text_gives_the_distribution_that_prints_it(text):
    inputs = as_inputs(text)
    assert inputs.name == text and as_inputs(inputs) is inputs and as_inputs(inputs.name) == inputs


def test_texts_without_a_number():
    assert as_inputs("student-t") == StudentT(5) and as_inputs("correlated") == Correlated(0.9)
    third = Correlated(1 / 3)  # more than 12 digits
    assert as_inputs(third.name) == third


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("uniform", "inputs must be gaussian, signs"),
        ("gaussian:2", "inputs must be gaussian, signs"),
        ("student-t:x", r"got 'student-t:x'"),
        ("student-t:4", r"NU of student-t must be finite and in \(4, inf\), got 4"),
        ("correlated:1", r"R of correlated must be finite and in \(-1, 1\), got 1"),
        ("correlated:nan", "R of correlated"),
        (3, "got 3"),
    ],
)
def test_bad_texts_are_refused_by_name(text, words):
    with pytest.raises(InputError, match=words):
        simulate(3, 0.5, inputs=text, dim=20, trials=1)


@pytest.mark.parametrize("text", EVERY)
def test_mean_and_variance(text):
    """Five standard errors; the fourth moment of t(5) is 9, that of the others at most 4.2."""
    x = as_inputs(text).draw(np.random.default_rng(1), COUNT // 20, 20)
    assert x.shape == (COUNT // 20, 20)
    # Entries of one row may be correlated: the row, not the entry, is the unit.
    rows = COUNT // 20
    assert abs(x.mean()) < 5 / np.sqrt(rows)
    squares = (x**2).mean(axis=1)
    assert abs(squares.mean() - 1) <= 5 * squares.std() / np.sqrt(rows)


def test_signs_are_signs():
    x = as_inputs("signs").draw(np.random.default_rng(1), 1000, 20)
    assert set(np.unique(x)) == {-1.0, 1.0}
    assert np.abs(np.corrcoef(x.T) - np.eye(20)).max() < 5 / np.sqrt(1000)


def test_tails_of_student_t():
    """Kurtosis 3 + 6/(nu - 4), for nu = 12, where the eighth moment exists: 3.75."""
    x = StudentT(12).draw(np.random.default_rng(1), COUNT, 1)[:, 0]
    fourth = x**4
    assert abs(fourth.mean() - 3.75) < 5 * fourth.std() / np.sqrt(COUNT)
    heavy = StudentT(5).draw(np.random.default_rng(1), COUNT, 1)[:, 0]
    assert np.mean(np.abs(heavy) > 5) > 100 * 2 * 2.87e-7  # a normal number does so with 5.7e-7


@pytest.mark.parametrize("r", [0.9, -0.5])
def test_covariance_of_correlated_inputs(r):
    x = Correlated(r).draw(np.random.default_rng(1), 20_000, 8)
    lags = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    # Var(x_i x_j) = 1 + r^2 <= 2 for unit variances
    assert np.abs(x.T @ x / 20_000 - r**lags).max() < 5 * np.sqrt(2 / 20_000)


def test_whitened_directions_have_the_fields_covariance():
    """whitened(a).whitened(b) = a^T S b, and angles follow."""
    inputs, dim = Correlated(0.7), 12
    a, b = np.random.default_rng(2).standard_normal((2, dim))
    S = 0.7 ** np.abs(np.subtract.outer(np.arange(dim), np.arange(dim)))
    assert inputs.whitened(a) @ inputs.whitened(b) == pytest.approx(a @ S @ b, rel=1e-12)
    expected = a @ S @ b / np.sqrt((a @ S @ a) * (b @ S @ b))
    assert cosine(inputs, a, b) == pytest.approx(expected, rel=1e-12)
    assert field_angle(inputs, a, b) == pytest.approx(np.arccos(expected), rel=1e-10)
    assert field_angle(Gaussian(), a, -a) == pytest.approx(np.pi)
    assert field_angle(Gaussian(), np.array([1.0, 1e-12]), np.array([1.0, 0.0])) == pytest.approx(
        1e-12, rel=1e-3
    )


def test_the_angle_is_the_error_on_new_inputs():
    """Signs of fields differ with probability angle/pi: exactly where the inputs are Gaussian."""
    inputs, dim = Correlated(0.8), 10
    a, b = np.random.default_rng(3).standard_normal((2, dim))
    x = inputs.draw(np.random.default_rng(4), COUNT, dim)
    error = np.mean(np.sign(x @ a) != np.sign(x @ b))
    expected = field_angle(inputs, a, b) / np.pi
    assert abs(error - expected) < 5 * np.sqrt(expected * (1 - expected) / COUNT)


@pytest.mark.parametrize("text", EVERY)
def test_more_inputs_extend_fewer(text):
    few, many = (as_inputs(text).draw(np.random.default_rng(1), n, 7) for n in (5, 11))
    np.testing.assert_array_equal(many[:5], few)


@pytest.mark.parametrize("text", ["signs", "student-t", "correlated"])
def test_a_trial_depends_on_its_number_alone_and_rules_share_its_pool(text):
    hard, easy = (make_point(4, 0.5, 0.3, rule, 15, 7, text) for rule in ("hard", "easy"))
    batch, alone = draw_batch(hard, np.arange(4)), draw_batch(hard, np.array([2]))
    np.testing.assert_array_equal(batch.rows[2], alone.rows[0])
    assert not np.array_equal(batch.rows[1], batch.rows[2])
    halves = np.concatenate([batch.rows[2], draw_batch(easy, np.array([2])).rows[0]])
    whole = draw_batch(make_point(4, 1.0, 0.3, "hard", 15, 7, text), np.array([2])).rows[0]
    np.testing.assert_array_equal(np.sort(halves, axis=0), np.sort(whole, axis=0))


@pytest.mark.parametrize("text", ["signs", "student-t", "correlated"])
def test_teacher_and_given_probe_have_the_angle_asked_for(text):
    """Fields of unit variance, correlation cos(theta); hard keeps the smallest of the probe's."""
    inputs, pool = as_inputs(text), make_point(20, 0.3, 0.4, "hard", 30, 1, text)
    batch = draw_batch(pool, np.array([0]))
    frame = batch.frames[0]
    assert frame.theta == pytest.approx(0.4, abs=1e-12)
    assert np.linalg.norm(inputs.whitened(frame.teacher)) == pytest.approx(1)
    assert np.linalg.norm(inputs.whitened(frame.probe)) == pytest.approx(1)
    rows = batch.rows[0]
    assert rows.shape == (180, 30) and (rows @ frame.teacher > 0).all()
    assert (np.diff(np.abs(rows @ frame.probe)) >= 0).all()


def test_gaussian_inputs_drawn_whole_are_those_drawn_in_the_plane():
    """t(1e9) is normal, and takes the other way: the mean errors agree."""
    plane = simulate(3, 0.5, 0.3, dim=30, trials=150)
    whole = simulate(3, 0.5, 0.3, dim=30, trials=150, inputs="student-t:1e9", seed=1)
    assert abs(plane.mean - whole.mean) < 4 * np.hypot(plane.stderr, whole.stderr)
    assert abs(plane.kappa.mean() - whole.kappa.mean()) < 4 * np.hypot(
        *(run.kappa.std() / np.sqrt(150) for run in (plane, whole))
    )


@pytest.mark.parametrize("text", ["signs", "student-t"])
def test_the_theory_is_universal(text):
    """Uncorrelated inputs at N = 100: within four standard errors and a finite-size part 3/N."""
    run = simulate(3, 0.5, 0.3, dim=100, trials=120, inputs=text)
    theory = float(solve(3, 0.5, 0.3).error)
    assert run.inputs == as_inputs(text).name and run.failed == 0
    assert abs(run.mean - theory) < 4 * run.stderr + 3 / 100 * theory
    assert 4 * run.stderr < 0.06 * theory  # otherwise the last line could not fail


def test_correlations_change_the_error():
    run = simulate(3, 0.5, 0.3, dim=60, trials=40, inputs="correlated:0.9")
    assert run.mean < float(solve(3, 0.5, 0.3).error) - 20 * run.stderr
    np.testing.assert_allclose(run.error, np.arccos(run.R) / np.pi, rtol=1e-9)


def test_objects_do_as_well_as_texts():
    text = simulate(3, 0.5, dim=20, trials=3, inputs="signs")
    np.testing.assert_array_equal(simulate(3, 0.5, dim=20, trials=3, inputs=Signs()).R, text.R)
