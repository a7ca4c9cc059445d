"""What a real sweep measures: test errors of models trained on pruned data, at many settings.

A point is one (data set, model, recipe, score, size P); at each of its trials the whole table of
fractions kept and keep rules is measured, because all its cells share the scores of the pool.
Trial i of any two points of one data set has the same test set, the same examples set apart for
probes, and pools of which the smaller lies inside the larger; within a point all cells have the
same first weights.  Differences between rules, fractions, scores and models therefore lose most
of the noise (common random numbers), and are not independent.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from prunelaw.checks import check_integer, check_number
from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import (
    BAND,
    OLD_BAND,
    kept_examples,
    old_band_note,
    rounded_count,
)
from prunelaw_sim.networks.datasets import Dataset, load_dataset
from prunelaw_sim.networks.models import Model, as_model
from prunelaw_sim.networks.recipes import Recipe, as_recipe
from prunelaw_sim.sweeps.design import SweepDesign, Unit
from prunelaw_sim.sweeps.real_cells import cell_name, kept_count, upgraded

RULES = ("hard", "easy", "random")
UNIT = 5  # trials in the smallest piece of work
MOST_SET_APART = 1000  # examples of the test set, and of the probes, unless said otherwise


def _measure(point: Mapping[str, Any], seed: int, first: int, trials: int) -> dict[str, np.ndarray]:
    """Trials `first` ... `first + trials - 1` at one point: what a worker does."""
    from prunelaw_sim.sweeps.real_measure import measure

    return measure(point, seed, first, trials)


@dataclass(frozen=True)
class RealDesign(SweepDesign):
    """The points of a real sweep and the trials at each; make one with `grid`.

    Attributes:
        points: mappings of texts and numbers, complete enough to make tables without the data.
        trials: seeds at each point, `unit` of them in one piece of work.
        notes: how the design of an older version was read.
    """

    kind: ClassVar[str] = "real"
    measure = staticmethod(_measure)

    points: tuple[Mapping[str, Any], ...]
    trials: int = 10
    seed: int = 0
    unit: int = UNIT
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def grid(
        cls,
        *,
        dataset: str | Dataset | Iterable[str | Dataset],
        model: str | Model | Iterable[str | Model],
        size: int | Iterable[int],
        keep: float | Iterable[float],
        score: str | Iterable[str] = "margin",
        recipe: str | Recipe | Iterable[str | Recipe] = "",
        rules: str | Iterable[str] = RULES,
        tests: int | None = None,
        outside: int | None = None,
        class_share: float = 0.5,
        absent_classes: bool = False,
        trials: int = 10,
        seed: int = 0,
        unit: int = UNIT,
    ) -> RealDesign:
        """Every combination of data sets, models, recipes, scores and sizes.

            RealDesign.grid(dataset="digits", model="mlp:64", score=["el2n", "margin"],
                            size=[100, 200, 400], keep=[.2, .4, .6, .8], trials=10)

        Args:
            dataset, model, recipe, score: texts of `load_dataset`, `as_model`, `as_recipe` and
                `scores.as_score`.
            size: examples P before pruning.
            keep: fractions kept f, in (0, 1].
            rules: as in `kept_examples`, at each f < 1; f = 1 is measured once, as "random".
            tests, outside: examples of the test set, and those set apart for probes outside the
                pool; a fifth of the data each, at most 1000.
            class_share: as in `kept_examples`.
            absent_classes: whether a kept set may lack a class.

        Raises:
            InputError: for what those do not take, a size larger than what is left of the data,
                f P < 1, a band narrower than f, duplicates, and a package that is missing.
        """
        cells = _cells(_several(keep), _several(rules))
        check_number("class_share", class_share, 0.0, 1.0)
        axes: list[list[Any]] = [_several(axis) for axis in (dataset, model, recipe, score, size)]
        axes[0] = [_reloadable(one) for one in axes[0]]
        shared = {"class_share": float(class_share), "absent_classes": bool(absent_classes)}
        points = [
            _point(one, model, recipe, score, size, cells)
            | _set_apart(one, tests, outside, size)
            | shared
            for one, model, recipe, score, size in itertools.product(*axes)
        ]
        return cls(tuple(points), trials, seed, unit)

    def __post_init__(self) -> None:
        self.check()

    def point_seed(self, position: int) -> int:
        """52 bits of a hash of the design's seed and the data: the same at all points of a set."""
        point = self.points[position]
        shared = [self.seed, point["digest"], point["tests"], point["outside"]]
        text = json.dumps(shared).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 12

    def cost(self, unit: Unit) -> float:
        """Multiply-adds of the trainings of a unit, without those of the score."""
        point = self.points[unit.point]
        recipe = as_recipe(point["recipe"])
        seen = sum(recipe.samples_seen(kept_count(point, f)) for f, _ in point["cells"])
        return float(unit.trials * point["multiply_adds"] * seen)

    def describe(self, position: int) -> str:
        """`dataset=digits model=mlp:64 recipe=... score=el2n size=100`."""
        names = ("dataset", "model", "recipe", "score", "size")
        return " ".join(f"{name}={self.points[position][name]}" for name in names)

    def to_json(self) -> str:
        """The design as a text from which `from_json` makes the same one."""
        return json.dumps(
            {
                "kind": self.kind,
                "points": self.points,
                "trials": self.trials,
                "seed": self.seed,
                "unit": self.unit,
                "halves": "up",
            }
        )

    @classmethod
    def from_json(cls, text: str) -> RealDesign:
        """The design of a text that `to_json` made, in any version; needs no data."""
        found = json.loads(text)
        options = {name: found[name] for name in ("trials", "seed", "unit")}
        points, notes = tuple(found["points"]), []
        if "halves" not in found:
            notes = old_band_note(rule for point in points for _, rule in point["cells"])
            points = tuple(map(upgraded, points))
        return cls(points, **options, notes=tuple(notes))

    def column(self, stored: str) -> str:
        """A stored column in today's words: `error band:0.5 0.2` is `error quantiles:0.5 0.2`."""
        return stored.replace(f" {OLD_BAND}", f" {BAND}")

    def check_runnable(self) -> None:
        """Raises `InputError` for points whose older units were pruned with another rounding."""
        for position, point in enumerate(self.points):
            if point.get("halves") == "even":
                raise InputError(
                    f"point {position} ({self.describe(position)}) was begun by a version that "
                    "rounded halves to even, and cannot go on: it would keep one example more in "
                    "some units. Export what the store holds, and begin a new store"
                )


