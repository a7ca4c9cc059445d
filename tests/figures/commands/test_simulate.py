"""`prunelaw simulate`: students, and where they leave the theory."""

import pytest
from figures.command_line import answer, run

import prunelaw


def test_simulate_reports_the_students_and_the_theory():
    point = ("--dim", 20, "--alpha-tot", 3, "--keep", 0.5, "--theta", 0.3, "--trials", 30)
    one = answer("simulate", *point, "--seed", 1)
    assert one == answer("simulate", *point, "--seed", 1)
    assert one["mean"] != answer("simulate", *point, "--seed", 2)["mean"]
    assert one["theory_error"] == pytest.approx(0.245942318165279, rel=1e-10)
    assert abs(one["mean"] - one["theory_error"]) < 0.15 * one["theory_error"]
    assert one["trials"] == 30
    assert 0 < one["max_relative_gap"] <= 1e-8
    assert (one["drawn"], one["kept"]) == (60, 30)


def test_simulate_says_where_it_leaves_the_theory():
    point = ("--dim", 20, "--alpha-tot", 3, "--keep", 0.5, "--trials", 20)
    trained = answer("simulate", *point, "--probe", "independent:2")
    assert trained["departures"] == [] and trained["probe"] == "independent:2"
    exact = float(prunelaw.solve(2.0, 1.0, 0.0, "random").error)
    assert trained["theta"] == pytest.approx(3.141592653589793 * exact)
    assert abs(trained["probe_theta"] - trained["theta"]) < 5 * trained["probe_theta_stderr"]
    noisy = answer(
        "simulate", *point, "--student", "ridge:0.010", "--label-noise", 0.1, "--inputs", "signs"
    )
    assert (noisy["student"], noisy["label_noise"]) == ("ridge:0.01", 0.1)
    assert noisy["theory"]["kappa"] is None and len(noisy["departures"]) == 2
    shown = run("simulate", *point, "--student", "logistic:1", "--probe", "same").stdout
    assert "beyond the theory: the probe was trained on the examples that it prunes" in shown
    assert "there is no theory of student logistic:1" in shown and "nan" not in shown
