"""Figure: utility decay of Goyal et al.: error against samples seen, of pools and of mixtures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from prunelaw_figures.plots.style import (
    DASHES,
    GREY,
    PAGE,
    SERIES,
    label,
    legend,
    new_figure,
    plain_log_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pool_curves(
    samples_seen: Float[np.ndarray, " budgets"],
    pool_names: Sequence[str],
    pools: Float[np.ndarray, "pools budgets"],
    union_names: Sequence[str],
    unions: Float[np.ndarray, "unions budgets"],
    pool_size: float | int,
) -> "Figure":
    """Left: each pool alone, the end of its first pass marked; right: unions of the best pools."""
    figure, axes = new_figure(PAGE, 3.2, columns=2)
    for panel, names, errors, title in (
        (axes[0, 0], pool_names, pools, "one pool, repeated"),
        (axes[0, 1], union_names, unions, "unions of the best pools, drawn uniformly"),
    ):
        for name, error, colour, dash in zip(names, errors, SERIES, DASHES, strict=False):
            look = {"color": colour, "linestyle": dash, "linewidth": 1.5}
            panel.plot(samples_seen / 1e6, error, label=name, **look)
        panel.set(xscale="log")
        plain_log_axis(panel.xaxis, (1.0,))
        label(panel, "samples seen, millions", "ImageNet error", title)
        legend(panel, loc="upper right", fontsize=7)
    limits = [end for panel in axes[0] for end in panel.get_ylim()]
    for panel in axes[0]:
        panel.set_ylim(min(limits), max(limits))
    axes[0, 0].axvline(pool_size / 1e6, color=GREY, linewidth=0.8, linestyle="--")
    axes[0, 0].annotate(
        "one pass ", (pool_size / 1e6, 0.03), xycoords=("data", "axes fraction"),
        va="bottom", ha="right", fontsize=7, color=GREY,
    )  # fmt: skip
    return figure
