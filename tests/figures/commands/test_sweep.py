"""`prunelaw sweep`: run, resume, status, export, and clear refusals."""

import json
import sqlite3
from functools import partial

import pandas as pd
import pytest
from figures import command_line

AXES = ["--alpha-tot", "1,3", "--keep", "0.5", "--rule", "hard", "--rule", "easy"]
SMALL = [*AXES, "--dim", "20", "--trials", "6", "--unit", "3"]


run, answer = partial(command_line.run, "sweep"), partial(command_line.answer, "sweep")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "runs.db"
    found = answer("run", path, *SMALL)
    assert found["complete"] and found["measured"] == found["units"] == 8
    return path


def test_a_finished_sweep_measures_nothing(store):
    assert answer("run", store)["measured"] == 0
    assert answer("run", store, *SMALL)["measured"] == 0


def test_status(store):
    found = answer("status", store)
    assert found["complete"] and (found["points"], found["trials"], found["unit"]) == (4, 6, 3)
    assert found["bytes"] == store.stat().st_size and found["failed"] == []
    assert "units under way" in run("status", store).stdout


def test_export_gives_points_that_fit_reads_and_trials(store, tmp_path):
    from prunelaw_sim import read

    assert answer("export", store, "--output", tmp_path / "points.csv")["rows"] == 4
    sweep = read(tmp_path / "points.csv")
    assert len(sweep) == 4 and {"keep_fraction", "rule", "error_se"} <= set(sweep.columns)
    assert (
        "wrote 24 rows" in run("export", store, "--output", tmp_path / "t.csv", "--trials").stdout
    )
    trials, points = pd.read_csv(tmp_path / "t.csv"), pd.read_csv(tmp_path / "points.csv")
    means = trials.groupby(["alpha_tot", "rule"]).error.mean()
    for row in points.itertuples():
        assert row.error == pytest.approx(means[row.alpha_tot, row.rule], rel=1e-12)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["points.csv", "t.csv"]


def test_a_sweep_over_students_inputs_and_probes(tmp_path):
    path, point = tmp_path / "runs.db", ("--alpha-tot", 3, "--keep", 0.5, "--dim", 20)
    choices = ("--student", "ridge:0.1", "--student", "logistic:0.1", "--label-noise", "0,0.1")
    more = ("--inputs", "signs", "--probe", "independent:2", "--trials", 2)
    assert answer("run", path, *point, *choices, *more)["measured"] == 4
    assert answer("run", path)["measured"] == 0  # the store knows its choices
    answer("export", path, "--output", tmp_path / "runs.csv")
    table = pd.read_csv(tmp_path / "runs.csv")
    assert list(table["student"]) == 2 * ["ridge:0.1"] + 2 * ["logistic:0.1"]
    assert list(table["label_noise"]) == [0.0, 0.1, 0.0, 0.1]
    assert set(table["inputs"]) == {"signs"} and set(table["probe"]) == {"independent:2"}


@pytest.fixture(scope="module")
def two_dims(tmp_path_factory):
    path = tmp_path_factory.mktemp("check") / "runs.db"
    assert answer("run", path, *AXES, "--dim", "20,40", "--trials", "30")["complete"]
    return path


def test_check_prints_three_tests_and_writes_every_point(two_dims, tmp_path):
    found = answer("check", two_dims, "--output", tmp_path / "points.csv")
    assert found["agrees"] and found["dof"] == 4 and found["students"] == 240
    assert len(found["points"]) == len(pd.read_csv(tmp_path / "points.csv")) == 4
    shown = run("check", two_dims, "--points", "2").stdout
    for words in ("2 points farthest", "χ²", "common factor", "worst point", "agree"):
        assert words in shown


def test_check_has_exit_code_1_if_they_disagree(two_dims, monkeypatch):
    from prunelaw_sim.verification import store_check as theory_check

    solved = theory_check.solved
    monkeypatch.setattr(theory_check, "solved", lambda points: 0.7 * solved(points))
    result = run("check", two_dims, "--json")
    assert result.exit_code == 1 and "theory and simulation disagree" in result.stderr
    assert json.loads(result.stdout)["agrees"] is False


@pytest.mark.exhaustive
def test_the_standard_points(tmp_path):
    found = answer("run", tmp_path / "a.db", "--standard", "--dim", "25", "--trials", "1")
    assert found["measured"] == 64


