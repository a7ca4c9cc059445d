"""The fit of any law that is a `Model`: rows to fit, search, evidence, intervals, predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_choice
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.common.note import Note
from prunelaw_sim.fits.fit import Interval
from prunelaw_sim.fits.intervals import parameter_intervals
from prunelaw_sim.fits.model import Model
from prunelaw_sim.fits.outliers import outliers
from prunelaw_sim.fits.problem import Problem, refuse_constant
from prunelaw_sim.fits.robust import SQUARES, delta_of, reweighted
from prunelaw_sim.fits.rows import Table, select
from prunelaw_sim.fits.solution import Solution, solve

HIDDEN = 0.1  # of the scatter: the δ of the fit that names outliers
HOLD_OUT_BY = ("samples_seen", "unique_samples", "epochs", "parameters", "compute")


def budget_of(table: Table) -> str:
    """The column that says how large a run is: samples seen, or compute where that is all."""
    return "compute" if "samples_seen" not in table and "compute" in table else "samples_seen"


Fitted = TypeVar("Fitted", bound="LeastSquaresFit")


@dataclass(frozen=True, eq=False)
class LeastSquaresFit(Solution):
    """A `Fit` by least squares."""

    def intervals(self, level: float = 0.9) -> dict[str, Interval]:
        """Profile intervals of all parameters that are not given (`parameter_intervals`).

        `InputError` for a robust fit, which has no likelihood to profile.
        """
        if any(note.kind == "robust" for note in self.warnings):
            raise InputError("loss must be squares for intervals: a Huber fit has none")
        return parameter_intervals(self, level)

    def predict(self, frame: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """Errors of the runs of another table, which needs the columns that the law reads.

        `TableError` for a pool or group that was not fitted.
        """
        return self.problem.model.on(frame).predict(self.point)


def fit_model(
    kind: Callable[..., Fitted],
    law: str,
    build: Callable[[Table], Model],
    runs: Table | pd.DataFrame,
    hold_out_above: float | int | None = None,
    group: str | None = None,
    *,
    together: bool = False,
    log_error: bool = False,
    hold_out_by: str | None = None,
    loss: str = SQUARES,
    assumptions: Callable[[Table, Any], tuple[str, ...]] = lambda table, model: (),
    fields: Mapping[str, Any] | None = None,
) -> Fitted:
    """Fits the model that `build` makes for the rows to fit.

    Args:
        kind: class of the result, `LeastSquaresFit` or one with the further `fields`.
        law: its name, for messages.
        runs: a table with the columns that the model reads, `error` (≥ 0), and if it has them
            `error_se` (> 0, weights 1/error_se), `run` and `group`.
        hold_out_above, hold_out_by: rows with more than this in that column are predicted;
            by default in samples_seen, or in compute where that is all there is.
        group: which rows to use; needed if there are several groups and no `together`.
        log_error: least squares of log error, for losses over decades; errors must be > 0.
        loss: "squares", or "huber:DELTA" of log errors (`robust`); its standard errors are NaN.
        assumptions: what the law takes for granted about the fitted rows, in words.

    Raises:
        TableError: for columns and cells.
        InputError: for arguments, fewer rows than parameters, constant errors, nothing held out.
        ConvergenceError: if the best optimum does not settle.
    """
    table = select(runs, group, together)
    delta = delta_of(loss)
    if hold_out_by is None:
        hold_out_by = budget_of(table)
    check_choice("hold_out_by", hold_out_by, HOLD_OUT_BY)
    fitted = table.up_to(hold_out_above, hold_out_by)
    training = table if fitted.all() else table.where(fitted)
    refuse_constant(training.measured()[0])
    model = build(training)
    model.log_error = log_error or delta is not None
    problem = Problem.of(law, model, training)
    used = problem if delta is None else reweighted(problem, delta)[0]
    found = solve(used, table, fitted)
    said = [Note("assumption", message, ()) for message in assumptions(training, model)]
    said += _outliers(problem, training, found["residuals"][fitted], found["predicted"][fitted])
    if delta is not None:
        found["standard_errors"] = dict.fromkeys(found["standard_errors"], math.nan)
        said.append(Note("robust", f"Huber's loss, delta {delta:g}: no standard errors", ()))
    found["warnings"] += tuple(said)
    return kind(**found, **(fields or {}))


def _outliers(
    problem: Problem, table: Table, residuals: np.ndarray, predicted: np.ndarray
) -> list[Note]:
    """Outliers of a fit, named by a robust one: they pull least squares, and so hide."""
    found = outliers(table, residuals, predicted)
    if not found:
        return []
    try:
        scatter = float(np.median(np.abs(np.log1p(residuals / predicted))))
        unit = 1.0 if problem.model.log_error else float(np.median(predicted))
        point = reweighted(problem, max(HIDDEN * scatter * unit, 1e-12))[1]
    except ConvergenceError:
        return found
    robust = problem.model.predict(point)
    return outliers(table, table.measured()[0] - robust, robust) or found
