"""Figure: what one more kept example tells a Gibbs student, in nats, and the student's error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

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
