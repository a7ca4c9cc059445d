"""Figure: test error against data-set size for each keep rule, theory and simulation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import prunelaw
from prunelaw_figures.plots.style import PAGE, RULES, label, legend, new_figure, plain_log_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.simulation.trials import Simulation


class Measured(NamedTuple):
    """What the figure shows of a simulation: mean error and its standard error."""

    alpha_tot: float
    mean: float
    stderr: float
    dim: int


def learning_curves(
    f: float,
    theta: float,
    simulations: Mapping[str, Sequence["Simulation | Measured"]],
    alpha_range: tuple[float, float] = (0.3, 30.0),
) -> "Figure":
    """ε(α_tot) at kept fraction f and probe angle θ: lines are theory, points are simulations.

    `simulations` holds, for each rule, `prunelaw_sim.simulation.trials.simulate` results at this f
    and theta, or what is kept of them.
    """
    figure, axes = new_figure(0.6 * PAGE, 3.2)
    panel = axes[0, 0]
    alphas = np.geomspace(*alpha_range, 80)
    for rule, (colour, marker) in RULES.items():
        panel.plot(alphas, prunelaw.solve(alphas, f, theta, rule).error, color=colour, lw=1.5)
        runs = simulations.get(rule, ())
        panel.errorbar(
            [run.alpha_tot for run in runs],
            [run.mean for run in runs],
            yerr=[run.stderr for run in runs],
            fmt=marker,
            color=colour,
            markersize=5,
            label=f"keep {rule}",
        )
    panel.set(xscale="log", yscale="log")
    plain_log_axis(panel.xaxis)
    plain_log_axis(panel.yaxis)
    dims = sorted({run.dim for runs in simulations.values() for run in runs})
    title = f"f = {f:g} kept, θ = {theta:g} rad"
    note = f"; points: N = {', '.join(map(str, dims))}" if dims else ""
    label(panel, "examples per dimension before pruning, α_tot", "test error ε", title + note)
    legend(panel, loc="lower left")
    return figure
