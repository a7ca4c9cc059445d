"""`prunelaw optimal-rule`: the keep rule of least error at one point, with its certificate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.options import ALPHA_TOT, DEGREES, JSON, THETA, radians
from prunelaw_figures.words.document import Block, Table, Text, print_result

if TYPE_CHECKING:
    from prunelaw.pruning.optimal import OptimalRule


@click.command()
@ALPHA_TOT
@click.option("--keep", type=float, required=True, help="Fraction KEPT, f in (0, 1).")
@THETA
@DEGREES
@click.option(
    "--signed", is_flag=True, help="Rules of the signed margin y z (they need labels), not of |z|."
)
@click.option("--curve", is_flag=True, help="With --json: the influence of examples, on a grid.")
@JSON
def command(
    alpha_tot: float, keep: float, theta: float, degrees: bool, signed: bool, curve: bool
) -> None:
    """The keep rule of least test error: which examples a fraction f should be.

    \b
    Which fifth of 30 examples per dimension, ranked by a probe 0.5 rad off:
      prunelaw optimal-rule --alpha-tot 30 --keep 0.2 --theta 0.5
    The same if labels may be used, for a program:
      prunelaw optimal-rule --alpha-tot 30 --keep 0.2 --theta 0.5 --signed --json

    The rule satisfies the first-order condition (its violation is printed) and is the best of
    six starts; that is local optimality, not a proof that no better rule exists. Exit code 1 if
    no start reaches a rule that satisfies the condition; the best found is printed all the same.
    """
    from prunelaw.checks import check_real
    from prunelaw.pruning.optimal import optimal_rule

    check_real("--alpha-tot", alpha_tot, 0.0, low_open=True)
    check_real("--keep", keep, 0.0, 1.0, low_open=True, high_open=True)
    found = optimal_rule(alpha_tot, keep, radians(theta, degrees), signed, throw=False)
    values = found.to_dict()
    if not curve:
        del values["influence_curve"]
    print_result(values, _blocks(found))
    if not found.certified:
        raise click.ClickException(
            f"the first-order condition is violated by {found.violation:.1e} of the influence's "
            "spread: this rule is only the best found"
        )


def _blocks(found: "OptimalRule") -> Iterator[Block]:
    field = "y z" if found.signed else "|z|"
    kept = " or ".join(f"{low:.5g} < {field} < {high:.5g}" for low, high in found.intervals)
    rows = [(name, f"{value:.5g}", "") for name, value in found.errors.items()]
    rows.append(("optimal", f"{found.error:.5g}", kept or "random"))
    title = f"alpha_tot = {found.alpha_tot:g}, f = {found.f:g}, theta = {found.theta:g} rad"
    yield Table(title, ("rule", "test error", "kept"), rows)
    met = sum(start.error <= found.error * (1 + 1e-9) for start in found.starts)
    yield Text(
        f"gain {100 * found.gain:.2f} % over the best of the others; first-order condition "
        f"violated by {found.violation:.1e} of the influence's spread; {met} of "
        f"{len(found.starts)} starts arrived there (local optimality)"
    )
