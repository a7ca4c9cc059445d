"""Intervals of a pruning fit over seeds, by bootstrap: whole seeds are drawn with replacement.

Errors at one seed share test set, pool and probe, so that the points of a sweep are not independent
as the fit's own standard errors take them to be: those are too large where what is shared moves all
errors alike, and too small where it moves rules apart.  A resample keeps all cells of a seed
together.  Each is fitted again on the tabulated theory of the fit, corrected to be exact at the fit
itself; all resamples are fitted at once, by ever finer grids around the best cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_integer, check_number
from prunelaw.errors import InputError, TableError
from prunelaw_sim.common.statistics import quantile_interval, student_quantile
from prunelaw_sim.laws.pruning import PARAMETERS, POINT, RANGES, PruningFit, fit_pruning
from prunelaw_sim.laws.pruning_search import exact_theory, point_weights
from prunelaw_sim.tables.paired_errors import PairedErrors

KEYS = list(POINT)
FINE, ZOOM, ZOOMS = 7, 3.0, 9  # nodes a side of each grid, how much finer the next one is
CELLS = (40, 30)  # of the first grid, in log N_eff and θ_eff
MOST_AT_ONCE = 64  # resamples whose grids are in memory together


@dataclass(frozen=True, eq=False)
class PruningIntervals:
    """A fit with intervals over seeds.

    Attributes:
        fit: of the means over all seeds.
        draws: (resamples,) values of dimension, theta, scale and floor; a held theta is constant.
        intervals: of the four, percentiles of the draws, their distance from the fit widened for
            the few seeds (see `widening`) and ended at the parameter's range.
        correlated: dimension and theta over draws, which trade off.
    """

    fit: PruningFit
    draws: dict[str, Float[np.ndarray, " resamples"]]
    intervals: dict[str, tuple[float, float]]
    correlated: float
    level: float
    seeds: int


def pruning_intervals(
    errors: PairedErrors,
    *,
    hold_out_above: float | int | None = None,
    theta: float | None = None,
    resamples: int = 300,
    level: float = 0.9,
    seed: int = 0,
) -> PruningIntervals:
    """`fit_pruning` of the means over seeds, and the same of resampled seeds.

    Args:
        errors: cells by dataset_size, keep_fraction and rule, of one probe and score.
        hold_out_above, theta: as in `fit_pruning`, and what is raised.
        resamples: of the seeds, 20 or more; `level` of the intervals; `seed` of the draws.

    Raises:
        InputError: for values out of range and other columns of cells.
        TableError: for fewer than five seeds.
    """
    check_integer("resamples", resamples, 20)
    check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
    count = len(errors.seeds)
    if list(errors.cells.columns) != KEYS:
        raise InputError(f"cells must have columns {', '.join(KEYS)}: select one probe and score")
    if count < 5:
        raise TableError(f"intervals over seeds need at least 5 seeds, got {count}")
    fit = fit_pruning(errors.to_sweep("paired errors"), hold_out_above=hold_out_above, theta=theta)
    inside = ~fit.table["held_out"].to_numpy(bool)
    training = fit.table.loc[inside].reset_index(drop=True)
    measured = _in_order(errors, training)
    drawn = np.random.default_rng(seed).integers(count, size=(resamples, count))
    draws = refitted(training, fit, measured[:, drawn].mean(axis=2).T)
    spread = {name: draws[name] for name in PARAMETERS}
    return PruningIntervals(
        fit=fit,
        draws=spread,
        intervals={
            name: widened(getattr(fit, name), values, count, level, RANGES[name])
            for name, values in spread.items()
        },
        correlated=_correlation(draws["dimension"], draws["theta"]),
        level=level,
        seeds=count,
    )


def widening(seeds: int, level: float) -> float:
    """How much wider than percentiles of a bootstrap over few seeds an interval must be.

    A mean of n resampled values scatters by σ √((n−1)/n)/√n about the sample's, and σ itself is
    estimated: √(n/(n−1)) times Student's quantile over the normal one.
    """
    quantile = student_quantile(level, seeds - 1) / student_quantile(level, np.inf)
    return float(np.sqrt(seeds / (seeds - 1)) * quantile)


def widened(
    value: float,
    draws: Float[np.ndarray, " resamples"],
    seeds: int,
    level: float,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float]:
    """The percentile interval of the draws, its ends `widening` times as far from the value."""
    wider = widening(seeds, level)
    low, high = (value + wider * (end - value) for end in quantile_interval(draws, level))
    return max(bounds[0], float(low)), min(bounds[1], float(high))


def _in_order(errors: PairedErrors, training: pd.DataFrame) -> Float[np.ndarray, "points seeds"]:
    """The errors of the fitted points, in the fit's order."""
    place = {key: i for i, key in enumerate(errors.cells.itertuples(index=False, name=None))}
    wanted = training[KEYS].itertuples(index=False, name=None)
    return errors.errors[[place[key] for key in wanted]]


