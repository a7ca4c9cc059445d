"""`prunelaw plan`: what it prints, its JSON, its figure, and exit code 2 for bad input."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from prunelaw_figures.cli import main

ROOT = Path(__file__).resolve().parents[3]
POOLS = ROOT / "docs" / "examples" / "pools.csv"
RUNS = ROOT / "docs" / "examples" / "pool_runs.csv"
FAST = ("--replicates", 20)


def run(*arguments):
    return CliRunner().invoke(main, ["plan", *map(str, arguments)], catch_exceptions=False)


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)  # exactly one object, nothing around it


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and result.stdout == ""
    return " ".join(result.stderr.split())


def test_json_of_parameters():
    found = answer(POOLS, "--budget", "640M")
    assert found["conventions"] == ["official_code"]
    assert found["chosen"]["pools"] == ["top 0-10%", "top 10-20%"]
    assert found["chosen"]["error"] == pytest.approx(1.0 - 0.3855, abs=5e-5)  # published: 38.55 %
    assert found["chosen"]["epochs"] == 25.0
    assert found["chosen"]["low"] is None
    assert found["switches"][0]["budget"] == pytest.approx(100.54e6, rel=1e-4)
    assert found["switches"][2]["budget"] is None
    assert found["switches"][2]["budget_is"] == "beyond"
    assert {note["kind"] for note in found["warnings"]} == {"no_uncertainty", "no_schedule"}


@pytest.fixture(scope="module")
def of_runs():
    return answer(RUNS, "--budget", "1B", *FAST)


def test_json_of_runs(of_runs):
    found = of_runs
    chosen, second = found["chosen"], found["next_best"]
    assert chosen["low"] < chosen["error"] < chosen["high"]
    assert chosen["error"] < second["error"] and 0.0 < found["better"] < 1.0
    runs = found["next_runs"]
    assert [r["reduction"] for r in runs] == sorted((r["reduction"] for r in runs), reverse=True)
    assert runs[0]["regret_now"] == pytest.approx(chosen["regret"])


def test_says_it_in_words_and_draws_once(tmp_path):
    path = tmp_path / "plan.png"
    arguments = (RUNS, "--budget", "1B", *FAST, "--convention", "paper", "--full", "--figure", path)
    text = run(*arguments).stdout
    for part in ("use these pools, 1B samples", "expect error 0.", " at 90 %)", "next best: ",
                 "better with probability", "a 2nd pool (top 10-20%) pays from", "doublings",
                 "runs worth adding", "theorem: ", "as published: ", "extension: "):  # fmt: skip
        assert part in text
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert "--figure must be a new file" in refused(*arguments)
    assert path.read_bytes() == content
    assert "in a folder that exists" in refused(*arguments[:-1], tmp_path / "no" / "plan.png")


def test_selection_is_on_the_compute_axis():
    found = run(POOLS, "--budget", "100M", "--selection-cost", 0.25, "--scored", "128M")
    assert "scores take 32M of the 100M (32 %)" in found.stdout
    assert "scores pay for themselves from" in found.stdout


def pools_csv(tmp_path, *lines, header="name,size,b,tau,a,d"):
    path = tmp_path / "pools.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


GOOD = "good,1e6,-0.2,6,0.04,0.08"


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--budget", "640m"), "a million is M"),
            (("--budget", "0.5"), "--budget must be finite and in [1, inf), got 0.5"),
            (("--budget", "1M", "--level", 2), "--level must"),
            (("--budget", "1M", "--selection-cost", -1), "--selection-cost must"),
            (("--budget", "1M", "--convention", "none"), "--convention must be one of paper"),
            (("--budget", "1M", "--group", "x"), "--group belongs to a table of runs"),
            (("--budget", "1M", "--size", "web=2M"), "--size names 'web', which is no pool"),
            (("--budget", "1M", "--units", "percent"), "units belong to a table of runs"),
            (("--budget", "1M", "--a", 1), "--a and as a column"),
            ((), "Missing option '--budget'"),
        ],
    )
    def test_options(self, tmp_path, arguments, message):
        assert message in refused(pools_csv(tmp_path, GOOD), *arguments)

    def test_files(self, tmp_path):
        assert "no such file" in refused(tmp_path / "none.csv", "--budget", "1M")
        overlap = pools_csv(tmp_path, GOOD + ",0,.2", "poor,1e6,-.1,6,.04,.08,.1,.3",
                            header="name,size,b,tau,a,d,quantile_low,quantile_high")  # fmt: skip
        found = answer(overlap, "--budget", "1M")
        assert found["alternatives"] and len(found["chosen"]["pools"]) == 1
        said = refused(overlap, "--budget", "1M", "--pools-are", "disjoint")
        assert "share samples" in said

    @pytest.mark.parametrize(
        ("errors", "message"),
        [
            (
                ("62", "55", "48", "44", "42", "41"),
                "line 2, column 'error': 62 looks like per cent",
            ),
            ((".62", ".55", "48", ".44", ".42", ".41"), "line 4, column 'error': 48 looks like"),
            ((".5",) * 6, "column error: all 6 rows have the error 0.5"),
            ((".6", ".5", ".45"), "4 parameters (a, d, b[p], tau[p]), but only 3 rows"),
            ((".6", ".5", ".45", "much", ".4", ".3"), "line 5, column 'error'"),
        ],
    )
    def test_runs(self, tmp_path, errors, message):
        path = tmp_path / "runs.csv"
        lines = [f"p,1e6,{2.0**i * 1e6},{error}" for i, error in enumerate(errors)]
        path.write_text("pool,unique_samples,samples_seen,error\n" + "\n".join(lines) + "\n")
        assert message in refused(path, "--budget", "1M")

    def test_percent_is_read_when_said(self, tmp_path, of_runs):
        text = RUNS.read_text().replace("error,metric", "top1,metric").splitlines()
        rows = [line.split(",") for line in text[1:]]
        for row in rows:
            row[4] = f"{100.0 * (1.0 - float(row[4])):.5f}"
        path = tmp_path / "runs.csv"
        path.write_text("\n".join([text[0], *map(",".join, rows)]) + "\n")
        options = ("--budget", "1B", *FAST, "--map", "accuracy=top1")
        assert "looks like" in refused(path, *options)
        same = answer(path, *options, "--units", "percent")["chosen"]["error"]
        assert same == pytest.approx(of_runs["chosen"]["error"])
