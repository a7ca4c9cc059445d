"""The command line as a whole: exit codes, help, and how bad input is named."""

import pytest

import prunelaw
from figures.command_line import POINT, run
from prunelaw.errors import ConvergenceError

SIMULATE = ["simulate", "--alpha-tot", "3", "--keep", "0.5"]


BAD = [
    (["solve", "--alpha-tot", "0", "--keep", "0.5"], ["--alpha-tot", "(0, inf)", "0.0"]),
    (["solve", "--alpha-tot", "nan", "--keep", "0.5"], ["--alpha-tot", "finite", "nan"]),
    (["solve", "--alpha-tot", "3", "--keep", "1.5"], ["--keep", "(0, 1]", "1.5"]),
    (["solve", "--alpha-tot", "3", "--keep", "0.5,0"], ["--keep", "(0, 1]", "0.0 at index 1"]),
    (
        ["solve", "--alpha-tot", "3", "--keep", "0.5", "--theta", "2"],
        ["--theta", "1.5708", "--degrees"],
    ),
    (
        ["solve", "--alpha-tot", "3", "--keep", "0.5", "--theta", "91", "--degrees"],
        ["--theta", "[0, 90]", "91"],
    ),
    (["solve", "--alpha-tot", "x", "--keep", "0.5"], ["--alpha-tot", "'x' is not a number"]),
    (
        ["solve", "--alpha-tot", "3", "--keep", "0.5", "--rule", "best"],
        ["--rule", "hard, easy, random", "'best'"],
    ),
    (["solve", "--keep", "0.5"], ["--alpha-tot"]),
    (["simulate", "--alpha-tot", "3", "--keep", "0.5", "--dim", "1"], ["--dim", "2", "1"]),
    (["simulate", "--alpha-tot", "-3", "--keep", "0.5"], ["--alpha-tot", "(0, inf)", "-3"]),
    (["simulate", "--alpha-tot", "3", "--keep", "0.5", "--trials", "0"], ["--trials", "2", "0"]),
    (["simulate", "--alpha-tot", "3", "--keep", "0.5", "--seed", "-1"], ["--seed", "0", "-1"]),
    ([*SIMULATE, "--student", "svm"], ["--student must be logistic:LAMBDA, max-margin", "'svm'"]),
    ([*SIMULATE, "--student", "ridge:0"], ["LAMBDA of student ridge", "(0, inf)", "0.0"]),
    ([*SIMULATE, "--inputs", "student-t:3"], ["NU of student-t", "(4, inf)", "3.0"]),
    ([*SIMULATE, "--probe", "trained"], ["--probe must be given, independent:ALPHA", "'trained'"]),
    ([*SIMULATE, "--probe", "same", "--theta", "0.1"], ["theta must be left out", "0.1"]),
    ([*SIMULATE, "--label-noise", "0.1"], ["--label-noise", "max-margin", "ridge:0.01", "0.1"]),
    ([*SIMULATE, "--label-noise", "0.5"], ["--label-noise", "[0, 0.5)", "0.5"]),
    (["fit", "nowhere.csv"], ["nowhere.csv", "no such file"]),
    (["fit", "x.csv", "--law", "cubic"], ["--law", "no-decay, overfit", "'cubic'"]),
    (["fit", "x.csv", "--convention", "mine"], ["--convention", "official_code", "'mine'"]),
    (["fit", "x.csv", "--hold-out-above", "-1"], ["--hold-out-above", "(0, inf)", "-1"]),
    (
        ["fit", "x.csv", "--law", "power-law", "--convention", "paper"],
        ["--law with --convention", "effective-data", "'power-law'"],
    ),
    (["fit", "x.csv", "--figure", "a.png"], ["--law with --figure", "all", "'utility'"]),
    (["fit", "x.csv", "--map", "error"], ["--map", "'error'", "name=value"]),
    (["verify", "--sweep", "nowhere.csv"], ["nowhere.csv", "no such file"]),
    (["verify", "--seed", "-1"], ["--seed", "at least 0", "-1"]),
    (["verify", "--map", "error=e"], ["--map", "--sweep"]),
    (["prune"], ["No such command 'prune'"]),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=lambda value: " ".join(value)[:60])
def test_bad_input_exits_2_and_is_named(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert list(tmp_path.iterdir()) == []  # no report folder for bad input


def test_failed_work_exits_1_and_ctrl_c_exits_130(monkeypatch):
    def failing(*arguments, **options):
        raise ConvergenceError("the solver is out of sorts")

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(prunelaw, "solve", failing)
    result = run(*POINT)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "out of sorts" in result.stderr
    monkeypatch.setattr(prunelaw, "solve", interrupted)
    assert run(*POINT).exit_code == 130


@pytest.mark.parametrize("verb", ["solve", "simulate", "fit", "verify"])
def test_help_teaches_by_example(verb):
    assert verb in run("--help").stdout
    assert f"prunelaw {verb} " in run(verb, "--help").stdout


def test_version():
    from importlib.metadata import version

    assert run("--version").stdout == f"prunelaw {version('prunelaw')}\n"
