"""Scores of the examples at hand: which are kept, and where the border lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunelaw
from prunelaw_sim.advice.on_scores import advise_on_scores
from prunelaw_sim.scores.files import Scores, read_scores

VALUES = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
WHOLE = st.lists(st.integers(0, 6), min_size=2, max_size=30)


@pytest.mark.parametrize(
    "high, rule, kept, side, value",
    [("hard", "hard", {0, 2}, "above", 4.0), ("hard", "easy", {1, 3}, "below", 2.0),
     ("keep", "hard", {0, 2}, "above", 4.0)],
)  # fmt: skip
def test_the_ends_of_the_scores(high, rule, kept, side, value):
    found = advise_on_scores(Scores(VALUES, high=high), rule, 0.4)
    assert set(found.indices.tolist()) == kept
    (border,) = found.borders
    assert (border.kept_side, border.value, border.tied) == (side, value, 1)


def test_confidences_are_turned_and_shown_as_they_are():
    """high = easy: a file of confidences, whose hard examples are the lowest."""
    found = advise_on_scores(Scores(-VALUES, high="easy"), "hard", 0.4)
    assert set(found.indices.tolist()) == {1, 3}
    (border,) = found.borders
    assert (border.kept_side, border.value) == ("below", 2.0)
    assert found.quantiles["100 %"] == 5.0


def test_a_band_has_two_borders_and_everything_none():
    found = advise_on_scores(Scores(VALUES, high="hard"), "quantiles:0.5", 0.6)
    assert [(b.kept_side, b.value) for b in found.borders] == [("above", 2.0), ("below", 4.0)]
    assert advise_on_scores(Scores(VALUES, high="hard"), "easy", 1.0).borders == ()
    assert advise_on_scores(Scores(VALUES), "random", 0.4).borders == ()


@given(WHOLE, st.floats(0.05, 1.0), st.sampled_from(["hard", "easy"]))
def test_the_border_parts_kept_from_dropped(values, f, rule):
    """All beyond the border are kept, none on the other side, and ties are counted."""
    own = np.array(values, dtype=float)
    found = advise_on_scores(Scores(own, high="hard"), rule, f)
    kept = np.isin(np.arange(len(own)), found.indices)
    assert found.kept == kept.sum() == max(1, round(f * len(own)))
    if kept.all():
        assert found.borders == ()
        return
    (border,) = found.borders
    beyond = own > border.value if rule == "hard" else own < border.value
    assert kept[beyond].all() and not kept[~beyond & (own != border.value)].any()
    assert border.tied == (own == border.value).sum()
    assert border.tied_kept == kept[own == border.value].sum()


@pytest.mark.parametrize("rule", ["easy", "quantiles:0.5"])
def test_what_high_means_must_be_known(rule):
    with pytest.raises(prunelaw.InputError, match=r"hard or easy .*high="):
        advise_on_scores(Scores(VALUES), rule, 0.4)


def test_kept_ids_are_written_once(tmp_path):
    ids = ("a", "b", "c", "d", "e")
    found = advise_on_scores(Scores(VALUES, ids, high="hard"), "hard", 0.4)
    path = found.write_kept(tmp_path / "kept.csv")
    again = read_scores(path)
    assert again.ids == ("a", "c") and again.high == "hard" and again.provenance["rule"] == "hard"
    with pytest.raises(prunelaw.InputError, match="not overwritten"):
        found.write_kept(path)
    numbered = advise_on_scores(Scores(VALUES, high="hard"), "hard", 0.4)
    assert read_scores(numbered.write_kept(tmp_path / "numbers.csv")).ids == ("0", "2")
