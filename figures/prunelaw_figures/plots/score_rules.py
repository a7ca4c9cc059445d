"""Figure: real models on pruned real data: error against pool size by rule, score and fraction."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prunelaw_figures.plots.style import (
    GREY,
    PAGE,
    RULES,
    label,
    new_figure,
    plain_log_axis,
    share_y,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def score_rules(runs: pd.DataFrame) -> "Figure":
    """One panel a score and a kept fraction: means over seeds ± their standard errors.

    `runs` has a row a trained model: score, dataset_size, keep_fraction, rule, error; rows with
    keep_fraction 1 are drawn grey in every panel of their score.
    """
    scores = sorted(set(runs["score"]))
    fractions = sorted(set(runs.loc[runs["keep_fraction"] < 1.0, "keep_fraction"]))
    figure, axes = new_figure(PAGE, 3.2, columns=len(scores) * len(fractions))
    places = [(score, f) for score in scores for f in fractions]
    for panel, (score, f) in zip(axes[0], places, strict=True):
        of_score = runs.loc[runs["score"] == score]
        _line(panel, of_score.loc[of_score["keep_fraction"] == 1.0], "all kept", GREY, "D")
        for rule, (colour, marker) in RULES.items():
            part = of_score.loc[(of_score["keep_fraction"] == f) & (of_score["rule"] == rule)]
            _line(panel, part, f"keep {rule}", colour, marker)
        panel.set(xscale="log", yscale="log")
        plain_log_axis(panel.xaxis)
        label(panel, "pool size P", "test error", f"{score}, f = {f:g}")
    share_y(axes[0])
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _line(panel, part: pd.DataFrame, name: str, colour: str, marker: str) -> None:
    from prunelaw_sim.common.statistics import standard_error

    sizes = sorted(set(part["dataset_size"]))
    errors = [part.loc[part["dataset_size"] == size, "error"].to_numpy(float) for size in sizes]
    spread = [standard_error(each) for each in errors]
    look = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.1, "label": name}
    panel.errorbar(sizes, [float(np.mean(each)) for each in errors], yerr=spread, **look)
