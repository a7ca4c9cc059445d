"""`prunelaw predict` as it is typed."""

import json

import numpy as np
import pytest
from figures.command_line import run

from prunelaw_figures.words.predict import predict_blocks
from prunelaw_sim.features.predict import predict


@pytest.fixture
def files(tmp_path):
    """Features, labels and a probe."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=300)
    x = rng.normal(size=(300, 5)) + 0.8 * (2 * y[:, None] - 1) * np.eye(5)[0]
    np.save(tmp_path / "X.npy", x)
    np.save(tmp_path / "y.npy", y)
    np.save(tmp_path / "theta.npy", np.eye(5)[0] + 0.3)
    return tmp_path


def test_points_of_a_question(files):
    result = run(
        "predict", files / "X.npy", "--labels", files / "y.npy", "--probe", files / "theta.npy",
        "--loss", "logistic", "--penalty", "1.0", "--no-intercept", "--pool", "40,100", "--keep",
        "0.25", "--rules", "hard,easy,random", "--no-check", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    points = json.loads(result.stdout)["points"]
    asked = [(p["rule"], p["keep_fraction"], p["pool"], p["kept"]) for p in points]
    rules = ("hard", "easy", "random")
    assert asked == [(rule, 0.25, n, n // 4) for n in (40, 100) for rule in rules]
    assert all(0.0 < p["error"] < 0.5 for p in points)


def test_in_words_and_the_rows_to_keep(files):
    kept = files / "kept.csv"
    result = run(
        "predict", files / "X.npy", "--labels", files / "y.npy", "--probe", files / "theta.npy",
        "--pool", "100", "--keep", ".2,.5", "--trials", "3", "--out-kept", kept, "--full",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("of 100 examples keep ")
    assert "trained" in result.stdout and "student: logistic loss, penalty 1" in result.stdout
    assert len(kept.read_text().splitlines()) in (62, 152)


def test_a_gain_within_its_uncertainty_is_called_so():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 4))
    y = x[:, 0] + 2.0 * rng.normal(size=200) > 0.0
    found = predict(x, y, probe=np.eye(4)[1], pools=60, keep=0.5, check=False)
    first = next(iter(predict_blocks(found))).text
    assert "within its uncertainty" in first or "no rule is better than random" in first


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "--labels must be given"),
        (("--labels", "nowhere"), "no such file"),
        (("--labels", "{y}", "--keep", "2"), "--keep must be"),
        (("--labels", "{y}", "--penalty", "0"), "--penalty must be"),
        (("--labels", "{y}", "--out-kept", "kept.txt"), "--out-kept must end in"),
        (("--labels", "{y}", "--rules", "softest"), "--rules must be"),
    ],
)
def test_bad_input(files, options, told):
    words = [option.format(y=files / "y.npy") for option in options]
    result = run("predict", files / "X.npy", *words, "--no-check")
    assert result.exit_code == 2 and told in result.stderr
