"""Which rows are final results: chosen, finished, measured, after the start, after a restart."""

import math

import pandas as pd
import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.readers import examine, read
from prunelaw_sim.tables.columns import COLUMNS, Where
from prunelaw_sim.tables.final_rows import (
    after_restarts,
    after_start,
    chosen_rows,
    is_blank,
    is_log,
    with_values,
)

OPTUNA = """number,value,params_keep_fraction,state
0,.212,.3,{0}
1,.571,.5,{1}
2,,.8,{2}
3,.171,.8,{0}
"""
TRIALS = {"error": "value", "keep_fraction": "params_keep_fraction"}
RESTART = "epoch,step,val_acc\n0,49,.4\n1,99,.5\n2,149,.55\n0,49,.42\n1,99,.52\n"


@pytest.fixture
def table(tmp_path):
    """Writes a table and gives its path."""

    def _table(content: str, name: str = "runs.csv"):
        path = tmp_path / name
        path.write_text(content)
        return path

    return _table


# --- where


def test_rows_are_chosen_by_any_column_and_counted(table):
    path = table("dataset,seed,error\na,0,.1\na,1,.2\nb,0,.3\n")
    found = examine(path, where={"dataset": "a"})
    assert found.sweep["error"].tolist() == [0.1, 0.2]
    assert found.dropped == ((1, "dataset is not a"),) and found.rows_read == 3
    assert len(read(path, mapping={"pool": "dataset"}, where={"pool": "b"})) == 1
    assert read(path, where={"dataset": "a", "seed": "1.0"})["error"].tolist() == [0.2]
    assert len(read(path, where={"dataset": "a,b"})) == len(read(path, where={"seed": [0, 1]})) == 3
    assert len(read(path, where={"seed": 1})) == 1
    with pytest.raises(TableError, match=r"dataset='c' leaves no row \(where=\); .* holds: a, b"):
        read(path, where={"dataset": "c"})
    with pytest.raises(TableError, match="where names 'Dataset', which is no column"):
        read(path, where={"Dataset": "a"})


# --- states


@pytest.mark.parametrize(
    ("column", "states"),
    [
        ("state", "COMPLETE PRUNED FAIL"), ("state", "T.COMPLETE T.PRUNED T.FAIL"),
        ("status", "TERMINATED RUNNING ERROR"), ("trial_status", "COMPLETED EARLY_STOPPED FAILED"),
        ("Status", "finished crashed killed"), ("TrainingJobStatus", "Completed Stopped Failed"),
        ("run.state", "done pending preempted"), ("State", "COMPLETED TIMEOUT OUT_OF_MEMORY"),
    ],
)  # fmt: skip
def test_trials_that_did_not_finish_are_no_results(table, column, states):
    path = table(OPTUNA.format(*states.split()).replace("state", column))
    found = examine(path, mapping=TRIALS)
    assert found.sweep["error"].tolist() == [0.212, 0.171]
    ((count, why),) = found.dropped
    assert count == 2 and all(state in why for state in states.split()[1:])
    pruned = read(path, mapping=TRIALS, where={column: states.split()[1]})
    assert pruned["error"].tolist() == [0.571]


def test_states_that_are_none_or_unknown(table):
    assert len(read(table("state,error\nCA,.1\nNY,.2\n"))) == 2  # of the Union
    path = table("state,error\ncompleted,.1\nhalfway,.2\n")
    with pytest.raises(TableError, match=r"are runs that are halfway finished\? .*where=..state"):
        read(path)
    assert len(read(path, where={"state": "completed"})) == 1
    with pytest.raises(TableError, match="no run is finished: FAILED"):
        read(table("state,error\nFAILED,.2\n"))


@pytest.mark.parametrize(
    ("name", "bad"), [("diverged", "True"), ("is_failed", "true"), ("finished", "False")]
)
def test_flags_of_runs_are_heeded(table, name, bad):
    good = {"true": "False", "false": "True"}[bad.lower()]
    found = examine(table(f"run,{name},error\na,{good},.1\nb,{bad},.9\n"))
    assert found.sweep["run"].tolist() == ["a"] and found.dropped[0][0] == 1
    assert len(read(table(f"run,{name},error\na,{good},.1\nb,half,.9\n"))) == 2


