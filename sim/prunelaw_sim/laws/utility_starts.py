"""Where a fit of utility decay begins: separable least squares on a grid, each group by itself.

A group of one pool: given b and τ, the law is linear in C = a^b and d,

    y = C e^{b(L + G)} + d     (official_code: y = C e^{b(L + G)} + d e^{bG}),   L = log(n_1/1e5),

so that the squared error is a function of (b, τ) alone; the local minima of this function on a grid
are the starts.  A group of several pools, which share a and d: given d and τ,
log(error − d) ≈ b (log a + L + G), so b of every pool follows by weighted linear regression for
each log a on a line, and the best log a is taken.  The k-th best starts of all groups make one
joint start.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.decay.utility import log_growth
from prunelaw_sim.laws.utility_layout import Layout

_FLOORS = np.array([0.0, 0.3, 0.6, 0.85, 0.97])  # of the least error: where d is first looked for
_LINES = 61  # values of log a that are looked at
_HALF_LIVES = 7
_OTHERS = 5  # starts besides the best one for each d
_SLOPES = np.geomspace(2e-3, 5.0, 48)  # −b of the grid for one pool
_FINE_HALF_LIVES = 32
_MOST_MINIMA = 4

Start = dict[int, float]
"""parameter's column → internal coordinate"""


def utility_starts(
    layout: Layout, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, "starts p"]:
    """Joint starts inside the box; where the stretch of τ is fitted, from s = 0 and from s = 1."""
    made = []
    for s in (0.0, 1.0) if layout.form.stretch is None else (layout.form.stretch,):
        groups = [_Group(layout, g, s, error, weight) for g in range(len(layout.rows.groups))]
        found = [group.starts() for group in groups]
        for k in range(max(len(part) for part in found)):
            made.append(_joined(layout, [part[min(k, len(part) - 1)] for part in found], s))
    return np.clip(np.array(made), layout.low, layout.high)


def _joined(layout: Layout, parts: list[Start], s: float) -> list[float]:
    """One parameter vector from those of the groups; what several have is averaged."""
    joined = []
    for i, name in enumerate(layout.parameters):
        given = [part[i] for part in parts if i in part]
        joined.append(s if name == "stretch" else float(np.mean(given)))
    return joined


