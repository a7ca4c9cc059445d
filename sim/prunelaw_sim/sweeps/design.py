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

from prunelaw.checks import check_integer
from prunelaw.errors import InputError
from prunelaw_sim.common.arguments import check_seed

MOST_TRIALS = 2**20

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

    Attributes:
        kind: a key of `KINDS`.
        measure: (point, seed, first, trials) to an array of a number a trial for each name; worker
            processes import it.
        points: what is measured, `trials` times each, `unit` of them in one piece of work.
        seed: of the whole sweep.
    """

    kind: ClassVar[str]
    measure: ClassVar[Callable[[Mapping[str, Any], int, int, int], dict[str, np.ndarray]]]
    points: tuple[Mapping[str, Any], ...]
    trials: int
    seed: int
    unit: int

    def check(self) -> None:
        """Raises `InputError` for counts out of range, no point, and points that are the same."""
        check_integer("trials", self.trials, 1, MOST_TRIALS)
        check_integer("unit", self.unit, 1, MOST_TRIALS)
        check_seed(self.seed)
        if not self.points:
            raise InputError("points must hold at least one point, got none")
        seen: dict[str, int] = {}
        for position, point in enumerate(self.points):
            first = seen.setdefault(json.dumps(point, sort_keys=True), position)
            if first != position:
                raise InputError(
                    f"points {first} and {position} are the same ({self.describe(position)}); "
                    "remove one, or raise trials to measure it more precisely"
                )

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

    Raises:
        InputError: for a kind that this version does not know.
    """
    kind = json.loads(text).get("kind", "perceptron")
    if kind not in KINDS:
        raise InputError(f"kind of a design must be one of {', '.join(KINDS)}; got {kind!r}")
    module, name = KINDS[kind]
    return getattr(import_module(module), name).from_json(text)