# --- values


def test_training_rows_of_a_log_are_dropped_and_counted(table):
    log = '{"step": 5, "loss": 3}\n{"step": 5, "acc": 41.2}\n{"step": 9, "acc": 52.9}\n'
    found = examine(table(log), metric="acc", units="percent")
    assert found.sweep["error"] == pytest.approx([0.588, 0.471])
    assert found.dropped == ((1, "without a value of 'acc'"),)
    found = examine(table("global_step,loss,val_loss\n1,3,\n2,2,2.5\n"), metric="val_loss")
    assert found.dropped == ((1, "without a value of 'val_loss'"),)


@pytest.mark.parametrize("blank", ["", "NA", "None", "null", " ", "-"])
def test_a_missing_result_is_offered_to_drop(table, blank):
    path = table(f"model,tokens,core\na,5,.1\nb,6,{blank}\nc,7,.3\n")
    known = {"mapping": {"error": "core", "samples_seen": "tokens"}}
    with pytest.raises(TableError, match=r"line 3, .*1 of 3 rows have no value .*drop='missing'"):
        read(path, **known)
    found = examine(path, drop="missing", **known)
    assert found.sweep["error"].tolist() == [0.1, 0.3]
    assert found.dropped == ((1, "without a value of 'core'"),)


def test_any_column_of_use_may_lack_values(table):
    path = table("run,samples_seen,error\na,nan,.1\nb,20,.2\n")  # as pandas writes it
    with pytest.raises(TableError, match=r"line 2, column 'samples_seen'.*drop='missing'"):
        read(path)
    assert read(path, drop="missing")["run"].tolist() == ["b"]
    path = table("pool,samples_seen,error\na,5,.1\n,6,.2\nc,,.3\n")
    assert read(path, drop="missing")["error"].tolist() == [0.1]
    assert read(path, drop=["missing", "diverged"])["error"].tolist() == [0.1]
    with pytest.raises(InputError, match="drop must be one of missing, diverged; got 'all'"):
        read(path, drop="all")


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf", "Infinity"])
def test_a_diverged_run_is_named_and_left_out_whole(table, value):
    """Its earlier points are no final ones, either."""
    path = table(f"run,step,val_loss\na,1,3\na,2,2\nb,1,3\nb,2,{value}\n")
    known = {"metric": "val_loss", "points": "final", "batch_size": 4}
    with pytest.raises(TableError, match=r"line 5, .*did the run diverge\?.*drop='diverged'"):
        read(path, **known)
    found = examine(path, drop="diverged", **known)
    assert found.sweep["run"].tolist() == ["a"]
    assert (2, "of runs that diverged") in found.dropped
    measured = read(path, drop="missing", **known)  # nothing was measured there
    assert measured["error"].tolist() == [2.0, 3.0]


def test_values_one_by_one():
    where = Where("x")
    frame = pd.DataFrame({"error": [0.1, None, math.nan], "run": ["a", "b", "c"]}, dtype=object)
    kept, dropped = with_values(frame, COLUMNS, ("missing", "diverged"), False, where)
    assert kept["run"].tolist() == ["a"] and [count for count, _ in dropped] == [1, 1]
    assert is_blank("n/a") and is_blank(None) and not is_blank(0.0) and not is_blank(math.nan)
    assert is_log(["train/global_step"]) and not is_log(["epochs", "steps_per_second"])
    cells = pd.DataFrame({"state": ["FAIL", "COMPLETE"]})
    assert len(chosen_rows(cells, {}, {}, "x", ["state"])[0]) == 1


# --- the start


