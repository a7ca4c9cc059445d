"""Choices among rules and fractions: laws in closed form, plain loops, identities."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunelaw
from prunelaw_sim.advice.cell_laws import RANDOM, Cell, TheoryLaws, fit_curves, resampled
from prunelaw_sim.advice.choice import SAME, choose, spans
from prunelaw_sim.advice.gains import gains_differ, measured_gains, worst_gain
from prunelaw_sim.advice.question import rank_cells
from prunelaw_sim.tables.sweep import Sweep

FRACTIONS = (0.2, 0.4, 0.8, 1.0)


class Made:
    """Hard keeping is worth `factor` times as many random examples, error 1/kept; a row a law."""

    def __init__(self, factors):
        self.factors = np.array(factors)

    def errors(self, cells):
        worth = [[c.kept * (f if c.rule == "hard" and c.keep_fraction < 1 else 1.0) for c in cells]
                 for f in self.factors]  # fmt: skip
        return 1.0 / np.array(worth)

    def knows(self, cell):
        return True


def made(factors, examples=100.0, most=1.0):
    grid = {rule: [Cell(examples, f, rule) for f in FRACTIONS] for rule in ("hard", "random")}
    return choose(
        Made(factors), grid, examples=examples, level=0.9, sizes=(10.0, 1000.0), most=most
    )


def test_a_rule_that_is_worth_it_is_chosen():
    found = made([1.5, 1.4, 1.6])
    assert (found.best.rule, found.best.keep_fraction) == ("hard", 0.8)
    assert found.best.error.value == pytest.approx(1.0 / 120.0)
    assert found.random.error.value == pytest.approx(1.0 / 80.0)
    assert found.gain.value == pytest.approx(1.0 / 80.0 - 1.0 / 120.0) and found.gain.told
    assert found.over_everything.value == pytest.approx(1.0 / 100.0 - 1.0 / 120.0)
    assert found.rival.keep_fraction == 1.0
    (span,) = found.fractions["hard"]
    assert (span.low, span.open_low) == (0.2, True) and span.told == (0.2, 0.8)
    assert found.sizes[0].open_low and found.sizes[0].open_high


def test_where_nothing_is_gained_everything_is_kept():
    found = made([0.9, 0.8, 1.4])
    assert found.best.keep_fraction == 1.0 and found.best.rule == "random"
    assert found.gain.value == 0.0 and found.fractions["hard"] == () and found.sizes == ()
    assert found.runner_up.rule == "hard" and not found.ahead.told


def test_of_a_budget_no_more_is_chosen():
    found = made([1.5, 1.4, 1.6], most=0.4)
    assert (found.best.rule, found.best.keep_fraction) == ("hard", 0.4)
    assert found.everything.keep_fraction == 1.0 and found.rival.rule == "random"
    assert found.rival.keep_fraction == 0.4


def test_fewest_examples_within_a_twentieth():
    """Hard keeping of .8 costs 1.6 % more than everything, or is not close enough to say so."""
    found = made([1.02, 1.01, 1.03])
    assert found.best.keep_fraction == 1.0 and found.least is None
    close = made([1.23, 1.22, 1.24])  # at .8: .984 of everything
    assert close.best.keep_fraction == 1.0
    assert (close.least.rule, close.least.keep_fraction) == ("hard", 0.8)
    assert close.rival == close.least


@given(
    st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=12),
    st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=5),
)
def test_spans_are_the_stretches_of_gain(gain, moves):
    """A plain loop over the points, whose crossings lie between their neighbours."""
    x = np.arange(1.0, len(gain) + 1.0)
    gains = np.array([gain, *(np.array(gain) + move for move in moves)])
    found = spans(x, gains, 0.05)
    inside = [any(s.low <= v <= s.high for s in found) for v in x]
    assert all(was == (g > SAME) or abs(g) <= 2 * SAME
               for was, g in zip(inside, gain, strict=True))  # fmt: skip
    for span in found:
        assert span.open_low == (span.low == 1.0) and span.open_high == (span.high == x[-1])
        if span.told is not None:
            assert span.low <= span.told[0] <= span.told[1] <= span.high


def test_a_run_leaves_what_conditioning_leaves():
    """Against the conditional variance of a joint normal, from the covariance matrix."""
    random = np.random.default_rng(2)
    values = random.standard_normal((400, 3)) @ random.standard_normal((3, 3))

    class Table:
        def errors(self, cells):
            return np.vstack([np.zeros(3), values])[:, [int(c.size) for c in cells]]

    cells = [Cell(float(i), 1.0, "random") for i in range(3)]
    (run,) = rank_cells(Table(), cells[0], cells[1], cells[2:], 0.7)
    joint = np.cov(np.stack([values[:, 1] - values[:, 0], values[:, 2]]), bias=True)
    left = joint[0, 0] - joint[0, 1] ** 2 / (joint[1, 1] + 0.49)
    assert run.doubt_now**2 == pytest.approx(joint[0, 0])
    assert run.doubt_after**2 == pytest.approx(left)


def cells_frame(error_of, fractions=(0.25, 0.5), sizes=(100, 200, 400)):
    rows = [(p, f, r, error_of(p, f, r)) for p in sizes for f in fractions
            for r in ("hard", "random")]  # fmt: skip
    columns = ["dataset_size", "keep_fraction", "rule", "error"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def test_curves_come_back():
    """Noise-free curves without a floor; random keeping is one curve in the kept examples."""

    def law(size, f, rule):
        return 2.0 * (f * size) ** -0.4 if rule == "random" else (3.0 - f) * size**-0.6

    points = cells_frame(law)
    found = fit_curves(points, points["error"].to_numpy()[None], np.full(len(points), 0.01))
    assert found.pairs == ((0.25, "hard"), (0.5, "hard"), RANDOM)
    assert found.floor[0] == 0.0
    assert found.exponents[0] == pytest.approx([0.6, 0.6, 0.4])
    asked = [Cell(1600.0, 0.25, "hard"), Cell(1600.0, 0.1, "random"), Cell(160.0, 1.0, "hard")]
    expected = [law(1600, 0.25, "hard"), law(1600, 0.1, "random"), law(160, 1.0, "random")]
    assert found.errors(asked)[0] == pytest.approx(expected)
    unmeasured = found.errors([Cell(100.0, 0.3, "hard")])[0]  # as many at random
    assert unmeasured == pytest.approx([law(100, 0.3, "random")])


def test_replicates_of_the_theory_are_the_theory():
    """Rows of other parameters, by the table (a thousandth, as it says), against exact solves."""
    laws = TheoryLaws(np.array([50.0, 40.0, 60.0]), np.array([0.3, 0.35, 0.25]),
                      np.array([0.7, 0.8, 0.6]), np.array([0.0, 0.01, 0.02]))  # fmt: skip
    cells = [Cell(200.0, 0.5, "hard"), Cell(300.0, 0.5, "hard"), Cell(200.0, 0.5, "random")]
    found = laws.errors(cells)
    for i in range(3):
        exact = [
            prunelaw.solve(c.size / laws.dimension[i], c.keep_fraction, laws.theta[i], c.rule).error
            for c in cells
        ]
        expected = laws.floor[i] + laws.scale[i] * np.array(exact)
        assert found[i] == pytest.approx(expected, rel=1e-12 if i == 0 else 1e-3)


def test_draws_have_the_covariance_of_the_means():
    """200 seeds, whose noise is partly common: Student's tails are normal then."""
    random = np.random.default_rng(4)
    points = cells_frame(lambda *_: 0.3, fractions=(0.5,), sizes=(100, 200)).assign(replicates=200)
    noise = 0.02 * (random.standard_normal((200, 4)) + random.standard_normal((200, 1)))
    frame = pd.concat(
        [points.assign(seed=float(s), error=0.3 + noise[s]) for s in range(200)],
        ignore_index=True,
    ).drop(columns="replicates")
    points["error"] = 0.3 + noise.mean(axis=0)
    order = points.sort_values(["dataset_size", "keep_fraction", "rule"]).reset_index(drop=True)
    drawn, said = resampled(Sweep.from_frame(frame), order, np.full(4, 1.0), 4000, 1)
    assert "200 seeds" in said
    expected = np.cov(noise.T) / 200
    assert np.cov(drawn.T) == pytest.approx(expected, rel=0.15)
    alone, said = resampled(Sweep.from_frame(order.drop(columns="replicates")), order,
                            np.full(4, 0.01), 4000, 1)  # fmt: skip
    assert "independently" in said
    assert np.log(alone).std(axis=0) * 0.3 == pytest.approx(np.full(4, 0.01), rel=0.05)


