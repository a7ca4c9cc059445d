"""Every format on a file by its own library, or on a documented sample (files/README.md)."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.readers import (
    GENERAL,
    evaluations,
    examine,
    formats,
    jsonl,
    lightning,
    lm_eval,
    mlflow,
    mlruns,
    open_clip_log,
    openclip,
    parquet,
    ray,
    read,
    table,
    tensorboard,
    tensorboard_csv,
    timm,
    trainer_state,
    wandb,
)
from prunelaw_sim.readers import json as json_reader

FILES = Path(__file__).parent / "files"
NAMES = "{pool}_{unique_samples}_s{seed}"


@pytest.fixture
def copy(tmp_path):
    """Copies a file or folder under another name, so that nothing is known by its name."""

    def _copy(name: str, new: str = "x.dat") -> Path:
        source, target = FILES / name, tmp_path / new
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path((shutil.copytree if source.is_dir() else shutil.copy)(source, target))

    return _copy


CASES = [
    ("trainer", "trainer_state", {"metric": "eval_accuracy"}, [0.04], [300]),
    ("trainer", "trainer_state", {"metric": "eval_loss"}, [0.324177], [300]),
    ("lightning_metrics.csv", "lightning", {"metric": "val_acc", "batch_size": 20}, [0.14], [300]),
    ("tensorboard", "tensorboard", {"metric": "val/accuracy", "batch_size": 20},
     [0.16, 0.06], [300, 300]),
    ("mlflow_runs.csv", "mlflow", {"metric": "metrics.val_acc"}, [0.2, 0.19, 0.2], [300] * 3),
    ("mlflow_history.csv", "mlflow", {"metric": "val_acc", "batch_size": 20},
     [0.2, 0.19, 0.2], [300] * 3),
    ("wandb_table.csv", "wandb", {}, [0.287, 0.345], [200_000, 100_000]),
    ("wandb_api.csv", "wandb", {}, [0.287, 0.345], [200_000, 100_000]),
    ("wandb_chart.csv", "wandb", {"batch_size": 256}, [0.345, 0.287], [390 * 256, 780 * 256]),
    ("evaluation_datacomp.jsonl", "evaluations",
     {"metric": "imagenet1k/acc1", "constants": {"samples_seen": 12.8e6}}, [0.82822], [12.8e6]),
    ("evaluation_clip_benchmark.jsonl", "evaluations",
     {"metric": "imagenet1k/acc1", "constants": {"samples_seen": 12.8e9}},
     [0.39788, 0.39774], [12.8e9] * 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "format", "options", "errors", "seen"), CASES)
def test_final_points_of_every_format(copy, name, format, options, errors, seen):
    reading = examine(copy(name), **options)
    assert reading.format == format
    assert reading.sweep["error"] == pytest.approx(errors, abs=1e-6)
    assert reading.sweep["samples_seen"] == pytest.approx(seen)
    assert reading.rows_read == len(reading.sweep) + sum(count for count, _ in reading.dropped)


@pytest.mark.parametrize(("name", "format"), dict.fromkeys(case[:2] for case in CASES))
def test_one_reader_claims_a_file_and_no_other(name, format):
    known = (
        evaluations, json_reader, jsonl, lightning, lm_eval, mlflow, mlruns, open_clip_log,
        openclip, parquet, ray, table, tensorboard, tensorboard_csv, timm, trainer_state, wandb,
    )  # fmt: skip
    readers = {reader.__name__.rpartition(".")[2]: reader for reader in known}
    assert sorted(readers) == sorted(formats())
    claiming = [one for one, reader in readers.items() if reader.claims(FILES / name)]
    assert [one for one in claiming if one not in GENERAL] == [format]
    assert bool({"jsonl", "table"} & set(claiming)) == (FILES / name).is_file()


@pytest.mark.parametrize("name", [case[0] for case in CASES if case[2].get("metric")])
def test_which_measurement_is_asked(name):
    with pytest.raises(TableError, match=r"which measurement\? choose metric="):
        read(FILES / name)
    with pytest.raises(TableError, match=r"no measurement 'other'; choose metric="):
        read(FILES / name, metric="other")


def test_trainer_curves_and_known_unique_samples():
    path = FILES / "trainer" / "checkpoint-15" / "trainer_state.json"
    state = json.loads(path.read_text())
    evaluated = [e["eval_accuracy"] for e in state["log_history"] if "eval_accuracy" in e]
    sweep = read(path, metric="eval_accuracy", points="all", unique_samples=100)
    assert sweep["error"] == pytest.approx([1 - accuracy for accuracy in evaluated])
    assert sweep["epochs"].tolist() == [1, 2, 3]
    assert sweep.values("run") == ["trainer"]  # the folder above the checkpoints
    assert "1 earlier checkpoints" in " ".join(read(FILES / "trainer", metric="eval_loss").notes)


def test_trainer_epochs_beside_steps_tell_the_number_of_processes():
    sweep = read(FILES / "trainer", metric="eval_accuracy", unique_samples=400)
    assert sweep["samples_seen"].tolist() == [1200]
    assert any("4 times step * batch_size" in note for note in sweep.notes)
    assert read(FILES / "trainer", metric="eval_loss", batch_size=80)["samples_seen"] == [1200]


def test_lightning_steps_count_from_zero(copy):
    """Its last row says step 14, after 15 steps of 20 among 100 samples: three epochs."""
    path = copy("lightning_metrics.csv", "logs/version_3/metrics.csv")
    sweep = read(path.parents[1], metric="val_loss", batch_size=20, unique_samples=100)
    assert (sweep["epochs"].tolist(), sweep["run"].tolist()) == ([3], ["version_3"])
    assert read(path, metric="val_acc", batch_size=20, points="all")["samples_seen"].tolist() == [
        100, 200, 300,
    ]  # fmt: skip


def test_names_of_runs_hold_columns():
    sweep = read(FILES / "tensorboard", metric="val/loss", batch_size=20, from_run=NAMES)
    assert sweep.values("pool") == ["web"] and sweep["seed"].tolist() == [0, 1]
    assert sweep["epochs"].tolist() == [3, 3]
    with pytest.raises(TableError, match=r"'web_100_s0' is not of the form '\{pool\}-\{seed\}'"):
        read(FILES / "tensorboard", metric="val/loss", from_run="{pool}-{seed}")
    with pytest.raises(TableError, match="from_run names 'colour'"):
        read(FILES / "tensorboard", metric="val/loss", from_run="{colour}")


def test_event_file_that_was_cut_off(copy):
    path = copy("tensorboard", "logs") / "web_100_s0" / "events.out.tfevents.0.host.0.0"
    path.write_bytes(path.read_bytes()[:-9])
    sweep = read(path, metric="val/loss", batch_size=20)
    assert sweep["samples_seen"].tolist() == [300]
    assert any("ends inside a record" in note for note in sweep.notes)


@pytest.mark.parametrize("at", [60, 200, 340])
def test_broken_events_are_no_shorter_runs(copy, at):
    """The library stops silently at a wrong checksum: the records are counted."""
    path = copy("tensorboard/web_100_s0/events.out.tfevents.0.host.0.0")
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(TableError, match=r"record \d of \d is broken"):
        read(path, metric="val/loss", batch_size=20)


def test_tensors_of_one_number_are_scalars_too(tmp_path):
    """As TensorFlow 2 writes them: the plugin is named with the first value only."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    writer = EventFileWriter(str(tmp_path))
    for step in (1, 2):
        value = Summary.Value(tag="val_acc", tensor=make_tensor_proto(0.25 * step))
        if step == 1:
            value.metadata.plugin_data.plugin_name = "scalars"
        writer.add_event(Event(step=step, summary=Summary(value=[value])))
    writer.close()
    sweep = read(tmp_path, batch_size=10, points="all")
    assert (sweep["error"].tolist(), sweep["samples_seen"].tolist()) == ([0.75, 0.5], [10, 20])


