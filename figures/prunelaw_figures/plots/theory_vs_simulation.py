"""Figure: the exact theory of pruning against simulated students, means and deviations."""

from typing import TYPE_CHECKING

import numpy as np

from prunelaw_figures.plots.entry import REAL, Entry, Parameters, Results, Work
from prunelaw_figures.plots.style import (
    GREY,
    PAGE,
    RULES,
    label,
    legend,
    new_figure,
    plain_log_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.verification.simulated import SimulationCheck


def theory_vs_simulation(check: "SimulationCheck") -> "Figure":
    """Left: means at the largest N against theory.  Right: deviation of ε_∞ at every point."""
    figure, axes = new_figure(PAGE, 3.4, 1, 2)
    _scatter(axes[0, 0], check)
    _deviations(axes[0, 1], check)
    return figure


def _scatter(axes, check: "SimulationCheck") -> None:
    found = check.agreement
    largest = int(np.argmax(found.sizes))
    for rule, (colour, marker) in RULES.items():
        chosen = [i for i, point in enumerate(check.points) if point.rule == rule]
        axes.errorbar(
            found.theory[chosen],
            found.means[chosen, largest],
            yerr=found.stderrs[chosen, largest],
            fmt=marker,
            color=colour,
            markersize=5,
            fillstyle="none",
            label=f"keep {rule}",
        )
    ends = [0.9 * found.theory.min(), 1.1 * found.theory.max()]
    axes.plot(ends, ends, color=GREY, linewidth=0.8, zorder=0)
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        plain_log_axis(axis)
    title = (
        f"N = {found.sizes[largest]:g}, {check.trials[int(found.sizes[largest])]} trials a point"
    )
    label(axes, "test error, theory (N → ∞)", "test error, simulated mean", title)
    legend(axes, loc="upper left")


def _deviations(axes, check: "SimulationCheck") -> None:
    """One row a point: 100 (ε_∞/ε − 1), with the error bar that the extrapolation gives it."""
    found = check.agreement
    rows = np.arange(len(check.points))[::-1]
    deviation = 100.0 * (found.limit.value / found.theory - 1.0)
    spread = 100.0 * found.limit.stderr / found.theory
    axes.axvline(0.0, color=GREY, linewidth=0.8, zorder=0)
    for row, point, centre, width in zip(rows, check.points, deviation, spread, strict=True):
        colour, marker = RULES[point.rule]
        axes.errorbar(centre, row, xerr=width, fmt=marker, color=colour, markersize=4)
    names = [f"{p.rule}  θ={p.theta:g}  α={p.alpha_tot:g}  f={p.f:.3g}" for p in check.points]
    axes.set_yticks(rows, names, fontsize=7)
    title = f"extrapolated to N → ∞: χ² p = {found.p_chi2:.2g}"
    label(axes, "simulation − theory, % (± 1 s.e.)", "", title)


# --- in the gallery -----------------------------------------------------------------------------


def _agreement(p: Parameters, work: Work) -> Results:
    from prunelaw_sim.verification.simulated import check_simulation

    check = check_simulation(
        dict(zip(p["dims"], p["trials"], strict=True)), p["seed"], progress=work.progress
    )
    found = check.agreement
    return {"theory": found.theory, "means": found.means, "stderrs": found.stderrs}


def _draw_agreement(p: Parameters, found: Results) -> "Figure":
    from prunelaw_sim.simulation.agreement import agreement
    from prunelaw_sim.verification.simulated import POINTS, SimulationCheck

    sizes = [float(dim) for dim in p["dims"]]
    judged = agreement(found["theory"], sizes, found["means"], found["stderrs"])
    trials = dict(zip(p["dims"], p["trials"], strict=True))
    students = len(POINTS) * sum(p["trials"])
    return theory_vs_simulation(SimulationCheck(POINTS, trials, judged, 0.0, 0.0, students))


def _points() -> list[str]:
    from prunelaw_sim.verification.simulated import POINTS

    return [f"({p.rule}, {p.theta:g}, {p.alpha_tot:g}, {p.f:.3g})" for p in POINTS]


ENTRIES = (
    Entry(
        "theory_vs_simulation",
        "Theory (N → ∞) against simulated max-margin students, {trials} trials a point at "
        "N = {dims}, seed {seed}. Left: the largest N. Right: deviation of the simulation, "
        "extrapolated to N → ∞, from the theory. Points (rule, θ in rad, α_tot, f): {points}.",
        {"dims": [50, 100], "trials": [250, 250], "seed": 0, "points": _points()},
        _draw_agreement,
        _agreement,
        part=REAL,
    ),
)
