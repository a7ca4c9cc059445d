"""Prints the tables of docs/real_study.md and draws its figure, from errors that were measured.

    python docs/report_real_study.py [FOLDER] [--figure FILE]

FOLDER holds what `make_real_study.py` wrote (docs/examples/real_study by default); no training, a
minute of CPU.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from prunelaw_figures.plots.real_study import ProbeStudy, real_study
from prunelaw_figures.plots.style import save
from prunelaw_sim.advice.cell_laws import Cell, TheoryLaws
from prunelaw_sim.laws.kept_power_law import fit_kept_power_law
from prunelaw_sim.laws.pruning import PARAMETERS, fit_pruning
from prunelaw_sim.laws.pruning_intervals import pruning_intervals, widened
from prunelaw_sim.studies.answers import Answer
from prunelaw_sim.studies.pareto_slopes import GAINS, kept_numbers
from prunelaw_sim.studies.probe_angles import angle_from_correlations, angle_from_errors
from prunelaw_sim.studies.questions import (
    band_beats_both,
    pruning_gains,
    scores_match,
    switches_with_size,
    transfer_kept,
    worse_probe_returns,
)
from prunelaw_sim.studies.regret import regrets
from prunelaw_sim.tables.paired_errors import PairedErrors

HOLD_OUT_ABOVE = 240
KEEP = [0.25, 0.5]
RULES = ("random", "easy", "hard", "quantiles:0.25", "quantiles:0.5", "quantiles:0.75")
CELL = ["dataset_size", "keep_fraction", "rule"]


def main() -> None:
    """Every table in the order of the page."""
    words = sys.argv[1:]
    figure = Path(words.pop(words.index("--figure") + 1)) if "--figure" in words else None
    words = [word for word in words if word != "--figure"]
    folder = Path(words[0]) if words else Path(__file__).parent / "examples" / "real_study"
    tables = {
        name: PairedErrors.read_csv(folder / f"{name}.csv")
        for name in ("probed", "predicted_bands", "scores", "transfer")
    }
    studies = studied(tables["probed"], pd.read_csv(folder / "probes.csv"))
    print_angles(studies)
    print_choices(studies)
    print_answers(answers(studies, tables))
    print_perceptrons(studies)
    print_scores(tables["scores"])
    print_transfer(tables["transfer"])
    if figure is not None:
        save(real_study(studies, 0.25, "quantiles:0.5", KEEP), figure)


def studied(probed: PairedErrors, probes: pd.DataFrame) -> dict[int, ProbeStudy]:
    """Each probe by its number of images, the best first."""
    found = {}
    for images in sorted(set(probes["probe_images"]), reverse=True):
        rows = probes.loc[probes["probe_images"] == images]
        errors = probed.part(probe_images=images)
        found[int(images)] = ProbeStudy(
            errors,
            pruning_intervals(errors, hold_out_above=HOLD_OUT_ABOVE),
            angle_from_errors(rows["wrong"].to_numpy(), rows["tested"].to_numpy()),
            angle_from_correlations(rows["correlation"].to_numpy(float)),
        )
    return found


def print_angles(studies: dict[int, ProbeStudy]) -> None:
    """The fit to small pools beside the two angles that owe nothing to it."""
    head("probe", "N_eff", "θ_eff fitted", "arccos √corr", "π × error", "scale", "rmse",
         "held out", "power law there", "θ = arccos √corr held: N_eff, held out",
         "lack of fit")  # fmt: skip
    for images, one in studies.items():
        fit, ends = one.found.fit, one.found.intervals
        held = fit_pruning(
            one.errors.to_sweep("probed"),
            hold_out_above=HOLD_OUT_ABOVE,
            theta=one.by_correlation.value,
        )
        row(
            f"{images} images",
            f"{fit.dimension:.1f} ({between(ends['dimension'], 1)})",
            f"{fit.theta:.2f} ({between(ends['theta'])})",
            *(
                f"{a.value:.3f} ± {a.standard_error:.3f}"
                for a in (one.by_correlation, one.by_error)
            ),
            f"{fit.scale:.2f} ({between(ends['scale'])})",
            f"{fit.rmse:.4f}",
            *(f"{p.rmse:.4f}" for p in (fit.held_out, fit.baseline_held_out) if p is not None),
            f"{held.dimension:.1f}, {held.held_out.rmse if held.held_out else float('nan'):.4f}",
            f"{fit.lack_of_fit:.0e}",
        )


def print_choices(studies: dict[int, ProbeStudy]) -> None:
    """Regret out of sample of each predictor, for each probe and both kinds of choice."""
    head("probe", "choice", "predictor", "regret", "90 %", "right")
    for images, one in studies.items():
        predicted = predictors(one)
        size, f = one.errors.column("dataset_size"), one.errors.column("keep_fraction")
        kept = kept_numbers(one.errors)
        held = size > HOLD_OUT_ABOVE
        by_rule = np.where(held & (f < 1), (1000 * size + 100 * f).astype(int), -1)
        in_reach = [k for k in np.unique(kept) if (held & (kept == k)).any() and k > 60]
        by_number = np.where(np.isin(kept, in_reach), kept, -1)
        for choice, groups in (("rule, of P and f", by_rule), ("f and rule, of K", by_number)):
            result = regrets(one.errors, predicted, groups)
            for line in result.to_dict(orient="records"):
                row(f"{images}", choice, line["predictor"],
                    f"{line['regret']:+.4f} ± {line['standard_error']:.4f}",
                    between((line["low"], line["high"]), 3, signs=True),
                    f"{line['hits']} of {line['groups']}")  # fmt: skip
        print(f"{images}: {best_of(240, one)}; {len(one.errors)} cells")


def best_of(kept: int, one: ProbeStudy) -> str:
    """The fraction and rule of least predicted error, where so many examples can be trained on."""
    found = one.found
    laws = TheoryLaws(*(
        np.insert(found.draws[name], 0, getattr(found.fit, name)) for name in PARAMETERS
    ))  # fmt: skip
    measured = one.errors.cells[["keep_fraction", "rule"]].drop_duplicates()
    pairs = measured.loc[measured["keep_fraction"] >= 0.25].itertuples(index=False, name=None)
    cells = [Cell(kept / f, f, rule) for f, rule in pairs]
    errors = laws.errors(cells)
    best = int(errors[0].argmin())
    share = float(np.mean(errors[1:].argmin(axis=1) == best))
    error, draws = float(errors[0, best]), errors[1:, best]
    ends = widened(error, draws, found.seeds, found.level, (0.0, np.inf))
    _, f, rule = cells[best]
    return (
        f"of {kept} kept, {rule} at f = {f:g}: {error:.4f} ({between(ends, 4)}), share {share:.2f}"
    )


def predictors(one: ProbeStudy) -> dict[str, np.ndarray]:
    """What each expects of every cell, fitted to pools of at most `HOLD_OUT_ABOVE`."""
    cells, sweep = one.errors.cells, one.errors.to_sweep("probed")
    columns = [cells[name].to_numpy() for name in CELL]
    fit = one.found.fit
    held = fit_pruning(sweep, hold_out_above=HOLD_OUT_ABOVE, theta=one.by_correlation.value)
    points = fit.table
    law = fit_kept_power_law(points, ~points["held_out"].to_numpy(bool))
    rule, f = one.errors.column("rule"), one.errors.column("keep_fraction")
    found = {
        "theory": fit.error_at(*columns),
        "theory, θ from twins": held.error_at(*columns),
        "power law of each rule": law.predict(cells),
    }
    for name in ("random", "easy", "hard", "quantiles:0.5"):
        # where a choice of f is to be made, the largest pool; all data where nothing is pruned
        found[f"always {name}"] = np.where(rule == name, f, np.where(f == 1.0, 2.0, 3.0))
    found["always random"] = np.where(rule == "random", -f, 3.0)
    return found


def answers(studies: dict[int, ProbeStudy], tables: dict[str, PairedErrors]) -> list[Answer]:
    """The paper's questions, of perceptrons on even or odd digits and of networks on ten."""
    (_, best), (_, middle), (_, worst) = studies.items()
    bands = tables["predicted_bands"].part(probe_images=next(iter(studies)))
    names = {
        (cell["dataset_size"], cell["keep_fraction"]): cell["rule"]
        for cell in bands.cells.to_dict(orient="records")
    }
    both = PairedErrors(
        pd.concat([best.errors.cells, bands.cells], ignore_index=True).drop_duplicates(),
        np.concatenate([best.errors.errors, bands.errors]),
        bands.seeds,
    )
    scores, transfer = tables["scores"], tables["transfer"]
    return [
        *(switches_with_size(best.errors, f) for f in (0.25, 0.5)),
        *(named(switches_with_size(scores.part(score=s), 0.3), s)
          for s in ("margin", "el2n:20", "prototypes", "active-learning")),
        pruning_gains(best.errors, KEEP, "factor"),
        pruning_gains(best.errors, KEEP),
        named(pruning_gains(middle.errors, KEEP, "factor"), "100 images"),
        named(pruning_gains(worst.errors, KEEP, "factor"), "40 images"),
        *(
            named(worse_probe_returns(best.errors, worst.errors, KEEP, by=by), by)
            for by in GAINS
        ),
        *(scores_match(scores, s, a)
          for s in ("prototypes", "ssl-prototypes") for a in ("margin", "el2n:20")),
        band_beats_both(both, names),
        replace(
            band_beats_both(best.errors, dict.fromkeys(names, "quantiles:0.5")),
            question="Does the middle band, quantiles:0.5, beat both hard and easy?",
        ),
        *(transfer_kept(transfer, f, r) for f in (0.25, 0.5) for r in ("hard", "easy", "random")),
    ]  # fmt: skip