def test_states_that_are_none(copy):
    path = copy("trainer/checkpoint-15/trainer_state.json")
    good = path.read_text()
    for text, words in (
        (good.replace('"global_step": 15', '"global_step": "x"'), "the number global_step"),
        (good.replace('"log_history": [', '"log_history": [1, '), "must be a list of objects"),
        (good.replace("eval_", "other_"), "has no evaluation"),
    ):
        path.write_text(text)
        with pytest.raises(TableError, match=words):
            read(path)


def test_runs_that_did_not_finish_are_dropped():
    reading = examine(FILES / "mlflow_runs.csv", metric="metrics.val_acc")
    assert (1, "of runs that are not finished: FAILED") in reading.dropped
    reading = examine(FILES / "wandb_table.csv")
    assert (1, "of runs that are not finished: crashed") in reading.dropped


def test_a_canonical_column_needs_no_choice(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("Name,State,lr,error\na,finished,.1,.25\nb,running,.1,\n")
    reading = examine(path)
    assert (reading.format, reading.sweep["error"].tolist()) == ("wandb", [0.25])


def test_wandb_cells_are_literals_and_nothing_is_run(tmp_path):
    path = tmp_path / "project.csv"
    path.write_text("summary,config,name\n\"__import__('os').getcwd()\",{},a\n")
    with pytest.raises(TableError, match="line 2, column 'summary': not a dict of numbers"):
        read(path)


def test_two_formats_in_one_folder_are_named(copy):
    folder = copy("tensorboard", "logs")
    copy("lightning_metrics.csv", "logs/metrics.csv")
    with pytest.raises(InputError, match=r"lightning: metrics.csv.*; tensorboard: events"):
        read(folder, metric="val/loss")
    assert len(read(folder, format="tensorboard", metric="val/loss", batch_size=20)) == 2
    with pytest.raises(InputError, match="format must be one of evaluations, lightning"):
        read(folder, format="excel")


@pytest.mark.parametrize(("name", "library"), [("tensorboard", "tensorboard"), ("x", "pyarrow")])
def test_missing_extras_are_named(tmp_path, monkeypatch, name, library):
    for module in ("tensorboard.backend.event_processing.event_file_loader", "pyarrow"):
        monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / "x"
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=rf"{library}: pip install 'prunelaw\["):
        read(FILES / name if name != "x" else path)


def test_order_of_formats_is_stated():
    assert formats()[-3:] == list(GENERAL) == ["json", "jsonl", "table"]
    assert formats()[:-3] == sorted(formats()[:-3])
