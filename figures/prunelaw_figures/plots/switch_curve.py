"""Figure: the data size above which keep-hard beats keep-easy, against the fraction kept."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from prunelaw_figures.plots.entry import PRUNING, Entry, Parameters, Results, Work, check_all, grid
from prunelaw_figures.plots.style import PAGE, draw_lines, label, legend, log_log, new_figure


def switch_curve(
    f: Float[np.ndarray, " fractions"],
    degrees: Sequence[float | int],
    alpha_tot: Float[np.ndarray, "angles fractions"],
) -> Figure:
    """α_tot of the switch from easy to hard, one line an angle of the probe.

    NaN, where the two rules do not change places, leaves a gap.
    """
    figure, axes = new_figure(0.6 * PAGE, 3.2)
    panel = axes[0, 0]
    draw_lines(panel, f, alpha_tot, [f"θ = {angle:g}°" for angle in degrees], linewidth=1.5)
    log_log(panel)
    label(panel, "fraction kept, f", "examples per dimension, α_tot", "above: keep hard wins")
    panel.text(0.03, 0.03, "below: keep easy wins", transform=panel.transAxes, fontsize=9)
    legend(panel, loc="upper right")
    return figure


def _switches(p: Parameters, work: Work) -> Results:
    from prunelaw.pruning.frontier import switch

    found = switch(np.radians(p["degrees"])[:, None], grid(p["f"])[None], "easy", "hard")
    check_all("switch", found.converged)
    return {"alpha_tot": found.alpha_tot}


ENTRIES = (
    Entry(
        "switch_curve",
        "Examples per dimension before pruning, α_tot, above which keeping the hardest fraction f "
        "has a lower test error than keeping the easiest; f from {f[0]:g} to {f[1]:g} ({f[2]:g} "
        "points), probes at θ = {degrees} degrees from the teacher.",
        {"f": [0.05, 0.9, 61], "degrees": [0.0, 5.0, 10.0, 20.0]},
        lambda p, found: switch_curve(grid(p["f"]), p["degrees"], **found),
        _switches,
        part=PRUNING,
    ),
)
