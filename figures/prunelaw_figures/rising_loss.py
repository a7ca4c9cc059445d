"""Figure: loss against epochs, model by model, where it rises again and which law follows it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prunelaw_figures.style import (
    COLOURS,
    GREY,
    PAGE,
    label,
    new_figure,
    share_y,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.fit_scaling import ScalingFit

LINES = ((0, (4, 2)), "-", (0, (1, 1.5)))  # a law each


def rising_loss(
    table: pd.DataFrame, fits: Mapping[str, "ScalingFit"], unique: float, sizes: Sequence[float]
) -> "Figure":
    """One panel a model size (`sizes`, parameters), runs on `unique` samples: loss against epochs.

    Filled: fitted runs, open: held out (as in the first of `fits`); a red ring: the loss is above
    that of a shorter run of the same model, which no falling law fits.  Lines: the laws.
    """
    from prunelaw_sim.rising import rising_rows

    fitted = next(iter(fits.values())).fitted
    shown = table.assign(rising=rising_rows(table), fitted=fitted)
    shown = shown.loc[shown["unique_samples"] == unique]
    figure, axes = new_figure(PAGE, 2.9, 1, len(sizes))
    last = 1.5 * float(shown.loc[shown["parameters"].isin(list(sizes)), "epochs"].max())
    for panel, size in zip(axes[0], sizes, strict=True):
        part = shown.loc[shown["parameters"] == size]
        _points(panel, part)
        _laws(panel, part, fits, last)
        panel.set(xscale="log", yscale="log", xlim=(0.7, last))
        label(panel, "epochs", "loss", f"{size / 1e6:.4g} M parameters")
    share_y(axes[0])
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=5, fontsize=7, frameon=False)
    return figure


def _points(panel: Any, part: pd.DataFrame) -> None:
    look = {"color": COLOURS["blue"], "marker": "o", "markersize": 4, "linestyle": "none"}
    full, hollow = part.loc[part["fitted"]], part.loc[~part["fitted"]]
    panel.plot(full["epochs"], full["error"], label="fitted", **look)
    panel.plot(hollow["epochs"], hollow["error"], label="held out", fillstyle="none", **look)
    again = part.loc[part["rising"]]
    ring = {"marker": "o", "markersize": 8, "linestyle": "none", "fillstyle": "none"}
    text = "above a shorter run"
    panel.plot(again["epochs"], again["error"], color=COLOURS["vermilion"], label=text, **ring)


def _laws(panel: Any, part: pd.DataFrame, fits: Mapping[str, "ScalingFit"], last: float) -> None:
    frame = pd.DataFrame({"epochs": np.geomspace(1.0, last, 100)})
    frame["unique_samples"] = part["unique_samples"].iloc[0]
    frame["parameters"] = part["parameters"].iloc[0]
    frame["samples_seen"] = frame["epochs"] * frame["unique_samples"]
    for line, (name, fit) in zip(LINES, fits.items(), strict=False):
        style = {"color": GREY, "linewidth": 1.1, "linestyle": line, "label": name}
        panel.plot(frame["epochs"], fit.predict(frame), **style)
