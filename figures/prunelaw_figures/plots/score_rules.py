"""Figure: real models on pruned real data: error against pool size by rule, score and fraction."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

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


# --- in the gallery -----------------------------------------------------------------------------


def _scored(p: Parameters, work: Work) -> Results:
    """The sweep of docs/real_sweeps.md, in a store that is thrown away afterwards."""
    from prunelaw_sim import RealDesign, Store, run_sweep
    from prunelaw_sim.sweeps.tables import to_sweep

    names = ("dataset", "model", "recipe", "class_share", "score", "size", "keep", "seed")
    design = RealDesign.grid(trials=p["seeds"], **{name: p[name] for name in names})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.db"
        run_sweep(design, file)
        with Store.open(file) as store:
            runs = to_sweep(store).frame
    columns = ["score", "dataset_size", "keep_fraction", "rule", "error", "seed"]
    return table_arrays("runs", runs.loc[:, columns])


def _draw_scored(p: Parameters, found: Results) -> "Figure":
    return score_rules(table_of("runs", found))


ENTRIES = (
    Entry(
        "real_scores",
        "Data set {dataset}, model {model}, {recipe}: test error against pool size P = {size} when "
        "f = {keep} of the pool is kept, ranked by {score}; means of {seeds} seeds ± standard "
        "errors, design seed {seed}; the share {class_share:g} of the kept is divided equally "
        "among classes. Grey: all of the pool.",
        {
            "dataset": "digits",
            "model": "mlp:64",
            "score": ["margin", "el2n"],
            "size": [100, 300, 1000],
            "keep": [0.3, 0.6, 1.0],
            "class_share": 0.5,
            "recipe": "epochs=60,batch_size=32,optimizer=sgd,learning_rate=0.2,schedule=constant",
            "seeds": 20,
            "seed": 0,
        },
        _draw_scored,
        _scored,
        part=REAL,
    ),
)
