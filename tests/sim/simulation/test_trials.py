"""Simulated errors: against the theory, reproducible, honest about failures and bad input."""

import numpy as np
import pandas as pd
import pytest

from prunelaw import solve
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.keep import Band, Function, Piecewise
from prunelaw_sim.simulation.batches import MEMORY_LIMIT, batch_size
from prunelaw_sim.simulation.point import make_point
from prunelaw_sim.simulation.teacher import draw_kept
from prunelaw_sim.simulation.trials import Simulation, simulate
from prunelaw_sim.students.hard_margin import max_margin

THEORY = 0.245942318165279  # (alpha_tot, f, theta) = (3, .5, .3) hard, N to infinity
POINT = (3, 0.5, 0.3, "hard")


@pytest.fixture(scope="module")
def small() -> Simulation:
    return simulate(*POINT, dim=20, trials=12, seed=4)


def test_a_trial_is_the_student_of_its_data(small):
    for trial in (0, 11):
        student = max_margin(draw_kept(*POINT, dim=20, seed=4, trial=trial))
        assert small.kappa[trial] == pytest.approx(float(student.kappa), rel=2e-9)
        assert small.R[trial] == pytest.approx(student.J[0], abs=1e-5)
        expected = np.cos(0.3) * student.J[0] + np.sin(0.3) * student.J[1]
        assert small.rho[trial] == pytest.approx(expected, abs=1e-5)


def test_error_is_the_angle_to_the_teacher(small):
    np.testing.assert_allclose(small.error, np.arccos(small.R) / np.pi, rtol=1e-10)
    assert small.mean == pytest.approx(small.error.mean())
    assert small.stderr == pytest.approx(small.error.std(ddof=1) / np.sqrt(12))


def test_every_trial_is_certified(small):
    assert small.converged.all() and small.failed == 0
    assert small.max_relative_gap <= 1e-9
    assert small.kappa.min() > 0
    assert (small.drawn, small.kept, small.trials) == (60, 30, 12)


def test_same_seed_same_numbers_whatever_the_batch(small):
    again = simulate(*POINT, dim=20, trials=12, seed=4)
    np.testing.assert_array_equal(again.error, small.error)
    other = simulate(*POINT, dim=20, trials=12, seed=4, batch=5)
    np.testing.assert_allclose(other.error, small.error, rtol=1e-12)
    assert not np.array_equal(simulate(*POINT, dim=20, trials=12, seed=5).error, small.error)


def test_more_trials_extend_fewer(small):
    fewer = simulate(*POINT, dim=20, trials=5, seed=4)
    np.testing.assert_allclose(fewer.error, small.error[:5], rtol=1e-12)


def test_one_trial_has_no_standard_error():
    single = simulate(*POINT, dim=20, trials=1)
    assert np.isnan(single.stderr) and single.mean == single.error[0]


def test_progress_ends_at_the_total():
    seen = []
    simulate(*POINT, dim=20, trials=12, batch=5, progress=lambda *args: seen.append(args))
    assert seen == [(5, 12), (10, 12), (12, 12)]


def test_batches_are_even_and_fit_in_memory():
    small = make_point(3, 2 / 3, 0.3, "hard", 200, 0)
    assert batch_size(100, small) == 25
    assert batch_size(30, small) == 15
    assert batch_size(100, make_point(50, 1.0, 0.3, "hard", 2000, 0)) == 1
    middle = batch_size(100, make_point(8, 1.0, 0.3, "hard", 500, 0))
    assert 1 <= middle * (40 * 500 * 4096 + 40 * 500**2 + 64 * 4096) <= MEMORY_LIMIT


def test_sweep_rows(small):
    rows = small.to_sweep_rows()
    assert isinstance(rows, pd.DataFrame) and len(rows) == 1
    columns = [
        "run",
        "group",
        "dataset_size",
        "keep_fraction",
        "rule",
        "error",
        "error_se",
        "metric",
        "seed",
    ]
    assert list(rows.columns) == columns
    row = rows.iloc[0]
    assert (row.dataset_size, row.keep_fraction, row.rule, row.seed) == (60, 0.5, "hard", 4)
    assert (row.error, row.error_se) == (small.mean, small.stderr)


