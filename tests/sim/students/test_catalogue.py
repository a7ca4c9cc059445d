"""Ridge and logistic students: the minimum itself, its certificate, theory, and label noise."""

import numpy as np
import pytest
from scipy.optimize import minimize

from prunelaw import solve, solve_ridge
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.keep import Function
from prunelaw_sim.simulation.agreement import extrapolate
from prunelaw_sim.simulation.batches import draw_batch
from prunelaw_sim.simulation.expectations import compare, theory_of
from prunelaw_sim.simulation.point import make_point
from prunelaw_sim.simulation.teacher import draw_kept
from prunelaw_sim.simulation.trials import simulate
from prunelaw_sim.students.catalogue import logistic
from prunelaw_sim.students.catalogue.logistic import Logistic, train_logistic
from prunelaw_sim.students.catalogue.max_margin import Separator
from prunelaw_sim.students.catalogue.ridge import Ridge
from prunelaw_sim.students.hard_margin import max_margin
from prunelaw_sim.students.registry import as_student

POINT = (3, 0.5, 0.3, "hard")


def logistic_objective(w, rows, drawn, penalty):
    """The objective as the header of `logistic` has it, and its gradient, written out."""
    margins = rows @ w
    value = np.log1p(np.exp(-margins)).sum() / drawn + penalty / 2 * np.sum(w**2)
    return value, penalty * w - (rows / (1 + np.exp(margins))[:, None]).sum(axis=0) / drawn


def test_texts():
    assert as_student("ridge:1e-2") == Ridge(0.01) and as_student("max-margin") == Separator()
    assert as_student(Logistic(1 / 3).name) == Logistic(1 / 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"student": "svm"}, "student must be logistic:LAMBDA, max-margin or ridge:LAMBDA"),
        ({"student": "ridge"}, "student must be"),
        ({"student": "max-margin:1"}, "student must be"),
        ({"student": "logistic:0"}, r"LAMBDA of student logistic must be .* in \(0, inf\), got 0"),
        ({"student": "ridge:-1"}, "LAMBDA of student ridge"),
        ({"student": 0.1}, r"got 0\.1"),
        (
            {"label_noise": 0.1},
            "label_noise must be 0 for student max-margin.*as ridge:0.01",
        ),
        ({"label_noise": 0.5, "student": "ridge:1"}, r"label_noise must be .* in \[0, 0\.5\), got"),
        ({"label_noise": [0.1], "student": "ridge:1"}, "label_noise must be one number"),
    ],
)
def test_bad_students_are_refused_by_name(changes, words):
    with pytest.raises(InputError, match=words):
        simulate(3, 0.5, dim=20, trials=1, **changes)


@pytest.mark.parametrize("alpha_tot", [8.0, 0.8])  # more rows than dimensions, and fewer
@pytest.mark.parametrize("penalty", [1.0, 1e-3])
def test_logistic_minimum_is_that_of_an_independent_solver(alpha_tot, penalty):
    rows, drawn = draw_kept(alpha_tot, 0.5, 0.3, dim=15), int(alpha_tot * 15)
    w, gap = train_logistic(rows, drawn, penalty)
    _, gradient = logistic_objective(w, rows, drawn, penalty)
    assert np.linalg.norm(gradient) < 1e-9 * penalty * max(1, np.linalg.norm(w))
    assert 0 <= gap <= 1e-16
    found = minimize(
        logistic_objective, np.zeros(15), (rows, drawn, penalty), "BFGS", jac=True,
        options={"gtol": 1e-10},
    )  # fmt: skip
    np.testing.assert_allclose(w, found.x, rtol=1e-5, atol=1e-6 * np.abs(w).max())


def test_the_gap_bounds_the_distance_to_the_minimum():
    """At any w, not just at the end: what is certified is no property of the iteration."""
    rows, penalty = draw_kept(6, 0.5, 0.3, dim=12), 0.01
    loss = logistic._LogisticLoss(rows, 72, penalty)
    lowest = loss.value(train_logistic(rows, 72, penalty)[0])
    for w in np.random.default_rng(0).standard_normal((20, 12)):
        assert loss.value(w) - lowest <= loss.relative_gap(w) * loss.value(w)


def test_logistic_tends_to_max_margin():
    """The angle to the max-margin student falls with the penalty: Soudry et al. (2018)."""
    rows = draw_kept(4, 0.5, 0.3, dim=15, seed=2)
    J = max_margin(rows).J
    cosines = []
    for penalty in (1e-2, 1e-4, 1e-8, 1e-12):
        w, gap = train_logistic(rows, 60, penalty)
        assert gap <= 1e-9
        cosines.append(w @ J / np.linalg.norm(w))
    assert (np.diff(cosines) > 0).all() and cosines[-1] > 0.99


@pytest.mark.parametrize("alpha_tot", [6.0, 0.8])
def test_ridge_minimum_and_certificate(alpha_tot):
    pool = make_point(alpha_tot, 0.5, 0.3, "hard", 15, 0)
    rows = draw_batch(pool, np.arange(2)).rows
    found = Ridge(0.05).train(rows, pool.drawn, 1)
    for X, J, kappa in zip(rows, found.J, found.kappa, strict=True):
        w = np.linalg.solve(X.T @ X / pool.drawn + 0.05 * np.eye(15), X.sum(axis=0) / pool.drawn)
        np.testing.assert_allclose(J, w / np.linalg.norm(w), atol=1e-12)
        assert kappa == pytest.approx(np.min(X @ J))
    assert found.converged.all() and found.relative_gap.max() < 1e-20


