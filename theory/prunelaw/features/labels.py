"""Label laws of a teacher's field: P(y = +1 | t)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from prunelaw.checks import check_number, check_real
from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array


class LabelLaw:
    """P(y = +1 | t) as `up(t)`, which jumps or bends at `cuts`."""

    cuts: tuple[float, ...] = ()

    def up(self, t: Array) -> Array:
        raise NotImplementedError


@dataclass(frozen=True)
class Steps(LabelLaw):
    """P(y = +1 | t) = values[i] between edges[i − 1] and edges[i]: one value more than edges."""

    edges: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        edges = check_real("edges", self.edges)
        values = check_real("values", self.values, 0.0, 1.0)
        if edges.ndim != 1 or values.shape != (len(edges) + 1,) or not (np.diff(edges) > 0).all():
            raise InputError(
                f"values must be one more than ascending edges, got {values.size} and {edges.size}"
            )
        object.__setattr__(self, "edges", tuple(edges.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))

    @property
    def cuts(self) -> tuple[float, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return tuple(self.edges)

    def up(self, t: Array) -> Array:
        return np.asarray(self.values)[np.searchsorted(self.edges, t)]


SIGN = Steps((0.0,), (0.0, 1.0))


@dataclass(frozen=True)
class Smooth(LabelLaw):
    """P(y = +1 | t) = law(t), any function into [0, 1] that takes arrays; it may bend at `cuts`."""

    law: Callable[[Array], Array]
    cuts: tuple[float, ...] = ()  # pyright: ignore[reportIncompatibleVariableOverride]

    def __post_init__(self) -> None:
        values = np.asarray(self.law(np.linspace(-9.0, 9.0, 181)), dtype=float)
        if values.shape != (181,) or not ((values >= 0.0) & (values <= 1.0)).all():
            raise InputError("label_law must return probabilities in [0, 1], one for each field")

    def up(self, t: Array) -> Array:
        return np.asarray(self.law(t), dtype=float)


def logistic_labels(slope: float) -> Smooth:
    """P(y = +1 | t) = 1/(1 + exp(−slope t))."""
    slope = check_number("slope", slope)
    return Smooth(lambda t: expit(slope * t))


def as_label_law(law: Any) -> LabelLaw:
    """A law from its object, from "sign", or from a function."""
    if isinstance(law, LabelLaw):
        return law
    if law == "sign":
        return SIGN
    if callable(law):
        return Smooth(law)  # pyright: ignore[reportArgumentType]  (its values are checked)
    raise InputError(f'label_law must be "sign", a LabelLaw or a function of t; got {law!r}')
