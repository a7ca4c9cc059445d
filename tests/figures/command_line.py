"""The command line, called in this process."""

import json

from click.testing import CliRunner

from prunelaw_figures.cli import main

POINT = ["solve", "--alpha-tot", "3", "--keep", "0.5", "--theta", "0.3", "--rule", "hard"]


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)  # exactly one object, nothing around it
