"""Advice as a whole: known truths come back, and what cannot be answered is said."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import prunelaw
import prunelaw_sim
from prunelaw_sim.advice.advise import advise
from prunelaw_sim.advice.on_pruning import advise_on_pruning
from prunelaw_sim.laws.comparison import LawComparison
from prunelaw_sim.pools.known import law_of_plan
from prunelaw_sim.scores.files import Scores
from prunelaw_sim.tables.sweep import Sweep

COLUMNS = ["dataset_size", "keep_fraction", "rule", "seed", "error"]
RULES = ("hard", "easy", "random")


def made(error_of, sizes, fractions=(0.4,), seeds=4, noise=0.003):
    """Runs of a law, a third of whose noise is common to a seed."""
    random = np.random.default_rng(8)
    cells = [(p, f, r) for p in sizes for f in fractions for r in RULES]
    cells += [(p, 1.0, "random") for p in sizes]
    rows = []
    for seed in range(seeds):
        common = 0.6 * random.standard_normal()
        rows += [(*c, seed, error_of(*c) + noise * (0.8 * random.standard_normal() + common))
                 for c in cells]  # fmt: skip
    return Sweep.from_frame(pd.DataFrame(rows, columns=pd.Index(COLUMNS)), "made runs")


def truth(size, f, rule):
    return 0.02 + 0.7 * float(prunelaw.solve(size / 60.0, f, 0.35, rule).error)


@pytest.fixture(scope="module")
def of_theory():
    sweep = made(truth, (150, 300, 600, 1200))
    return advise(sweep, 600, examples=2400, replicates=60).pruning


def test_the_true_best_rule_is_found(of_theory):
    found = of_theory
    assert found.describes and found.law == "theory" and found.verdict == "prune"
    best = found.choice.best
    exact = {r: truth(best.dataset_size, best.keep_fraction, r) for r in RULES}
    assert best.rule == min(exact, key=exact.__getitem__) == "hard"
    assert best.kept <= 600.0
    assert best.error.low <= exact["hard"] <= best.error.high
    gain = found.choice.gain
    assert gain.told and gain.low <= exact["random"] - exact["hard"] <= gain.high
    whole = truth(2400.0, 1.0, "random")
    assert found.choice.everything.error.low <= whole <= found.choice.everything.error.high


def test_how_far_and_from_where(of_theory):
    """The size from which hard beats random, against a root of the true law's difference."""
    found = of_theory
    assert found.doublings == pytest.approx(1.0) and found.tested_doublings == pytest.approx(1.0)
    assert found.warnings[0].kind == "extrapolation"
    (span,) = found.choice.sizes
    f = found.choice.best.keep_fraction
    assert truth(0.8 * span.low, f, "hard") > truth(0.8 * span.low, f, "random")
    assert truth(1.25 * span.low, f, "hard") < truth(1.25 * span.low, f, "random")
    assert all(run.doubt_after <= run.doubt_now for run in found.next_runs)
    assert found.next_runs[0].dataset_size <= 1200.0


def test_json_is_plain(of_theory):
    values = json.loads(json.dumps(of_theory.to_dict(), allow_nan=False))
    assert values["verdict"] == "prune" and values["choice"]["gain"]["told"]
    assert values["choice"]["best"]["rule"] == "hard" and values["fit"]["law"] == "pruning"


@pytest.mark.exhaustive
def test_simulated_students_are_advised_as_the_theory_has_it(tmp_path):
    """A store of certified students at N = 20; the true best rule at the largest size."""
    from prunelaw_sim.sweeps.runner import run_sweep
    from prunelaw_sim.sweeps.simulated import Design
    from prunelaw_sim.sweeps.store import Store
    from prunelaw_sim.sweeps.tables import to_sweep

    design = Design.grid(
        alpha_tot=[4.0, 16.0], f=[0.4], theta=0.2, rule=list(RULES), dim=20, trials=50, seed=2
    )
    run_sweep(design, tmp_path / "s.db")
    with Store.open(tmp_path / "s.db") as store:
        sweep = to_sweep(store)
    found = advise(sweep, 128, examples=320, replicates=20).pruning
    exact = {r: float(prunelaw.solve(16.0, 0.4, 0.2, r).error) for r in RULES}
    assert found.choice.best.rule == min(exact, key=exact.__getitem__) == "hard"
    assert found.verdict == "prune"


