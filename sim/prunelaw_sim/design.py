"""What a simulated sweep measures: labelled points, trials a point, and the seed of each point.

A point is one value of every axis (alpha_tot, f, theta, rule, dim).  Its seed is a hash of the
design's seed and the point itself, so the numbers do not depend on the order of the points, on the
other points of the design, or on who measures them.  Points that differ in a *paired* axis only
share their seed: they draw the same pool, and differences between them lose most of the noise
(common random numbers).

Trials come in units of `unit` consecutive trials of one point, the smallest piece of work.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from prunelaw._checks import check_integer
from prunelaw.errors import InputError
from prunelaw.keep import KeepRule, as_rule
from prunelaw_sim.teacher import check_point, check_seed, example_counts

AXES = ("alpha_tot", "f", "theta", "rule", "dim")
DEFAULTS = {"f": None, "theta": 0.0, "rule": "hard", "dim": 200}
UNIT = 25  # trials in the smallest piece of work: what a kill can cost, a row of a store
MOST_TRIALS = 2**20


class Unit(NamedTuple):
    """Trials `first` ... `first + trials - 1` of the point at this position of the design."""

    point: int
    first: int
    trials: int


@dataclass(frozen=True)
class Design:
    """The points of a sweep and the trials at each; make one with `grid` or `from_points`.

    - points: one mapping a point, with a value for each of `AXES`.
    - trials: students at each point; unit: students in one piece of work.
    - seed: of the whole sweep; paired: axes along which points share random numbers.
    """

    points: tuple[Mapping[str, Any], ...]
    trials: int = 100
    seed: int = 0
    unit: int = UNIT
    paired: tuple[str, ...] = ("rule",)

    def __post_init__(self) -> None:
        check_integer("trials", self.trials, 1, MOST_TRIALS)
        check_integer("unit", self.unit, 1, MOST_TRIALS)
        check_seed(self.seed)
        _check_axes("paired", self.paired)
        if not self.points:
            raise InputError("points must hold at least one point, got none")
        checked = tuple(_checked_point(point, i) for i, point in enumerate(self.points))
        _refuse_duplicates(checked)
        object.__setattr__(self, "points", checked)
        object.__setattr__(self, "paired", tuple(self.paired))

    @classmethod
    def grid(
        cls,
        *,
        trials: int = 100,
        seed: int = 0,
        unit: int = UNIT,
        paired: Sequence[str] = ("rule",),
        **axes: Any,
    ) -> Design:
        """Every combination of the values of the axes, the last axis fastest.

            Design.grid(alpha_tot=[1, 3, 10], f=[.2, .5], theta=.3, rule=["hard", "easy"], dim=100)

        Each axis is one value or several; `theta` (0), `rule` ("hard") and `dim` (200) may be left
        out, and `f` where the rule implies it.

        Raises `InputError` for unknown axes, values out of range, duplicate points, points that
        keep no example, and rules without a text form.
        """
        _check_axes("axes", axes)
        values = [_several(axes.get(name, DEFAULTS.get(name)), name) for name in AXES]
        points: list[Mapping[str, Any]] = [
            dict(zip(AXES, one, strict=True)) for one in itertools.product(*values)
        ]
        return cls(tuple(points), trials, seed, unit, tuple(paired))

    @classmethod
    def from_points(cls, points: Iterable[Mapping[str, Any]], **options: Any) -> Design:
        """The points listed, each a mapping of axes to values; `options` as in `grid`."""
        return cls(tuple(points), **options)

    def point_seed(self, position: int) -> int:
        """The seed of one point, 52 bits of a hash: the same in every process and every design."""
        shared = {k: v for k, v in self.points[position].items() if k not in self.paired}
        text = json.dumps([self.seed, shared], sort_keys=True)
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 12

    def units(self) -> Iterable[Unit]:
        """All pieces of work, point by point; the last of a point may be shorter."""
        for position in range(len(self.points)):
            for first in range(0, self.trials, self.unit):
                yield Unit(position, first, min(self.unit, self.trials - first))

    @property
    def n_units(self) -> int:
        """How many pieces of work there are."""
        return len(self.points) * -(-self.trials // self.unit)

    def to_json(self) -> str:
        """The design as a text from which `from_json` makes the same one."""
        table = [[point[name] for name in AXES] for point in self.points]
        return json.dumps(
            {
                "axes": AXES,
                "points": table,
                "trials": self.trials,
                "seed": self.seed,
                "unit": self.unit,
                "paired": self.paired,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Design:
        """The design of a text that `to_json` made."""
        found = json.loads(text)
        points = tuple(dict(zip(found["axes"], row, strict=True)) for row in found["points"])
        options = {name: found[name] for name in ("trials", "seed", "unit")}
        return cls(points, paired=tuple(found["paired"]), **options)


def describe(point: Mapping[str, Any]) -> str:
    """`alpha_tot=3 f=0.5 theta=0.3 rule=hard dim=100`."""
    return " ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in point.items())


def _check_axes(argument: str, names: Iterable[str]) -> None:
    unknown = [name for name in names if name not in AXES]
    if unknown:
        raise InputError(f"{argument} must be among {', '.join(AXES)}; got {unknown[0]!r}")


def _several(values: Any, name: str) -> list[Any]:
    if values is None and name not in DEFAULTS:
        raise InputError(f"axis {name} must be given: one value or several")
    several = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else None
    if several is None:
        return [values]
    if not several:
        raise InputError(f"axis {name} must hold at least one value, got none")
    return several


def _checked_point(point: Mapping[str, Any], position: int) -> dict[str, Any]:
    """The point with plain Python numbers; errors say which point."""
    where = f"point {position}"
    try:
        _check_axes("axes", point)
        complete = DEFAULTS | dict(point)
        missing = [name for name in AXES if name not in complete]
        if missing:
            raise InputError(f"axis {missing[0]} must be given")
        alpha_tot, f, theta, rule, dim = (complete[name] for name in AXES)
        alpha_tot, f, theta, keep = check_point(alpha_tot, f, theta, rule)
        _check_text(keep)
        dim = check_integer("dim", dim, 2)
        example_counts(alpha_tot, f, dim)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return {"alpha_tot": alpha_tot, "f": f, "theta": theta, "rule": keep.name, "dim": dim}


def _check_text(rule: KeepRule) -> None:
    """A stored design must be readable without the objects that it was made from."""
    try:
        same = as_rule(rule.name) == rule
    except InputError:
        same = False
    if not same:
        raise InputError(
            f"rule {rule.name} has no text form that gives exactly this rule back, and a store "
            "holds text; use a rule like band:0.17,0.43, with at most 12 digits"
        )


def _refuse_duplicates(points: Sequence[Mapping[str, Any]]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for position, point in enumerate(points):
        first = seen.setdefault(tuple(point.values()), position)
        if first != position:
            raise InputError(
                f"points {first} and {position} are the same ({describe(point)}); "
                "remove one, or raise trials to measure it more precisely"
            )
