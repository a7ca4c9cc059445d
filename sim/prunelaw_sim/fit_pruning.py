"""Hold the pruning theory against a sweep: effective dimension, effective angle, scale and floor.

The theory speaks of a perceptron with N inputs and a probe at angle θ.  A real model has neither,
so the sweep chooses them:

    error = floor + scale · ε(P/N_eff, f, θ_eff; rule)

with ε from `prunelaw.solve`, P the data-set size before pruning, f the fraction kept.  Four
numbers for all sizes, fractions and rules at once; what they cannot describe is not explained by
the theory, and the result says so (`describes`, `reasons`).

Given (N_eff, θ_eff) the law is linear in (floor, scale) and is solved by non-negative least
squares.  The two that are left are searched on tabulated theory from every cell of a grid, then
polished with exact solves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import least_squares, nnls
from scipy.stats import f as f_distribution

import prunelaw
from prunelaw._checks import check_real
from prunelaw.errors import ConvergenceError, InputError, TableError
from prunelaw.gaussian import Array
from prunelaw_sim.replicates import averaged
from prunelaw_sim.sweep import Sweep

COLUMNS = ("dataset_size", "keep_fraction", "rule", "error")
PARAMETERS = ("dimension", "theta", "scale", "floor")
# The search: N_eff from far fewer than the smallest data set to far more than the largest.
LOADS = (0.05, 200.0)  # α_tot of the smallest set at the largest N_eff, and the reverse
ANGLES = np.array([0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.15, 1.4, np.pi / 2])
LOAD_NODES_PER_DECADE = 5
LEAST_DIMENSION = float(np.log(1e-3))
# The polish stops when log N_eff and θ_eff move by less: far below any standard error.
SETTLED, POLISHES = 1e-6, 30
STARTS = 4
# A lack of fit with a p-value below this is called one.
SIGNIFICANT = 1e-3


@dataclass(frozen=True)
class Prediction:
    """Root mean square error over a number of points."""

    rmse: float
    points: int


@dataclass(frozen=True)
class PruningFit:
    """A fit of the pruning theory to a sweep, with its proof.

    dimension, theta, scale, floor   N_eff (inputs), θ_eff (radians), and the line from ε to error
    standard_errors                  of the four, from the Jacobian; infinite where not identified
    not_identified                   parameter → why the sweep cannot tell it
    rmse                             of the fitted points
    held_out                         of the points above `hold_out_above`, predicted, or None
    baseline, baseline_held_out      the same for floor + scale·(f P)^−β per rule, which knows
                                     nothing of the theory
    lack_of_fit                      p-value of F against the replicates' scatter, or None
    describes, reasons               whether the theory describes the sweep, and why not
    other_optima                     cost and (dimension, theta) of the other local optima
    table                            the points: size, f, rule, error, predicted, held_out
    """

    dimension: float
    theta: float
    scale: float
    floor: float
    standard_errors: dict[str, float]
    not_identified: dict[str, str]
    rmse: float
    held_out: Prediction | None
    baseline: Prediction
    baseline_held_out: Prediction | None
    lack_of_fit: float | None
    describes: bool
    reasons: tuple[str, ...]
    other_optima: tuple[dict[str, float], ...]
    table: pd.DataFrame

    def predict(self, dataset_size, keep_fraction, rule) -> Array:
        """Predicted error; the arguments broadcast.  Raises what `prunelaw.solve` raises."""
        alpha_tot = check_real("dataset_size", dataset_size, 0.0, low_open=True) / self.dimension
        theory = prunelaw.solve(alpha_tot, keep_fraction, self.theta, rule).error
        return self.floor + self.scale * theory

    def to_dict(self) -> dict:
        """Plain numbers for JSON; the table becomes a list of rows."""
        values = {name: getattr(self, name) for name in PARAMETERS}
        for name in ("held_out", "baseline", "baseline_held_out"):
            value = getattr(self, name)
            values[name] = None if value is None else dict(vars(value))
        for name in ("standard_errors", "not_identified", "rmse", "lack_of_fit", "describes"):
            values[name] = getattr(self, name)
        values["reasons"], values["other_optima"] = list(self.reasons), list(self.other_optima)
        return {"law": "pruning", **values, "points": self.table.to_dict(orient="records")}


def fit_pruning(sweep: Sweep, *, hold_out_above: float | int | None = None) -> PruningFit:
    """Fit the pruning theory to the columns dataset_size, keep_fraction, rule and error.

    Rows that differ only in seed are averaged; their scatter (or error_se) weighs the points.
    With `hold_out_above`, larger data sets are predicted, not fitted.

    Source of the theory: Sorscher et al. 2022, arXiv 2206.14486; of the effective parameters:
    this package.  Raises `TableError` if columns are missing or fewer than six points are left
    to fit, `InputError` for a bad `hold_out_above` or a rule that theory does not know.
    """
    points = _points(sweep)
    fitted = np.ones(len(points), dtype=bool)
    if hold_out_above is not None:
        limit = float(check_real("hold_out_above", hold_out_above, 0.0, low_open=True))
        fitted = points["dataset_size"].to_numpy(float) <= limit
    if fitted.sum() < 6:
        raise TableError(
            f"{sweep.source}: {int(fitted.sum())} points (size, fraction, rule) are left to fit; "
            "the pruning theory has four parameters and needs at least 6"
        )
    training = points.iloc[np.flatnonzero(fitted)].reset_index(drop=True)
    theory = _Theory(training)
    optima = _search(training, theory)
    best = _polish(training, theory, optima[0])
    return _result(points, fitted, training, best, optima)


def _points(sweep: Sweep) -> pd.DataFrame:
    """One row a (size, fraction, rule), the replicates averaged."""
    points = averaged(sweep, COLUMNS[:3])
    unknown = sorted(set(points["rule"]) - set(prunelaw.RULES))
    if unknown:
        raise InputError(f"rule must be one of {', '.join(prunelaw.RULES)}; got {unknown[0]!r}")
    return points


def _weights(points: pd.DataFrame) -> np.ndarray:
    """1/se where every point has one, else equal weights."""
    se = points["error_se"].to_numpy(float)
    return 1.0 / se if (np.isfinite(se) & (se > 0)).all() else np.ones(len(se))


# --- search on tabulated theory ---------------------------------------------------------------


def _tables(points: pd.DataFrame, low: float, high: float) -> dict:
    """(f, rule) → spline of log ε over (log α_tot, θ) for every pair in the sweep."""
    count = int(np.ceil(np.log10(high / low) * LOAD_NODES_PER_DECADE)) + 4
    loads = np.geomspace(low, high, count)
    pairs = points[["keep_fraction", "rule"]].drop_duplicates()
    # One batch, whose points share their starts: (pairs, loads, angles).
    solved = prunelaw.solve(
        loads[:, None],
        np.array(pairs["keep_fraction"], dtype=float)[:, None, None],
        ANGLES,
        np.array(pairs["rule"], dtype=object)[:, None, None],
    )
    keys = pairs.itertuples(index=False, name=None)
    return {
        key: RectBivariateSpline(np.log(loads), ANGLES, table)
        for key, table in zip(keys, np.log(solved.error), strict=True)
    }


class _Theory:
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
        self.tables = _tables(points, low, high)
        self.members = points.groupby(["keep_fraction", "rule"]).indices

    def __call__(self, log_dimension: float, theta: float) -> np.ndarray:
        log_load, result = np.log(self.sizes) - log_dimension, np.empty(len(self.sizes))
        for key, index in self.members.items():
            result[index] = np.exp(self.tables[key].ev(log_load[index], theta))
        return result


def _search(points: pd.DataFrame, theory: _Theory) -> list[tuple[float, float, float]]:
    """Local optima (cost, log N_eff, θ_eff) on the tabulated theory, best first."""
    grid = [
        (float(d), float(t))
        for d in np.linspace(*theory.dimensions, 25)
        for t in np.linspace(0.0, 1.5, 16)
    ]
    costs = [_linear_part(theory(*cell), points)[0] for cell in grid]
    optima: list[tuple[float, float, float]] = []
    for cell in np.argsort(costs, kind="stable"):
        start = grid[cell]
        if any(abs(start[0] - o[1]) < 0.5 and abs(start[1] - o[2]) < 0.2 for o in optima):
            continue
        cost, log_dimension, angle = _descend(theory, start, points)
        optima.append((cost, log_dimension, angle))
        if len(optima) == STARTS:
            break
    return sorted(optima)


def _descend(theory, start: tuple[float, float], points) -> tuple[float, float, float]:
    """(cost, log N_eff, θ_eff) of the local optimum next to `start`."""
    low, high = LEAST_DIMENSION, np.inf
    found = least_squares(
        lambda p: _weighted_residuals(theory(*p), points),
        start,
        bounds=([low, 0.0], [high, np.pi / 2]),
        x_scale=(1.0, 0.3),
        xtol=1e-12,
        ftol=1e-14,
        gtol=1e-14,
    )
    return 2 * float(found.cost), float(found.x[0]), float(found.x[1])


def _linear_part(theory: np.ndarray, points: pd.DataFrame) -> tuple[float, np.ndarray]:
    """(weighted squared error, [scale, floor]) of the best non-negative line through ε."""
    weights = _weights(points)
    design = np.stack([theory, np.ones_like(theory)], axis=1) * weights[:, None]
    line, norm = nnls(design, points["error"].to_numpy(float) * weights)
    return norm**2, line


def _weighted_residuals(theory: np.ndarray, points: pd.DataFrame) -> np.ndarray:
    scale, floor = _linear_part(theory, points)[1]
    return (floor + scale * theory - points["error"].to_numpy(float)) * _weights(points)


# --- exact polish and result ------------------------------------------------------------------


def _exact(points: pd.DataFrame, log_dimension: float, theta: float) -> np.ndarray:
    """ε at every point, solved exactly."""
    loads = points["dataset_size"].to_numpy(float) / np.exp(log_dimension)
    f, rule = points["keep_fraction"].to_numpy(float), points["rule"].to_numpy(str)
    return prunelaw.solve(loads, f, theta, rule).error


def _polish(
    points: pd.DataFrame, theory: _Theory, optimum: tuple[float, float, float]
) -> tuple[float, float]:
    """(log N_eff, θ_eff) of the exactly solved law, by defect correction of the table.

    The table is multiplied by exact/tabulated at the current optimum, so that at the fixed point
    every ε is exact and the table only supplies the slope.
    """
    best, moved = optimum[1:], np.inf
    for _ in range(POLISHES):
        correction = _exact(points, *best) / theory(*best)
        *_, log_dimension, angle = _descend(
            lambda *p, factor=correction: factor * theory(*p), best, points
        )
        moved = max(abs(log_dimension - best[0]), abs(angle - best[1]))
        best = (log_dimension, angle)
        if moved < SETTLED:
            return best
    raise ConvergenceError(
        f"the fit did not settle in {POLISHES} corrections: it still moves by {moved:.1e} at "
        f"dimension {np.exp(best[0]):.4g}, theta {best[1]:.4g}"
    )


def _result(points, fitted, training, best, optima) -> PruningFit:
    theory = _exact(points, *best)
    scale, floor = _linear_part(theory[fitted], training)[1]
    table = points.assign(predicted=floor + scale * theory, held_out=~fitted)
    errors, gaps = _standard_errors(training, best, scale, floor)
    baseline = _power_law(points, fitted)
    misfit = (table["predicted"] - table["error"]).to_numpy(float)
    held_out = _prediction(misfit[~fitted])
    rmse = _prediction(misfit[fitted])
    lack = _lack_of_fit(training, misfit[fitted])
    reasons = _reasons(lack, held_out, baseline[1], rmse, baseline[0], scale)
    return PruningFit(
        dimension=float(np.exp(best[0])),
        theta=best[1],
        scale=float(scale),
        floor=float(floor),
        standard_errors=errors,
        not_identified=gaps,
        rmse=rmse.rmse if rmse else float("nan"),
        held_out=held_out,
        baseline=baseline[0],
        baseline_held_out=baseline[1],
        lack_of_fit=lack,
        describes=not reasons,
        reasons=reasons,
        other_optima=tuple(
            {"cost": cost, "dimension": float(np.exp(d)), "theta": t} for cost, d, t in optima[1:]
        ),
        table=table,
    )


def _prediction(misfit: np.ndarray) -> Prediction | None:
    if not misfit.size:
        return None
    return Prediction(float(np.sqrt(np.mean(misfit**2))), int(misfit.size))


def _standard_errors(training, best, scale, floor) -> tuple[dict[str, float], dict[str, str]]:
    """Standard errors from the Jacobian in (log N_eff, θ, scale, floor), scaled by the misfit."""
    weights, step = _weights(training), 1e-4
    theory = _exact(training, *best)
    up = _exact(training, best[0] + step, best[1])
    angle = best[1] + (step if best[1] < 1.0 else -step)
    turned = (_exact(training, best[0], angle) - theory) / (angle - best[1])
    columns = [scale * (up - theory) / step, scale * turned, theory, np.ones_like(theory)]
    jacobian = np.stack(columns, axis=1) * weights[:, None]
    misfit = (floor + scale * theory - training["error"].to_numpy(float)) * weights
    noise = misfit @ misfit / max(len(misfit) - len(PARAMETERS), 1)

    free = np.array([True, 1e-6 < best[1] < np.pi / 2 - 1e-6, scale > 0, floor > 0])
    errors: dict[str, float] = {name: float("inf") for name in PARAMETERS}
    gaps: dict[str, str] = {}
    size = np.linalg.norm(jacobian[:, free], axis=0)
    if (size > 0).all():
        inverse = np.linalg.pinv((jacobian[:, free] / size).T @ (jacobian[:, free] / size))
        deviations = np.sqrt(noise * np.diag(inverse)) / size
        for name, value in zip(np.array(PARAMETERS)[free], deviations, strict=True):
            errors[str(name)] = float(value)
    errors["dimension"] *= float(np.exp(best[0]))
    limits = {"theta": 0.5, "dimension": float(np.exp(best[0])), "scale": float(scale)}
    for name, inside in zip(PARAMETERS, free, strict=True):
        if not inside:
            gaps[name] = "at the end of its range: the sweep pushes it there"
        elif name in limits and errors[name] > limits[name]:
            gaps[name] = f"standard error {errors[name]:.3g} is as large as the value can mean"
    return errors, gaps


def _lack_of_fit(training: pd.DataFrame, misfit: np.ndarray) -> float | None:
    """p-value of F = Σ(misfit/se)²/(points − 4), where every point has a standard error.

    The denominator's freedom is that of the pooled variance; stated standard errors count as
    known (F becomes χ²).
    """
    se = training["error_se"].to_numpy(float)
    if not (np.isfinite(se) & (se > 0)).all():
        return None
    freedom = len(se) - len(PARAMETERS)
    known = float(np.sum(training["replicates"].to_numpy(float) - 1.0)) or 1e12
    return float(f_distribution.sf(np.sum((misfit / se) ** 2) / freedom, freedom, known))


def _power_law(points: pd.DataFrame, fitted) -> tuple[Prediction, Prediction | None]:
    """The baseline floor + scale·(f P)^−β, one (scale, β) a rule, shared floor."""
    kept = np.log((points["dataset_size"] * points["keep_fraction"]).to_numpy(float))
    error, rules = points["error"].to_numpy(float), points["rule"].to_numpy(str)
    names = sorted(set(rules[fitted]))
    index = np.array([names.index(rule) if rule in names else 0 for rule in rules])
    weights = _weights(points)

    def predicted(p):
        scales, slopes = p[1 : 1 + len(names)], p[1 + len(names) :]
        return p[0] + np.exp(scales[index] - slopes[index] * (kept - kept.mean()))

    start = np.concatenate(
        [[0.0], np.full(len(names), np.log(error.mean())), 0.5 * np.ones(len(names))]
    )
    lower = np.concatenate([[0.0], np.full(len(names), -np.inf), np.zeros(len(names))])
    found = least_squares(
        lambda p: ((predicted(p) - error) * weights)[fitted],
        start,
        bounds=(lower, np.inf),
        x_scale=np.concatenate([[0.05], np.ones(2 * len(names))]),
    )
    misfit = predicted(found.x) - error
    inside = _prediction(misfit[fitted])
    assert inside is not None  # at least six fitted points
    return inside, _prediction(misfit[~fitted])


def _reasons(lack, held_out, power_law_held_out, rmse, power_law, scale) -> tuple[str, ...]:
    """Why the theory does not describe the sweep, in plain words; empty if it does."""
    reasons = []
    if scale == 0:
        reasons.append(
            "the best scale is 0: the theory's error does not vary with the measured one"
        )
    if lack is not None and lack < SIGNIFICANT:
        reasons.append(
            f"lack of fit: deviations exceed the scatter of the replicates (F test, p = {lack:.1e})"
        )
    if held_out is not None and held_out.rmse > power_law_held_out.rmse:
        reasons.append(
            f"on held-out sizes a power law in the kept samples predicts better "
            f"(rmse {power_law_held_out.rmse:.4f} against {held_out.rmse:.4f})"
        )
    elif held_out is None and rmse.rmse > power_law.rmse:
        reasons.append(
            f"a power law in the kept samples fits better "
            f"(rmse {power_law.rmse:.4f} against {rmse.rmse:.4f})"
        )
    return tuple(reasons)
