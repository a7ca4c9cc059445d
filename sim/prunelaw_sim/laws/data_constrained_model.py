"""The data-constrained and overfitting laws for least squares, many parameter vectors at once.

    E + A/N_eff^α + B/D_eff^β (+ c S(R, R*_P)^p (N/U)^q)           `prunelaw.decay.repetition`

Nothing overflows inside the box. `starts` needs no random numbers: exponents and R* from a grid,
the factors that enter linearly by least squares.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import gammainc

from prunelaw.checks import check_choice, check_real
from prunelaw.decay.repetition import DataConstrained, Overfit
from prunelaw_sim.fits.least_squares import Model
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.fits.starts import LOG_EXPONENT, LOG_FACTOR, best_of, positive_factors

PENALTIES = ("none", "power", "saturating")
RUN_COLUMNS = ("samples_seen", "unique_samples", "parameters")
_LOG_R_STAR = (math.log(1e-2), math.log(1e5))
_FAR = 600.0  # log of N/U_N above which N_eff is at its limit for every R* in the box
_GRID = {
    "alpha": (0.15, 0.3, 0.5, 0.8),
    "beta": (0.15, 0.3, 0.5, 0.8),
    "r_d": (3.0, 15.0, 100.0),
    "r_n": (3.0, 30.0),
}
_PENALTY_GRID = {
    "none": [()],
    "power": [(p, q) for p in (0.3, 0.6, 1.0) for q in (0.3, 0.6, 1.2)],
    "saturating": [(r, q) for r in (10.0, 50.0, 200.0, 1000.0) for q in (0.3, 0.6, 1.2)],
}
_PENALTY_SHAPE = {"none": (), "power": ("p", "q"), "saturating": ("r_star", "q")}  # found on a grid
_NO_REPEATS = "no run sees its data twice"
_PENALTY_PARAMETERS = {
    "none": (),
    "power": ("c", "q", "p"),
    "saturating": ("c", "q", "r_star"),
}
_AT_LOW = {
    "E": "at its bound 0: the data show no irreducible loss",
    "A": "at the lower edge of the search: the size of the model makes no difference",
    "B": "at the lower edge of the search: the amount of data makes no difference",
    "alpha": "at the lower edge of the search: the loss hardly falls with the size of the model",
    "beta": "at the lower edge of the search: the loss hardly falls with data",
    "r_d": "at the lower edge of the search: repeats are worth nothing, whatever smaller R*",
    "r_n": "at the lower edge of the search: parameters beyond N_opt are worth nothing",
    "c": "at the lower edge of the search: repeats do no harm that the data show",
    "q": "at the lower edge of the search: the harm does not depend on parameters per sample",
    "p": "at the lower edge of the search: the harm hardly grows with repeats",
    "r_star": "at the lower edge of the search: the harm is complete after the first repeats",
}
_AT_HIGH = {
    "E": "at its bound, the least loss among the fitted runs: that run would be perfect",
    "A": "at the upper edge of the search: any larger A fits as well",
    "B": "at the upper edge of the search: any larger B fits as well",
    "alpha": "at the upper edge of the search: the size of the model matters for the smallest only",
    "beta": "at the upper edge of the search: the amount of data matters for the least data only",
    "r_d": "at the upper edge of the search: no decay is visible, any larger R* fits as well",
    "r_n": "at the upper edge of the search: excess parameters keep their worth in these data",
    "c": "at the upper edge of the search: any larger c fits as well",
    "q": "at the upper edge of the search: steeper in parameters per sample than the search allows",
    "p": "at the upper edge of the search: steeper in repeats than the search allows",
    "r_star": "at the upper edge of the search: the harm does not level off in these data",
}

Batch = Float[np.ndarray, "batch rows"]


@dataclass(frozen=True, eq=False)
class Runs:
    """Columns of runs for the data-constrained laws: D, U (above D it counts as D), N; all > 0."""

    samples_seen: Float[np.ndarray, " rows"]
    unique_samples: Float[np.ndarray, " rows"]
    parameters: Float[np.ndarray, " rows"]

    def __post_init__(self) -> None:
        for name in RUN_COLUMNS:
            check_real(name, getattr(self, name), 0.0, low_open=True)

    @classmethod
    def read(cls, runs: Table | pd.DataFrame) -> Runs:
        """The columns of a table; `TableError` names what is missing, or row and column."""
        table = Table.of(runs)
        table.require(*RUN_COLUMNS)
        return cls(*(table.numbers(name) for name in RUN_COLUMNS))


class DataConstrainedModel(Model):
    """`DataConstrained` or `Overfit` for fixed runs; E in [0, highest_floor], the least loss, say.

    `tied`: α = β. `repeats`: R*_D is fitted (else ∞: a repeat is worth a fresh sample).
    `saturates`: R*_N is fitted (else ∞). `penalty`: "power" adds c R^p (N/U)^q (Lovelace et al.
    2026), "saturating" c S(R, R*_P) (N/U)^q, prunelaw's extension; see `prunelaw.decay.repetition`.
    """

    def __init__(
        self,
        runs: Runs,
        highest_floor: float,
        *,
        tied: bool = False,
        repeats: bool = True,
        saturates: bool = True,
        penalty: str = "none",
    ) -> None:
        check_choice("penalty", penalty, PENALTIES)
        self.runs, self.highest_floor = runs, highest_floor
        self.tied, self.repeats, self.saturates, self.penalty = tied, repeats, saturates, penalty
        names = ["E", "A", "B", "alpha"]
        names += [] if tied else ["beta"]
        names += ["r_d"] if repeats else []
        names += ["r_n"] if saturates else []
        names += _PENALTY_PARAMETERS[penalty]
        self.parameters = tuple(names)
        self.kinds = tuple("linear" if name == "E" else "log" for name in names)
        boxes = [_box(name, highest_floor) for name in names]
        self.low = np.array([low for low, _ in boxes])
        self.high = np.array([high for _, high in boxes])
        self._place = {name: i for i, name in enumerate(names)}
        if tied:
            self._place["beta"] = self._place["alpha"]
        once = np.minimum(runs.samples_seen, runs.unique_samples)
        self._log_n, self._log_u = np.log(runs.parameters), np.log(once)
        self._repeats = (runs.samples_seen - once) / once

    def on(self, runs: Table | pd.DataFrame) -> DataConstrainedModel:
        """The same law and box on other runs."""
        return DataConstrainedModel(
            Runs.read(runs),
            self.highest_floor,
            tied=self.tied,
            repeats=self.repeats,
            saturates=self.saturates,
            penalty=self.penalty,
        )

    def coordinates(self) -> dict[str, Float[np.ndarray, " rows"]]:
        """Samples seen, epochs, unique samples and parameters."""
        columns = {name: getattr(self.runs, name) for name in RUN_COLUMNS}
        return columns | {"epochs": self.runs.samples_seen / self.runs.unique_samples}

    def at_edge(self, name: str, upper: bool) -> str:
        """What it means that a parameter stands at an end of its box."""
        return (_AT_HIGH if upper else _AT_LOW)[name]

    def uninformed(self) -> dict[str, str]:
        """What only repeats can tell, where no run repeats its data."""
        if (self._repeats > 0.0).any():
            return {}
        about = ("r_d", *_PENALTY_PARAMETERS[self.penalty])
        return {name: _NO_REPEATS for name in about if name in self.parameters}

    def law(self, p: Float[np.ndarray, " p"]) -> DataConstrained | Overfit:
        """The law of one vector."""
        value = {name: self._value(p[None], name).item() for name in self._place}
        extra = {name: value.pop(name) for name in ("c", "q", "p", "r_star") if name in value}
        base = DataConstrained(**value)
        return Overfit(base, **extra) if extra else base

    def evaluate(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows p"]]:
        """Losses, and their derivatives by every coordinate of p."""
        jacobian = np.zeros((len(p), self._log_n.size, len(self.parameters)))
        jacobian[:, :, self._place["E"]] = 1.0
        loss = self._value(p, "E") + self._capacity(p, jacobian) + self._data(p, jacobian)
        if self.penalty != "none":
            loss = loss + self._harm(p, jacobian)
        return loss, jacobian

    def starts(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "starts p"]:
        """The best few of a grid of exponents and R*, each with its best E, A, B and c."""
        names = [name for name in _GRID if name in self.parameters]
        shape = _PENALTY_SHAPE[self.penalty]
        points = np.array(list(itertools.product(*(_GRID[name] for name in names))))
        grids = []
        for penalty in _PENALTY_GRID[self.penalty]:
            p = np.zeros((len(points), len(self.parameters)))
            p[:, [self._place[name] for name in names]] = np.log(points)
            p[:, [self._place[name] for name in shape]] = np.log(penalty)
            grids.append(self._with_factors(p, error, weight))
        return best_of(self, grids, error, weight)

    def _with_factors(
        self,
        p: Float[np.ndarray, "batch p"],
        error: Float[np.ndarray, " rows"],
        weight: Float[np.ndarray, " rows"],
    ) -> Float[np.ndarray, "batch p"]:
        """p with the best E, A, B and c for its other coordinates, inside the box."""
        factors = [name for name in ("A", "B", "c") if name in self.parameters]
        columns = [np.ones((len(p), error.size)), *(self._shape(p, name) for name in factors)]
        best = positive_factors(np.stack(columns, axis=-1), error, weight)
        p[:, self._place["E"]] = best[:, 0]
        p[:, [self._place[name] for name in factors]] = np.log(best[:, 1:])
        return np.clip(p, self.low, self.high)

    def _shape(self, p: Float[np.ndarray, "batch p"], factor: str) -> Batch:
        """A term divided by its factor; N_eff = N here, as U_N hangs on A and B."""
        if factor == "A":
            return np.exp(-self._value(p, "alpha") * self._log_n)
        unit = p.copy()
        unit[:, self._place[factor]] = 0.0
        scratch = np.zeros((len(p), self._log_n.size, len(self.parameters)))
        return self._data(unit, scratch) if factor == "B" else self._harm(unit, scratch)

    def _capacity(
        self, p: Float[np.ndarray, "batch p"], jacobian: Float[np.ndarray, "batch rows p"]
    ) -> Batch:
        """A / N_eff^α; with e = ∂log N_eff/∂log N, ∂log N_eff/∂log U_N = 1 − e."""
        at, alpha = self._place, self._value(p, "alpha")
        log_a = p[:, at["A"], None]
        if not self.saturates:
            term = np.exp(log_a - alpha * self._log_n)
            jacobian[:, :, at["A"]] += term
            jacobian[:, :, at["alpha"]] -= term * alpha * self._log_n
            return term
        beta, r_star = self._value(p, "beta"), self._value(p, "r_n")
        ratio = np.log(alpha / beta) + log_a - p[:, at["B"], None]
        matched = (ratio + beta * self._log_u) / alpha
        excess = np.clip(self._log_n - matched, 0.0, _FAR)
        repeats = np.expm1(excess)
        worth, by_r_star = _saturated(repeats, r_star)
        log_eff = self._log_n - np.maximum(self._log_n - matched, 0.0) + np.log1p(worth)
        elastic = np.exp(excess - repeats / r_star) / (1.0 + worth)
        term = np.exp(log_a - alpha * log_eff)
        rest = term * (1.0 - elastic)
        jacobian[:, :, at["A"]] += term * elastic
        jacobian[:, :, at["B"]] += rest
        jacobian[:, :, at["alpha"]] -= term * alpha * log_eff + rest * (1.0 - alpha * matched)
        jacobian[:, :, at["beta"]] += rest * (1.0 - beta * self._log_u)
        jacobian[:, :, at["r_n"]] -= term * alpha * by_r_star / (1.0 + worth)
        return term

    def _data(
        self, p: Float[np.ndarray, "batch p"], jacobian: Float[np.ndarray, "batch rows p"]
    ) -> Batch:
        """B / D_eff^β."""
        at, beta = self._place, self._value(p, "beta")
        if self.repeats:
            worth, by_r_star = _saturated(self._repeats, self._value(p, "r_d"))
        else:
            worth, by_r_star = self._repeats, 0.0
        log_eff = self._log_u + np.log1p(worth)
        term = np.exp(p[:, at["B"], None] - beta * log_eff)
        jacobian[:, :, at["B"]] += term
        jacobian[:, :, at["beta"]] -= term * beta * log_eff
        if self.repeats:
            jacobian[:, :, at["r_d"]] -= term * beta * by_r_star / (1.0 + worth)
        return term

    def _harm(
        self, p: Float[np.ndarray, "batch p"], jacobian: Float[np.ndarray, "batch rows p"]
    ) -> Batch:
        """c S^p (N/U)^q of the runs that repeat; the others have none."""
        at, again = self._place, self._repeats > 0.0
        log_crowding = self._log_n[again] - self._log_u[again]
        q = self._value(p, "q")
        term = np.zeros((len(p), again.size))
        exponent = p[:, at["c"], None] + q * log_crowding
        if self.penalty == "power":
            power, log_repeats = self._value(p, "p"), np.log(self._repeats[again])
            term[:, again] = np.exp(exponent + power * log_repeats)
            jacobian[:, again, at["p"]] += term[:, again] * power * log_repeats
        else:
            worth, by_r_star = _saturated(self._repeats[again], self._value(p, "r_star"))
            factor = np.exp(exponent)
            term[:, again] = factor * worth
            jacobian[:, again, at["r_star"]] += factor * by_r_star
        jacobian[:, :, at["c"]] += term
        jacobian[:, again, at["q"]] += term[:, again] * q * log_crowding
        return term

    def _value(self, p: Float[np.ndarray, "batch p"], name: str) -> Float[np.ndarray, "batch 1"]:
        column = p[:, self._place[name], None]
        return column if name == "E" else np.exp(column)


def _box(name: str, highest_floor: float) -> tuple[float, float]:
    """Bounds of a coordinate."""
    if name == "E":
        return 0.0, float(check_real("highest_floor", highest_floor, 0.0, low_open=True))
    if name in ("A", "B", "c"):
        return LOG_FACTOR
    return _LOG_R_STAR if name.startswith("r_") else LOG_EXPONENT


def _saturated(repeats: Any, r_star: Float[np.ndarray, "batch 1"]) -> tuple[Batch, Batch]:
    """S = R* (1 − exp(−R/R*)) and dS/dlog R* = R* (1 − (1 + R/R*) exp(−R/R*)).

    The bracket is the incomplete gamma function P(2, R/R*), without cancellation.
    """
    ratio = repeats / r_star
    return -r_star * np.expm1(-ratio), r_star * gammainc(2.0, ratio)
