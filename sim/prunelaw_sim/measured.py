"""What a store holds, as tables: one row a point, or one row a trial."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
import pandas as pd

from prunelaw_sim.design import Unit
from prunelaw_sim.store import Store
from prunelaw_sim.sweep import Sweep
from prunelaw_sim.teacher import example_counts

MEANS = ("kappa", "R", "rho")  # given beside the error, as means over certified trials
Columns = dict[str, np.ndarray]


def by_point(store: Store) -> Iterator[tuple[int, Columns]]:
    """(position in the design, every stored trial's numbers by name) of each point that has any."""
    for position, units in groupby(store.units(), key=lambda item: item[0].point):
        parts = [_with_index(unit, columns) for unit, columns in units]
        yield position, {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def points_table(store: Store) -> pd.DataFrame:
    """One row a point in the columns of a `Sweep`, and what only a simulation knows.

    `error` and `error_se` are mean and standard error over certified trials; `trials` counts
    those stored and `failed` those of them without certificate, which no mean contains.
    """
    return pd.DataFrame([_row(store, *one) for one in by_point(store)])


def trials_table(store: Store) -> pd.DataFrame:
    """One row a trial: the axes of its point, its number, and everything measured."""
    parts = []
    for position, columns in by_point(store):
        parts.append(pd.DataFrame({**store.design.points[position], **columns}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def to_sweep(store: Store) -> Sweep:
    """The points as a `Sweep`, which the fits take.  Raises `TableError` for an empty store."""
    table = points_table(store).dropna(subset=["error", "error_se"])
    return Sweep(table, str(store.path))


def _with_index(unit: Unit, columns: Columns) -> Columns:
    return {"trial": np.arange(unit.first, unit.first + unit.trials), **columns}


def _row(store: Store, position: int, columns: Columns) -> dict:
    point = store.design.points[position]
    alpha_tot, f, theta, rule, dim = (
        point[name] for name in ("alpha_tot", "f", "theta", "rule", "dim")
    )
    certified = columns["converged"] == 1
    errors = columns["error"][certified]
    several = errors.size > 1
    return {
        "run": f"perceptron-a{alpha_tot:g}-f{f:g}-t{theta:g}-{rule}-n{dim}",
        "group": f"perceptron N={dim} theta={theta:g}",
        "dataset_size": example_counts(alpha_tot, f, dim)[0],
        "keep_fraction": f,
        "rule": rule,
        "error": float(errors.mean()) if errors.size else np.nan,
        "error_se": float(errors.std(ddof=1) / np.sqrt(errors.size)) if several else np.nan,
        "metric": "test error probability",
        "seed": store.design.point_seed(position),
        "theta": theta,
        "alpha_tot": alpha_tot,
        "dim": dim,
        "trials": certified.size,
        "failed": int(np.sum(~certified)),
        **_means(columns, certified),
        "max_relative_gap": float(columns["relative_gap"].max()),
    }


def _means(columns: Columns, certified: np.ndarray) -> dict[str, float]:
    some = certified.any()
    return {name: float(columns[name][certified].mean()) if some else np.nan for name in MEANS}
