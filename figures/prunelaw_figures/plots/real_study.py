"""Figure: the pruning theory on real sweeps — learning curves, kept numbers, the probe's angle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunelaw_figures.plots.style import (
    COLOURS,
    PAGE,
    RULES,
    label,
    legend,
    new_figure,
    plain_log_axis,
)
from prunelaw_sim.laws.pruning import PruningFit
from prunelaw_sim.laws.pruning_intervals import PruningIntervals
from prunelaw_sim.studies.answers import Estimate
from prunelaw_sim.studies.pareto_slopes import ParetoCurves
from prunelaw_sim.tables.paired_errors import PairedErrors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAND = (COLOURS["green"], "D")


@dataclass(frozen=True, eq=False)
class ProbeStudy:
    """One probe's errors by size, fraction and rule, the fit to them, and two angles without it."""

    errors: PairedErrors
    found: PruningIntervals
    by_error: Estimate
    by_correlation: Estimate


def real_study(
    probes: Mapping[int, ProbeStudy], f: float, band: str, keep: Sequence[float | int]
) -> "Figure":
    """Three panels, of probes by their number of images, the best one first.

    Left: error against P at fraction f for the best probe, lines as fitted to the filled points.
    Middle: error against the number kept, random and the pruned envelope of every probe.
    Right: the fitted θ_eff and both independent estimates.
    """
    figure, axes = new_figure(PAGE, 2.7, 1, 3)
    best = next(iter(probes.values()))
    _learning_curves(axes[0, 0], best.errors, best.found.fit, f, band)
    _kept_numbers(axes[0, 1], probes, keep)
    _angles(axes[0, 2], probes)
    return figure


def _learning_curves(panel, errors: PairedErrors, fit: PruningFit, f: float, band: str) -> None:
    part = errors.select(keep_fraction=f)
    largest = fit.table.loc[~fit.table["held_out"].to_numpy(bool), "dataset_size"].max()
    for rule, (colour, marker) in {**RULES, band: BAND}.items():
        points = part.select(rule=rule)
        sizes = points.column("dataset_size")
        line = np.geomspace(sizes.min(), sizes.max(), 40)
        panel.plot(line, fit.error_at(line, f, rule), color=colour, linewidth=1.0)
        for held_out in (False, True):
            shown = (sizes > largest) == held_out
            panel.errorbar(
                sizes[shown],
                points.mean[shown],
                yerr=points.standard_error[shown],
                fmt=marker,
                color=colour,
                markersize=4,
                elinewidth=0.8,
                fillstyle="none" if held_out else "full",
                label=None if held_out else rule,
            )
    _log_log(panel, "data-set size P", "test error", f"f = {f:g}; open: held out")


def _kept_numbers(panel, probes: Mapping[int, ProbeStudy], keep: Sequence[float | int]) -> None:
    everything = [ParetoCurves(one.errors, keep) for one in probes.values()]
    first = everything[0].table()
    panel.plot(first["kept"], first["random"], "k^-", markersize=4, linewidth=1, label="random")
    looks = zip(probes, everything, (BAND, *_OTHERS), strict=False)
    for images, curves, (colour, marker) in looks:
        table = curves.table()
        panel.plot(table["kept"], table["pruned"], color=colour, marker=marker, markersize=4,
                   linewidth=1, label=f"pruned, probe of {images}")  # fmt: skip
    _log_log(panel, "examples kept K = fP", "test error", "best rule and pool at each K")


_OTHERS = ((COLOURS["orange"], "v"), (COLOURS["purple"], "P"))


def _log_log(panel, x: str, y: str, title: str) -> None:
    panel.set(xscale="log", yscale="log")
    plain_log_axis(panel.xaxis)
    plain_log_axis(panel.yaxis)
    label(panel, x, y, title)
    legend(panel, fontsize=7, loc="lower left")


def _angles(panel, probes: Mapping[int, ProbeStudy]) -> None:
    place = np.arange(len(probes))
    fitted = [(one.found.fit.theta, one.found.intervals["theta"]) for one in probes.values()]
    by_error = [(one.by_error.value, one.by_error.interval) for one in probes.values()]
    twins = [(one.by_correlation.value, one.by_correlation.interval) for one in probes.values()]
    series = (
        ("fitted θ_eff", fitted, COLOURS["black"], "o"),
        ("arccos √corr", twins, COLOURS["green"], "s"),
        ("π × error", by_error, COLOURS["vermilion"], "^"),
    )
    for name, values, colour, marker in series:
        middle = np.array([value for value, _ in values])
        ends = np.array([interval for _, interval in values]).T
        panel.errorbar(
            place, middle, yerr=np.abs(ends - middle), fmt=marker, color=colour, markersize=4,
            elinewidth=0.8, label=name,
        )  # fmt: skip
    panel.set_xticks(place, [str(images) for images in probes])
    panel.set_ylim(0, np.pi / 2)
    label(panel, "images of the probe", "angle, radians", "three ways to one angle")
    legend(panel, fontsize=7, loc="upper left")
