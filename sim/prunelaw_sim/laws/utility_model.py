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
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from prunelaw.decay.utility import growth_and_slope, log_growth
from prunelaw_sim.fits.least_squares import Model
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.laws.utility_layout import KINDS, Layout, kind_of
from prunelaw_sim.laws.utility_starts import utility_starts

CAP_POWER = 8
"""q of the ceiling y/(1 + (y/c)^q)^(1/q): at y = c/2 it takes away .05 %, at y = c 8 %."""
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


class UtilityModel(Model):
    """Predictions for the rows of a layout as a function of parameter vectors, a batch at a time.

    `fitted`: the rows are fitted, not predicted: what is linear is solved for.
    """

    def __init__(self, layout: Layout, *, fitted: bool = True) -> None:
        self.layout, self.form, self.rows = layout, layout.form, layout.rows
        self.parameters, self.columns = layout.parameters, layout.columns
        self.kinds = tuple(KINDS[kind_of(name)] for name in self.parameters)
        self.low, self.high = layout.low, layout.high
        self.passes, self.log_first = layout.passes, layout.log_first
        self._find_linear(fitted and self.form.ceiling is None)

    def on(self, runs: Table | pd.DataFrame) -> UtilityModel:
        """The same law and box on other rows of the same pools and groups (else `TableError`)."""
        return UtilityModel(self.layout.on(Table.of(runs)), fitted=False)

    def row_in_words(self, row: int) -> str:
        """Its pool, unique samples and samples seen."""
        rows = self.rows
        return (
            f"pool {list(rows.sizes)[rows.pool[row]]!r}, {rows.unique_samples[row]:.4g} unique "
            f"samples, {rows.samples_seen[row]:.4g} seen"
        )

    def _find_linear(self, wanted: bool) -> None:
        """Of each group: its rows, and the columns (a or None, d) that are solved for."""
        at, groups = self.columns, range(len(self.rows.groups) if wanted else 0)
        self._members = [np.flatnonzero(self.rows.group == g) for g in groups]
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
                    jacobian[:, row, at["stretch"]] = by_log_tau * self.layout.log_size
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
            elif kind == "stretch" and not (repeated & (self.layout.log_size != 0.0)).any():
                reasons[name] = "no pool is repeated in subsets of different size"
        return reasons

    def starts(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "starts p"]:
        """A fixed set that follows from the data alone: see `utility_starts`."""
        return utility_starts(self.layout, error, weight)

    def _growth(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows"]]:
        """G of every row and ∂G/∂ log τ."""
        at = self.columns
        if "tau" not in at:
            growth = log_growth(self.passes, math.inf, self.form.convention)
            return np.tile(growth, (len(p), 1)), np.zeros((len(p), growth.size))
        s = p[:, at["stretch"][:1]] if "stretch" in at else self.form.stretch
        tau = np.exp(p[:, at["tau"]] + s * self.layout.log_size)
        return growth_and_slope(self.passes, tau, self.form.convention)


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
