"""Errors name the flag that was typed, whatever the argument is called inside."""

import json
import shlex

import click
import pytest
from figures.command_line import run

from prunelaw.errors import InputError, TableError
from prunelaw_figures.terminal.flags import speaks_in_flags, with_flag


@click.command()
@click.option("--keep", type=float)
@click.option("--out", "--output", "output")
def verb(keep, output):
    if output:
        raise TableError("--out must be a new file")
    raise InputError(f"point 3: f must be in (0, 1], got {keep}")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("f must be in (0, 1]", "--keep must be in (0, 1]"),
        ("keep was 2", "--keep was 2"),
        ("theta must be small", "theta must be small"),
        ("runs.csv, line 3: keep is missing", "runs.csv, line 3: keep is missing"),
    ],
)
def test_arguments_become_flags(message, told):
    assert with_flag(message, verb) == told


def test_the_spelling_typed_is_the_spelling_told(monkeypatch):
    monkeypatch.setattr("sys.argv", ["prunelaw", "verb", "--output=x"])
    with pytest.raises(TableError, match=r"^--output must be a new file"):
        speaks_in_flags(verb).main(["--output=x"], standalone_mode=False)
    with pytest.raises(InputError, match="point 3: --keep must be in"):
        speaks_in_flags(verb).main(["--keep", "2"], standalone_mode=False)


def test_the_command_that_is_offered_reads_the_file(tmp_path):
    path = tmp_path / "my runs.csv"
    path.write_text("set,method,prune_rate,test_acc\nc,random,.3,75.2\nc,random,.6,60\n")
    asked = run("sweep-check", path)
    assert asked.exit_code == 2 and "2 things are to be said" in asked.stderr
    assert "metric='" not in asked.stderr and "mapping=" not in asked.stderr
    program, *words = shlex.split(asked.stderr.splitlines()[-1])
    assert program == "prunelaw"
    found = run(*words, "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout)["rows"]["used"] == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["solve", "--alpha-tot", 3, "--keep", 0.5, "--theta", 17], "add --degrees"),
        (["sweep", "run", "x.db", "--alpha-tot", 3, "--keep", 0.5, "--theta", 17], "add --degrees"),
        (["sweep", "run", "x.db", "--alpha-tot", 3, "--keep", 5], "point 0: --keep must be"),
        (["sweep", "run", "x.db", "--alpha-tot", 3, "--keep", 1, "--trials", 0], "--trials must"),
        (["phase-diagram", "--x", "alpha_tot=1:9:3", "--y", "f=0.1:2:3"], "upper end of f"),
        (["phase-diagram", "--x", "alpha_tot=1:9:3", "--y", "f=0.1:.9:3"], "--theta must be given"),
        (["fit", "docs/examples/pool_runs.csv", "--level", 2], "--level must be"),
    ],
)
def test_on_the_command_line(arguments, told, monkeypatch):
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