def named(answer: Answer, what: str) -> Answer:
    """The same with the score or probe in the question."""
    return replace(answer, question=f"{answer.question[:-1]}, {what}?")


def print_answers(found: list[Answer]) -> None:
    """A row a question, and the cells behind those of more than one."""
    head("question", "answer", "number", "value", "95 %")
    for one in found:
        digits = 0 if "size P" in one.measure else 3
        value = f"{one.effect.value:.{digits}f} ± {one.effect.standard_error:.{digits}f}"
        row(one.question, f"**{one.verdict}**", one.measure, value,
            between(one.effect.interval, digits))  # fmt: skip
    for one in found:
        print(f"\n{one.question} {one.how}\n{one.table.round(4).to_string(index=False)}")


def print_perceptrons(studies: dict[int, ProbeStudy]) -> None:
    """Errors of the best probe's students: a row a (size, fraction), a column a rule."""
    errors = next(iter(studies.values())).errors
    head("P", "f", *RULES)
    places = pd.DataFrame(errors.cells[CELL[:2]]).drop_duplicates()
    for place in places.to_dict(orient="records"):
        part = errors.select(**place)
        row(f"{place['dataset_size']}", f"{place['keep_fraction']:g}",
            *(shown(part, rule=rule) for rule in RULES))  # fmt: skip