@pytest.mark.parametrize("student", ["ridge:1e-6", "ridge:1e3", "logistic:1e-8", "logistic:1e3"])
@pytest.mark.parametrize("alpha_tot", [0.3, 30.0])
def test_extreme_penalties_are_certified(student, alpha_tot):
    run = simulate(alpha_tot, 0.5, 0.3, dim=20, trials=3, student=student)
    assert run.failed == 0 and run.max_relative_gap <= 1e-9


def test_an_open_gap_is_raised_or_flagged(monkeypatch):
    monkeypatch.setattr(logistic, "MOST_STEPS", 2)
    run = simulate(3, 0.5, dim=15, trials=4, student="logistic:1e-3", throw=False)
    assert run.failed == 4 and np.isnan(run.error).all() and np.isnan(run.mean)
    with pytest.raises(ConvergenceError, match=r"4 of 4 trials missed.*student=logistic:0\.001"):
        simulate(3, 0.5, dim=15, trials=4, student="logistic:1e-3")


@pytest.mark.parametrize(
    ("penalty", "rule", "f"), [(0.01, "hard", 0.5), (0.5, "easy", 0.3), (0.05, "band:0.2,1", None)]
)
def test_ridge_students_extrapolate_to_their_theory(penalty, rule, f):
    """A line in 1/N through N = 40, 80, 160, within four standard errors of `solve_ridge`."""
    runs = [
        simulate(3, f, 0.3, rule, dim=n, trials=t, student=f"ridge:{penalty}", seed=n)
        for n, t in ((40, 400), (80, 250), (160, 150))
    ]
    found = extrapolate(
        (40, 80, 160), [[r.mean for r in runs]], [[r.stderr for r in runs]], order=1
    )
    theory = float(solve_ridge(3, f, 0.3, rule, ridge=penalty).error)
    assert found.stderr[0] < 0.02 * theory  # otherwise the next line could not fail
    assert abs(found.value[0] - theory) < 4 * found.stderr[0]
    assert compare(runs[0]).theory_error == theory and compare(runs[0]).departures == ()


def test_students_share_the_pool():
    """Differences of students lose the noise of the data: they are trained on the same rows."""
    hard, easy = (simulate(*POINT, dim=30, trials=60, student=s) for s in ("ridge:1e-9", "ridge:1"))
    assert np.corrcoef(hard.error, easy.error)[0, 1] > 0.2
    soft = simulate(*POINT, dim=30, trials=60, student="logistic:1e-7")
    tight = simulate(*POINT, dim=30, trials=60)
    assert np.abs(soft.error - tight.error).mean() < 0.02
    assert (soft.kappa <= tight.kappa * (1 + 1e-8)).all()  # max margin has the largest


def test_label_noise_flips_what_it_says():
    """Rows y x of a noisy label are misclassified by the teacher, with probability p."""
    pool = make_point(50, 1.0, 0.3, "random", 20, 0, label_noise=0.2)
    rows = np.concatenate(draw_batch(pool, np.arange(20)).rows)
    wrong = np.mean(rows[:, 0] < 0)
    assert abs(wrong - 0.2) < 4 * np.sqrt(0.2 * 0.8 / len(rows))
    clean = np.concatenate(draw_batch(pool._replace(label_noise=0.0), np.arange(20)).rows)
    np.testing.assert_array_equal(np.abs(rows[:, :2]), np.abs(clean[:, :2]))  # the same pool


@pytest.mark.parametrize("inputs", ["gaussian", "signs"])
def test_rules_of_labels_see_the_noise(inputs):
    """At theta = 0 the most negative margins are the flipped labels, and only those."""
    pool = make_point(40, 0.05, 0.0, "signed-hard", 20, 0, inputs, label_noise=0.2)
    batch = draw_batch(pool, np.arange(3))
    for rows, frame in zip(batch.rows, batch.frames, strict=True):
        teacher = np.eye(20)[0] if inputs == "gaussian" else frame.teacher
        assert (rows @ teacher < 0).all()
    pool = pool._replace(rule=make_point(1, 1.0, 0.0, "hard", 20, 0).rule)
    for rows, frame in zip(*draw_batch(pool, np.arange(3))[:2], strict=True):
        teacher = np.eye(20)[0] if inputs == "gaussian" else frame.teacher
        assert 0 < np.mean(rows @ teacher < 0) < 0.5  # |z| has no label


def test_noise_costs_and_the_theory_says_that_it_does_not_know():
    clean, noisy = (
        simulate(*POINT, dim=40, trials=60, student="ridge:0.01", label_noise=p) for p in (0, 0.1)
    )
    assert noisy.mean > clean.mean + 4 * np.hypot(clean.stderr, noisy.stderr)
    assert compare(noisy).departures == ("labels are noisy",)


def test_where_there_is_a_theory():
    assert theory_of(3, 0.5, 0.3, "hard", "logistic:1") is None
    assert theory_of(3, 0.5, 0.3, "signed-hard", "ridge:1") is None
    assert theory_of(3, 0.5, 0.3, Function(lambda z: np.exp(-z)), "ridge:1") is None
    exact = theory_of(3, 0.5, 0.3, "signed-hard", "max-margin")
    assert exact is not None and exact.error == solve(3, 0.5, 0.3, "signed-hard").error
    found = compare(simulate(3, 0.5, dim=15, trials=3, student="logistic:1"))
    assert np.isnan(found.theory_error) and np.isnan(found.theory_at_measured)
    assert found.departures == ("there is no theory of student logistic:1 with rule hard",)
