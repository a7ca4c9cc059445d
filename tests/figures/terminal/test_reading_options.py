"""The options of reading: pairs and amounts become one mapping, and go over that of a file."""

import click
import pytest
from click.testing import CliRunner

from prunelaw.errors import InputError
from prunelaw_figures.terminal.reading_options import asked, reading_options
from prunelaw_sim.tables.mapping import ColumnMapping


def mapping_of(*arguments):
    """(mapping, click's result) of a verb that has the options."""
    found = []

    @click.command()
    @reading_options
    def verb(**given):
        found.append(asked(**given))

    result = CliRunner().invoke(verb, arguments)
    return (found or [None])[0], result


def test_nothing_asked_leaves_everything_to_the_file():
    assert mapping_of()[0] == ColumnMapping()


def test_pairs_and_amounts():
    found, _ = mapping_of(
        *("--map", "error = top1", "--constant", "pool=clean", "--batch-size", "4K"),
        *("--pool-size", "clean=12.8M", "--units", "percent"),
    )
    assert found == ColumnMapping(
        columns={"error": "top1"},
        constants={"pool": "clean", "batch_size": 4000},
        pool_sizes={"clean": 12.8e6},
        units="percent",
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
