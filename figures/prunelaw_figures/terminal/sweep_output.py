"""What the verbs of `prunelaw sweep` share: running a design, telling what was done."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.output import print_json, progress_bar

if TYPE_CHECKING:
    from prunelaw_sim.sweeps.design import SweepDesign
    from prunelaw_sim.sweeps.runner import Progress, SweepRun

STORE = click.argument("store", type=click.Path(path_type=Path, dir_okay=False))
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
WORKERS = click.option(
    "--workers", type=int, default=1, show_default=True, help="Worker processes."
)
DASK = click.option(
    "--dask", metavar="ADDRESS", help="Scheduler of a Dask cluster, tcp://HOST:PORT."
)


def run_design(
    design: "SweepDesign", store: Path, workers: int, dask: str | None, as_json: bool
) -> None:
    """Measures what the store lacks of the design, under a bar; exit code 1 if units failed."""
    from prunelaw.checks import check_integer
    from prunelaw_sim.sweeps.executors import dask_executor
    from prunelaw_sim.sweeps.runner import run_sweep

    check_integer("--workers", workers, 1)
    with ExitStack() as stack:
        executor = stack.enter_context(dask_executor(dask)) if dask else workers
        progress = stack.enter_context(_bar(f"{len(design.points)} points"))
        one_process = workers == 1 and not dask
        result = run_sweep(
            design, store, executor=None if one_process else executor,
            progress=progress, throw=False,
        )  # fmt: skip
    _tell(store, result, as_json)


def whole_number(option: str, value: float, low: int) -> int:
    """A number of a list as an integer; `InputError` that names the option."""
    from prunelaw.errors import InputError

    if value != int(value):
        raise InputError(f"{option} must be whole numbers of at least {low}, got {value:g}")
    return int(value)


def _tell(store: Path, result: "SweepRun", as_json: bool) -> None:
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
    if as_json:
        print_json(values)
    else:
        click.echo(
            f"measured {result.measured} units in {result.seconds:.1f} s; "
            f"{store} holds {result.done} of {result.total}"
        )
    if result.failed:
        raise click.ClickException(
            f"{len(result.failed)} units failed (prunelaw sweep status {store} names them); "
            "the same command tries them again"
        )


@contextmanager
def _bar(label: str) -> Iterator[Callable[["Progress"], None]]:
    """A bar on stderr with an estimate of the time left."""
    with progress_bar(label) as move:

        def show(report: "Progress") -> None:
            left = "" if report.seconds_left is None else f"about {_duration(report.seconds_left)}"
            move(report.done, report.total, left)

        yield show


def _duration(seconds: float) -> str:
    """`40 s left`, `12 min left`, `5.5 h left`."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"
