"""Fit scaling laws that know no pools: data-constrained, overfitting, a power law in compute.

    fit_data_constrained   L = E + A/N_eff^α + B/D_eff^β (+ c S(R, R*_P)^p (N/U)^q)
    fit_power_law          y = k C^s (+ d)

The laws are those of `prunelaw.decay.repetition`, where their sources stand.  The checks, the
search and the evidence are those of `fit_utility`; intervals, bootstrap and predictions work alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_choice
from prunelaw.decay.repetition import DataConstrained, Overfit, PowerLaw
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.fit import (
    Fit,
    FitWarning,
    Problem,
    fit_fields,
    refuse_constant,
    root_mean_square,
)
from prunelaw_sim.fits.least_squares import Model
from prunelaw_sim.fits.log_model import LogModel, inner_model
from prunelaw_sim.fits.rows import measured, rows_to_fit
from prunelaw_sim.laws.data_constrained_model import PENALTIES, DataConstrainedModel, Runs
from prunelaw_sim.laws.power_law_model import PowerLawModel

HOLD_OUT_BY = ("samples_seen", "unique_samples", "epochs", "parameters", "compute")


@dataclass(frozen=True, eq=False)
class ScalingFit(Fit):
    """A fitted scaling law: `Fit`, and the law itself."""

    log_error: bool
    """whether least squares were of log error; rmse and residuals are of the error in any case"""

    def to_law(self) -> DataConstrained | Overfit | PowerLaw:
        """The fitted law, an object of `prunelaw.decay.repetition`."""
        model = inner_model(self.problem.model)
        assert isinstance(model, DataConstrainedModel | PowerLawModel)
        return model.law(self.point)

    def predict(self, frame: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """Errors of the runs of another table, which needs the columns that the law reads."""
        return self.problem.model.on(frame).predict(self.point)

    @property
    def log_rmse(self) -> dict[str, float]:
        """Root mean square of log(error/predicted): "fitted", and "held_out" if there are such."""
        logs = np.log1p(self.residuals / self.predicted)
        parts = {"fitted": logs[self.fitted], "held_out": logs[~self.fitted]}
        return {name: root_mean_square(part) for name, part in parts.items() if part.size}

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers for JSON; inf and nan become None."""
        return super().to_dict() | to_plain({"log_rmse": self.log_rmse})


def fit_data_constrained(
    frame: pd.DataFrame,
    hold_out_above: float | int | None = None,
    group: str | None = None,
    *,
    together: bool = False,
    tied: bool = False,
    repeats: bool = True,
    saturates: bool = True,
    penalty: str = "none",
    log_error: bool = False,
    hold_out_by: str = "samples_seen",
) -> ScalingFit:
    """Least squares fit of `DataConstrained`, or of `Overfit` on it, to runs of models of any size.

    frame: columns `samples_seen`, `unique_samples`, `parameters` (> 0), `error` (a loss or error
        rate, ≥ 0); optional `error_se`, `run`, `group`, as in `fit_utility`.  Pools are not told
        apart.
    hold_out_above, hold_out_by: rows with more than this in that column are predicted, not fitted.
    together: the runs of all groups follow one law (their parameters tell them apart).
    tied: α = β.  repeats: R*_D is fitted, else a repeat is worth a new sample (R*_D = ∞).
    saturates: R*_N is fitted, else ∞; both False: the law of Hoffmann et al. 2022.
    penalty: "none"; "power": + c R^p (N/U)^q; "saturating": + c S(R, R*_P) (N/U)^q, prunelaw's
        extension.  See `prunelaw.decay.repetition` for sources.
    log_error: least squares of log error, for losses over decades; errors must be > 0 then.

    Deterministic: Levenberg–Marquardt with exact derivatives in logarithms (E itself, between 0
    and the least fitted error), from the best of a grid of exponents and R*.  Raises as
    `fit_utility`.
    """
    check_choice("penalty", penalty, PENALTIES)

    def build(table: pd.DataFrame, floor: float) -> Model:
        return DataConstrainedModel(
            Runs.read(table),
            floor,
            tied=tied,
            repeats=repeats,
            saturates=saturates,
            penalty=penalty,
        )

    law = "data-constrained" if penalty == "none" else "overfit"
    rows = frame, hold_out_above, group, together, hold_out_by
    return _fit(law, build, rows, log_error)


def fit_power_law(
    frame: pd.DataFrame,
    hold_out_above: float | int | None = None,
    group: str | None = None,
    *,
    together: bool = False,
    floor: bool = False,
    log_error: bool = False,
    hold_out_by: str = "samples_seen",
) -> ScalingFit:
    """Least squares fit of `PowerLaw`, k C^s, with `floor` k C^s + d, to runs of any kind.

    frame: columns `compute` (> 0, any unit) and `error`; without `compute` it is 6 N D of
        `parameters` and `samples_seen`, and a warning of kind "assumption" says so.
    The other arguments and what is raised: as for `fit_data_constrained`.
    """

    def build(table: pd.DataFrame, highest_floor: float) -> Model:
        return PowerLawModel.read(table, highest_floor, floor)

    law = "power-law-floor" if floor else "power-law"
    rows = frame, hold_out_above, group, together, hold_out_by
    return _fit(law, build, rows, log_error)


def _fit(
    law: str,
    build: Callable[[pd.DataFrame, float], Model],
    rows: tuple[pd.DataFrame, float | int | None, str | None, bool, str],
    log_error: bool,
) -> ScalingFit:
    """Either fit; `rows` says which rows of which table, `build` makes the model for some."""
    frame, above, group, together, by = rows
    check_choice("hold_out_by", by, HOLD_OUT_BY)
    table, fitted = rows_to_fit(frame, group, together, above, by)
    training = table.loc[fitted]
    error, _ = measured(training)
    refuse_constant(error)
    model = build(training, max(float(error.min()), 1e-12))
    problem = Problem.of(law, LogModel(model) if log_error else model, training)
    fields = fit_fields(problem, table, fitted)
    fields["warnings"] += _assumptions(model, training)
    return ScalingFit(**fields, log_error=log_error)


def _assumptions(model: Model, table: pd.DataFrame) -> tuple[FitWarning, ...]:
    """What the law takes for granted about this table."""
    said = []
    if isinstance(model, PowerLawModel) and not model.counted:
        said.append("no column compute: it is taken for 6 · parameters · samples_seen")
    pools = len(set(table["pool"])) if "pool" in table else 1
    if pools > 1:
        said.append(f"the law knows no pools: the runs on {pools} pools are fitted as one")
    return tuple(FitWarning("assumption", (), message) for message in said)
