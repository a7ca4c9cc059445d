"""Figure: fits of utility decay, one panel a group, with intervals and what the fit never saw."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prunelaw_figures.style import (
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

    from prunelaw_sim.fit_utility import UtilityFit

_POINTS = 24  # of a line with its band


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
    figure, axes = new_figure(PAGE, 3.0, 1, len(fits))
    for panel, (group, fit) in zip(axes[0], fits.items(), strict=True):
        _panel(panel, fit, tables[group], (others or {}).get(group), unit, level)
        panel.set(xscale="log", yscale="log")
        plain_log_axis(panel.xaxis)
        plain_log_axis(panel.yaxis)
        label(panel, samples, error, group)
    for panel in axes[0, 1:]:
        panel.set_ylabel("")
    legend(axes[0, 0], loc="lower left", fontsize=7, title="unique samples", title_fontsize=7)
    return figure


def _panel(
    panel: Any,
    fit: "UtilityFit",
    table: pd.DataFrame,
    other: "UtilityFit | None",
    unit: float,
    level: float,
) -> None:
    from prunelaw_sim.intervals import prediction_intervals

    for i, (_, runs) in enumerate(table.groupby("unique_samples")):
        unique = float(runs["unique_samples"].iloc[0])
        colour, marker = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
        seen = np.geomspace(table["samples_seen"].min(), table["samples_seen"].max(), _POINTS)
        rows = pd.DataFrame({"samples_seen": seen}).assign(
            pool=runs["pool"].iloc[0], unique_samples=unique
        )
        bands = prediction_intervals(fit, rows, level)
        value = np.array([band.value for band in bands])
        panel.fill_between(
            seen / unit,
            [band.low for band in bands],
            [band.high for band in bands],
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
        inside = seen <= table["samples_seen"].to_numpy(float)[fit.fitted].max()
        panel.plot(seen[inside] / unit, value[inside], color=colour, linewidth=1.3)
        beyond = seen >= seen[inside][-1]
        panel.plot(seen[beyond] / unit, value[beyond], "--", color=colour, linewidth=1.1)
        if other is not None:
            panel.plot(seen / unit, other.predict(rows), ":", color=colour, linewidth=1.1)
        known = fit.fitted[table.index.get_indexer(runs.index)]
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
