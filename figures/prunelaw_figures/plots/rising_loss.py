"""Figure: loss against epochs, model by model, where it rises again and which law follows it."""

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
from prunelaw_figures.plots.law_comparison import c4_runs
from prunelaw_figures.plots.style import (
    COLOURS,
    GREY,
    PAGE,
    label,
    new_figure,
    share_y,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.laws.scaling import ScalingFit

LINES = ((0, (4, 2)), "-", (0, (1, 1.5)))  # a law each


def rising_loss(
    table: pd.DataFrame, fits: Mapping[str, "ScalingFit"], unique: float, sizes: Sequence[float]
) -> "Figure":
    """One panel a model size (`sizes`, parameters), runs on `unique` samples: loss against epochs.

    Filled: fitted runs, open: held out (as in the first of `fits`); a red ring: the loss is above
    that of a shorter run of the same model, which no falling law fits.  Lines: the laws.
    """
    points = rising_points(table, fits, unique, sizes)
    return draw_rising_loss(points, rising_lines(points, fits, unique))


def rising_points(
    table: pd.DataFrame, fits: Mapping[str, "ScalingFit"], unique: float, sizes: Sequence[float]
) -> pd.DataFrame:
    """The runs shown: parameters, epochs, error, fitted, rising."""
    from prunelaw_sim.fits.rising import rising_rows

    fitted = next(iter(fits.values())).fitted
    shown = table.assign(rising=rising_rows(table), fitted=fitted)
    shown = shown.loc[(shown["unique_samples"] == unique) & shown["parameters"].isin(list(sizes))]
    return shown[["parameters", "epochs", "error", "fitted", "rising"]].reset_index(drop=True)


def rising_lines(
    points: pd.DataFrame, fits: Mapping[str, "ScalingFit"], unique: float
) -> pd.DataFrame:
    """The laws at each size of the points: law, parameters, epochs, error."""
    epochs = np.geomspace(1.0, _last(points), 100)
    parts = []
    for size in sorted(set(points["parameters"])):
        frame = pd.DataFrame({"epochs": epochs, "parameters": size, "unique_samples": unique})
        frame["samples_seen"] = frame["epochs"] * unique
        for law, fit in fits.items():
            kept = frame[["parameters", "epochs"]]
            parts.append(kept.assign(law=law, error=fit.predict(frame)))
    return pd.concat(parts, ignore_index=True)


def draw_rising_loss(points: pd.DataFrame, lines: pd.DataFrame) -> "Figure":
    """The figure from the tables of `rising_points` and `rising_lines`."""
    sizes = sorted(set(points["parameters"]))
    figure, axes = new_figure(PAGE, 2.9, 1, len(sizes))
    for panel, size in zip(axes[0], sizes, strict=True):
        _points(panel, points.loc[points["parameters"] == size])
        _laws(panel, lines.loc[lines["parameters"] == size])
        panel.set(xscale="log", yscale="log", xlim=(0.7, _last(points)))
        label(panel, "epochs", "loss", f"{size / 1e6:.4g} M parameters")
    share_y(axes[0])
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=5, fontsize=7, frameon=False)
    return figure


def _last(points: pd.DataFrame) -> float:
    """Where the axis of epochs ends."""
    return 1.5 * float(points["epochs"].to_numpy(float).max())


def _points(panel: Any, part: pd.DataFrame) -> None:
    look = {"color": COLOURS["blue"], "marker": "o", "markersize": 4, "linestyle": "none"}
    full, hollow = part.loc[part["fitted"]], part.loc[~part["fitted"]]
    panel.plot(full["epochs"], full["error"], label="fitted", **look)
    panel.plot(hollow["epochs"], hollow["error"], label="held out", fillstyle="none", **look)
    again = part.loc[part["rising"]]
    ring = {"marker": "o", "markersize": 8, "linestyle": "none", "fillstyle": "none"}
    text = "above a shorter run"
    panel.plot(again["epochs"], again["error"], color=COLOURS["vermilion"], label=text, **ring)


def _laws(panel: Any, lines: pd.DataFrame) -> None:
    for style, (name, line) in zip(LINES, lines.groupby("law", sort=False), strict=False):
        look = {"color": GREY, "linewidth": 1.1, "linestyle": style, "label": name}
        panel.plot(line["epochs"], line["error"], **look)


# --- in the gallery -----------------------------------------------------------------------------


def _c4_rising(p: Parameters, work: Work) -> Results:
    from prunelaw_sim.laws.scaling import fit_data_constrained

    table = c4_runs(work).frame
    limit = p["hold_out_above"]
    penalty = {"repeats": False, "saturates": False, "penalty": "saturating"}
    fits = {
        "Muennighoff et al., refitted": fit_data_constrained(table, limit, log_error=True),
        "with the saturating penalty": fit_data_constrained(
            table, limit, log_error=True, **penalty
        ),
    }
    points = rising_points(table, fits, p["unique"], p["sizes"])
    lines = rising_lines(points, fits, p["unique"])
    return {**table_arrays("points", points), **table_arrays("lines", lines)}


def _draw_c4_rising(p: Parameters, found: Results) -> "Figure":
    return draw_rising_loss(table_of("points", found), table_of("lines", found))


ENTRIES = (
    Entry(
        "c4_rising",
        "Language models on C4 with {unique:.3g} unique tokens and {sizes:.4g} parameters: loss "
        "against epochs. Red rings: above a shorter run of the same model. Lines: two laws fitted "
        "in log loss to all runs of at most {hold_out_above:.3g} tokens; open points were "
        "predicted.",
        {
            "unique": 1e8,
            "sizes": [1.41e7, 8.27e7, 6.187e8, 1.0963e9],
            "hold_out_above": 3.3e10,
        },
        _draw_c4_rising,
        _c4_rising,
        part=REAL,
        given="c4",
    ),
)
