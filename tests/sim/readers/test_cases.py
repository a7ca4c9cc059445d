"""Files that people have, small, from the folder beside the project: what comes out of them."""

from pathlib import Path

import numpy as np
import pytest

from prunelaw.errors import TableError
from prunelaw_sim.readers import examine, lightning, read, recognise


def asked(path, match, **options):
    """A refusal that holds these words."""
    with pytest.raises(TableError, match=match):
        read(path, **options)


def test_fractions_pruned_and_kept_are_the_same_runs(case):
    known = {"units": "percent", "dataset_size": 50_000}
    names = {"accuracy": "test_acc", "rule": "method"}
    path = case("15-pruning_rate_no0.csv")
    asked(path, "fraction='pruned' or", mapping={**names, "keep_fraction": "prune_rate"})
    pruned = read(path, mapping={**names, "pruned_fraction": "prune_rate"}, **known)
    kept = read(case("15-keep.csv"), units="percent")
    for f in pruned.values("keep_fraction"):
        one, other = (s.select(keep_fraction=f, rule="random")["error"] for s in (pruned, kept))
        assert one == pytest.approx(other)


@pytest.mark.parametrize(
    ("name", "metric", "low", "high"),
    [
        ("06-keras.csv", "val_accuracy", 0.0212, 0.0321),
        ("24-lightning.csv", "val_accuracy", 0.45, 0.45),
    ],
)
def test_training_metrics_are_not_taken_for_results(case, name, metric, low, high):
    asked(case(name), f"which measurement.*{metric}, accuracy")
    error = read(case(name), metric=metric)["error"]
    assert (error.min(), error.max()) == pytest.approx((low, high))
    notes = read(case(name), metric="accuracy").notes
    assert any("is it of training?" in note for note in notes)


def test_axes_of_charts(case):
    sweep = read(case("08-wandb_global_step.csv"), batch_size=64, points="all")
    assert sorted(set(sweep["samples_seen"])) == [32_000.0 * k for k in range(1, 9)]
    notes = read(case("08-wandb_Step.csv"), batch_size=64).notes
    assert any("calls of wandb.log" in note and "global_step" in note for note in notes)


def test_a_run_that_diverged_is_named(case):
    path = case("08-wandb_api_nan.csv")
    asked(path, r"line 3, .*drop='diverged'")
    assert read(path, drop="diverged")["run"].tolist() == ["a", "c"]
    asked(case("10-hf"), r"run_a.*drop='diverged'")
    found = examine(case("10-hf"), drop="diverged", repeats="last")
    assert found.sweep["run"].tolist() == ["run_b"] and found.sweep["error"].tolist() == [2.31]


def test_thousands_are_no_decimals(case):
    sweep = read(case("13-thousands_below_1M.csv"))
    assert sweep.values("unique_samples") == [5e4, 1e5]
    assert sweep["samples_seen"].max() == 8e5


def test_any_log_with_epoch_and_step_is_none_of_lightning(case):
    path = case("18-own_loop.csv")
    sweep = read(path, metric="val_loss", batch_size=64)
    assert recognise(path)[0] == "table"
    assert sweep["samples_seen"].tolist() == [640.0 * k for k in range(1, 11)]


@pytest.mark.parametrize("name", ["12-optuna.csv", "12-optuna_nofail.csv"])
def test_trials_that_were_pruned_or_failed_are_no_results(case, name):
    found = examine(case(name), mapping={"error": "value", "keep_fraction": "params_keep_fraction"})
    assert found.sweep["error"].tolist() == [0.212, 0.171]
    assert found.dropped[0][0] == found.rows_read - 2


def test_logs_that_go_back(case):
    path = case("07-lightning_restart.csv")
    asked(path, "line 5, .* from 150 to 50", batch_size=64)
    assert read(path, restarts="resumed")["error"] == pytest.approx([0.48])
    known = {"mapping": {"accuracy": "metrics/mAP50(B)", "epochs": "epoch"}}
    for options in (known, {"metric": "metrics/mAP50(B)", "measured": "accuracy"}):
        notes = read(case("07-ultralytics_two_runs.csv"), **options).notes
        assert any("line 7, column 'epoch'" in note and "from 5 to 1" in note for note in notes)


