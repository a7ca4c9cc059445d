"""`prunelaw sweep`, and what can be done with a store: many trainings that last."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.commands.sweep.repair import repair
from prunelaw_figures.commands.sweep.run_real import run_real
from prunelaw_figures.terminal.options import (
    DEGREES,
    JSON,
    complete,
    lists,
    out_option,
    radians,
    rule_names,
)
from prunelaw_figures.terminal.output import NameList, NumberList, RuleList
from prunelaw_figures.terminal.sweep_output import (
    DASK,
    STORE,
    WORKERS,
    opened,
    run_design,
    whole_number,
)
from prunelaw_figures.words.document import Block, Table, Text, print_result
from prunelaw_sim.common.visible import csv_text

if TYPE_CHECKING:
    from prunelaw_sim.sweeps.design import SweepDesign

JUDGED = ("agrees", "p_value", "chi2", "dof", "p_chi2", "common", "common_stderr", "p_common")


@click.group()
def command() -> None:
    """Simulated students, or models on real data, in a store that survives a kill at any moment.

    \b
    prunelaw sweep run runs.db --alpha-tot 1,3,10 --keep 0.2,0.5 --theta 0.3 \\
                               --rule hard,easy --dim 100 --trials 100 --workers 2
    prunelaw sweep status runs.db
    prunelaw sweep export runs.db --out runs.csv
    prunelaw sweep check runs.db
    prunelaw sweep repair runs.db
    prunelaw sweep run-real real.db --dataset digits --model mlp:64 --score el2n \\
                               --size 100,200,400 --keep 0.2,0.4,0.6,0.8 --workers 2
    """


command.add_command(run_real)
command.add_command(repair)


@command.command()
@STORE
@click.option("--alpha-tot", type=NumberList(), help="Examples per dimension, P/N; > 0.")
@click.option("--keep", type=NumberList(), help="Fractions KEPT, f in (0, 1]; a band implies it.")
@click.option("--theta", type=NumberList(), help="Angles of probe and teacher, radians.  [0]")
@lists("--rule", RuleList(), "Keep rules.  [hard]", shell_complete=complete(rule_names))
@click.option("--dim", type=NumberList(), help="Inputs N; at least 2.  [200]")
@lists("--student", NameList(), "As in `prunelaw simulate`.")
@lists("--inputs", NameList(), "As in `prunelaw simulate`.")
@lists("--probe", NameList(), "As in `prunelaw simulate`.")
@click.option("--label-noise", type=NumberList(), help="Fractions of labels flipped.  [0]")
@click.option("--trials", type=int, help="Students at each point.  [100]")
@click.option("--unit", type=int, help="Students in one piece of work.  [25]")
@click.option("--seed", type=int, help="Same seed, same numbers, whoever measures them.  [0]")
@WORKERS
@DASK
@DEGREES
@click.option(
    "--standard",
    is_flag=True,
    help="The 64 points of the agreement report, of every rule; takes --dim, --trials and --seed.",
)
@JSON
def run(store: Path, workers: int, dask: str | None, **asked: Any) -> None:
    """Measures every combination of the axes into STORE, or what STORE still lacks of them.

    \b
    A new sweep, on both cores:
      prunelaw sweep run runs.db --alpha-tot 1,3,10 --keep 0.2,0.5 --trials 50 --workers 2
    Three students at one point, on noisy labels:
      prunelaw sweep run runs.db --alpha-tot 3 --keep 0.5 --label-noise 0.1 \\
               --student ridge:0.01,ridge:1,logistic:0.01
    Interrupted or killed? The store knows its design:
      prunelaw sweep run runs.db --workers 2
    Theory against simulation at 64 points, at N = 50 and 100 (see prunelaw sweep check):
      prunelaw sweep run agreement.db --standard --workers 2

    Rules share random numbers, so that their differences are more precise than their errors.
    Several runs may work on one store. Exit code 1 if units failed; the others are stored.
    """
    run_design(_design(store, **asked), store, workers, dask)


@command.command()
@STORE
@JSON
def status(store: Path) -> None:
    """How far STORE is: units measured, under way and failed, and what its design is.

    \b
    prunelaw sweep status runs.db
    """

    with opened(store) as one:
        found, design = one.status(), one.design
    failed = [
        {"point": design.describe(unit.point), "first_trial": unit.first, "why": why}
        for unit, why in found.failed.items()
    ]
    values = {
        "store": str(store),
        "complete": found.complete,
        "units_done": found.done,
        "units": found.total,
        "units_under_way": found.claimed,
        "failed": failed,
        "damaged": list(found.damaged),
        "points": len(design.points),
        "trials": design.trials,
        "unit": design.unit,
        "seed": design.seed,
        "bytes": store.stat().st_size,
    }
    lists = ("failed", "damaged")
    rows = [
        (key.replace("_", " "), str(value)) for key, value in values.items() if key not in lists
    ]
    told = [
        Text(f"failed: {one['point']}, from trial {one['first_trial']}: {one['why']}")
        for one in failed
    ]
    told += [Text(f"damaged: {what}") for what in found.damaged]
    if found.damaged:
        told.append(Text(f"`prunelaw sweep repair {shlex.quote(str(store))}` keeps what is whole"))
    print_result(values, [Table(f"sweep {store}", ("", ""), rows), *told])


@command.command()
@STORE
@out_option("A new CSV file.", required=True)
@click.option("--trials", is_flag=True, help="One row a trial instead of means.")
@JSON
def export(store: Path, output: Path, trials: bool) -> None:
    """Writes STORE as CSV: mean errors a point, which `prunelaw fit` reads, or every trial.

    \b
    prunelaw sweep export runs.db --out runs.csv
    prunelaw sweep export runs.db --out trials.csv --trials
    """
    from prunelaw_sim.common.new_file import check_new_file, write_new_file
    from prunelaw_sim.sweeps.tables import points_table, trials_table

    check_new_file("--out", output)
    with opened(store) as one:
        table = trials_table(one) if trials else points_table(one)
        complete = one.status().complete
    write_new_file("--out", output, csv_text(table))
    values = {"file": str(output), "rows": len(table), "complete": complete}
    note = "" if complete else " (the sweep is not complete)"
    print_result(values, [Text(f"wrote {len(table)} rows to {output}{note}")])


@command.command()
@STORE
@click.option("--order", type=int, help="Power of 1/N that is fitted.  [1; 2 with three dims]")
@out_option("A new CSV file, one row a point.")
@click.option("--points", type=int, default=10, help="Rows to print.")
@JSON
def check(store: Path, order: int | None, output: Path | None, points: int) -> None:
    """Holds every point of STORE, extrapolated to N -> inf, against the theory.

    \b
    The 64 standard points, under a minute on two cores:
      prunelaw sweep run agreement.db --standard --workers 2
      prunelaw sweep check agreement.db
    All points as a table:
      prunelaw sweep check agreement.db --out agreement.csv

    Three tests: chi-square over all points, a factor common to all, and the worst point corrected
    for their number. Exit code 1 if they disagree (p < 0.001 for the three together).
    """
    from prunelaw.checks import check_integer
    from prunelaw_sim.common.new_file import check_new_file, write_new_file
    from prunelaw_sim.verification.store_check import check_theory

    check_integer("--points", points, 0)
    check_new_file("--out", output)
    with opened(store) as one:
        found = check_theory(one, order=order)
    if output is not None:
        write_new_file("--out", output, csv_text(found.table))
    judged = found.agreement
    values = {
        "store": str(store),
        **{name: getattr(judged, name) for name in JUDGED},
        "p_worst": float(judged.adjusted.min()),
        "detectable": judged.detectable,
        "dims": judged.sizes.tolist(),
        "students": int(found.trials.sum()),
        "failed": int(found.failed.sum()),
    }
    rows = found.table.to_dict("records")
    print_result({**values, "points": rows}, _check_blocks(values, rows[:points]))
    if not judged.agrees:
        raise click.ClickException(
            f"theory and simulation disagree: p = {judged.p_value:.2g}, limit {judged.threshold:g}"
        )


def _check_blocks(values: dict[str, Any], points: list[dict[Any, Any]]) -> Iterator[Block]:
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
        for row in points
    )
    if rows:
        yield Table(f"the {len(rows)} points farthest from the theory", columns, rows)
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
    yield Table("theory against simulation", ("", ""), tests)


def _design(store: Path, degrees: bool, standard: bool, keep: Any, **asked: Any) -> "SweepDesign":
    """The design asked for, or that of the store if none is."""
    from prunelaw.errors import InputError
    from prunelaw_sim.sweeps.simulated import Design
    from prunelaw_sim.verification.store_check import standard_design

    given = {name: value for name, value in asked.items() if value not in (None, ())}
    given |= {"f": keep} if keep is not None else {}
    if not given and not standard:
        with opened(store) as found:
            return found.design
    if "dim" in given:
        given["dim"] = [whole_number("--dim", value, 2) for value in given["dim"]]
    if "theta" in given:
        given["theta"] = [float(value) for value in radians(given["theta"], degrees)]
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
