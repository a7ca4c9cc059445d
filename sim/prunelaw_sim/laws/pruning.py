"""Hold the pruning theory against a sweep: effective dimension, effective angle, scale and floor.

The theory speaks of a perceptron with N inputs and a probe at angle θ.  A real model has neither,
so the sweep chooses them:

    error = floor + scale · ε(P/N_eff, f, θ_eff; rule)

with ε from `prunelaw.solve`, P the data-set size before pruning, f the fraction kept.  Four
numbers for all sizes, fractions and rules at once; what they cannot describe is not explained by
the theory, and the result says so (`describes`, `reasons`).

Given (N_eff, θ_eff) the law is linear in (floor, scale) and is solved by non-negative least
squares.  The two that are left are searched by `pruning_search`; θ_eff may be held at what the
probe itself says (`probe_angles`).  `pruning_intervals` gives intervals over seeds, `advise`
what to keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

import prunelaw
from prunelaw.checks import check_number, check_real
from prunelaw.errors import TableError
from prunelaw.numerics.gaussian import Array
from prunelaw_sim.laws.kept_power_law import fit_kept_power_law
from prunelaw_sim.laws.pruning_search import (
    TabulatedTheory,
    best_line,
    exact_theory,
    local_optima,
    point_weights,
    polished,
)
from prunelaw_sim.laws.theory_rules import theory_rules
from prunelaw_sim.tables.replicates import averaged
from prunelaw_sim.tables.sweep import Sweep

COLUMNS = ("dataset_size", "keep_fraction", "rule", "error")
PARAMETERS = ("dimension", "theta", "scale", "floor")
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
    theta_held                       whether θ_eff was given, not fitted; its standard error is 0
    tabulated                        theory at the fitted points, for `pruning_intervals`
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
    theta_held: bool
    tabulated: TabulatedTheory = field(repr=False)

    def predict(self, dataset_size, keep_fraction, rule) -> Array:
        """Predicted error; the arguments broadcast.  Raises what `prunelaw.solve` raises.

        Rules as in the table: bands are in quantiles of hardness (`theory_rules`).
        """
        alpha_tot = check_real("dataset_size", dataset_size, 0.0, low_open=True) / self.dimension
        f = check_real("keep_fraction", keep_fraction, 0.0, 1.0, low_open=True)
        theory = prunelaw.solve(alpha_tot, f, self.theta, theory_rules(rule, f)).error
        return self.floor + self.scale * theory

    def to_dict(self) -> dict:
        """Plain numbers for JSON; the table becomes a list of rows."""
        values = {name: getattr(self, name) for name in PARAMETERS}
        for name in ("held_out", "baseline", "baseline_held_out"):
            value = getattr(self, name)
            values[name] = None if value is None else dict(vars(value))
        for name in ("standard_errors", "not_identified", "rmse", "lack_of_fit", "describes"):
            values[name] = getattr(self, name)
        values["theta_held"] = self.theta_held
        values["reasons"], values["other_optima"] = list(self.reasons), list(self.other_optima)
        return {"law": "pruning", **values, "points": self.table.to_dict(orient="records")}


def fit_pruning(
    sweep: Sweep, *, hold_out_above: float | int | None = None, theta: float | None = None
) -> PruningFit:
    """Fit the pruning theory to the columns dataset_size, keep_fraction, rule and error.

    Rows that differ only in seed are averaged; their scatter (or error_se) weighs the points.
    With `hold_out_above`, larger data sets are predicted, not fitted.  With `theta` in [0, π/2]
    the angle is held there and three parameters are fitted.  Rules are hard, easy, random, and the
    bands of `kept_examples`, in quantiles of hardness.

    Source of the theory: Sorscher et al. 2022, arXiv 2206.14486; of the effective parameters:
    this package.  Raises `TableError` if columns are missing or fewer than six points are left
    to fit, `InputError` for a bad `hold_out_above` or `theta`, or a rule that theory does not know.
    """
    points = pruning_points(sweep)
    if theta is not None:
        theta = check_number("theta", theta, 0.0, np.pi / 2)
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
    theory = TabulatedTheory(training)
    optima = local_optima(training, theory, theta)
    best = polished(training, theory, optima[0], theta)
    return _result(points, fitted, training, theory, best, optima, theta is not None)


def pruning_points(sweep: Sweep) -> pd.DataFrame:
    """One row a (size, fraction, rule), the replicates averaged.

    Raises `TableError` for missing columns, `InputError` for a rule that theory does not know.
    """
    points = averaged(sweep, COLUMNS[:3])
    theory_rules(points["rule"].to_numpy(object), points["keep_fraction"].to_numpy(float))
    return points


def _result(
    points, fitted, training, tabulated: TabulatedTheory, best, optima, held: bool
) -> PruningFit:
    theory = exact_theory(points, *best)
    scale, floor = best_line(theory[fitted], training)[1]
    table = points.assign(predicted=floor + scale * theory, held_out=~fitted)
    errors, gaps = _standard_errors(training, best, scale, floor, held)
    baseline = _power_law(points, fitted)
    misfit = (table["predicted"] - table["error"]).to_numpy(float)
    held_out = _prediction(misfit[~fitted])
    rmse = _prediction(misfit[fitted])
    lack = _lack_of_fit(training, misfit[fitted], len(PARAMETERS) - held)
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
        theta_held=held,
        tabulated=tabulated,
    )


def _prediction(misfit: np.ndarray) -> Prediction | None:
    if not misfit.size:
        return None
    return Prediction(float(np.sqrt(np.mean(misfit**2))), int(misfit.size))


def _standard_errors(
    training, best, scale, floor, held: bool
) -> tuple[dict[str, float], dict[str, str]]:
    """Standard errors from the Jacobian in (log N_eff, θ, scale, floor), scaled by the misfit."""
    weights, step = point_weights(training), 1e-4
    theory = exact_theory(training, *best)
    up = exact_theory(training, best[0] + step, best[1])
    angle = best[1] + (step if best[1] < 1.0 else -step)
    turned = (exact_theory(training, best[0], angle) - theory) / (angle - best[1])
    columns = [scale * (up - theory) / step, scale * turned, theory, np.ones_like(theory)]
    jacobian = np.stack(columns, axis=1) * weights[:, None]
    misfit = (floor + scale * theory - training["error"].to_numpy(float)) * weights
    noise = misfit @ misfit / max(len(misfit) - len(PARAMETERS) + held, 1)

    free = np.array([True, 1e-6 < best[1] < np.pi / 2 - 1e-6 and not held, scale > 0, floor > 0])
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
    if held:
        errors["theta"] = 0.0
    for name, inside in zip(PARAMETERS, free, strict=True):
        if held and name == "theta":
            continue
        if not inside:
            gaps[name] = "at the end of its range: the sweep pushes it there"
        elif name in limits and errors[name] > limits[name]:
            gaps[name] = f"standard error {errors[name]:.3g} is as large as the value can mean"
    return errors, gaps


def _lack_of_fit(
    training: pd.DataFrame, misfit: np.ndarray, parameters: int = len(PARAMETERS)
) -> float | None:
    """p-value of F = Σ(misfit/se)²/(points − parameters), where every point has a standard error.

    The denominator's freedom is that of the pooled variance; stated standard errors count as
    known (F becomes χ²).
    """
    se = training["error_se"].to_numpy(float)
    if not (np.isfinite(se) & (se > 0)).all():
        return None
    freedom = len(se) - parameters
    known = float(np.sum(training["replicates"].to_numpy(float) - 1.0)) or 1e12
    return float(f_distribution.sf(np.sum((misfit / se) ** 2) / freedom, freedom, known))


def _power_law(points: pd.DataFrame, fitted) -> tuple[Prediction, Prediction | None]:
    """The misfit of a power law in the kept samples: of the fitted points, and of the others."""
    law = fit_kept_power_law(points, fitted)
    misfit = law.predict(points) - points["error"].to_numpy(float)
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
