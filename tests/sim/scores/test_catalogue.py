"""A score is one new file: a toy one from outside the package is found by its name."""

import json

import pytest
from click.testing import CliRunner
from sim.sweeps.real_sweeping import write_blobs

from prunelaw_figures.cli import main
from prunelaw_sim.scores import as_score, catalogue, score_class
from prunelaw_sim.sweeps.store import Store
from prunelaw_sim.sweeps.tables import trials_table

TOY = '''
import numpy as np

from prunelaw_sim.scores.base import Score, ScoreInputs, ScoreResult


class SCORE(Score):
    """Bright."""

    counts, usual = "pixels", 2

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        values = inputs.pool_inputs[:, : self.number].sum(axis=1, dtype=float)
        return ScoreResult(values, 0.0, f"{self.number} pixels")
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "sum_of_pixels.py").write_text(TOY)
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path / "more")])
    write_blobs(tmp_path / "blobs.npz")
    return f"npz:{tmp_path / 'blobs.npz'}"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


def test_a_new_file_is_a_new_score(toy, tmp_path):
    assert as_score("sum-of-pixels:2").name == "sum-of-pixels"
    listed = run("scores", "--list")
    assert listed.exit_code == 0 and "sum-of-pixels" in listed.stdout and "Bright." in listed.stdout
    said = json.loads(run("scores", toy, "--score", "sum-of-pixels:3", "--json").stdout)
    assert said["score"] == "sum-of-pixels:3" and said["what"] == "3 pixels"


def test_a_sweep_prunes_by_it(toy, tmp_path):
    result = run(
        "sweep", "run-real", tmp_path / "a.db", "--dataset", toy, "--model", "softmax",
        "--score", "sum-of-pixels", "--size", 20, "--keep", 0.5, "--rule", "hard", "--epochs", 1,
        "--seeds", 1, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    with Store.open(tmp_path / "a.db") as store:
        assert trials_table(store)["score"].tolist() == ["sum-of-pixels"]


@pytest.mark.parametrize("name", catalogue.names())
def test_every_score_says_what_is_hard(name):
    """In one line of `prunelaw scores --list`."""
    one = score_class(name)
    assert one.__doc__.endswith(".") and as_score(name).name == name
    assert one.counts or one().number is None
