"""Figure: error of the best 1 to 4 pools against samples seen, and where the best one switches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from prunelaw.decay.utility import PUBLISHED
from prunelaw_figures.plots.entry import DECAY, Entry, Parameters, Results
from prunelaw_figures.plots.pool_curves import published_fit
from prunelaw_figures.plots.style import GREY, MARKERS, PAGE, SERIES, label, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.verification.published import UtilityCheck

TITLES = {
    "paper": "paper's law",
    "official_code": "official code",
    "effective_data": "effective data",
}


def best_filter_figure(check: "UtilityCheck") -> "Figure":
    """One panel a convention; budgets of the table are marked, switches are dashed lines."""
    figure, axes = new_figure(PAGE, 3.1, 1, len(check.conventions))
    for panel, found in zip(axes[0], check.conventions, strict=True):
        _panel(panel, found.convention, check.names, check.budgets)
        for switch in found.switches:
            panel.axvline(switch.samples_seen / 1e6, color=GREY, linewidth=0.8, linestyle="--")
            panel.annotate(
                f"{switch.from_pools}→{switch.to_pools}: {switch.samples_seen / 1e6:.0f}M",
                (switch.samples_seen / 1e6, 0.98),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
                fontsize=7,
                color=GREY,
            )
        panel.set_ylim(0.55, 0.92)
    for panel in axes[0, 1:]:
        panel.set_ylabel("")
        panel.tick_params(labelleft=False)
    names = axes[0, 0].get_legend_handles_labels()
    figure.legend(*names, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _panel(axes, convention: str, names: Sequence[str], budgets: Sequence[float]) -> None:
    from prunelaw.decay.filtering import union_errors
    from prunelaw_sim.verification.published import published_pools

    pools = published_pools(convention)
    seen = np.geomspace(20e6, 2e9, 300)
    marked = union_errors(pools, np.array(budgets))
    for i, errors in enumerate(union_errors(pools, seen)):
        axes.plot(seen / 1e6, errors, color=SERIES[i], linewidth=1.4)
        style = {"color": SERIES[i], "marker": MARKERS[i], "markersize": 4, "linestyle": "none"}
        axes.plot(np.array(budgets) / 1e6, marked[i], label=names[i], **style)
    axes.set_xscale("log")
    label(axes, "samples seen, millions", "ImageNet error", TITLES[convention])


# --- in the gallery -----------------------------------------------------------------------------


def _draw_filters(p: Parameters, found: Results) -> "Figure":
    from prunelaw_sim.verification.published import check_utility

    return best_filter_figure(check_utility())


def _filter_parameters() -> dict:
    from prunelaw_sim.verification.published import BUDGETS, SWITCH_RANGE

    fitted, other = published_fit("official_code"), PUBLISHED["effective_data"]
    kept = {name: fitted[name] for name in ("a", "b", "tau", "d", "pool_size")}
    return {
        **kept,
        "a_effective": other[0].law.a,
        "b_effective": [pool.law.b for pool in other],
        "tau_effective": [pool.law.tau for pool in other],
        "budgets": [budget / 1e6 for budget in BUDGETS],
        "switch_range": list(SWITCH_RANGE),
    }


ENTRIES = (
    Entry(
        "best_filter",
        "ImageNet error of the best 1, 2, 3 and 4 pools of {pool_size:.3g} samples by T-MARS score "
        "against samples seen, in the three conventions of the law; marked: {budgets} million; "
        "dashed: switches of the best union within {switch_range[0]:g} to {switch_range[1]:g}. "
        "Published fits (arXiv 2404.07177), d = {d:g}: paper and official code a = {a:g}, "
        "b = {b}, τ = {tau:.3g}; effective data a = {a_effective:g}, b = {b_effective:.3g}, "
        "τ = {tau_effective:.3g}.",
        _filter_parameters(),
        _draw_filters,
        part=DECAY,
    ),
)
