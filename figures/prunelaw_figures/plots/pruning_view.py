"""Figure: one point of the pruning theory from four sides, for demonstrations.

ε against f and against α_tot for the three plain rules, the kept region on the plane of teacher and
probe with sample points, and the margins of the kept examples.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

import prunelaw
from prunelaw.keep import as_rule
from prunelaw_figures.plots.style import (
    COLOURS,
    GREY,
    PAGE,
    RING,
    RULES,
    label,
    legend,
    log_log,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
CURVE = 41  # points of a curve: a batch of 123 solves
SAMPLES = 300  # of the plane
SEED = 0


def pruning_view(
    alpha_tot: float = 3.0, f: float = 0.5, theta: float = 0.3, rule: str = "hard"
) -> Figure:
    """Four panels at (alpha_tot, f, theta); `rule` is one of hard, easy, random.

    Raises what `prunelaw.solve` raises, before anything is drawn.
    """
    here = prunelaw.solve(alpha_tot, f, theta, rule)
    figure, axes = new_figure(PAGE, 5.6, 2, 2)
    fractions = np.geomspace(0.02, 1.0, CURVE)
    over_f, over_alpha = axes[0]
    _curves(over_f, fractions, rule, alpha_tot, fractions, theta)
    title = f"α_tot = {alpha_tot:g}, θ = {theta:g} rad"
    label(over_f, "fraction kept, f", "test error ε", title)
    loads = np.geomspace(min(0.3, alpha_tot), max(100.0, alpha_tot), CURVE)
    _curves(over_alpha, loads, rule, loads, f, theta)
    title = f"f = {f:g}, θ = {theta:g} rad"
    label(over_alpha, "examples per dimension, α_tot", "test error ε", title)
    legend(over_alpha, loc="lower left")
    over_f.plot(f, here.error, **RING)
    over_alpha.plot(alpha_tot, here.error, **RING)
    _plane(axes[1, 0], f, theta, rule)
    _margins(axes[1, 1], alpha_tot, f, theta, rule, float(here.kappa))
    return figure


def _curves(axes: "Axes", x: Any, chosen: str, alpha_tot: Any, f: Any, theta: float) -> None:
    """All rules; the chosen one is thick."""
    for name, (colour, _) in RULES.items():
        error = prunelaw.solve(alpha_tot, f, theta, name).error
        width = 2.4 if name == chosen else 1.1
        axes.plot(x, error, color=colour, linewidth=width, label=f"keep {name}")
    log_log(axes)


def _plane(axes: "Axes", f: float, theta: float, rule: str) -> None:
    """Examples by teacher field t and the in-plane field u: kept ones filled, borders as lines."""
    rng = np.random.default_rng(SEED)
    t, u = rng.standard_normal((2, SAMPLES))
    z = np.cos(theta) * t + np.sin(theta) * u
    keep = as_rule(rule)
    weight = keep.weight(np.sign(t) * z if keep.uses_labels else z, f, theta)
    kept = rng.uniform(size=SAMPLES) < weight
    colour, marker = RULES.get(rule, (COLOURS["green"], "D"))
    axes.scatter(t[~kept], u[~kept], s=9, facecolors="none", edgecolors="#aaaaaa", linewidths=0.6)
    axes.scatter(t[kept], u[kept], s=12, color=colour, marker=marker, linewidths=0)
    reach = 3.2
    axes.plot([0, 0], [-reach, reach], color=COLOURS["black"], linewidth=1.2)
    along = np.array([-2 * reach, 2 * reach])
    purple = COLOURS["purple"]
    axes.plot(-np.sin(theta) * along, np.cos(theta) * along, color=purple, linewidth=1.2, ls="--")
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    title = f"kept: {100 * float(np.mean(kept)):.0f} % of {SAMPLES} drawn"
    label(axes, "teacher field t", "orthogonal field u", title)
    axes.text(0.1, reach - 0.1, "teacher's border", fontsize=7, va="top")
    if theta > 0.15:
        x, y = 2.9 * np.sin(theta), -2.9 * np.cos(theta)
        axes.text(x, y, "probe's border", fontsize=7, color=purple, ha="left", va="top")


def _margins(
    axes: "Axes", alpha_tot: float, f: float, theta: float, rule: str, kappa: float
) -> None:
    """Density of y J·x over the kept examples, and the share that lies at κ."""
    from prunelaw.perceptron.stability import stabilities

    m = np.linspace(min(-2.0, kappa - 1.0), kappa + 3.5, 241)
    found = stabilities(m, alpha_tot, f, theta, rule)
    colour, _ = RULES.get(rule, (COLOURS["green"], "D"))
    axes.plot(
        m, found.untrained, color=GREY, linewidth=1.0, linestyle=":", label="new kept examples"
    )
    above = m > kappa
    axes.fill_between(m[above], found.density[above], color=colour, alpha=0.25, linewidth=0)
    axes.plot(m[above], found.density[above], color=colour, linewidth=1.6, label="after training")
    axes.axvline(kappa, color=colour, linewidth=2.5)
    axes.set_ylim(0.0, None)
    share = f"{100 * found.at_kappa:.0f} % at κ = {kappa:.3g}"
    label(axes, "margin y J·x", "density", f"kept examples: {share}")
    legend(axes, loc="upper right", fontsize=7)
