"""Figure: error of every union over compute with its band, switch budgets, and who is best."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from prunelaw_figures.plots.style import (
    GREY,
    PAGE,
    label,
    legend_below,
    name_line,
    new_figure,
    series_look,
)

if TYPE_CHECKING:
    from prunelaw_sim.pools.decisions import Decision
    from prunelaw_sim.pools.ensemble import PoolEnsemble
    from prunelaw_sim.pools.plan import Plan
    from prunelaw_sim.pools.switches import Switch

_POINTS = 160


def decision_map(ensemble: "PoolEnsemble", plan: "Plan") -> Figure:
    """Above: expected errors with bands, the Pareto curve in black, switch budgets with intervals.

    Below: the probability of each union to be the best one. Compute runs over the range in which
    the plan's switches were looked for; the dotted line is its budget.
    """
    from prunelaw_sim.pools.decisions import decide

    low, high = compute_range(plan)
    budgets = np.geomspace(low, high, _POINTS)
    found = decide(ensemble, budgets, selection=plan.selection, level=plan.level)
    figure, axes = new_figure(PAGE, 5.6, 2, 1)
    top, bottom = axes[:, 0]
    draw_errors(top, found)
    draw_switches(top, plan.switches, low, high)
    for u, probability in enumerate(found.probability):
        bottom.plot(budgets / 1e6, probability, **_look(u))
    bottom.set_ylim(-0.03, 1.03)
    for panel in (top, bottom):
        panel.axvline(plan.budget / 1e6, color=GREY, linewidth=1.0, linestyle=":")
        panel.set(xscale="log", xlim=(low / 1e6, high / 1e6))
    compute = "compute, millions of samples seen"
    label(top, compute, "test error", f"Pareto curve; bands hold {100 * plan.level:g} %")
    label(bottom, compute, "probability of being best")
    legend_below(figure, top, 3)
    return figure


def compute_range(plan: "Plan") -> tuple[float, float]:
    """In which the switches of the plan were looked for."""
    if plan.switches:
        return plan.switches[0].least, plan.switches[0].most
    return max(plan.budget / 30.0, 1.0), 30.0 * plan.budget


def draw_errors(axes, found: "Decision") -> None:
    """Errors of all unions with their bands, and the least of them in black."""
    millions = found.budgets / 1e6
    for u, error in enumerate(found.error):
        there = np.isfinite(error)
        look = _look(u)
        band = found.low[u][there], found.high[u][there]
        axes.fill_between(millions[there], *band, color=look["color"], alpha=0.18, linewidth=0)
        name = found.names[0] if u == 0 else f"best {u + 1}: + {found.names[u]}"
        axes.plot(millions[there], error[there], label=name, **look)
    best = found.curve[0]
    axes.plot(millions, best, color="black", linewidth=2.2, alpha=0.55, zorder=1, label="best")
    shown = np.concatenate([best, found.error[np.isfinite(found.error)]])
    axes.set_ylim(0.97 * best.min(), min(shown.max(), 1.15 * best.max()))


def _look(u: int) -> dict[str, Any]:
    colour, marker = series_look(u)
    look = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.2}
    return {**look, "markevery": (3 * u, 20)}


def draw_switches(axes, switches: "tuple[Switch, ...]", low: float, high: float) -> None:
    """A dashed line at the median, a grey stripe over the interval."""
    for switch in switches:
        left, right = (float(np.clip(end, low, high)) for end in (switch.low, switch.high))
        if left < right:
            axes.axvspan(left / 1e6, right / 1e6, color=GREY, alpha=0.13, linewidth=0)
        if np.isfinite(switch.budget):
            axes.axvline(switch.budget / 1e6, color=GREY, linewidth=0.8, linestyle="--")
            text, place = f"{switch.budget / 1e6:.4g}M", switch.budget
        elif low < left < high:
            text, place = f"{left / 1e6:.4g}M or later", left
        else:
            continue
        name_line(axes, place / 1e6, f"{switch.from_pools}→{switch.to_pools}: {text}")
