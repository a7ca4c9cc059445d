"""`prunelaw simulate`: train students on pruned data and set their error beside the theory's."""

from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.output import print_json, print_table, progress_bar

if TYPE_CHECKING:
    from prunelaw_sim.simulation.expectations import Comparison
    from prunelaw_sim.simulation.trials import Simulation


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
@click.option(
    "--student",
    default="max-margin",
    show_default=True,
    help="max-margin, ridge:LAMBDA, logistic:LAMBDA, ...",
)
@click.option(
    "--inputs",
    default="gaussian",
    show_default=True,
    help="gaussian, signs, student-t:NU or correlated:R.",
)
@click.option(
    "--probe",
    default="given",
    show_default=True,
    help="given (at --theta), independent:ALPHA, same or same:ALPHA: trained.",
)
@click.option(
    "--label-noise",
    type=float,
    default=0.0,
    show_default=True,
    help="Fraction of labels flipped, in [0, 0.5); not for max-margin.",
)
@click.option("--trials", type=int, default=100, show_default=True, help="Students to train.")
@click.option(
    "--stderr",
    type=float,
    help="Train as many students as this standard error takes; --trials are the first of them.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same numbers.")
@click.option("--degrees", is_flag=True, help="--theta is in degrees, in [0, 90].")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    dim: int,
    alpha_tot: float,
    keep: float | None,
    theta: float,
    rule: str,
    student: str,
    inputs: str,
    probe: str,
    label_noise: float,
    trials: int,
    stderr: float | None,
    seed: int,
    degrees: bool,
    as_json: bool,
) -> None:
    """Train students on simulated pruned data; every student is certified.

    \b
    A hundred students in 200 dimensions, and the theory's error beside them:
      prunelaw simulate --dim 200 --alpha-tot 3 --keep 0.5 --theta 0.3 --rule hard --trials 100
    As many as bring the standard error down to .001, 30 to begin with:
      prunelaw simulate --alpha-tot 3 --keep 0.5 --dim 100 --trials 30 --stderr 0.001
    Another seed, for a program:
      prunelaw simulate --alpha-tot 3 --keep 0.5 --seed 1 --json
    A band of |z|, which implies the fraction kept:
      prunelaw simulate --alpha-tot 30 --theta 0.5 --rule band:0.17,0.43 --dim 100
    A probe that was trained, on other data or on the very examples that it prunes:
      prunelaw simulate --alpha-tot 3 --keep 0.5 --probe independent:2 --dim 100
      prunelaw simulate --alpha-tot 3 --keep 0.5 --probe same --dim 100
    Another student on noisy labels; other inputs:
      prunelaw simulate --alpha-tot 3 --keep 0.5 --student ridge:0.01 --label-noise 0.1 --dim 100
      prunelaw simulate --alpha-tot 3 --keep 0.5 --theta 0.3 --inputs signs --dim 100

    The theory holds for N -> inf; at N = 200 expect a difference of the order of 1/N, in
    relative terms. `prunelaw verify` extrapolates in 1/N. Where an experiment leaves the setting
    of the theory, the output says so; the theory's error is still shown if there is one.
    """
    import numpy as np

    import prunelaw
    from prunelaw.checks import check_integer, check_real
    from prunelaw_sim.simulation.inputs import as_inputs
    from prunelaw_sim.simulation.probes import as_probe
    from prunelaw_sim.students.registry import as_student

    check_integer("--dim", dim, 2)
    check_integer("--trials", trials, 2 if stderr is None else 10)
    check_integer("--seed", seed, 0)
    check_real("--alpha-tot", alpha_tot, 0.0, low_open=True)
    if keep is not None:
        check_real("--keep", keep, 0.0, 1.0, low_open=True)
    check_real("--theta", theta, 0.0, 90.0 if degrees else np.pi / 2)
    if stderr is not None:
        check_real("--stderr", stderr, 0.0, low_open=True)
    check_real("--label-noise", label_noise, 0.0, 0.5, high_open=True)
    prunelaw.as_rule(rule, "--rule")
    as_student(student, "--student")
    as_inputs(inputs, "--inputs")
    as_probe(probe, "--probe")
    angle = float(np.radians(theta)) if degrees else theta
    from prunelaw_sim.simulation.expectations import compare
    from prunelaw_sim.simulation.precision import simulate_until
    from prunelaw_sim.simulation.trials import simulate

    point: tuple[Any, ...] = (alpha_tot, keep, angle, rule)
    with progress_bar("training students") as progress:
        options: dict[str, Any] = {
            "dim": dim, "student": student, "inputs": inputs, "probe": probe,
            "label_noise": label_noise, "seed": seed, "progress": progress,
        }  # fmt: skip
        if stderr is None:
            result = simulate(*point, trials=trials, **options)
        else:
            result = simulate_until(stderr, *point, pilot=trials, **options)
    values = _values(result, compare(result))
    if as_json:
        print_json(values)
    else:
        _print(values)


def _values(result: "Simulation", found: "Comparison") -> dict[str, Any]:
    return {
        "mean": result.mean,
        "stderr": result.stderr,
        "trials": result.trials,
        "theory_error": found.theory_error,
        "theory": {name: _number(found.theory, name) for name in ("error", "kappa", "R")},
        "departures": list(found.departures),
        "z": found.error_z,
        "kappa_mean": float(result.kappa.mean()),
        "max_relative_gap": result.max_relative_gap,
        "dim": result.dim,
        "alpha_tot": result.alpha_tot,
        "keep_fraction": result.f,
        "theta": result.theta,
        "probe_theta": found.theta,
        "probe_theta_stderr": found.theta_se,
        "theory_error_at_probe_theta": found.theory_at_measured,
        "rule": result.rule,
        "student": result.student,
        "inputs": result.inputs,
        "probe": result.probe,
        "label_noise": result.label_noise,
        "drawn": result.drawn,
        "kept": result.kept,
        "seed": result.seed,
    }


def _number(theory: Any, name: str) -> float | None:
    """One of the theory's numbers, if there is a theory and it knows it: ridge has no kappa."""
    value = getattr(theory, name, None)
    return None if value is None else float(value)


def _print(values: dict[str, Any]) -> None:
    exact, kappa = values["theory_error"], values["theory"]["kappa"]
    rows = [
        ("simulated test error", f"{values['mean']:.6f} ± {values['stderr']:.6f}"),
        ("theory (N → ∞)", _shown(exact)),
        ("z, finite-size effect included", _shown(values["z"], "+.2f")),
        *_probe_rows(values),
        ("mean margin kappa", f"{values['kappa_mean']:.6f}"),
        ("theory's kappa", _shown(kappa)),
        ("largest relative duality gap", f"{values['max_relative_gap']:.1e}"),
        ("trained on", f"{values['kept']} of {values['drawn']} examples"),
    ]
    title = f"{values['trials']} students, N = {values['dim']}, keep {values['rule']}"
    print_table(title, ("", ""), rows)
    for departure in values["departures"]:
        click.echo(f"beyond the theory: {departure}")


def _probe_rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Angle of a trained probe, and what the theory says at it."""
    if values["probe"] == "given":
        return []
    angle, spread = values["probe_theta"], values["probe_theta_stderr"]
    return [
        ("probe's angle, radians", f"{angle:.6f} ± {spread:.6f}"),
        ("theory's angle of the probe", f"{values['theta']:.6f}"),
        ("theory at the measured angle", _shown(values["theory_error_at_probe_theta"])),
    ]


def _shown(value: float | None, form: str = ".6f") -> str:
    """A number, or a dash where the theory has none."""
    return "–" if value is None or value != value else format(value, form)
