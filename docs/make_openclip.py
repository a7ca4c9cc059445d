"""Prints the tables of docs/openclip.md and draws its figures.

    python docs/make_openclip.py FOLDER

FOLDER holds the public files trained_models_info.csv and zeroshot_results.csv of
LAION-AI/scaling-laws-openclip.  Half a minute on two cores.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from prunelaw_figures.plots.decay_fits import decay_fits
from prunelaw_figures.plots.loss_valley import ridge
from prunelaw_sim import read
from prunelaw_sim.fits.intervals import parameter_intervals, prediction_intervals
from prunelaw_sim.laws.utility import UtilityFit, fit_utility

ARCHITECTURES = ("ViT-B-32", "ViT-B-16")
IMAGENET = "imagenet1k"
TASKS = (IMAGENET, "imagenetv2", "imagenet_sketch", "imagenet-r", "vtab/cifar100", "vtab+")
ABOVE = 2e10
LAWS = {
    "no decay": {"law": "no-decay"},
    "paper, s = 1 (published)": {},
    "paper, s = 0": {"stretch": 0.0},
    "paper, s fitted": {"stretch": None},
    "official code, s = 1": {"convention": "official_code"},
    "official code, s = 0": {"convention": "official_code", "stretch": 0.0},
    "official code, s fitted": {"convention": "official_code", "stretch": None},
    "effective data, s = 1": {"law": "effective-data"},
    "effective data, s = 0": {"law": "effective-data", "stretch": 0.0},
}
IMAGES = Path(__file__).with_name("images")


def main(folder: str) -> None:
    """Four tables and two figures."""
    runs = {task: read(folder, downstream=task).frame for task in TASKS}
    print_alone(runs[IMAGENET])
    print_together(runs)
    print_tasks(runs)
    print_intervals(runs[IMAGENET])
    draw(runs[IMAGENET])


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Samples seen as the runs are labelled, 3B, 13B and 34B, in place of the true counts."""
    true = frame["samples_seen"].to_numpy()
    label = np.select([true < 5e9, true < 2e10], [3e9, 13e9], 34e9)
    return frame.assign(samples_seen=label).drop(columns="epochs", errors="ignore")


COUNTS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "labels": labelled,
    "true counts": lambda frame: frame,
}


def of(frame: pd.DataFrame, arch: str) -> pd.DataFrame:
    """The nine runs of one architecture."""
    return frame[frame["group"] == arch].reset_index(drop=True)


def rms(fit: UtilityFit, rows: Iterable[bool]) -> float:
    """Of the held-out residuals among the rows."""
    chosen = ~fit.fitted & np.asarray(rows)
    return float(np.sqrt(np.mean(fit.residuals[chosen] ** 2)))


def print_alone(frame: pd.DataFrame) -> None:
    """ImageNet, each architecture by itself."""
    heads = [f"{arch}, {count}" for arch in ARCHITECTURES for count in COUNTS]
    print_row("law", *heads)
    print_row(*["---"] * (len(heads) + 1))
    for name, options in LAWS.items():
        cells = []
        for arch in ARCHITECTURES:
            for count in COUNTS.values():
                fit = fit_utility(count(of(frame, arch)), hold_out_above=ABOVE, **options)
                assert fit.held_out is not None
                cells.append(f"{fit.held_out.rmse:.4f} ({fit.rmse:.4f})")
        print_row(name, *cells)
    print()


def print_together(runs: dict[str, pd.DataFrame]) -> None:
    """Half-lives shared by tasks, by architectures, by both; held-out rmse of ImageNet."""
    print_row("fitted together", "law", *(f"{a}, {c}" for c in COUNTS for a in ARCHITECTURES))
    print_row(*["---"] * 6)
    sets = {
        "two architectures": ((IMAGENET,), (ARCHITECTURES,)),
        "six tasks": (TASKS, tuple((arch,) for arch in ARCHITECTURES)),
        "six tasks, two architectures": (TASKS, (ARCHITECTURES,)),
    }
    for name, (tasks, parts) in sets.items():
        for law in ("paper, s = 1 (published)", "official code, s = 0"):
            cells = []
            for count in COUNTS.values():
                found = {}
                for archs in parts:
                    table = joined(runs, tasks, archs, count)
                    fit = fit_utility(table, together=True, hold_out_above=ABOVE, **LAWS[law])
                    for arch in archs:
                        found[arch] = rms(fit, table["group"] == f"{arch}, {IMAGENET}")
                cells += [f"{found[arch]:.4f}" for arch in ARCHITECTURES]
            print_row(name, law, *cells)
    print()


