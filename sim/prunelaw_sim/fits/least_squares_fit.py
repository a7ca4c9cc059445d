"""The fit of any law that is a `Model`: rows to fit, search, evidence, intervals, predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_choice
from prunelaw_sim.common.note import Note
from prunelaw_sim.fits.fit import Interval
from prunelaw_sim.fits.intervals import parameter_intervals
from prunelaw_sim.fits.least_squares import Model
from prunelaw_sim.fits.log_model import LogModel
from prunelaw_sim.fits.problem import Problem, refuse_constant
from prunelaw_sim.fits.rows import Table, select
from prunelaw_sim.fits.solution import Solution, solve

HOLD_OUT_BY = ("samples_seen", "unique_samples", "epochs", "parameters", "compute")
Fitted = TypeVar("Fitted", bound="LeastSquaresFit")


@dataclass(frozen=True, eq=False)
class LeastSquaresFit(Solution):
    """A `Fit` by least squares."""

    def intervals(self, level: float = 0.9) -> dict[str, Interval]:
        """Profile intervals of all parameters that are not given (`parameter_intervals`)."""
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
    hold_out_by: str = "samples_seen",
    assumptions: Callable[[Table, Any], tuple[str, ...]] = lambda table, model: (),
    fields: Mapping[str, Any] | None = None,
) -> Fitted:
    """Fits the model that `build` makes for the rows to fit.

    Args:
        kind: class of the result, `LeastSquaresFit` or one with the further `fields`.
        law: its name, for messages.
        runs: a table with the columns that the model reads, `error` (≥ 0), and if it has them
            `error_se` (> 0, weights 1/error_se), `run` and `group`.
        hold_out_above, hold_out_by: rows with more than this in that column are predicted.
        group: which rows to use; needed if there are several groups and no `together`.
        log_error: least squares of log error, for losses over decades; errors must be > 0.
        assumptions: what the law takes for granted about the fitted rows, in words.

    Raises:
        TableError: for columns and cells.
        InputError: for arguments, fewer rows than parameters, constant errors, nothing held out.
        ConvergenceError: if the best optimum does not settle.
    """
    check_choice("hold_out_by", hold_out_by, HOLD_OUT_BY)
    table = select(runs, group, together)
    fitted = table.up_to(hold_out_above, hold_out_by)
    training = table if fitted.all() else table.where(fitted)
    refuse_constant(training.measured()[0])
    model = build(training)
    problem = Problem.of(law, LogModel(model) if log_error else model, training)
    found = solve(problem, table, fitted)
    found["warnings"] += tuple(
        Note("assumption", message, ()) for message in assumptions(training, model)
    )
    return kind(**found, **(fields or {}))
