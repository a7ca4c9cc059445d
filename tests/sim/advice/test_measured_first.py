"""Answers never contradict the runs: what was measured is said, and what nothing tells is not."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import prunelaw_sim
from prunelaw_sim.advice.cell_laws import Cell, KeptLine
from prunelaw_sim.advice.choice import choose
from prunelaw_sim.advice.local import corrected
from prunelaw_sim.advice.on_pruning import advise_on_pruning
from prunelaw_sim.tables.replicates import averaged
from prunelaw_sim.tables.sweep import Sweep

ROOT = Path(__file__).resolve().parents[3]
CASES = ROOT.parent / "shared" / "cases"
COLUMNS = ["dataset_size", "keep_fraction", "rule", "seed", "error"]


def sweep_of(rows, seeds=3, step=0.001):
    """Runs about (size, fraction, rule, mean error)."""
    runs = [(p, f, r, s, e + step * (s - (seeds - 1) / 2)) for p, f, r, e in rows
            for s in range(seeds)]  # fmt: skip
    return Sweep.from_frame(pd.DataFrame(runs, columns=pd.Index(COLUMNS)), "made")


ONE_SIZE = [
    (50_000, 0.1, "random", 0.55), (50_000, 0.3, "random", 0.371), (50_000, 0.5, "random", 0.29),
    (50_000, 1.0, "random", 0.22), (50_000, 0.1, "hard", 0.88), (50_000, 0.3, "hard", 0.539),
    (50_000, 0.5, "hard", 0.28),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kept", "rule", "mean"),
    [
        ("28-ccs_table.csv", 25_000, "hard", 0.0539),
        ("27-one_size.csv", 15_000, "random", 0.37123),
        ("15-keep.csv", 15_000, "random", 0.369),  # 63.0, 63.1, 63.2 % right
        ("15-keep.csv", None, "random", 0.217),  # 78.2, 78.3, 78.4 % right
    ],
)
def test_a_cell_that_was_measured_answers_with_its_runs(name, kept, rule, mean):
    if not (CASES / name).exists():
        pytest.skip(f"no {CASES / name}")
    runs = prunelaw_sim.read(CASES / name, units="percent")
    best = advise_on_pruning(runs, kept=kept, examples=50_000, replicates=40).choice.best
    assert (best.rule, best.how) == (rule, "measured")
    assert best.error.value == pytest.approx(mean, abs=1e-4)
    own = runs.select(rule=best.rule, keep_fraction=best.keep_fraction)["error"]
    assert best.error.low <= own.min() and own.max() <= best.error.high
    assert best.runs == len(own)


def test_no_law_says_nothing_beyond_the_runs():
    """Of twice the data set 20k at random lie between the runs; all of it does not."""
    found = advise_on_pruning(sweep_of(ONE_SIZE), examples=100_000, kept=20_000, replicates=20)
    assert found.law == "cells" and found.choice.best.how == "between"
    assert found.choice.everything is None and found.choice.over_everything is None
    assert all(curve.keep_fraction.max() <= 0.5 for curve in found.choice.curves)
    assert [note for note in found.warnings if note.kind == "not_modelled"]
    more = advise_on_pruning(sweep_of(ONE_SIZE), examples=100_000, kept=80_000, replicates=20)
    assert more.choice.best.kept == 50_000.0
    (note,) = (note for note in more.warnings if note.kind == "most_not_known")
    assert "more than 50000 kept" in note.message


def test_between_fractions_a_rule_is_between_its_neighbours():
    """Power laws have no curve there: once a gain of exactly 0, that of random keeping."""
    rows = [(p, f, r, (0.8 if r == "hard" and f < 1 else 1.0) * (f * p) ** -0.5)
            for p in (100, 400, 1600) for f in (0.25, 0.5, 1.0) for r in ("hard", "random")
            if f < 1 or r == "random"]  # fmt: skip
    found = advise_on_pruning(sweep_of(rows, step=1e-4), examples=400, kept=140, replicates=40)
    best = found.choice.best
    assert (best.rule, best.how) == ("hard", "between")
    assert found.choice.gain is not None and found.choice.gain.told
    assert best.error.value == pytest.approx(0.8 * 140**-0.5, rel=0.08)


def contradicted(knows_order=False):
    """A law that has hard best beyond the runs; near them all alike, or as they are."""
    cells = [(p, 0.5, r) for p in (100.0, 200.0) for r in ("easy", "hard", "random")]
    points = pd.DataFrame(cells, columns=pd.Index(COLUMNS[:3]))
    worth = {"easy": 0.8, "random": 1.0, "hard": 1.2}
    error = np.array([worth[r] * (f * p) ** -0.5 for p, f, r in cells])
    points = points.assign(error=error, least=error, largest=error, replicates=3)
    draws = error * np.exp(0.02 * np.random.default_rng(0).standard_normal((40, len(error))))

    class Law:
        def errors(self, cells):
            near = worth if knows_order else dict.fromkeys(worth, 1.0)
            far = {**near, "hard": 0.6}
            better = [(far if c.size > 300 else near)[c.rule] for c in cells]
            line = np.array([c.kept**-0.5 for c in cells]) * better
            return np.tile(line, (41, 1))

        def knows(self, cell):
            return True

    return corrected(Law(), points, draws, np.full(len(error), 0.02), 0)


def test_where_the_nearest_runs_contradict_the_order_their_winner_leads():
    laws = contradicted()
    grid = {rule: [Cell(320.0, 0.5, rule)] for rule in ("easy", "hard", "random")}
    found = choose(laws, grid, examples=320.0, level=0.9, sizes=(50.0, 800.0), most=0.5)
    means = {keep.rule: keep.error.value for keep in found.nearest}
    assert list(means) == ["easy", "random", "hard"]
    assert all(keep.how == "measured" and keep.dataset_size == 200.0 for keep in found.nearest)
    assert found.deferred and found.best.rule == "easy"
    assert found.fractions == {} and found.sizes == ()
    assert found.runner_up is not None and found.runner_up.rule == "hard"
    assert found.ahead is not None and found.ahead.value < 0.0


def test_a_law_that_has_the_order_of_the_runs_may_turn_it():
    """A crossing between the runs and the question is no contradiction."""
    laws = contradicted(knows_order=True)
    grid = {rule: [Cell(320.0, 0.5, rule)] for rule in ("easy", "hard", "random")}
    found = choose(laws, grid, examples=320.0, level=0.9, sizes=(50.0, 800.0), most=0.5)
    assert not found.deferred and found.best.rule == "hard"
    assert [keep.rule for keep in found.nearest] == ["easy", "random", "hard"]


def test_really_pruned_digits_are_not_contradicted():
    """Easy has less error than random and hard more, in nearly every measured cell at f = .6."""
    runs = prunelaw_sim.read(ROOT / "docs" / "examples" / "pruned_digits.csv")
    found = advise_on_pruning(runs, examples=400, kept=240)
    assert found.verdict == "not_told" and found.choice.best.rule == "easy"
    assert set(found.choice.tied) == {"random", "runner_up"}
    assert [keep.rule for keep in found.choice.nearest] == ["easy", "random", "hard"]
    drawn = {curve.rule: curve for curve in found.choice.curves}
    for keep in (found.choice.best, found.choice.random, found.choice.runner_up):
        assert keep is not None
        (at,) = np.flatnonzero(np.isclose(drawn[keep.rule].keep_fraction, keep.keep_fraction))
        assert drawn[keep.rule].error[at] == pytest.approx(keep.error.value)


def test_ties_are_named():
    seeds = {"hard": (0.284, 0.292, 0.288), "easy": (0.293, 0.285, 0.289),
             "random": (0.289, 0.286, 0.295)}  # fmt: skip
    frame = sweep_of([row for row in ONE_SIZE if row[1] != 0.5]).frame[COLUMNS]
    more = [(50_000, 0.5, r, s, e) for r, es in seeds.items() for s, e in enumerate(es)]
    frame = pd.concat([frame, pd.DataFrame(more, columns=pd.Index(COLUMNS))], ignore_index=True)
    sweep = Sweep.from_frame(pd.DataFrame(frame), "noisy")
    found = advise_on_pruning(sweep, examples=50_000, kept=25_000, replicates=40)
    assert {"random", "runner_up"} >= set(found.choice.tied) and "runner_up" in found.choice.tied
    assert found.choice.ahead is not None and not found.choice.ahead.told
    assert found.to_dict()["choice"]["tied"] == list(found.choice.tied)
    assert found.to_dict()["how"] == "measured"


def test_a_cell_of_one_run_says_what_stands_in():
    frame = sweep_of(ONE_SIZE).frame
    some: pd.DataFrame = frame.loc[~((frame["keep_fraction"] == 0.5) & (frame["seed"] > 0))]
    points = averaged(Sweep.from_frame(some, "some"), COLUMNS[:3])
    assert np.isfinite(points["error_se"]).all()
    alone, rest = (points.loc[mask] for mask in (points["replicates"] == 1, points["rule"] == "x"))
    assert len(alone) == 2 and rest.empty
    for sweep, words in (
        (some, "2 of 7 cells are one run"),
        (frame.loc[frame["seed"] == 0], "one run"),
    ):
        runs = Sweep.from_frame(pd.DataFrame(sweep), "s")
        found = advise_on_pruning(runs, examples=50_000, kept=25_000, replicates=20)
        assert found.choice.best.runs == 1
        assert any(n.kind == "one_run" and words in n.message for n in found.warnings)
        assert found.choice.best.error.low < found.choice.best.error.high


def test_a_line_is_no_law():
    points = pd.DataFrame([(100.0, 1.0, "random", 0.3), (400.0, 1.0, "random", 0.15)],
                          columns=pd.Index([*COLUMNS[:3], "error"]))  # fmt: skip
    line = KeptLine.through(points, 3)
    assert not line.knows(Cell(800.0, 1.0, "random"))
    assert line.errors([Cell(200.0, 1.0, "random")]) == pytest.approx(0.3 / 2**0.5)


@pytest.mark.parametrize("name", ["other", "one_run"])
@pytest.mark.parametrize("asked", ["measured", "between"])
def test_intervals_hold_where_no_law_is_true(name, asked):
    """A small version of docs/make_advise_coverage.py: 90 % intervals, against the truth."""
    spec = importlib.util.spec_from_file_location("c", ROOT / "docs" / "make_advise_coverage.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [module.judged(name, seed, module.QUESTIONS[asked]) for seed in range(20)]
    assert sum(one["error held"] for one in found) >= 16
    gains = [one["gain held"] for one in found if "gain held" in one]
    assert sum(gains) >= 0.8 * len(gains)
    assert not any(one.get("told wrongly") for one in found)