def test_a_failed_unit_is_named_by_status_and_gives_exit_code_1(tmp_path, monkeypatch):
    from prunelaw_sim.sweeps.simulated import Design

    def fails(point, seed, first, trials):
        raise MemoryError("too large")

    path = tmp_path / "runs.db"
    with monkeypatch.context() as patch:
        patch.setattr(Design, "measure", staticmethod(fails))
        result = run("run", path, *SMALL)
    assert result.exit_code == 1 and "8 units failed" in result.stderr
    assert "failed: alpha_tot=1 f=0.5" in run("status", path).stdout
    assert answer("run", path)["complete"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "NEW", *AXES, "--student", "svm"], "student must be logistic:LAMBDA, max-margin"),
        (["run", "NEW", *AXES, "--probe", "same:9"], "must be at most alpha_tot=1"),
        (["run", "NEW", *AXES, "--label-noise", "0.1"], "--label-noise must be 0"),
        (["run", "STORE", *SMALL, "--seed", "5"], "holds another design: its seed is 0, not 5"),
        (["run", "NEW"], "NEW does not exist"),
        (["run", "NEW", "--keep", "0.5"], "--alpha-tot must be given for a new sweep"),
        (["run", "NEW", "--alpha-tot", "3"], "--keep must be given: the rule hard works at any"),
        (["run", "NEW", "--alpha-tot", "3,x", "--keep", "1"], "'x' is not a number"),
        (["run", "NEW", *AXES, "--dim", "20.5"], "--dim must be whole numbers"),
        (["run", "NEW", *AXES, "--rule", "hard"], "are the same"),
        (["run", "NEW", *AXES, "--workers", "0"], "--workers must be"),
        (["run", "NEW", "--alpha-tot", "3", "--keep", "1.5"], "point 0: --keep must be"),
        (["run", "NEW", "--standard", "--theta", "1"], "--standard fixes the points"),
        (["run", "NEW", *AXES, "--dask", ""], "must be like tcp://HOST:PORT, got ''"),
        (["run", ":memory:", *AXES], "store must be a file, which lasts"),
        (["check", "STORE"], "dim must take two or more values"),
        (["check", "STORE", "--output", "STORE"], "--out must be a new file"),
        (["check", "NEW"], "NEW does not exist"),
        (["status", "NEW"], "NEW does not exist"),
        (["export", "STORE", "--output", "STORE"], "--out must be a new file"),
        (["export", "STORE", "--output", "nowhere/a.csv"], "a folder that exists"),
    ],
)
def test_bad_input_has_exit_code_2_and_changes_nothing(store, tmp_path, arguments, words):
    names = {"STORE": str(store), "NEW": str(tmp_path / "NEW")}
    before = store.read_bytes()
    result = run(*(names.get(a, a) for a in arguments))
    assert result.exit_code == 2 and words in result.stderr, result.stderr
    assert store.read_bytes() == before and not list(tmp_path.iterdir())


def test_a_store_of_something_else_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "other.db") as file:
        file.execute("CREATE TABLE mine (x)")
    result = run("run", tmp_path / "other.db", *SMALL)
    assert result.exit_code == 2 and "no store of a prunelaw sweep" in result.stderr


def test_a_damaged_store_is_refused_repaired_and_measured_again(store, tmp_path):
    path, out = tmp_path / "runs.db", tmp_path / "runs.csv"
    path.write_bytes(store.read_bytes())
    with sqlite3.connect(path) as file:
        file.execute("UPDATE unit SET columns = '[]' WHERE point = 2 AND first = 3")
    found = answer("status", path)
    assert (found["units_done"], found["complete"]) == (7, False)
    assert found["damaged"] == ["wrong checksum of point 2, 3"]
    for arguments in (["run", path], ["export", path, "--out", out], ["check", path]):
        result = run(*arguments)
        assert result.exit_code == 2 and f"`prunelaw sweep repair {path}`" in result.stderr
    assert "units missing: 1; `prunelaw sweep run" in run("repair", path).stdout
    assert answer("run", path)["measured"] == 1
    assert answer("export", path, "--out", out)["complete"]
    assert answer("repair", path)["damaged"] == []


def test_an_older_store_is_read_with_a_note(store, tmp_path):
    path = tmp_path / "old.db"
    path.write_bytes(store.read_bytes())
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM meta WHERE key = 'checksum'")
    assert "under no checksum; `prunelaw sweep repair" in run("status", path).stderr
    assert answer("repair", path)["signed"]
    assert run("status", path).stderr == ""
