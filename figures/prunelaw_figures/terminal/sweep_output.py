"""What the verbs of `prunelaw sweep` share: running a design, telling what was done."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.interrupt import keeps
from prunelaw_figures.terminal.options import json_wanted
from prunelaw_figures.terminal.output import print_json, progress_bar, say

if TYPE_CHECKING:
    from prunelaw_sim.sweeps.design import SweepDesign
    from prunelaw_sim.sweeps.runner import Progress, SweepRun
    from prunelaw_sim.sweeps.store import Store

STORE = click.argument("store", type=click.Path(path_type=Path, dir_okay=False))
WORKERS = click.option("--workers", type=int, default=1, help="Worker processes.")
DASK = click.option(
    "--dask", metavar="ADDRESS", help="Scheduler of a Dask cluster, tcp://HOST:PORT."
)


def run_design(design: "SweepDesign", store: Path, workers: int, dask: str | None) -> None:
    """Measures what the store lacks of the design, under a bar; exit code 1 if units failed."""
    from prunelaw.checks import check_integer
    from prunelaw_sim.sweeps.executors import dask_executor
    from prunelaw_sim.sweeps.runner import run_sweep

    check_integer("--workers", workers, 1)
    keeps(f"{store} holds what was finished, and the same command goes on from there")
    with ExitStack() as stack:
        executor = stack.enter_context(dask_executor(dask)) if dask is not None else workers
        move = stack.enter_context(progress_bar(f"{len(design.points)} points"))

        def show(report: "Progress") -> None:
            left = report.seconds_left
            about = "" if left is None else f"about {timedelta(seconds=round(max(left, 0)))} left"
            move(report.done, report.total, about)

        one_process = workers == 1 and dask is None
        chosen = None if one_process else executor
        result = run_sweep(design, store, executor=chosen, progress=show, throw=False)
    _tell(store, result)


@contextmanager
def opened(store: Path) -> "Iterator[Store]":
    """The store, for reading; a note where its design is under no checksum."""
    from prunelaw_sim.sweeps.store import Store

    with Store.open(store) as found:
        if not found.signed:
            say(
                "note: this store is of an older version, and its design is under no checksum; "
                f"`prunelaw sweep repair {shlex.quote(str(store))}` proves it and adds one",
                err=True,
            )
        yield found


def whole_number(option: str, value: float, low: int) -> int:
    """A number of a list as an integer; `InputError` that names the option."""
    from prunelaw.errors import InputError

    if value != int(value):
        raise InputError(f"{option} must be whole numbers of at least {low}, got {value:g}")
    return int(value)


def _tell(store: Path, result: "SweepRun") -> None:
    """What this run did; exit code 1 if units failed."""
    values = {
        "store": str(store),
        "complete": result.complete,
        "measured": result.measured,
        "units_done": result.done,
        "units": result.total,
        "seconds": result.seconds,
        "failed": list(result.failed.values()),
    }
    if json_wanted():
        print_json(values)
    else:
        say(
            f"measured {result.measured} units in {result.seconds:.1f} s; "
            f"{store} holds {result.done} of {result.total}"
        )
    if result.failed:
        raise click.ClickException(
            f"{len(result.failed)} units failed (prunelaw sweep status {store} names them); "
            "the same command tries them again"
        )
