"""What a store and its runner ask of a design, whatever is measured: simulated students, or models.

A design lists points.  Each has a seed and a number of trials, which come in units of consecutive
trials, the smallest piece of work; `measure` gives a unit's numbers from the point, its seed and
the numbers of the trials alone, so that it does not matter who measures it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import numpy as np

from prunelaw.errors import InputError

# Where the designs of each kind live; loaded when a store holds one.
KINDS = {
    "perceptron": ("prunelaw_sim.sweeps.simulated", "Design"),
    "real": ("prunelaw_sim.sweeps.real", "RealDesign"),
}


class Unit(NamedTuple):
    """Trials `first` ... `first + trials - 1` of the point at this position of the design."""

    point: int
    first: int
    trials: int


class SweepDesign(ABC):
    """The base of all designs; designs are equal if they measure the same.

    - kind: a key of `KINDS`; measure: (point, seed, first, trials) to one array of a number a
      trial for each name, a function that worker processes import.
    - points, trials at each, trials in a unit, and the seed of the whole.
    """

    kind: ClassVar[str]
    measure: ClassVar[Callable[[Mapping[str, Any], int, int, int], dict[str, np.ndarray]]]
    points: tuple[Mapping[str, Any], ...]
    trials: int
    seed: int
    unit: int

    @abstractmethod
    def point_seed(self, position: int) -> int:
        """The seed of one point: the same in every process and every design."""

    @abstractmethod
    def cost(self, unit: Unit) -> float:
        """The relative cost of a unit, for estimates of the time left."""

    @abstractmethod
    def describe(self, position: int) -> str:
        """One point in a line."""

    @abstractmethod
    def to_json(self) -> str:
        """The design as a text from which `from_json` makes the same one."""

    @classmethod
    @abstractmethod
    def from_json(cls, text: str) -> SweepDesign:
        """The design of a text that `to_json` made."""

    def column(self, stored: str) -> str:
        """The name that a stored column has in this version."""
        return stored

    def check_runnable(self) -> None:
        """Raises `InputError` where this version would measure other numbers than an older one."""
        return

    def units(self) -> Iterable[Unit]:
        """All pieces of work, point by point; the last of a point may be shorter."""
        for position in range(len(self.points)):
            for first in range(0, self.trials, self.unit):
                yield Unit(position, first, min(self.unit, self.trials - first))

    @property
    def n_units(self) -> int:
        """How many pieces of work there are."""
        return len(self.points) * -(-self.trials // self.unit)

    def first_change(self, other: SweepDesign) -> str:
        """Where another design differs first, in words."""
        if other.kind != self.kind:
            return f"it is of kind {self.kind}, not {other.kind}"
        for name in ("trials", "seed", "unit", "paired"):
            old, new = getattr(self, name, None), getattr(other, name, None)
            if old != new:
                return f"its {name} is {old}, not {new}"
        for position, (old, new) in enumerate(zip(self.points, other.points, strict=False)):
            if old != new:
                return f"its point {position} is {dict(old)}, not {dict(new)}"
        return f"it has {len(self.points)} points, not {len(other.points)}"


def read_design(text: str) -> SweepDesign:
    """The design of a text that `to_json` of any kind made; without a kind it is a perceptron's.

    Raises `InputError` for a kind that this version does not know.
    """
    kind = json.loads(text).get("kind", "perceptron")
    if kind not in KINDS:
        raise InputError(f"kind of a design must be one of {', '.join(KINDS)}; got {kind!r}")
    module, name = KINDS[kind]
    return getattr(import_module(module), name).from_json(text)
