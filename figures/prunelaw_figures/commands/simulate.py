"""`prunelaw simulate`: train students on pruned data and set their error beside the theory's."""

from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal import make_table, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from prunelaw import Solution
    from prunelaw_sim.trials import Simulation


@click.command()
@click.option("--dim", type=int, default=200, show_default=True, help="Inputs N; at least 2.")
@click.option("--alpha-tot", type=float, required=True, help="Examples per dimension, P/N; > 0.")
@click.option("--keep", type=float, help="Fraction KEPT, f in (0, 1]; a band implies it.")
@click.option(
    "--theta",
    type=float,
    default=0.0,
    show_default=True,
    help="Angle of probe and teacher, in [0, pi/2] radians.",
)
@click.option("--rule", default="hard", show_default=True, help="As in `prunelaw solve`.")
@click.option("--trials", type=int, default=100, show_default=True, help="Students to train.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same numbers.")
@click.option("--degrees", is_flag=True, help="--theta is in degrees, in [0, 90].")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    dim: int,
    alpha_tot: float,
    keep: float | None,
    theta: float,
    rule: str,
    trials: int,
    seed: int,
    degrees: bool,
    as_json: bool,
) -> None:
    """Train max-margin students on simulated pruned data; every student is certified.

    \b
    A hundred students in 200 dimensions, and the theory's error beside them:
      prunelaw simulate --dim 200 --alpha-tot 3 --keep 0.5 --theta 0.3 --rule hard --trials 100
    Another seed, for a program:
      prunelaw simulate --alpha-tot 3 --keep 0.5 --seed 1 --json
    A band of |z|, which implies the fraction kept:
      prunelaw simulate --alpha-tot 30 --theta 0.5 --rule band:0.17,0.43 --dim 100

    The theory holds for N -> inf; at N = 200 expect a difference of the order of 1/N, in
    relative terms. `prunelaw verify` extrapolates in 1/N.
    """
    import numpy as np

    import prunelaw
    from prunelaw._checks import check_integer, check_real

    check_integer("--dim", dim, 2)
    check_integer("--trials", trials, 2)
    check_integer("--seed", seed, 0)
    check_real("--alpha-tot", alpha_tot, 0.0, low_open=True)
    if keep is not None:
        check_real("--keep", keep, 0.0, 1.0, low_open=True)
    check_real("--theta", theta, 0.0, 90.0 if degrees else np.pi / 2)
    prunelaw.as_rule(rule, "--rule")
    angle = float(np.radians(theta)) if degrees else theta
    theory = prunelaw.solve(alpha_tot, keep, angle, rule)
    from prunelaw_sim.trials import simulate

    with progress_bar(f"training {trials} students") as progress:
        result = simulate(
            alpha_tot, keep, angle, rule, dim=dim, trials=trials, seed=seed, progress=progress
        )
    values = _values(result, theory)
    if as_json:
        print_json(values)
    else:
        _print(values)


def _values(result: "Simulation", theory: "Solution") -> dict[str, Any]:
    exact = float(theory.error)
    return {
        "mean": result.mean,
        "stderr": result.stderr,
        "trials": result.trials,
        "theory_error": exact,
        "theory": {"error": exact, "kappa": float(theory.kappa), "R": float(theory.R)},
        "z": (result.mean - exact) / result.stderr,
        "kappa_mean": float(result.kappa.mean()),
        "max_relative_gap": result.max_relative_gap,
        "dim": result.dim,
        "alpha_tot": result.alpha_tot,
        "keep_fraction": result.f,
        "theta": result.theta,
        "rule": result.rule,
        "drawn": result.drawn,
        "kept": result.kept,
        "seed": result.seed,
    }


def _print(values: dict[str, Any]) -> None:
    rows = [
        ("simulated test error", f"{values['mean']:.6f} ± {values['stderr']:.6f}"),
        ("theory (N → ∞)", f"{values['theory_error']:.6f}"),
        ("z, finite-size effect included", f"{values['z']:+.2f}"),
        ("mean margin kappa", f"{values['kappa_mean']:.6f}"),
        ("theory's kappa", f"{values['theory']['kappa']:.6f}"),
        ("largest relative duality gap", f"{values['max_relative_gap']:.1e}"),
        ("trained on", f"{values['kept']} of {values['drawn']} examples"),
    ]
    title = f"{values['trials']} students, N = {values['dim']}, keep {values['rule']}"
    print_table(make_table(title, ("", ""), rows))
