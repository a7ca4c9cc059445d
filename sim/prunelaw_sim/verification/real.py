"""Part 3 of verify: both laws on a real sweep, their held-out predictions, and where they fail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prunelaw.errors import ConvergenceError, InputError, TableError
from prunelaw_sim.fits.fit import Fit
from prunelaw_sim.fits.rollout import hold_out_limit
from prunelaw_sim.laws.registry import LAWS, Law, fit_rows
from prunelaw_sim.tables.replicates import averaged
from prunelaw_sim.tables.sweep import Sweep

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class LawFit:
    """One law held against one group of runs.

    Attributes:
        hold_out_above: of the law's budget (dataset_size or samples_seen); points above were
            predicted, not fitted.
        describes: None: the table has neither replicates nor error_se: scatter is unknown.
        reasons: where the law does not describe the data, in words.
        table: the points: coordinates, error, error_se, predicted, held_out.
    """

    law: str
    group: str
    fit: Fit
    rmse: float
    points: int
    hold_out_above: float
    held_out_rmse: float
    held_out_points: int
    describes: bool | None
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]
    table: pd.DataFrame

    def to_dict(self) -> dict[str, object]:
        """Everything but the table, whose rows the fit already holds."""
        names = [name for name in self.__dataclass_fields__ if name != "table"]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class SweepCheck:
    """All laws whose columns the sweeps have, and those that were skipped.

    Attributes:
        skipped: law (and group) → why it was not fitted.
        expected: laws that must be fitted for the part to be good.
    """

    sources: tuple[str, ...]
    rows: int
    fits: tuple[LawFit, ...]
    skipped: Mapping[str, str]
    notes: tuple[str, ...]
    expected: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether every expected law was fitted; a law that fails to describe data is no fault."""
        return set(self.expected) <= {fit.law for fit in self.fits}


def digits_sweeps(quick: bool, progress: Progress | None = None) -> tuple[Sweep, ...]:
    """The embedded experiments: students trained here on scikit-learn's handwritten digits."""
    from prunelaw_sim.studies.digits import digits_pruning_sweep, digits_repetition_sweep

    return (
        digits_pruning_sweep(quick=quick, progress=progress),
        digits_repetition_sweep(quick=quick, progress=progress),
    )


def checked_laws() -> dict[str, Law]:
    """The laws that are held against sweeps: those that say what a point is."""
    return {name: law for name, law in LAWS.items() if law.point}


def check_sweeps(
    sweeps: tuple[Sweep, ...], *, expect_all: bool = False, progress: Progress | None = None
) -> SweepCheck:
    """Fit every law to every group of every sweep that has the law's columns.

    Raises `TableError` if no law can be fitted at all.
    """
    laws = checked_laws()
    jobs = [(law, part, name) for sweep in sweeps for part, name in _groups(sweep) for law in laws]
    fits: list[LawFit] = []
    skipped: dict[str, str] = {}
    for done, (law, part, name) in enumerate(jobs):
        needed = laws[law].needed(part.columns)
        missing = [column for column in needed if column not in part.columns]
        if missing:
            skipped[f"{law}, {name}"] = f"no column {', '.join(missing)}"
        else:
            try:
                fits.append(_fit(law, laws[law], part, name))
            except (InputError, ConvergenceError) as cause:
                skipped[f"{law}, {name}"] = str(cause)
        if progress:
            progress(done + 1, len(jobs))
    if not fits:
        why = "; ".join(f"{law}: {reason}" for law, reason in skipped.items())
        raise TableError(f"{sweeps[0].source}: no law can be fitted ({why})")
    return SweepCheck(
        sources=tuple(sweep.source for sweep in sweeps),
        rows=sum(len(sweep) for sweep in sweeps),
        fits=tuple(_compared(fits)),
        skipped=skipped,
        notes=tuple(note for sweep in sweeps for note in sweep.notes),
        expected=tuple(laws) if expect_all else (),
    )


def _groups(sweep: Sweep) -> list[tuple[Sweep, str]]:
    if "group" not in sweep.columns:
        return [(sweep, sweep.source)]
    return [(sweep.select(group=name), str(name)) for name in sweep.values("group")]


def _fit(name: str, law: Law, sweep: Sweep, group: str) -> LawFit:
    points = averaged(sweep, law.point)
    se = points["error_se"].to_numpy(float)
    if not law.averages and not (np.isfinite(se) & (se > 0.0)).all():
        points = points.drop(columns="error_se")  # unknown, or runs without any scatter
    limit = hold_out_limit(law.budget, points[law.budget].to_numpy(float))
    fit = fit_rows(name, sweep.frame if law.averages else points, hold_out_above=limit)
    assert fit.held_out is not None  # the limit leaves points above it
    doubts = tuple(f"{who} is not identified: {why}" for who, why in fit.not_identified.items())
    return LawFit(
        law=name,
        group=group,
        fit=fit,
        rmse=fit.rmse,
        points=int(fit.fitted.sum()),
        hold_out_above=limit,
        held_out_rmse=fit.held_out.rmse,
        held_out_points=fit.held_out.points,
        describes=fit.describes,
        reasons=fit.reasons,
        remarks=(*_angles(fit, sweep), *fit.remarks, *doubts),
        table=points.assign(predicted=fit.predicted, held_out=~fit.fitted),
    )


def _angles(fit: Fit, sweep: Sweep) -> tuple[str, ...]:
    """The angle by the fit beside the one that the table has."""
    if "theta" not in fit.values or "theta" not in sweep.columns:
        return ()
    return (
        f"theta is {fit.values['theta']:.3f} ± {fit.standard_errors['theta']:.2g} rad by the fit "
        f"and {float(np.mean(sweep['theta'])):.3f} rad by the probe's own test error, which the "
        "fit did not see",
    )


def _compared(fits: list[LawFit]) -> list[LawFit]:
    """Adds to each law how it fares against its simpler rival on the same runs."""
    found = {(fit.law, fit.group): fit for fit in fits}
    return [_against(fit, found.get((LAWS[fit.law].rival, fit.group))) for fit in fits]


def _against(fit: LawFit, plain: LawFit | None) -> LawFit:
    if plain is None:
        return fit
    rival = plain.law.replace("-", " ")
    better = "better" if fit.held_out_rmse < plain.held_out_rmse else "worse"
    remark = (
        f"against {rival}: rmse {fit.rmse:.4f} ({rival} {plain.rmse:.4f}); held out {better}, "
        f"{fit.held_out_rmse:.4f} ({plain.held_out_rmse:.4f})"
    )
    reasons = fit.reasons
    if better == "worse":
        reasons += (f"held-out points are predicted better by {rival}",)
    return replace(fit, remarks=(remark, *fit.remarks), reasons=reasons)


def parameters(law: LawFit) -> list[tuple[str, float, float]]:
    """(name, value, standard error) of every fitted parameter; NaN where there is no error."""
    errors = law.fit.standard_errors
    return [(name, value, errors.get(name, np.nan)) for name, value in law.fit.values.items()]
