"""Laws corrected by the runs: what was measured is said, what lies between is near it."""

import numpy as np
import pandas as pd
import pytest

from prunelaw_sim.advice.cell_laws import Cell, KeptLine
from prunelaw_sim.advice.local import between, corrected, place_of
from prunelaw_sim.advice.on_pruning import advise_on_pruning
from prunelaw_sim.tables.sweep import Sweep

SIZES, FRACTIONS = (100.0, 200.0, 400.0), (0.25, 0.5)


def truth(size, f, rule):
    """Hard keeping pays above 150 examples, which no line in log kept says."""
    worth = np.where(rule == "hard", 1.0 - 0.3 * (1 - f) * np.tanh(np.log(size / 150.0)), 1.0)
    return 2.0 * worth * (f * size) ** -0.5


def table(noise=0.0, replicates=30):
    cells = [(p, f, r) for p in SIZES for f in FRACTIONS for r in ("hard", "random")]
    cells += [(p, 1.0, "random") for p in SIZES]
    points = pd.DataFrame(cells, columns=pd.Index(["dataset_size", "keep_fraction", "rule"]))
    error = np.array([float(truth(*cell)) for cell in cells])
    points = points.assign(error=error, least=0.99 * error, largest=1.01 * error, replicates=1)
    random = np.random.default_rng(0)
    draws = error * np.exp(noise * random.standard_normal((replicates, len(points))))
    return points, draws


@pytest.fixture(scope="module")
def local():
    points, draws = table(noise=0.01)
    line = KeptLine.through(points, len(draws))
    return corrected(line, points, draws, np.full(len(points), 0.01), 0)


def test_a_measured_cell_answers_with_its_mean(local):
    cell = Cell(200.0, 0.5, "hard")
    found = local.errors([cell])[:, 0]
    assert found[0] == pytest.approx(float(truth(*cell)), rel=1e-12)
    assert np.std(np.log(found[1:])) == pytest.approx(0.01, rel=0.4)
    assert local.how(cell) == "measured"


def test_between_cells_the_runs_are_followed_and_far_away_the_law(local):
    near, far = Cell(280.0, 0.5, "hard"), Cell(1e6, 0.5, "hard")
    (value, *draws), (_, *wild) = local.errors([near, far]).T
    low, high = np.quantile(draws, [0.05, 0.95])
    assert low <= float(truth(*near)) <= high
    assert value == pytest.approx(float(truth(*near)), rel=0.05)
    assert abs(local.law.errors([near])[0, 0] / float(truth(*near)) - 1) > 0.06
    assert np.std(np.log(wild)) > 3 * np.std(np.log(draws))
    assert (local.how(near), local.how(far)) == ("between", "unknown")  # a line is no law


def test_a_law_that_describes_the_runs_is_left_alone():
    points, draws = table(noise=0.01)
    points["error"] = 2.0 * (points["dataset_size"] * points["keep_fraction"]) ** -0.5
    line = KeptLine.through(points, len(draws))
    found = corrected(line, points, draws, np.full(len(points), 0.01), 0)
    assert found.scales == (0.0, 0.0)


def test_places_are_found_as_printed():
    cells = [Cell(50_000.0, 0.3, "hard"), Cell(50_000.0, 0.5, "random")]
    assert place_of(Cell(50_000.0, 0.301, "hard"), cells) == 0
    assert place_of(Cell(25_000.0, 1.0, "easy"), cells) == 1  # all of half as many
    assert place_of(Cell(50_000.0, 0.4, "hard"), cells) is None
    assert between(Cell(50_000.0, 0.3, "hard"), cells)
    assert not between(Cell(50_000.0, 0.4, "hard"), cells)  # only one fraction, and no whole set


@pytest.mark.parametrize("kept", [15_000.0, 25_000.0])
def test_one_size_answers_with_its_cells(kept):
    """Three seeds a cell at one size: the measured winner, with an interval that holds its runs."""
    rows = [
        (50_000, f, rule, seed, error + 0.0004 * seed)
        for rule, f, error in [
            ("random", 0.1, 0.55), ("random", 0.3, 0.371), ("random", 0.5, 0.29),
            ("random", 1.0, 0.22), ("hard", 0.1, 0.88), ("hard", 0.3, 0.539), ("hard", 0.5, 0.2985),
            ("ccs", 0.3, 0.365), ("ccs", 0.5, 0.31),
        ]
        for seed in range(3)
    ]  # fmt: skip
    names = ["dataset_size", "keep_fraction", "rule", "seed", "error"]
    sweep = Sweep.from_frame(pd.DataFrame(rows, columns=pd.Index(names)), "one.csv")
    best = advise_on_pruning(sweep, examples=50_000, kept=kept, replicates=30).choice.best
    winner = {15_000.0: ("ccs", 0.365), 25_000.0: ("random", 0.29)}[kept]
    assert (best.rule, best.how) == (winner[0], "measured")
    assert best.error.value == pytest.approx(winner[1] + 0.0004)
    assert best.error.low <= winner[1] and best.error.high >= winner[1] + 0.0008
