"""Figure: the best fraction to keep, and what it gains, for probes of several angles."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

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
