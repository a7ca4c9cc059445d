"""Figure: test error against kept examples, lower envelope over the fraction kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from prunelaw_figures.plots.entry import (
    PRUNING,
    Entry,
    Parameters,
    Results,
    Work,
    check_solved,
    grid,
)
from prunelaw_figures.plots.style import (
    DASHES,
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


def pareto_frontier(
    alpha_prune: Float[np.ndarray, " alphas"],
    fractions: Sequence[float | int],
    error_at_f: Float[np.ndarray, "fractions alphas"],
    degrees: Sequence[float | int],
    frontier: Float[np.ndarray, "angles alphas"],
    unpruned: Float[np.ndarray, " alphas"],
) -> "Figure":
    """Left: keep-hard at fixed f and θ = 0, over the first frontier; right: all frontiers.

    frontier  min over f and over not pruning of ε(α_prune), one row an angle; the first is θ = 0
    unpruned  ε(α_prune) at f = 1, which falls as 1/α: the power law to beat
    """
    figure, axes = new_figure(PAGE, 3.2, columns=2)
    left, right = axes[0]
    left.plot(alpha_prune, frontier[0], color="#cccccc", linewidth=5, label="frontier")
    for f, error, colour, dash in zip(fractions, error_at_f, SERIES, DASHES, strict=False):
        left.plot(
            alpha_prune, error, color=colour, linestyle=dash, linewidth=1.2, label=f"f = {f:g}"
        )
    for angle, least, colour, dash in zip(degrees, frontier, SERIES, DASHES, strict=False):
        right.plot(
            alpha_prune, least, color=colour, linestyle=dash, linewidth=1.4, label=f"θ = {angle:g}°"
        )
    for panel, title in ((left, "keep hard, θ = 0"), (right, "frontiers")):
        panel.plot(
            alpha_prune, unpruned, color=GREY, linewidth=1.0, linestyle=(0, (1, 1)), label="f = 1"
        )
        panel.set(xscale="log", yscale="log")
        plain_log_axis(panel.xaxis)
        label(panel, "kept examples per dimension, α_prune", "test error ε", title)
        legend(panel, loc="lower left", fontsize=7)
    low = frontier[frontier > 0.0].min()
    for panel in (left, right):
        panel.set_ylim(0.7 * low, 0.6)
    _slope(right, alpha_prune, unpruned)
    return figure


def _slope(axes, alpha: Float[np.ndarray, " alphas"], unpruned: Float[np.ndarray, " alphas"]):
    """A short line of slope −1 above the unpruned curve: what a power law 1/α looks like."""
    ends = np.array([alpha[-1] / 8.0, alpha[-1] / 2.0])
    height = 2.0 * float(np.interp(ends[0], alpha, unpruned))
    axes.plot(ends, height * ends[0] / ends, color=GREY, linewidth=1.0)
    middle = float(np.sqrt(ends[0] * ends[1]))
    axes.annotate(
        "slope −1", (middle, height * ends[0] / middle), fontsize=7, color=GREY,
        xytext=(3, 3), textcoords="offset points",
    )  # fmt: skip


# --- in the gallery -----------------------------------------------------------------------------


def _frontiers(p: Parameters, work: Work) -> Results:
    import prunelaw
    from prunelaw.pruning.frontier import pareto

    alpha, angles = grid(p["alpha_prune"]), np.radians(p["degrees"])
    found = pareto(alpha[None], angles[:, None], p["f_range"], ("hard",))
    check_solved("frontier", found.converged)
    f = np.array(p["fractions"])[:, None]
    fixed = prunelaw.solve(alpha[None] / f, f, 0.0, "hard").error
    unpruned = prunelaw.solve(alpha, 1.0, 0.0, "random").error
    return {"error_at_f": fixed, "frontier": found.error, "unpruned": unpruned}


def _draw_frontiers(p: Parameters, found: Results) -> "Figure":
    alpha = grid(p["alpha_prune"])
    return pareto_frontier(
        alpha, p["fractions"], found["error_at_f"], p["degrees"], found["frontier"],
        found["unpruned"],
    )  # fmt: skip


ENTRIES = (
    Entry(
        "pareto_frontier",
        "Test error ε against kept examples per dimension, α_prune from {alpha_prune[0]:g} to "
        "{alpha_prune[1]:g} ({alpha_prune[2]:g} points). Left: keep-hard with a perfect probe at "
        "f = {fractions}, and their frontier. Right: the frontier, the least ε over f in "
        "[{f_range[0]:g}, {f_range[1]:g}] with keep-hard, f = 1 included, for probes at "
        "θ = {degrees} degrees. Dotted: unpruned data, which fall as 1/α. Below f = "
        "{f_range[0]:g} the frontier of θ = 0 would go on falling: it belongs to this range of f.",
        {
            "alpha_prune": [0.5, 200.0, 61],
            "fractions": [0.5, 0.2, 0.1, 0.05, 0.02, 0.01],
            "degrees": [0.0, 5.0, 10.0, 20.0, 30.0],
            "f_range": [0.01, 1.0],
        },
        _draw_frontiers,
        _frontiers,
        part=PRUNING,
    ),
)
