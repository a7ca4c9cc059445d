"""Figure: utility decay of Goyal et al.: error against samples seen, of pools and of mixtures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from prunelaw.decay.utility import PUBLISHED, with_convention
from prunelaw_figures.plots.entry import DECAY, Entry, Parameters, Results, grid
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


# --- in the gallery -----------------------------------------------------------------------------


UNIONS = ["top 10%", "top 20%", "top 30%", "top 40%"]
CONTROL = "utility_random"  # the pool that no filter chose


def published_fit(convention: str) -> dict:
    """The published numbers, for the caption."""
    pools = with_convention(PUBLISHED["utility"], convention)
    return {
        "convention": convention,
        "a": pools[0].law.a,
        "d": pools[0].law.d,
        "b": [pool.law.b for pool in pools],
        "tau": [pool.law.tau for pool in pools],
        "pool_size": pools[0].size,
    }


FITTED = (
    "Published fit (arXiv 2404.07177) to DataComp medium, pools of {pool_size:.3g} samples by "
    "T-MARS score, best first: a = {a:g}, d = {d:g}, b = {b}, τ = {tau:.3g} epochs. "
    "Convention: {convention}. "
)


def _draw_curves(p: Parameters, found: Results) -> "Figure":
    from prunelaw.decay.filtering import union_errors

    pools = with_convention(PUBLISHED["utility"], p["convention"])
    control = with_convention(PUBLISHED[CONTROL], p["convention"])
    seen = grid(p["samples_seen"])
    alone = np.stack([pool.law.error(seen, pool.size) for pool in (*pools, *control)])
    names = [pool.name for pool in (*pools, *control)]
    return pool_curves(seen, names, alone, UNIONS, union_errors(pools, seen), p["pool_size"])


ENTRIES = (
    Entry(
        "pool_curves",
        "ImageNet error against samples seen, {samples_seen[0]:g} to {samples_seen[1]:g} "
        "({samples_seen[2]:g} points). Left: each pool alone; after one pass its samples repeat "
        "and their utility decays. Right: unions of the best pools, drawn uniformly. "
        "Above 1 (few samples of weak pools) the law gives no probability. "
        + FITTED
        + "A random 25 % of the best 40 %: b = {b_random:g}, τ = {tau_random:g}.",
        {
            "samples_seen": [5e6, 2e9, 301],
            **published_fit("official_code"),
            "b_random": PUBLISHED[CONTROL][0].law.b,
            "tau_random": PUBLISHED[CONTROL][0].law.tau,
        },
        _draw_curves,
        part=DECAY,
    ),
)