def _several(values: Any) -> list[Any]:
    if isinstance(values, str | Dataset | Model | Recipe) or not isinstance(values, Iterable):
        return [values]
    return list(values)


def _reloadable(dataset: str | Dataset) -> Dataset:
    """The data set; its name must give it again, where workers and later runs load it."""
    data = load_dataset(dataset)
    if load_dataset(data.name).digest != data.digest:
        raise InputError(
            f"dataset {data.name} holds other arrays than its name gives: save them with np.savez "
            "and use npz:PATH"
        )
    return data


def _cells(keep: list[float], rules: list[str]) -> list[list]:
    """[f, rule] of every cell: lists, as JSON gives them back."""
    if not keep or not rules:
        raise InputError("keep and rules must hold at least one value each")
    cells: list[list] = []
    for value in keep:
        f = check_number("keep", value, 0.0, 1.0, low_open=True)
        cells += [[f, rule] for rule in rules] if f < 1 else [[f, "random"]]
    names = [cell_name("", cell) for cell in cells]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InputError(f"keep and rules must not repeat themselves, got{repeated[0]} twice")
    return cells


def _point(
    data: Dataset, model: str | Model, recipe: str | Recipe, score: str, size: int, cells: list
) -> dict[str, Any]:
    from prunelaw_sim.scores import as_score

    model, recipe = as_model(model), as_recipe(recipe)
    check_integer("size", size, 2)
    for f, rule in cells:
        if rounded_count(f, size) < 1:
            raise InputError(f"keep={f:g} keeps no example of size={size}: f P must be at least 1")
        kept_examples(np.arange(float(size)), f, rule)
    return {
        "dataset": data.name,
        "digest": data.digest,
        "classes": data.classes,
        "model": model.name,
        "parameters": model.parameters(data.shape, data.classes),
        "multiply_adds": model.multiply_adds(data.shape, data.classes),
        "recipe": recipe.name,
        "score": as_score(score).name,
        "size": int(size),
        "cells": cells,
    }


def _set_apart(data: Dataset, tests: int | None, outside: int | None, size: int) -> dict[str, int]:
    """How many examples the test set and the probes get, of those that the pool leaves."""
    usual = min(MOST_SET_APART, len(data) // 5)
    given = {
        "tests": check_integer("tests", usual if tests is None else tests, 1),
        "outside": check_integer("outside", usual if outside is None else outside, 0),
    }
    left = len(data) - sum(given.values())
    if size > left:
        raise InputError(
            f"size must be at most {left}, what {len(data)} examples of dataset {data.name} leave "
            f"beside {given['tests']} tests and {given['outside']} outside the pool; got {size}"
        )
    return given
