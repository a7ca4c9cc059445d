"""`prunelaw solve`: test error of the pruned perceptron at one point, or on a grid of points."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.options import DEGREES, JSON, complete, radians, rule_names
from prunelaw_figures.terminal.output import NumberList
from prunelaw_figures.words.document import Block, Table, Text, print_result

if TYPE_CHECKING:
    from prunelaw import Solution

SHOWN = ("error", "R", "rho", "kappa", "residual")


@click.command()
@click.option(
    "--alpha-tot",
    type=NumberList(),
    required=True,
    help="Examples per dimension before pruning, P/N; > 0.",
)
@click.option(
    "--keep",
    type=NumberList(),
    help="Fraction KEPT, f in (0, 1]; needed unless the rule is a band, which implies it.",
)
@click.option(
    "--theta",
    type=NumberList(),
    default="0",
    help="Angle of probe and teacher, in [0, pi/2] radians.",
)
@click.option(
    "--rule",
    default="hard",
    shell_complete=complete(rule_names),
    help="What is kept: hard (small |z|), easy (large |z|), random, band:LOW,HIGH (of |z|); "
    "signed-hard, signed-easy, signed-band:LOW,HIGH (of the margin y z); mix:Q,RULE (random with "
    "probability Q). Several, separated by commas.",
)
@DEGREES
@JSON
def command(
    alpha_tot: tuple[float, ...],
    keep: tuple[float, ...] | None,
    theta: tuple[float, ...],
    rule: str,
    degrees: bool,
) -> None:
    """Exact test error of a max-margin perceptron trained on pruned data (dimension N -> inf).

    \b
    One point (3 examples per dimension, keep the hardest half, probe 0.3 rad off):
      prunelaw solve --alpha-tot 3 --keep 0.5 --theta 0.3 --rule hard
    The same for a program, and in degrees:
      prunelaw solve --alpha-tot 3 --keep 0.5 --theta 17.2 --degrees --rule hard --json
    Several values separated by commas: every combination is solved (an outer product):
      prunelaw solve --alpha-tot 1,3,10,30 --keep 0.2,0.5 --rule hard,easy,random
    A band of |z| implies the fraction it keeps:
      prunelaw solve --alpha-tot 30 --theta 0.5 --rule band:0.17,0.43

    With one point the JSON object has error, R, rho, kappa, residual, converged, ...; with
    several it has "points", a list of such objects. Exit code 1 if a point was not solved;
    its numbers are then null.
    """
    import numpy as np

    import prunelaw
    from prunelaw.checks import check_real
    from prunelaw.keep import as_rule, split_rules

    check_real("--alpha-tot", alpha_tot, 0.0, low_open=True)
    if keep is not None:
        check_real("--keep", keep, 0.0, 1.0, low_open=True)
    angles = radians(theta, degrees)
    rules = [as_rule(name, "--rule").name for name in split_rules(rule)]
    grid = list(product(alpha_tot, keep or (None,), angles, rules))
    loads, fractions, thetas, names = (list(column) for column in zip(*grid, strict=True))
    solution = prunelaw.solve(loads, fractions if keep else None, thetas, names, throw=False)
    points = [_point(solution, i) for i in range(len(grid))]
    print_result(points[0] if len(points) == 1 else {"points": points}, _blocks(points))
    failed = int(np.sum(~solution.converged))
    if failed:
        raise click.ClickException(f"{failed} of {len(points)} points did not converge: see status")


def _point(solution: "Solution", i: int) -> dict[str, Any]:
    """One solved point with its inputs and its proof."""
    from prunelaw.perceptron import STATUS

    values = {name: float(getattr(solution, name)[i]) for name in SHOWN}
    return {
        **values,
        "converged": bool(solution.converged[i]),
        "status": STATUS[int(solution.status[i])],
        "change": float(solution.change[i]),
        "alpha_tot": float(solution.alpha_tot[i]),
        "alpha_prune": float(solution.alpha_prune[i]),
        "keep_fraction": float(solution.f[i]),
        "theta": float(solution.theta[i]),
        "rule": str(solution.rule[i]),
    }


def _blocks(points: list[dict[str, Any]]) -> Iterator[Block]:
    columns = ("rule", "alpha_tot", "keep", "theta (rad)", "test error", "R", "rho", "kappa")
    rows = []
    for p in points:
        inputs = (p["rule"], f"{p['alpha_tot']:g}", f"{p['keep_fraction']:g}", f"{p['theta']:g}")
        rows.append((*inputs, *(f"{p[name]:.5g}" for name in ("error", "R", "rho", "kappa"))))
    yield Table("Max-margin perceptron on pruned data, N → ∞", columns, rows)
    worst = max(p["residual"] for p in points)
    solved = sum(p["converged"] for p in points)
    yield Text(f"{solved} of {len(points)} points converged; largest residual {worst:.1e}")
