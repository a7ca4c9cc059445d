"""Figure: the best filter for some pools: errors of their unions, and how each pool decays."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from prunelaw.decay.utility import PUBLISHED, with_convention
from prunelaw_figures.plots.entry import DECAY, Entry, Parameters, Results
from prunelaw_figures.plots.pool_curves import FITTED, published_fit
from prunelaw_figures.plots.style import GREY, MARKERS, PAGE, SERIES, label, legend, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from prunelaw.decay.utility import Pool

PASSES = 16


def pools_view(
    pools: "Sequence[Pool]", samples_seen: float, low: float = 1e7, high: float = 1e10
) -> "Figure":
    """Left: error of the best p pools against samples seen, the budget marked, switches dashed.

    Right: utility b δ^k of a sample of each pool, seen for the (k+1)-th time.  Pools are ordered
    best to worst, as for `prunelaw.decay.filtering.best_filter`, which raises for what it cannot
    take.
    """
    figure, axes = new_figure(PAGE, 3.2, 1, 2)
    _unions(axes[0, 0], pools, samples_seen, low, high)
    _decay(axes[0, 1], pools)
    return figure


def _unions(axes: "Axes", pools: "Sequence[Pool]", budget: float, low: float, high: float) -> None:
    from prunelaw.decay.filtering import best_filter, switch_points, union_errors

    seen = np.geomspace(low, high, 200)
    for i, errors in enumerate(union_errors(pools, seen)):
        name = pools[0].name if i == 0 else f"+ {pools[i].name}"
        axes.plot(seen / 1e6, errors, color=SERIES[i % len(SERIES)], linewidth=1.4, label=name)
    for switch in switch_points(pools, low, high):
        axes.axvline(switch.samples_seen / 1e6, color=GREY, linewidth=0.8, linestyle="--")
    choice = best_filter(pools, budget)
    colour = SERIES[(int(choice.n_pools) - 1) % len(SERIES)]
    axes.plot(budget / 1e6, choice.error, "o", color=colour, markersize=8, zorder=5)
    axes.set(xscale="log")
    label(
        axes,
        "samples seen, millions",
        "error",
        f"best at {budget / 1e6:.4g}M: {int(choice.n_pools)} pools",
    )
    legend(axes, fontsize=7)


def _decay(axes: "Axes", pools: "Sequence[Pool]") -> None:
    k = np.arange(PASSES)
    for i, pool in enumerate(pools):
        utility = -pool.law.b * 0.5 ** (k / pool.law.tau)
        colour, marker = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
        axes.plot(
            k + 1, utility, color=colour, marker=marker, markersize=3, linewidth=1.0,
            label=pool.name,
        )  # fmt: skip
    axes.set(yscale="log", xticks=k[::3] + 1)
    label(axes, "time that a sample is seen, k + 1", "utility −b δᵏ", "decay by repetition")


# --- in the gallery -----------------------------------------------------------------------------


def _draw_decay(p: Parameters, found: Results) -> "Figure":
    pools = with_convention(PUBLISHED["utility"], p["convention"])
    return pools_view(pools, p["budget"], *p["samples_seen"])


ENTRIES = (
    Entry(
        "utility_decay",
        "Left: error of the unions of the best pools, {samples_seen[0]:g} to {samples_seen[1]:g} "
        "samples seen; dot: the best at a budget of {budget:g}; dashed: where the best union "
        "switches. Right: utility −b δᵏ of a sample seen for the (k+1)-th time, δ = 2^(−1/τ), in "
        "the colours of the left. " + FITTED,
        {"budget": 6.4e8, "samples_seen": [1e7, 1e10], **published_fit("official_code")},
        _draw_decay,
        part=DECAY,
    ),
)
