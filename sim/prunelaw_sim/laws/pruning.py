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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

import prunelaw
from prunelaw.checks import check_number, check_real
from prunelaw.errors import TableError
from prunelaw.numerics.gaussian import Array
from prunelaw_sim.common.note import Note
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.common.statistics import lack_of_fit, student_interval
from prunelaw_sim.fits.evidence import not_identified
from prunelaw_sim.fits.fit import SIGNIFICANT, Interval, Misfit, aicc
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

POINT = ("dataset_size", "keep_fraction", "rule")  # columns that tell points apart
COLUMNS = (*POINT, "error")
RANGES: Mapping[str, tuple[float, float]] = {
    "dimension": (0.0, np.inf),
    "theta": (0.0, np.pi / 2),
    "scale": (0.0, np.inf),
    "floor": (0.0, np.inf),
}
PARAMETERS = tuple(RANGES)


@dataclass(frozen=True, eq=False)
class PruningFit:
    """A `Fit` of the pruning theory to the points of a sweep.

    Attributes:
        dimension: N_eff, inputs.
        theta: θ_eff, radians.
        scale, floor: the line from ε to error.
        standard_errors: of the four, from the Jacobian; inf where not identified.
        rmse: of the fitted points.
        held_out: of the points above `hold_out_above`, predicted; None if there are none.
        baseline, baseline_held_out: the same for floor + scale·(f P)^−β per rule, which knows
            nothing of the theory.
        lack_of_fit: p-value of F against the replicates' scatter; None where that is unknown.
        reasons: why the theory does not describe the sweep; empty if it does.
        other_optima: cost and (dimension, theta) of the other local optima.
        table: the points: size, f, rule, error, predicted, held_out.
        theta_held: whether θ_eff was given, not fitted; its standard error is 0.
        tabulated: theory at the fitted points, for `pruning_intervals`.
    """

    dimension: float
    theta: float
    scale: float
    floor: float
    standard_errors: dict[str, float]
    warnings: tuple[Note, ...]
    rmse: float
    held_out: Misfit | None
    baseline: Misfit
    baseline_held_out: Misfit | None
    lack_of_fit: float | None
    reasons: tuple[str, ...]
    other_optima: Sequence[Mapping[str, float]]
    table: pd.DataFrame
    theta_held: bool
    tabulated: TabulatedTheory = field(repr=False)
    law: str = "pruning"

    @property
    def values(self) -> dict[str, float]:
        """The four by name."""
        return {name: getattr(self, name) for name in PARAMETERS}

    @property
    def not_identified(self) -> dict[str, str]:
        """Parameter → why the sweep cannot tell it."""
        return not_identified(self.warnings)

    @property
    def describes(self) -> bool:
        """Whether the theory describes the sweep."""
        return not self.reasons

    @property
    def remarks(self) -> tuple[str, ...]:
        """How the power law in the kept samples fares."""
        held_out = self.baseline_held_out
        return (
            "a power law in the kept samples, with an amplitude and exponent for each rule, has "
            f"rmse {self.baseline.rmse:.4f}"
            + (f" and {held_out.rmse:.4f} held out" if held_out else ""),
        )

    @property
    def predicted(self) -> Float[np.ndarray, " points"]:
        """Of all points."""
        return self.table["predicted"].to_numpy(float)

    @property
    def residuals(self) -> Float[np.ndarray, " points"]:
        """Error − predicted."""
        return self.table["error"].to_numpy(float) - self.predicted

    @property
    def fitted(self) -> Bool[np.ndarray, " points"]:
        """False for held-out points."""
        return ~self.table["held_out"].to_numpy(bool)

    @property
    def free(self) -> int:
        """Four, or three with a given angle."""
        return len(PARAMETERS) - self.theta_held

    @property
    def aicc(self) -> float:
        """Of the fitted points, weighted as they were fitted."""
        training = self.table.loc[self.fitted]
        pulls = point_weights(training) * self.residuals[self.fitted]
        return aicc(max(float(pulls @ pulls), 1e-300), len(training), self.free)

    def intervals(self, level: float = 0.9) -> dict[str, Interval]:
        """Student intervals from the standard errors, ended at the parameters' ranges.

        They take the points as independent; `pruning_intervals` does not.
        """
        check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
        found = {}
        for name, (least, most) in RANGES.items():
            if self.theta_held and name == "theta":
                continue
            value, error = self.values[name], self.standard_errors[name]
            freedom = max(int(self.fitted.sum()) - self.free, 1)
            low, high = student_interval(value, error, freedom, level)
            ends = max(low, least), min(high, most), level, low <= least, high >= most
            found[name] = Interval(name, value, *ends)
        return found

    def error_at(self, dataset_size, keep_fraction, rule) -> Array:
        """Predicted error; the arguments broadcast.  Raises what `prunelaw.solve` raises.

        Rules as in the table: bands are in quantiles of hardness (`theory_rules`).
        """
        alpha_tot = check_real("dataset_size", dataset_size, 0.0, low_open=True) / self.dimension
        f = check_real("keep_fraction", keep_fraction, 0.0, 1.0, low_open=True)
        theory = prunelaw.solve(alpha_tot, f, self.theta, theory_rules(rule, f)).error
        return self.floor + self.scale * theory

    def predict(self, frame: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """`error_at` the rows of a table with columns dataset_size, keep_fraction and rule."""
        size, f = (frame[name].to_numpy(float) for name in POINT[:2])
        return self.error_at(size, f, frame["rule"].to_numpy(object))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; the table becomes a list of rows."""
        names = (
            "law", "values", "held_out", "baseline", "baseline_held_out", "standard_errors",
            "not_identified", "rmse", "lack_of_fit", "describes", "theta_held", "reasons",
            "other_optima", "warnings",
        )  # fmt: skip
        plain = to_plain({name: getattr(self, name) for name in names} | self.values)
        return {**plain, "points": self.table.to_dict(orient="records")}


def fit_pruning(
    sweep: Sweep | pd.DataFrame,
    *,
    hold_out_above: float | int | None = None,
    theta: float | None = None,
) -> PruningFit:
    """Fit the pruning theory to the columns dataset_size, keep_fraction, rule and error.

    Rows that differ only in seed are averaged; their scatter (or error_se) weighs the points.
    Rules are hard, easy, random, and the bands of `kept_examples`, in quantiles of hardness.

    Args:
        hold_out_above: larger data sets are predicted, not fitted.
        theta: in [0, π/2]: the angle is held there and three parameters are fitted.

    Raises:
        TableError: for missing columns, and fewer than six points to fit.
        InputError: for a bad argument, and a rule that theory does not know.

    Source:
        Sorscher et al. 2022, arXiv 2206.14486; the effective parameters: this package.
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
            f"{int(fitted.sum())} points (size, fraction, rule) are left to fit; "
            "the pruning theory has four parameters and needs at least 6"
        )
    training = points.iloc[np.flatnonzero(fitted)].reset_index(drop=True)
    theory = TabulatedTheory(training)
    optima = local_optima(training, theory, theta)
    best = polished(training, theory, optima[0], theta)
    return _result(points, fitted, training, theory, best, optima, theta is not None)


