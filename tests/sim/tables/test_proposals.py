"""Columns that look like canonical ones, and questions that are asked together."""

import pytest

from prunelaw.errors import InputError, TableError, in_both, in_flags, spoken
from prunelaw_sim.readers import read
from prunelaw_sim.tables.measurement import measurements
from prunelaw_sim.tables.proposals import needed, proposed
from prunelaw_sim.tables.questions import arguments, flags, option


@pytest.mark.parametrize(
    ("column", "canonical"),
    [
        ("tokens", "samples_seen"), ("config.n_tokens", "samples_seen"), ("D", "samples_seen"),
        ("images_seen", "samples_seen"), ("params", "parameters"), ("N", "parameters"),
        ("nParams", "parameters"), ("dataset", "pool"), ("corpus name", "pool"),
        ("pruning_method", "rule"), ("prune_rate", "pruned_fraction"), ("rng_seed", "seed"),
        ("frac_kept", "keep_fraction"), ("unique_tokens", "unique_samples"), ("FLOPs", "compute"),
        ("train_set_size", "dataset_size"), ("num_epochs", "epochs"), ("run_id", "run"),
    ],
)  # fmt: skip
def test_what_looks_like_a_canonical_column(column, canonical):
    assert proposed([column, "other"], (), ()) == {canonical: column}
    assert proposed([column], (canonical,), ()) == {}
    assert proposed([column], (), [column]) == {}


@pytest.mark.parametrize("name", ["num_samples", "d", "n", "c", "step", "lr", "epoch", "size"])
def test_what_may_mean_anything_is_not_proposed(name):
    assert proposed([name], (), ()) == {}


def test_measurements_likeliest_first():
    header = ["train_acc", "val_loss", "acc", "test_top5", "test_top1", "lr", "loss_se", "val_acc"]
    assert measurements(header) == [
        "test_top1", "test_top5", "val_acc", "val_loss", "acc", "train_acc",
    ]  # fmt: skip


def test_options_in_both_words():
    text = option(columns={"error": "my loss"})
    assert str(InputError(f"give {text}")) == "give mapping={'error': 'my loss'}"
    assert in_flags(text) == "--map 'error=my loss'"
    assert in_both(option(drop="missing")) == "drop='missing' (--drop missing)"
    assert in_flags(option(options={"rows": "a"})) == "--reader-option rows=a"
    assert str(InputError(option(options={"rows": "a"}))) == "rows='a'"
    assert in_flags(f"{option(metric=None)} or {spoken('a', 'b')}") == "--metric or b"
    answers = {"metric": "acc", "columns": {"pool": "set"}, "options": {"rows": "a"}}
    assert arguments(answers) == "metric='acc', mapping={'pool': 'set'}, rows='a'"
    given = ["--metric", "acc", "--map", "pool=set", "--reader-option", "rows=a"]
    assert list(flags(answers)) == given


def test_all_is_asked_at_once_and_the_answer_reads_it(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("set,method,prune_rate,test_acc\nc,random,.3,75.2\nc,random,.6,60\n")
    with pytest.raises(TableError) as asked:
        read(path)
    words = str(asked.value)
    assert words.startswith("2 things are to be said:\n  1. ") and "\n  2. " in words
    answers = asked.value.answers
    assert f"likely: read(..., {arguments(answers)})" in words
    assert answers == {
        "metric": "test_acc", "units": "percent",
        "columns": {"rule": "method", "pruned_fraction": "prune_rate"},
    }  # fmt: skip
    sweep = read(path, mapping=answers.pop("columns"), **answers)
    assert sweep["error"] == pytest.approx([0.248, 0.4])
    assert sweep["keep_fraction"].tolist() == [0.7, 0.4]


def test_all_that_a_law_lacks_is_named_at_once(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("error,tokens,other\n.5,100,1\n.4,200,1\n")
    sweep = read(path)
    assert sweep.unused == ("tokens", "other")
    with pytest.raises(TableError) as asked:
        sweep.require("pool", "samples_seen")
    assert "'pool' (distribution" in str(asked.value) and "'samples_seen' (" in str(asked.value)
    answers = asked.value.answers
    assert answers == {"columns": {"samples_seen": "tokens"}, "constants": {"pool": "all"}}
    given = {"mapping": answers["columns"], "constants": answers["constants"]}
    assert read(path, **given).require("pool", "samples_seen")["pool"].tolist() == ["all", "all"]
    assert needed(["seed"], (), (), "x").answers == {}
