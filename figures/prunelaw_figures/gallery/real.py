"""Gallery: real sweeps, public runs given to the command, and theory against simulation."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from prunelaw.errors import InputError
from prunelaw_figures.gallery.entry import (
    Entry,
    Parameters,
    Results,
    Work,
    table_arrays,
    table_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.verification.real import LawFit


# --- digits of scikit-learn -------------------------------------------------------------------


def _digits_pruning(p: Parameters, work: Work) -> Results:
    from prunelaw_sim.studies.digits import digits_pruning_sweep

    return table_arrays("runs", digits_pruning_sweep(progress=work.progress).frame)


def _digits_repetition(p: Parameters, work: Work) -> Results:
    from prunelaw_sim.studies.digits import digits_repetition_sweep

    return table_arrays("runs", digits_repetition_sweep(progress=work.progress).frame)


def _law(found: Results, law: str) -> "LawFit":
    """The law fitted to the kept runs: a second or two."""
    from prunelaw_sim.tables.sweep import Sweep
    from prunelaw_sim.verification.real import check_sweeps

    check = check_sweeps((Sweep.from_frame(table_of("runs", found), "digits"),))
    return next(fit for fit in check.fits if fit.law == law)


def _draw_digits_pruning(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.real_sweep import pruning_sweep

    return pruning_sweep(_law(found, "pruning"))


def _draw_digits_repetition(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.real_sweep import utility_sweep

    return utility_sweep(_law(found, "utility"))


def _scored(p: Parameters, work: Work) -> Results:
    """The sweep of docs/real_sweeps.md, in a store that is thrown away afterwards."""
    from prunelaw_sim import RealDesign, Store, run_sweep
    from prunelaw_sim.sweeps.tables import to_sweep

    names = ("dataset", "model", "recipe", "class_share", "score", "size", "keep", "seed")
    design = RealDesign.grid(trials=p["seeds"], **{name: p[name] for name in names})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.db"
        run_sweep(design, file)
        with Store.open(file) as store:
            runs = to_sweep(store).frame
    columns = ["score", "dataset_size", "keep_fraction", "rule", "error", "seed"]
    return table_arrays("runs", runs.loc[:, columns])


def _draw_scored(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.score_rules import score_rules

    return score_rules(table_of("runs", found))


def _pruning_parameters() -> dict:
    from prunelaw_sim.studies.digits import DIMENSION, FULL_PRUNING, PROBE_IMAGES, TEST_IMAGES

    return {
        "sizes": list(FULL_PRUNING.sizes),
        "keep": list(FULL_PRUNING.values),
        "seeds": FULL_PRUNING.seeds,
        "dimension": DIMENSION,
        "probe_images": PROBE_IMAGES,
        "test_images": TEST_IMAGES,
    }


def _repetition_parameters() -> dict:
    from prunelaw_sim.studies.digits import FULL_REPETITION, NOISE, TEST_IMAGES

    return {
        "sizes": list(FULL_REPETITION.sizes),
        "epochs": list(FULL_REPETITION.values),
        "seeds": FULL_REPETITION.seeds,
        "noise": NOISE,
        "test_images": TEST_IMAGES,
    }


# --- public runs ------------------------------------------------------------------------------


def _needed(work: Work, option: str) -> Path:
    if work.source is None:
        raise InputError(f"--{option} must name the data of this figure")
    return work.source


def _openclip(p: Parameters, work: Work) -> Results:
    from prunelaw_figures.plots.decay_fits import decay_lines, decay_points
    from prunelaw_sim import read
    from prunelaw_sim.laws.utility import fit_utility

    frame = read(_needed(work, "openclip"), downstream=p["task"]).frame
    tables, fits, others = {}, {}, {}
    for name in p["models"]:
        table = frame.loc[frame["group"] == name].reset_index(drop=True)
        tables[name] = table
        fits[name] = fit_utility(table, hold_out_above=p["hold_out_above"])
        others[name] = fit_utility(
            table, hold_out_above=p["hold_out_above"], convention="official_code", stretch=0.0
        )
    points = decay_points(fits, tables)
    lines = decay_lines(fits, tables, others, p["level"], p["points"])
    return {**table_arrays("points", points), **table_arrays("lines", lines)}


def _draw_openclip(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.decay_fits import draw_decay_fits

    points, lines = table_of("points", found), table_of("lines", found)
    return draw_decay_fits(points, lines, error="ImageNet error")


def _c4_runs(work: Work):
    from prunelaw_sim import read

    names = {
        "samples_seen": "tokens_seen", "unique_samples": "unique_tokens", "error": "val_loss",
    }  # fmt: skip
    constants = {"metric": "C4 validation loss", "pool": "C4"}
    return read(_needed(work, "c4"), mapping=names, constants=constants)


def _c4_laws(p: Parameters, work: Work) -> Results:
    from prunelaw_figures.plots.law_comparison import comparison_lines, comparison_points
    from prunelaw_sim import compare_laws

    found = compare_laws(
        _c4_runs(work), p["laws"], hold_out_above=p["hold_out_above"], log_error=True
    )
    shown = [law for law in p["laws"] if law in found.fits]
    points, lines = comparison_points(found), comparison_lines(found, shown)
    return {**table_arrays("points", points), **table_arrays("lines", lines)}


def _draw_c4_laws(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.law_comparison import draw_law_comparison

    return draw_law_comparison(table_of("points", found), table_of("lines", found))


def _c4_rising(p: Parameters, work: Work) -> Results:
    from prunelaw_figures.plots.rising_loss import rising_lines, rising_points
    from prunelaw_sim.laws.scaling import fit_data_constrained

    table = _c4_runs(work).frame
    limit = p["hold_out_above"]
    penalty = {"repeats": False, "saturates": False, "penalty": "saturating"}
    fits = {
        "Muennighoff et al., refitted": fit_data_constrained(table, limit, log_error=True),
        "with the saturating penalty": fit_data_constrained(
            table, limit, log_error=True, **penalty
        ),
    }
    points = rising_points(table, fits, p["unique"], p["sizes"])
    lines = rising_lines(points, fits, p["unique"])
    return {**table_arrays("points", points), **table_arrays("lines", lines)}


def _draw_c4_rising(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.rising_loss import draw_rising_loss

    return draw_rising_loss(table_of("points", found), table_of("lines", found))


# --- theory against simulation ----------------------------------------------------------------


def _agreement(p: Parameters, work: Work) -> Results:
    from prunelaw_sim.verification.simulated import check_simulation

    check = check_simulation(
        dict(zip(p["dims"], p["trials"], strict=True)), p["seed"], progress=work.progress
    )
    found = check.agreement
    return {"theory": found.theory, "means": found.means, "stderrs": found.stderrs}


def _draw_agreement(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.theory_vs_simulation import theory_vs_simulation
    from prunelaw_sim.simulation.agreement import agreement
    from prunelaw_sim.verification.simulated import POINTS, SimulationCheck

    sizes = [float(dim) for dim in p["dims"]]
    judged = agreement(found["theory"], sizes, found["means"], found["stderrs"])
    trials = dict(zip(p["dims"], p["trials"], strict=True))
    students = len(POINTS) * sum(p["trials"])
    return theory_vs_simulation(SimulationCheck(POINTS, trials, judged, 0.0, 0.0, students))


def _points() -> list[str]:
    from prunelaw_sim.verification.simulated import POINTS

    return [f"({p.rule}, {p.theta:g}, {p.alpha_tot:g}, {p.f:.3g})" for p in POINTS]


ENTRIES = (
    Entry(
        "real_pruning",
        "Even or odd digit (scikit-learn's 1797 images), a linear student at hard margin on "
        "{dimension} whitened features: test error on {test_images} images against pool size "
        "P = {sizes}, f = {keep} kept (and 1) by a probe trained on {probe_images} other images; "
        "means of {seeds} seeds ± standard errors. Lines: the pruning theory fitted to the filled "
        "points; open points were predicted.",
        _pruning_parameters(),
        _digits_pruning,
        _draw_digits_pruning,
    ),
    Entry(
        "real_repetition",
        "Ten digits (scikit-learn's), one hidden layer of 64, SGD in batches of 10 at a learning "
        "rate of 0.1: test error on {test_images} clean images against samples seen; unique images "
        "{sizes}, epochs {epochs}, means of {seeds} seeds ± standard errors. Pool noisy: Gaussian "
        "noise of {noise:g} of the brightest pixel. Lines: utility decay fitted to the filled "
        "points; open points were predicted.",
        _repetition_parameters(),
        _digits_repetition,
        _draw_digits_repetition,
        numbers=2,
    ),
    Entry(
        "real_scores",
        "Data set {dataset}, model {model}, {recipe}: test error against pool size P = {size} when "
        "f = {keep} of the pool is kept, ranked by {score}; means of {seeds} seeds ± standard "
        "errors, design seed {seed}; the share {class_share:g} of the kept is divided equally "
        "among classes. Grey: all of the pool.",
        {
            "dataset": "digits", "model": "mlp:64", "score": ["margin", "el2n"],
            "size": [100, 300, 1000], "keep": [0.3, 0.6, 1.0], "class_share": 0.5,
            "recipe": "epochs=60,batch_size=32,optimizer=sgd,learning_rate=0.2,schedule=constant",
            "seeds": 20, "seed": 0,
        },
        _scored,
        _draw_scored,
    ),
    Entry(
        "openclip",
        "Public OpenCLIP models {models}, task {task}: error against samples seen by number of "
        "unique samples. Solid and dashed: utility decay (paper's convention) fitted to runs of at "
        "most {hold_out_above:.3g} samples seen, with the {level:.0%} band at {points} places; "
        "open points were predicted. Dotted: official code's convention, stretch 0.",
        {
            "models": ["ViT-B-32", "ViT-B-16"], "task": "imagenet1k",
            "hold_out_above": 2e10, "level": 0.9, "points": 13,
        },
        _openclip,
        _draw_openclip,
        "openclip",
    ),
    Entry(
        "c4_laws",
        "177 public language models on C4: validation loss against tokens seen, and the laws "
        "{laws}, fitted in log loss to runs of at most {hold_out_above:.3g} tokens; open points "
        "were predicted.",
        {"laws": ["overfit", "data-constrained", "power-law"], "hold_out_above": 3.3e10},
        _c4_laws,
        _draw_c4_laws,
        "c4",
    ),
    Entry(
        "c4_rising",
        "Language models on C4 with {unique:.3g} unique tokens and {sizes:.4g} parameters: loss "
        "against epochs. Red rings: above a shorter run of the same model. Lines: two laws fitted "
        "in log loss to all runs of at most {hold_out_above:.3g} tokens; open points were "
        "predicted.",
        {
            "unique": 1e8, "sizes": [1.41e7, 8.27e7, 6.187e8, 1.0963e9], "hold_out_above": 3.3e10,
        },
        _c4_rising,
        _draw_c4_rising,
        "c4",
    ),
    Entry(
        "theory_vs_simulation",
        "Theory (N → ∞) against simulated max-margin students, {trials} trials a point at "
        "N = {dims}, seed {seed}. Left: the largest N. Right: deviation of the simulation, "
        "extrapolated to N → ∞, from the theory. Points (rule, θ in rad, α_tot, f): {points}.",
        {"dims": [50, 100], "trials": [250, 250], "seed": 0, "points": _points()},
        _agreement,
        _draw_agreement,
    ),
)  # fmt: skip
