"""Fit scaling laws that know no pools: data-constrained, overfitting, a power law in compute.

    fit_chinchilla         L = E + A/N^α + B/D^β
    fit_data_constrained   L = E + A/N_eff^α + B/D_eff^β (+ c S(R, R*_P)^p (N/U)^q)
    fit_power_law          y = k C^s (+ d)

The laws are those of `prunelaw.decay.repetition`, where their sources stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from prunelaw.checks import check_choice
from prunelaw.decay.repetition import DataConstrained, Overfit, PowerLaw
from prunelaw.errors import InputError
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.fit import root_mean_square
from prunelaw_sim.fits.least_squares_fit import LeastSquaresFit, fit_model
from prunelaw_sim.fits.model import Model
from prunelaw_sim.fits.robust import SQUARES
from prunelaw_sim.fits.rows import Table, select
from prunelaw_sim.laws.data_constrained_model import PENALTIES, DataConstrainedModel
from prunelaw_sim.laws.power_law_model import PowerLawModel


@dataclass(frozen=True, eq=False)
class ScalingFit(LeastSquaresFit):
    """A fitted scaling law.

    Attributes:
        log_error: whether least squares were of log error; rmse and residuals are of the error in
            any case.
    """

    log_error: bool

    def to_law(self) -> DataConstrained | Overfit | PowerLaw:
        """The fitted law, an object of `prunelaw.decay.repetition`."""
        model = self.problem.model
        assert isinstance(model, DataConstrainedModel | PowerLawModel)
        return model.law(self.point)

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
    frame: Table | pd.DataFrame,
    hold_out_above: float | int | None = None,
    group: str | None = None,
    *,
    together: bool = False,
    tied: bool = False,
    repeats: bool = True,
    saturates: bool = True,
    penalty: str = "none",
    log_error: bool = False,
    hold_out_by: str | None = None,
    loss: str = SQUARES,
) -> ScalingFit:
    """Least squares fit of `DataConstrained`, or of `Overfit` on it, to runs of models of any size.

    Deterministic: Levenberg–Marquardt with exact derivatives in logarithms (E itself, between 0
    and the least fitted error), from the best of a grid of exponents and R*.

    Args:
        frame: columns `samples_seen`, `unique_samples`, `parameters` (> 0), and those of
            `fit_model`; pools are not told apart.
        hold_out_above, hold_out_by, group, log_error, loss: as in `fit_model`, and what is raised.
        together: the runs of all groups follow one law (their parameters tell them apart).
        tied: α = β.
        repeats: R*_D is fitted, else a repeat is worth a new sample (R*_D = ∞).
        saturates: R*_N is fitted, else ∞; with `repeats` False: the law of Hoffmann et al. 2022.
        penalty: "none"; "power": + c R^p (N/U)^q; "saturating": + c S(R, R*_P) (N/U)^q,
            prunelaw's extension.
    """
    check_choice("penalty", penalty, PENALTIES)
    shape = {"tied": tied, "repeats": repeats, "saturates": saturates, "penalty": penalty}
    return fit_model(
        ScalingFit,
        "data-constrained" if penalty == "none" else "overfit",
        lambda table: DataConstrainedModel(table, _floor(table), **shape),
        frame,
        hold_out_above,
        group,
        together=together,
        log_error=log_error,
        hold_out_by=hold_out_by,
        loss=loss,
        assumptions=_assumptions,
        fields={"log_error": log_error or loss != SQUARES},
    )


def fit_chinchilla(
    frame: Table | pd.DataFrame,
    hold_out_above: float | int | None = None,
    group: str | None = None,
    *,
    together: bool = False,
    log_error: bool = False,
    hold_out_by: str | None = None,
    loss: str = SQUARES,
    samples_from_compute: bool = False,
) -> ScalingFit:
    """Fit of L = E + A/N^α + B/D^β, of models of N parameters that see D samples (tokens) once.

    Args:
        frame: columns `parameters`, `samples_seen` and `error`.
        samples_from_compute: D = C/(6 N) from the column `compute` in operations, in place of
            `samples_seen`; a warning of kind "assumption" says so.
        hold_out_above, hold_out_by, group, together, log_error, loss: as in `fit_model`.

    Raises:
        InputError: without samples_seen, where they are not asked for from compute.

    Source:
        Hoffmann et al. 2022 (arXiv 2203.15556), whose loss is "huber:1e-3".
    """
    runs = select(frame, group, together)
    if not samples_from_compute and "samples_seen" not in runs:
        raise InputError(
            "samples_seen is not a column: map it, or take it from compute as C/(6 N) by "
            "samples_from_compute"
        )
    seen = (
        runs.numbers("compute") / (6.0 * runs.numbers("parameters"))
        if samples_from_compute
        else runs.numbers("samples_seen")
    )
    columns = {**runs.columns, "samples_seen": seen, "unique_samples": seen}
    said = ("samples_seen is taken for compute/(6 · parameters)",) if samples_from_compute else ()
    return fit_model(
        ScalingFit,
        "chinchilla",
        lambda table: DataConstrainedModel(table, _floor(table), repeats=False, saturates=False),
        Table(columns, runs.labels),
        hold_out_above,
        log_error=log_error,
        hold_out_by=hold_out_by,
        loss=loss,
        assumptions=lambda table, model: (*said, *_assumptions(table, model)),
        fields={"log_error": log_error or loss != SQUARES},
    )


def fit_power_law(
    frame: Table | pd.DataFrame,
    hold_out_above: float | int | None = None,
    group: str | None = None,
    *,
    together: bool = False,
    floor: bool = False,
    log_error: bool = False,
    hold_out_by: str | None = None,
    loss: str = SQUARES,
) -> ScalingFit:
    """Least squares fit of `PowerLaw`, k C^s, with `floor` k C^s + d, to runs of any kind.

    Args:
        frame: columns `compute` (> 0, any unit) and `error`; without `compute` it is 6 N D of
            `parameters` and `samples_seen`, and a warning of kind "assumption" says so.
        floor: whether d is fitted.

    The other arguments and what is raised: as for `fit_data_constrained`.
    """
    return fit_model(
        ScalingFit,
        "power-law-floor" if floor else "power-law",
        lambda table: PowerLawModel(table, _floor(table), floor=floor),
        frame,
        hold_out_above,
        group,
        together=together,
        log_error=log_error,
        hold_out_by=hold_out_by,
        loss=loss,
        assumptions=_assumptions,
        fields={"log_error": log_error or loss != SQUARES},
    )


def _floor(table: Table) -> float:
    """The largest irreducible error that the search may try."""
    return max(float(table.measured()[0].min()), 1e-12)


def _assumptions(table: Table, model: Model) -> tuple[str, ...]:
    """What the law takes for granted about this table."""
    said = []
    if not getattr(model, "counted", True):
        said.append("no column compute: it is taken for 6 · parameters · samples_seen")
    pools = len(set(table.texts("pool"))) if "pool" in table else 1
    if pools > 1:
        said.append(f"the law knows no pools: the runs on {pools} pools are fitted as one")
    return tuple(said)
