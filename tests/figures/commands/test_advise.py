"""`prunelaw advise`: words, JSON, figure, the file of kept ids; exit code 2 for bad input."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from prunelaw_figures.cli import main

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples"
FEW = """dataset_size,keep_fraction,rule,error,error_se
100,0.5,hard,0.113,0.002
400,0.5,hard,0.0566,0.002
100,0.5,random,0.1414,0.002
400,0.5,random,0.0707,0.002
400,1,random,0.05,0.002
"""


def run(*arguments):
    return CliRunner().invoke(main, ["advise", *map(str, arguments)], catch_exceptions=False)


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and result.stdout == "", result.stdout
    return " ".join(result.stderr.split())


@pytest.fixture
def few(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text(FEW)
    return path


@pytest.fixture
def scores(tmp_path):
    path = tmp_path / "scores.csv"
    lines = [f"x{i},{i // 2}" for i in range(200)]
    path.write_text("\n".join(["id,score", *lines]) + "\n")
    return path


def test_kept_ids_of_a_scored_data_set(few, scores, tmp_path):
    kept = tmp_path / "kept.csv"
    result = run(few, "--budget", 100, "--scores", scores, "--scores-high", "hard",
                 "--output-kept", kept)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    for part in ("Which examples, of 200, at most 100 kept", "keep hard, f = 0.5",
                 "random keeping of as many: ", "everything kept: ", "hard beats random",
                 "next runs, for hard at f = 0.5", "the theory needs 6",
                 "keep 100 (rule hard, f = 0.5)", "scores at or above 50"):  # fmt: skip
        assert part in result.stdout
    assert [line.split(",")[0] for line in kept.read_text().splitlines()[-100:]] == [
        f"x{i}" for i in range(100, 200)
    ]
    before = kept.read_text()
    assert "must be a new file" in refused(few, "--budget", 100, "--scores", scores,
                                           "--output-kept", kept)  # fmt: skip
    assert kept.read_text() == before


def test_json_is_one_object(few):
    result = run(few, "--budget", "0.2k", "--json")
    found = json.loads(result.stdout)
    assert found["pools"] is None and found["scores"] is None
    assert found["pruning"]["verdict"] == "prune" and found["pruning"]["law"] == "cells"


def test_columns_by_other_names_and_constants(few, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(FEW.replace("error,", "val_err,").replace("dataset_size", "P"))
    result = run(other, "--budget", 200, "--map", "error=val_err", "--map", "dataset_size=P",
                 "--constant", "metric=error rate", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr


def test_figure_is_written_once(few, tmp_path):
    figure = tmp_path / "advice.png"
    assert run(few, "--examples", 800, "--figure", figure).exit_code == 0
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "must be a new file" in refused(few, "--examples", 800, "--figure", figure)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "which examples to keep: needs examples, the size of the data set, or a budget"),
        (("--budget", "many"), "Invalid value for '--budget'"),
        (("--examples", "100", "--budget", "200"), "--budget must be finite and in [1, 100]"),
        (("--output-kept", "k.csv", "--budget", "10"), "--out-kept belongs to --scores"),
        (("--scores-high", "hard", "--budget", "10"), "--scores-high belongs to --scores"),
        (("--budget", "10", "--level", "2"), "level must be finite and in (0, 1)"),
        (("--budget", "10", "--figure", "nowhere/a.png"), "in a folder that exists"),
        (("--budget", "10", "--score", "el2n"), "--map score=COLUMN"),
        (("--budget", "10", "--map", "error=loss"), "column 'loss'"),
    ],
)
def test_bad_input(few, arguments, message):
    assert message in refused(few, *arguments)


def test_bad_scores(few, scores, tmp_path):
    assert "200 scores for 300 examples" in refused(few, "--examples", 300, "--scores", scores)
    assert "must be one of keep, hard, easy" in refused(
        few, "--budget", 50, "--scores", scores, "--scores-high", "top"
    )
    neither = tmp_path / "neither.csv"
    neither.write_text("run,error\na,0.5\nb,0.4\n")
    message = refused(neither, "--budget", 10)
    assert "advice on pools: pool, unique_samples, samples_seen" in message
    assert "pruning: dataset_size, keep_fraction, rule" in message


def test_pools_in_words_and_picture(tmp_path):
    figure = tmp_path / "a.png"
    result = run(EXAMPLES / "pool_runs.csv", "--budget", "1B", "--replicates", 40,
                 "--figure", figure)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    for part in ("Which pools, at 1B samples seen", "law: ", "predicts the larger budgets to",
                 "by utility, official code: top 0-10%", "use these pools, 1B samples",
                 "expect error 0.", "filtering pays up to",
                 "the runs do not tell"):  # fmt: skip
        assert part in result.stdout
    assert figure.stat().st_size > 10_000


@pytest.mark.exhaustive
def test_digits_that_were_really_pruned():
    """Three seeds of small data sets: the theory predicts the largest, and little is told."""
    result = run(EXAMPLES / "pruned_digits.csv", "--examples", "1k", "--budget", 250)
    assert result.exit_code == 0, result.stderr
    for part in ("law: pruning theory with N = ", "it predicts the larger ones to",
                 "easy loses to random keeping",
                 "not told; the best estimate is to keep 250 at random",
                 "not separated from hard at f = 0.25"):  # fmt: skip
        assert part in result.stdout


def test_the_nearest_runs_lead_where_they_contradict_the_law():
    """The README's example: in words and JSON the same choice, and how it is known."""
    asked = (EXAMPLES / "pruned_digits.csv", "--examples", 400, "--budget", 240)
    result = run(*asked, "--replicates", 40)
    assert result.exit_code == 0, result.stderr
    for part in ("not told; the nearest runs are for keeping easy, f = 0.6", "beyond the data",
                 "the nearest runs, of 256 examples at f = 0.6: easy 0.0975, random 0.1275, hard",
                 "the law alone would choose hard"):  # fmt: skip
        assert part in " ".join(result.stdout.split())
    values = json.loads(run(*asked, "--replicates", 40, "--json").stdout)["pruning"]
    best = values["choice"]["best"]
    assert (values["verdict"], values["how"], best["rule"]) == ("not_told", "law", "easy")
    assert values["choice"]["deferred"] and f"{best['error']['value']:.4g}" in result.stdout
