"""Figure: the sharp change at α_prune = 2 of keep-hard with a perfect probe, as f → 0."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import prunelaw
from prunelaw_figures.plots.entry import PRUNING, Entry, Parameters, Results
from prunelaw_figures.plots.style import (
    GREY,
    PAGE,
    SERIES,
    label,
    legend,
    new_figure,
    plain_log_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def capacity(
    fractions: Sequence[float] = (0.3, 0.1, 0.03, 0.01, 0.001),
    alpha_range: tuple[float, float] = (0.5, 8.0),
) -> "Figure":
    """ε(α_prune) of keep-hard at θ = 0, and ε/f, one line for each kept fraction f ≤ 0.3.

    Below the perceptron's capacity α_prune = 2 (Cover 1965) the labels of examples on the
    teacher's border can be satisfied by directions that have nothing to do with the teacher, and
    ε → 1/2 as f → 0; above it ε ∝ f, and the lines of the right panel meet.
    """
    figure, axes = new_figure(PAGE, 3.0, columns=2)
    left, right = axes[0]
    # Close to 2, where a line of small f turns over within Δ log α ~ f, points lie close.
    beside = np.geomspace(1e-4, 1.0, 60)
    loads = np.concatenate(
        [np.geomspace(*alpha_range, 120), 2 * np.exp(beside), 2 / np.exp(beside)]
    )
    loads = np.unique(loads[(loads >= alpha_range[0]) & (loads <= alpha_range[1])])
    for f, colour, dash in zip(
        fractions, SERIES, ("-", "--", "-.", ":", (0, (5, 1))), strict=False
    ):
        error = prunelaw.solve(loads / f, f, 0.0, "hard").error
        left.plot(loads, error, color=colour, ls=dash, lw=1.5, label=f"f = {f:g}")
        right.plot(loads, error / f, color=colour, ls=dash, lw=1.5)
    for one, name in ((left, "test error ε"), (right, "ε / f")):
        one.set(xscale="log")
        plain_log_axis(one.xaxis)
        one.axvline(2.0, color=GREY, lw=1.0, ls=(0, (2, 2)), zorder=0)
        label(one, "kept examples per dimension, α_prune", name, "keep hard, θ = 0")
    right.set(yscale="log")
    left.set_ylim(0.0, 0.5)
    legend(left, loc="upper right")
    return figure


# --- in the gallery -----------------------------------------------------------------------------


def _draw_capacity(p: Parameters, found: Results) -> "Figure":
    low, high = p["alpha_prune"]
    return capacity(p["fractions"], (low, high))


ENTRIES = (
    Entry(
        "capacity",
        "The sharp change of keep-hard with a perfect probe (θ = 0) at the perceptron's capacity, "
        "α_prune = 2 (dashed), as f → 0: f = {fractions}, α_prune from {alpha_prune[0]:g} to "
        "{alpha_prune[1]:g}. Left: test error; right: ε/f, on which the lines of small f meet.",
        {"fractions": [0.3, 0.1, 0.03, 0.01, 0.001], "alpha_prune": [0.5, 8.0]},
        _draw_capacity,
        part=PRUNING,
    ),
)
