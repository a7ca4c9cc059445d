"""`prunelaw plan`: which pools, with which weights, for how many epochs; and how sure that is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.options import (
    FULL,
    GROUP,
    JSON,
    LEVEL,
    POOLS_ARE,
    SEED,
    figure_option,
    reading_options,
    several,
    tell_notes,
)
from prunelaw_figures.terminal.output import Amount

if TYPE_CHECKING:
    from prunelaw_sim.pools.ensemble import PoolEnsemble
    from prunelaw_sim.tables.mapping import ColumnMapping

FORGOTTEN = 1000.0
OF_PLAN = ("budget", "selection_cost", "scored", "run_limit", "scatter", "level")


@click.command()
@click.argument("table")
@click.option(
    "--budget", type=Amount(), required=True, help="Compute in samples seen: 640M, 3B, 6.4e8."
)
@click.option(
    "--selection-cost",
    type=float,
    default=0.0,
    help="Compute of scoring one sample, in samples seen; a forward pass is about .33.",
)
@click.option("--scored", type=Amount(), help="How many samples are scored; all of them if absent.")
@click.option(
    "--convention",
    help="paper, official_code or effective_data, of the utility law; runs: instead of all laws "
    "that they leave; parameters without the column: paper.",
)
@click.option("--a", type=float, help="For a table of parameters without the column a.")
@click.option("--d", type=float, help="For a table of parameters without the column d.")
@click.option(
    "--stretch",
    type=float,
    help="Half-lives in a mixture grow as (1/weight)^STRETCH; 1 (default) as published, 0: not at "
    "all; runs: of the utility law alone.",
)
@LEVEL
@SEED
@click.option("--replicates", type=int, default=400, help="Draws of the uncertainty.")
@click.option("--run-limit", type=Amount(), help="Longest run worth adding; half the budget.")
@click.option("--run-scatter", "scatter", type=float, help="Standard deviation of one run's error.")
@POOLS_ARE
@GROUP
@several(
    "--size", "sizes", "POOL=AMOUNT",
    "Unique samples of a pool; of runs, instead of the most they had",
)  # fmt: skip
@reading_options
@figure_option("Write the Pareto curve over compute to this PNG file.")
@FULL
@JSON
def command(table: str, figure: Path | None, **options: Any) -> None:
    """Plan a training: use these pools, expect this error; next best; runs worth adding.

    \b
    TABLE holds pools (columns name, size, b, tau, a, d; b_se and tau_se for intervals) or runs to
    fit them to (columns pool, unique_samples, samples_seen, error or accuracy; any format that
    `prunelaw sweep-check` reads):
      prunelaw plan pools.csv --budget 640M
      prunelaw plan runs.csv --budget 3B --convention official_code --figure plan.png
    Scores cost a third of a training step, for each of 128 million samples:
      prunelaw plan runs.csv --budget 640M --selection-cost 0.33 --scored 128M --json
    Accuracies in per cent, under another name:
      prunelaw plan runs.csv --budget 640M --map accuracy=top1 --units percent

    Deterministic for a seed. An existing file is never overwritten.
    """
    from prunelaw_figures.words.document import print_result
    from prunelaw_figures.words.plan import plan_blocks
    from prunelaw_sim.common.new_file import check_new_file
    from prunelaw_sim.pools.plan import plan

    check_new_file("--figure", figure)
    asked = {name: options.pop(name) for name in OF_PLAN}
    ensemble, notes = _read(table, budget=asked["budget"], **options)
    tell_notes(notes)
    found = plan(ensemble, **asked)
    if figure is not None:
        from prunelaw_figures.plots.decision_map import decision_map
        from prunelaw_figures.plots.style import save

        save(decision_map(ensemble, found), figure, "--figure")
    print_result(found, plan_blocks(found))


def _read(
    table: str,
    *,
    budget: float,
    stretch: float | None,
    seed: int,
    replicates: int,
    pools_are: str | None,
    group: str | None,
    sizes: dict[str, str],
    mapping: "ColumnMapping",
    **of_table: Any,
) -> "tuple[PoolEnsemble, Sequence[object]]":
    """What is known of the pools, from either kind of table."""
    from prunelaw.errors import InputError
    from prunelaw_sim.common.amounts import parse_amount
    from prunelaw_sim.pools.known import known_from_runs
    from prunelaw_sim.pools.tables import PoolTable, read_pools

    amounts = {name: parse_amount(f"--size {name}", text) for name, text in sizes.items()}
    of_pools = {name: of_table[name] for name in ("a", "d", "convention")}
    content = read_pools(table, mapping=mapping, sizes=amounts, **of_pools)
    draws: dict[str, Any] = {"seed": seed, "replicates": replicates, "pools_are": pools_are}
    if isinstance(content, PoolTable):
        if group:
            raise InputError(f"--group belongs to a table of runs; {table} holds parameters")
        _ask_about(budget, [pool.size for pool in content.pools])
        given = 1.0 if stretch is None else stretch
        return content.ensemble(**draws, stretch=given), content.notes
    _ask_about(budget, content["unique_samples"].tolist())
    known = known_from_runs(
        content, budget, convention=of_table["convention"], stretch=stretch, group=group,
        sizes=amounts, **draws,
    )  # fmt: skip
    laws = [f"laws: {', '.join(known.laws)}; pools: {known.pools_are}"]
    return known.ensemble, [*content.notes, *laws, *known.warnings]


def _ask_about(budget: float, sizes: "Sequence[float]") -> None:
    """`InputError` for a budget a thousand times too small: its unit was forgotten."""
    from prunelaw.errors import InputError

    if 1.0 <= budget < min(sizes) / FORGOTTEN:
        raise InputError(
            f"--budget {budget:g} is less than a thousandth of the smallest pool "
            f"({min(sizes):g} samples), too little for a plan; is it {budget:g}M or {budget:g}k?"
        )
