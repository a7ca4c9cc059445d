"""Figure: laws side by side; error against samples seen, one panel a law, held-out runs open."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prunelaw_figures.plots.entry import (
    REAL,
    Entry,
    Parameters,
    Results,
    Work,
    table_arrays,
    table_of,
)
from prunelaw_figures.plots.style import (
    GREY,
    MARKERS,
    PAGE,
    SERIES,
    label,
    new_figure,
    share_y,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from prunelaw_sim.laws.comparison import LawComparison
    from prunelaw_sim.tables.sweep import Sweep

MOST_PANELS = 6
COLUMNS = 3
CURVE = 80  # points of a curve
BEYOND = 3.0  # curves go on to this multiple of the largest budget
_TELLS = ("group", "pool", "unique_samples", "parameters")  # columns that make a series
_OTHERS = "other runs"
NamedRows = list[tuple[str, pd.DataFrame]]
_SHORT = {"unique_samples": "U", "parameters": "N"}


def law_comparison(comparison: "LawComparison", laws: Sequence[str] | None = None) -> "Figure":
    """One panel a law, best first (the first six, or the named `laws`).

    One colour a series (group, pool, unique samples, parameters): of the series of more than one
    run, the seven with most; other runs are grey.  Lines: the law fitted to the runs up to
    `comparison.hold_out_above`, dashed beyond what it was fitted to.  Open: held-out runs.
    Raises `InputError` for a law that is not in the comparison, or if none has a fit.
    """
    names = _shown(comparison, laws)
    series = series_of(comparison.rows)
    return draw_law_comparison(
        comparison_points(comparison, series), comparison_lines(comparison, names, series)
    )


def comparison_points(comparison: "LawComparison", series: NamedRows | None = None) -> pd.DataFrame:
    """A row a run: series ("other runs" for those not drawn in colour), samples_seen, error,
    held_out, metric.
    """
    rows = comparison.rows
    names = pd.Series(_OTHERS, index=rows.index)
    for text, part in series or series_of(rows):
        names[part.index] = text
    shown = rows[["samples_seen", "error"]].assign(series=names, metric=metric_of(rows))
    return shown.assign(held_out=rows["samples_seen"] > comparison.hold_out_above)


def comparison_lines(
    comparison: "LawComparison", laws: Sequence[str], series: NamedRows | None = None
) -> pd.DataFrame:
    """Every law along every series: title of the law's panel, series, samples_seen, error, and
    whether a point is outside of what was fitted.
    """
    table = comparison.table.set_index("law")
    parts = [
        _curve(comparison.fits[law], part, comparison.rows).assign(
            series=text, title=_title(comparison, law, table)
        )
        for law in laws
        for text, part in series or series_of(comparison.rows)
    ]
    return pd.concat(parts, ignore_index=True)


def draw_law(
    panel: "Axes", comparison: "LawComparison", law: str, series: NamedRows | None = None
) -> None:
    """One law, fitted to the smaller budgets, and all runs; held-out ones are hollow."""
    named = series or series_of(comparison.rows)
    _panel(panel, comparison_points(comparison, named), comparison_lines(comparison, [law], named))


def draw_law_comparison(points: pd.DataFrame, lines: pd.DataFrame) -> "Figure":
    """The figure from the tables of `comparison_points` and `comparison_lines`."""
    panels = list(lines.groupby("title", sort=False))
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(PAGE, 2.5 * rows + 0.5, rows, columns)
    for panel, (title, curves) in zip(axes.flat, panels, strict=False):
        _panel(panel, points, curves)
        label(panel, "samples seen", points["metric"].iloc[0], str(title))
        panel.set(xscale="log", yscale="log")
    for panel in axes.flat[len(panels) :]:
        panel.set_visible(False)
    share_y(axes.flat[: len(panels)], columns)
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
    from prunelaw.checks import check_choice
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
    metrics = sorted(set(rows["metric"])) if "metric" in rows else ["error"]
    return metrics[0] if len(metrics) == 1 else "error"


def series_of(rows: pd.DataFrame) -> NamedRows:
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


def _panel(panel: Any, points: pd.DataFrame, curves: pd.DataFrame) -> None:
    for i, (text, curve) in enumerate(curves.groupby("series", sort=False)):
        look = {"color": SERIES[i], "marker": MARKERS[i], "markersize": 3.5, "linestyle": "none"}
        _line(panel, curve, SERIES[i])
        _points(panel, points.loc[points["series"] == text], look, str(text))
    others = points.loc[points["series"] == _OTHERS]
    if len(others):
        look = {"color": GREY, "marker": ".", "markersize": 3, "linestyle": "none", "alpha": 0.6}
        _points(panel, others, look, _OTHERS)


def _points(panel: Any, part: pd.DataFrame, look: Mapping[str, Any], text: str) -> None:
    full, hollow = part.loc[~part["held_out"]], part.loc[part["held_out"]]
    panel.plot(full["samples_seen"], full["error"], label=text, **look)
    panel.plot(hollow["samples_seen"], hollow["error"], fillstyle="none", **look)


def _curve(fit: Any, part: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The law of one series: samples_seen, error, outside (any coordinate beyond the fitted)."""
    from prunelaw_sim.fits.extrapolation import beyond_data

    mine = part["samples_seen"].to_numpy(float)
    last = BEYOND * rows["samples_seen"].to_numpy(float).max()
    seen = np.geomspace(mine.min(), last, CURVE)
    frame = pd.DataFrame({"samples_seen": seen})
    for column in _TELLS:
        if column in part:
            frame[column] = part[column].iloc[0]
    if "compute" in part:  # of one model it is in proportion to the samples seen
        frame["compute"] = seen * np.median(part["compute"].to_numpy(float) / mine)
    outside = [bool(found) for found in beyond_data(fit.problem.model, frame)]
    return pd.DataFrame({"samples_seen": seen, "error": fit.predict(frame), "outside": outside})