def test_failures_are_raised_or_left_out(monkeypatch):
    """A limit between the gaps of the trials fails some of them: they must not enter the mean."""
    gaps = simulate(*POINT, dim=20, trials=12, seed=4).relative_gap
    monkeypatch.setattr("prunelaw_sim.students.hard_margin.GAP_LIMIT", float(np.median(gaps)))
    with pytest.raises(ConvergenceError, match="of 12 trials"):
        simulate(*POINT, dim=20, trials=12, seed=4)
    flagged = simulate(*POINT, dim=20, trials=12, seed=4, throw=False)
    assert 0 < flagged.failed < 12
    assert np.isnan(flagged.error[~flagged.converged]).all()
    assert flagged.mean == pytest.approx(flagged.error[flagged.converged].mean())
    assert flagged.stderr == pytest.approx(
        flagged.error[flagged.converged].std(ddof=1) / np.sqrt(12 - flagged.failed)
    )


def test_all_failed_has_no_mean(monkeypatch):
    monkeypatch.setattr("prunelaw_sim.students.hard_margin.GAP_LIMIT", -1.0)
    flagged = simulate(*POINT, dim=20, trials=3, throw=False)
    assert flagged.failed == 3 and np.isnan(flagged.mean) and np.isnan(flagged.stderr)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha_tot": -1}, "alpha_tot"),
        ({"f": 2}, "f must"),
        ({"f": 0.001, "dim": 20}, "at least one must be kept"),
        ({"theta": 2}, "theta"),
        ({"rule": "weird"}, "rule"),
        ({"dim": 1}, "dim"),
        ({"trials": 0}, "trials"),
        ({"batch": 0}, "batch"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_bad_input(changes, message):
    with pytest.raises(InputError, match=message):
        simulate(**({"alpha_tot": 3, "f": 0.5} | changes))


def test_few_and_many_examples_per_dimension():
    """K < N and K/N = 40: both ends of the domain, all certified, all near the theory."""
    few = simulate(0.5, 0.5, 0.3, dim=100, trials=20)
    many = simulate(80, 0.5, 0.1, "easy", dim=25, trials=10)
    assert (few.kept, many.kept) == (25, 1000)
    assert max(few.max_relative_gap, many.max_relative_gap) <= 1e-8
    for run in (few, many):
        theory = float(solve(run.alpha_tot, run.f, run.theta, run.rule).error)
        assert run.mean == pytest.approx(theory, rel=2 / run.dim, abs=4 * run.stderr)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("alpha", "dim"), [(0.05, 2000), (1.0, 2000), (0.05, 100), (200.0, 100)])
def test_from_a_twentieth_to_two_hundred_examples_per_dimension_and_2000_dimensions(alpha, dim):
    run = simulate(alpha, 1.0, 0.0, "random", dim=dim, trials=2, seed=0)
    assert run.converged.all()
    assert run.max_relative_gap <= 1e-9


def test_probe_angle_does_not_matter_without_pruning():
    """f = 1: the same pool is kept in another order, so the same students result."""
    straight, tilted = (simulate(2, 1.0, theta, dim=20, trials=8) for theta in (0.0, 1.2))
    assert tilted.mean == pytest.approx(straight.mean, abs=4 * (straight.stderr + tilted.stderr))


def extrapolated(means: np.ndarray, errors: np.ndarray, dims: np.ndarray) -> tuple[float, float]:
    """Weighted straight line in 1/N: its value at 1/N = 0 and that value's standard error."""
    design = np.column_stack([np.ones_like(means), 1 / dims]) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return float((covariance @ design.T @ (means / errors))[0]), float(np.sqrt(covariance[0, 0]))


def test_error_extrapolates_to_the_theory():
    dims = np.array([30, 60, 120])
    runs = [
        simulate(*POINT, dim=int(n), trials=t) for n, t in zip(dims, (400, 200, 100), strict=True)
    ]
    means, errors = np.array([r.mean for r in runs]), np.array([r.stderr for r in runs])
    limit, uncertainty = extrapolated(means, errors, dims)
    assert uncertainty < 0.005  # otherwise the next line could not fail
    assert abs(limit - THEORY) < 4 * uncertainty


def test_a_simulation_can_be_continued(small):
    """Trials 5 to 11 by themselves are those of the whole run: what sweeps rely on."""
    rest = simulate(*POINT, dim=20, trials=7, first=5, seed=4)
    np.testing.assert_array_equal(rest.error, small.error[5:])
    assert set(rest.per_trial) == {"error", "kappa", "R", "rho", "relative_gap", "converged"}


