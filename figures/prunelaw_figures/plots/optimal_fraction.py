"""Figure: the best fraction to keep, and what it gains, for probes of several angles."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

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
    PAGE,
    SERIES,
    label,
    legend,
    new_figure,
    plain_log_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def optimal_fraction(
    alpha_prune: Float[np.ndarray, " alphas"],
    degrees: Sequence[float | int],
    f: Float[np.ndarray, "angles alphas"],
    error: Float[np.ndarray, "angles alphas"],
    unpruned: Float[np.ndarray, " alphas"],
    at_low_end: Bool[np.ndarray, "angles alphas"],
) -> "Figure":
    """Left: f of least error when α_prune examples are kept; right: ε there over ε at f = 1.

    degrees     angles of the probe, one a row of f and error
    unpruned    ε(α_prune) at f = 1
    at_low_end  where f is only the low end of the range searched: drawn faint
    """
    figure, axes = new_figure(PAGE, 3.0, columns=2)
    left, right = axes[0]
    rows = zip(degrees, f, error, at_low_end, SERIES, DASHES, strict=False)
    for angle, best, least, at_end, colour, dash in rows:
        for panel, values in ((left, best), (right, least / unpruned)):
            look = {"color": colour, "linestyle": dash, "linewidth": 1.5}
            panel.plot(
                alpha_prune, np.where(at_end, np.nan, values), label=f"θ = {angle:g}°", **look
            )
            panel.plot(alpha_prune, np.where(at_end, values, np.nan), alpha=0.35, **look)
    for panel, name in ((left, "best fraction kept, f"), (right, "ε(best f) / ε(f = 1)")):
        panel.set(xscale="log", yscale="log")
        plain_log_axis(panel.xaxis)
        label(panel, "kept examples per dimension, α_prune", name)
    plain_log_axis(right.yaxis)
    legend(left, loc="lower left", bbox_to_anchor=(0.0, 0.06), fontsize=7)
    return figure


# --- in the gallery -----------------------------------------------------------------------------


def _best_fractions(p: Parameters, work: Work) -> Results:
    import prunelaw
    from prunelaw.pruning.frontier import best_fraction

    alpha, angles = grid(p["alpha_prune"]), np.radians(p["degrees"])
    found = best_fraction(None, alpha[None], angles[:, None], "hard", p["f_range"])
    check_solved("best fraction", found.converged)
    unpruned = prunelaw.solve(alpha, 1.0, 0.0, "random").error
    at_low_end = np.asarray(found.at_end == "low")
    return {"f": found.f, "error": found.error, "unpruned": unpruned, "at_low_end": at_low_end}


def _draw_best_fractions(p: Parameters, found: Results) -> "Figure":
    alpha = grid(p["alpha_prune"])
    return optimal_fraction(alpha, p["degrees"], **found)


ENTRIES = (
    Entry(
        "optimal_fraction",
        "Keep-hard at a fixed number of kept examples per dimension, α_prune from "
        "{alpha_prune[0]:g} to {alpha_prune[1]:g} ({alpha_prune[2]:g} points), for probes at "
        "θ = {degrees} degrees from the teacher. Left: the fraction f of least test error within "
        "[{f_range[0]:g}, {f_range[1]:g}]; α_tot = α_prune/f grows as f falls. Right: its error "
        "over that of as many unpruned examples. Faint: the best f lies at the low end of the "
        "range, and would fall with it.",
        {
            "alpha_prune": [0.5, 200.0, 61],
            "degrees": [0.0, 5.0, 10.0, 20.0, 30.0],
            "f_range": [0.01, 1.0],
        },
        _draw_best_fractions,
        _best_fractions,
        part=PRUNING,
    ),
)
