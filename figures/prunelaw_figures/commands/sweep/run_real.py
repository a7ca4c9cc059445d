"""`prunelaw sweep run-real`: models trained on pruned real data, into a store that lasts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.options import JSON, complete, rule_names
from prunelaw_figures.terminal.output import NameList, NumberList, RuleList
from prunelaw_figures.terminal.sweep_output import (
    DASK,
    STORE,
    WORKERS,
    opened,
    run_design,
    whole_number,
)

if TYPE_CHECKING:
    from prunelaw_sim.networks.recipes import Recipe
    from prunelaw_sim.sweeps.design import SweepDesign

NEEDED = ("dataset", "model", "size", "keep")
RECIPE = ("epochs", "steps", "batch_size", "optimizer", "learning_rate", "schedule")


@click.command("run-real")
@STORE
@click.option(
    "--dataset", multiple=True, help="digits, digits-even-odd, mnist, mnist-even-odd or npz:PATH."
)
@click.option("--model", type=NameList(), help="softmax, mlp:64, cnn:8,16, linear:logistic,.1, ...")
@click.option("--score", type=NameList(), help="What ranks the pool, as el2n:20.  [margin]")
@click.option("--size", type=NumberList(), help="Examples before pruning, P.")
@click.option("--keep", type=NumberList(), help="Fractions KEPT, f in (0, 1].")
@click.option(
    "--rule",
    "rules",
    type=RuleList(),
    shell_complete=complete(rule_names),
    help="hard, easy, random, quantiles:LO,HI.  [the first three]",
)
@click.option("--epochs", type=NumberList(), help="Passes over the kept examples.  [20]")
@click.option("--steps", type=NumberList(), help="Batches in all, instead of --epochs.")
@click.option("--batch-size", type=int, help="Examples a step.  [32]")
@click.option("--optimizer", help="sgd, momentum or adam.  [sgd]")
@click.option("--learning-rate", type=float, help="Above 0.  [0.1]")
@click.option("--schedule", help="constant or cosine.  [constant]")
@click.option("--tests", type=int, help="Examples of the test set.  [a fifth, at most 1000]")
@click.option("--outside", type=int, help="Examples for probes outside the pool.  [likewise]")
@click.option(
    "--class-share", type=float, help="Part of the kept examples shared equally by classes.  [0.5]"
)
@click.option("--absent-classes", is_flag=True, help="Kept sets may lack a class.")
@click.option("--seeds", "trials", type=int, help="Trials at each point.  [10]")
@click.option("--unit", type=int, help="Trials in one piece of work.  [5]")
@click.option("--seed", type=int, help="Same seed, same numbers, whoever measures them.  [0]")
@WORKERS
@DASK
@JSON
def run_real(store: Path, workers: int, dask: str | None, **asked: Any) -> None:
    """Trains models on pruned real data into STORE, or what STORE still lacks of them.

    \b
    Three sizes, four fractions, three rules, ten seeds, on both cores:
      prunelaw sweep run-real real.db --dataset digits --model mlp:64 --score el2n \\
               --size 100,200,400 --keep 0.2,0.4,0.6,0.8 --rule hard,easy,random \\
               --epochs 20 --seeds 10 --workers 2
    Interrupted or killed? The store knows its design:
      prunelaw sweep run-real real.db --workers 2
    A table for prunelaw fit, one row a trained model:
      prunelaw sweep export real.db --trials --out real.csv

    Every combination of data set, model, epochs, score and size is a point; all fractions and rules
    of a point share their pools, scores, tests and first weights. MNIST needs pip
    install 'prunelaw[real]'. See docs/real_sweeps.md.
    """
    run_design(_design(store, **asked), store, workers, dask)


def _design(store: Path, **asked: Any) -> "SweepDesign":
    """The design asked for, or that of the store if none is."""
    from prunelaw.errors import InputError
    from prunelaw_sim.sweeps.real import RealDesign

    given = {n: v for n, v in asked.items() if v is not None and v is not False and v != ()}
    if not given:
        with opened(store) as found:
            return found.design
    missing = [name for name in NEEDED if name not in given]
    if missing:
        raise InputError(
            f"--{missing[0]} must be given for a new sweep (give none of its options to go on with "
            "a store)"
        )
    given["size"] = [whole_number("--size", size, 2) for size in given["size"]]
    recipe = {name: given.pop(name) for name in RECIPE if name in given}
    return RealDesign.grid(recipe=_recipes(recipe), **given)


def _recipes(given: dict[str, Any]) -> list["Recipe"]:
    """One recipe for each number of epochs or steps."""
    from prunelaw.errors import InputError
    from prunelaw_sim.networks.recipes import Recipe

    lengths = {name: given.pop(name) for name in ("epochs", "steps") if name in given}
    if len(lengths) == 2:
        raise InputError("--epochs and --steps exclude each other")
    return [
        Recipe(**{name: whole_number(f"--{name}", value, 1)}, **given)
        for name, values in (lengths or {"epochs": (20.0,)}).items()
        for value in values
    ]