def gains_table(predicted_gain, measured=0.02, seeds=6, sizes=(100.0, 200.0)):
    """Hard keeping measured `measured` better than random, with noise that seeds share."""
    random = np.random.default_rng(5)
    rows, runs = [], []
    for size in sizes:
        for rule in ("hard", "random"):
            better = measured if rule == "hard" else 0.0
            errors = 0.3 - better + 0.001 * random.standard_normal(seeds)
            errors += 0.05 * np.linspace(-1.0, 1.0, seeds)  # common to a seed
            runs += [(size, 0.5, rule, float(s), e) for s, e in enumerate(errors)]
            predicted = 0.3 - (predicted_gain if rule == "hard" else 0.0)
            rows.append((size, 0.5, rule, errors.mean(), 0.02, predicted))
    keys = ["dataset_size", "keep_fraction", "rule"]
    sweep = Sweep.from_frame(pd.DataFrame(runs, columns=pd.Index([*keys, "seed", "error"])))
    return sweep, pd.DataFrame(rows, columns=pd.Index([*keys, "error", "error_se", "predicted"]))


def test_gains_are_held_against_the_runs_seed_by_seed():
    """Errors of ± .02 hide a wrong gain of .01; differences inside seeds do not."""
    gains, freedom = measured_gains(*gains_table(0.02))
    assert freedom == 10.0 and len(gains) == 2
    assert gains["gain"].to_numpy() == pytest.approx(0.02, abs=0.002)
    assert gains["gain_se"].to_numpy() == pytest.approx(0.001 * (2 / 6) ** 0.5, rel=0.5)
    assert gains_differ(gains, freedom) > 0.01
    wrong = measured_gains(*gains_table(0.01))
    assert gains_differ(*wrong) < 1e-3 and "predicted" in worst_gain(wrong[0])