def test_a_table_without_some_results_is_offered_to_drop(case):
    known = {"mapping": {"error": "eval_metrics.perplexity", "samples_seen": "tokens"}}
    path = case("04-dclm_core.csv")
    asked(path, "drop='missing'", **known)
    found = examine(path, drop="missing", **known)
    assert found.rows_read == len(found.sweep) + found.dropped[0][0]


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("23-timm_summary.csv", "eval_top1"),
        ("23-openclip_results.jsonl", "imagenet-zeroshot-val-top1"),
    ],
)
def test_epochs_from_0_are_asked_about(case, name, metric):
    path = case(name)
    known = {"mapping": {"accuracy": metric, "epochs": "epoch"}, "unique_samples": 100}
    known |= {"units": "percent" if "timm" in name else None, "points": "all"}
    asked(
        path, r"column 'epoch': 0 is before training, or the first one done\?.*zero='done'", **known
    )
    assert read(path, zero="done", **known)["epochs"].min() == 1
    assert read(path, zero="before", **known)["epochs"].min() == 1
    more = len(read(path, zero="done", **known)) - len(read(path, zero="before", **known))
    assert more == 1
    table = {"format": "table" if "timm" in name else "jsonl", "units": known["units"]}
    notes = read(path, metric=metric, measured="accuracy", **table).notes
    assert any("--zero" in note for note in notes)  # an axis that nobody mapped


def test_training_rows_of_one_log_are_dropped_and_counted(case):
    found = examine(case("10-trainer_log.jsonl"), metric="eval_loss")
    assert found.sweep["error"].tolist() == [4.02, 2.9] and found.dropped[0][0] == 3
    found = examine(case("11-scalars_ok.json"), metric="accuracy/top1", units="percent")
    assert found.sweep["error"] == pytest.approx([0.588, 0.471]) and found.dropped[0][0] == 3


# --- siblings, written here


@pytest.fixture
def table(tmp_path):
    """Writes a table and gives its path."""

    def _table(content: str, name: str = "runs.csv") -> Path:
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return _table


@pytest.mark.parametrize(
    ("bare", "twin"),
    [
        ("accuracy", "val_accuracy"), ("accuracy", "val_acc"), ("accuracy", "test/accuracy"),
        ("accuracy", "eval_top1"), ("error", "val_error"), ("error", "test_err"),
        ("error", "valid_error"), ("accuracy", "validation_accuracy"), ("accuracy", "accuracy_dev"),
        ("accuracy", "ValAccuracy"), ("error", "heldout_error"),
    ],
)  # fmt: skip
def test_a_bare_metric_beside_a_held_out_one_is_asked_about(table, bare, twin):
    path = table(f"run,{bare},{twin}\na,.1,.2\n")
    asked(path, f"which measurement.* from {twin}, {bare}")
    asked(path, f"which measurement.* from {twin}, {bare}", mapping={bare: bare})
    value = read(path, metric=twin)["error"][0]
    assert min(abs(value - 0.2), abs(value - 0.8)) < 1e-12
    assert len(read(path, metric=bare)) == 1
    lines = f'{{"run": "a", "{bare}": 0.1, "{twin}": 0.2}}\n'
    asked(table(lines, "runs.jsonl"), f"which measurement.* from {twin}, {bare}")


@pytest.mark.parametrize("other", ["train_accuracy", "lr", "val_loss", "value", "eval_seconds"])
def test_other_columns_are_no_twins(table, other):
    assert read(table(f"run,accuracy,{other}\na,.9,.2\n"))["error"] == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("axis", "column", "value"),
    [
        ("train/global_step", "samples_seen", 20), ("trainer/global_step", "samples_seen", 20),
        ("global_step", "samples_seen", 20), ("iteration", "samples_seen", 20),
        ("train/epoch", "samples_seen", 1000), ("epoch", "samples_seen", 1000),
        ("train/samples_seen", "samples_seen", 10), ("tokens", "samples_seen", 10),
    ],
)  # fmt: skip
def test_charts_over_a_counter(table, axis, column, value):
    path = table(f'"{axis}","a - val_loss","a - val_loss__MIN","a - val_loss__MAX"\n10,2,2,2\n')
    known = None if value == 10 else {"batch_size": 2, "unique_samples": 100}
    assert read(path, constants=known)[column].tolist() == [value]


def test_calls_of_log_are_no_steps_in_a_table_either(table):
    path = table("run,_step,val_loss\na,51,3\n")
    notes = read(path, mapping={"step": "_step", "error": "val_loss"}, batch_size=64).notes
    assert any("calls of wandb.log" in note for note in notes)


@pytest.mark.parametrize("axis", ["Relative Time (Process)", "Wall Time", "lr"])
def test_the_hint_for_a_chart_over_time_is_right(table, axis):
    path = table(f'"{axis}","a - loss","a - loss__MIN","a - loss__MAX"\n10,2,2,2\n')
    asked(path, r"choose the trainer's own counter.*global_step.*not Step")


