"""The search for (N_eff, θ_eff): tabulated theory, local optima, and their polish on exact solves.

Given the two, floor + scale · ε is linear in (scale, floor) ≥ 0.  `theta` may be held at a value
that comes from elsewhere (`probe_angles`); then N_eff alone is searched.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import least_squares, nnls

import prunelaw
from prunelaw.errors import ConvergenceError
from prunelaw_sim.laws.theory_rules import theory_rules

# The search: N_eff from far fewer than the smallest data set to far more than the largest.
LOADS = (0.05, 200.0)  # α_tot of the smallest set at the largest N_eff, and the reverse
ANGLES = np.array([0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.15, 1.4, np.pi / 2])
LOAD_NODES_PER_DECADE = 5
LEAST_DIMENSION = float(np.log(1e-3))
DIMENSION_CELLS, ANGLE_CELLS = 25, 16
# The polish stops when log N_eff and θ_eff move by less: far below any standard error.
SETTLED, POLISHES = 1e-6, 30
STARTS = 4
Optimum = tuple[float, float, float]  # cost, log N_eff, θ_eff


class TabulatedTheory:
    """ε at the points of a sweep, tabulated: smooth, cheap and good to about 1e-3."""

    def __init__(self, points: pd.DataFrame):
        self.sizes = points["dataset_size"].to_numpy(float)
        self.dimensions = (
            float(np.log(self.sizes.max() / LOADS[1])),
            float(np.log(self.sizes.min() / LOADS[0])),
        )
        margin = 1.5  # keeps the splines' ends out of the search
        low = self.sizes.min() / np.exp(self.dimensions[1]) / margin
        high = self.sizes.max() / np.exp(self.dimensions[0]) * margin
        self.members = points.groupby(["keep_fraction", "rule"]).indices
        self.tables = _tables(tuple(self.members), low, high)

    def __call__(
        self, log_dimension: float | np.ndarray, theta: float | np.ndarray
    ) -> Float[np.ndarray, "... points"]:
        """ε at every point, for each pair of the two arguments, which broadcast."""
        log_dimension, theta = np.broadcast_arrays(log_dimension, theta)
        log_load = np.log(self.sizes) - log_dimension[..., None]
        result = np.empty(log_load.shape)
        for key, index in self.members.items():
            angles = np.broadcast_to(theta[..., None], (*theta.shape, len(index)))
            result[..., index] = np.exp(self.tables[key].ev(log_load[..., index], angles))
        return result


@lru_cache(maxsize=8)
def _tables(pairs: tuple[tuple[float, str], ...], low: float, high: float) -> dict:
    """(f, rule) → spline of log ε over (log α_tot, θ); kept for other sweeps of the same cells."""
    count = int(np.ceil(np.log10(high / low) * LOAD_NODES_PER_DECADE)) + 4
    loads = np.geomspace(low, high, count)
    fractions = np.array([f for f, _ in pairs])
    rules = theory_rules([rule for _, rule in pairs], fractions)
    # One batch, whose points share their starts: (pairs, loads, angles).
    solved = prunelaw.solve(loads[:, None], fractions[:, None, None], ANGLES, rules[:, None, None])
    return {
        key: RectBivariateSpline(np.log(loads), ANGLES, table)
        for key, table in zip(pairs, np.log(solved.error), strict=True)
    }


def point_weights(points: pd.DataFrame) -> Float[np.ndarray, " points"]:
    """1/se where every point has one, else equal weights."""
    se = points["error_se"].to_numpy(float)
    return 1.0 / se if (np.isfinite(se) & (se > 0)).all() else np.ones(len(se))


def exact_theory(
    points: pd.DataFrame, log_dimension: float, theta: float
) -> Float[np.ndarray, " points"]:
    """ε at every point, solved exactly."""
    loads = points["dataset_size"].to_numpy(float) / np.exp(log_dimension)
    f = points["keep_fraction"].to_numpy(float)
    return prunelaw.solve(loads, f, theta, theory_rules(points["rule"].to_numpy(object), f)).error


def best_line(theory: np.ndarray, points: pd.DataFrame) -> tuple[float, np.ndarray]:
    """(weighted squared error, [scale, floor]) of the best non-negative line through ε."""
    weights = point_weights(points)
    design = np.stack([theory, np.ones_like(theory)], axis=1) * weights[:, None]
    line, norm = nnls(design, points["error"].to_numpy(float) * weights)
    return norm**2, line


def local_optima(
    points: pd.DataFrame, theory: TabulatedTheory, theta: float | None
) -> list[Optimum]:
    """Local optima on the tabulated theory, best first; θ_eff is `theta` where that is given."""
    angles = np.linspace(0.0, 1.5, ANGLE_CELLS) if theta is None else [theta]
    grid = [
        (float(d), float(t))
        for d in np.linspace(*theory.dimensions, DIMENSION_CELLS)
        for t in angles
    ]
    costs = [best_line(theory(*cell), points)[0] for cell in grid]
    optima: list[Optimum] = []
    for cell in np.argsort(costs, kind="stable"):
        start = grid[cell]
        if any(abs(start[0] - o[1]) < 0.5 and abs(start[1] - o[2]) < 0.2 for o in optima):
            continue
        optima.append(_descend(theory, start, points, theta))
        if len(optima) == STARTS:
            break
    return sorted(optima)


def polished(
    points: pd.DataFrame, theory: TabulatedTheory, optimum: Optimum, theta: float | None
) -> tuple[float, float]:
    """(log N_eff, θ_eff) of the exactly solved law, by defect correction of the table.

    The table is multiplied by exact/tabulated at the current optimum, so that at the fixed point
    every ε is exact and the table only supplies the slope.
    """
    best, moved = optimum[1:], np.inf
    for _ in range(POLISHES):
        correction = exact_theory(points, *best) / theory(*best)
        *_, log_dimension, angle = _descend(
            lambda *p, factor=correction: factor * theory(*p), best, points, theta
        )
        moved = max(abs(log_dimension - best[0]), abs(angle - best[1]))
        best = (log_dimension, angle)
        if moved < SETTLED:
            return best
    raise ConvergenceError(
        f"the fit did not settle in {POLISHES} corrections: it still moves by {moved:.1e} at "
        f"dimension {np.exp(best[0]):.4g}, theta {best[1]:.4g}"
    )


def _descend(
    theory: Callable[[float, float], np.ndarray],
    start: tuple[float, float],
    points: pd.DataFrame,
    theta: float | None,
) -> Optimum:
    """The local optimum next to `start`, in N_eff alone if `theta` is held."""
    free = 2 if theta is None else 1

    def angle_of(p: np.ndarray) -> float:
        return float(p[1]) if theta is None else theta

    found = least_squares(
        lambda p: _weighted_residuals(theory(p[0], angle_of(p)), points),
        start[:free],
        bounds=([LEAST_DIMENSION, 0.0][:free], [np.inf, np.pi / 2][:free]),
        x_scale=(1.0, 0.3)[:free],
        xtol=1e-12,
        ftol=1e-14,
        gtol=1e-14,
    )
    return 2 * float(found.cost), float(found.x[0]), angle_of(found.x)


def _weighted_residuals(theory: np.ndarray, points: pd.DataFrame) -> np.ndarray:
    scale, floor = best_line(theory, points)[1]
    return (floor + scale * theory - points["error"].to_numpy(float)) * point_weights(points)
