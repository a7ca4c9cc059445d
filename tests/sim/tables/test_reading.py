"""From rows to a sweep: mappings, units, measurements, points and repeats; nothing is guessed."""

import tomllib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunelaw.errors import InputError, TableError
from prunelaw_sim.laws.allowed import account
from prunelaw_sim.readers import examine, read
from prunelaw_sim.tables.column_names import from_run_names
from prunelaw_sim.tables.columns import Where
from prunelaw_sim.tables.mapping import ColumnMapping
from prunelaw_sim.tables.measurement import kind_of
from prunelaw_sim.tables.points_of_runs import chosen_points

CURVES = """run,seed,step,val_acc,val_loss
a,0,0,.10,2.3
a,0,10,.50,1.2
a,0,20,.60,1.1
b,1,10,.52,1.2
b,1,20,.62,1.0
"""
TEXT = st.text(max_size=4)
RUNS = "run,pool,unique_samples,samples_seen,error\na,web,100,200,.5\nb,web,100,400,.4\n"


@pytest.fixture
def table(tmp_path):
    """Writes a table and gives its path."""

    def _table(content: str, name: str = "runs.csv"):
        path = tmp_path / name
        path.write_text(content)
        return path

    return _table


# --- mapping files


def test_a_saved_mapping_reads_the_same(table, tmp_path):
    mapping = ColumnMapping(
        columns={"accuracy": "val_acc", "step": "step"},
        constants={"batch_size": 8, "pool": 'a "b"\n\x7fé'},
        points="final",
        warmup="5 steps",
        where={"run": "a,b"},
        drop="missing, diverged",
        restarts="resumed",
        zero="before",
        fraction="kept",
        decimal=".",
    )
    mapping.save(tmp_path / "m.toml")
    assert ColumnMapping.load(tmp_path / "m.toml") == mapping
    path = table(CURVES)
    sweep = read(path, mapping=mapping)
    assert read(path, mapping=tmp_path / "m.toml").frame.equals(sweep.frame)
    assert sweep["samples_seen"].tolist() == [160, 160]
    with pytest.raises(InputError, match="exists and is not overwritten"):
        mapping.save(tmp_path / "m.toml")


@settings(max_examples=25)
@given(st.dictionaries(TEXT, TEXT | st.integers(1, 9) | st.floats(1e-300, 1e300), max_size=3), TEXT)
def test_any_mapping_is_toml(constants, metric):
    mapping = ColumnMapping(constants=constants, metric=metric or None)
    content = tomllib.loads(mapping.to_toml())
    assert ColumnMapping(**content) == mapping


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("units = 'inches'", "units must be one of fraction, percent; got 'inches'"),
        ("colour = 1", "a key must be one of format"),
        ("metric = 3", "metric must be a text, got 3"),
        ("[columns]\nerror = 3", "columns.error must be a text"),
        ("columns = 'error'", r"columns must be a table \[..\], got 'error'"),
        ("units = ", "mapping file in TOML cannot be read: Invalid value"),
        ("[pool_sizes]\nweb = -1", r"pool_sizes\['web'\] must be"),
    ],
)
def test_bad_mapping_files(table, content, words):
    path = table(content, "m.toml")
    with pytest.raises(InputError, match=words):
        read(table(RUNS), mapping=path)
    with pytest.raises(TableError, match="no such file"):
        read(table(RUNS), mapping="absent.toml")


# --- measurements


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("val_acc", "accuracy"), ("imagenet1k/acc1", "accuracy"), ("valAccuracy", "accuracy"),
        ("eval/top_5", "accuracy"), ("mean_per_class_recall", "accuracy"), ("acc1", "accuracy"),
        ("val_loss", "error"), ("top1_err", None), ("err", "error"),
        ("error_rate", "error"), ("perplexity", "error"), ("pace", None), ("score", None),
    ],
)  # fmt: skip
def test_what_a_name_says(name, kind):
    assert kind_of(name) == kind


