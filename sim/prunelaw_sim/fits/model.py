"""A law on fixed rows as a function of parameter vectors: what a fit needs of it.

A law may be fitted in the logarithm of the error: for losses over decades, of relative scatter.

    value = log y,    ∂ value/∂p = (∂y/∂p)/y,    weight on log y = weight · y
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from prunelaw.errors import InputError
from prunelaw_sim.fits.rows import Table

Row = Float[np.ndarray, " rows"]
Point = Float[np.ndarray, " p"]
Points = Float[np.ndarray, "batch p"]
Values = Float[np.ndarray, "batch rows"]
Slopes = Float[np.ndarray, "batch rows p"]
Looked = tuple[Points, Values, Slopes]


class Model(ABC):
    """A law on the rows of a table, in internal coordinates: value = exp p, −exp p or p (`kinds`).

    Attributes:
        kinds: "log", "neglog" or "linear", for each parameter.
        low: lower ends of the box.
        high: upper ends; equal to the lower end: the parameter is given.
        edges: "tau low" → what it means that any `tau[...]` is at the lower end of its box, where
            that is not "any smaller tau fits as well"; "tau high": the upper end.
        log_error: whether log errors are fitted.
    """

    parameters: tuple[str, ...]
    kinds: tuple[str, ...]
    low: Point
    high: Point
    edges: ClassVar[Mapping[str, str]] = {}
    log_error = False

    def __init__(self, table: Table) -> None:
        self.read(table)

    @abstractmethod
    def read(self, table: Table) -> None:
        """Takes the rows of a table, in place of others."""

    @abstractmethod
    def errors(self, p: Points) -> tuple[Values, Slopes]:
        """Predicted errors and their exact derivatives."""

    @abstractmethod
    def starts(self, error: Row, weight: Row) -> Float[np.ndarray, "starts p"]:
        """Where to begin: a fixed set that follows from the data alone."""

    @abstractmethod
    def coordinates(self) -> dict[str, Row]:
        """What the law depends on, by column: how far a prediction is from the data."""

    def on(self, runs: Table | pd.DataFrame) -> Self:
        """The same law, parameters and box on the rows of another table."""
        there = copy(self)
        there.read(Table.of(runs))
        return there

    def kind_of_rows(self) -> Int[np.ndarray, " rows"]:
        """A number a row: rows of equal number share all parameters that are their own."""
        return np.zeros(len(next(iter(self.coordinates().values()))), dtype=np.int64)

    def row_in_words(self, row: int) -> str:
        """Where a row is, for messages."""
        return ", ".join(f"{name} {v[row]:.4g}" for name, v in self.coordinates().items())

    def at_edge(self, name: str, upper: bool) -> str:
        """What it means that a parameter stands at an end of its box."""
        kind, end, more = kind_of(name), *(("upper", "larger") if upper else ("lower", "smaller"))
        usual = f"any {more} {kind} fits as well"
        said = self.edges.get(f"{kind} {'high' if upper else 'low'}", usual)
        return said if said.startswith("at ") else f"at the {end} edge of the search: {said}"

    def uninformed(self) -> dict[str, str]:
        """Parameters of which no row knows anything, and why."""
        return {}

    def linear(self) -> Bool[np.ndarray, " p"]:
        """Parameters that `eliminated` sets to their best values."""
        return np.zeros(len(self.parameters), dtype=bool)

    def eliminated(
        self, p: Points, target: Values, weight: Values
    ) -> tuple[Points, Values, Slopes]:
        """p with the linear parameters at their best for these errors, and `evaluate` there."""
        return p, *self.evaluate(p)

    def evaluate(self, p: Points) -> tuple[Values, Slopes]:
        """`errors` on the scale that is fitted; not finite where the log of 0 is taken."""
        error, jacobian = self.errors(p)
        if not self.log_error:
            return error, jacobian
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(error), jacobian / error[..., None]

    def scaled(self, error: Row, weight: Row) -> tuple[Row, Row]:
        """Errors and weights on the scale that is fitted; `InputError` for the log of 0."""
        if not self.log_error:
            return error, weight
        if not (error > 0.0).all():
            row = int(np.flatnonzero(~(error > 0.0))[0])
            raise InputError(
                f"log_error needs errors > 0, got {error[row]:g} (number {row} of the rows to fit)"
            )
        return np.log(error), weight * error

    def to_error(self, scaled: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Errors from numbers on the scale that is fitted; increasing, so that ends stay ends."""
        return np.exp(scaled) if self.log_error else scaled

    def predict(self, p: Point) -> Row:
        """The errors of all rows at one parameter vector."""
        return self.to_error(self.evaluate(p[None])[0][0])


def kind_of(name: str) -> str:
    """`tau` of `tau[top 10%]`."""
    return name.partition("[")[0]


def natural(p: Float[np.ndarray, "... p"], kinds: tuple[str, ...]) -> Float[np.ndarray, "... p"]:
    """Values from internal coordinates: exp p, −exp p or p."""
    with np.errstate(over="ignore"):
        grown = np.exp(p)
    kind = np.array(kinds)
    return np.where(kind == "log", grown, np.where(kind == "neglog", -grown, p))


def to_internal(value: float, kind: str) -> float:
    """The internal coordinate of a value; 0 goes to a very negative logarithm."""
    if kind == "linear":
        return float(value)
    size = value if kind == "log" else -value
    return math.log(max(size, 1e-300))
