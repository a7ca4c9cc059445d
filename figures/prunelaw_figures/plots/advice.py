"""Figure of an advice: the law against the runs, and what it says of the choice.

Left: the law as it was before it saw the largest budgets or data sets, which are hollow.  Right:
errors of the choices with their bands, over compute or over the fraction kept.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from prunelaw_figures.plots.decision_map import compute_range, draw_errors, draw_switches
from prunelaw_figures.plots.law_comparison import draw_law, metric_of, series_of
from prunelaw_figures.plots.style import (
    COLOURS,
    GREY,
    PAGE,
    RING,
    RULES,
    draw_points,
    label,
    legend,
    log_log,
    new_figure,
    plain_log_axis,
)

if TYPE_CHECKING:
    from prunelaw_sim.advice.advise import Advice
    from prunelaw_sim.advice.on_pools import PoolAdvice
    from prunelaw_sim.advice.on_pruning import PruningAdvice

POINTS = 80  # of a curve
OTHER = (("green", "D"), ("purple", "v"), ("sky", "P"), ("orange", "X"))  # rules beside RULES


def advise_figure(found: "Advice") -> Figure:
    """Two panels for each question that is answered: pools above, pruning below."""
    parts = [part for part in (found.pools, found.pruning) if part is not None]
    figure, axes = new_figure(PAGE, 3.4 * len(parts), len(parts), 2)
    if found.pools is not None:
        _law_of_pools(axes[0, 0], found.pools)
        _unions(axes[0, 1], found.pools)
    if found.pruning is not None:
        looks = _looks(found.pruning)
        _law_of_pruning(axes[-1, 0], found.pruning, looks)
        _fractions(axes[-1, 1], found.pruning, looks)
    return figure


def _law_of_pools(axes: Any, found: "PoolAdvice") -> None:
    comparison = found.comparison
    if comparison is None or found.law not in comparison.fits:
        axes.text(0.5, 0.5, "no law could be judged", ha="center", transform=axes.transAxes)
        return
    draw_law(axes, comparison, found.law, series_of(comparison.rows))
    axes.set(xscale="log")
    _amounts(axes.xaxis)
    title = f"{found.law}; hollow: held out"
    label(axes, "samples seen", metric_of(comparison.rows), title)
    legend(axes, fontsize=6)


def _amounts(axis: Any) -> None:
    """20M, 50M, 100M in place of powers of ten."""
    from matplotlib.ticker import FuncFormatter

    from prunelaw_sim.common.amounts import amount_text

    plain_log_axis(axis)
    axis.set_major_formatter(FuncFormatter(lambda value, _: amount_text(value)))


def _unions(axes: Any, found: "PoolAdvice") -> None:
    from prunelaw_sim.pools.decisions import decide

    plan = found.plan
    low, high = compute_range(plan)
    budgets = np.geomspace(low, high, POINTS)
    draw_errors(axes, decide(found.ensemble, budgets, selection=plan.selection, level=plan.level))
    draw_switches(axes, plan.switches, low, high)
    axes.plot(plan.budget / 1e6, plan.chosen.error, **_MARK)
    axes.set(xscale="log", xlim=(low / 1e6, high / 1e6))
    title = f"choice: best {len(plan.chosen.pools)}; bands hold {100 * plan.level:g} %"
    label(axes, "compute, millions of samples seen", "test error", title)
    legend(axes, fontsize=6, loc="lower left")


_MARK: dict[str, Any] = {**RING, "markersize": 10, "label": "choice"}


def _looks(found: "PruningAdvice") -> dict[str, tuple[str, str]]:
    """Colour and marker of every rule."""
    rest = [curve.rule for curve in found.choice.curves if curve.rule not in RULES]
    more = {rule: OTHER[i % len(OTHER)] for i, rule in enumerate(rest)}
    return {**RULES, **{r: (COLOURS[colour], marker) for r, (colour, marker) in more.items()}}


def _law_of_pruning(axes: Any, found: "PruningAdvice", looks: dict[str, tuple[str, str]]) -> None:
    """At the measured fraction that is nearest to the choice, and with everything kept."""
    points, best = found.points, found.choice.best
    measured = np.array(sorted({float(f) for f in points["keep_fraction"] if f < 1.0}))
    f = float(measured[np.argmin(np.abs(np.log(measured / best.keep_fraction)))])
    limit = np.inf if found.hold_out_above is None else found.hold_out_above
    cells = [(f, rule) for rule in sorted(set(points.loc[points["keep_fraction"] == f, "rule"]))]
    cells += [(1.0, "random")] if 1.0 in set(points["keep_fraction"]) else []
    for fraction, rule in cells:
        mine = points.loc[(points["keep_fraction"] == fraction) & (points["rule"] == rule)]
        size, error = mine["dataset_size"].to_numpy(float), mine["error"].to_numpy(float)
        colour, marker = looks[rule] if fraction < 1.0 else (GREY, "*")
        name = rule if fraction < 1.0 else "everything"
        look = {"color": colour, "marker": marker, "markersize": 4.5, "linestyle": "none"}
        draw_points(axes, size, error, size > limit, name, **look)
        _line(axes, found, fraction, rule, size, colour)
    log_log(axes)
    _amounts(axes.xaxis)
    axes.axvline(best.dataset_size, color=GREY, linewidth=1.0, linestyle=":")
    law = {"theory": "pruning theory", "curves": "power laws, corrected"}.get(found.law, "no law")
    hollow = "; hollow: held out" if found.hold_out_above is not None else ""
    label(axes, "data-set size P", "test error", f"{law}, f = {f:.3g}{hollow}")
    legend(axes, fontsize=7)


def _line(
    axes: Any, found: "PruningAdvice", f: float, rule: str, sizes: np.ndarray, colour: str
) -> None:
    """The law; dashed beyond the runs.  Of the theory, as fitted without the held-out runs."""
    from prunelaw_sim.advice.cell_laws import Cell

    most = max(float(sizes.max()), found.choice.best.dataset_size)
    x = np.geomspace(float(sizes.min()), most, POINTS)
    if found.law == "theory" and found.judged is not None:
        y = found.judged.error_at(x, f, rule)
    else:
        cells = [Cell(float(size), f, rule) for size in x]
        x = np.array([cell.size for cell in cells if found.laws.knows(cell)])
        if len(x) < 2:  # a cell of one size has no line
            return
        y = found.laws.errors([cell for cell in cells if found.laws.knows(cell)])[0]
    inside = x <= float(sizes.max()) * (1.0 + 1e-9)
    axes.plot(x[inside], y[inside], color=colour, linewidth=1.1)
    axes.plot(x[~inside], y[~inside], color=colour, linewidth=0.9, linestyle=(0, (3, 2)))


def _measured(axes: Any, found: "PruningAdvice", looks: dict[str, tuple[str, str]]) -> None:
    """Means of the runs at exactly these cells, filled."""
    from prunelaw_sim.advice.cell_laws import Cell

    for curve in found.choice.curves:
        for f, error in zip(curve.keep_fraction.tolist(), curve.error.tolist(), strict=True):
            size = found.kept / f if found.examples is None else found.examples
            if found.laws.how(Cell(size, f, curve.rule)) == "measured":
                axes.plot(f, error, marker="s", markersize=3, color=looks[curve.rule][0])


def _fractions(axes: Any, found: "PruningAdvice", looks: dict[str, tuple[str, str]]) -> None:
    for curve in found.choice.curves:
        colour, marker = looks[curve.rule]
        f = curve.keep_fraction
        if len(f) == 1:  # a band of one fraction is a line
            axes.vlines(f, curve.low, curve.high, color=colour, alpha=0.4, linewidth=4)
        axes.fill_between(f, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            f, curve.error, color=colour, marker=marker, markersize=4, markevery=3,
            linewidth=1.1, label=curve.rule,
        )  # fmt: skip
    best = found.choice.best
    axes.vlines(best.keep_fraction, best.error.low, best.error.high, color=GREY, linewidth=2)
    axes.plot(best.keep_fraction, best.error.value, **_MARK)
    _measured(axes, found, looks)
    if found.examples is not None and found.kept is not None:
        axes.axvline(found.kept / found.examples, color=GREY, linewidth=1.0, linestyle=":")
    log_log(axes)
    if found.examples is not None:
        title = f"of {found.examples:g} examples"
    else:
        title = f"{found.kept:g} kept of {found.kept:g}/f examples"
    label(axes, "fraction kept, f", "test error", f"{title}; bands hold {100 * found.level:g} %")
    legend(axes, fontsize=7)