@pytest.mark.parametrize(
    ("content", "is_lightning"),
    [
        ("epoch,step,val_acc\n0,49,.4\n1,99,.5\n", True),
        ("epoch,step,val_acc\n0,49,.4\n0,99,.45\n1,199,.5\n2,299,.5\n", True),
        ("epoch,step,train_loss,val_acc\n0,9,1,\n0,19,,.4\n1,29,1,\n", True),
        ("acc,epoch,step,val_acc\n.5,0,49,\n,0,49,.4\n", True),
        ("epoch,step,train_loss,val_loss\n1,10,2,3\n2,20,2,3\n", False),
        ("epoch,step,train_loss,val_loss\n0,10,2,3\n1,20,2,3\n", False),
        ("step,epoch,loss,val_loss\n0,0,2,3\n100,1,2,3\n", False),
        ("epoch,step,keep_fraction,val_loss\n0,9,.5,3\n1,19,.5,3\n", False),
        ("epoch,step,acc\n0.5,9,.5\n1.0,19,.5\n", False),
    ],
)
def test_what_is_a_log_of_lightning(table, content, is_lightning):
    assert bool(lightning.claims(table(content))) == is_lightning


def test_own_objects_with_metrics_are_no_evaluations(table):
    path = table('{"dataset": "web", "metrics": {"acc": 0.5}, "seed": 0}\n', "runs.jsonl")
    assert recognise(path)[0] == "json"
    assert read(path, metric="metrics.acc")["error"].tolist() == [0.5]


def test_own_tables_with_name_and_runtime_are_none_of_wandb(table):
    path = table("Name,Runtime,error\na,5,.1\n")
    assert recognise(path)[0] == "table" and read(path)["error"].tolist() == [0.1]
    assert np.isclose(read(table("Name,State,acc\na,running,\nb,finished,.9\n"))["error"], 0.1)


# --- how tables of text are written

RUNS = [[5e4, 5e4, 0.7992], [5e4, 1e5, 0.7265], [1e5, 1.6e6, 0.4853]]


def same_runs(sweep):
    """Whether these are the runs `RUNS`."""
    names = ("unique_samples", "samples_seen", "error")
    return np.array_equal(np.stack([sweep[n] for n in names], axis=1), RUNS)


@pytest.mark.parametrize(
    "above", ["", "sep=;\n", '"sep=;"\n', "# of March\n", "\n\n", "#\nsep=;\n"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_german_excel_needs_no_option(tmp_path, above, end):
    lines = above + (
        "pool;unique_samples;samples_seen;error\nbest;50.000;50.000;0,7992\n"
        "best;50.000;100.000;0,7265\nall;100.000;1.600.000;0,4853\n"
    )
    for code in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "x.dat").write_bytes(lines.replace("\n", end).encode(code))
        assert same_runs(read(tmp_path / "x.dat"))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_are_found(table, mark):
    lines = [["unique_samples", "samples_seen", "error", "a;b,c"]]
    lines += [[f"{u:.0f}", f"{s:.0f}", str(e), '"x;y,z"'] for u, s, e in RUNS]
    if mark in ";,":
        lines[0][3] = '"a;b,c"'
    assert same_runs(read(table("\n".join(mark.join(line) for line in lines))))


@pytest.mark.parametrize(
    "content",
    [
        "# exported\n# git: abc\nunique_samples,samples_seen,error\n{}",
        "# unique_samples,samples_seen,error\n{}",
        "#unique_samples,samples_seen,error\n{}",
        "# by savetxt, once\n# unique_samples,samples_seen,error\n{}",
        "unique_samples,samples_seen,error\n# a note\n{}# end\n",
        "#\n# a, b\n\nunique_samples,samples_seen,error\n{}",
    ],
)
def test_comments_are_no_rows(table, content):
    rows = "".join(f"{u:.0f},{s:.0f},{e}\n" for u, s, e in RUNS)
    assert same_runs(read(table(content.format(rows))))


def test_a_row_that_was_commented_out_is_asked_about(table):
    path = table("pool,error\nweb,.5\n#web,.4\n")
    asked(path, r"line 3: is '#web' a row that is left out\?.*comment='skip'")
    assert read(path, comment="skip")["error"].tolist() == [0.5]
    assert read(path, comment="keep")["pool"].tolist() == ["web", "#web"]


def test_the_cases_of_written_tables(case):
    sweep = read(case("13-excel_de.csv"))
    assert sweep["error"].tolist()[:2] == [0.7992, 0.7265] and sweep["samples_seen"].max() == 1.6e6
    assert read(case("23-comments.csv"))["error"].tolist() == [0.8, 0.7, 0.62]
    assert read(case("13-suffix.csv"))["samples_seen"].tolist() == [12.8e6, 128e6]
