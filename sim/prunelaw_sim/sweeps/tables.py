"""What a store holds, as tables: one row a point, or one row a trial."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prunelaw.errors import InputError
from prunelaw_sim.common.statistics import standard_error
from prunelaw_sim.common.text_forms import CHOICES, SIMULATED
from prunelaw_sim.simulation.point import complete, example_counts
from prunelaw_sim.sweeps.real import RealDesign
from prunelaw_sim.sweeps.real_tables import cells_table, runs_sweep, runs_table
from prunelaw_sim.sweeps.simulated import Design
from prunelaw_sim.sweeps.store import Columns, Store
from prunelaw_sim.tables.sweep import Sweep

MEANS = ("kappa", "R", "rho")  # given beside the error, as means over certified trials


def simulated(store: Store) -> Design:
    """The design of a store of simulated students; `InputError` for a store of something else."""
    if not isinstance(store.design, Design):
        raise InputError(
            f"store {store.path} holds a sweep of kind {store.design.kind}; simulated students are "
            "needed here, kind perceptron"
        )
    return store.design


def points_table(store: Store) -> pd.DataFrame:
    """One row a point in the columns of a `Sweep`, and what only a simulation knows.

    Of a real sweep: one row a cell of each point, see `real_tables.cells_table`.

    `error` and `error_se` are mean and standard error over certified trials; `trials` counts
    those stored and `failed` those of them without certificate, which no mean contains.
    Choices beside the usual ones have columns if any point makes them.  `theta` of a trained probe
    is its mean angle as measured, and `theta_se` (0 where it was given) the standard error of that.
    """
    if isinstance(store.design, RealDesign):
        return cells_table(store, store.design)
    design = simulated(store)
    return pd.DataFrame([_row(design, *one) for one in store.by_point()])


def trials_table(store: Store) -> pd.DataFrame:
    """One row a trial: the axes of its point, its number, and everything measured.

    Of a real sweep: one row a trained model, see `real_tables.runs_table`.
    """
    if isinstance(store.design, RealDesign):
        return runs_table(store, store.design)
    design, parts = simulated(store), []
    for position, columns in store.by_point():
        whole = complete(design.points[position])
        axes = {name: whole[name] for name in design.axes}
        parts.append(pd.DataFrame({**axes, **columns}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def to_sweep(store: Store) -> Sweep:
    """The points as a `Sweep`, which the fits take; of a real sweep, every trained model.

    Raises:
        TableError: for an empty store.
    """
    if isinstance(store.design, RealDesign):
        return runs_sweep(store, store.design)
    table = points_table(store).dropna(subset=["error", "error_se"])
    return Sweep(table, str(store.path))


def _row(design: Design, position: int, columns: Columns) -> dict:
    point = design.points[position]
    alpha_tot, f, theta, rule, dim = (
        point[name] for name in ("alpha_tot", "f", "theta", "rule", "dim")
    )
    certified = columns["converged"] == 1
    errors = columns["error"][certified]
    theta, theta_se = _angle(theta, columns, certified)
    changed = {name: point[name] for name in CHOICES if name in point}
    extra = "".join(f" {name}={value}" for name, value in changed.items())
    return {
        "run": f"perceptron-a{alpha_tot:g}-f{f:g}-t{theta:g}-{rule}-n{dim}{extra}",
        "group": f"perceptron N={dim} theta={theta:g}{extra}",
        "dataset_size": example_counts(alpha_tot, f, dim)[0],
        "keep_fraction": f,
        "rule": rule,
        "error": float(errors.mean()) if errors.size else np.nan,
        "error_se": standard_error(errors),
        "metric": SIMULATED,
        "seed": design.point_seed(position),
        "theta": theta,
        "alpha_tot": alpha_tot,
        "dim": dim,
        "trials": certified.size,
        "failed": int(np.sum(~certified)),
        **_means(columns, certified),
        "max_relative_gap": float(columns["relative_gap"].max()),
        **{name: complete(point)[name] for name in design.axes if name in CHOICES},
        **({"theta_se": theta_se} if "probe" in design.axes else {}),
    }


def _angle(theta: float, columns: Columns, certified: np.ndarray) -> tuple[float, float]:
    """The probe's angle and its standard error: as given, or as measured over certified trials."""
    if "probe_theta" not in columns:
        return theta, 0.0
    angles = columns["probe_theta"][certified]
    return float(angles.mean()) if angles.size else np.nan, standard_error(angles)


def _means(columns: Columns, certified: np.ndarray) -> dict[str, float]:
    some = certified.any()
    return {name: float(columns[name][certified].mean()) if some else np.nan for name in MEANS}