def few_points(better=0.8):
    """Five points: the theory is not asked, and curves through two sizes answer."""

    def law(size, f, rule):
        return (better if rule == "hard" else 1.0) * (size * f) ** -0.5

    rows = [(p, f, r, law(p, f, r), 0.002) for p, f, r in
            [(100, 0.5, "hard"), (400, 0.5, "hard"), (100, 0.5, "random"), (400, 0.5, "random"),
             (400, 1.0, "random")]]  # fmt: skip
    names = ["dataset_size", "keep_fraction", "rule", "error", "error_se"]
    return Sweep.from_frame(pd.DataFrame(rows, columns=pd.Index(names)), "few.csv")


def test_without_theory_the_measured_cells_answer():
    found = advise_on_pruning(few_points(), kept=200.0)
    assert found.law == "cells" and found.judged is None
    assert found.warnings[0].kind == "not_judged"
    best = found.choice.best
    assert (best.rule, best.keep_fraction, best.dataset_size) == ("hard", 0.5, 400.0)
    assert best.error.value == pytest.approx(0.8 * 200**-0.5, rel=1e-3)
    assert found.choice.random.error.value == pytest.approx(200**-0.5, rel=1e-3)
    assert found.verdict == "prune" and found.choice.everything is None


def test_what_the_data_do_not_tell_is_said():
    """Hard keeping a hundredth better than random, with standard errors of .002."""
    found = advise_on_pruning(few_points(better=0.99), kept=200.0)
    assert found.verdict == "not_told" and not found.choice.gain.told
    gain = found.choice.gain
    assert gain.low < 0.0 < gain.value < gain.high


def test_everything_is_kept_where_that_is_best():
    found = advise_on_pruning(few_points(), examples=400.0)
    assert found.verdict == "keep_all" and found.choice.gain.value == 0.0
    assert found.choice.best.error.value == pytest.approx(400**-0.5, rel=1e-3)


def test_a_law_that_a_plan_cannot_use_is_named():
    """`overfit` says nothing of unions; the best of those that do is taken, with a warning."""
    comparison = LawComparison(
        table=pd.DataFrame({"law": ["overfit", "effective-data", "utility"]}),
        steps=pd.DataFrame(),
        best="overfit",
        undecided=(),
        remarks=(),
        hold_out_above=1.0,
        log_error=False,
        rows=pd.DataFrame(),
        fits={},
        full_fits={},
    )
    law, (note,) = law_of_plan(comparison)
    assert law == "effective-data"
    assert "overfit predicts the largest budgets better" in note.message
    alike, (note,) = law_of_plan(replace(comparison, undecided=("effective-data",)))
    assert alike == "effective-data" and "do not tell from it" in note.message


def pools(**more):
    rows = {"pool": ["a", "a", "b"], "unique_samples": 10.0, "samples_seen": [10.0, 20.0, 10.0],
            "error": [0.5, 0.4, 0.6]}  # fmt: skip
    return Sweep.from_frame(pd.DataFrame({**rows, **more}), "runs.csv")