def test_nothing_was_trained_at_step_or_sample_0(table):
    found = examine(table("run,samples_seen,error\na,0,.9\na,5,.5\n"))
    assert found.dropped == ((1, "before training, at samples_seen 0"),)
    found = examine(table("step,error\n0,.9\n5,.5\n"))
    assert found.sweep["error"].tolist() == [0.5]


def test_an_epoch_0_is_asked_about_and_both_answers_hold(table):
    path = table("epoch,err\n0,.9\n1,.5\n2,.4\n")
    known = {"mapping": {"error": "err", "epochs": "epoch"}, "unique_samples": 10}
    with pytest.raises(
        TableError, match=r"line 2.*column 'epoch': 0 is before training, or .*zero='done'"
    ):
        read(path, **known)
    assert read(path, zero="before", **known)["epochs"].tolist() == [1, 2]
    assert read(path, zero="done", **known)["epochs"].tolist() == [1, 2, 3]
    frame, _, notes = after_start(pd.DataFrame({"step": [0, 1]}), "done", Where("x"))
    assert frame["step"].tolist() == [1, 2] and "1 is added" in notes[0]


def test_final_points_of_a_log_are_found_by_its_own_axis(table):
    path = table("epoch,val_acc\n0,.4\n2,.5\n1,.45\n")
    known = {"metric": "val_acc", "points": "final", "constants": {"run": "a"}}
    assert read(path, restarts="unordered", **known)["error"].tolist() == [0.5]


# --- restarts


@pytest.mark.parametrize("repeats", [None, "last"])
def test_a_log_that_goes_back_is_asked_about(table, repeats):
    path = table(RESTART)
    with pytest.raises(TableError, match=r"line 5, .* goes back from 150 to 50: was it resumed"):
        read(path, repeats=repeats)
    resumed = examine(path, restarts="resumed")
    assert resumed.format == "lightning"
    assert resumed.sweep["error"] == pytest.approx([0.48])  # not .45, of the run before
    assert (3, "replaced by later rows of a run that was resumed") in resumed.dropped
    apart = read(path, restarts="separate")
    assert apart["error"] == pytest.approx([0.45, 0.48]) and len(apart.values("run")) == 2


def test_resumed_from_a_checkpoint_between(table):
    path = table("run,step,error\na,1,.9\na,2,.8\na,3,.7\na,3,.71\na,4,.6\n")
    with pytest.raises(TableError, match="the same run is in line 4"):  # evaluated twice
        read(path)
    path = table("run,step,error\na,1,.9\na,2,.8\na,3,.7\na,2,.81\na,3,.71\na,4,.6\n")
    assert read(path, restarts="resumed")["error"].tolist() == [0.9, 0.81, 0.71, 0.6]


def test_orders_that_are_no_restarts(table):
    assert len(read(table("run,step,error\na,3,.1\na,2,.2\na,1,.3\n"))) == 3  # from the end
    path = table("run,step,error\na,10,.2\na,100,.1\na,20,.15\n")  # by the alphabet
    with pytest.raises(TableError, match="in no order"):
        read(path)
    assert len(read(path, restarts="unordered")) == 3
    runs = "run,samples_seen,error\na,400,.2\na,100,.4\na,200,.3\n"  # no log
    assert len(read(table(runs))) == 3


def test_without_names_of_runs_it_is_said_with_the_line(table):
    path = table("epoch,mAP50(B)\n1,.6\n2,.7\n1,.5\n2,.6\n")
    known = {"mapping": {"accuracy": "mAP50(B)", "epochs": "epoch"}}
    assert any("line 4" in note and "goes back" in note for note in read(path, **known).notes)
    assert read(path, restarts="separate", **known).values("run") == ["run", "run (2)"]
    assert any(
        "line 4, column 'epoch'" in note
        for note in read(path, metric="mAP50(B)", measured="accuracy").notes
    )  # though nobody mapped it
    frame = pd.DataFrame({"epochs": [1.0, 2.0, 1.0]})
    assert after_restarts(frame, "resumed", False, Where("x"))[0]["epochs"].tolist() == [1.0]
