"""Figures: a law held against a real sweep, points with error bars and the fitted law as lines."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prunelaw_figures.plots.entry import (
    REAL,
    Entry,
    Parameters,
    Results,
    Work,
    table_arrays,
    table_of,
)
from prunelaw_figures.plots.style import (
    MARKERS,
    PAGE,
    RULES,
    SERIES,
    label,
    legend,
    new_figure,
    plain_log_axis,
    share_y,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.verification.real import LawFit

MOST_PANELS = 4


def pruning_sweep(law: "LawFit") -> "Figure":
    """One panel a kept fraction: error against data-set size for each rule; open = held out."""
    fractions = sorted(law.table["keep_fraction"].unique())[:MOST_PANELS]
    figure, axes = new_figure(PAGE, 2.8, 1, len(fractions))
    for panel, fraction in zip(axes[0], fractions, strict=True):
        part = law.table.loc[law.table["keep_fraction"] == fraction]
        for rule, points in part.groupby("rule"):
            colour, marker = RULES[str(rule)]
            sizes = np.geomspace(points["dataset_size"].min(), points["dataset_size"].max(), 60)
            fit: Any = law.fit
            panel.plot(sizes, fit.error_at(sizes, fraction, rule), color=colour, linewidth=1.2)
            _points(panel, points, "dataset_size", colour, marker, f"keep {rule}")
        panel.set(xscale="log", yscale="log")
        plain_log_axis(panel.xaxis)
        label(panel, "data-set size P", "test error", f"f = {fraction:g} kept")
    share_y(axes[0])
    legend(axes[0, 0], loc="lower left", fontsize=7)
    return figure


def utility_sweep(law: "LawFit") -> "Figure":
    """One panel a pool: error against samples seen, one colour a number of unique samples."""
    pools = sorted(law.table["pool"].unique())[:MOST_PANELS]
    figure, axes = new_figure(PAGE, 3.2, 1, len(pools))
    for panel, pool in zip(axes[0], pools, strict=True):
        part = law.table.loc[law.table["pool"] == pool]
        for i, (unique, points) in enumerate(part.groupby("unique_samples")):
            look = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
            seen = np.geomspace(points["samples_seen"].min(), points["samples_seen"].max(), 60)
            rows = {"pool": pool, "unique_samples": unique, "samples_seen": seen}
            fit: Any = law.fit
            panel.plot(seen, fit.predict(pd.DataFrame(rows)), color=look[0], linewidth=1.2)
            _points(panel, points, "samples_seen", *look, f"{unique:.4g}")
        panel.set(xscale="log", yscale="log")
        label(panel, "samples seen", "test error", f"{law.group}: {pool}")
    share_y(axes[0])
    legend(axes[0, -1], title="unique samples", title_fontsize=7, fontsize=7, loc="lower left")
    return figure


def _points(axes, points: pd.DataFrame, x: str, colour: str, marker: str, name: str) -> None:
    """Filled: fitted; open: held out, predicted."""
    bars = points["error_se"] if "error_se" in points else pd.Series(0.0, points.index)
    for held_out, part in points.groupby("held_out"):
        axes.errorbar(
            part[x],
            part["error"],
            yerr=bars[part.index],
            fmt=marker,
            color=colour,
            markersize=4,
            elinewidth=0.8,
            fillstyle="none" if held_out else "full",
            label=None if held_out else name,
        )


# --- in the gallery -----------------------------------------------------------------------------


def _digits(theory: str) -> Callable[[Parameters, Work], Results]:
    """Computes the embedded sweep of one theory, "pruning" or "repetition"."""

    def compute(p: Parameters, work: Work) -> Results:
        from prunelaw_sim.studies import digits

        sweep = getattr(digits, f"digits_{theory}_sweep")
        return table_arrays("runs", sweep(progress=work.progress).frame)

    return compute


def _law(found: Results, law: str) -> "LawFit":
    """The law fitted to the kept runs: a second or two."""
    from prunelaw_sim.tables.sweep import Sweep
    from prunelaw_sim.verification.real import check_sweeps

    check = check_sweeps((Sweep.from_frame(table_of("runs", found), "digits"),))
    return next(fit for fit in check.fits if fit.law == law)


def _draw_digits_pruning(p: Parameters, found: Results) -> "Figure":
    return pruning_sweep(_law(found, "pruning"))


def _draw_digits_repetition(p: Parameters, found: Results) -> "Figure":
    return utility_sweep(_law(found, "utility"))


def _grid(theory: str, values: str, **others: str) -> Parameters:
    """Parameters of an embedded sweep: its grid, whose values have a name, and other constants."""
    from prunelaw_sim.studies import digits

    grid = getattr(digits, f"FULL_{theory.upper()}")
    given = {"sizes": list(grid.sizes), values: list(grid.values), "seeds": grid.seeds}
    return given | {name: getattr(digits, constant) for name, constant in others.items()}


ENTRIES = (
    Entry(
        "real_pruning",
        "Even or odd digit (scikit-learn's 1797 images), a linear student at hard margin on "
        "{dimension} whitened features: test error on {test_images} images against pool size "
        "P = {sizes}, f = {keep} kept (and 1) by a probe trained on {probe_images} other images; "
        "means of {seeds} seeds ± standard errors. Lines: the pruning theory fitted to the filled "
        "points; open points were predicted.",
        _grid(
            "pruning",
            "keep",
            dimension="DIMENSION",
            probe_images="PROBE_IMAGES",
            test_images="TEST_IMAGES",
        ),
        _draw_digits_pruning,
        _digits("pruning"),
        part=REAL,
    ),
    Entry(
        "real_repetition",
        "Ten digits (scikit-learn's), one hidden layer of 64, SGD in batches of 10 at a learning "
        "rate of 0.1: test error on {test_images} clean images against samples seen; unique images "
        "{sizes}, epochs {epochs}, means of {seeds} seeds ± standard errors. Pool noisy: Gaussian "
        "noise of {noise:g} of the brightest pixel. Lines: utility decay fitted to the filled "
        "points; open points were predicted.",
        _grid("repetition", "epochs", noise="NOISE", test_images="TEST_IMAGES"),
        _draw_digits_repetition,
        _digits("repetition"),
        part=REAL,
        numbers=2,
    ),
)
