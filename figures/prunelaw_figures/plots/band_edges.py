"""Figure: the edges of the best band of |z| as the data grow, and its error beside plain rules."""

from collections.abc import Mapping, Sequence
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
    COLOURS,
    PAGE,
    RULES,
    label,
    legend,
    new_figure,
    plain_log_axis,
    share_y,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAND = COLOURS["green"]
HIGHEST = 3.0  # of |z| shown; keep-easy's band has no upper edge


def band_edges(
    alpha_tot: Float[np.ndarray, " alphas"],
    thetas: Sequence[float | int],
    f: float,
    low: Float[np.ndarray, "angles alphas"],
    high: Float[np.ndarray, "angles alphas"],
    errors: Mapping[str, Float[np.ndarray, "angles alphas"]],
) -> "Figure":
    """One column an angle: kept |z| between the edges (above), ε of each rule (below).

    high    inf where the best band is keep-easy
    errors  by rule: hard, easy, random and band
    """
    figure, axes = new_figure(PAGE, 4.6, rows=2, columns=len(thetas))
    for i, theta in enumerate(thetas):
        above, below = axes[0, i], axes[1, i]
        above.fill_between(
            alpha_tot, low[i], np.minimum(high[i], 2.0 * HIGHEST), color=BAND, alpha=0.25, lw=0
        )
        for edge in (low[i], np.where(np.isfinite(high[i]), high[i], np.nan)):
            above.plot(alpha_tot, edge, color=BAND, linewidth=1.3)
        above.set(xscale="log", ylim=(0.0, HIGHEST))
        label(above, "", "kept |z|" if i == 0 else "", f"θ = {theta:g} rad, f = {f:g}")
        for rule, (colour, marker) in RULES.items():
            _line(below, alpha_tot, errors[rule][i], f"keep {rule}", colour, marker)
        _line(below, alpha_tot, errors["band"][i], "best band", BAND, "D")
        below.set(xscale="log", yscale="log")
        label(below, "examples per dimension, α_tot", "test error ε")
        plain_log_axis(above.xaxis, (1.0,))
        plain_log_axis(below.xaxis, (1.0,))
        if i:
            above.tick_params(labelleft=False)
    share_y(axes[1])
    legend(axes[1, 0], loc="lower left", fontsize=7)
    return figure


def _line(axes, x, y, name: str, colour: str, marker: str) -> None:
    every = max(1, len(x) // 6)
    look = {"color": colour, "marker": marker, "markersize": 3.5, "markevery": every}
    axes.plot(x, y, linewidth=1.2, label=name, **look)


# --- in the gallery -----------------------------------------------------------------------------


def _bands(p: Parameters, work: Work) -> Results:
    import prunelaw
    from prunelaw.pruning.band import best_band

    alpha, angles = grid(p["alpha_tot"])[None], np.array(p["theta"])[:, None]
    found = best_band(alpha, p["f"], angles)
    check_solved("best band", found.converged)
    plain = {f"error_{r}": prunelaw.solve(alpha, p["f"], angles, r).error for r in RULES}
    high = np.where(found.at_end == "easy", np.inf, found.high)
    return {"low": found.low, "high": high, "error_band": found.error, **plain}


def _draw_bands(p: Parameters, found: Results) -> "Figure":
    errors = {rule: found[f"error_{rule}"] for rule in (*RULES, "band")}
    alpha = grid(p["alpha_tot"])
    return band_edges(alpha, p["theta"], p["f"], found["low"], found["high"], errors)


ENTRIES = (
    Entry(
        "band_edges",
        "The best band low < |z| < high that keeps f = {f:g}, against examples per dimension, "
        "α_tot from {alpha_tot[0]:g} to {alpha_tot[1]:g} ({alpha_tot[2]:g} points), for probes at "
        "θ = {theta} rad. Above: its edges; from 0 it is keep-hard, without an upper edge "
        "keep-easy. Below: test error of the best band and of the plain rules.",
        {"alpha_tot": [1.0, 1000.0, 91], "theta": [0.1, 0.3, 0.6], "f": 0.2},
        _draw_bands,
        _bands,
        part=PRUNING,
    ),
)