@pytest.mark.parametrize(
    "sweep, options, message",
    [
        (Sweep.from_frame(pd.DataFrame({"error": [0.5], "rule": ["hard"]}), "r.csv"), {},
         r"pools: pool, unique_samples, samples_seen; pruning: dataset_size, keep_fraction"),
        (pools(), {}, "which pools: needs a budget in samples seen"),
        (few_points(), {}, "which examples to keep: needs examples.*or a budget of kept ones"),
        (pools(), {"budget": 0.0}, r"budget must be finite and in \[1, inf\), got 0.0"),
        (few_points(), {"examples": 10, "budget": 20}, r"kept must be finite and in \[1, 10\]"),
        (few_points(), {"examples": 5, "scores": Scores(np.arange(4.0))},
         r"scores must be one for each of examples = 5, got 4"),
        (pools(group=["g", "h", "h"]), {"budget": 50.0}, "group must be one of g, h; got None"),
        (pools(dataset_size=10.0, keep_fraction=0.5, rule="hard"), {"budget": 50.0},
         r"runs of several pools were pruned \(a, b\)"),
        (few_points(), {"examples": 400, "level": 1.0}, r"level must be .* \(0, 1\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named(sweep, options, message):
    with pytest.raises(prunelaw.InputError, match=message):
        advise(sweep, **options)


def test_scores_settle_the_size_and_what_is_kept():
    found = advise(few_points(), 100.0, scores=Scores(np.arange(200.0), high="hard"))
    assert found.pruning.examples == 200.0 and found.scores.kept == 100
    assert found.scores.rule == "hard" and set(found.scores.indices) == set(range(100, 200))
    assert prunelaw_sim.advise is advise


def both():
    """Two pools of 100 and 400 samples, seen up to 16 times; of the pool `a` half was pruned."""
    from prunelaw.decay.utility import UtilityLaw

    rows = []
    for pool, size, b, tau in (("a", 100.0, -0.4, 4.0), ("b", 400.0, -0.3, 6.0)):
        law = UtilityLaw(a=4000.0, b=b, tau=tau, d=0.02)
        for epochs in (1.0, 2.0, 4.0, 8.0, 16.0):
            error = float(law.error(epochs * size, size)) + 1e-3 * (epochs % 3 - 1)
            rows.append((pool, size, epochs * size, size, 1.0, "random", error))
    for size in (100.0, 400.0):
        for rule, worth in (("hard", 0.8), ("random", 1.0)):
            error = 3.0 * worth * (size / 2.0) ** -0.5
            rows.append(("a", size / 2.0, 8.0 * size, size, 0.5, rule, error))
    names = ["pool", "unique_samples", "samples_seen", "dataset_size", "keep_fraction", "rule"]
    frame = pd.DataFrame(rows, columns=pd.Index([*names, "error"])).assign(error_se=2e-3)
    return Sweep.from_frame(frame, "both.csv")


def test_a_table_of_both_gets_both_answers():
    """The pruned hard rows tell nothing of pools; what is not asked for stays unanswered."""
    found = advise(both(), 3000.0, examples=400.0, replicates=10)
    assert found.pools.plan.budget == 3000.0 and len(found.pools.comparison.rows) == 12
    assert found.pruning.examples == 400.0 and found.pruning.kept is None
    assert found.unanswered == ()
    whole = found.pruning.points.query("keep_fraction == 1.0 and dataset_size == 100.0")
    assert whole["replicates"].item() == 1  # of five lengths of training the longest
    assert "4 runs saw fewer samples" in found.pruning.warnings[0].message
    alone = advise(both(), examples=400.0, replicates=10)
    assert alone.pools is None and [note.kind for note in alone.unanswered] == ["pools"]
    assert alone.pruning.choice.best == found.pruning.choice.best


@pytest.mark.exhaustive
def test_of_a_table_of_both_a_budget_alone_asks_for_pools():
    found = advise(both(), 3000.0, replicates=20)
    assert found.pruning is None and [note.kind for note in found.unanswered] == ["pruning"]


def test_kept_scores_say_that_nothing_was_told():
    scores = Scores(np.arange(200.0), high="hard")
    found = advise(few_points(better=0.99), 100.0, scores=scores)
    assert found.pruning.verdict == "not_told" and found.scores.kept == 100
    assert any("do not tell" in note.message for note in found.scores.notes)
