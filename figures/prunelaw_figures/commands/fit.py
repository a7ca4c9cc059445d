"""`prunelaw fit`: fit a law to a table of runs, or all laws, and say what the fit is worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.output import print_json
from prunelaw_figures.terminal.reading_options import asked, pairs, reading_options

if TYPE_CHECKING:
    from prunelaw_sim.laws.comparison import LawComparison
    from prunelaw_sim.tables.sweep import Sweep

# As `prunelaw_sim.laws.registry.LAWS`, which costs seconds to import; "all" compares them.
LAWS = (
    "utility",
    "no-decay",
    "effective-data",
    "data-constrained",
    "overfit",
    "power-law",
    "power-law-floor",
    "pruning",
    "all",
)
WITH_CONVENTION = ("utility", "no-decay", "effective-data")


@click.command()
@click.argument("table")
@click.option(
    "--law",
    default="utility",
    show_default=True,
    help=f"{', '.join(LAWS[:-1])}; all: side by side.",
)
@click.option(
    "--convention",
    help="Of the utility law: paper (default), official_code or effective_data.",
)
@click.option(
    "--hold-out-above",
    type=float,
    help="Predict, do not fit, rows with more samples_seen (pruning: dataset_size) than this.",
)
@click.option("--group", help="Which group of runs; needed if the table holds several.")
@click.option("--together", is_flag=True, help="Groups have a, d and b of their own, and share τ.")
@click.option(
    "--stretch",
    metavar="NUMBER|fit",
    help="s of τ ∝ (subset's size)^s: 1 (default) as published, 0 per showing, fit.",
)
@click.option(
    "--bound",
    "bounds",
    multiple=True,
    callback=pairs,
    metavar="NAME=LOW:HIGH",
    help="Range of a parameter, by name or kind, as d=0:0.2 or tau=6:6; repeatable.",
)
@click.option("--ceiling", type=float, help="Keep predicted errors below this, smoothly.")
@click.option(
    "--intervals",
    "level",
    type=float,
    metavar="LEVEL",
    help="Add profile-likelihood intervals of all parameters, at 0.9, say.",
)
@click.option("--log-error", is_flag=True, help="Fit log error: for losses over decades.")
@click.option(
    "--figure",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --law all: draw the laws into a new PNG file.",
)
@reading_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    table: str,
    law: str,
    convention: str | None,
    hold_out_above: float | None,
    group: str | None,
    together: bool,
    stretch: str | None,
    bounds: dict[str, str],
    ceiling: float | None,
    level: float | None,
    log_error: bool,
    figure: Path | None,
    as_json: bool,
    **about_table: Any,
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
      prunelaw fit scaling-laws-openclip/ --together --hold-out-above 2e10 --intervals 0.9
    The pruning theory, with effective dimension and angle:
      prunelaw fit pruned.csv --law pruning
    Every law that the columns allow, judged by the largest budgets:
      prunelaw fit runs.csv --law all --figure laws.png

    \b
    Canonical columns: pool, unique_samples, samples_seen, error (utility laws);
    samples_seen, unique_samples, parameters, error (data-constrained, overfit);
    compute, error (power laws); dataset_size, keep_fraction, rule, error (pruning).
    Also group, epochs, error_se, seed, batch_size.
    """
    _check(law, convention, hold_out_above, level, figure)
    chosen: dict[str, Any] = {"hold_out_above": hold_out_above} | _chosen(
        convention, together, stretch, bounds, ceiling, log_error
    )
    from prunelaw_sim.readers import read

    sweep = read(table, mapping=asked(**about_table))
    for note in sweep.notes:
        click.echo(f"note: {note}", err=True)
    sweep = sweep if together and group is None else _one_group(sweep, group)
    from prunelaw_figures.words.document import print_blocks
    from prunelaw_figures.words.fits import comparison_blocks, fit_blocks

    if law == "all":
        from prunelaw_sim.laws.comparison import compare_laws

        found = compare_laws(sweep, **chosen)
        if figure:
            _draw(found, figure)
        blocks = comparison_blocks
    else:
        from prunelaw_sim.laws.registry import fit

        found, blocks = fit(law, sweep, **chosen), fit_blocks
    values = found.to_dict()
    if level is not None:
        values["intervals"] = _intervals(found, level)
    if as_json:
        print_json(values)
    else:
        print_blocks(blocks(values))


def _chosen(
    convention: str | None,
    together: bool,
    stretch: str | None,
    bounds: dict[str, str],
    ceiling: float | None,
    log_error: bool,
) -> dict[str, Any]:
    """The options that were given, as the fit takes them."""
    options: dict[str, Any] = {"convention": convention} if convention else {}
    options |= {"together": True} if together else {}
    options |= {"log_error": True} if log_error else {}
    options |= {"ceiling": ceiling} if ceiling is not None else {}
    if stretch is not None:
        options["stretch"] = None if stretch == "fit" else _number("--stretch", stretch)
    if bounds:
        options["bounds"] = {name: _ends(name, text) for name, text in bounds.items()}
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


def _intervals(found: Any, level: float) -> dict[str, Any]:
    from prunelaw_sim.common.plain import to_plain
    from prunelaw_sim.fits.intervals import parameter_intervals

    return to_plain(parameter_intervals(found, level))


def _check(
    law: str,
    convention: str | None,
    hold_out_above: float | None,
    level: float | None,
    figure: Path | None,
) -> None:
    """Complaints that name the option, before anything is read."""
    from prunelaw.checks import check_choice, check_real
    from prunelaw.decay.utility import CONVENTIONS
    from prunelaw_sim.common.new_file import check_new_file

    check_choice("--law", law, LAWS)
    if convention is not None:
        check_choice("--convention", convention, CONVENTIONS)
        check_choice("--law with --convention", law, WITH_CONVENTION)
    if hold_out_above is not None:
        check_real("--hold-out-above", hold_out_above, 0.0, low_open=True)
    if level is not None:
        check_real("--intervals", level, 0.0, 1.0, low_open=True, high_open=True)
        check_choice("--law with --intervals", law, LAWS[:-2])
    if figure is not None:
        check_choice("--law with --figure", law, ("all",))
    check_new_file("--figure", figure)


def _draw(found: "LawComparison", path: Path) -> None:
    from prunelaw_figures.plots.law_comparison import law_comparison
    from prunelaw_figures.plots.style import save

    save(law_comparison(found), path, "--figure")
    click.echo(f"wrote {path}", err=True)


def _one_group(sweep: "Sweep", group: str | None) -> "Sweep":
    """The rows of one group: the chosen one, or all if there is no choice."""
    from prunelaw.errors import InputError

    if group is not None:
        return sweep.select(group=group)
    groups = sweep.values("group") if "group" in sweep.columns else []
    if len(groups) > 1:
        raise InputError(f"--group must be one of {', '.join(groups)}; it was not given")
    return sweep
