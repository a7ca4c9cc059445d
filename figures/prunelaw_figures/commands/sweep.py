"""`prunelaw sweep run|status|export|check`: simulated students in a store that lasts."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal import NumberList, make_table, print_json, print_table

if TYPE_CHECKING:
    from pandas import DataFrame

    from prunelaw_sim.design import Design
    from prunelaw_sim.runner import Progress, SweepRun

STORE = click.argument("store", type=click.Path(path_type=Path, dir_okay=False))
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.group()
def command() -> None:
    """Simulated students at many points, in a store that survives a kill at any moment.

    \b
    prunelaw sweep run runs.db --alpha-tot 1,3,10 --keep 0.2,0.5 --theta 0.3 \\
                               --rule hard --rule easy --dim 100 --trials 100 --workers 2
    prunelaw sweep status runs.db
    prunelaw sweep export runs.db --output runs.csv
    prunelaw sweep check runs.db
    """


@command.command()
@STORE
@click.option("--alpha-tot", type=NumberList(), help="Examples per dimension, P/N; > 0.")
@click.option("--keep", type=NumberList(), help="Fractions KEPT, f in (0, 1]; a band implies it.")
@click.option("--theta", type=NumberList(), help="Angles of probe and teacher, radians.  [0]")
@click.option("--rule", multiple=True, help="Keep rule; may be given several times.  [hard]")
@click.option("--dim", type=NumberList(), help="Inputs N; at least 2.  [200]")
@click.option(
    "--student", multiple=True, help="As in `prunelaw simulate`; may be given several times."
)
@click.option("--inputs", multiple=True, help="As in `prunelaw simulate`; likewise.")
@click.option("--probe", multiple=True, help="As in `prunelaw simulate`; likewise.")
@click.option("--label-noise", type=NumberList(), help="Fractions of labels flipped.  [0]")
@click.option("--trials", type=int, help="Students at each point.  [100]")
@click.option("--unit", type=int, help="Students in one piece of work.  [25]")
@click.option("--seed", type=int, help="Same seed, same numbers, whoever measures them.  [0]")
@click.option("--workers", type=int, default=1, show_default=True, help="Worker processes.")
@click.option("--dask", metavar="ADDRESS", help="Scheduler of a Dask cluster, tcp://HOST:PORT.")
@click.option("--degrees", is_flag=True, help="--theta is in degrees, in [0, 90].")
@click.option(
    "--standard",
    is_flag=True,
    help="The 64 points of the agreement report, of every rule; takes --dim, --trials and --seed.",
)
@JSON
def run(store: Path, workers: int, dask: str | None, as_json: bool, **asked: Any) -> None:
    """Measures every combination of the axes into STORE, or what STORE still lacks of them.

    \b
    A new sweep, on both cores:
      prunelaw sweep run runs.db --alpha-tot 1,3,10 --keep 0.2,0.5 --trials 50 --workers 2
    Three students at one point, on noisy labels:
      prunelaw sweep run runs.db --alpha-tot 3 --keep 0.5 --label-noise 0.1 \\
               --student ridge:0.01 --student ridge:1 --student logistic:0.01
    Interrupted or killed? The store knows its design:
      prunelaw sweep run runs.db --workers 2
    Theory against simulation at 64 points, at N = 50 and 100 (see prunelaw sweep check):
      prunelaw sweep run agreement.db --standard --workers 2

    Rules share random numbers, so that their differences are more precise than their errors.
    Several runs may work on one store. Exit code 1 if units failed; the others are stored.
    """
    from prunelaw._checks import check_integer
    from prunelaw_sim.executors import dask_executor
    from prunelaw_sim.runner import run_sweep

    check_integer("--workers", workers, 1)
    design = _design(store, **asked)
    with ExitStack() as stack:
        executor = stack.enter_context(dask_executor(dask)) if dask else workers
        progress = stack.enter_context(_bar(f"{len(design.points)} points"))
        one_process = workers == 1 and not dask
        result = run_sweep(
            design, store, executor=None if one_process else executor,
            progress=progress, throw=False,
        )  # fmt: skip
    _tell(store, result, as_json)


@command.command()
@STORE
@JSON
def status(store: Path, as_json: bool) -> None:
    """How far STORE is: units measured, under way and failed, and what its design is.

    \b
    prunelaw sweep status runs.db
    """
    from prunelaw_sim.design import describe
    from prunelaw_sim.store import Store

    with Store.open(store) as opened:
        found, design = opened.status(), opened.design
    failed = [
        {"point": describe(design.points[unit.point]), "first_trial": unit.first, "why": why}
        for unit, why in found.failed.items()
    ]
    values = {
        "store": str(store),
        "complete": found.complete,
        "units_done": found.done,
        "units": found.total,
        "units_under_way": found.claimed,
        "failed": failed,
        "points": len(design.points),
        "trials": design.trials,
        "unit": design.unit,
        "seed": design.seed,
        "bytes": store.stat().st_size,
    }
    if as_json:
        print_json(values)
        return
    rows = [(key.replace("_", " "), str(value)) for key, value in values.items() if key != "failed"]
    print_table(make_table(f"sweep {store}", ("", ""), rows))
    for failure in failed:
        click.echo(f"failed: {failure['point']}, from trial {failure['first_trial']}: ", nl=False)
        click.echo(failure["why"])


@command.command()
@STORE
@click.option("--output", type=click.Path(path_type=Path), required=True, help="A new CSV file.")
@click.option("--trials", is_flag=True, help="One row a trial instead of one row a point.")
@JSON
def export(store: Path, output: Path, trials: bool, as_json: bool) -> None:
    """Writes STORE as CSV: mean errors a point, which `prunelaw fit` reads, or every trial.

    \b
    prunelaw sweep export runs.db --output runs.csv
    prunelaw sweep export runs.db --output trials.csv --trials
    """
    from prunelaw_sim.measured import points_table, trials_table
    from prunelaw_sim.store import Store

    _check_new_file(output)
    with Store.open(store) as opened:
        table = trials_table(opened) if trials else points_table(opened)
        complete = opened.status().complete
    _write_csv(table, output)
    values = {"file": str(output), "rows": len(table), "complete": complete}
    if as_json:
        print_json(values)
        return
    note = "" if complete else " (the sweep is not complete)"
    click.echo(f"wrote {len(table)} rows to {output}{note}")


@command.command()
@STORE
@click.option("--order", type=int, help="Power of 1/N that is fitted.  [1; 2 with three dims]")
@click.option("--output", type=click.Path(path_type=Path), help="A new CSV file, one row a point.")
@click.option("--points", type=int, default=10, show_default=True, help="Rows to print.")
@JSON
def check(store: Path, order: int | None, output: Path | None, points: int, as_json: bool) -> None:
    """Holds every point of STORE, extrapolated to N -> inf, against the theory.

    \b
    The 64 standard points, under a minute on two cores:
      prunelaw sweep run agreement.db --standard --workers 2
      prunelaw sweep check agreement.db
    All points as a table:
      prunelaw sweep check agreement.db --output agreement.csv

    Three tests: chi-square over all points, a factor common to all, and the worst point corrected
    for their number. Exit code 1 if they disagree (p < 0.001 for the three together).
    """
    from prunelaw._checks import check_integer
    from prunelaw_sim.store import Store
    from prunelaw_sim.theory_check import check_theory

    check_integer("--points", points, 0)
    if output is not None:
        _check_new_file(output)
    with Store.open(store) as opened:
        found = check_theory(opened, order=order)
    if output is not None:
        _write_csv(found.table, output)
    judged = found.agreement
    values = {
        "store": str(store),
        "agrees": judged.agrees,
        "p_value": judged.p_value,
        "chi2": judged.chi2,
        "dof": judged.dof,
        "p_chi2": judged.p_chi2,
        "common": judged.common,
        "common_stderr": judged.common_stderr,
        "p_common": judged.p_common,
        "p_worst": float(judged.adjusted.min()),
        "detectable": judged.detectable,
        "dims": judged.sizes.tolist(),
        "students": int(found.trials.sum()),
        "failed": int(found.failed.sum()),
    }
    if as_json:
        print_json({**values, "points": found.table.to_dict("records")})
    else:
        _print_check(values, found.table.head(points))
    if not judged.agrees:
        raise click.ClickException(
            f"theory and simulation disagree: p = {judged.p_value:.2g}, limit {judged.threshold:g}"
        )


def _print_check(values: dict[str, Any], table: "DataFrame") -> None:
    """The points farthest from the theory, then the three tests."""
    columns = ("keep", "α_tot", "f", "θ", "theory ε", "simulated, N → ∞", "z", "p, corrected")
    rows = tuple(
        (
            str(row["rule"]),
            f"{row['alpha_tot']:g}",
            f"{row['f']:.4g}",
            f"{row['theta']:g}",
            f"{row['theory']:.6f}",
            f"{row['simulated']:.5f} ± {row['stderr']:.5f}",
            f"{row['z']:+.2f}",
            f"{row['p_adjusted']:.3g}",
        )
        for row in table.to_dict("records")
    )
    if rows:
        print_table(make_table(f"the {len(rows)} points farthest from the theory", columns, rows))
    dims = ", ".join(f"{dim:g}" for dim in values["dims"])
    percent = f"{100 * values['common']:+.3f} ± {100 * values['common_stderr']:.3f} %"
    tests = (
        ("students", f"{values['students']} at N = {dims}; {values['failed']} not certified"),
        ("χ²", f"{values['chi2']:.1f} on {values['dof']} points, p {values['p_chi2']:.3g}"),
        ("common factor", f"simulation/theory − 1 = {percent}, p {values['p_common']:.3g}"),
        ("worst point", f"p {values['p_worst']:.3g}, corrected for their number"),
        ("verdict", f"{'agree' if values['agrees'] else 'DISAGREE'}, p {values['p_value']:.3g}"),
        ("would be caught", f"a theory {100 * values['detectable']:.2f} % off at every point"),
    )
    print_table(make_table("theory against simulation", ("", ""), tests))


def _design(store: Path, degrees: bool, standard: bool, keep: Any, **asked: Any) -> "Design":
    """The design asked for, or that of the store if none is."""
    import numpy as np

    from prunelaw.errors import InputError
    from prunelaw_sim.design import Design
    from prunelaw_sim.store import Store
    from prunelaw_sim.theory_check import standard_design

    given = {name: value for name, value in asked.items() if value not in (None, ())}
    given |= {"f": keep} if keep is not None else {}
    if not given and not standard:
        with Store.open(store) as opened:
            return opened.design
    if "dim" in given:
        given["dim"] = [_whole("--dim", value) for value in given["dim"]]
    if degrees and "theta" in given:
        given["theta"] = [float(np.radians(value)) for value in given["theta"]]
    if standard:
        fixed = [name for name in given if name not in ("dim", "trials", "unit", "seed")]
        if fixed:
            raise InputError(f"--standard fixes the points and takes no axis but --dim: {fixed[0]}")
        return standard_design(**given)
    if "alpha_tot" not in given:
        raise InputError(
            "--alpha-tot must be given for a new sweep (give no axis to go on with a store)"
        )
    return Design.grid(**given)


def _check_new_file(output: Path) -> None:
    """Before any work: `InputError` if the file exists or its folder does not."""
    from prunelaw.errors import InputError

    if output.exists():
        raise InputError(f"--output must be new: {output} exists; choose another name")
    if not output.absolute().parent.is_dir():
        raise InputError(f"--output must lie in a folder that exists, got {output}")


def _write_csv(table: "DataFrame", output: Path) -> None:
    """The table in a file, whole or not at all."""
    from prunelaw.errors import InputError

    partial = output.with_name(f"{output.name}.partial")
    try:
        table.to_csv(partial, index=False)
        os.replace(partial, output)
    except OSError as cause:
        partial.unlink(missing_ok=True)
        raise InputError(f"--output {output} cannot be written: {cause.strerror}") from cause


def _whole(option: str, value: float) -> int:
    from prunelaw.errors import InputError

    if value != int(value):
        raise InputError(f"{option} must be whole numbers of at least 2, got {value:g}")
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
    """A bar on stderr with an estimate of the time left; silent where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, left="")

        def show(report: "Progress") -> None:
            left = "" if report.seconds_left is None else f"about {_duration(report.seconds_left)}"
            bar.update(task, completed=report.done, total=report.total, left=left)

        yield show


def _duration(seconds: float) -> str:
    """`40 s left`, `12 min left`, `5.5 h left`."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"
