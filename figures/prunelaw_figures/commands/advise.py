"""`prunelaw advise`: what a table of runs says of a budget, in one call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.options import (
    FILE,
    FULL,
    GROUP,
    JSON,
    LEVEL,
    POOLS_ARE,
    SEED,
    figure_option,
    read_runs,
    reading_options,
)
from prunelaw_figures.terminal.output import Amount, say

if TYPE_CHECKING:
    from prunelaw_sim.scores.files import Scores
    from prunelaw_sim.tables.mapping import ColumnMapping


@click.command()
@click.argument("table")
@click.option(
    "--budget",
    type=Amount(),
    help="Of pools: samples seen, 640M. Of pruned runs: the most examples kept, 20k.",
)
@click.option("--examples", type=Amount(), help="Size of the data set at hand: 50k.")
@click.option("--scores", metavar="FILE", help="A score an example of that data set.")
@click.option("--scores-high", metavar="MEANING", help="High scores are: keep, hard or easy.")
@click.option("--scores-column", metavar="NAME", help="Which column holds the scores.")
@click.option("--scores-id", metavar="NAME", help="Which column holds the ids.")
@click.option(
    "--scores-holds",
    metavar="WHAT",
    help="What an order of 0...n-1 is: ranks, indices-up or -down (a list sorted so), scores.",
)
@click.option(
    "--scores-never", metavar="END", help="What -1 among counts ranks as: highest or lowest."
)
@click.option(
    "--out-kept",
    "--output-kept",
    "output_kept",
    type=FILE,
    help="With --scores: write the kept ids to a new .csv or .tsv file.",
)
@GROUP
@click.option("--score", help="Runs pruned by this score; needed if the table holds several.")
@LEVEL
@POOLS_ARE
@click.option("--replicates", type=int, help="Of the uncertainty; 400 for pools, 100 for pruning.")
@SEED
@figure_option("Draw the advice into a new PNG file.")
@reading_options
@FULL
@JSON
def command(
    table: str,
    mapping: "ColumnMapping",
    examples: float | None,
    scores: str | None,
    output_kept: Path | None,
    figure: Path | None,
    scores_high: str | None,
    scores_column: str | None,
    scores_id: str | None,
    scores_holds: str | None,
    scores_never: str | None,
    **options: Any,
) -> None:
    """How much to keep and which part, by the runs in TABLE; how sure that is; the next run.

    \b
    Runs on pools (pool, unique_samples, samples_seen, error): which pools at a budget
      prunelaw advise runs.csv --budget 640M --figure advice.png
    Pruned runs (dataset_size, keep_fraction, rule, error): which examples of a data set
      prunelaw advise pruned.csv --examples 50k
    Of 50k examples at most 20k can be trained on; write their ids
      prunelaw advise pruned.csv --examples 50k --budget 20k \\
          --scores el2n.csv --scores-high hard --out-kept kept.csv
    20k examples, drawn by a rule from as many as it takes
      prunelaw advise pruned.csv --budget 20k --json

    TABLE is any file or folder that `prunelaw sweep-check` reads. Deterministic for a seed. An
    existing file is never overwritten.
    """
    from prunelaw_figures.words.advice import advice_blocks
    from prunelaw_figures.words.document import print_result
    from prunelaw_sim.advice.advise import advise
    from prunelaw_sim.common.new_file import check_new_file

    check_new_file("--figure", figure)
    meaning = {"high": scores_high, "column": scores_column, "id": scores_id}
    meaning |= {"holds": scores_holds, "never": scores_never}
    of_examples = _scores(scores, meaning, output_kept, examples)
    found = advise(read_runs(table, mapping), examples=examples, scores=of_examples, **options)
    if figure is not None:
        from prunelaw_figures.plots.advice import advise_figure
        from prunelaw_figures.plots.style import save

        save(advise_figure(found), figure, "--figure")
        say(f"wrote {figure}", err=True)
    if output_kept is not None and found.scores is not None:
        found.scores.write_kept(output_kept, "--out-kept")
        say(f"wrote {found.scores.kept} ids to {output_kept}", err=True)
    print_result(found, advice_blocks(found))


def _scores(
    path: str | None,
    meaning: dict[str, str | None],
    output_kept: Path | None,
    examples: float | None,
) -> "Scores | None":
    """The scores of the examples at hand, if they were given; complaints name the option."""
    from prunelaw.checks import check_choice
    from prunelaw.errors import InputError
    from prunelaw_sim.scores.contents import HOLDS, NEVER
    from prunelaw_sim.scores.files import HIGH, check_score_file, read_scores

    named = {f"--scores-{name}": given for name, given in meaning.items()}
    for name, given in {**named, "--out-kept": output_kept}.items():
        if given is not None and path is None:
            raise InputError(f"{name} belongs to --scores, which was not given")
    if path is None:
        return None
    for name, choices in (("high", HIGH), ("holds", HOLDS), ("never", NEVER)):
        if meaning[name] is not None:
            check_choice(f"--scores-{name}", meaning[name], choices)
    check_score_file("--out-kept", output_kept)
    if examples is not None and examples != round(examples):
        raise InputError(f"--examples must be a whole number with --scores, got {examples:g}")
    count = None if examples is None else round(examples)
    return read_scores(path, id_column=meaning.pop("id"), examples=count, **meaning)
