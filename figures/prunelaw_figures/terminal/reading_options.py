"""Options of every verb that reads a table of runs, and the mapping that they make together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from prunelaw_sim.tables.mapping import ColumnMapping


def pairs(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """`name=value` options as a mapping; click's complaint names the option otherwise."""
    result = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise click.BadParameter(f"{text!r} is not of the form name=value", ctx, param)
        result[name.strip()] = value.strip()
    return result


def _several(option: str, name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return click.option(
        option, name, multiple=True, callback=pairs, metavar=metavar, help=f"{text}; repeatable."
    )


def map_option(text: str = "The table's name of a canonical column") -> Callable[[Any], Any]:
    """The option --map."""
    return _several("--map", "columns", "CANONICAL=COLUMN", text)


def constant_option(
    text: str = "A value for all rows of a column that the table does not have",
) -> Callable[[Any], Any]:
    """The option --constant."""
    return _several("--constant", "constants", "CANONICAL=VALUE", text)


mapping_option = click.option(
    "--mapping", "mapping_file", metavar="FILE", help="A mapping file, as --save-mapping writes."
)
_OPTIONS = (
    map_option(),
    constant_option(),
    mapping_option,
    click.option("--format", "format", help="The reader, where the content does not decide."),
    click.option("--metric", help="Which of several measurements becomes the error."),
    click.option("--measured", help="What the measurement is: error or accuracy."),
    click.option("--units", help="Of error rates and accuracies: fraction or percent."),
    click.option("--points", help="final: the last point of each run; all: whole curves."),
    click.option("--warmup", help="Drop points before: '500 steps', or samples seen as 12.8M."),
    click.option("--repeats", help="Of one run at one point: refuse (default), average, last."),
    click.option(
        "--from-run", metavar="PATTERN", help="Columns in runs' names: '{pool}_{samples_seen}'."
    ),
    click.option("--batch-size", metavar="AMOUNT", help="Samples of one step, all processes."),
    _several("--pool-size", "pool_sizes", "POOL=AMOUNT", "Samples in a pool: unique ones <= these"),
    _several(
        "--reader-option",
        "options",
        "NAME=VALUE",
        "For the format's reader, as delimiter=; or downstream=vtab+",
    ),
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All of them; the verb passes what it gets on to `asked`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked(
    *,
    mapping_file: str | None,
    batch_size: str | None,
    pool_sizes: dict[str, str],
    constants: dict[str, Any],
    **given: Any,
) -> ColumnMapping:
    """The mapping file, and over it what the options say."""
    from prunelaw_sim.common.amounts import parse_amount
    from prunelaw_sim.tables.mapping import ColumnMapping

    sizes = {name: parse_amount(f"--pool-size {name}", text) for name, text in pool_sizes.items()}
    if batch_size is not None:
        constants = constants | {"batch_size": parse_amount("--batch-size", batch_size)}
    return ColumnMapping.of(mapping_file).updated(pool_sizes=sizes, constants=constants, **given)
