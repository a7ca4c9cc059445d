"""The utility laws as functions of a parameter vector: predictions, Jacobian, box and starts.

Parameters are log a and d of each group, log −b of each pool (and group), log τ of each pool.  With
x = a n_1/1e5, n_1 the samples of the first pass, G the log growth of the later ones
(`prunelaw.decay.utility.growth_and_slope`) and τ(U) = τ (U/U_min)^s in a subset of U unique
samples,

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
from jaxtyping import Bool, Float, Int

from prunelaw.checks import check_real
from prunelaw.decay.utility import DIVISOR, growth_and_slope, log_growth
from prunelaw.errors import InputError, TableError
from prunelaw_sim.fits.least_squares import Model, natural, to_internal
from prunelaw_sim.fits.rows import Rows
from prunelaw_sim.laws.utility_starts import utility_starts

_LOG_A = 60.0  # bound on |log(a n / 1e5)| at the middle of the data
_LOG_B = (math.log(1e-6), math.log(20.0))
_LOG_TAU = (math.log(1e-2), math.log(1e4))  # times the passes made; beyond, τ = ∞ to all digits
_STRETCH = (-1.0, 3.0)
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
    bounds: Mapping[str, Any] | None = None


class UtilityModel(Model):
    """Predictions for fixed rows as a function of parameter vectors, a batch at a time."""

    def __init__(
        self, rows: Rows, form: Form, least: Mapping[str, float], most_passes: float | None = None
    ) -> None:
        """`least`: the largest d that the search may try, for each group."""
        self.rows, self.form = rows, form
        self.passes = rows.samples_seen / rows.unique_samples
        self.most_passes = most_passes or max(float(self.passes.max()), 1.0)
        self.log_first = np.log(np.minimum(rows.samples_seen, rows.unique_samples) / DIVISOR)
        self.parameters, self.columns = _layout(rows, form)
        self.kinds = tuple(_KINDS[kind_of(name)] for name in self.parameters)
        self.log_size = np.log(rows.unique_samples / np.array(list(rows.sizes.values()))[rows.pool])
        self._least = dict(least)
        self.low, self.high = self._box()
        self._find_linear()

    def on(self, frame: pd.DataFrame) -> UtilityModel:
        """The same law and box on other rows of the same pools and groups (else `TableError`)."""
        rows = Rows.read(frame, self.rows)
        other = UtilityModel(rows, self.form, self._least, self.most_passes)
        other.parameters, other.columns = self.parameters, _columns_of(rows, self.parameters, frame)
        other.kinds, other.low, other.high = self.kinds, self.low, self.high
        other._linear, other._linear_of = [], []  # other rows are predicted, not fitted
        return other

    def _find_linear(self) -> None:
        """Of each group: its rows, and the columns (a or None, d) that are solved for."""
        at, capped = self.columns, self.form.ceiling is not None
        groups = range(0 if capped else len(self.rows.groups))
        members = (np.flatnonzero(self.rows.group == g) for g in groups)
        self._members = [mine for mine in members if mine.size]  # rows to predict may lack a group
        self._linear_of: list[tuple[int | None, int]] = []
        for mine in self._members:
            one_pool = np.unique(at["b"][mine]).size == 1
            a = int(at["a"][mine[0]]) if one_pool else None
            self._linear_of.append((a, int(at["d"][mine[0]])))
        self._linear = [i for pair in self._linear_of for i in pair if i is not None]

    def evaluate(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows p"]]:
        """Errors, and ∂ error / ∂ (log a, d, log −b, log τ, s), all exact."""
        return self._assembled(p, *self._growth(p))

    def linear(self) -> Bool[np.ndarray, " p"]:
        """d, and a of groups of one pool, in which C = a^b is linear; under a ceiling, none."""
        return np.isin(np.arange(len(self.parameters)), self._linear)

    def eliminated(
        self,
        p: Float[np.ndarray, "batch p"],
        target: Float[np.ndarray, "batch rows"],
        weight: Float[np.ndarray, "batch rows"],
    ) -> tuple[
        Float[np.ndarray, "batch p"],
        Float[np.ndarray, "batch rows"],
        Float[np.ndarray, "batch rows p"],
    ]:
        """p with d (and a) at their best inside the box, and the law there."""
        growth, slope = self._growth(p)
        if self._linear:
            p = self._with_best(p, growth, target, weight)
        return p, *self._assembled(p, growth, slope)

    def _with_best(self, p: Any, growth: Any, target: Any, weight: Any) -> Any:
        """Least squares of C x + d c for each group: x the power law, c = 1 or e^{bG}."""
        p = p.copy()
        at = self.columns
        b = -np.exp(p[:, at["b"]])
        official = self.form.convention == "official_code"
        with np.errstate(over="ignore", invalid="ignore"):
            power = weight * np.exp(b * (p[:, at["a"]] + self.log_first + growth))
            floor = weight * (np.exp(b * growth) if official else 1.0)
            error = weight * target
            for group, mine in enumerate(self._members):
                _set_linear(
                    p,
                    self._linear_of[group],
                    (self.low, self.high),
                    b[:, mine[0]],
                    power[:, mine],
                    floor[:, mine],
                    error[:, mine],
                )
        return p

    def _assembled(
        self, p: Float[np.ndarray, "batch p"], growth: Any, slope: Any
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows p"]]:
        at = self.columns
        b, d = -np.exp(p[:, at["b"]]), p[:, at["d"]]
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
                    jacobian[:, row, at["stretch"]] = by_log_tau * self.log_size
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
        given = self.form.bounds or {}
        if name in given or kind_of(name) in given:
            return f"at the {'upper' if upper else 'lower'} end of the bounds that were given"
        return (_AT_HIGH if upper else _AT_LOW)[kind_of(name)]

    def uninformed(self) -> dict[str, str]:
        """Parameters of which no row knows anything, and why."""
        reasons = {}
        repeated = self.passes > 1.0
        for i, name in enumerate(self.parameters):
            kind = kind_of(name)
            if kind == "tau" and not (repeated & (self.columns["tau"] == i)).any():
                reasons[name] = "no row of this pool sees its data twice"
            elif kind == "stretch" and not (repeated & (self.log_size != 0.0)).any():
                reasons[name] = "no pool is repeated in subsets of different size"
        return reasons

    def starts(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "starts p"]:
        """A fixed set that follows from the data alone: see `_utility_starts`."""
        return utility_starts(self, error, weight)

    def _growth(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows"]]:
        """G of every row and ∂G/∂ log τ."""
        at = self.columns
        if "tau" not in at:
            growth = log_growth(self.passes, math.inf, self.form.convention)
            return np.tile(growth, (len(p), 1)), np.zeros((len(p), growth.size))
        s = p[:, at["stretch"][:1]] if "stretch" in at else self.form.stretch
        tau = np.exp(p[:, at["tau"]] + s * self.log_size)
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


def _set_linear(
    p: Any, columns: tuple[int | None, int], box: tuple[Any, Any], b: Any, x: Any, c: Any, y: Any
) -> None:
    """Sets d, and log a where it is free, to the least squares of C x + d c = y inside the box.

    x is the power law at the present a, so that a change of C multiplies it: a → a C^(1/b).
    """
    a, d = columns
    (low, high), xx = box, np.einsum("br,br->b", x, x)
    cc = np.einsum("br,br->b", c, c)
    if a is not None and low[a] < high[a]:
        # x without its part along c: the difference that a constant cannot make up for
        apart = x - (np.einsum("br,br->b", x, c) / cc)[:, None] * c
        square = np.einsum("br,br->b", apart, apart)
        good = square > 1e-20 * xx
        size = np.einsum("br,br->b", apart, y) / np.where(good, square, 1.0)
        size = np.where(good & (size > 0.0), size, 1.0)
        best = np.einsum("br,br->b", y - size[:, None] * x, c) / cc
        held = np.clip(best, low[d], high[d])
        at_bound = held != best
        alone = np.einsum("br,br->b", x, y - held[:, None] * c) / np.where(xx > 0.0, xx, 1.0)
        size = np.where(at_bound & (alone > 0.0), alone, size)
        shift = np.log(np.where(np.isfinite(size) & (size > 0.0), size, 1.0)) / b
        new = np.clip(p[:, a] + shift, low[a], high[a])
        x = x * np.exp(b * (new - p[:, a]))[:, None]
        p[:, a] = new
    best = np.einsum("br,br->b", y - x, c) / cc
    p[:, d] = np.clip(np.where(np.isfinite(best), best, p[:, d]), low[d], high[d])
