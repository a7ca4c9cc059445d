"""`prunelaw sweep run-real`: run, resume, status, export, fit's table, and clear refusals."""

from functools import partial

import pytest
from figures import command_line
from sim.sweeps.real_sweeping import write_blobs

from prunelaw_figures.terminal.output import NameList

AXES = ["--model", "softmax", "--size", "20,40", "--keep", "0.5,1", "--tests", "30"]
SMALL = [
    *AXES,
    "--outside",
    "20",
    "--epochs",
    "1,3",
    "--rule",
    "hard,quantiles:0.3,0.9",
    "--seeds",
    "2",
]


run, answer = partial(command_line.run, "sweep"), partial(command_line.answer, "sweep")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    write_blobs(path)
    return f"npz:{path}"


def test_run_resume_status_and_export(data, tmp_path):
    from prunelaw_sim import read

    path = tmp_path / "real.db"
    found = answer("run-real", path, "--dataset", data, *SMALL)
    assert found["complete"] and found["measured"] == found["units"] == 4
    assert answer("run-real", path)["measured"] == 0
    status = answer("status", path)
    assert (status["points"], status["trials"], status["unit"]) == (4, 2, 5)
    assert answer("export", path, "--output", tmp_path / "cells.csv")["rows"] == 12
    assert answer("export", path, "--output", tmp_path / "runs.csv", "--trials")["rows"] == 24
    cells, runs = read(tmp_path / "cells.csv"), read(tmp_path / "runs.csv")
    assert cells.values("rule") == ["hard", "quantiles:0.3,0.9", "random"]
    assert runs.values("epochs") == [1.0, 3.0] and runs.values("score") == ["margin"]
    assert {"theta", "compute", "seed", "error_se"} <= set(runs.columns)
    before = path.read_bytes()
    other = run("run-real", path, "--dataset", data, *SMALL, "--seed", "3")
    assert other.exit_code == 2 and "its seed is 0, not 3" in other.stderr
    check = run("check", path)
    assert check.exit_code == 2 and "kind real" in check.stderr
    assert path.read_bytes() == before


def test_a_failed_unit_is_named(data, tmp_path):
    path, few = tmp_path / "real.db", ["--keep", "0.1", "--class-share", "0", "--score", "random"]
    given = ["--dataset", data, *SMALL, *few, "--seeds", "8", "--rule", "hard"]
    result = run("run-real", path, *given)
    assert result.exit_code == 1 and "units failed" in result.stderr
    shown = run("status", path).stdout
    assert "failed: dataset=npz:" in shown and "keeps 1 of 2 classes" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "NEW does not exist"),
        (["--dataset", "digits"], "--model must be given for a new sweep"),
        (["--dataset", "cifar", *AXES], "dataset must be one of digits"),
        (["--dataset", "digits", *AXES, "--model", "resnet"], "model must be softmax"),
        (["--dataset", "digits", *AXES, "--score", "beauty"], "score must be one of"),
        (["--dataset", "digits", *AXES, "--size", "1500"], "size must be at most"),
        (["--dataset", "digits", *AXES, "--size", "20.5"], "--size must be whole numbers"),
        (["--dataset", "digits", *AXES, "--keep", "0.01"], "f P must be at least 1"),
        (["--dataset", "digits", *AXES, "--epochs", "2", "--steps", "9"], "exclude each other"),
        (["--dataset", "digits", *AXES, "--optimizer", "lion"], "optimizer must be one of"),
        (["--dataset", "digits", *AXES, "--workers", "0"], "--workers must be"),
    ],
)
def test_bad_input_has_exit_code_2_and_leaves_no_file(tmp_path, arguments, words):
    result = run("run-real", tmp_path / "NEW", *arguments)
    assert result.exit_code == 2 and words in result.stderr, result.stderr
    assert not list(tmp_path.iterdir())


def test_lists_of_names_keep_their_numbers():
    texts = NameList().convert("hard, quantiles:0.2,0.4,mlp:256,64", None, None)
    assert texts == ("hard", "quantiles:0.2,0.4", "mlp:256,64")


def test_a_class_share_of_0_is_one_that_was_given(data, tmp_path, monkeypatch):
    designs = []
    module = "prunelaw_figures.commands.sweep.run_real"
    monkeypatch.setattr(f"{module}.run_design", lambda design, *_: designs.append(design))
    asked = ("run-real", tmp_path / "real.db", "--dataset", data, *SMALL, "--class-share", 0)
    assert run(*asked).exit_code == 0
    assert {point["class_share"] for point in designs[0].points} == {0.0}
