"""Every family's formula against plain loops over the same arrays, and cases worked by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.errors import InputError
from prunelaw_sim.scores.base import probabilities
from prunelaw_sim.scores.catalogue.active_learning import mean_prediction_entropy
from prunelaw_sim.scores.catalogue.ddd import fraction_wrong
from prunelaw_sim.scores.catalogue.el2n import error_lengths
from prunelaw_sim.scores.catalogue.forgetting import forgetting_events
from prunelaw_sim.scores.catalogue.margin import margins
from prunelaw_sim.scores.catalogue.memorization import memorization
from prunelaw_sim.scores.clusters import distance_to_nearest
from prunelaw_sim.scores.leave_out import influence, kept_rows, training_masks


def rng():
    return np.random.default_rng(5)


def test_probabilities_sum_to_one_and_do_not_overflow():
    p = probabilities(np.array([[1000.0, 0.0], [0.0, math.log(3.0)]]))
    np.testing.assert_allclose(p, [[1.0, 0.0], [0.25, 0.75]], rtol=1e-15)


def test_margin_is_best_minus_second():
    logits = rng().normal(size=(20, 4)).astype(np.float32)
    for row, margin in zip(logits.tolist(), margins(logits), strict=True):
        best, second, *_ = sorted(row, reverse=True)
        assert margin == best - second


def test_el2n_is_the_mean_length_of_the_error_vector():
    p, labels = probabilities(rng().normal(size=(3, 7, 4))), rng().integers(0, 4, 7)
    for i in range(7):
        lengths = [
            math.sqrt(sum((p[m, i, c] - (c == labels[i])) ** 2 for c in range(4))) for m in range(3)
        ]
        assert error_lengths(p, labels)[i] == pytest.approx(sum(lengths) / 3, rel=1e-14)


def test_el2n_of_a_sure_error_is_sqrt_two():
    p = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    np.testing.assert_allclose(error_lengths(p, np.array([0, 0])), [math.sqrt(2), 0.0])


def test_forgetting_by_hand():
    histories = {
        "11111": 0,  # never forgotten
        "01111": 0,  # learned late
        "01010": 2,
        "10110": 2,
        "00001": 0,
        "00000": 5,  # never learned: more than any other
    }
    correct = np.array([[int(c) for c in text] for text in histories], dtype=bool).T[np.newaxis]
    np.testing.assert_array_equal(forgetting_events(correct), list(histories.values()))


def test_forgetting_against_a_loop():
    correct = rng().random((3, 6, 40)) < 0.5
    for i, score in enumerate(forgetting_events(correct)):
        counts = []
        for run in correct[:, :, i].tolist():
            events = sum(a and not b for a, b in pairwise(run))
            counts.append(events if any(run) else len(run))
        assert score == pytest.approx(sum(counts) / 3)


@given(st.integers(10, 60), st.integers(1, 4), st.integers(0, 9), st.integers(0, 2**32))
def test_leave_out_is_balanced(count, rounds, more, seed):
    kept = round(0.7 * count)
    models = 10 * rounds + more
    masks = training_masks(models, count, kept, 10, np.random.default_rng(seed))
    assert (masks.sum(axis=1) == kept).all()
    for first in range(0, 10 * rounds, 10):
        left_out = (~masks[first : first + 10]).sum(axis=0)
        assert left_out.min() >= 1  # each example is left out in every round,
        assert left_out.max() <= math.ceil(10 * (count - kept) / count) + 1  # and about equally
        assert masks[first : first + 10].any(axis=0).all()
    rows = kept_rows(masks, np.arange(count) + 100)
    assert all(
        set(row) == set(np.flatnonzero(mask) + 100) for row, mask in zip(rows, masks, strict=True)
    )


@given(st.integers(2, 30))
def test_halves_judge_everything(count):
    masks = training_masks(4, count, count // 2, 2, rng())
    assert (~masks[:2]).any(axis=0).all() and (~masks[2:]).any(axis=0).all()


def test_leave_out_needs_a_round_of_models_and_a_pool():
    with pytest.raises(InputError, match="models must be 10 or more"):
        training_masks(9, 100, 70, 10, rng())
    with pytest.raises(InputError, match="pool of 1 is too small"):
        training_masks(10, 1, 1, 10, rng())


def test_memorization_and_influence_against_loops():
    masks = training_masks(20, 12, 8, 10, rng())
    correct = rng().random((20, 12)) < 0.6
    table = influence(masks, correct)
    for i in range(12):
        for j in range(12):
            inside = [correct[k, j] for k in range(20) if masks[k, i]]
            outside = [correct[k, j] for k in range(20) if not masks[k, i]]
            wanted = sum(inside) / len(inside) - sum(outside) / len(outside)
            assert table[i, j] == pytest.approx(wanted, abs=1e-14)
    np.testing.assert_allclose(memorization(masks, correct), np.diag(table), atol=1e-14)


def test_what_is_right_only_when_trained_on_is_memorized():
    masks = training_masks(10, 10, 7, 10, rng())
    np.testing.assert_array_equal(memorization(masks, masks), np.ones(10))
    np.testing.assert_array_equal(memorization(masks, np.ones_like(masks)), np.zeros(10))


def test_agreement_and_entropy_ask_judges_only():
    judges = training_masks(6, 9, 4, 2, rng())
    wrong = rng().random((6, 9)) < 0.5
    p = probabilities(rng().normal(size=(6, 9, 3)))
    for i in range(9):
        mine = [m for m in range(6) if judges[m, i]]
        assert fraction_wrong(wrong, judges)[i] == sum(wrong[m, i] for m in mine) / len(mine)
        mean = [sum(p[m, i, c] for m in mine) / len(mine) for c in range(3)]
        entropy = -sum(q * math.log(q) for q in mean)
        assert mean_prediction_entropy(p, judges)[i] == pytest.approx(entropy, rel=1e-13)


def test_entropy_of_sure_and_of_torn_ensembles():
    p = np.array([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    entropies = mean_prediction_entropy(p, np.ones((2, 2), dtype=bool))
    np.testing.assert_allclose(entropies, [0.0, math.log(2)])


def test_distance_is_one_less_the_largest_cosine():
    embedding, centres = rng().normal(size=(8, 3)), rng().normal(size=(4, 3))
    for e, distance in zip(embedding, distance_to_nearest(embedding, centres), strict=True):
        cosines = [e @ c / math.sqrt((e @ e) * (c @ c)) for c in centres]
        assert distance == pytest.approx(1 - max(cosines), abs=1e-14)
    assert distance_to_nearest(np.zeros((1, 3)), centres)[0] == 1.0