def test_accuracy_taken_for_error_is_asked_about(table):
    path = table(CURVES)
    with pytest.raises(TableError, match="'val_acc' is mapped to error, but its name says accur"):
        read(path, mapping={"error": "val_acc"})
    by_step = {"batch_size": 8, "mapping": {"error": "val_acc"}, "points": "all"}
    assert read(path, measured="accuracy", **by_step)["error"][0] == 0.5
    assert read(path, measured="error", **by_step)["error"][0] == 0.5
    assert read(path, measured="error", **by_step)["error"][1] == 0.6
    with pytest.raises(TableError, match="is 'score' an error or an accuracy"):
        read(table("run,score\na,.1\n"), metric="score")


def test_errors_that_rise_with_the_data_are_asked_about(table):
    rows = [f"r{i},{100 * 2**i},{0.3 + 0.1 * i:.1f}" for i in range(5)]
    path = table("\n".join(["run,samples_seen,error", *rows]))
    with pytest.raises(TableError, match=r"grows with samples_seen in 10 of 10 .* is it accuracy"):
        read(path)
    assert read(path, measured="error")["error"][4] == pytest.approx(0.7)
    assert read(path, measured="accuracy")["error"][4] == pytest.approx(0.3)
    assert len(read(path, constants={"metric": "validation loss"})) == 5  # losses may overfit


def test_units_are_asked_and_never_guessed(table):
    path = table("run,error,error_se\na,23.5,1\nb,0.9,1\n")
    with pytest.raises(TableError, match=r"line 3.*0.9 looks like a fraction, but line 2 has 23.5"):
        read(path)
    sweep = read(path, units="percent")
    np.testing.assert_allclose(sweep["error"], [0.235, 0.009])
    assert sweep["error_se"].tolist() == [0.01, 0.01]
    with pytest.raises(TableError, match=r"\[0, 1\].*2350"):
        read(table("error\n2350\n"))
    with pytest.raises(TableError, match=r"line 2, column 'error': must be .*100\]"):
        read(table("error\n2350\n"), units="percent")


def test_a_loss_is_one_by_the_name_of_its_column(table):
    sweep = read(table(CURVES), mapping={"error": "val_loss"})
    assert (
        sweep.values("metric") == ["val_loss"] and sweep["error"][0] == 1.2
    )  # step 0 is no result


def test_metrics_in_rows_are_chosen_from(table):
    path = table("run,metric,error\na,x error,.1\na,y error,.2\n")
    assert read(path, metric="y error")["error"].tolist() == [0.2]
    with pytest.raises(TableError, match=r"no measurement 'z'; choose metric= .* x error, y error"):
        read(path, metric="z")


# --- points, warm-up, repeats


def test_steps_become_samples_and_curves_final_points(table):
    path = table(CURVES)
    curve = read(path, metric="val_acc", batch_size=8)
    assert curve["samples_seen"].tolist() == [80, 160, 80, 160]  # step 0: before training
    assert any("2 runs have several points, and all are taken" in note for note in curve.notes)
    final = read(path, metric="val_acc", batch_size=8, points="final")
    assert not any("several points" in note for note in final.notes)
    assert final["error"] == pytest.approx([0.4, 0.38])
    late = read(path, metric="val_acc", batch_size=8, warmup="11 steps")
    assert late.frame.equals(final.frame)
    assert read(path, metric="val_acc", batch_size=8, warmup="81").frame.equals(final.frame)
    with pytest.raises(InputError, match="warmup '1B' leaves no row; samples_seen reaches 160"):
        read(path, metric="val_acc", batch_size=8, warmup="1B")
    with pytest.raises(InputError, match="needs step, which"):
        read(table(RUNS, "b.csv"), warmup="5 steps")
    assert any("give batch_size" in note for note in read(path, metric="val_acc").notes)


def test_repeated_evaluations_are_no_replicates(table):
    twice = RUNS + "a,web,100,200,.6\n"
    with pytest.raises(TableError, match=r"line 4, column 'run': the same run is in line 2"):
        read(table(twice))
    mean = examine(table(twice), repeats="average")
    assert mean.sweep["error"].tolist() == pytest.approx([0.55, 0.4])
    assert "error_se" not in mean.sweep.columns
    assert mean.dropped == ((1, "repeated evaluations of 1 runs, averaged"),)
    assert read(table(twice), repeats="last")["error"].tolist() == [0.4, 0.6]
    with pytest.raises(TableError, match=r"line 2, column 'theta': 0.1 differs among evaluations"):
        read(table("run,samples_seen,theta,error\na,5,.1,.5\na,5,.2,.5\n"), repeats="average")


