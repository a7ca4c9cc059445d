"""Where the probe that ranks the examples comes from: a given angle, or training.

    given              at the angle theta to the teacher: what the theory assumes
    independent:ALPHA  a max-margin student of round(ALPHA N) other examples of the same teacher
    same, same:ALPHA   a max-margin student of the very examples that are then pruned, or of the
                       first round(ALPHA N) of them

A trained probe has an angle of its own in every trial, near theta = pi eps(ALPHA), the error of an
unpruned student.  For an independent probe the theory holds at that angle.  For a probe that was
trained on the pool it does not: the probe's fields on its own training examples are at least its
margin, which no probe at a given angle knows of.

All probes are trained on the teacher's labels, whatever label noise the student sees.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from prunelaw import solve
from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import rounded_count
from prunelaw_sim.common.text_forms import number_text, read_choice

GRAMMAR = "given, independent:ALPHA with ALPHA > 0, same or same:ALPHA with 0 < ALPHA <= alpha_tot"


@dataclass(frozen=True)
class Given:
    """At the angle theta to the teacher, in a random plane."""

    @property
    def name(self) -> str:
        return "given"


@dataclass(frozen=True)
class Independent:
    """Trained on round(alpha N) examples that the student never sees."""

    alpha: float | int

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", _checked_alpha("independent", self.alpha))

    @property
    def name(self) -> str:
        return f"independent:{number_text(self.alpha)}"


@dataclass(frozen=True)
class Same:
    """Trained on the first round(alpha N) examples of the pool; on all of it if alpha is None."""

    alpha: float | int | None = None

    def __post_init__(self) -> None:
        if self.alpha is not None:
            object.__setattr__(self, "alpha", _checked_alpha("same", self.alpha))

    @property
    def name(self) -> str:
        return "same" if self.alpha is None else f"same:{number_text(self.alpha)}"


Probe = Given | Independent | Same
_MAKERS = {"given": Given, "independent": Independent, "same": Same}


def as_probe(probe: Any, argument: str = "probe") -> Probe:
    """A probe from its object or its text: given, independent:ALPHA, same, same:ALPHA.

    Raises `InputError`, which calls the choice `argument`, for anything else and for ALPHA that is
    not positive.
    """
    if isinstance(probe, Probe):
        return probe
    return read_choice(argument, probe, _MAKERS, GRAMMAR)


def probe_examples(probe: Independent | Same, alpha_tot: float, dim: int) -> int:
    """How many examples a trained probe sees: round(ALPHA N), halves up.

    Raises:
        InputError: if that is none, or more than the pool of a `same` probe.
    """
    alpha = probe_load(probe, alpha_tot)
    count = rounded_count(alpha, dim)
    if count < 1:
        raise InputError(f"probe {probe.name} sees no example at dim={dim}: raise its ALPHA or dim")
    if isinstance(probe, Same) and alpha > alpha_tot:
        raise InputError(
            f"ALPHA of probe {probe.name} must be at most alpha_tot={alpha_tot:g}: "
            "it is trained on the examples that are then pruned"
        )
    return count


def probe_load(probe: Independent | Same, alpha_tot: float) -> float:
    """Examples per dimension that a trained probe sees."""
    return float(alpha_tot if probe.alpha is None else probe.alpha)


@lru_cache(maxsize=1024)
def expected_theta(alpha: float) -> float:
    """pi eps(alpha): the angle of a max-margin probe of alpha N examples as N -> inf, radians."""
    return float(np.pi * solve(alpha, 1.0, 0.0, "random").error)


def _checked_alpha(name: str, alpha: Any) -> float:
    return float(check_real(f"ALPHA of probe {name}", alpha, 0.0, low_open=True))
