"""Figure: fits of utility decay, one panel a group, with intervals and what the fit never saw."""

from collections.abc import Mapping
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
    MARKERS,
    PAGE,
    SERIES,
    label,
    legend,
    new_figure,
    plain_log_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.laws.utility import UtilityFit

_POINTS = 24  # of a line with its band
_ENDS = ("value", "low", "high")


def decay_fits(
    fits: Mapping[str, "UtilityFit"],
    tables: Mapping[str, pd.DataFrame],
    others: Mapping[str, "UtilityFit"] | None = None,
    *,
    unit: float = 1e9,
    samples: str = "samples seen, billions",
    error: str = "error",
    level: float = 0.9,
) -> "Figure":
    """Each group's runs by number of unique samples, its fitted law and the band of `level`.

    `tables` are those given to the fits.  Full markers were fitted, open ones were predicted; the
    line is dashed beyond the fitted rows.  `others` are fits of another law, drawn dotted.
    """
    points = decay_points(fits, tables)
    lines = decay_lines(fits, tables, others, level)
    return draw_decay_fits(points, lines, unit=unit, samples=samples, error=error)


def decay_points(
    fits: Mapping[str, "UtilityFit"], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """A row a run: group, unique_samples, samples_seen, error, fitted."""
    columns = ["unique_samples", "samples_seen", "error"]
    parts = [
        tables[group][columns].assign(group=group, fitted=fit.fitted) for group, fit in fits.items()
    ]
    return pd.concat(parts, ignore_index=True)


def decay_lines(
    fits: Mapping[str, "UtilityFit"],
    tables: Mapping[str, pd.DataFrame],
    others: Mapping[str, "UtilityFit"] | None = None,
    level: float = 0.9,
    count: int = _POINTS,
) -> pd.DataFrame:
    """The laws at `count` numbers of samples: group, unique_samples, samples_seen, value, low,
    high, other.

    low and high are the ends of the band; `other` is the other law, NaN without one.
    """
    from prunelaw_sim.fits.intervals import prediction_intervals

    parts = []
    for group, fit in fits.items():
        table, other = tables[group], (others or {}).get(group)
        seen = np.geomspace(table["samples_seen"].min(), table["samples_seen"].max(), count)
        for unique, runs in table.groupby("unique_samples"):
            rows = pd.DataFrame({"samples_seen": seen}).assign(
                pool=runs["pool"].iloc[0], unique_samples=float(str(unique))
            )
            bands = prediction_intervals(fit, rows, level)
            ends = {name: [getattr(band, name) for band in bands] for name in _ENDS}
            theirs = np.nan if other is None else other.predict(rows)
            parts.append(rows.drop(columns="pool").assign(group=group, other=theirs, **ends))
    return pd.concat(parts, ignore_index=True)


def draw_decay_fits(
    points: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    unit: float = 1e9,
    samples: str = "samples seen, billions",
    error: str = "error",
) -> "Figure":
    """The figure from the tables of `decay_points` and `decay_lines`."""
    groups = list(dict.fromkeys(points["group"]))
    figure, axes = new_figure(PAGE, 3.0, 1, len(groups))
    for panel, group in zip(axes[0], groups, strict=True):
        _panel(
            panel, points.loc[points["group"] == group], lines.loc[lines["group"] == group], unit
        )
        panel.set(xscale="log", yscale="log")
        plain_log_axis(panel.xaxis)
        plain_log_axis(panel.yaxis)
        label(panel, samples, error, group)
    for panel in axes[0, 1:]:
        panel.set_ylabel("")
    legend(axes[0, 0], loc="lower left", fontsize=7, title="unique samples", title_fontsize=7)
    return figure


def _panel(panel: Any, points: pd.DataFrame, lines: pd.DataFrame, unit: float) -> None:
    last = points.loc[points["fitted"], "samples_seen"].max()
    for i, (key, line) in enumerate(lines.groupby("unique_samples")):
        unique = float(str(key))
        colour, marker = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
        seen, value = (line[name].to_numpy(float) for name in ("samples_seen", "value"))
        low, high = line["low"].to_numpy(float), line["high"].to_numpy(float)
        panel.fill_between(seen / unit, low, high, color=colour, alpha=0.18, linewidth=0)
        inside = seen <= last
        panel.plot(seen[inside] / unit, value[inside], color=colour, linewidth=1.3)
        beyond = seen >= seen[inside][-1]
        panel.plot(seen[beyond] / unit, value[beyond], "--", color=colour, linewidth=1.1)
        other = line["other"].to_numpy(float)
        if np.isfinite(other).all():
            panel.plot(seen / unit, other, ":", color=colour, linewidth=1.1)
        runs = points.loc[points["unique_samples"] == unique]
        known = runs["fitted"].to_numpy(bool)
        for part, face in ((runs[known], colour), (runs[~known], "none")):
            panel.plot(
                part["samples_seen"] / unit,
                part["error"],
                marker,
                color=colour,
                markerfacecolor=face,
                markersize=5,
                label=_short(unique) if face == colour else None,
            )


def _short(count: float) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return f"{count:g}"


# --- in the gallery -----------------------------------------------------------------------------


def _openclip(p: Parameters, work: Work) -> Results:
    from prunelaw_sim import read
    from prunelaw_sim.laws.utility import fit_utility

    frame = read(work.data, downstream=p["task"]).frame
    tables, fits, others = {}, {}, {}
    for name in p["models"]:
        table = frame.loc[frame["group"] == name].reset_index(drop=True)
        tables[name] = table
        fits[name] = fit_utility(table, hold_out_above=p["hold_out_above"])
        others[name] = fit_utility(
            table, hold_out_above=p["hold_out_above"], convention="official_code", stretch=0.0
        )
    points = decay_points(fits, tables)
    lines = decay_lines(fits, tables, others, p["level"], p["points"])
    return {**table_arrays("points", points), **table_arrays("lines", lines)}


def _draw_openclip(p: Parameters, found: Results) -> "Figure":
    points, lines = table_of("points", found), table_of("lines", found)
    return draw_decay_fits(points, lines, error="ImageNet error")


ENTRIES = (
    Entry(
        "openclip",
        "Public OpenCLIP models {models}, task {task}: error against samples seen by number of "
        "unique samples. Solid and dashed: utility decay (paper's convention) fitted to runs of at "
        "most {hold_out_above:.3g} samples seen, with the {level:.0%} band at {points} places; "
        "open points were predicted. Dotted: official code's convention, stretch 0.",
        {
            "models": ["ViT-B-32", "ViT-B-16"],
            "task": "imagenet1k",
            "hold_out_above": 2e10,
            "level": 0.9,
            "points": 13,
        },
        _draw_openclip,
        _openclip,
        part=REAL,
        given="openclip",
    ),
)
