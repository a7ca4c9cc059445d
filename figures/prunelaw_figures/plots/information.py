"""Figure: what one more kept example tells a Gibbs student, in nats, and the student's error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from prunelaw_figures.plots.entry import PRUNING, Entry, Parameters, Results, Work, grid
from prunelaw_figures.plots.style import (
    DASHES,
    PAGE,
    SERIES,
    label,
    legend,
    new_figure,
    plain_log_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def information(
    alpha_prune: Float[np.ndarray, " alphas"],
    names: Sequence[str],
    nats: Float[np.ndarray, "rules alphas"],
    error: Float[np.ndarray, "rules alphas"],
) -> "Figure":
    """Left: information per kept example; right: test error; one line a way to keep (`names`)."""
    figure, axes = new_figure(PAGE, 3.0, columns=2)
    left, right = axes[0]
    for name, told, wrong, colour, dash in zip(names, nats, error, SERIES, DASHES, strict=False):
        look = {"color": colour, "linestyle": dash, "linewidth": 1.5, "label": name}
        left.plot(alpha_prune, told, **look)
        right.plot(alpha_prune, wrong, **look)
    for panel, what in ((left, "information, nats per kept example"), (right, "test error ε")):
        panel.set(xscale="log", yscale="log")
        plain_log_axis(panel.xaxis, (1.0,))
        plain_log_axis(panel.yaxis)
        label(panel, "kept examples per dimension, α_prune", what)
    legend(left, loc="lower left", fontsize=7)
    return figure


# --- in the gallery -----------------------------------------------------------------------------


def _nats(p: Parameters, work: Work) -> Results:
    from prunelaw.students.gibbs import gibbs

    alpha = grid(p["alpha_prune"])
    f = np.array([1.0, *p["hard"], *p["easy"]])[:, None]
    names = ["random"] + ["hard"] * len(p["hard"]) + ["easy"] * len(p["easy"])
    found = gibbs(alpha[None] / f, f, np.array(names)[:, None])
    return {"nats": found.information, "error": found.error}


def _draw_nats(p: Parameters, found: Results) -> "Figure":
    kept = [f"keep {rule}, f = {f:g}" for rule in ("hard", "easy") for f in p[rule]]
    alpha = grid(p["alpha_prune"])
    return information(alpha, ["unpruned", *kept], found["nats"], found["error"])


ENTRIES = (
    Entry(
        "information",
        "Gibbs student (drawn from the version space), perfect probe θ = 0: information of one "
        "more kept example, −ds/dα_prune in nats, and test error, against kept examples per "
        "dimension, α_prune from {alpha_prune[0]:g} to {alpha_prune[1]:g} ({alpha_prune[2]:g} "
        "points). Unpruned data; keep-hard at f = {hard}; keep-easy at f = {easy}. Both order "
        "parameters q and R are solved for (the published formula sets q = R).",
        {"alpha_prune": [0.05, 100.0, 121], "hard": [0.5, 0.2, 0.05], "easy": [0.5]},
        _draw_nats,
        _nats,
        part=PRUNING,
    ),
)
