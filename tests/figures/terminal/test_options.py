"""Options that verbs share: those of reading become one mapping, --json is known everywhere."""

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from prunelaw.errors import InputError
from prunelaw_figures.cli import main
from prunelaw_figures.terminal.options import JSON, json_wanted, radians, reading_options
from prunelaw_sim.tables.mapping import ColumnMapping


def mapping_of(*arguments):
    """(mapping, click's result) of a verb that has the options."""
    found = []

    @click.command()
    @reading_options
    def verb(mapping):
        found.append(mapping)

    result = CliRunner().invoke(verb, arguments)
    return (found or [None])[0], result


def test_nothing_asked_leaves_everything_to_the_file():
    assert mapping_of()[0] == ColumnMapping()


def test_pairs_and_amounts():
    found, _ = mapping_of(
        *("--map", "error = top1", "--constant", "pool=clean", "--batch-size", "4K"),
        *("--pool-size", "clean=12.8M", "--units", "percent"),
        *("--where", "state=COMPLETE,PRUNED", "--drop", "missing,diverged", "--zero", "done"),
        *("--restarts", "resumed", "--fraction", "pruned", "--decimal", ","),
    )
    assert found == ColumnMapping(
        columns={"error": "top1"},
        constants={"pool": "clean", "batch_size": 4000},
        pool_sizes={"clean": 12.8e6},
        units="percent",
        where={"state": "COMPLETE,PRUNED"},
        drop="missing,diverged",
        zero="done",
        restarts="resumed",
        fraction="pruned",
        decimal=",",
    )


@pytest.mark.parametrize("text", ["error", "=top1", "error= "])
def test_what_is_no_pair_is_refused(text):
    found, result = mapping_of("--map", text)
    assert found is None and result.exit_code == 2
    assert f"{text!r} is not of the form name=value" in result.output


def test_a_size_that_is_none_names_the_option_and_the_pool():
    _, result = mapping_of("--pool-size", "clean=many")
    assert isinstance(result.exception, InputError)
    assert "--pool-size clean" in str(result.exception)


@pytest.mark.parametrize(("arguments", "wanted"), [(["--json"], "True"), ([], "False")])
def test_json_is_known_to_whoever_prints(arguments, wanted):
    verb = click.command()(JSON(lambda: click.echo(json_wanted())))
    assert CliRunner().invoke(verb, arguments).output.strip() == wanted
    assert not json_wanted()  # no verb runs


def test_angles_are_radians_within_a_quarter_of_a_circle():
    assert radians(90.0, True) == pytest.approx(1.5707963267948966)
    assert radians((0.0, 0.3), False) == (0.0, 0.3)
    with pytest.raises(InputError, match="--theta"):
        radians(91.0, True)


def test_the_shell_completes_names_of_a_list():
    def names(*before, last):
        shell = ShellComplete(main, {}, "prunelaw", "_PRUNELAW_COMPLETE")
        return [item.value for item in shell.get_completions(list(before), last)]

    assert "band:" in names("solve", "--rule", last="ba")
    assert names("solve", "--rule", last="hard,ea") == ["hard,easy"]
    assert names("fit", "--law", last="no-") == ["no-decay"]
    assert "capacity" in names("figures", last="cap")
