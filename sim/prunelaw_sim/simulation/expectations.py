"""A simulation beside the theory: what it predicts, whether it applies, how far the two are apart.

The theory knows max-margin students (`prunelaw.solve`) and ridge (`prunelaw.solve_ridge`), labels
without noise, and probes whose angle was not learnt from the pool.  Elsewhere the prediction is
still computed where there is one, because the distance to it is what an experiment is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelaw import Solution
from prunelaw.errors import InputError
from prunelaw.keep import as_rule
from prunelaw.students.ridge import RidgeSolution
from prunelaw_sim.common.text_forms import CHOICES
from prunelaw_sim.simulation.inputs import Correlated, Gaussian, as_inputs
from prunelaw_sim.simulation.point import complete, describe, probe_angle
from prunelaw_sim.simulation.probes import Same, as_probe
from prunelaw_sim.simulation.trials import Simulation
from prunelaw_sim.students.registry import as_student


def theory_of(
    alpha_tot: Any, f: Any, theta: Any, rule: Any, student: Any
) -> Solution | RidgeSolution | None:
    """The theory's student at one point, N -> inf; None where it has none.

    Where the rule implies a fraction at angle theta, that one is taken and f plays no role.
    Raises `InputError` for arguments out of range.
    """
    kind, keep = as_student(student), as_rule(rule)
    if not kind.has_theory(keep):
        return None
    fraction = f if keep.fraction(np.array(theta)) is None else None
    return kind.theory(alpha_tot, fraction, theta, keep)


UNIVERSAL = "the inputs are not Gaussian: equal to theory only if it is universal"


def departures(
    rule: Any,
    student: Any = CHOICES["student"],
    inputs: Any = CHOICES["inputs"],
    probe: Any = CHOICES["probe"],
    label_noise: Any = CHOICES["label_noise"],
) -> tuple[str, ...]:
    """In which ways an experiment leaves the setting of the theory; empty if it does not."""
    kind, keep, world = as_student(student), as_rule(rule), as_inputs(inputs)
    found = []
    if not kind.has_theory(keep):
        found.append(f"there is no theory of student {kind.name} with rule {keep.name}")
    if isinstance(world, Correlated):
        found.append("the inputs are correlated")
    elif not isinstance(world, Gaussian):
        found.append(UNIVERSAL)
    if isinstance(as_probe(probe), Same):
        found.append("the probe was trained on the examples that it prunes")
    if label_noise > 0.0:
        found.append("labels are noisy")
    return tuple(found)


def predicted_error(point: Mapping[str, Any]) -> float:
    """The theory's error at one point of a design; non-Gaussian inputs are taken for Gaussian ones.

    Raises:
        InputError: where the point leaves the setting of the theory in any other way.
    """
    whole = complete(point)
    beyond = departures(whole["rule"], **{name: whole[name] for name in CHOICES})
    if set(beyond) - {UNIVERSAL}:
        raise InputError(f"the theory says nothing about {describe(point)}: {'; '.join(beyond)}")
    at = {name: point[name] for name in ("alpha_tot", "f", "rule")}
    angle = probe_angle(as_probe(whole["probe"]), point["alpha_tot"], point["theta"])
    return _error(theory_of(**at, theta=angle, student=whole["student"]))


@dataclass(frozen=True)
class Comparison:
    """Measured against predicted, angles in radians.

    Attributes:
        theta, theta_se: mean angle of the probes and its standard error (0 for a given probe).
        expected_theta: the angle asked for, or pi eps(ALPHA) for a trained probe.
        error, error_se: mean error of the students and its standard error.
        theory: its student at expected_theta; None where it has none.
        theory_at_measured: its error at the measured mean angle; NaN where it has none.
        departures: why the theory need not hold; empty if it should, up to effects of order 1/N.
    """

    theta: float
    theta_se: float
    expected_theta: float
    error: float
    error_se: float
    theory: Solution | RidgeSolution | None
    theory_at_measured: float
    departures: tuple[str, ...]

    @property
    def theory_error(self) -> float:
        """The theory's error at expected_theta; NaN where it has none."""
        return _error(self.theory)

    @property
    def theta_z(self) -> float:
        """Standard errors between the measured angle and the expected one; 0 if it was given."""
        return (self.theta - self.expected_theta) / self.theta_se if self.theta_se else 0.0

    @property
    def error_z(self) -> float:
        """Standard errors between the measured error and the theory's at expected_theta."""
        return (self.error - self.theory_error) / self.error_se


def compare(simulation: Simulation, rule: Any = None) -> Comparison:
    """Probe angles and errors of a simulation beside the theory's.

    `rule` is needed where the simulation's rule has no text form.  Angles are averaged over the
    certified trials.

        compare(simulate(3, 0.5, probe="independent:2", dim=100))
    """
    keep = as_rule(simulation.rule if rule is None else rule)
    expected, measured = (
        theory_of(simulation.alpha_tot, simulation.f, angle, keep, simulation.student)
        for angle in (simulation.theta, simulation.theta_mean)
    )
    return Comparison(
        theta=simulation.theta_mean,
        theta_se=simulation.theta_stderr,
        expected_theta=simulation.theta,
        error=simulation.mean,
        error_se=simulation.stderr,
        theory=expected,
        theory_at_measured=_error(measured),
        departures=departures(keep, **{name: getattr(simulation, name) for name in CHOICES}),
    )


def _error(theory: Solution | RidgeSolution | None) -> float:
    return np.nan if theory is None else float(theory.error)
