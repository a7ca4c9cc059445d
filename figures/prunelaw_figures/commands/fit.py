"""`prunelaw fit`: fit a law to a table of runs and say what the fit is worth."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal import make_table, print_json, print_table

if TYPE_CHECKING:
    from prunelaw_sim.sweep import Sweep

LAWS = ("utility", "no-decay", "effective-data", "pruning")


def pairs(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """`name=value` options as a mapping; click's complaint names the option otherwise."""
    result = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise click.BadParameter(f"{text!r} is not of the form name=value", ctx, param)
        result[name.strip()] = value.strip()
    return result


def map_option(text: str) -> Callable[[Any], Any]:
    """The option --map of verbs that read a table."""
    return click.option(
        "--map", "mapping", multiple=True, callback=pairs, metavar="CANONICAL=COLUMN", help=text
    )


def constant_option(text: str) -> Callable[[Any], Any]:
    """The option --constant of verbs that read a table."""
    return click.option(
        "--constant",
        "constants",
        multiple=True,
        callback=pairs,
        metavar="CANONICAL=VALUE",
        help=text,
    )


@click.command()
@click.argument("table")
@click.option(
    "--law",
    default="utility",
    show_default=True,
    help="utility, no-decay, effective-data, pruning.",
)
@click.option(
    "--convention",
    default="paper",
    show_default=True,
    help="Of the utility law: paper, official_code or effective_data.",
)
@click.option(
    "--hold-out-above",
    type=float,
    help="Predict, do not fit, rows with more samples_seen (pruning: dataset_size) than this.",
)
@click.option("--group", help="Which group of runs; needed if the table holds several.")
@map_option("The table's name of a canonical column; repeatable.")
@constant_option("A value for all rows of a column that the table does not have; repeatable.")
@click.option(
    "--reader-option",
    "options",
    multiple=True,
    callback=pairs,
    metavar="NAME=VALUE",
    help="For the format's reader, as delimiter=; or downstream=vtab+; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    table: str,
    law: str,
    convention: str,
    hold_out_above: float | None,
    group: str | None,
    mapping: dict[str, str],
    constants: dict[str, str],
    options: dict[str, str],
    as_json: bool,
) -> None:
    """Fit a law to TABLE, a CSV file or the folder of the public OpenCLIP scaling files.

    \b
    Utility decay; runs beyond 20 billion samples seen are predicted, not fitted:
      prunelaw fit runs.csv --law utility --hold-out-above 2e10
    Columns with other names, one pool for all rows:
      prunelaw fit runs.csv --map error=val_loss --map samples_seen=tokens \\
          --constant pool=C4 --constant metric=loss
    The public OpenCLIP runs, one architecture:
      prunelaw fit scaling-laws-openclip/ --group ViT-B-32 --hold-out-above 2e10 --json
    The pruning theory, with effective dimension and angle:
      prunelaw fit pruned.csv --law pruning

    \b
    Canonical columns: pool, unique_samples, samples_seen, error (utility laws);
    dataset_size, keep_fraction, rule, error (pruning). Also group, epochs, error_se, seed.
    """
    from prunelaw._checks import check_choice, check_real
    from prunelaw.utility import CONVENTIONS

    check_choice("--law", law, LAWS)
    check_choice("--convention", convention, CONVENTIONS)
    if hold_out_above is not None:
        check_real("--hold-out-above", hold_out_above, 0.0, low_open=True)
    extra = {**options, **({"constants": constants} if constants else {})}
    from prunelaw_sim.readers import read

    sweep = read(table, mapping=mapping or None, **extra)
    for note in sweep.notes:
        click.echo(f"note: {note}", err=True)
    sweep = _one_group(sweep, group)
    from prunelaw_sim.laws import fit

    values = fit(law, sweep, convention=convention, hold_out_above=hold_out_above).to_dict()
    if as_json:
        print_json(values)
    else:
        _print(values)


def _one_group(sweep: "Sweep", group: str | None) -> "Sweep":
    """The rows of one group: the chosen one, or all if there is no choice."""
    from prunelaw.errors import InputError

    if group is not None:
        return sweep.select(group=group)
    groups = sweep.values("group") if "group" in sweep.columns else []
    if len(groups) > 1:
        raise InputError(f"--group must be one of {', '.join(groups)}; it was not given")
    return sweep


def _print(values: dict[str, Any]) -> None:
    rows = [(name, *_number(values, name)) for name in _parameter_names(values)]
    title = f"{values['law']} law" + (f", {values['convention']}" if "convention" in values else "")
    print_table(make_table(title, ("parameter", "value", "standard error"), rows))
    click.echo(f"rmse {values['rmse']:.5g} of the fitted points")
    if values["held_out"]:
        held_out = values["held_out"]
        click.echo(f"held out: rmse {held_out['rmse']:.5g} of {held_out['points']:.0f} points")
    for name, why in values["not_identified"].items():
        click.echo(f"not identified: {name}: {why}")
    for reason in values.get("reasons", ()):
        click.echo(f"does not describe the data: {reason}")


def _parameter_names(values: dict[str, Any]) -> list[str]:
    if values["law"] == "pruning":
        return ["dimension", "theta", "scale", "floor"]
    return ["a", "d", *(f"{p}[{pool}]" for pool in values["pools"] for p in ("b", "tau"))]


def _number(values: dict[str, Any], name: str) -> tuple[str, str]:
    """Value and standard error of `a`, or of `b[pool]`, as texts."""
    short, _, pool = name.rstrip("]").partition("[")
    value = values["pools"][pool][short] if pool else values[short]
    error = values["standard_errors"].get(name)
    return ("∞" if value is None else f"{value:.6g}", "" if error is None else f"{error:.2g}")
