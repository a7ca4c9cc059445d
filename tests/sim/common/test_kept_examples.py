"""Which examples a rule keeps: exact counts, order, ties and class floors over the whole domain."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import (
    hardness_order,
    kept_examples,
    preference,
    rounded_count,
    tied_count,
)

RULES = ("hard", "easy", "random", "quantiles:0.3", "quantiles:0,1")
fractions = st.floats(1e-3, 1.0)
seeds = st.integers(0, 2**31)


@st.composite
def scored(draw):
    """Scores with many ties or none, and labels of unequal classes."""
    count = draw(st.integers(1, 80))
    rng = np.random.default_rng(draw(seeds))
    levels = draw(st.sampled_from([1, 3, 1000]))
    labels = np.minimum(rng.geometric(0.4, count) - 1, 4)
    return rng.integers(0, levels, count).astype(float), labels


@settings(max_examples=15)
@given(scored(), fractions, st.sampled_from(RULES), seeds)
def test_the_number_kept_is_exact_and_none_twice(example, f, rule, seed):
    scores, _ = example
    kept = kept_examples(scores, f, rule, seed=seed)
    assert len(kept) == max(1, int(np.floor(f * len(scores) + 0.5)))
    assert (np.diff(kept) > 0).all() and kept[0] >= 0 and kept[-1] < len(scores)
    np.testing.assert_array_equal(kept, kept_examples(scores, f, rule, seed=seed))


@settings(max_examples=15)
@given(scored(), fractions, seeds)
def test_hard_keeps_the_largest_and_easy_the_smallest(example, f, seed):
    scores, _ = example
    for sign, rule in ((1, "hard"), (-1, "easy")):
        kept = kept_examples(scores, f, rule, seed=seed)
        left = np.setdiff1d(np.arange(len(scores)), kept)
        if len(left):
            assert (sign * scores[kept]).min() >= (sign * scores[left]).max()


@settings(max_examples=15)
@given(scored(), fractions, fractions, st.sampled_from(RULES), seeds)
def test_more_kept_keep_what_fewer_kept(example, one, other, rule, seed):
    scores, _ = example
    few, many = (set(kept_examples(scores, f, rule, seed=seed)) for f in sorted((one, other)))
    assert few <= many


@settings(max_examples=15)
@given(scored(), fractions, st.sampled_from(RULES), seeds)
def test_only_ranks_matter(example, f, rule, seed):
    scores, _ = example
    kept = kept_examples(scores, f, rule, seed=seed)
    np.testing.assert_array_equal(kept, kept_examples(np.exp(scores / 500), f, rule, seed=seed))


@settings(max_examples=15)
@given(scored(), fractions, st.sampled_from(RULES), st.floats(0, 1), seeds)
def test_every_class_has_its_share_or_all_it_has(example, f, rule, share, seed):
    scores, labels = example
    kept = kept_examples(scores, f, rule, seed=seed, labels=labels, class_share=share)
    assert len(kept) == max(1, int(np.floor(f * len(scores) + 0.5)))
    there, held = Counter(labels.tolist()), Counter(labels[kept].tolist())
    for label, count in there.items():
        assert held[label] >= min(count, int(share * len(kept) / len(there)))


@settings(max_examples=15)
@given(scored(), fractions, st.floats(0, 1), seeds)
def test_balance_prefers_by_score_within_and_beyond_the_floors(example, f, share, seed):
    """Against a plain loop: the hardest of each class up to its floor, then the hardest of all."""
    scores, labels = example
    order = hardness_order(scores, seed)[::-1].tolist()
    wanted = max(1, int(np.floor(f * len(scores) + 0.5)))
    classes = sorted(set(labels.tolist()))
    floor = int(share * wanted / len(classes) + 1e-9)
    chosen = []
    for label in classes:
        chosen += [i for i in order if labels[i] == label][:floor]
    chosen += [i for i in order if i not in chosen][: wanted - len(chosen)]
    kept = kept_examples(scores, f, "hard", seed=seed, labels=labels, class_share=share)
    assert sorted(chosen) == kept.tolist()


def test_a_floor_is_not_lost_to_rounding():
    """0.7 of 30/3 is 7, though 0.7 * 30 / 3 is just less in floating point."""
    labels = np.repeat([0, 1, 2], 20)
    scores = np.where(labels == 0, 2.0, labels)
    kept = kept_examples(scores, 0.5, "hard", labels=labels, class_share=0.7)
    assert np.bincount(labels[kept]).min() == 7


def test_bands_by_hand():
    scores = np.arange(10.0)
    assert kept_examples(scores, 0.3, "quantiles:0.45").tolist() == [3, 4, 5]
    assert kept_examples(scores, 0.2, "quantiles:1").tolist() == [8, 9]
    assert kept_examples(scores, 0.2, "quantiles:0").tolist() == [0, 1]
    assert kept_examples(scores, 0.4, "quantiles:0.2,0.6").tolist() == [2, 3, 4, 5]
    assert set(kept_examples(scores, 0.2, "quantiles:0.2,0.6")) < {2, 3, 4, 5}


def test_ties_are_broken_at_random_by_the_seed():
    scores = np.zeros(1000)
    first, again, other = (kept_examples(scores, 0.5, "hard", seed=s) for s in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()
    assert 400 < first.mean() < 600  # not the first or the last ones: 499.5 ± 9
    assert 200 < len(np.intersect1d(first, other)) < 300  # independent: 250 ± 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.array([1.0, np.nan]), 0.5, "hard"), "scores must be finite .* at index 1"),
        ((np.zeros(0), 0.5, "hard"), "scores must hold one example or more"),
        ((np.arange(4.0), 0.0, "hard"), r"f must be finite and in \(0, 1\], got 0"),
        ((np.arange(4.0), 1.5, "hard"), r"f must be finite and in \(0, 1\]"),
        ((np.arange(4.0), 0.5, "soft"), "rule must be hard, easy, random"),
        ((np.arange(4.0), 0.5, "quantiles:"), "'' is not a number"),
        ((np.arange(4.0), 0.5, "band:0.2,0.6"), "rule must be one of ranks, .* got band:0.2,0.6"),
        ((np.arange(4.0), 0.5, "quantiles:0.5,0.2"), "rule quantiles:0.5,0.2 .* LOW < HIGH"),
        ((np.arange(4.0), 0.5, "quantiles:nan"), "must be of quantiles in"),
        ((np.arange(4.0), 0.5, "hard:1"), "rule must be"),
        ((np.arange(4.0), 0.75, "quantiles:0,0.5"), "holds 2 of 4 examples: f must be at most 0.5"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        kept_examples(*arguments)


def test_bad_class_balance():
    scores = np.arange(4.0)
    with pytest.raises(InputError, match="class_share needs labels"):
        kept_examples(scores, 0.5, "hard", class_share=0.5)
    with pytest.raises(InputError, match="labels must be one for each of 4 scores, got 3"):
        kept_examples(scores, 0.5, "hard", class_share=0.5, labels=np.arange(3))
    with pytest.raises(InputError, match=r"class_share must be finite and in \[0, 1\]"):
        kept_examples(scores, 0.5, "hard", class_share=2.0)


def test_tied_counts_all_that_are_not_alone():
    assert tied_count(np.array([1.0, 2.0, 2.0, 3.0, 3.0, 3.0])) == 5
    assert tied_count(np.array([1.0, 2.0])) == 0


def test_halves_round_up():
    """Of 5 and of 13 examples: 2.5 and 6.5; edges of a band of 10 at 2.5 and 6.5."""
    assert [len(kept_examples(np.arange(n), 0.5, "hard")) for n in (5.0, 13.0)] == [3, 7]
    assert kept_examples(np.arange(10.0), 0.4, "quantiles:0.25,0.65").tolist() == [3, 4, 5, 6]


def test_the_simulation_prunes_by_the_same_preference():
    """What teacher draws for hard and easy are the examples that `kept_examples` keeps."""
    z = np.random.default_rng(0).normal(size=51)
    for rule in ("hard", "easy"):
        first = preference(rule, -np.abs(z))[: rounded_count(0.5, 51)]
        assert sorted(first) == kept_examples(-np.abs(z), 0.5, rule).tolist()
