"""One point of a simulation: its checked arguments, and what all its trials share.

Nothing is drawn here; `teacher` and `whole_pools` do that.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from prunelaw.checks import check_integer, check_real
from prunelaw.errors import InputError
from prunelaw.keep import KeepRule, as_rule, checked_fraction
from prunelaw_sim.common.arguments import check_seed, one_number
from prunelaw_sim.common.kept_examples import rounded_count
from prunelaw_sim.common.text_forms import CHOICES
from prunelaw_sim.simulation.inputs import Gaussian, Inputs, as_inputs
from prunelaw_sim.simulation.probes import (
    Given,
    Probe,
    Same,
    as_probe,
    expected_theta,
    probe_examples,
    probe_load,
)


class Point(NamedTuple):
    """What all trials at one point share: P = `drawn` examples, of which about `kept` are kept.

    `theta` is the angle of a given probe, and the angle to expect of a trained one.
    """

    seed: int
    drawn: int
    kept: int
    f: float
    theta: float
    rule: KeepRule
    dim: int
    inputs: Inputs = Gaussian()
    probe: Probe = Given()
    probe_drawn: int = 0  # examples that a trained probe sees
    label_noise: float = 0.0

    @property
    def planar(self) -> bool:
        """Whether fields in the plane of teacher and probe are all that the pruning looks at."""
        return isinstance(self.inputs, Gaussian) and not isinstance(self.probe, Same)


def example_counts(alpha_tot: float | int, f: float | int, dim: int) -> tuple[int, int]:
    """(P, K): round(alpha_tot N) examples, of which round(f P) are kept; halves round up.

    Raises:
        InputError: if either is zero.
    """
    drawn = rounded_count(alpha_tot, dim)
    kept = rounded_count(f, drawn)
    if kept < 1:
        raise InputError(
            f"alpha_tot={alpha_tot:g}, f={f:g} at dim={dim} draw {drawn} and keep {kept} examples; "
            "at least one must be kept: increase dim, alpha_tot or f"
        )
    return drawn, kept


def make_point(
    alpha_tot: Any,
    f: Any,
    theta: Any,
    rule: Any,
    dim: Any,
    seed: Any,
    inputs: Any = "gaussian",
    probe: Any = "given",
    label_noise: Any = 0.0,
) -> Point:
    """The checked arguments of a simulation; `InputError` names what is out of range."""
    world, source = as_inputs(inputs), as_probe(probe)
    angle = probe_angle(source, alpha_tot, theta)
    alpha_tot, f, theta, keep = check_point(alpha_tot, f, angle, rule)
    dim, seed = check_integer("dim", dim, 2), check_seed(seed)
    noise = check_label_noise(label_noise, source)
    counts = example_counts(alpha_tot, f, dim)
    seen = 0 if isinstance(source, Given) else probe_examples(source, alpha_tot, dim)
    return Point(seed, *counts, f, theta, keep, dim, world, source, seen, noise)


def probe_angle(probe: Probe, alpha_tot: Any, theta: Any) -> Any:
    """theta itself for a given probe, the theory's pi eps(ALPHA) for a trained one.

    Raises:
        InputError: if theta is given beside a trained probe.
    """
    if isinstance(probe, Given):
        return theta
    if one_number("theta", theta) != 0.0:
        raise InputError(
            f"theta must be left out (0) with probe {probe.name}, whose angle comes from its "
            f"training; got {theta}"
        )
    return expected_theta(probe_load(probe, one_number("alpha_tot", alpha_tot, 0.0, low_open=True)))


def check_label_noise(label_noise: Any, probe: Probe) -> float:
    """A probability below 1/2 that a label is flipped; `InputError` otherwise."""
    array = check_real("label_noise", label_noise, 0.0, 0.5, high_open=True)
    if array.ndim:
        raise InputError(f"label_noise must be one number, got shape {array.shape}")
    if array > 0.0 and isinstance(probe, Same):
        raise InputError(
            f"label_noise must be 0 with probe {probe.name}, got {array:g}: no max-margin probe "
            "separates examples with flipped labels; use probe independent:ALPHA or given"
        )
    return float(array)


def check_point(
    alpha_tot: Any, f: Any, theta: Any, rule: Any
) -> tuple[float, float, float, KeepRule]:
    """One point of the theory's domain; `InputError` names what is out of range."""
    keep = as_rule(rule)
    angle = one_number("theta", theta, 0.0, np.pi / 2)
    load = one_number("alpha_tot", alpha_tot, 0.0, low_open=True)
    given = None if f is None else one_number("f", f, 0.0, 1.0, low_open=True)
    return load, float(checked_fraction(keep, given, np.array(angle))), angle, keep


def complete(point: Mapping[str, Any]) -> dict[str, Any]:
    """The point with the usual choices filled in."""
    return {**point, **{name: point.get(name, usual) for name, usual in CHOICES.items()}}


def describe(point: Mapping[str, Any]) -> str:
    """`alpha_tot=3 f=0.5 theta=0.3 rule=hard dim=100`."""
    return " ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in point.items())
