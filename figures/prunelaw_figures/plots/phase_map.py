"""A phase diagram as a picture: which rule is best, and what it gains over random keeping."""

from typing import TYPE_CHECKING, Any

import numpy as np

from prunelaw_figures.plots.entry import (
    PRUNING,
    Entry,
    Parameters,
    Results,
    Work,
    check_solved,
    grid,
)
from prunelaw_figures.plots.style import GREY, PAGE, label, new_figure, plain_log_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw.pruning.phase import PhaseDiagram

NAMES = {
    "alpha_tot": "examples per dimension, α_tot",
    "alpha_prune": "kept examples per dimension, α_prune",
    "f": "fraction kept, f",
    "theta": "angle of the probe, θ (rad)",
}
SHORT = {"f": "f", "theta": "θ"}
# Light enough for black letters on them, and told apart in grey: each region also carries its name.
FILL = {"hard": "#e8a27c", "easy": "#7fb2d8", "random": "#c9c9c9", "band": "#9bd3bd"}


def phase_map(diagram: "PhaseDiagram") -> "Figure":
    """Two panels: regions of the best rule, and the gain 1 − ε/ε_random with the border of regions.

    Without the rule random the second panel shows the least error.  Points that were not solved
    are white.
    """
    from matplotlib.colors import ListedColormap

    figure, axes = new_figure(PAGE, 3.1, columns=2)
    left, right = axes[0]
    best = np.ma.masked_less(diagram.best, 0)
    colours = ListedColormap([FILL[rule] for rule in diagram.rules])
    left.pcolormesh(
        diagram.x, diagram.y, best, cmap=colours, vmin=-0.5, vmax=len(diagram.rules) - 0.5,
        shading="nearest", rasterized=True,
    )  # fmt: skip
    _name_regions(left, diagram)
    title, values, scale = _measure(diagram)
    mesh = right.pcolormesh(
        diagram.x, diagram.y, values, cmap="viridis", shading="nearest", rasterized=True, **scale
    )
    figure.colorbar(mesh, ax=right, label=title).ax.tick_params(labelsize=8)
    _borders(right, diagram)
    fixed = ", ".join(f"{SHORT[name]} = {value:g}" for name, value in diagram.fixed.items())
    unit = " rad" if "theta" in diagram.fixed else ""
    for one, text in ((left, "best rule"), (right, title)):
        label(one, NAMES[diagram.x_name], NAMES[diagram.y_name], f"{text} ({fixed}{unit})")
        one.set_xscale("log")
        if diagram.y_name == "f":
            one.set_yscale("log")
            plain_log_axis(one.yaxis)
        one.grid(False)
        _mark_capacity(one, diagram, GREY if one is left else "white")
    return figure


def _measure(diagram: "PhaseDiagram") -> tuple[str, Any, dict[str, Any]]:
    """(name, values, colour range) of the second panel."""
    from matplotlib.colors import LogNorm

    if "random" in diagram.error:
        return "gain over random keeping", np.ma.masked_invalid(diagram.gain), {"vmin": 0.0}
    least = np.fmin.reduce(list(diagram.error.values()))
    return "least test error ε", np.ma.masked_invalid(least), {"norm": LogNorm()}


def _name_regions(axes: Any, diagram: "PhaseDiagram") -> None:
    """Each rule's name inside its region, at the point that lies deepest in it."""
    from scipy.ndimage import distance_transform_edt

    for i, rule in enumerate(diagram.rules):
        inside = np.pad(diagram.best == i, 1)
        if inside.mean() < 0.02:
            continue
        depth = np.asarray(distance_transform_edt(inside))[1:-1, 1:-1]
        row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
        place = (diagram.x[column], diagram.y[row])
        axes.annotate(rule, place, ha="center", va="center", fontsize=9)


def _borders(axes: Any, diagram: "PhaseDiagram") -> None:
    """Lines between the regions."""
    for i, _ in enumerate(diagram.rules):
        region = (diagram.best == i) * 1.0
        if 0.0 < region.mean() < 1.0:
            axes.contour(diagram.x, diagram.y, region, levels=[0.5], colors="white", linewidths=0.8)


def _mark_capacity(axes: Any, diagram: "PhaseDiagram", colour: str) -> None:
    """α_prune = 2, the perceptron's capacity, where the plane shows it."""
    if diagram.x_name == "alpha_prune":
        axes.axvline(2.0, color=colour, linewidth=0.8, linestyle="--")
    elif diagram.y_name == "f":
        axes.plot(2.0 / diagram.y, diagram.y, color=colour, linewidth=0.8, linestyle="--")
        axes.set_xlim(diagram.x[0], diagram.x[-1])
        axes.annotate(
            "α_prune = 2", (2.0 / diagram.y[-1], diagram.y[-1]), fontsize=7, color=colour,
            xytext=(3, -9), textcoords="offset points",
        )  # fmt: skip


# --- in the gallery -----------------------------------------------------------------------------


def _plane(p: Parameters) -> tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]:
    if "theta_range" in p:
        return ("alpha_tot", grid(p["alpha_tot"])), ("theta", np.linspace(*p["theta_range"]))
    return ("alpha_tot", grid(p["alpha_tot"])), ("f", grid(p["f_range"]))


def _phases(p: Parameters, work: Work) -> Results:
    from prunelaw.pruning.phase import phase_diagram

    x, y = _plane(p)
    found = phase_diagram(x, y, theta=p.get("theta"), f=p.get("f"), progress=work.progress)
    check_solved("phase diagram", found.converged)
    return {rule: error.astype(np.float32) for rule, error in found.error.items()}


def _draw_phases(p: Parameters, found: Results) -> "Figure":
    from prunelaw.pruning.phase import PhaseDiagram

    (x_name, x), (y_name, y) = _plane(p)
    errors = {rule: error.astype(np.float64) for rule, error in found.items()}
    unknown = np.full((len(y), len(x)), np.nan)  # the edges of bands are not drawn
    fixed = {name: p[name] for name in ("theta", "f") if name in p}
    solved = np.ones(unknown.shape, bool)
    return phase_map(PhaseDiagram(x_name, y_name, x, y, fixed, errors, unknown, unknown, solved))


PHASES = (
    "Left: which keep rule has the least test error; band (keep low < |z| < high, the best such "
    "band) counts only where it gains more than 1 %. Right: gain 1 − ε/ε_random of the best rule "
    "over random keeping. Dashed, where f is an axis: α_prune = f α_tot = 2. "
)


ENTRIES = (
    Entry(
        "phase_keep",
        PHASES + "Over α_tot from {alpha_tot[0]:g} to {alpha_tot[1]:g} and f from {f_range[0]:g} "
        "to {f_range[1]:g}, {alpha_tot[2]:g} × {f_range[2]:g} points; probe at θ = {theta:g} rad.",
        {"alpha_tot": [0.5, 500.0, 64], "f_range": [0.02, 0.9, 64], "theta": 0.3},
        _draw_phases,
        _phases,
        part=PRUNING,
    ),
    Entry(
        "phase_probe",
        PHASES + "Over α_tot from {alpha_tot[0]:g} to {alpha_tot[1]:g} and the probe's angle θ "
        "from {theta_range[0]:g} to {theta_range[1]:g} rad, {alpha_tot[2]:g} × {theta_range[2]:g} "
        "points; the fraction f = {f:g} is kept.",
        {"alpha_tot": [1.0, 1000.0, 48], "theta_range": [0.02, 1.5, 48], "f": 0.2},
        _draw_phases,
        _phases,
        part=PRUNING,
    ),
)
