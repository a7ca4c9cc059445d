"""The data of a trial: distribution, keep rules, reproducibility, bad input."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from prunelaw.errors import InputError
from prunelaw_sim.simulation.batches import draw_batch
from prunelaw_sim.simulation.point import example_counts, make_point
from prunelaw_sim.simulation.teacher import draw_kept
from prunelaw_sim.students.hard_margin import padded, stacked


def probe_fields(rows: np.ndarray, theta: float) -> np.ndarray:
    """|z| = |y z| of rows y x."""
    return np.abs(np.cos(theta) * rows[:, 0] + np.sin(theta) * rows[:, 1])


def test_counts_round_halves_up():
    assert example_counts(3, 0.5, 200) == (600, 300)
    assert example_counts(0.5, 0.5, 5) == (3, 2)  # 2.5 -> 3 and 1.5 -> 2
    assert example_counts(1e-3, 1, 500) == (1, 1)


def test_padding_is_a_power_of_two():
    assert [padded(count) for count in (1, 256, 257, 3000)] == [256, 256, 512, 4096]


@pytest.mark.parametrize("theta", [0.0, 0.7, np.pi / 2])
def test_rules_split_the_same_pool(theta):
    """hard at f and easy at 1 - f are complementary parts of one pool, which is `f = 1`."""
    args = {"theta": theta, "dim": 20, "seed": 3, "trial": 5}
    everything = draw_kept(5, 1.0, rule="hard", **args)
    hard, easy = draw_kept(5, 0.3, rule="hard", **args), draw_kept(5, 0.7, rule="easy", **args)
    random = draw_kept(5, 0.3, rule="random", **args)
    assert hard.shape == (30, 20) and easy.shape == (70, 20)
    assert probe_fields(hard, theta).max() < probe_fields(easy, theta).min()
    union = np.concatenate([hard, easy])[:, :2]
    np.testing.assert_array_equal(np.sort(union, axis=0), np.sort(everything[:, :2], axis=0))
    assert {tuple(row) for row in random[:, :2]} <= {tuple(row) for row in everything[:, :2]}


def test_teacher_separates_every_row():
    for rule in ("hard", "easy", "random"):
        assert draw_kept(20, 0.4, 0.5, rule, dim=20, seed=1)[:, 0].min() > 0


def test_distribution_of_the_unpruned_pool():
    """y x: the teacher field is half-normal, all others normal and independent of it."""
    rows = np.concatenate([draw_kept(50, 1.0, dim=20, trial=i) for i in range(20)])
    assert kstest(rows[:, 0], lambda x: 2 * norm.cdf(x) - 1).pvalue > 1e-4
    for column in range(1, 20):
        assert kstest(rows[:, column], norm.cdf).pvalue > 1e-4
    correlation = np.corrcoef(rows.T)
    assert np.abs(correlation - np.eye(20)).max() < 5 / np.sqrt(len(rows))


def test_random_keeps_any_field():
    rows = np.concatenate([draw_kept(50, 0.2, 0.4, "random", dim=20, trial=i) for i in range(20)])
    assert kstest(probe_fields(rows, 0.4), lambda x: 2 * norm.cdf(x) - 1).pvalue > 1e-4


def test_kept_fields_follow_the_cut_normal():
    """Hard at f keeps |z| below its f-quantile: uniform ranks in (0, f), up to 1/P."""
    rows = np.concatenate([draw_kept(50, 0.3, 0.4, dim=20, trial=i) for i in range(20)])
    rank = (2 * norm.cdf(probe_fields(rows, 0.4)) - 1) / 0.3
    assert rank.max() < 1.2
    assert kstest(np.minimum(rank, 1), "uniform").pvalue > 1e-4


def test_a_trial_depends_on_seed_and_index_alone():
    drawn = draw_batch(make_point(3, 0.5, 0.3, "hard", 20, 7), np.arange(4))
    batch, counts = stacked(drawn.rows, 1)
    assert (counts == 30).all()
    alone = draw_kept(3, 0.5, 0.3, dim=20, seed=7, trial=2)
    np.testing.assert_array_equal(batch[2, :, : counts[2]].T, alone)
    assert (batch[:, :, counts[2] :] == 0).all()
    assert not np.array_equal(alone, draw_kept(3, 0.5, 0.3, dim=20, seed=8, trial=2))
    assert not np.array_equal(alone, draw_kept(3, 0.5, 0.3, dim=20, seed=7, trial=3))


def test_a_larger_pool_extends_a_smaller_one():
    """600 examples of which 500 are those of the smaller pool; other coordinates go by rank."""
    shorter = draw_kept(25, 1.0, dim=20, seed=1)
    longer = draw_kept(30, 1.0, dim=20, seed=1)
    shared = {tuple(row) for row in shorter[:, :2]} & {tuple(row) for row in longer[:, :2]}
    assert len(shared) == 500
    np.testing.assert_array_equal(shorter[:, 2:], longer[:500, 2:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha_tot": 0}, "alpha_tot"),
        ({"alpha_tot": np.inf}, "alpha_tot"),
        ({"alpha_tot": [1.0, 2.0]}, "alpha_tot"),
        ({"f": 0}, "f must"),
        ({"f": 1.1}, "f must"),
        ({"f": 1e-9}, "at least one must be kept"),
        ({"theta": -0.1}, "theta"),
        ({"theta": 1.6}, "theta"),
        ({"rule": "middle"}, "rule"),
        ({"dim": 1}, "dim"),
        ({"dim": 20.0}, "dim"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"trial": -1}, "trial"),
    ],
)
def test_bad_input(changes, message):
    with pytest.raises(InputError, match=message):
        draw_kept(**({"alpha_tot": 3, "f": 0.5, "dim": 20} | changes))


def test_two_dimensions():
    assert draw_kept(5, 0.5, 0.3, dim=2).shape == (5, 2)