def print_scores(errors: PairedErrors) -> None:
    """Ten digits: a row a score, a column a (size, fraction, rule)."""
    sizes = np.unique(errors.column("dataset_size")).astype(int)
    columns = [(p, f, r) for p in sizes for f in (0.3, 0.6) for r in ("easy", "hard")]
    head("score", *(f"{p}, {f:g} {r}" for p, f, r in columns))
    for score in dict.fromkeys(errors.column("score")):
        part = errors.part(score=score)
        row(score, *(shown(part, dataset_size=p, keep_fraction=f,
                           rule="random" if score == "random" else r)
                     for p, f, r in columns))  # fmt: skip
    row("all kept", *(shown(errors, score="random", dataset_size=p, keep_fraction=1.0)
                      for p, _, _ in columns))  # fmt: skip


def print_transfer(errors: PairedErrors) -> None:
    """Downstream errors by what was kept upstream."""
    head("kept upstream", "random", "hard", "easy")
    row("nothing", shown(errors, rule="none"), "", "")
    for f in (0.1, 0.25, 0.5):
        row(f"{f:g}", *(shown(errors, keep_fraction=f, rule=r) for r in ("random", "hard", "easy")))
    row("all", shown(errors, keep_fraction=1.0), "", "")


def shown(errors: PairedErrors, **cell) -> str:
    """Mean ± standard error of one cell, or nothing where it was not measured."""
    wanted = [errors.cells[name] == value for name, value in cell.items()]
    rows = np.flatnonzero(np.all(wanted, axis=0))
    if not rows.size:
        return ""
    one = errors.take(rows[:1])
    return f"{plain(one.mean[0])} ± {plain(one.standard_error[0])}"


def plain(value: float) -> str:
    """Three digits after the point, no 0 before it."""
    return f"{value:.3f}".removeprefix("0")


def between(ends: tuple[float, float], digits: int = 2, signs: bool = False) -> str:
    """`low to high`."""
    sign = "+" if signs else ""
    return f"{ends[0]:{sign}.{digits}f} to {ends[1]:{sign}.{digits}f}"


def head(*names: str) -> None:
    """The first two lines of a table."""
    print(f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}")


def row(*cells: str) -> None:
    """A line of a table."""
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