def test_seeds_are_replicates(table):
    path = table("run,seed,samples_seen,error\na,0,100,.5\na,1,100,.52\n")
    assert len(read(path)) == 2
    assert account(examine(path))["replicates"] == {"points": 1, "most": 2}


def test_rows_that_agree_are_said_where_runs_have_no_name(table):
    notes = read(table("samples_seen,error\n5,.1\n5,.1\n")).notes
    assert any("line 2 and 3 agree in every column" in note for note in notes)


# --- checks of counts


def test_no_more_unique_samples_than_the_pool_holds(table):
    path = table(RUNS)
    with pytest.raises(TableError, match=r"line 2, column 'unique_samples': 100 is more than"):
        read(path, pool_sizes={"web": 50})
    assert len(read(path, pool_sizes={"web": 100})) == 2
    with pytest.raises(InputError, match="pool_sizes names 'books'; pools: web"):
        read(path, pool_sizes={"books": 50})
    with pytest.raises(
        TableError, match=r"'unique_samples': must be at most column 'dataset_size'"
    ):
        read(path, dataset_size=50)


def test_constants_may_be_amounts(table):
    path = table("run,error\na,.5\n")
    assert read(path, constants={"samples_seen": "128M", "pool": "3B"})["samples_seen"][0] == 128e6
    with pytest.raises(TableError, match=r"column 'samples_seen': must be .* got '128 bytes'"):
        read(path, constants={"samples_seen": "128 bytes"})


def test_the_account_says_what_laws_need(table):
    found = account(examine(table(RUNS + "c,web,100,800,.3\n"), batch_size=10))
    assert found["laws"]["utility"] == []
    assert found["laws"]["data-constrained"] == ["parameters"]
    assert found["rows"] == {"read": 3, "used": 3}
    seen = next(c for c in found["columns"] if c["canonical"] == "samples_seen")
    assert (seen["low"], seen["high"], seen["unit"]) == (200, 800, "samples")


# --- any table, in any of the formats

CELL = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=4)
ROW = st.tuples(CELL, st.floats(1e-6, 1.0), st.floats(1.0, 1e12), st.integers(0, 5))


@settings(max_examples=12)
@given(rows=st.lists(ROW, min_size=1, max_size=5, unique_by=lambda row: (row[0], row[3])))
def test_the_same_runs_in_every_format(rows, tmp_path_factory):
    """CSV, TSV, JSON lines, Parquet and gzipped UTF-16 hold the same table."""
    import json

    import pandas as pd

    folder = tmp_path_factory.mktemp("same")
    frame = pd.DataFrame(rows, columns=["run", "error", "samples_seen", "seed"])
    frame.to_csv(folder / "a", index=False)
    frame.to_csv(folder / "b", index=False, sep="\t")
    frame.to_csv(folder / "c.gz", index=False, encoding="utf-16")
    lines = [json.dumps(row) for row in frame.to_dict("records")]
    (folder / "d").write_text("\n".join(lines), encoding="utf-8")
    frame.to_parquet(folder / "e")
    known = {"measured": "error"}
    first = read(folder / "a", **known)
    assert first["error"].tolist() == [row[1] for row in rows]
    assert first["run"].tolist() == [row[0] for row in rows]
    for name in ("b", "c.gz", "d", "e"):
        assert read(folder / name, **known).frame.equals(first.frame), name


# --- single steps


def test_names_of_runs_are_columns_and_final_points_are_the_last():
    frame = pd.DataFrame({"run": ["web_1k_s0", "web_1k_s0", "web_2k_s1"], "step": [1, 2, 1]})
    named = from_run_names(frame, "{pool}_{unique_samples}_s{seed}", Where("x", "row", {}))
    assert named["unique_samples"].tolist() == [1000.0, 1000.0, 2000.0]
    assert set(named["pool"]) == {"web"} and named["seed"].astype(int).tolist() == [0, 0, 1]
    last, dropped = chosen_points(named, "final", "x")
    assert last["step"].tolist() == [2, 1] and [count for count, _ in dropped] == [1]
