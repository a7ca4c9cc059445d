"""Figure: laws side by side; error against samples seen, one panel a law, held-out runs open."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prunelaw_figures.style import (
    GREY,
    MARKERS,
    PAGE,
    SERIES,
    label,
    new_figure,
    share_y,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.law_comparison import LawComparison

MOST_PANELS = 6
COLUMNS = 3
CURVE = 80  # points of a curve
BEYOND = 3.0  # curves go on to this multiple of the largest budget
_TELLS = ("group", "pool", "unique_samples", "parameters")  # columns that make a series
_SHORT = {"unique_samples": "U", "parameters": "N"}


def law_comparison(comparison: "LawComparison", laws: Sequence[str] | None = None) -> "Figure":
    """One panel a law, best first (the first six, or the named `laws`).

    One colour a series (group, pool, unique samples, parameters): of the series of more than one
    run, the seven with most; other runs are grey.  Lines: the law fitted to the runs up to
    `comparison.hold_out_above`, dashed beyond what it was fitted to.  Open: held-out runs.
    Raises `InputError` for a law that is not in the comparison, or if none has a fit.
    """
    names = _shown(comparison, laws)
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure, axes = new_figure(PAGE, 2.5 * rows + 0.5, rows, columns)
    series = series_of(comparison.rows)
    table = comparison.table.set_index("law")
    for panel, name in zip(axes.flat, names, strict=False):
        draw_law(panel, comparison, name, series)
        label(panel, "samples seen", metric_of(comparison.rows), _title(comparison, name, table))
        panel.set(xscale="log", yscale="log")
    for panel in axes.flat[len(names) :]:
        panel.set_visible(False)
    share_y(axes.flat[: len(names)], columns)
    handles = axes.flat[0].get_legend_handles_labels()
    figure.legend(
        *handles,
        loc="outside lower center",
        ncols=4,
        fontsize=7,
        frameon=False,
        title="open: held out; dashed: beyond the fitted runs",
        title_fontsize=7,
    )
    return figure


def _shown(comparison: "LawComparison", laws: Sequence[str] | None) -> list[str]:
    from prunelaw._checks import check_choice
    from prunelaw.errors import InputError

    fitted = tuple(comparison.fits)
    if not fitted:
        raise InputError("no law of the comparison has a fit that could be drawn")
    if laws is None:
        return list(fitted[:MOST_PANELS])
    return [check_choice("laws", name, fitted) for name in laws]


def _title(comparison: "LawComparison", name: str, table: pd.DataFrame) -> str:
    best = " (best)" if name == comparison.best else ""
    kind = "log rmse" if comparison.log_error else "rmse"
    return f"{name}{best}\nheld out: {kind} {table.loc[name, 'held_out_rmse']:.3g}"


def metric_of(rows: pd.DataFrame) -> str:
    """What the errors are, if that is one thing."""
    metrics = sorted(set(rows["metric"])) if "metric" in rows else ["error"]
    return metrics[0] if len(metrics) == 1 else "error"


def series_of(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Name and rows of the series that are drawn in colour."""
    keys = [name for name in _TELLS if name in rows and len(set(rows[name])) > 1]
    if not keys:
        return [("runs", rows)]
    parts: list[tuple[Any, pd.DataFrame]] = [
        (key, part) for key, part in rows.groupby(keys) if len(part) > 1
    ]
    largest = sorted(parts, key=lambda pair: -len(pair[1]))[: len(SERIES)]
    return [(_name(keys, key), part) for key, part in sorted(largest, key=lambda pair: pair[0])]


def _name(keys: Sequence[str], key: Any) -> str:
    values = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in key]
    return ", ".join(
        f"{_SHORT[name]} = {value}" if name in _SHORT else value
        for name, value in zip(keys, values, strict=True)
    )


def draw_law(
    panel: Any, comparison: "LawComparison", name: str, series: list[tuple[str, pd.DataFrame]]
) -> None:
    """One law, fitted to the smaller budgets, and all runs; held-out ones are hollow."""
    fit = comparison.fits[name]
    drawn = pd.Index([])
    for i, (text, part) in enumerate(series):
        look = {"color": SERIES[i], "marker": MARKERS[i], "markersize": 3.5, "linestyle": "none"}
        _curve(panel, fit, part, comparison.rows, SERIES[i])
        _points(panel, part, comparison.hold_out_above, look, text)
        drawn = drawn.union(part.index)
    others = comparison.rows.loc[comparison.rows.index.difference(drawn)]
    if len(others):
        look = {"color": GREY, "marker": ".", "markersize": 3, "linestyle": "none", "alpha": 0.6}
        _points(panel, others, comparison.hold_out_above, look, "other runs")


def _points(
    panel: Any, part: pd.DataFrame, limit: float, look: Mapping[str, Any], text: str
) -> None:
    held_out = part["samples_seen"] > limit
    full, hollow = part.loc[~held_out], part.loc[held_out]
    panel.plot(full["samples_seen"], full["error"], label=text, **look)
    panel.plot(hollow["samples_seen"], hollow["error"], fillstyle="none", **look)


def _curve(panel: Any, fit: Any, part: pd.DataFrame, rows: pd.DataFrame, colour: str) -> None:
    """The law of one series; dashed where any coordinate is beyond the fitted rows."""
    from prunelaw_sim.extrapolation import beyond_data

    mine = part["samples_seen"].to_numpy(float)
    last = BEYOND * rows["samples_seen"].to_numpy(float).max()
    seen = np.geomspace(mine.min(), last, CURVE)
    frame = pd.DataFrame({"samples_seen": seen})
    for column in _TELLS:
        if column in part:
            frame[column] = part[column].iloc[0]
    if "compute" in part:  # of one model it is in proportion to the samples seen
        frame["compute"] = seen * np.median(part["compute"].to_numpy(float) / mine)
    outside = np.array([bool(found) for found in beyond_data(fit.problem.model, frame)])
    error = fit.predict(frame)
    dashed = outside | np.append(outside[1:], False) | np.insert(outside[:-1], 0, False)
    panel.plot(seen, np.where(outside, np.nan, error), color=colour, linewidth=1.1)
    panel.plot(
        seen, np.where(dashed, error, np.nan), color=colour, linewidth=0.9, linestyle=(0, (3, 2))
    )
