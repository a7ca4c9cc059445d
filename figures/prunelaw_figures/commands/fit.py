"""`prunelaw fit`: fit a law to a table of runs, or all laws, and say what the fit is worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.options import (
    GROUP,
    JSON,
    complete,
    figure_option,
    read_runs,
    reading_options,
    several,
)
from prunelaw_figures.terminal.output import Amount, say
from prunelaw_sim.laws.catalogue import names

if TYPE_CHECKING:
    from prunelaw_sim.tables.mapping import ColumnMapping
    from prunelaw_sim.tables.sweep import Sweep


@click.command()
@click.argument("table")
@click.option(
    "--law",
    default="utility",
    help=f"{', '.join(names())}; all: side by side.",
    shell_complete=complete(lambda: [*names(), "all"]),
)
@click.option(
    "--convention", help="Of the utility law: paper (default), official_code or effective_data."
)
@click.option(
    "--hold-out-above",
    type=Amount(),
    help="Predict, do not fit, rows with more samples_seen (pruning: dataset_size) than this.",
)
@GROUP
@click.option("--together", is_flag=True, help="Groups have a, d and b of their own, and share τ.")
@click.option(
    "--stretch",
    metavar="NUMBER|fit",
    help="s of τ ∝ (subset's size)^s: 1 (default) as published, 0 per showing, fit.",
)
@several(
    "--bound", "bounds", "NAME=LOW:HIGH",
    "Range of a parameter, by name or kind, as d=0:0.2 or tau=6:6",
)  # fmt: skip
@click.option("--ceiling", type=float, help="Keep predicted errors below this, smoothly.")
@click.option(
    "--level",
    "--intervals",
    "level",
    type=float,
    help="Add profile-likelihood intervals of all parameters, at 0.9, say.",
)
@click.option("--log-error", is_flag=True, help="Fit log error: for losses over decades.")
@click.option(
    "--loss",
    metavar="squares|huber:DELTA",
    help="huber: of log errors, robust against runs far off; DELTA 1e-3 as in Hoffmann et al.",
)
@click.option(
    "--samples-from-compute", is_flag=True, help="chinchilla: samples seen are compute/(6 N)."
)
@figure_option("With --law all: draw the laws into a new PNG file.")
@reading_options
@JSON
def command(
    table: str,
    mapping: "ColumnMapping",
    law: str,
    group: str | None,
    level: float | None,
    figure: Path | None,
    **options: Any,
) -> None:
    """Fit a law to TABLE, a file or folder of runs (`prunelaw sweep-check` says how it is read).

    \b
    Utility decay; runs beyond 20 billion samples seen are predicted, not fitted:
      prunelaw fit runs.csv --law utility --hold-out-above 2e10
    Columns with other names, one pool for all rows:
      prunelaw fit runs.csv --map error=val_loss --map samples_seen=tokens \\
          --constant pool=C4 --constant metric=loss
    A mapping that sweep-check saved:
      prunelaw fit lightning_logs/ --mapping m.toml --law utility
    The public OpenCLIP runs, one architecture:
      prunelaw fit scaling-laws-openclip/ --group ViT-B-32 --hold-out-above 2e10 --json
    Half-lives shared by both architectures, and intervals:
      prunelaw fit scaling-laws-openclip/ --together --hold-out-above 2e10 --level 0.9
    The pruning theory, with effective dimension and angle:
      prunelaw fit pruned.csv --law pruning
    Every law that the columns allow, judged by the largest budgets:
      prunelaw fit runs.csv --law all --figure laws.png

    \b
    Canonical columns: pool, unique_samples, samples_seen, error (utility laws);
    samples_seen, unique_samples, parameters, error (data-constrained, overfit);
    parameters, samples_seen, error (chinchilla); compute, error (power laws);
    dataset_size, keep_fraction, rule, error (pruning).
    Also group, epochs, error_se, seed, batch_size.
    """
    chosen = _chosen(options)
    _check(law, chosen, level, figure)
    sweep = read_runs(table, mapping)
    sweep = sweep if "together" in chosen and group is None else _one_group(sweep, group)
    from prunelaw_figures.words.document import print_result
    from prunelaw_figures.words.fits import comparison_blocks, fit_blocks

    if law == "all":
        from prunelaw_sim.laws.comparison import compare_laws

        compared = compare_laws(sweep, **chosen)
        values, blocks = compared.to_dict(), comparison_blocks
        if figure:
            from prunelaw_figures.plots.law_comparison import law_comparison
            from prunelaw_figures.plots.style import save

            save(law_comparison(compared), figure, "--figure")
            say(f"wrote {figure}", err=True)
    else:
        from prunelaw_sim.common.plain import to_plain
        from prunelaw_sim.laws.registry import fit

        found = fit(law, sweep, **chosen)
        values, blocks = found.to_dict(), fit_blocks
        if level is not None:
            values["intervals"] = to_plain(found.intervals(level))
    print_result(values, blocks(values))


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as the fit takes them."""
    options = {n: v for n, v in given.items() if v is not None and v is not False and v != {}}
    if "stretch" in options:
        text = options["stretch"]
        options["stretch"] = None if text == "fit" else _number("--stretch", text)
    if "bounds" in options:
        options["bounds"] = {name: _ends(name, text) for name, text in given["bounds"].items()}
    return options


def _ends(name: str, text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    option = f"--bound {name}"
    return _number(option, low), _number(option, high if colon else low)


def _number(option: str, text: str) -> float:
    from prunelaw.errors import InputError

    try:
        return float(text)
    except ValueError as cause:
        raise InputError(f"{option} must be a number, got {text!r}") from cause


def _check(law: str, chosen: dict[str, Any], level: float | None, figure: Path | None) -> None:
    """Complaints that name the option, before anything is read."""
    from prunelaw.checks import check_choice, check_real
    from prunelaw.decay.utility import CONVENTIONS
    from prunelaw_sim.common.new_file import check_new_file
    from prunelaw_sim.laws.comparison import OPTIONS
    from prunelaw_sim.laws.registry import LAWS

    check_choice("--law", law, (*LAWS, "all"))
    if "convention" in chosen:
        check_choice("--convention", chosen["convention"], CONVENTIONS)
    taken = OPTIONS if law == "all" else LAWS[law].options
    for name in chosen:
        if name not in taken:
            option = "--bound" if name == "bounds" else f"--{name.replace('_', '-')}"
            able = [other for other in LAWS if name in LAWS[other].options]
            check_choice(f"--law with {option}", law, (*able, *["all"] * (name in OPTIONS)))
    if "hold_out_above" in chosen:
        check_real("--hold-out-above", chosen["hold_out_above"], 0.0, low_open=True)
    if level is not None:
        check_real("--level", level, 0.0, 1.0, low_open=True, high_open=True)
        check_choice("--law with --level", law, tuple(LAWS))
    if figure is not None:
        check_choice("--law with --figure", law, ("all",))
    check_new_file("--figure", figure)


def _one_group(sweep: "Sweep", group: str | None) -> "Sweep":
    """The rows of one group: the chosen one, or all if there is no choice."""
    from prunelaw.errors import InputError

    if group is not None:
        return sweep.select(group=group)
    groups = sweep.values("group") if "group" in sweep.columns else []
    if len(groups) > 1:
        raise InputError(f"--group must be one of {', '.join(groups)}; it was not given")
    return sweep
