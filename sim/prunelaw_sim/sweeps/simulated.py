"""What a simulated sweep measures: labelled points, trials a point, and the seed of each point.

A point is one value of every axis (alpha_tot, f, theta, rule, dim), and of the choices student,
inputs, probe and label_noise where they are not the usual ones.  Its seed is a hash of the
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
from typing import Any, ClassVar

import numpy as np

from prunelaw.errors import InputError
from prunelaw.keep import KeepRule, as_rule
from prunelaw_sim.common.text_forms import CHOICES
from prunelaw_sim.simulation.point import complete, describe, example_counts, make_point
from prunelaw_sim.simulation.probes import Given
from prunelaw_sim.students.registry import as_student
from prunelaw_sim.sweeps.design import SweepDesign, Unit

AXES = ("alpha_tot", "f", "theta", "rule", "dim")
DEFAULTS = {"f": None, "theta": 0.0, "rule": "hard", "dim": 200}
UNIT = 25  # trials in the smallest piece of work: what a kill can cost, a row of a store


def _simulate(
    point: Mapping[str, Any], seed: int, first: int, trials: int
) -> dict[str, np.ndarray]:
    """Trials `first` ... `first + trials - 1` at one point: what a worker does."""
    from prunelaw_sim.simulation.trials import simulate

    return simulate(**point, seed=seed, first=first, trials=trials, throw=False).per_trial


@dataclass(frozen=True)
class Design(SweepDesign):
    """The points of a sweep and the trials at each; make one with `grid` or `from_points`.

    Attributes:
        points: one mapping a point, with a value for each of `AXES` and for those of `CHOICES` that
            are not at their default: a point of the usual kind draws as if there were none.
        trials: students at each point, `unit` of them in one piece of work.
        paired: axes along which points share random numbers.
    """

    kind: ClassVar[str] = "perceptron"
    measure = staticmethod(_simulate)

    points: tuple[Mapping[str, Any], ...]
    trials: int = 100
    seed: int = 0
    unit: int = UNIT
    paired: tuple[str, ...] = ("rule",)

    def __post_init__(self) -> None:
        _check_axes("paired", self.paired)
        checked = tuple(_checked_point(point, i) for i, point in enumerate(self.points))
        object.__setattr__(self, "points", checked)
        object.__setattr__(self, "paired", tuple(self.paired))
        self.check()

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
        out, `f` where the rule implies it, and the choices of `simulate`: `student` ("max-margin"),
        `inputs` ("gaussian"), `probe` ("given") and `label_noise` (0).

        Raises:
            InputError: for unknown axes, values out of range, duplicate points, points that keep no
                example, and rules without a text form.
        """
        _check_axes("axes", axes)
        names = (*AXES, *(name for name in CHOICES if name in axes))
        values = [_several(axes.get(name, DEFAULTS.get(name)), name) for name in names]
        points: list[Mapping[str, Any]] = [
            dict(zip(names, one, strict=True)) for one in itertools.product(*values)
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

    def cost(self, unit: Unit) -> float:
        """Relative cost of a unit: factorisations take K N² each, drawing takes K N."""
        point = self.points[unit.point]
        dim = point["dim"]
        _, kept = example_counts(point["alpha_tot"], point["f"], dim)
        return unit.trials * kept * dim * (min(dim, kept) + 50.0)

    def describe(self, position: int) -> str:
        """One point in a line."""
        return describe(self.points[position])

    @property
    def axes(self) -> tuple[str, ...]:
        """`AXES`, and the choices in which some point is not of the usual kind."""
        return (*AXES, *(name for name in CHOICES if any(name in p for p in self.points)))

    def to_json(self) -> str:
        """The design as a text from which `from_json` makes the same one."""
        table = [[complete(point)[name] for name in self.axes] for point in self.points]
        return json.dumps(
            {
                "axes": self.axes,
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


def _check_axes(argument: str, names: Iterable[str]) -> None:
    known = (*AXES, *CHOICES)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"{argument} must be among {', '.join(known)}; got {unknown[0]!r}")


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
    """The point with plain Python numbers, the usual choices left out; errors say which point."""
    try:
        _check_axes("axes", point)
        given = DEFAULTS | CHOICES | dict(point)
        missing = [name for name in AXES if name not in given]
        if missing:
            raise InputError(f"axis {missing[0]} must be given")
        student = as_student(given.pop("student"))
        pool = make_point(**given, seed=0)
        student.check_noise(pool.label_noise)
        _check_text(pool.rule)
    except InputError as error:
        raise InputError(f"point {position}: {error}") from error
    checked = {
        "alpha_tot": float(given["alpha_tot"]),
        "f": pool.f,
        "theta": pool.theta if pool.probe == Given() else 0.0,
        "rule": pool.rule.name,
        "dim": pool.dim,
    }
    chosen = {
        "student": student.name,
        "inputs": pool.inputs.name,
        "probe": pool.probe.name,
        "label_noise": pool.label_noise,
    }
    return checked | {name: chosen[name] for name in CHOICES if chosen[name] != CHOICES[name]}


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