class _Group:
    """The rows of one group, and the columns of its parameters."""

    def __init__(self, layout: Layout, group: int, s: float, error: Any, weight: Any) -> None:
        mine = np.flatnonzero(layout.rows.group == group)
        self.layout, self.mine, self.s = layout, mine, s
        self.error, self.weight = error[mine], weight[mine]
        at = {kind: columns[mine] for kind, columns in layout.columns.items()}
        self.a, self.d = int(at["a"][0]), int(at["d"][0])
        self.b, self.member = np.unique(at["b"], return_inverse=True)
        self.tau = at.get("tau")
        self.log_first = layout.log_first[mine]
        self.low_d = float(layout.low[self.d])
        least = max(float(self.error.min()), 1e-12)
        self.high_d = max(min(float(layout.high[self.d]), least), self.low_d)

    def starts(self) -> list[Start]:
        """Best first."""
        return self._of_one_pool() if self.b.size == 1 else self._of_several_pools()

    def half_lives(self, count: int) -> Float[np.ndarray, " n"]:
        """Values of τ inside the box."""
        if self.tau is None:
            return np.array([math.inf])
        low = float(np.exp(self.layout.low[self.tau].max()))
        high = float(np.exp(self.layout.high[self.tau].min()))
        taus = np.geomspace(0.1, 30.0 * self.layout.most_passes, count)
        return np.unique(np.clip(taus, low, high))

    def growth(self, tau: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n rows"]:
        """G of every row at every τ."""
        stretched = tau[:, None] * np.exp(self.s * self.layout.log_size[self.mine])
        convention = self.layout.form.convention
        return log_growth(self.layout.passes[self.mine], stretched, convention)

    def _of_one_pool(self) -> list[Start]:
        """Local minima over (b, τ) of the squared error at the best C and d."""
        taus = self.half_lives(_FINE_HALF_LIVES)
        column = int(self.b[0])
        least, most = -np.exp(self.layout.high[column]), -np.exp(self.layout.low[column])
        b = np.unique(np.clip(-_SLOPES, least, most))
        growth = self.growth(taus)
        middle = float(self.log_first.mean())
        exponent = b[:, None, None] * (self.log_first - middle + growth)
        power = np.exp(exponent)
        official = self.layout.form.convention == "official_code"
        floor = np.exp(b[:, None, None] * growth) if official else np.ones_like(power)
        scale, d, cost = self._linear(power, floor)
        found = []
        for i, j in _minima(cost)[:_MOST_MINIMA]:
            log_a = math.log(scale[i, j]) / b[i] - middle
            start = {self.a: log_a, self.d: float(d[i, j]), column: math.log(-b[i])}
            if self.tau is not None:
                start[int(self.tau[0])] = math.log(taus[j])
            found.append(start)
        return found

    def _linear(
        self, power: Float[np.ndarray, "b tau rows"], floor: Float[np.ndarray, "b tau rows"]
    ) -> tuple[Any, Any, Any]:
        """C > 0, d in its range, and the squared error of C · power + d · floor."""
        squared = self.weight**2
        pp, pf = (power**2) @ squared, (power * floor) @ squared
        ff, py = (floor**2) @ squared, power @ (squared * self.error)
        fy = floor @ (squared * self.error)
        least = np.maximum(pp * ff - pf**2, 1e-12 * pp * ff)
        d = np.clip((pp * fy - pf * py) / least, self.low_d, max(self.high_d, self.low_d))
        scale = np.maximum((py - d * pf) / pp, 1e-300)
        residual = scale[..., None] * power + d[..., None] * floor - self.error
        return scale, d, residual**2 @ squared

    def _of_several_pools(self) -> list[Start]:
        """The best start for each d, then the best others."""
        belongs = (self.member[:, None] == np.arange(self.b.size)).astype(np.float64)
        lines = np.linspace(self.layout.low[self.a], self.layout.high[self.a], _LINES)
        taus = self.half_lives(_HALF_LIVES)
        growths = self.growth(taus)
        found: list[tuple[float, Start]] = []
        firsts = []
        for d in self.low_d + _FLOORS * (self.high_d - self.low_d):
            above = np.maximum(self.error - d, 1e-300)
            log_x = lines[:, None] + self.log_first
            fits = [
                _regress(log_x + growth, np.log(above), self.weight * above, belongs)
                for growth in growths
            ]
            b, cost = (np.stack(part) for part in zip(*fits, strict=True))
            here = []
            for chosen in _choices(cost):
                picked = _pick(cost, chosen).sum(axis=-1)
                line = int(np.argmin(picked))
                start = {self.a: float(lines[line]), self.d: float(d)}
                for pool, column in enumerate(self.b):
                    tau = int(chosen[line, pool])
                    start[int(column)] = math.log(-b[tau, line, pool])
                    if self.tau is not None:
                        start[int(self.tau[self.member == pool][0])] = math.log(taus[tau])
                here.append((float(picked[line]), start))
            here.sort(key=lambda pair: pair[0])
            firsts.append(here[0])
            found += here[1:]
        found.sort(key=lambda pair: pair[0])
        firsts.sort(key=lambda pair: pair[0])
        return [start for _, start in firsts + found[:_OTHERS]]


def _minima(cost: Float[np.ndarray, "b tau"]) -> list[tuple[int, int]]:
    """Grid points no higher than their eight neighbours, lowest first; of a plateau, its first."""
    padded = np.pad(cost, 1, constant_values=np.inf)
    lowest: Bool[np.ndarray, "b tau"] = np.isfinite(cost)
    for i in range(3):
        for j in range(3):
            other = padded[i : i + cost.shape[0], j : j + cost.shape[1]]
            before = (i, j) < (1, 1)
            if (i, j) != (1, 1):
                lowest &= (cost < other) if before else (cost <= other)
    places = np.argwhere(lowest)
    order = np.argsort(cost[lowest], kind="stable")
    return [(int(i), int(j)) for i, j in places[order]]


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
