"""The utility laws as functions of a parameter vector: predictions, Jacobian, bounds and starts.

Parameters are (log a, d, log −b of each pool, log τ of each pool). With x = a n_1/1e5, n_1 the
samples of the first pass and G the log growth of the later ones (`prunelaw.utility.log_growth`),

    paper, effective_data   y = x^b e^(bG) + d            official_code   y = (x^b + d) e^(bG)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from prunelaw.errors import TableError
from prunelaw.utility import DIVISOR, UtilityLaw, combine, log_growth

_LOG_A = 60.0  # bound on |log(a n / 1e5)| at the middle of the data
_LOG_B = (math.log(1e-6), math.log(20.0))
_LOG_TAU = (math.log(1e-2), math.log(1e4))  # times the passes made; beyond, τ = ∞ to all digits
_STARTS = 5  # starts that are run besides the best one for each d
_VAGUE = 0.5  # a relative standard error above this leaves a parameter open
_AT_LOW = {
    "a": "at the lower edge of the search: any smaller a fits as well",
    "d": "at its bound 0: the data show no irreducible error",
    "b": "at 0: this pool's samples do not lower the error",
    "tau": "at the lower edge of the search: repeats are worth nothing, whatever smaller τ",
}
_AT_HIGH = {
    "a": "at the upper edge of the search: any larger a fits as well",
    "d": "at its bound, the least error in the table: that run would be perfect",
    "b": "at the steep edge of the search: errors fall faster than any power the law allows",
    "tau": "at the upper edge of the search: no decay is visible, any larger τ fits as well",
}
_STEP = 1e-5  # of log τ, for the one derivative taken by central differences


@dataclass(frozen=True, eq=False)
class Rows:
    """The columns that a law needs, checked; `sizes` are the pools and where their τ is quoted."""

    samples_seen: Float[np.ndarray, " rows"]
    unique_samples: Float[np.ndarray, " rows"]
    pool: Int[np.ndarray, " rows"]
    sizes: Mapping[str, float]

    @classmethod
    def read(cls, frame: pd.DataFrame, sizes: Mapping[str, float] | None) -> Rows:
        """Check and take the columns; with `sizes=None` the pools are those of the frame."""
        for name in ("pool", "unique_samples", "samples_seen"):
            if name not in frame:
                raise TableError(f"column {name} is missing; the table has {list(frame.columns)}")
        seen = _column(frame, "samples_seen", low_open=True)
        unique = _column(frame, "unique_samples", low_open=True)
        names = [str(name) for name in frame["pool"]]
        if sizes is None:
            sizes = dict.fromkeys(dict.fromkeys(names), math.inf)
            for name, size in zip(names, unique.tolist(), strict=True):
                sizes[name] = min(sizes[name], size)
        place = {name: i for i, name in enumerate(sizes)}
        for row, name in zip(frame.index, names, strict=True):
            if name not in place:
                raise TableError(f"row {row}: pool must be one of {list(sizes)}, got {name!r}")
        return cls(seen, unique, np.array([place[name] for name in names], dtype=np.int64), sizes)

    def measured(
        self, frame: pd.DataFrame
    ) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """The errors and their weights: 1/error_se where the table has it, else 1."""
        if "error" not in frame:
            raise TableError(f"column error is missing; the table has {list(frame.columns)}")
        error = _column(frame, "error", low_open=False)
        if "error_se" not in frame or bool(frame["error_se"].isna().all()):
            return error, np.ones_like(error)
        return error, 1.0 / _column(frame, "error_se", low_open=True)


class UtilityModel:
    """Predictions for fixed rows as a function of the parameter vector."""

    def __init__(self, rows: Rows, convention: str, decays: bool) -> None:
        self.rows, self.convention, self.decays = rows, convention, decays
        self.passes = rows.samples_seen / rows.unique_samples
        self.log_first = np.log(np.minimum(rows.samples_seen, rows.unique_samples) / DIVISOR)
        self.n_pools = len(rows.sizes)
        names = list(rows.sizes)
        self.parameters = ("a", "d", *(f"b[{name}]" for name in names)) + (
            tuple(f"tau[{name}]" for name in names) if decays else ()
        )
        sizes = np.array(list(rows.sizes.values()), dtype=np.float64)
        self._stretch = rows.unique_samples / sizes[rows.pool]
        self._member = (rows.pool[:, None] == np.arange(self.n_pools)).astype(np.float64)
        self.varied = np.array([not self._never_repeated(name) for name in self.parameters])
        self._last: tuple[bytes, Float[np.ndarray, " rows"]] | None = None

    def pack(self, a: float, d: float, b: Any, tau: Any) -> Float[np.ndarray, " p"]:
        """The parameter vector of natural parameters."""
        log_tau = np.log(tau) if self.decays else []
        return np.concatenate([[math.log(a), d], np.log(-np.asarray(b)), log_tau])

    def unpack(self, p: Float[np.ndarray, " p"]) -> dict[str, Any]:
        """a, d and pools → {b, tau, unique_samples, prefactor}."""
        a, d, b, tau = self._natural(p)
        pools = {
            name: {
                "b": float(b[i]),
                "tau": float(tau[i]),
                "unique_samples": size,
                "prefactor": UtilityLaw(a, float(b[i]), float(tau[i]), d).prefactor,
            }
            for i, (name, size) in enumerate(self.rows.sizes.items())
        }
        return {"a": a, "d": d, "pools": pools}

    def predict(self, p: Float[np.ndarray, " p"]) -> Float[np.ndarray, " rows"]:
        """The errors of all rows."""
        _, d, b, tau = self._natural(p)
        b_row = b[self.rows.pool]
        first = b_row * (p[0] + self.log_first)
        return combine(first, b_row * self._growth(tau), d, self.convention)

    def jacobian(self, p: Float[np.ndarray, " p"]) -> Float[np.ndarray, "rows p"]:
        """∂ error / ∂ (log a, d, log −b, log τ); only ∂G/∂log τ is taken by differences."""
        _, d, b, tau = self._natural(p)
        b_row = b[self.rows.pool]
        growth = self._growth(tau)
        log_x = p[0] + self.log_first
        later = np.exp(b_row * growth)
        power = np.exp(b_row * log_x) * later
        official = self.convention == "official_code"
        grown = power + d * later if official else power
        columns = np.zeros((log_x.size, p.size))
        columns[:, 0] = b_row * power
        columns[:, 1] = later if official else 1.0
        each = np.arange(log_x.size)
        columns[each, 2 + self.rows.pool] = b_row * (log_x * power + growth * grown)
        if self.decays:
            up, down = (self._growth(tau * math.exp(s)) for s in (_STEP, -_STEP))
            slope = (up - down) / (2.0 * _STEP)
            columns[each, 2 + self.n_pools + self.rows.pool] = b_row * slope * grown
        return columns

    def bounds(
        self, error: Float[np.ndarray, " rows"]
    ) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
        """Box of the search: 0 ≤ d ≤ least error; the others so wide that only limits touch it."""
        middle = float(np.mean(np.log(self.rows.samples_seen / DIVISOR)))
        most = math.log(max(float(self.passes.max()), 1.0))
        pools, taus = self.n_pools, self.n_pools * self.decays
        low = [-middle - _LOG_A, 0.0, *[_LOG_B[0]] * pools, *[_LOG_TAU[0]] * taus]
        top = max(float(error.min()), 1e-12)
        high = [-middle + _LOG_A, top, *[_LOG_B[1]] * pools, *[most + _LOG_TAU[1]] * taus]
        return np.array(low), np.array(high)

    def starts(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> list[Float[np.ndarray, " p"]]:
        """Starts for d and τ on a grid, τ shared by the pools or the best of the grid for each.

        Given d and τ, log(error − d) ≈ b (log a + log n_1/1e5 + G): for each log a on a line, b of
        every pool by weighted linear regression; the best log a is taken. Returned are the best
        start for each d and the `_STARTS` best others.
        """
        low, high = self.bounds(error)
        lines = np.linspace(low[0], high[0], 121)
        most = max(float(self.passes.max()), 1.0)
        taus = np.geomspace(0.3, 10.0 * most, 7) if self.decays else np.array([math.inf])
        growths = [self._growth(np.full(self.n_pools, tau)) for tau in taus]
        found: list[tuple[float, Float[np.ndarray, " p"]]] = []
        best_of_floor = []
        for floor in np.array([0.0, 0.3, 0.6, 0.85, 0.97]) * high[1]:
            trust = weight * np.maximum(error - floor, 1e-300)
            target = np.log(np.maximum(error - floor, 1e-300))
            fits = [_regress(self._log_x(lines) + g, target, trust, self._member) for g in growths]
            b, cost = (np.stack(part) for part in zip(*fits, strict=True))
            here = []
            for chosen in _choices(cost):
                line = int(np.argmin(_pick(cost, chosen).sum(axis=-1)))
                pick = chosen[line], line, np.arange(self.n_pools)
                start = self.pack(math.exp(lines[line]), floor, b[pick], taus[chosen[line]])
                start = np.clip(start, low, high)
                here.append((float(np.sum((weight * (self.predict(start) - error)) ** 2)), start))
            here.sort(key=lambda pair: pair[0])
            best_of_floor.append(here[0])
            found += here[1:]
        found.sort(key=lambda pair: pair[0])
        return [start for _, start in best_of_floor + found[:_STARTS]]

    def at_bound(
        self, p: Float[np.ndarray, " p"], error: Float[np.ndarray, " rows"]
    ) -> dict[str, str]:
        """Parameters that the box holds, with what that means."""
        low, high = self.bounds(error)
        width = np.where(np.arange(p.size) == 1, 1e-3 * high[1], 1e-3)
        held = {}
        for i, name in enumerate(self.parameters):
            kind = name.partition("[")[0]
            if p[i] - low[i] < width[i]:
                held[name] = _AT_LOW[kind]
            elif high[i] - p[i] < width[i]:
                held[name] = _AT_HIGH[kind]
        return held

    def doubts(
        self,
        p: Float[np.ndarray, " p"],
        spread: Float[np.ndarray, " p"],
        correlation: Float[np.ndarray, "p p"],
        spare: int,
    ) -> dict[str, str]:
        """Free parameters that the data leave open; `spread` is of logs, except for d."""
        relative = np.where(np.arange(p.size) == 1, spread / max(p[1], 1e-300), spread)
        reasons = {}
        for i, name in enumerate(self.parameters):
            if self._never_repeated(name):
                reasons[name] = "no row of this pool sees its data twice"
            elif spare <= 0:
                reasons[name] = "as many free parameters as rows: nothing is left to judge it by"
            elif relative[i] > _VAGUE:
                partner = _partner(correlation, i)
                reasons[name] = f"its standard error is {relative[i]:.2g} of its value" + (
                    ""
                    if partner is None
                    else f"; it trades off with {self.parameters[partner]} "
                    f"(correlation {correlation[i, partner]:.4f})"
                )
        return reasons

    def natural(
        self, p: Float[np.ndarray, " p"], spread: Float[np.ndarray, " p"]
    ) -> Float[np.ndarray, " p"]:
        """Standard errors of a, d, b, τ from those of the parameter vector."""
        value = np.exp(p)
        value[1] = 1.0
        return spread * value

    def _never_repeated(self, name: str) -> bool:
        if not name.startswith("tau["):
            return False
        pool = list(self.rows.sizes).index(name[4:-1])
        return bool((self.passes[self.rows.pool == pool] <= 1.0).all())

    def _natural(
        self, p: Float[np.ndarray, " p"]
    ) -> tuple[float, float, Float[np.ndarray, " pools"], Float[np.ndarray, " pools"]]:
        b = -np.exp(p[2 : 2 + self.n_pools])
        tau = np.exp(p[2 + self.n_pools :]) if self.decays else np.full(self.n_pools, math.inf)
        return math.exp(p[0]), float(p[1]), b, tau

    def _log_x(self, log_a: Float[np.ndarray, " lines"]) -> Float[np.ndarray, "lines rows"]:
        return log_a[:, None] + self.log_first

    def _growth(self, tau: Float[np.ndarray, " pools"]) -> Float[np.ndarray, " rows"]:
        """log_growth of every row, with τ stretched in proportion to the pool's size.

        The last answer is kept: the Jacobian asks for what the prediction has just asked.
        """
        key = tau.tobytes()
        if self._last is None or self._last[0] != key:
            stretched = tau[self.rows.pool] * self._stretch
            self._last = key, log_growth(self.passes, stretched, self.convention)
        return self._last[1]


def _regress(
    log_x: Float[np.ndarray, "lines rows"],
    target: Float[np.ndarray, " rows"],
    trust: Float[np.ndarray, " rows"],
    member: Float[np.ndarray, "rows pools"],
) -> tuple[Float[np.ndarray, "lines pools"], Float[np.ndarray, "lines pools"]]:
    """b of target ≈ b log_x for every line and pool, and the weighted sum of squares it leaves."""
    squared = (trust**2)[:, None] * member
    cross, own = (log_x * target) @ squared, log_x**2 @ squared
    b = np.minimum(cross / np.maximum(own, 1e-300), -1e-4)
    return b, target**2 @ squared - 2.0 * b * cross + b**2 * own


def _choices(cost: Float[np.ndarray, "taus lines pools"]) -> list[Int[np.ndarray, "lines pools"]]:
    """Index of τ for every line and pool: each τ for all pools, then the best for each pool."""
    shared = [np.full(cost.shape[1:], i, dtype=np.int64) for i in range(len(cost))]
    best = [np.argmin(cost, axis=0)] if len(cost) > 1 and cost.shape[2] > 1 else []
    return shared + best


def _pick(
    cost: Float[np.ndarray, "taus lines pools"], chosen: Int[np.ndarray, "lines pools"]
) -> Float[np.ndarray, "lines pools"]:
    return np.take_along_axis(cost, chosen[None], axis=0)[0]


def _partner(correlation: Float[np.ndarray, "p p"], i: int) -> int | None:
    """The parameter that i trades off with most, where that is nearly all there is."""
    others = np.abs(np.nan_to_num(correlation[i]))
    others[i] = 0.0
    best = int(np.argmax(others))
    return best if others[best] > 0.95 else None


def _column(frame: pd.DataFrame, name: str, low_open: bool) -> Float[np.ndarray, " rows"]:
    """A column as finite numbers ≥ 0 (> 0 with `low_open`); `TableError` names the row."""
    column: Any = pd.to_numeric(frame[name], errors="coerce")
    values = np.asarray(column, dtype=np.float64)
    good = np.isfinite(values) & ((values > 0.0) if low_open else (values >= 0.0))
    if not good.all():
        i = int(np.flatnonzero(~good)[0])
        allowed = "(0, inf)" if low_open else "[0, inf)"
        raise TableError(
            f"row {frame.index[i]}, column {name}: must be a number in {allowed}, "
            f"got {frame[name].iloc[i]!r}"
        )
    return values
