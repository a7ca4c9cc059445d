"""Figure: test error against kept examples, lower envelope over the fraction kept."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from prunelaw_figures.plots.entry import PRUNING, Entry, Parameters, Results, Work, check_all, grid
from prunelaw_figures.plots.style import GREY, PAGE, draw_lines, label, legend, log_log, new_figure


def pareto_frontier(
    alpha_prune: Float[np.ndarray, " alphas"],
    fractions: Sequence[float | int],
    error_at_f: Float[np.ndarray, "fractions alphas"],
    degrees: Sequence[float | int],
    frontier: Float[np.ndarray, "angles alphas"],
    unpruned: Float[np.ndarray, " alphas"],
) -> Figure:
    """Left: keep-hard at fixed f and θ = 0, over the first frontier; right: all frontiers.

    Args:
        frontier: min over f and over not pruning of ε(α_prune), a row an angle; the first is θ = 0.
        unpruned: ε(α_prune) at f = 1, which falls as 1/α: the power law to beat.
    """
    figure, axes = new_figure(PAGE, 3.2, columns=2)
    left, right = axes[0]
    left.plot(alpha_prune, frontier[0], color="#cccccc", linewidth=5, label="frontier")
    draw_lines(left, alpha_prune, error_at_f, [f"f = {f:g}" for f in fractions], linewidth=1.2)
    draw_lines(right, alpha_prune, frontier, [f"θ = {d:g}°" for d in degrees], linewidth=1.4)
    low = frontier[frontier > 0.0].min()
    look = {"color": GREY, "linewidth": 1.0, "linestyle": (0, (1, 1)), "label": "f = 1"}
    for panel, title in ((left, "keep hard, θ = 0"), (right, "frontiers")):
        panel.plot(alpha_prune, unpruned, **look)
        log_log(panel, y=())
        label(panel, "kept examples per dimension, α_prune", "test error ε", title)
        legend(panel, loc="lower left", fontsize=7)
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


def _frontiers(p: Parameters, work: Work) -> Results:
    import prunelaw
    from prunelaw.pruning.frontier import pareto

    alpha, angles = grid(p["alpha_prune"]), np.radians(p["degrees"])
    found = pareto(alpha[None], angles[:, None], p["f_range"], ("hard",))
    check_all("frontier", found.converged)
    f = np.array(p["fractions"])[:, None]
    fixed = prunelaw.solve(alpha[None] / f, f, 0.0, "hard").error
    unpruned = prunelaw.solve(alpha, 1.0, 0.0, "random").error
    return {"error_at_f": fixed, "frontier": found.error, "unpruned": unpruned}


def _draw_frontiers(p: Parameters, found: Results) -> Figure:
    alpha = grid(p["alpha_prune"])
    return pareto_frontier(alpha, p["fractions"], degrees=p["degrees"], **found)


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
