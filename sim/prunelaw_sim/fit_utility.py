"""Fit a law of utility decay to a table of real or simulated runs, and say what the fit is worth.

Model (Goyal et al. 2024, arXiv 2404.07177; `prunelaw.utility`): pools share a and d, each has its
own b and τ. Rows of one pool with different `unique_samples` are random subsets of one
distribution: they share b, and τ is in proportion to size, τ(U) = τ · U/U_min, because mixing p
equal pools stretches the half-life to pτ. τ is quoted at U_min, the smallest `unique_samples` of
that pool among the fitted rows.

Three of a, b, τ, d describe one bend: compare predictions rather than parameters, and read
`Fit.not_identified` before quoting any of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.optimize import least_squares

from prunelaw._checks import check_choice, check_real
from prunelaw.errors import ConvergenceError, InputError, TableError
from prunelaw.utility import CONVENTIONS
from prunelaw_sim._utility_model import Rows, UtilityModel

LAWS = ("utility", "no-decay", "effective-data")
_LOOK = (60, 1e-6)  # evaluations and tolerance of the run that every start gets
_POLISH = (5000, 1e-15)  # ... and of the runs to the end from the distinct ends of those
_MOST_POLISHED = 8
_ALIKE, _SAME = 1e-3, 1e-6  # predictions this close (of the errors' range) are one optimum


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted law with its evidence. Row arrays follow the order of the (selected) table."""

    law: str
    convention: str
    a: float
    """inside the power: (a n / 1e5)^b"""
    d: float
    pools: Mapping[str, Mapping[str, float]]
    """name → b, tau (epochs at `unique_samples`; inf: no decay), unique_samples (the smallest),
    prefactor (A of the first epoch written as A n^b)"""
    rmse: float
    """root mean square residual of the fitted rows, unweighted"""
    points: int
    held_out: Mapping[str, float] | None
    """rmse and points of the rows above `hold_out_above`, which the fit never saw"""
    status: str
    parameters: tuple[str, ...]
    standard_errors: Mapping[str, float]
    """from the Jacobian, scaled by the residual variance; nan when there is none to speak of"""
    correlation: Float[np.ndarray, "p p"]
    """of log a, d, log(−b), log τ, in the order of `parameters`; nan where undefined"""
    condition: float
    """condition number of the Jacobian with columns scaled to length 1"""
    not_identified: Mapping[str, str]
    """parameter → why the data do not determine it"""
    n_starts: int
    other_optima: tuple[Mapping[str, Any], ...]
    """other converged optima, best first: rmse, a, d, pools"""
    predicted: Float[np.ndarray, " rows"]
    residuals: Float[np.ndarray, " rows"]
    """error − predicted"""
    fitted: Bool[np.ndarray, " rows"]
    """False for held-out rows"""

    def predict(self, frame: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """Errors at `pool`, `unique_samples`, `samples_seen` of each row; unknown pool: error."""
        sizes = {name: pool["unique_samples"] for name, pool in self.pools.items()}
        model = UtilityModel(Rows.read(frame, sizes), self.convention, self.law != "no-decay")
        b = [pool["b"] for pool in self.pools.values()]
        tau = [pool["tau"] for pool in self.pools.values()]
        return model.predict(model.pack(self.a, self.d, b, tau))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers for JSON; inf and nan become None."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}


def fit_utility(
    frame: pd.DataFrame,
    law: str = "utility",
    convention: str = "paper",
    hold_out_above: float | int | None = None,
    group: str | None = None,
) -> Fit:
    """Least squares fit of `law` to the rows of `frame` (one group of runs, e.g. one architecture).

    frame: columns `pool`, `unique_samples`, `samples_seen` (> 0), `error` (≥ 0); optional
        `error_se` (> 0, weights 1/error_se) and `group`. `group` picks the rows to use and is
        needed when the table holds more than one.
    law: "utility" (decay), "no-decay" (τ = ∞: (a n/1e5)^b + d), "effective-data".
    convention: one of `prunelaw.utility.CONVENTIONS`; law "effective-data" has its own.
    hold_out_above: rows with more samples_seen are predicted, not fitted.

    SciPy's `least_squares` in (log a, d, log −b, log τ) with bounds, 0 ≤ d ≤ least error, from a
    fixed set of starts: for d and τ on a grid, b and a by linear regression of log(error − d).
    Raises `TableError` (column, row), `InputError` (arguments; fewer rows than parameters; nothing
    held out), `ConvergenceError` (the best optimum did not settle).
    """
    convention = _convention(law, convention)
    table = _one_group(frame, group)
    fitted = _fitted_rows(table, hold_out_above)
    rows = Rows.read(table.loc[fitted], None)
    error, weight = rows.measured(table.loc[fitted])
    model = UtilityModel(rows, convention, law != "no-decay")
    if error.size < len(model.parameters):
        raise InputError(
            f"{law} has {len(model.parameters)} parameters ({', '.join(model.parameters)}), "
            f"but only {error.size} rows are left to fit: more rows or fewer pools are needed"
        )
    starts = model.starts(error, weight)
    optima = _optima(model, error, weight, starts)
    evidence = _evidence(model, optima, error, weight)
    everything = UtilityModel(Rows.read(table, rows.sizes), convention, law != "no-decay")
    predicted = everything.predict(optima[0])
    residuals = everything.rows.measured(table)[0] - predicted
    return Fit(
        law=law,
        convention=convention,
        **model.unpack(optima[0]),
        rmse=_rms(residuals[fitted]),
        points=int(fitted.sum()),
        held_out=None
        if hold_out_above is None
        else {"rmse": _rms(residuals[~fitted]), "points": int((~fitted).sum())},
        parameters=model.parameters,
        **evidence,
        n_starts=len(starts),
        other_optima=tuple(
            {"rmse": _rms(error - model.predict(p)), **model.unpack(p)} for p in optima[1:]
        ),
        predicted=predicted,
        residuals=residuals,
        fitted=fitted,
    )


def _convention(law: str, convention: str) -> str:
    check_choice("law", law, LAWS)
    check_choice("convention", convention, CONVENTIONS)
    if law != "effective-data":
        return convention
    if convention == "official_code":
        raise InputError(
            "convention must be effective_data (or be left out) for law effective-data, "
            "got 'official_code'"
        )
    return "effective_data"


def _one_group(frame: pd.DataFrame, group: str | None) -> pd.DataFrame:
    if group is None and "group" not in frame:
        return frame
    if "group" not in frame:
        raise TableError(f"column group is missing, but group {group!r} was asked for")
    names = [str(name) for name in frame["group"].unique()]
    if group is None and len(names) > 1:
        raise InputError(f"a and d hold for one group: choose group from {', '.join(names)}")
    if group is not None:
        check_choice("group", group, names)
        return frame.loc[frame["group"].astype(str) == group]
    return frame


def _fitted_rows(table: pd.DataFrame, above: float | int | None) -> Bool[np.ndarray, " rows"]:
    if table.empty:
        raise InputError("the table has no rows to fit")
    if above is None:
        return np.ones(len(table), dtype=bool)
    limit = float(check_real("hold_out_above", above, 0.0, low_open=True))
    Rows.read(table, None)
    fitted = table["samples_seen"].to_numpy(dtype=np.float64) <= limit
    if fitted.all() or not fitted.any():
        what = "above" if fitted.all() else "at or below"
        raise InputError(f"hold_out_above {limit:g} leaves no row {what} it in samples_seen")
    return fitted


def _optima(
    model: UtilityModel,
    error: Float[np.ndarray, " rows"],
    weight: Float[np.ndarray, " rows"],
    starts: list[Float[np.ndarray, " p"]],
) -> list[Float[np.ndarray, " p"]]:
    """Converged optima, best first: a short run from every start, then long runs from the ends."""

    free, (low, high) = model.varied, model.bounds(error)

    def run(start: Float[np.ndarray, " p"], evaluations: int, tolerance: float) -> Any:
        def full(q: Any) -> Any:
            p = start.copy()
            p[free] = q
            return p

        result = least_squares(
            lambda q: weight * (model.predict(full(q)) - error),
            start[free],
            jac=lambda q: weight[:, None] * model.jacobian(full(q))[:, free],  # pyright: ignore[reportArgumentType]  (stub)
            bounds=(low[free], high[free]),
            x_scale="jac",
            ftol=tolerance,
            xtol=tolerance,
            gtol=tolerance,
            max_nfev=evaluations,
        )
        result.x = full(result.x)
        return result

    looks = _distinct(model, [run(p, *_LOOK) for p in starts], _ALIKE * np.ptp(error))
    ends = [run(look.x, *_POLISH) for look in looks[:_MOST_POLISHED]]
    best = min(ends, key=lambda r: r.cost)
    if best.status <= 0:
        raise ConvergenceError(
            f"the fit did not settle in {_POLISH[0]} evaluations (gradient {best.optimality:.1e}): "
            "fewer free parameters or more rows are needed"
        )
    settled = [end for end in ends if end.status > 0]
    return [end.x for end in _distinct(model, settled, _SAME * np.ptp(error))]


def _distinct(model: UtilityModel, results: list[Any], apart: float) -> list[Any]:
    """By cost, those whose predictions differ by more than `apart` from every better one."""
    kept: list[Any] = []
    for result in sorted(results, key=lambda r: r.cost):
        here = model.predict(result.x)
        if all(np.abs(here - model.predict(other.x)).max() > apart for other in kept):
            kept.append(result)
    return kept


def _evidence(
    model: UtilityModel,
    optima: list[Float[np.ndarray, " p"]],
    error: Float[np.ndarray, " rows"],
    weight: Float[np.ndarray, " rows"],
) -> dict[str, Any]:
    """Standard errors, correlations and what is not identified, at the best optimum.

    Parameters held by a bound, or without influence, are left out of the covariance
    s² (JᵀJ)⁻¹, s² = RSS/(rows − parameters).
    """
    best = optima[0]
    jacobian = weight[:, None] * model.jacobian(best)
    length = np.linalg.norm(jacobian, axis=0)
    held = model.at_bound(best, error)
    free = np.array([name not in held for name in model.parameters]) & (length > 0.0)
    _, singular, axes = np.linalg.svd(jacobian[:, free] / length[free], full_matrices=False)
    inverse = (axes.T / np.maximum(singular, 1e-300) ** 2) @ axes
    scale = np.sqrt(np.diag(inverse))
    spare = error.size - int(free.sum())
    residual = weight * (error - model.predict(best))
    variance = float(residual @ residual) / spare if spare > 0 else math.nan
    spread = np.full(length.size, math.nan)
    spread[free] = math.sqrt(variance) * scale / length[free]
    correlation = np.full((length.size, length.size), math.nan)
    correlation[np.ix_(free, free)] = inverse / np.outer(scale, scale)
    condition = float(singular[0] / singular[-1]) if singular[-1] > 0.0 else math.inf
    reasons = held | model.doubts(best, spread, correlation, spare)
    return {
        "status": f"converged; {spare} more rows than free parameters, "
        f"{len(reasons)} of {length.size} parameters not identified",
        "standard_errors": dict(
            zip(model.parameters, model.natural(best, spread).tolist(), strict=True)
        ),
        "correlation": correlation,
        "condition": condition,
        "not_identified": reasons,
    }


def _rms(residuals: Float[np.ndarray, " n"]) -> float:
    return float(np.sqrt(np.mean(residuals**2)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
