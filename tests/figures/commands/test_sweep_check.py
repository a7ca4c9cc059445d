"""`prunelaw sweep-check`: its account, its mapping files, and exit code 2 for bad input."""

import json
from pathlib import Path

from click.testing import CliRunner

from prunelaw_figures.cli import main

FILES = Path(__file__).resolve().parents[2] / "sim" / "readers" / "files"
RUNS = "run,pool,unique_samples,samples_seen,val_acc\na,web,100,200,50\nb,web,100,400,60\n"


def run(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def refused(*arguments):
    result = run("sweep-check", *arguments)
    assert result.exit_code == 2 and result.stdout == ""
    return " ".join(result.stderr.split())


def test_what_it_prints(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(RUNS)
    result = run("sweep-check", path, "--metric", "val_acc", "--units", "percent")
    assert result.exit_code == 0
    for words in (
        "format table: a table with a header line",
        "val_acc",
        "accuracy",
        "200 to 400",
        "2 rows read, 2 used",
        "2 runs, 1 pools",
        "no: needs parameters",
        "note: computed epochs",
    ):
        assert words in result.stdout


def test_a_mapping_is_saved_and_used_again(tmp_path):
    options = ("--metric", "val/accuracy", "--batch-size", "20", "--points", "all")
    names = ("--from-run", "{pool}_{unique_samples}_s{seed}")
    saved, written = tmp_path / "m.toml", tmp_path / "runs.csv"
    files = ("--save-mapping", saved, "--output", written)
    first = run("sweep-check", FILES / "tensorboard", *options, *names, *files, "--json")
    assert first.exit_code == 0
    again = run("sweep-check", FILES / "tensorboard", "--mapping", saved, "--json")
    one, two = json.loads(first.stdout), json.loads(again.stdout)
    assert two.pop("why") == "as the option says" and "version" in one.pop("why")
    assert one.pop("mapping") != two.pop("mapping")  # the format is in the file
    assert one == two
    assert one["replicates"] == {"points": 3, "most": 2}
    copy = json.loads(run("sweep-check", written, "--json").stdout)
    assert copy["columns"][0]["values"] == ["web_100_s0", "web_100_s1"]
    assert "--save-mapping must be a new file" in refused(written, "--save-mapping", saved)
    assert "--out must be a new file" in refused(written, "--output", tmp_path / "no" / "x.csv")


def test_bad_input_is_exit_code_2(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(RUNS)
    assert "no column 'error'" in refused(path)
    assert "no such file" in refused(tmp_path / "absent")
    assert "50 looks like per cent" in refused(path, "--metric", "val_acc")
    assert "--batch-size must be a number like" in refused(path, "--batch-size", "many")
    assert "units must be one of" in refused(path, "--units", "inches")
    assert not list(tmp_path.glob("*.toml"))


def test_fit_and_plan_take_the_mapping(tmp_path):
    lines = RUNS.splitlines()[:1] + [
        f"r{pool}{i},{pool},1000,{2000 * 4**i},{100 - 60 * 0.8**i - 5 * (pool == 'books'):.2f}"
        for pool in ("web", "books")
        for i in range(5)
    ]
    path, saved = tmp_path / "runs.csv", tmp_path / "m.toml"
    path.write_text("\n".join(lines) + "\n")
    options = ("--map", "accuracy=val_acc", "--units", "percent", "--save-mapping", saved)
    assert run("sweep-check", path, *options).exit_code == 0
    fitted = run("fit", path, "--mapping", saved, "--json")
    assert fitted.exit_code == 0 and json.loads(fitted.stdout)["law"] == "utility"
    planned = run(
        "plan", path, "--mapping", saved, "--budget", "100k", "--replicates", 20, "--json"
    )
    assert planned.exit_code == 0 and json.loads(planned.stdout)["chosen"]["pools"]


def test_rows_that_are_no_results_are_asked_about_and_left_out(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(RUNS + "c,web,100,800,\nd,web,100,900,70\n")
    known = ("--map", "accuracy=val_acc", "--units", "percent")
    said = refused(path, *known)
    assert "line 4" in said and "--drop missing" in said
    result = run("sweep-check", path, *known, "--drop", "missing", "--where", "run=a,b,c", "--json")
    found = json.loads(result.stdout)
    assert found["rows"] == {"read": 4, "used": 2}
    assert [part["rows"] for part in found["dropped"]] == [1, 1]


def test_every_verb_that_reads_chooses_rows():
    for verb in ("sweep-check", "fit", "plan", "advise", "verify"):
        words = run(verb, "--help").stdout
        assert "--where COLUMN=VALUE" in words and "--drop" in words