def _line(panel: Any, curve: pd.DataFrame, colour: str) -> None:
    """Dashed where the law is beyond what was fitted; the two parts meet."""
    seen, error = curve["samples_seen"].to_numpy(float), curve["error"].to_numpy(float)
    outside = curve["outside"].to_numpy(bool)
    dashed = outside | np.append(outside[1:], False) | np.insert(outside[:-1], 0, False)
    panel.plot(seen, np.where(outside, np.nan, error), color=colour, linewidth=1.1)
    panel.plot(
        seen, np.where(dashed, error, np.nan), color=colour, linewidth=0.9, linestyle=(0, (3, 2))
    )


# --- in the gallery -----------------------------------------------------------------------------


def c4_runs(work: Work) -> "Sweep":
    """The public runs of language models on C4, as a table."""
    from prunelaw_sim import read

    names = {
        "samples_seen": "tokens_seen", "unique_samples": "unique_tokens", "error": "val_loss",
    }  # fmt: skip
    constants = {"metric": "C4 validation loss", "pool": "C4"}
    return read(work.data, mapping=names, constants=constants)


def _c4_laws(p: Parameters, work: Work) -> Results:
    from prunelaw_sim import compare_laws

    found = compare_laws(
        c4_runs(work), p["laws"], hold_out_above=p["hold_out_above"], log_error=True
    )
    shown = [law for law in p["laws"] if law in found.fits]
    points, lines = comparison_points(found), comparison_lines(found, shown)
    return {**table_arrays("points", points), **table_arrays("lines", lines)}


def _draw_c4_laws(p: Parameters, found: Results) -> "Figure":
    return draw_law_comparison(table_of("points", found), table_of("lines", found))


ENTRIES = (
    Entry(
        "c4_laws",
        "177 public language models on C4: validation loss against tokens seen, and the laws "
        "{laws}, fitted in log loss to runs of at most {hold_out_above:.3g} tokens; open points "
        "were predicted.",
        {"laws": ["overfit", "data-constrained", "power-law"], "hold_out_above": 3.3e10},
        _draw_c4_laws,
        _c4_laws,
        part=REAL,
        given="c4",
    ),
)