def refitted(
    training: pd.DataFrame, fit: PruningFit, means: Float[np.ndarray, "resamples points"]
) -> dict[str, np.ndarray]:
    """(resamples,) parameters of the best fit to each row of means of the fit's own points."""
    table = fit.tabulated
    centre = (float(np.log(fit.dimension)), fit.theta)
    correction = exact_theory(training, *centre) / table(*centre)
    weights = point_weights(training)
    size = np.linspace(*table.dimensions, CELLS[0])
    angle = np.array([fit.theta]) if fit.theta_held else np.linspace(0, np.pi / 2, CELLS[1])
    grid = np.stack([g.ravel() for g in np.meshgrid(size, angle)], axis=1)
    theory = correction * table(grid[:, 0], grid[:, 1])
    steps = np.array([size[1] - size[0], 0.0 if fit.theta_held else angle[1] - angle[0]])
    parts = [
        _zoomed(lambda d, t: correction * table(d, t), grid, theory, steps, part, weights)
        for part in np.array_split(means, max(1, len(means) // MOST_AT_ONCE))
    ]
    log_dimension, theta, scale, floor = np.concatenate(parts, axis=1)
    values = (np.exp(log_dimension), theta, scale, floor)
    return dict(zip(PARAMETERS, values, strict=True))


def _zoomed(theory_at, grid, theory, steps, means, weights) -> Float[np.ndarray, "4 resamples"]:
    """The best cell of the grid for each row of means, then of finer grids around it."""
    cost, *_ = _lines(theory[None], means[:, None], weights)
    best = grid[cost.argmin(axis=1)]
    offsets = np.linspace(-1.5, 1.5, FINE)
    around = np.stack([g.ravel() for g in np.meshgrid(offsets, offsets if steps[1] else [0.0])], 1)
    lines = np.empty((2, len(means)))
    rows = np.arange(len(means))
    for _ in range(ZOOMS):
        tried = best[:, None] + around * steps
        tried[..., 1] = np.clip(tried[..., 1], 0.0, np.pi / 2)
        cost, scale, floor = _lines(
            theory_at(tried[..., 0], tried[..., 1]), means[:, None], weights
        )
        chosen = cost.argmin(axis=1)
        best = tried[rows, chosen]
        lines = np.stack([scale[rows, chosen], floor[rows, chosen]])
        steps = steps / ZOOM
    return np.concatenate([best.T, lines])


def _lines(theory, means, weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(cost, scale, floor) of the best non-negative line through each theory, over all but points.

    Of two non-negative numbers the best is inside, or one of the two is 0.
    """
    w = weights**2 / np.sum(weights**2)
    e, y = theory @ w, means @ w
    ee, ey, yy = (theory**2) @ w, np.sum(theory * means * w, axis=-1), (means**2) @ w
    slope = (ey - e * y) / np.maximum(ee - e**2, 1e-300)
    through_zero = np.maximum(ey / ee, 0.0)
    slope, level = np.maximum(slope, 0.0), y - np.maximum(slope, 0.0) * e
    scale = np.where(level >= 0, slope, through_zero)
    floor = np.where(level >= 0, level, 0.0)
    cost = yy - 2 * scale * ey - 2 * floor * y + scale**2 * ee + 2 * scale * floor * e + floor**2
    return cost, scale, floor


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
