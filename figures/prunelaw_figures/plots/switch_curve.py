"""Figure: the data size above which keep-hard beats keep-easy, against the fraction kept."""

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
    PAGE,
    SERIES,
    label,
    legend,
    new_figure,
    plain_log_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def switch_curve(
    f: Float[np.ndarray, " fractions"],
    degrees: Sequence[float | int],
    alpha_tot: Float[np.ndarray, "angles fractions"],
) -> "Figure":
    """α_tot of the switch from easy to hard, one line an angle of the probe.

    NaN, where the two rules do not change places, leaves a gap.
    """
    figure, axes = new_figure(0.6 * PAGE, 3.2)
    panel = axes[0, 0]
    for angle, load, colour, dash in zip(degrees, alpha_tot, SERIES, DASHES, strict=False):
        panel.plot(f, load, color=colour, linestyle=dash, linewidth=1.5, label=f"θ = {angle:g}°")
    panel.set(xscale="log", yscale="log")
    plain_log_axis(panel.xaxis)
    plain_log_axis(panel.yaxis)
    label(panel, "fraction kept, f", "examples per dimension, α_tot", "above: keep hard wins")
    panel.text(0.03, 0.03, "below: keep easy wins", transform=panel.transAxes, fontsize=9)
    legend(panel, loc="upper right")
    return figure


# --- in the gallery -----------------------------------------------------------------------------


def _switches(p: Parameters, work: Work) -> Results:
    from prunelaw.pruning.frontier import switch

    found = switch(np.radians(p["degrees"])[:, None], grid(p["f"])[None], "easy", "hard")
    check_solved("switch", found.converged)
    return {"alpha_tot": found.alpha_tot}


def _draw_switches(p: Parameters, found: Results) -> "Figure":
    return switch_curve(grid(p["f"]), p["degrees"], found["alpha_tot"])


ENTRIES = (
    Entry(
        "switch_curve",
        "Examples per dimension before pruning, α_tot, above which keeping the hardest fraction f "
        "has a lower test error than keeping the easiest; f from {f[0]:g} to {f[1]:g} ({f[2]:g} "
        "points), probes at θ = {degrees} degrees from the teacher.",
        {"f": [0.05, 0.9, 61], "degrees": [0.0, 5.0, 10.0, 20.0]},
        _draw_switches,
        _switches,
        part=PRUNING,
    ),
)
