"""`prunelaw optimal-rule`: the keep rule of least error at one point, with its certificate."""

from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.output import print_json, print_table

if TYPE_CHECKING:
    from prunelaw.pruning.optimal import OptimalRule


@click.command()
@click.option("--alpha-tot", type=float, required=True, help="Examples per dimension, P/N; > 0.")
@click.option("--keep", type=float, required=True, help="Fraction KEPT, f in (0, 1).")
@click.option(
    "--theta",
    type=float,
    default=0.0,
    show_default=True,
    help="Angle of probe and teacher, in [0, pi/2] radians.",
)
@click.option("--degrees", is_flag=True, help="--theta is in degrees, in [0, 90].")
@click.option(
    "--signed", is_flag=True, help="Rules of the signed margin y z (they need labels), not of |z|."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    alpha_tot: float, keep: float, theta: float, degrees: bool, signed: bool, as_json: bool
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
    import numpy as np

    from prunelaw.checks import check_real
    from prunelaw.pruning.optimal import optimal_rule

    check_real("--alpha-tot", alpha_tot, 0.0, low_open=True)
    check_real("--keep", keep, 0.0, 1.0, low_open=True, high_open=True)
    check_real("--theta", theta, 0.0, 90.0 if degrees else np.pi / 2)
    angle = float(np.radians(theta)) if degrees else theta
    found = optimal_rule(alpha_tot, keep, angle, signed, throw=False)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if not found.certified:
        raise click.ClickException(
            f"the first-order condition is violated by {found.violation:.1e} of the influence's "
            "spread: this rule is only the best found"
        )


def _print(found: "OptimalRule") -> None:
    field = "y z" if found.signed else "|z|"
    kept = " or ".join(f"{low:.5g} < {field} < {high:.5g}" for low, high in found.intervals)
    rows = [(name, f"{value:.8g}", "") for name, value in found.errors.items()]
    rows.append(("optimal", f"{found.error:.8g}", kept or "random"))
    title = f"alpha_tot = {found.alpha_tot:g}, f = {found.f:g}, theta = {found.theta:g} rad"
    print_table(title, ("rule", "test error", "kept"), rows)
    met = sum(start.error <= found.error * (1 + 1e-9) for start in found.starts)
    click.echo(
        f"gain {100 * found.gain:.2f} % over the best of the others; first-order condition "
        f"violated by {found.violation:.1e} of the influence's spread; {met} of "
        f"{len(found.starts)} starts arrived there (local optimality)"
    )