def joined(
    runs: dict[str, pd.DataFrame],
    tasks: Iterable[str],
    archs: Iterable[str],
    count: Callable[[pd.DataFrame], pd.DataFrame],
) -> pd.DataFrame:
    """All tasks and architectures in one table, a group each."""
    parts = [
        count(of(runs[task], arch)).assign(group=f"{arch}, {task}")
        for task in tasks
        for arch in archs
    ]
    return pd.concat(parts, ignore_index=True).drop(columns="metric")


def print_tasks(runs: dict[str, pd.DataFrame]) -> None:
    """Held-out rmse of each task alone, true counts; and how often each law is the best."""
    heads = [f"{task}, {arch[4:]}" for task in TASKS for arch in ARCHITECTURES]
    print_row("law", "all", *heads)
    print_row(*["---"] * (len(heads) + 2))
    for name, options in LAWS.items():
        errors = []
        for task in TASKS:
            for arch in ARCHITECTURES:
                fit = fit_utility(of(runs[task], arch), hold_out_above=ABOVE, **options)
                errors.append(rms(fit, np.ones(fit.fitted.size, dtype=bool)))
        pooled = float(np.sqrt(np.mean(np.square(errors))))
        print_row(name, f"{pooled:.4f}", *(f"{error:.4f}" for error in errors))
    print()


def print_intervals(frame: pd.DataFrame) -> None:
    """How many held-out runs lie in their 90 % intervals; profile intervals from all nine runs."""
    print_row("law", *(f"{arch}: held-out runs in their 90 % interval" for arch in ARCHITECTURES))
    print_row(*["---"] * 3)
    for name in ("paper, s = 1 (published)", "official code, s = 0", "effective data, s = 1"):
        cells = []
        for arch in ARCHITECTURES:
            table = of(frame, arch)
            fit = fit_utility(table, hold_out_above=ABOVE, **LAWS[name])
            new = table[~fit.fitted]
            bands = prediction_intervals(fit, new, 0.9, new_run=True)
            inside = [b.low <= e <= b.high for b, e in zip(bands, new["error"], strict=True)]
            width = np.mean([b.high - b.low for b in bands])
            beyond = max(b.beyond["samples_seen"] for b in bands)
            cells.append(
                f"{sum(inside)} of {len(inside)}, mean width {width:.3f}, "
                f"{beyond:.1f} doublings beyond"
            )
        print_row(name, *cells)
    print()
    print_row("all nine runs", "a", "b", "τ, epochs of 80M", "d", "s (fitted alone)")
    print_row(*["---"] * 6)
    for arch in ARCHITECTURES:
        table = of(frame, arch)
        found = parameter_intervals(fit_utility(table), 0.9)
        stretch = parameter_intervals(fit_utility(table, stretch=None), 0.9, ["stretch"])
        cells = []
        for interval in (
            *(found[n] for n in ("a", "b[LAION]", "tau[LAION]", "d")),
            stretch["stretch"],
        ):
            left, right = "≤" * interval.low_open, "≥" * interval.high_open
            cells.append(
                f"{interval.value:.3g} ({left}{interval.low:.3g} to {right}{interval.high:.3g})"
            )
        print_row(arch, *cells)


def draw(frame: pd.DataFrame) -> None:
    """openclip.png: fits with bands and held-out runs; ridge.png: d against a and b."""
    tables = {arch: of(frame, arch) for arch in ARCHITECTURES}
    fits = {a: fit_utility(t, hold_out_above=ABOVE) for a, t in tables.items()}
    official = LAWS["official code, s = 0"]
    others = {a: fit_utility(t, hold_out_above=ABOVE, **official) for a, t in tables.items()}
    figure = decay_fits(fits, tables, others, error="ImageNet error")
    figure.savefig(IMAGES / "openclip.png", dpi=150)
    whole = fit_utility(tables["ViT-B-16"])
    least = float(tables["ViT-B-16"]["error"].min())
    ridge(whole, "LAION", 0.995 * least).savefig(IMAGES / "ridge.png", dpi=150)


def print_row(*cells: str) -> None:
    """One line of a Markdown table."""
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1])
