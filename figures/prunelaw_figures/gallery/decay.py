"""Gallery: utility decay of Goyal et al. 2024, from the published parameters alone."""

from typing import TYPE_CHECKING

import numpy as np

from prunelaw.decay.utility import PUBLISHED, with_convention
from prunelaw_figures.gallery.entry import Entry, Parameters, Results, Work

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw.decay.utility import Pool

UNIONS = ["top 10%", "top 20%", "top 30%", "top 40%"]
CONTROL = "utility_random"  # the pool that no filter chose


def _fitted(convention: str) -> dict:
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


def _pools(p: Parameters) -> "tuple[Pool, ...]":
    return with_convention(PUBLISHED["utility"], p["convention"])


def _draw_curves(p: Parameters, found: Results) -> "Figure":
    from prunelaw.decay.filtering import union_errors
    from prunelaw_figures.plots.pool_curves import pool_curves

    pools = _pools(p)
    control = with_convention(PUBLISHED[CONTROL], p["convention"])
    low, high, count = p["samples_seen"]
    seen = np.geomspace(low, high, int(count))
    alone = np.stack([pool.law.error(seen, pool.size) for pool in (*pools, *control)])
    names = [pool.name for pool in (*pools, *control)]
    return pool_curves(seen, names, alone, UNIONS, union_errors(pools, seen), p["pool_size"])


def _nothing(p: Parameters, work: Work) -> Results:
    """The figure is drawn from closed forms: there is nothing to keep."""
    return {}


def _draw_decay(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.pools_view import pools_view

    return pools_view(_pools(p), p["budget"], *p["samples_seen"])


def _draw_filters(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.best_filter import best_filter_figure
    from prunelaw_sim.verification.published import check_utility

    return best_filter_figure(check_utility())


def _filter_parameters() -> dict:
    from prunelaw_sim.verification.published import BUDGETS, SWITCH_RANGE

    fitted, other = _fitted("official_code"), PUBLISHED["effective_data"]
    kept = {name: fitted[name] for name in ("a", "b", "tau", "d", "pool_size")}
    return {
        **kept,
        "a_effective": other[0].law.a,
        "b_effective": [pool.law.b for pool in other],
        "tau_effective": [pool.law.tau for pool in other],
        "budgets": [budget / 1e6 for budget in BUDGETS],
        "switch_range": list(SWITCH_RANGE),
    }


ENTRIES = (
    Entry(
        "pool_curves",
        "ImageNet error against samples seen, {samples_seen[0]:g} to {samples_seen[1]:g} "
        "({samples_seen[2]:g} points). Left: each pool alone; after one pass its samples repeat "
        "and their utility decays. Right: unions of the best pools, drawn uniformly. "
        "Above 1 (few samples of weak pools) the law gives no probability. " + FITTED +
        "A random 25 % of the best 40 %: b = {b_random:g}, τ = {tau_random:g}.",
        {
            "samples_seen": [5e6, 2e9, 301], **_fitted("official_code"),
            "b_random": PUBLISHED[CONTROL][0].law.b, "tau_random": PUBLISHED[CONTROL][0].law.tau,
        },
        _nothing,
        _draw_curves,
    ),
    Entry(
        "utility_decay",
        "Left: error of the unions of the best pools, {samples_seen[0]:g} to {samples_seen[1]:g} "
        "samples seen; dot: the best at a budget of {budget:g}; dashed: where the best union "
        "switches. Right: utility −b δᵏ of a sample seen for the (k+1)-th time, δ = 2^(−1/τ), in "
        "the colours of the left. " + FITTED,
        {"budget": 6.4e8, "samples_seen": [1e7, 1e10], **_fitted("official_code")},
        _nothing,
        _draw_decay,
    ),
    Entry(
        "best_filter",
        "ImageNet error of the best 1, 2, 3 and 4 pools of {pool_size:.3g} samples by T-MARS score "
        "against samples seen, in the three conventions of the law; marked: {budgets} million; "
        "dashed: switches of the best union within {switch_range[0]:g} to {switch_range[1]:g}. "
        "Published fits (arXiv 2404.07177), d = {d:g}: paper and official code a = {a:g}, "
        "b = {b}, τ = {tau:.3g}; effective data a = {a_effective:g}, b = {b_effective:.3g}, "
        "τ = {tau_effective:.3g}.",
        _filter_parameters(),
        _nothing,
        _draw_filters,
    ),
)  # fmt: skip
