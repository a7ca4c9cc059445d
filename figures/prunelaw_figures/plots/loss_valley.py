"""Figure: the ridge of a, b and d: how far they move while the squared error hardly does."""

from typing import TYPE_CHECKING

import numpy as np

from prunelaw_figures.plots.style import COLOURS, GREY, MARKERS, PAGE, label, legend, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.laws.utility import UtilityFit


def ridge(fit: "UtilityFit", pool: str, highest: float, level: float = 0.9) -> "Figure":
    """For every d up to `highest`: the rms residual of the best fit with this d, and its b and a.

    The dashed line is the rms at which a d leaves the profile interval of `level`.
    """
    from prunelaw_sim.common.statistics import student_quantile
    from prunelaw_sim.fits.intervals import profile

    d = np.linspace(0.0, highest, 25)
    cost, values = profile(fit, "d", d)
    rows = fit.problem.error.size
    least = fit.problem.cost(fit.point)
    critical = student_quantile(level, fit.freedom) * fit.scatter
    figure, axes = new_figure(PAGE, 2.6, 1, 2)
    left, right = axes[0]
    left.plot(d, np.sqrt(cost / rows), color=COLOURS["black"], linewidth=1.3)
    limit = np.sqrt((least + critical**2) / rows)
    left.axhline(limit, color=GREY, linestyle="--", linewidth=0.9)
    where = {"va": "bottom", "ha": "right", "fontsize": 7, "color": GREY}
    left.annotate(f"limit of the {level:.0%} interval", (d[-1], limit), **where)
    left.plot(fit.d, np.sqrt(least / rows), MARKERS[0], color=COLOURS["vermilion"], markersize=5)
    left.set_ylim(0.0, 1.15 * max(limit, float(np.sqrt(cost.max() / rows))))
    label(left, "irreducible error d, held", "rms residual of the best fit")
    inside = cost <= least + critical**2
    for name, colour, marker in ((f"b[{pool}]", "blue", "o"), ("a", "orange", "s")):
        column = values[:, fit.parameters.index(name)]
        share = column / fit.values[name]
        right.plot(d, share, color=COLOURS[colour], linewidth=1.0, linestyle=":")
        right.plot(
            d[inside],
            share[inside],
            marker,
            color=COLOURS[colour],
            markersize=3.5,
            label=f"{name.partition('[')[0]} / its best value",
        )
    right.set_yscale("log")
    label(right, "irreducible error d, held", "parameter along the ridge")
    legend(right, loc="best")
    return figure
