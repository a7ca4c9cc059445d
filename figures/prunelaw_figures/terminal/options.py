"""Options that several verbs share, each declared once, and the mapping of a table of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.output import say

if TYPE_CHECKING:
    from prunelaw_sim.tables.mapping import ColumnMapping
    from prunelaw_sim.tables.sweep import Sweep

FILE = click.Path(path_type=Path)


def pairs(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """`name=value` options as a mapping; click's complaint names the option otherwise."""
    result = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise click.BadParameter(f"{text!r} is not of the form name=value", ctx, param)
        result[name.strip()] = value.strip()
    return result


def several(option: str, name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    """A repeatable option of `name=value`."""
    return click.option(
        option, name, multiple=True, callback=pairs, metavar=metavar, help=f"{text}; repeatable."
    )


def figure_option(text: str) -> Callable[[Any], Any]:
    """The option --figure."""
    return click.option("--figure", type=FILE, metavar="FILE", help=text)


def lists(option: str, kind: click.ParamType, text: str, **more: Any) -> Callable[[Any], Any]:
    """An option whose values are separated by commas, and that may be given several times."""

    def joined(_: click.Context, __: click.Parameter, values: Any) -> tuple[Any, ...]:
        return tuple(item for value in values for item in value)

    return click.option(option, multiple=True, type=kind, callback=joined, help=text, **more)


def _remember(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    ctx.meta[f"{__name__}.{param.name}"] = wanted


def _wanted(name: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(f"{__name__}.{name}"))


def json_wanted() -> bool:
    """Whether the verb that runs was given --json."""
    return _wanted("json")


def full_wanted() -> bool:
    """Whether the verb that runs was given --full."""
    return _wanted("full")


def out_option(text: str, **more: Any) -> Callable[[Any], Any]:
    """The option --out; --output is its former name."""
    return click.option("--out", "--output", "output", type=FILE, help=text, **more)


def complete(choices: Callable[[], Sequence[str]]) -> Callable[..., list[Any]]:
    """Completion in the shell by names that are looked up when they are needed."""
    from click.shell_completion import CompletionItem

    def items(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        before, comma, last = incomplete.rpartition(",")
        found = [name for name in choices() if name.startswith(last)]
        return [CompletionItem(before + comma + name) for name in found]

    return items


def rule_names() -> list[str]:
    """Texts of keep rules, up to the first parameter."""
    from prunelaw.keep.text import forms

    return [form.partition(":")[0] + ":" * (":" in form) for form in forms()]


JSON = click.option(
    "--json", is_flag=True, expose_value=False, callback=_remember,
    help="One JSON object on stdout.",
)  # fmt: skip
FULL = click.option(
    "--full", "--why", "full", is_flag=True, expose_value=False, callback=_remember,
    help="Say all that was found, and where it comes from.",
)  # fmt: skip
GROUP = click.option("--group", help="Which group of runs; needed if the table holds several.")
LEVEL = click.option("--level", type=float, default=0.9, help="Of all intervals, as 0.9.")
POOLS_ARE = click.option(
    "--pools-are", help="disjoint, or alternatives, which share samples: one of them is used."
)
SEED = click.option("--seed", type=int, default=0, help="Of all draws: same seed, same numbers.")
MAP = several("--map", "columns", "CANONICAL=COLUMN", "The table's name of a canonical column")
CONSTANT = several(
    "--constant",
    "constants",
    "CANONICAL=VALUE",
    "A value for all rows of a column that the table does not have",
)
WHERE = several(
    "--where", "where", "COLUMN=VALUE", "Only rows that hold this value, or one of several (A,B)"
)
DROP = click.option(
    "--drop",
    metavar="WHAT",
    help="Leave out, with commas: missing (rows without a value), diverged (runs with NaN).",
)
MAPPING = click.option(
    "--mapping", "mapping_file", metavar="FILE", help="A mapping file, as --save-mapping writes."
)
DEGREES = click.option("--degrees", is_flag=True, help="Angles are in degrees, in [0, 90].")
ALPHA_TOT = click.option(
    "--alpha-tot", type=float, required=True, help="Examples per dimension, P/N; > 0."
)
THETA = click.option(
    "--theta", type=float, default=0.0, help="Angle of probe and teacher, in [0, pi/2] radians."
)


def radians(theta: Any, degrees: bool) -> Any:
    """An angle, or several, in radians; `InputError` outside a quarter of a circle."""
    import numpy as np

    from prunelaw.checks import check_real
    from prunelaw.errors import InputError

    if not degrees and np.max(np.asarray(theta, dtype=float), initial=0.0) > np.pi / 2:
        raise InputError(
            f"--theta must be in [0, 1.5708] radians, got {np.max(theta):g}; for an angle in "
            "degrees add --degrees"
        )
    check_real("--theta", theta, 0.0, 90.0 if degrees else np.pi / 2)
    return np.radians(theta) if degrees else theta


# Parameter of `_mapping` → the option that gives it.
_READING = {
    "columns": MAP,
    "constants": CONSTANT,
    "mapping_file": MAPPING,
    "format": click.option("--format", help="The reader, where the content does not decide."),
    "metric": click.option("--metric", help="Which of several measurements becomes the error."),
    "measured": click.option("--measured", help="What the measurement is: error or accuracy."),
    "units": click.option("--units", help="Of error rates and accuracies: fraction or percent."),
    "points": click.option(
        "--points", help="final: the last point of each run; all: whole curves."
    ),
    "warmup": click.option(
        "--warmup", help="Drop points before: '500 steps', or samples seen as 12.8M."
    ),
    "repeats": click.option(
        "--repeats", help="Of one run at one point: refuse (default), average, last."
    ),
    "where": WHERE,
    "drop": DROP,
    "restarts": click.option(
        "--restarts", help="Of a log whose steps go back: resumed, separate (runs), unordered."
    ),
    "zero": click.option(
        "--zero", help="What step or epoch 0 is: before (training), or the first one done."
    ),
    "fraction": click.option(
        "--fraction", help="What the column of fractions counts: kept or pruned."
    ),
    "decimal": click.option(
        "--decimal", help="The decimal mark, . or , where columns do not tell."
    ),
    "equal_inputs": click.option(
        "--equal-inputs", help="Of runs at equal inputs, as other learning rates: all, or the best."
    ),
    "from_run": click.option(
        "--from-run", metavar="PATTERN", help="Columns in runs' names: '{pool}_{samples_seen}'."
    ),
    "batch_size": click.option(
        "--batch-size", metavar="AMOUNT", help="Samples of one step, all processes."
    ),
    "pool_sizes": several(
        "--pool-size", "pool_sizes", "POOL=AMOUNT", "Samples in a pool: unique ones <= these"
    ),
    "options": several(
        "--reader-option",
        "options",
        "NAME=VALUE",
        "For the format's reader, as delimiter=; or downstream=vtab+",
    ),
}


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How a table is read: the verb gets what all these options say as one `mapping`."""

    @wraps(command)
    def read_them(**given: Any) -> Any:
        about = {name: given.pop(name) for name in _READING}
        return command(mapping=_mapping(**about), **given)

    for option in reversed(_READING.values()):
        read_them = option(read_them)
    return read_them


def _mapping(
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


def read_runs(table: str, mapping: ColumnMapping) -> Sweep:
    """The runs of a table, with what the reader has to say of them on stderr."""
    from prunelaw_sim.readers import read

    sweep = read(table, mapping=mapping)
    tell_notes(sweep.notes)
    return sweep


def tell_notes(notes: Sequence[object]) -> None:
    """A line a note on stderr."""
    for note in notes:
        say(f"note: {note}", err=True)