# The rules without a text form; those with one are among the points of test_theory_check.
OTHER_RULES = {
    "steps": (Piecewise([0.0, 0.5, 1.5], [0.8, 0.3]), None, 5.0, 0.3),
    "function": (Function(lambda z: np.exp(-z)), None, 4.0, 0.5),
    "function of the margin": (Function(lambda m: 1 / (1 + np.exp(4 * m)), "margin"), None, 6, 0.4),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "function" else pytest.mark.exhaustive)
        for name in OTHER_RULES
    ],
)
def test_other_rules_extrapolate_to_their_theory(name):
    """A straight line in 1/N through 40, 80 and 160, within four standard errors of the theory."""
    rule, f, alpha_tot, theta = OTHER_RULES[name]
    dims = np.array([40, 80, 160])
    runs = [
        simulate(alpha_tot, f, theta, rule, dim=int(n), trials=t, seed=int(n))
        for n, t in zip(dims, (160, 80, 40), strict=True)
    ]
    assert max(run.max_relative_gap for run in runs) <= 1e-9
    means, errors = np.array([r.mean for r in runs]), np.array([r.stderr for r in runs])
    limit, uncertainty = extrapolated(means, errors, dims)
    theory = float(solve(alpha_tot, f, theta, rule).error)
    assert uncertainty < 0.04 * theory  # otherwise the next line could not fail
    assert abs(limit - theory) < 4 * uncertainty


def test_rules_of_a_weight_keep_each_example_by_itself():
    """About f P examples, inside the band, from the pool that the other rules see."""
    band, whole = Band(0.2, 0.7), draw_kept(20, 1.0, 0.4, dim=20, seed=3)
    rows = [draw_kept(20, None, 0.4, band, dim=20, seed=3, trial=i) for i in range(30)]
    pool = {tuple(row) for row in whole[:, :2]}
    for kept in rows:
        z = np.abs(np.cos(0.4) * kept[:, 0] + np.sin(0.4) * kept[:, 1])
        assert ((z > 0.2) & (z < 0.7)).all()
    assert {tuple(row) for row in rows[0][:, :2]} <= pool
    counts = np.array([len(kept) for kept in rows])
    f = float(band.fraction(np.array(0.4)))
    assert abs(counts.mean() - 400 * f) < 4 * np.sqrt(400 * f * (1 - f) / 30)
    assert counts.std() > 0


def test_signed_rules_count_the_misclassified_as_hardest():
    hard = draw_kept(10, 0.2, 0.8, "signed-hard", dim=20, seed=1)
    margins = np.cos(0.8) * hard[:, 0] + np.sin(0.8) * hard[:, 1]
    assert len(hard) == 40 and (np.diff(margins) >= 0).all() and margins[0] < -0.5
    easy = draw_kept(10, 0.8, 0.8, "signed-easy", dim=20, seed=1)
    rest = np.cos(0.8) * easy[:, 0] + np.sin(0.8) * easy[:, 1]
    assert rest.min() > margins.max()  # the two share the pool out


def test_a_rule_that_contradicts_f_is_refused():
    with pytest.raises(InputError, match=r"f must be 0\.231"):
        simulate(3, 0.5, 0.3, "band:0.1,0.4", dim=20)
    with pytest.raises(
        InputError, match=r"rule band:3,3\.1 keeps none of 60 examples|at least one"
    ):
        simulate(3, None, 0.3, "band:3,3.1", dim=20, trials=2)


def test_one_example_gives_the_student_that_points_at_it():
    """P = K = 1: J is the example itself, so that its margin is its length."""
    found = simulate(0.5, 1.0, dim=2, trials=5, seed=8)
    assert (found.drawn, found.kept) == (1, 1)
    for trial in range(5):
        (row,) = draw_kept(0.5, 1.0, dim=2, seed=8, trial=trial)
        assert found.kappa[trial] == pytest.approx(np.linalg.norm(row), rel=1e-8)
        assert found.R[trial] == pytest.approx(row[0] / np.linalg.norm(row), rel=1e-8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"alpha_tot": 0.1, "f": 1.0, "dim": 2}, "draw 0 and keep 0 examples"),
        ({"alpha_tot": 3.0, "f": 0.001, "dim": 20}, "draw 60 and keep 0 examples"),
        ({"alpha_tot": 3.0, "f": 0.5, "dim": 1}, r"dim must be an integer of at least 2, got 1"),
    ],
)
def test_nothing_to_train_on_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        simulate(**arguments)
