"""The sweep table: what it refuses, with which words, and that what it keeps is what was given."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.errors import InputError, TableError
from prunelaw_sim.tables.columns import COLUMNS, is_error_rate
from prunelaw_sim.tables.sweep import Sweep


def runs(**changes: object) -> pd.DataFrame:
    """Four valid rows, with some columns replaced."""
    frame = pd.DataFrame(
        {
            "run": ["a", "b", "c", "d"],
            "group": ["small", "small", "large", "large"],
            "pool": "web",
            "unique_samples": [100.0, 100.0, 200.0, 200.0],
            "samples_seen": [100.0, 400.0, 200.0, 800.0],
            "rule": ["hard", "easy", "hard", "random"],
            "error": [0.4, 0.3, 0.35, 0.2],
            "metric": "test error",
            "seed": [0, 1, 0, 1],
        }
    )
    return frame.assign(**changes)


def test_every_column_says_what_it_means_and_allows():
    for name, column in COLUMNS.items():
        assert column.name == name
        assert column.meaning
        assert column.allowed
    assert COLUMNS["keep_fraction"].allowed == "a finite number in (0, 1]"
    assert COLUMNS["seed"].allowed == "an integer in [0, inf)"


def test_cells_come_back_as_given():
    sweep = Sweep.from_frame(runs(), source="here")
    assert len(sweep) == 4
    assert sweep.source == "here"
    np.testing.assert_array_equal(sweep["error"], [0.4, 0.3, 0.35, 0.2])
    assert sweep["rule"].tolist() == ["hard", "easy", "hard", "random"]
    assert sweep.values("group") == ["large", "small"]


@pytest.mark.parametrize(
    ("column", "bad", "allowed"),
    [
        ("error", -0.1, "[0, inf)"),
        ("error", np.nan, "[0, inf)"),
        ("error", np.inf, "[0, inf)"),
        ("error", "abc", "[0, inf)"),
        ("error", None, "[0, inf)"),
        ("error", "1_0", "[0, inf)"),
        ("samples_seen", 0, "(0, inf)"),
        ("unique_samples", -5, "(0, inf)"),
        ("dataset_size", 0, "(0, inf)"),
        ("keep_fraction", 0, "(0, 1]"),
        ("keep_fraction", 50, "(0, 1]"),
        ("theta", 1.6, "[0, 1.5708]"),
        ("seed", 0.5, "an integer"),
        ("seed", True, "an integer"),
        ("error_se", -1e-9, "[0, inf)"),
        ("rule", "", "non-empty"),
        ("pool", None, "non-empty"),
    ],
)
def test_bad_cell_is_named_with_row_value_and_range(column, bad, allowed):
    good = {"rule": "hard", "pool": "web", "dataset_size": 9, "keep_fraction": 0.5, "theta": 0.1}
    cells = [good.get(column, 1), good.get(column, 1), bad, good.get(column, 1)]
    frame = runs().astype(object).assign(**{column: pd.Series(cells, dtype=object)})
    with pytest.raises(TableError) as raised:
        Sweep.from_frame(frame, source="my runs")
    message = str(raised.value)
    assert f"my runs, row 2, column {column!r}" in message
    assert allowed in message
    assert f"got {bad!r}" in message


def test_percent_keep_fraction_gets_a_hint():
    with pytest.raises(TableError, match="percent"):
        Sweep.from_frame(runs(keep_fraction=30))


def test_error_above_one_needs_a_loss():
    with pytest.raises(TableError, match=r"row 1, column 'error'.*\[0, 1\], got 2.7.*loss"):
        Sweep.from_frame(runs(error=[0.1, 2.7, 0.1, 0.1]))
    loss = Sweep.from_frame(runs(error=2.7, metric="validation loss"))
    assert loss["error"].max() == 2.7
    assert is_error_rate("imagenet error")
    assert not is_error_rate("Perplexity")


def test_without_metric_errors_are_rates_and_a_note_says_so():
    sweep = Sweep.from_frame(runs().drop(columns="metric"))
    assert sweep.values("metric") == ["error rate"]
    assert any("metric" in note for note in sweep.notes)


@pytest.mark.parametrize("missing", ["epochs", "samples_seen", "unique_samples"])
def test_third_count_is_computed(missing):
    full = runs(epochs=[1.0, 4.0, 1.0, 4.0])
    sweep = Sweep.from_frame(full.drop(columns=missing))
    np.testing.assert_allclose(sweep[missing], full[missing])
    assert any(missing in note for note in sweep.notes)


def test_epochs_that_do_not_fit_are_refused_with_all_values():
    with pytest.raises(TableError) as raised:
        Sweep.from_frame(runs(epochs=[1, 4, 1, 5]))
    for part in ("row 3", "'epochs'", "5 epochs", "200 unique", "800 samples", "1 %", "= 4"):
        assert part in str(raised.value)


@given(st.floats(-0.3, 0.3))
def test_epochs_may_be_off_by_one_percent_and_no_more(off):
    frame = runs(epochs=np.array([1, 4, 1, 4]) * (1 + off))
    if abs(off) <= 0.0099:
        assert len(Sweep.from_frame(frame)) == 4
    elif abs(off) >= 0.0101:
        with pytest.raises(TableError, match="epochs"):
            Sweep.from_frame(frame)


def test_a_run_sees_one_batch_at_least():
    kept = Sweep.from_frame(runs(batch_size=[100.0, 100.0, 200.0, 800.0]))
    assert list(kept["batch_size"]) == [100.0, 100.0, 200.0, 800.0]
    with pytest.raises(TableError) as caught:
        Sweep.from_frame(runs(batch_size=[100.0, 128.0, 256.0, 512.0]))
    for part in ("row 2", "'samples_seen'", "one batch", "'batch_size' = 256", "got 200"):
        assert part in str(caught.value)


def test_frame_shape_errors():
    with pytest.raises(TableError, match="nothing: has no rows"):
        Sweep.from_frame(runs().iloc[:0], source="nothing")
    with pytest.raises(TableError, match=r"'error' is missing; present: run, group"):
        Sweep.from_frame(runs().drop(columns="error"))
    with pytest.raises(TableError, match="'run' appears more than once"):
        Sweep.from_frame(pd.concat([runs(), runs()[["run"]]], axis=1))


def test_unknown_columns_are_dropped_with_a_note():
    sweep = Sweep.from_frame(runs(learning_rate=0.1))
    assert "learning_rate" not in sweep.columns
    assert any("learning_rate" in note for note in sweep.notes)


def test_repeated_index_labels_do_not_mix_rows():
    frame = runs().set_axis([7, 7, 7, 7])
    np.testing.assert_array_equal(Sweep.from_frame(frame)["error"], frame["error"])


def test_require_names_what_is_missing_and_what_is_there():
    sweep = Sweep.from_frame(runs())
    assert sweep.require("samples_seen", "error") is sweep
    with pytest.raises(TableError, match=r"'dataset_size' \(samples before.*present: run, group"):
        sweep.require("error", "dataset_size")
    with pytest.raises(TableError, match="keep_fraction"):
        sweep["keep_fraction"]


def test_select_by_value_and_by_collection():
    sweep = Sweep.from_frame(runs())
    assert sweep.select(group="small", rule="easy")["run"].tolist() == ["b"]
    assert sweep.select(rule=["hard", "random"])["run"].tolist() == ["a", "c", "d"]
    assert sweep.select(unique_samples=200)["run"].tolist() == ["c", "d"]
    assert len(sweep) == 4


def test_select_nothing_says_which_filter_and_what_there_is():
    with pytest.raises(TableError) as raised:
        Sweep.from_frame(runs(), source="here").select(group="small", rule="random")
    message = str(raised.value)
    assert "here: rule='random' leaves no rows after group='small'" in message
    assert "available rule: easy, hard" in message
    with pytest.raises(TableError, match="theta"):
        Sweep.from_frame(runs()).select(theta=0.1)


def test_final_points_keep_the_last_of_each_run():
    sweep = Sweep.from_frame(runs(run=["a", "a", "b", "b"]).iloc[::-1])
    assert sorted(sweep.final_points()["samples_seen"]) == [400, 800]


def test_concat_keeps_common_columns_and_notes_the_lost():
    left = Sweep.from_frame(runs(theta=0.1), source="left")
    both = left.concat(Sweep.from_frame(runs(), source="right"))
    assert len(both) == 8
    assert both.source == "left + right"
    assert "theta" not in both.columns
    assert any("theta" in note for note in both.notes)
    np.testing.assert_array_equal(both["error"][4:], runs()["error"])


def test_sweep_cannot_be_changed_through_its_frame():
    sweep = Sweep.from_frame(runs())
    frame, errors = sweep.frame, sweep["error"]
    frame.loc[0, "error"] = errors[0] = 0.9
    assert sweep["error"][0] == 0.4


def test_csv_round_trip_is_exact_and_never_overwrites(tmp_path):
    path = tmp_path / "runs.csv"
    sweep = Sweep.from_frame(runs(error=[1 / 3, 0.1 + 0.2, 1e-17, 0.2]))
    sweep.to_csv(path)
    again = Sweep.from_frame(pd.read_csv(path, dtype=str))
    pd.testing.assert_frame_equal(again.frame, sweep.frame)
    with pytest.raises(InputError, match=re.escape(f"{path}, which exists")):
        sweep.to_csv(path)
    with pytest.raises(InputError, match="whose folder does not exist"):
        sweep.to_csv(tmp_path / "nowhere" / "runs.csv")


def test_the_old_spelling_of_quantiles_is_read_and_said():
    """In real runs `band:` was in quantiles of hardness; in simulated ones it is in |z|."""
    rules = ["band:0.2,0.6", "hard", "band:0.5"]
    frame = pd.DataFrame({"error": [0.1, 0.2, 0.3], "rule": rules})
    real = Sweep.from_frame(frame.assign(metric="test error"))
    assert list(real["rule"]) == ["quantiles:0.2,0.6", "hard", "quantiles:0.5"]
    assert any("rules band:0.2,0.6, band:0.5 are read as quantiles" in n for n in real.notes)
    simulated = Sweep.from_frame(frame.assign(metric="test error probability"))
    assert list(simulated["rule"]) == rules and not simulated.notes
