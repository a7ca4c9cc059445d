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

import pandas as pd

from prunelaw.checks import check_choice, check_real
from prunelaw.decay.utility import CONVENTIONS, Pool, UtilityLaw
from prunelaw.errors import InputError
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.least_squares_fit import LeastSquaresFit, fit_model
from prunelaw_sim.fits.log_model import inner_model
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.laws.utility_layout import Form, Layout, Rows, parameter_name
from prunelaw_sim.laws.utility_model import UtilityModel

LAWS = ("utility", "no-decay", "effective-data")
COLUMNS = ("pool", "unique_samples", "samples_seen")


@dataclass(frozen=True, eq=False)
class UtilityFit(LeastSquaresFit):
    """A fitted law of utility decay: `LeastSquaresFit`, read as pools."""

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
        """Name → b, tau (epochs at `unique_samples`; inf: no decay), unique_samples (the smallest),
        prefactor (A of the first epoch written as A n^b).
        """
        return self.curve()["pools"]

    def curve(self, group: str | None = None) -> dict[str, Any]:
        """a, d and pools of one group; it need not be named where there is one only."""
        if group is None and len(self.groups) > 1:
            raise InputError(f"group must be one of {', '.join(self.groups)}; it was not given")
        if group is not None:
            check_choice("group", group, self.groups)
        return _curve(self._model.rows, self.values, group or next(iter(self.groups)))

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

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers for JSON; inf and nan become None."""
        rows, others = self._model.rows, []
        for found in self.other_optima:
            others.append({"rmse": found["rmse"], **_curves(rows, found["values"])})
        read = {**_curves(rows, self.values), "stretch": self.stretch, "other_optima": others}
        return super().to_dict() | to_plain(read)


def fit_utility(
    frame: Table | pd.DataFrame,
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

    Deterministic: Levenberg–Marquardt with exact derivatives in (log a, d, log −b, log τ), within
    a box (0 ≤ d ≤ least error, official_code: largest error), from a fixed set of starts at once
    (`utility_starts`).  All converged optima are reported.

    Args:
        frame: columns `pool`, `unique_samples`, `samples_seen` (> 0), and those of `fit_model`.
        law: "utility" (decay), "no-decay" (τ = ∞: (a n/1e5)^b + d), "effective-data".
        convention: one of `prunelaw.decay.utility.CONVENTIONS`; law "effective-data" has its own.
        hold_out_above: rows with more samples_seen are predicted, not fitted.
        group, log_error: as in `fit_model`, and what is raised.
        together: groups (tasks, architectures) have their own a, d and b, and share τ of each pool.
        stretch: s of τ(U) = τ (U/U_min)^s: 1 as published, 0 per showing, None to fit it.
        bounds: {"d": (0, 0.2), "tau[top]": (4, 4)}: ranges of values by name or kind; equal ends
            give a value.
        ceiling: keeps predictions below it by y/(1 + (y/c)^8)^(1/8): for error rates, whose law
            may exceed 1 (an extension; the published law has none).
    """
    form = _form(law, convention, stretch, bounds, ceiling)

    def build(table: Table) -> UtilityModel:
        rows, error = Rows.read(table), table.measured()[0]
        # The official code shrinks d with the error: d may exceed the least error, not the largest.
        end = max if form.convention == "official_code" else min
        highest = {name: float(end(error[rows.group == g])) for g, name in enumerate(rows.groups)}
        return UtilityModel(Layout.of(rows, form, highest))

    return fit_model(
        UtilityFit,
        law,
        build,
        frame,
        hold_out_above,
        group,
        together=together,
        log_error=log_error,
        fields={"convention": form.convention},
    )


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


def _curve(rows: Rows, values: Mapping[str, float], group: str) -> dict[str, Any]:
    """a, d and pools of one group from named values."""
    a, d = (values[parameter_name(kind, rows, group)] for kind in "ad")
    pools = {}
    for name, size in rows.sizes.items():
        b = values.get(parameter_name("b", rows, group, name))
        if b is not None:
            tau = values.get(f"tau[{name}]", math.inf)
            prefactor = UtilityLaw(a, b, tau, d).prefactor
            pools[name] = {"b": b, "tau": tau, "unique_samples": size, "prefactor": prefactor}
    return {"a": a, "d": d, "pools": pools}


def _curves(rows: Rows, values: Mapping[str, float]) -> dict[str, Any]:
    """That of the only group, or those of all."""
    if len(rows.groups) == 1:
        return _curve(rows, values, rows.groups[0])
    return {"curves": {group: _curve(rows, values, group) for group in rows.groups}}
