"""`prunelaw scores`: how difficult is each example of a data set?  Written to a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.options import JSON, SEED, out_option
from prunelaw_figures.words.document import Table, print_blocks, print_result

if TYPE_CHECKING:
    from prunelaw_sim.scores import ScoreInputs


def show_list(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Prints all scores and ends the command."""
    if not wanted:
        return
    from prunelaw_sim.scores import catalogue, score_class

    found = [(name, score_class(name)) for name in catalogue.names()]
    rows = [
        (name, (one.__doc__ or "").splitlines()[0], one.counts, str(one.usual or ""))
        for name, one in found
    ]
    print_blocks([Table("Scores", ("name", "high is", "number of", "usual"), rows)])
    ctx.exit()


@click.command()
@click.argument("dataset")
@click.option(
    "--score",
    required=True,
    help="One of --list, most with a number of models or clusters if wanted: el2n:20.",
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_list,
    help="Print all scores.",
)
@out_option("A new file, .csv or .tsv.")
@click.option("--model", default="mlp:64", help="softmax, mlp:W,.. or cnn:C,..")
@click.option(
    "--recipe",
    default="epochs=20",
    help="How models are trained: epochs or steps, batch_size, optimizer, learning_rate, schedule.",
)
@click.option(
    "--outside",
    type=int,
    help="Examples, drawn by the seed, that are not scored: the margin's probe is trained on them, "
    "influence is measured on them, the embedding learns from them.  [a fifth]",
)
@SEED
@JSON
def command(score: str, output: Path | None, **options: Any) -> None:
    """Per-example scores of a data set, high = hard, with their cost in samples seen.

    \b
    DATASET is digits, digits-even-odd, mnist, mnist-even-odd or npz:FILE (arrays inputs, labels):
      prunelaw scores digits --score el2n:20 --out el2n.csv
      prunelaw scores npz:images.npz --score ssl-prototypes --model cnn:8,16 --out ssl.csv
    All examples are scored if none is put outside:
      prunelaw scores digits --score ddd --outside 0 --json

    The file holds ids (numbers of examples, from 0), scores, and in comment lines where they come
    from; `prunelaw_sim.scores.files.read_scores` reads it.  An existing file is never overwritten.
    """
    from prunelaw_sim.scores import as_score, as_scores, compute_score
    from prunelaw_sim.scores.files import check_score_file, write_scores

    check_score_file("--out", output)
    family = as_score(score, "--score")
    inputs = _inputs(**options)
    result = compute_score(family, inputs)
    scores = as_scores(family, inputs, result)
    if output is not None:
        write_scores(output, scores, "--out")
    about: dict[str, object] = {**scores.provenance, "examples": len(scores), "tied": scores.ties}
    about |= {"seed": inputs.seed, "cost_samples": result.cost_samples}
    if result.probe_error is not None:
        about["probe_error"] = result.probe_error
    if output is not None:
        about["output"] = str(output)
    rows = [(key, f"{v:.6g}" if isinstance(v, float) else str(v)) for key, v in about.items()]
    print_result(about, [Table("Scores, high = hard", ("", "value"), rows)])


def _inputs(dataset: str, model: str, recipe: str, outside: int | None, seed: int) -> "ScoreInputs":
    """A random part of the data set outside, the rest in its own order as the pool."""
    import numpy as np

    from prunelaw.checks import check_integer
    from prunelaw_sim.networks.datasets import load_dataset
    from prunelaw_sim.networks.models import as_model
    from prunelaw_sim.networks.recipes import as_recipe
    from prunelaw_sim.scores import ScoreInputs

    data = load_dataset(dataset)
    count = len(data)
    apart = count // 5 if outside is None else check_integer("--outside", outside, 0, count - 2)
    check_integer("--seed", seed, 0)
    order = np.random.default_rng(seed).permutation(count)
    return ScoreInputs(
        data,
        np.sort(order[apart:]),
        np.sort(order[:apart]),
        as_model(model),
        as_recipe(recipe),
        seed,
    )
