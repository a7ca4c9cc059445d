"""Fit a law of utility decay to a table of real or simulated runs, and say what the fit is worth.

Model (Goyal et al. 2024, arXiv 2404.07177; `prunelaw.decay.utility`): the pools of a group share a
and d, each has its own b and τ. Rows of one pool with different `unique_samples` are random subsets
of one distribution: they share b, and τ(U) = τ · (U/U_min)^s with s = 1 as published (mixing p
equal pools stretches the half-life to pτ); s = 0 counts showings of a sample. τ is quoted at U_min,
the smallest `unique_samples` of that pool among the fitted rows.

Three of a, b, τ, d describe one bend: compare predictions rather than parameters, and read
`Fit.warnings` before quoting any of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_choice, check_real
from prunelaw.decay.utility import CONVENTIONS, Pool, UtilityLaw
from prunelaw.errors import InputError
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.fit import Fit, Problem, fit_fields, refuse_constant
from prunelaw_sim.fits.log_model import LogModel, inner_model
from prunelaw_sim.fits.rows import Rows, measured, rows_to_fit
from prunelaw_sim.laws.utility_model import Form, UtilityModel

LAWS = ("utility", "no-decay", "effective-data")


@dataclass(frozen=True, eq=False)
class UtilityFit(Fit):
    """A fitted law of utility decay: `Fit`, read as pools."""

    convention: str

    @property
    def _model(self) -> UtilityModel:
        model = inner_model(self.problem.model)
        assert isinstance(model, UtilityModel)
        return model

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that were fitted together; one name, maybe empty, for a single law."""
        return self._model.rows.groups

    @property
    def stretch(self) -> float:
        """s of τ(U) = τ (U/U_min)^s, fitted or given."""
        return self.values.get("stretch", self._model.form.stretch or 0.0)

    @property
    def ceiling(self) -> float | None:
        """c of the ceiling y/(1 + (y/c)^8)^(1/8); None: none."""
        return self._model.form.ceiling

    @property
    def a(self) -> float:
        """Inside the power: (a n / 1e5)^b."""
        return self.curve()["a"]

    @property
    def d(self) -> float:
        """Irreducible error."""
        return self.curve()["d"]

    @property
    def pools(self) -> Mapping[str, Mapping[str, float]]:
        """name → b, tau (epochs at `unique_samples`; inf: no decay), unique_samples (the smallest),
        prefactor (A of the first epoch written as A n^b)"""
        return self.curve()["pools"]

    def curve(self, group: str | None = None) -> dict[str, Any]:
        """a, d and pools of one group; it need not be named where there is one only."""
        return _curve(self._model, self.values, self._group(group))

    def to_pools(self, group: str | None = None) -> tuple[Pool, ...]:
        """The pools at their smallest fitted size, for `decay.filtering`, steepest b first."""
        curve, form = self.curve(group), self._model.form
        pools = [
            Pool(
                name,
                pool["unique_samples"],
                UtilityLaw(curve["a"], pool["b"], pool["tau"], curve["d"], form.convention),
            )
            for name, pool in curve["pools"].items()
        ]
        return tuple(sorted(pools, key=lambda pool: pool.law.b))

    def largest_sizes(self) -> dict[str, float]:
        """Name of each pool → the largest `unique_samples` among its fitted rows."""
        rows = self._model.rows
        named = enumerate(rows.sizes)
        return {name: float(rows.unique_samples[rows.pool == i].max()) for i, name in named}

    def predict(self, frame: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """Errors at `pool`, `unique_samples`, `samples_seen` (and `group`) of each row.

        `TableError` for a pool or group that was not fitted.
        """
        return self._model.on(frame).predict(self.point)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers for JSON; inf and nan become None."""
        one = len(self.groups) == 1
        curves = self.curve() if one else {"curves": {g: self.curve(g) for g in self.groups}}
        return super().to_dict() | to_plain({**curves, "stretch": self.stretch})

    def _group(self, group: str | None) -> str:
        if group is None and len(self.groups) > 1:
            raise InputError(f"group must be one of {', '.join(self.groups)}; it was not given")
        if group is None:
            return next(iter(self.groups))
        return check_choice("group", group, self.groups)


def fit_utility(
    frame: pd.DataFrame,
    law: str = "utility",
    convention: str = "paper",
    hold_out_above: float | int | None = None,
    group: str | None = None,
    *,
    together: bool = False,
    stretch: float | int | None = 1.0,
    bounds: Mapping[str, Any] | None = None,
    ceiling: float | int | None = None,
    log_error: bool = False,
) -> UtilityFit:
    """Least squares fit of `law` to the rows of `frame` (one group of runs, e.g. one architecture).

    frame: columns `pool`, `unique_samples`, `samples_seen` (> 0), `error` (≥ 0); optional
        `error_se` (> 0, weights 1/error_se), `run` and `group`. `group` picks the rows to use and
        is needed when the table holds more than one and they are not fitted `together`.
    law: "utility" (decay), "no-decay" (τ = ∞: (a n/1e5)^b + d), "effective-data".
    convention: one of `prunelaw.decay.utility.CONVENTIONS`; law "effective-data" has its own.
    hold_out_above: rows with more samples_seen are predicted, not fitted.
    together: groups (tasks, architectures) have their own a, d and b, and share τ of each pool.
    stretch: s of τ(U) = τ (U/U_min)^s: 1 as published, 0 per showing, None to fit it.
    bounds: {"d": (0, 0.2), "tau[top]": (4, 4)}: ranges of values by name or kind; equal ends give
        a value.
    ceiling: keeps predictions below it by y/(1 + (y/c)^8)^(1/8): for error rates, whose law may
        exceed 1 (an extension; the published law has none).
    log_error: least squares of log error, for losses over decades; errors must be > 0.

    Deterministic.  Levenberg–Marquardt with exact derivatives in (log a, d, log −b, log τ), within
    a box (0 ≤ d ≤ least error, official_code: largest error), from a fixed set of starts at once:
    for d and τ on a grid, b and a by linear regression of log(error − d).  All converged optima
    are reported.  Raises `TableError` (column, row), `InputError` (arguments; fewer rows than
    parameters; constant errors; nothing held out), `ConvergenceError` (the best optimum did not
    settle).
    """
    form = _form(law, convention, stretch, bounds, ceiling)
    table, fitted = rows_to_fit(frame, group, together, hold_out_above)
    training = table.loc[fitted]
    model = _model(form, training)
    problem = Problem.of(law, LogModel(model) if log_error else model, training)
    fields = fit_fields(problem, table, fitted)
    fields["other_optima"] = tuple(
        {"rmse": found["rmse"], **_read(model, found["values"])} for found in fields["other_optima"]
    )
    return UtilityFit(**fields, convention=form.convention)


def _form(law: str, convention: str, stretch: Any, bounds: Any, ceiling: Any) -> Form:
    check_choice("law", law, LAWS)
    check_choice("convention", convention, CONVENTIONS)
    if law == "effective-data":
        if convention == "official_code":
            raise InputError(
                "convention must be effective_data (or be left out) for law effective-data, "
                "got 'official_code'"
            )
        convention = "effective_data"
    if stretch is not None:
        stretch = float(check_real("stretch", stretch, -1.0, 3.0))
    if ceiling is not None:
        ceiling = float(check_real("ceiling", ceiling, 0.0, low_open=True))
    return Form(convention, law != "no-decay", stretch, ceiling, bounds)


def _model(form: Form, table: pd.DataFrame) -> UtilityModel:
    rows = Rows.read(table)
    error, _ = measured(table)
    refuse_constant(error)
    # The official code shrinks d with the error: d may exceed the least error, not the largest.
    end = np.max if form.convention == "official_code" else np.min
    least = {name: float(end(error[rows.group == g])) for g, name in enumerate(rows.groups)}
    return UtilityModel(rows, form, least)


def _curve(model: UtilityModel, values: Mapping[str, float], group: str) -> dict[str, Any]:
    """a, d and pools of one group from named values."""
    one = len(model.rows.groups) == 1
    a = values["a" if one else f"a[{group}]"]
    d = values["d" if one else f"d[{group}]"]
    pools = {}
    for name, size in model.rows.sizes.items():
        b = values.get(f"b[{name}]" if one else f"b[{group}, {name}]")
        if b is not None:
            tau = values.get(f"tau[{name}]", math.inf)
            prefactor = UtilityLaw(a, b, tau, d).prefactor
            pools[name] = {"b": b, "tau": tau, "unique_samples": size, "prefactor": prefactor}
    return {"a": a, "d": d, "pools": pools}


def _read(model: UtilityModel, values: Mapping[str, float]) -> dict[str, Any]:
    groups = model.rows.groups
    if len(groups) == 1:
        return _curve(model, values, groups[0])
    return {"curves": {group: _curve(model, values, group) for group in groups}}
