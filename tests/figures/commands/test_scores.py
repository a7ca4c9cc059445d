"""`prunelaw scores`: what it prints, the file it writes, and exit code 2 for bad input."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from prunelaw_figures.cli import main
from prunelaw_sim.scores.files import read_scores


def run(*arguments):
    return CliRunner().invoke(main, ["scores", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def clouds(tmp_path):
    """Two clouds of points, 40 in all, one of them on the wrong side."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    inputs = rng.normal(size=(40, 3)) + 4.0 * (2 * labels[:, None] - 1)
    inputs[7] = -inputs[7]
    np.savez(tmp_path / "clouds.npz", inputs=inputs, labels=labels)
    return f"npz:{tmp_path / 'clouds.npz'}"


def test_the_file_holds_scores_and_where_they_come_from(clouds, tmp_path):
    path = tmp_path / "ddd.csv"
    options = ("--score", "ddd:6", "--outside", 0, "--model", "softmax", "--output", path)
    result = run(clouds, *options, "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    scores = read_scores(path, examples=40)
    assert scores.high == "hard" and scores.ids == tuple(map(str, range(40)))
    assert scores.values.argmax() == 7 and scores.values[7] == 1.0
    assert said["cost_samples"] == 6 * (20 * 20 + 20 / 3)
    assert said["tied"] == scores.ties and scores.provenance["score"] == "ddd:6"
    again = run(clouds, *options)
    assert again.exit_code == 2 and "exists and is not overwritten" in again.stderr


def test_a_fifth_is_outside_and_the_probe_is_judged(clouds):
    said = json.loads(run(clouds, "--score", "margin", "--model", "softmax", "--json").stdout)
    assert said["examples"] == 32 and 0.0 <= said["probe_error"] < 0.2
    assert "cost_samples" in run(clouds, "--score", "margin", "--model", "softmax").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--score", "el3n"), "--score must be one of active-learning, ddd"),
        (("--score", "margin", "--outside", 0), "outside must hold one or more"),
        (("--score", "ddd", "--outside", 39), "--outside must be an integer in [0, 38], got 39"),
        (("--score", "ddd", "--model", "tree"), "model must be softmax"),
        (("--score", "ddd", "--recipe", "epoch=3"), "recipe must be"),
        (("--score", "ddd", "--output", "scores.npy"), "--out must end in .csv or .tsv"),
        (("--score", "ddd", "--seed", -1), "--seed must be an integer of at least 0"),
    ],
)
def test_bad_input(clouds, options, message):
    result = run(clouds, *options)
    assert result.exit_code == 2 and result.stdout == ""
    assert message in " ".join(result.stderr.split())