def pruning_points(sweep: Sweep | pd.DataFrame) -> pd.DataFrame:
    """One row a (size, fraction, rule), the replicates averaged; raises as `fit_pruning`."""
    if isinstance(sweep, pd.DataFrame):
        sweep = Sweep.from_frame(sweep)
    points = averaged(sweep, POINT)
    theory_rules(points["rule"].to_numpy(object), points["keep_fraction"].to_numpy(float))
    return points


def _result(
    points, fitted, training, tabulated: TabulatedTheory, best, optima, held: bool
) -> PruningFit:
    theory = exact_theory(points, *best)
    scale, floor = best_line(theory[fitted], training)[1]
    table = points.assign(predicted=floor + scale * theory, held_out=~fitted)
    errors, warnings = _standard_errors(training, best, scale, floor, held)
    baseline = _power_law(points, fitted)
    misfit = (table["predicted"] - table["error"]).to_numpy(float)
    held_out, rmse = Misfit.of(misfit[~fitted]), Misfit.of(misfit[fitted])
    lack = _lack_of_fit(training, misfit[fitted], len(PARAMETERS) - held)
    return PruningFit(
        dimension=float(np.exp(best[0])),
        theta=best[1],
        scale=float(scale),
        floor=float(floor),
        standard_errors=errors,
        warnings=tuple(warnings),
        rmse=rmse.rmse if rmse else float("nan"),
        held_out=held_out,
        baseline=baseline[0],
        baseline_held_out=baseline[1],
        lack_of_fit=lack,
        reasons=_reasons(lack, held_out, baseline[1], rmse, baseline[0], scale),
        other_optima=tuple(
            {"cost": cost, "dimension": float(np.exp(d)), "theta": t} for cost, d, t in optima[1:]
        ),
        table=table,
        theta_held=held,
        tabulated=tabulated,
    )


def _standard_errors(
    training, best, scale, floor, held: bool
) -> tuple[dict[str, float], list[Note]]:
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
    gaps: list[Note] = []
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
            why = "at the end of its range: the sweep pushes it there"
            gaps.append(Note("at_bound", why, (name,)))
        elif name in limits and errors[name] > limits[name]:
            why = f"standard error {errors[name]:.3g} is as large as the value can mean"
            gaps.append(Note("not_identified", why, (name,)))
    return errors, gaps


def _lack_of_fit(training: pd.DataFrame, misfit: np.ndarray, parameters: int) -> float | None:
    """p-value of the misfit, where every point has a standard error.

    Its freedom is that of the pooled variance; stated standard errors count as known.
    """
    se = training["error_se"].to_numpy(float)
    if not (np.isfinite(se) & (se > 0)).all():
        return None
    known = float(np.sum(training["replicates"].to_numpy(float) - 1.0)) or np.inf
    return lack_of_fit(float(np.sum((misfit / se) ** 2)), len(se) - parameters, known)


def _power_law(points: pd.DataFrame, fitted) -> tuple[Misfit, Misfit | None]:
    """The misfit of a power law in the kept samples: of the fitted points, and of the others."""
    law = fit_kept_power_law(points, fitted)
    misfit = law.predict(points) - points["error"].to_numpy(float)
    inside = Misfit.of(misfit[fitted])
    assert inside is not None  # at least six fitted points
    return inside, Misfit.of(misfit[~fitted])


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
