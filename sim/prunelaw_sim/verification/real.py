"""Part 3 of verify: both laws on a real sweep, their held-out predictions, and where they fail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from prunelaw.errors import ConvergenceError, InputError, TableError
from prunelaw_sim.fits.rollout import hold_out_limit
from prunelaw_sim.laws.pruning import PARAMETERS, PruningFit, fit_pruning
from prunelaw_sim.laws.utility import UtilityFit, fit_utility
from prunelaw_sim.tables.replicates import averaged
from prunelaw_sim.tables.sweep import Sweep

Progress = Callable[[int, int], None]
CELL = ["pool", "unique_samples", "samples_seen"]  # rows that differ only in seed share these
UTILITY_LAWS = ("utility", "effective-data", "no-decay")
NEEDS = {
    "pruning": ("dataset_size", "keep_fraction", "rule", "error"),
    **dict.fromkeys(UTILITY_LAWS, (*CELL, "error")),
}
SIGNIFICANT = 1e-3


@dataclass(frozen=True, eq=False)
class LawFit:
    """One law held against one group of runs."""

    law: str
    group: str
    fit: PruningFit | UtilityFit
    rmse: float
    points: int
    hold_out_above: float
    """dataset_size (pruning) or samples_seen; points above were predicted, not fitted"""
    held_out_rmse: float
    held_out_points: int
    describes: bool | None
    """None: the table has neither replicates nor error_se, so that scatter is unknown"""
    reasons: tuple[str, ...]
    """where the law does not describe the data, in words"""
    remarks: tuple[str, ...]
    table: pd.DataFrame
    """the points: coordinates, error, error_se, predicted, held_out"""

    def to_dict(self) -> dict[str, Any]:
        """Everything but the table, whose rows the fit already holds."""
        names = [name for name in self.__dataclass_fields__ if name != "table"]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class SweepCheck:
    """All laws whose columns the sweeps have, and those that were skipped."""

    sources: tuple[str, ...]
    rows: int
    fits: tuple[LawFit, ...]
    skipped: Mapping[str, str]
    """law (and group) → why it was not fitted"""
    notes: tuple[str, ...]
    expected: tuple[str, ...]
    """laws that must be fitted for the part to be good"""

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


def check_sweeps(
    sweeps: tuple[Sweep, ...], *, expect_all: bool = False, progress: Progress | None = None
) -> SweepCheck:
    """Fit every law to every group of every sweep that has the law's columns.

    Raises `TableError` if no law can be fitted at all.
    """
    jobs = [(law, part, name) for sweep in sweeps for part, name in _groups(sweep) for law in NEEDS]
    fits: list[LawFit] = []
    skipped: dict[str, str] = {}
    for done, (law, part, name) in enumerate(jobs):
        missing = [column for column in NEEDS[law] if column not in part.columns]
        if missing:
            skipped[f"{law}, {name}"] = f"no column {', '.join(missing)}"
        else:
            try:
                fits.append(_fit(law, part, name))
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
        expected=tuple(NEEDS) if expect_all else (),
    )


def _groups(sweep: Sweep) -> list[tuple[Sweep, str]]:
    if "group" not in sweep.columns:
        return [(sweep, sweep.source)]
    return [(sweep.select(group=name), str(name)) for name in sweep.values("group")]


def _fit(law: str, sweep: Sweep, name: str) -> LawFit:
    return _fit_pruning(sweep, name) if law == "pruning" else _fit_utility(law, sweep, name)


def _fit_pruning(sweep: Sweep, name: str) -> LawFit:
    limit = hold_out_limit("dataset_size", sweep["dataset_size"])
    fit = fit_pruning(sweep, hold_out_above=limit)
    assert fit.held_out is not None  # the limit leaves points above it
    remarks = []
    if "theta" in sweep.columns:
        measured = float(np.mean(sweep["theta"]))
        remarks.append(
            f"theta is {fit.theta:.3f} ± {fit.standard_errors['theta']:.2g} rad by the fit and "
            f"{measured:.3f} rad by the probe's own test error, which the fit did not see"
        )
    remarks.append(
        "a power law in the kept samples, with an amplitude and exponent for each rule, has rmse "
        f"{fit.baseline.rmse:.4f}"
        + (f" and {fit.baseline_held_out.rmse:.4f} held out" if fit.baseline_held_out else "")
    )
    return LawFit(
        law="pruning",
        group=name,
        fit=fit,
        rmse=fit.rmse,
        points=int(np.sum(~fit.table["held_out"].to_numpy(bool))),
        hold_out_above=limit,
        held_out_rmse=fit.held_out.rmse,
        held_out_points=fit.held_out.points,
        describes=fit.describes,
        reasons=fit.reasons,
        remarks=tuple(remarks) + _doubts(fit.not_identified),
        table=fit.table,
    )


def _fit_utility(law: str, sweep: Sweep, name: str) -> LawFit:
    table = averaged(sweep, CELL)
    se = table["error_se"].to_numpy(float)
    if not (np.isfinite(se) & (se > 0.0)).all():  # unknown, or runs without any scatter
        table = table.drop(columns="error_se")
    limit = hold_out_limit("samples_seen", table["samples_seen"].to_numpy(float))
    fit = fit_utility(table, law, hold_out_above=limit)
    assert fit.held_out is not None  # the limit leaves points above it
    table = table.assign(predicted=fit.predicted, held_out=~fit.fitted)
    describes, reasons = _lack_of_fit(table, len(fit.parameters))
    return LawFit(
        law=law,
        group=name,
        fit=fit,
        rmse=fit.rmse,
        points=fit.points,
        hold_out_above=limit,
        held_out_rmse=fit.held_out["rmse"],
        held_out_points=int(fit.held_out["points"]),
        describes=describes,
        reasons=reasons,
        remarks=_doubts(fit.not_identified),
        table=table,
    )


def _doubts(not_identified: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name} is not identified: {why}" for name, why in not_identified.items())


def _lack_of_fit(table: pd.DataFrame, parameters: int) -> tuple[bool | None, tuple[str, ...]]:
    """Whether the fitted points lie within their scatter of the law, and where they do not."""
    if "error_se" not in table:
        return None, ()
    fitted = table.loc[~table["held_out"].to_numpy(bool)]
    misfit = (fitted["error"] - fitted["predicted"]).to_numpy(float)
    pulls = misfit / fitted["error_se"].to_numpy(float)
    total, freedom = float(np.sum(pulls**2)), len(fitted) - parameters
    if freedom < 1 or chi2.sf(total, freedom) >= SIGNIFICANT:
        return (None if freedom < 1 else True), ()
    worst = fitted.iloc[int(np.argmax(np.abs(pulls)))]
    return False, (
        f"lack of fit: deviations are {np.sqrt(total / freedom):.1f} times the scatter of the "
        f"replicates (chi-square p = {chi2.sf(total, freedom):.1e})",
        f"worst at pool {worst['pool']!r}, {worst['unique_samples']:.4g} unique samples, "
        f"{worst['samples_seen']:.4g} seen: error {worst['error']:.4f}, "
        f"law {worst['predicted']:.4f}",
    )


def _compared(fits: list[LawFit]) -> list[LawFit]:
    """Adds to each utility law how it fares against no decay on the same runs."""
    plain = {fit.group: fit for fit in fits if fit.law == "no-decay"}
    return [_against(fit, plain.get(fit.group)) for fit in fits]


def _against(fit: LawFit, plain: LawFit | None) -> LawFit:
    if plain is None or fit.law not in ("utility", "effective-data"):
        return fit
    better = "better" if fit.held_out_rmse < plain.held_out_rmse else "worse"
    remark = (
        f"against no decay: rmse {fit.rmse:.4f} (no decay {plain.rmse:.4f}); held out {better}, "
        f"{fit.held_out_rmse:.4f} ({plain.held_out_rmse:.4f})"
    )
    reasons = fit.reasons
    if better == "worse":
        reasons += ("held-out points are predicted better by the law without decay",)
    return replace(fit, remarks=(remark, *fit.remarks), reasons=reasons)


def parameters(law: LawFit) -> list[tuple[str, float, float]]:
    """(name, value, standard error) of every fitted parameter; NaN where there is no error."""
    errors = law.fit.standard_errors
    if isinstance(law.fit, PruningFit):
        return [(name, getattr(law.fit, name), errors.get(name, np.nan)) for name in PARAMETERS]
    shared = [(name, getattr(law.fit, name), errors.get(name, np.nan)) for name in ("a", "d")]
    return shared + [
        (f"{name}[{pool}]", values[name], errors.get(f"{name}[{pool}]", np.nan))
        for pool, values in law.fit.pools.items()
        for name in ("b", "tau")
    ]
