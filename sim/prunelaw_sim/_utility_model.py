"""The utility laws as functions of a parameter vector: predictions, Jacobian, box and starts.

Parameters are log a and d of each group, log −b of each pool (and group), log τ of each pool.  With
x = a n_1/1e5, n_1 the samples of the first pass, G the log growth of the later ones
(`prunelaw.utility.growth_and_slope`) and τ(U) = τ (U/U_min)^s in a subset of U unique samples,

    paper, effective_data   y = x^b e^(bG) + d            official_code   y = (x^b + d) e^(bG)

Groups are experiments with laws of their own, as downstream tasks or architectures; fitted
together they share the half-lives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from prunelaw._checks import check_real
from prunelaw.errors import InputError, TableError
from prunelaw.utility import DIVISOR, growth_and_slope, log_growth
from prunelaw_sim._least_squares import Model
from prunelaw_sim._rows import Rows

_LOG_A = 60.0  # bound on |log(a n / 1e5)| at the middle of the data
_LOG_B = (math.log(1e-6), math.log(20.0))
_LOG_TAU = (math.log(1e-2), math.log(1e4))  # times the passes made; beyond, τ = ∞ to all digits
_STRETCH = (-1.0, 3.0)
_FLOORS = np.array([0.0, 0.3, 0.6, 0.85, 0.97])  # of the least error: where d is first looked for
_LINES = 61  # values of log a that are looked at
_HALF_LIVES = 7
_STARTS = 5  # starts that are run besides the best one for each d
CAP_POWER = 8
"""q of the ceiling y/(1 + (y/c)^q)^(1/q): at y = c/2 it takes away .05 %, at y = c 8 %."""
_KINDS = {"a": "log", "d": "linear", "b": "neglog", "tau": "log", "stretch": "linear"}
_AT_LOW = {
    "a": "at the lower edge of the search: any smaller a fits as well",
    "d": "at its bound 0: the data show no irreducible error",
    "b": "at 0: this pool's samples do not lower the error",
    "tau": "at the lower edge of the search: repeats are worth nothing, whatever smaller τ",
    "stretch": "at the lower edge of the search",
}
_AT_HIGH = {
    "a": "at the upper edge of the search: any larger a fits as well",
    "d": "at its bound, the least error in the table: that run would be perfect",
    "b": "at the steep edge of the search: errors fall faster than any power the law allows",
    "tau": "at the upper edge of the search: no decay is visible, any larger τ fits as well",
    "stretch": "at the upper edge of the search",
}


@dataclass(frozen=True)
class Form:
    """Which law: convention, whether repeats decay, the exponent s of τ in the subset's size
    (None: fitted), the ceiling of the error (None: none), and bounds of the parameters' values
    by name ("tau[top 10%]") or by kind ("tau")."""

    convention: str
    decays: bool = True
    stretch: float | None = 1.0
    ceiling: float | None = None
    bounds: Mapping[str, tuple[float, float]] | None = None


class UtilityModel(Model):
    """Predictions for fixed rows as a function of parameter vectors, a batch at a time."""

    def __init__(
        self, rows: Rows, form: Form, least: Mapping[str, float], most_passes: float | None = None
    ) -> None:
        """`least`: the largest d that the search may try, for each group."""
        self.rows, self.form = rows, form
        self.passes = rows.samples_seen / rows.unique_samples
        self.most_passes = most_passes or max(float(self.passes.max()), 1.0)
        self._n_first = np.minimum(rows.samples_seen, rows.unique_samples)
        self.log_first = np.log(self._n_first / DIVISOR)
        self.parameters, self._column = _layout(rows, form)
        self.kinds = tuple(_KINDS[kind_of(name)] for name in self.parameters)
        self._log_size = np.log(
            rows.unique_samples / np.array(list(rows.sizes.values()))[rows.pool]
        )
        self._least = dict(least)
        self.low, self.high = self._box()

    def on(self, frame: pd.DataFrame) -> UtilityModel:
        """The same law and box on other rows of the same pools and groups (else `TableError`)."""
        rows = Rows.read(frame, self.rows)
        other = UtilityModel(rows, self.form, self._least, self.most_passes)
        other.parameters, other._column = self.parameters, _columns_of(rows, self.parameters, frame)
        other.kinds, other.low, other.high = self.kinds, self.low, self.high
        return other

    def evaluate(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows p"]]:
        """Errors, and ∂ error / ∂ (log a, d, log −b, log τ, s), all exact."""
        at = self._column
        b, d = -np.exp(p[:, at["b"]]), p[:, at["d"]]
        growth, slope = self._growth(p)
        official = self.form.convention == "official_code"
        jacobian = np.zeros((len(p), self.log_first.size, p.shape[1]))
        row = np.arange(self.log_first.size)
        with np.errstate(over="ignore", invalid="ignore"):
            log_x = p[:, at["a"]] + self.log_first
            later = np.exp(b * growth)
            power = np.exp(b * log_x) * later
            grown = power + d * later if official else power
            error = grown if official else power + d
            jacobian[:, row, at["a"]] = b * power
            jacobian[:, row, at["d"]] = later if official else 1.0
            jacobian[:, row, at["b"]] = b * (log_x * power + growth * grown)
            if "tau" in at:
                by_log_tau = b * slope * grown
                jacobian[:, row, at["tau"]] = by_log_tau
                if "stretch" in at:
                    jacobian[:, row, at["stretch"]] = by_log_tau * self._log_size
            return _capped(error, jacobian, self.form.ceiling)

    def coordinates(self) -> dict[str, Float[np.ndarray, " rows"]]:
        """Samples seen, epochs and unique samples."""
        rows = self.rows
        return {
            "samples_seen": rows.samples_seen,
            "epochs": self.passes,
            "unique_samples": rows.unique_samples,
        }

    def kind_of_rows(self) -> Int[np.ndarray, " rows"]:
        """One number for each group and pool."""
        return self.rows.group * len(self.rows.sizes) + self.rows.pool

    def values(self, p: Float[np.ndarray, " p"]) -> dict[str, float]:
        """Natural values by name."""
        return dict(zip(self.parameters, natural(p, self.kinds).tolist(), strict=True))

    def internal(self, values: Mapping[str, float]) -> Float[np.ndarray, " p"]:
        """The parameter vector of natural values by name."""
        return np.array(
            [to_internal(values[n], k) for n, k in zip(self.parameters, self.kinds, strict=True)]
        )

    def at_edge(self, name: str, upper: bool) -> str:
        """What it means that a parameter stands at an end of its box."""
        return (_AT_HIGH if upper else _AT_LOW)[kind_of(name)]

    def uninformed(self) -> dict[str, str]:
        """Parameters of which no row knows anything, and why."""
        reasons = {}
        repeated = self.passes > 1.0
        for i, name in enumerate(self.parameters):
            kind = kind_of(name)
            if kind == "tau" and not (repeated & (self._column["tau"] == i)).any():
                reasons[name] = "no row of this pool sees its data twice"
            elif kind == "stretch" and not (repeated & (self._log_size != 0.0)).any():
                reasons[name] = "no pool is repeated in subsets of different size"
        return reasons

    def starts(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "starts p"]:
        """For every group alone: d and τ on a grid, b and log a by linear regression.

        Given d and τ, log(error − d) ≈ b (log a + log n_1/1e5 + G): for each log a on a line, b of
        every pool by weighted linear regression; the best log a is taken.  The k-th best starts of
        all groups make one joint start, with the mean of their log τ where τ is shared.
        """
        made = []
        for s in (0.0, 1.0) if self.form.stretch is None else (self.form.stretch,):
            found = [self._of_group(g, s, error, weight) for g in range(len(self.rows.groups))]
            for k in range(max(len(part) for part in found)):
                made.append(self._joined([part[min(k, len(part) - 1)] for part in found], s))
        return np.clip(np.array(made), self.low, self.high)

    def _joined(self, parts: list[dict[int, float]], s: float) -> list[float]:
        """One parameter vector from those of the groups; what several have is averaged."""
        joined = []
        for i, name in enumerate(self.parameters):
            given = [part[i] for part in parts if i in part]
            joined.append(s if kind_of(name) == "stretch" else float(np.mean(given)))
        return joined

    def _of_group(
        self, group: int, s: float, error: Float[np.ndarray, " all"], weight: Any
    ) -> list[dict[int, float]]:
        """Starts of one group, best first for each d, then the best others: {column: value}."""
        mine = np.flatnonzero(self.rows.group == group)
        error, weight = error[mine], weight[mine]
        at = {kind: columns[mine] for kind, columns in self._column.items()}
        slopes, member = np.unique(at["b"], return_inverse=True)
        belongs = (member[:, None] == np.arange(slopes.size)).astype(np.float64)
        a, d = int(at["a"][0]), int(at["d"][0])
        lines = np.linspace(self.low[a], self.high[a], _LINES)
        growths = [self._start_growth(mine, tau, s) for tau in self._start_taus(at)]
        found: list[tuple[float, dict[int, float]]] = []
        firsts = []
        for floor in self.low[d] + _FLOORS * (self._start_ceiling(d, error) - self.low[d]):
            above = np.maximum(error - floor, 1e-300)
            log_x = lines[:, None] + self.log_first[mine]
            fits = [_regress(log_x + g, np.log(above), weight * above, belongs) for _, g in growths]
            b, cost = (np.stack(part) for part in zip(*fits, strict=True))
            here = []
            for chosen in _choices(cost):
                line = int(np.argmin(_pick(cost, chosen).sum(axis=-1)))
                start = {a: float(lines[line]), d: float(floor)}
                for pool, column in enumerate(slopes):
                    pick = chosen[line, pool]
                    start[int(column)] = math.log(-b[pick, line, pool])
                    if "tau" in at:
                        own = int(at["tau"][member == pool][0])
                        start[own] = math.log(growths[pick][0])
                here.append((float(_pick(cost, chosen)[line].sum()), start))
            here.sort(key=lambda pair: pair[0])
            firsts.append(here[0])
            found += here[1:]
        found.sort(key=lambda pair: pair[0])
        firsts.sort(key=lambda pair: pair[0])
        return [start for _, start in firsts + found[:_STARTS]]

    def _start_taus(self, at: Mapping[str, Int[np.ndarray, " rows"]]) -> Float[np.ndarray, " n"]:
        if "tau" not in at:
            return np.array([math.inf])
        low = float(np.exp(self.low[at["tau"]].max()))
        high = float(np.exp(self.high[at["tau"]].min()))
        taus = np.geomspace(0.3, 10.0 * self.most_passes, _HALF_LIVES)
        return np.unique(np.clip(taus, low, high))

    def _start_growth(
        self, mine: Int[np.ndarray, " rows"], tau: float, s: float
    ) -> tuple[float, Float[np.ndarray, " rows"]]:
        stretched = tau * np.exp(s * self._log_size[mine])
        return tau, log_growth(self.passes[mine], stretched, self.form.convention)

    def _start_ceiling(self, d: int, error: Float[np.ndarray, " rows"]) -> float:
        """The largest d that leaves log(error − d) defined."""
        return min(float(self.high[d]), max(float(error.min()), 1e-12))

    def _growth(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows"]]:
        """G of every row and ∂G/∂ log τ."""
        at = self._column
        if "tau" not in at:
            growth = log_growth(self.passes, math.inf, self.form.convention)
            return np.tile(growth, (len(p), 1)), np.zeros((len(p), growth.size))
        s = p[:, at["stretch"][:1]] if "stretch" in at else self.form.stretch
        tau = np.exp(p[:, at["tau"]] + s * self._log_size)
        return growth_and_slope(self.passes, tau, self.form.convention)

    def _box(self) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
        """0 ≤ d ≤ `least`; the others so wide that only limits touch it; `bounds` narrow it."""
        middle = float(np.mean(np.log(self.rows.samples_seen / DIVISOR)))
        most = math.log(self.most_passes)
        boxes = {
            "a": (-middle - _LOG_A, -middle + _LOG_A),
            "b": _LOG_B,
            "tau": (_LOG_TAU[0], most + _LOG_TAU[1]),
            "stretch": _STRETCH,
        }
        box = []
        for name in self.parameters:
            kind = kind_of(name)
            if kind == "d":
                # by name: rows to predict may lack some of the groups
                group = name[2:-1] if name != "d" else self.rows.groups[0]
                box.append((0.0, max(self._least[group], 1e-12)))
            else:
                box.append(boxes[kind])
        low, high = (np.array(ends) for ends in zip(*box, strict=True))
        return self._narrowed(low, high)

    def _narrowed(self, low: Any, high: Any) -> tuple[Any, Any]:
        known = {*self.parameters, *(kind_of(name) for name in self.parameters)}
        for wanted, ends in (self.form.bounds or {}).items():
            if wanted not in known:
                raise InputError(
                    f"bounds must name one of {', '.join(sorted(known))}; got {wanted!r}"
                )
            least, most = _check_bounds(wanted, ends)
            for i, name in enumerate(self.parameters):
                if wanted in (name, kind_of(name)):
                    inner = to_internal(least, self.kinds[i]), to_internal(most, self.kinds[i])
                    low[i], high[i] = min(inner), max(inner)
        return low, high


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


def _check_bounds(name: str, ends: Any) -> tuple[float, float]:
    try:
        least, most = (float(check_real(f"bounds[{name!r}]", end)) for end in ends)
    except TypeError as cause:
        raise InputError(f"bounds[{name!r}] must be a pair (low, high), got {ends!r}") from cause
    kind = kind_of(name)
    good = least <= most and (kind == "stretch" or (most <= 0.0 if kind == "b" else least >= 0.0))
    if not good:
        sign = {"b": "negative", "stretch": "real"}.get(kind, "positive")
        raise InputError(
            f"bounds[{name!r}] must be a pair low <= high of {sign} numbers, got {ends!r}"
        )
    return least, most


def _layout(rows: Rows, form: Form) -> tuple[tuple[str, ...], dict[str, Int[np.ndarray, " rows"]]]:
    """Names of the parameters, and for each kind the column that every row looks at."""
    pools, groups = list(rows.sizes), rows.groups
    pairs = list(dict.fromkeys(zip(rows.group.tolist(), rows.pool.tolist(), strict=True)))
    one = len(groups) == 1
    names = ["a", "d"] if one else [f"{kind}[{g}]" for kind in "ad" for g in groups]
    names += [f"b[{pools[p]}]" if one else f"b[{groups[g]}, {pools[p]}]" for g, p in sorted(pairs)]
    if form.decays:
        names += [f"tau[{name}]" for name in pools]
        if form.stretch is None:
            names.append("stretch")
    return tuple(names), _columns_of(rows, tuple(names))


def _columns_of(
    rows: Rows, names: tuple[str, ...], frame: pd.DataFrame | None = None
) -> dict[str, Int[np.ndarray, " rows"]]:
    place = {name: i for i, name in enumerate(names)}
    pools, groups = list(rows.sizes), rows.groups
    one = len(groups) == 1

    def columns(name: Any) -> Int[np.ndarray, " rows"]:
        wanted = [name(g, p) for g, p in zip(rows.group.tolist(), rows.pool.tolist(), strict=True)]
        for i, one in enumerate(wanted):
            if one not in place:
                row = frame.index[i] if frame is not None else i
                raise TableError(f"row {row}: {one} was not fitted: no run has this pool and group")
        return np.array([place[one] for one in wanted], dtype=np.int64)

    at = {
        "a": columns(lambda g, p: "a" if one else f"a[{groups[g]}]"),
        "d": columns(lambda g, p: "d" if one else f"d[{groups[g]}]"),
        "b": columns(lambda g, p: f"b[{pools[p]}]" if one else f"b[{groups[g]}, {pools[p]}]"),
    }
    if any(kind_of(name) == "tau" for name in names):
        at["tau"] = columns(lambda g, p: f"tau[{pools[p]}]")
    if "stretch" in place:
        at["stretch"] = columns(lambda g, p: "stretch")
    return at


def _capped(error: Any, jacobian: Any, ceiling: float | None) -> tuple[Any, Any]:
    """y/(1 + (y/c)^q)^(1/q), which keeps an error rate below c."""
    if ceiling is None:
        return error, jacobian
    damp = 1.0 + (error / ceiling) ** CAP_POWER
    capped = np.where(np.isfinite(damp), error * damp ** (-1.0 / CAP_POWER), ceiling)
    slope = np.where(np.isfinite(damp), damp ** (-1.0 / CAP_POWER - 1.0), 0.0)
    return capped, np.where(slope[..., None] > 0.0, jacobian * slope[..., None], 0.0)


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
