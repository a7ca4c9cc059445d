"""`prunelaw verify`: the main job, with its three tables on stdout and a report folder."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.interrupt import keeps
from prunelaw_figures.terminal.options import (
    FILE,
    JSON,
    SEED,
    json_wanted,
    reading_options,
)
from prunelaw_figures.terminal.output import progress_bar, say

if TYPE_CHECKING:
    from prunelaw_sim.tables.mapping import ColumnMapping
    from prunelaw_sim.verification.run import Outcome


@click.command()
@click.option("--quick", is_flag=True, help="Fewer sizes, trials and runs: under 30 s.")
@click.option(
    "--sweep",
    "table",
    metavar="PATH",
    help="Your table (CSV) or the folder of OpenCLIP files, in place of the embedded sweep.",
)
@reading_options
@click.option(
    "--out",
    type=FILE,
    metavar="DIR",
    help="Report folder; if it exists, a new folder is made inside. [default: reports/verify-...]",
)
@SEED
@JSON
def command(
    quick: bool,
    table: str | None,
    mapping: "ColumnMapping",
    out: Path | None,
    seed: int,
) -> None:
    """Check both theories here and now, and write a report.

    \b
    1. pruning theory against simulated students, extrapolated in 1/N, with one p-value
    2. utility decay: the published fits, in three conventions, and the best filter
    3. both laws fitted to a real sweep, with held-out prediction error

    \b
    Everything, under 3 minutes on two cores:
      prunelaw verify
    A first look, under 30 seconds:
      prunelaw verify --quick
    Part 3 on your own runs, or on the public OpenCLIP files:
      prunelaw verify --sweep runs.csv --map error=val_err --out reports/mine
      prunelaw verify --sweep scaling-laws-openclip/

    Exit code 1 if theory and simulation disagree (chi-square p < 0.001), a published number is
    not met, or a part fails; the other parts' results are written all the same.
    """
    from prunelaw.checks import check_integer

    check_integer("--seed", seed, 0)
    from prunelaw_sim.tables.mapping import ColumnMapping

    if mapping != ColumnMapping() and table is None:
        raise click.UsageError(
            "--map, --metric and the like say how the table of --sweep PATH is read; give it"
        )
    from prunelaw_figures.words.document import Text, print_blocks, print_result
    from prunelaw_figures.words.report import part_blocks, verdict, write
    from prunelaw_sim.verification.run import FULL, QUICK, new_folder, verify

    sweeps = None
    if table is not None:
        from prunelaw_sim.readers import read

        sweeps = (read(table, mapping=mapping),)
    folder = new_folder(out, time.localtime())
    keeps(f"{folder} holds the parts that were finished")

    def finished(name: str, outcome: "Outcome") -> None:
        if not json_wanted():
            print_blocks(part_blocks(name, outcome))

    told = {"show": progress_bar, "written": write, "finished": finished}
    state = verify(QUICK if quick else FULL, seed, folder, sweeps=sweeps, **told)
    print_result(state, [Text(f"Report: {folder / 'index.html'}")])
    for outcome in state.outcomes.values():
        say(verdict(outcome), err=True)
    if not state.good:
        raise click.ClickException(f"not everything is good; see {folder / 'index.html'}")
