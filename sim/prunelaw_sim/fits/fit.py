"""What every fit of a law says, whatever the law: the protocol `Fit`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from prunelaw_sim.common.note import Note

SIGNIFICANT = 1e-3  # a misfit less probable than this is no chance


@dataclass(frozen=True)
class Misfit:
    """Root mean square residual over a number of points."""

    rmse: float
    points: int

    @classmethod
    def of(cls, residuals: Float[np.ndarray, " points"]) -> Misfit | None:
        """None for no points."""
        if not residuals.size:
            return None
        return cls(root_mean_square(residuals), int(residuals.size))


@dataclass(frozen=True)
class Interval:
    """One quantity with its interval at `level`.

    Attributes:
        low_open: no end at this side: the data allow all values down to `low`, where the search
            stopped.
        high_open: the same at the upper side.
    """

    name: str
    value: float
    low: float
    high: float
    level: float
    low_open: bool
    high_open: bool


class Fit(Protocol):
    """A law held against a table, with its evidence.  Row arrays follow the rows of the fit.

    Attributes:
        law: its name.
        values: parameter → value.
        standard_errors: of the parameters; nan or inf where there is none to speak of.
        rmse: root mean square residual of the fitted rows, unweighted.
        held_out: of the rows that the fit never saw; None if there are none.
        predicted, residuals, fitted: by row: the law, error − law, and False for held-out rows.
        free: number of fitted parameters.
        aicc: Akaike's criterion, corrected for few rows (`aicc`).
        lack_of_fit: p-value of the misfit against the errors' standard errors; None if unknown.
        describes: whether the law describes the data; None where that cannot be judged.
        reasons: why it does not, in words.
        remarks: what else is worth saying of it, in words.
        warnings: what a reader must know before quoting a number.
        not_identified: parameter → why the data do not determine it.
        other_optima: of the search, best first.
    """

    @property
    def law(self) -> str: ...
    @property
    def values(self) -> Mapping[str, float]: ...
    @property
    def standard_errors(self) -> Mapping[str, float]: ...
    @property
    def rmse(self) -> float: ...
    @property
    def held_out(self) -> Misfit | None: ...
    @property
    def predicted(self) -> Float[np.ndarray, " rows"]: ...
    @property
    def residuals(self) -> Float[np.ndarray, " rows"]: ...
    @property
    def fitted(self) -> Bool[np.ndarray, " rows"]: ...
    @property
    def free(self) -> int: ...
    @property
    def aicc(self) -> float: ...
    @property
    def lack_of_fit(self) -> float | None: ...
    @property
    def describes(self) -> bool | None: ...
    @property
    def reasons(self) -> tuple[str, ...]: ...
    @property
    def remarks(self) -> tuple[str, ...]: ...
    @property
    def warnings(self) -> tuple[Note, ...]: ...
    @property
    def not_identified(self) -> Mapping[str, str]: ...
    @property
    def other_optima(self) -> Sequence[Mapping[str, Any]]: ...

    def intervals(self, level: float = 0.9) -> dict[str, Interval]:
        """Of the fitted parameters."""
        ...

    def predict(self, frame: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """The law's errors at the rows of another table."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        ...


def root_mean_square(residuals: Float[np.ndarray, " n"]) -> float:
    """√ mean of squares."""
    return float(np.sqrt(np.mean(residuals**2)))


def aicc(squares: float, rows: int, free: int) -> float:
    """Akaike's criterion for normal scatter of unknown size, corrected for few rows.

        rows log(squares/rows) + 2k + 2k(k + 1)/(rows − k − 1),    k = free + 1

    ∞ for rows ≤ k + 1.

    Source:
        Hurvich and Tsai 1989.
    """
    k = free + 1.0
    if rows <= k + 1.0:
        return math.inf
    return rows * math.log(squares / rows) + 2.0 * k + 2.0 * k * (k + 1.0) / (rows - k - 1.0)
