"""Files that are broken or hostile: a result or a named refusal, whatever the bytes."""

import gzip
import io
import json
import os
import time
import zipfile

import numpy as np
import pandas as pd
import pytest

from prunelaw.errors import PrunelawError, TableError
from prunelaw_sim.common.guarded import MOST_COLUMNS, check_growth, read_small, regular
from prunelaw_sim.networks.datasets import load_dataset
from prunelaw_sim.readers import read
from prunelaw_sim.scores.files import read_scores
from prunelaw_sim.tables.mapping import ColumnMapping

LINES = "run,pool,unique_samples,samples_seen,error\n" + "".join(
    f"r{i},{'ab'[i % 2]},1000,{1000 * (i + 1)},{0.9 - 0.01 * i}\n" for i in range(20)
)
SECONDS = 10.0  # that any file may take; one of these takes milliseconds


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def parquet():
    buffer = io.BytesIO()
    pd.read_csv(io.StringIO(LINES)).to_parquet(buffer)
    return buffer.getvalue()


def corpus():
    """(name of the file, bytes, what reads it)."""
    rng = np.random.default_rng(0)
    rows = pd.read_csv(io.StringIO(LINES)).to_dict("records")
    scores = rng.normal(size=40)
    text = "# high: hard\nid,score\n" + "".join(f"e{i},{s}\n" for i, s in enumerate(scores))
    toml = '[columns]\nerror = "e"\n[constants]\nbatch_size = 8\n[pool_sizes]\na = 10\n'
    history = [{"step": i, "eval_loss": 1 / i, "epoch": float(i)} for i in range(1, 9)]
    logs = {"epoch": 8.0, "global_step": 8, "log_history": history}
    images = {"inputs": rng.uniform(size=(12, 2, 2)), "labels": np.arange(12) % 2}
    return [
        *logs_of_tools(),
        ("t.csv", LINES.encode(), read),
        ("t.csv.gz", gzip.compress(LINES.encode()), read),
        ("t.jsonl", "\n".join(map(json.dumps, rows)).encode(), read),
        ("trainer_state.json", json.dumps(logs, indent=1).encode(), read_state),
        ("t.parquet", parquet(), read),
        ("s.csv", text.encode(), read_scores),
        ("s.npy", npy(scores), read_scores),
        ("s.npz", npz(score=scores, id=np.arange(40)), read_scores),
        ("m.toml", toml.encode(), ColumnMapping.load),
        ("d.npz", npz(**images), lambda path: load_dataset(f"npz:{path}")),
    ]


def logs_of_tools():
    """The same of logs, and of tables as people write them."""
    tasks = {f"t{i}": {"acc,none": i / 9, "acc_stderr,none": 0.01, "alias": "x"} for i in range(8)}
    harness = {"results": tasks, "versions": {"t1": 1}, "config": {"model_args": "pretrained=m"}}
    report = {"acc": 0.5, "time_total_s": 1.5, "trial_id": "a", "config": {"seed": 1, "lr": 0.1}}
    reports = [{"training_iteration": i, **report} for i in range(1, 6)]
    history = {"val_loss": [3.0, 2.5, 2.0], "lr": [0.1, 0.1, 0.1], "params": {"epochs": 3}}
    zero_shot = [{"imagenet-zeroshot-val-top1": e / 9, "epoch": e} for e in range(1, 6)]
    summary = "epoch,train_loss,eval_loss,eval_top1\n" + "".join(f"{i},3,2,{i}.5\n" for i in (1, 2))
    excel = "sep=;\r\nLauf;samples_seen;error\r\n" + "r1;1.000.000;0,512\r\nr2;2.000.000;0,5\r\n"
    paper = "# our runs\nrun,samples_seen,keep_fraction,accuracy\n" + "".join(
        f"r{i},{i}.8M,{i}0%,{40 + i}.7±2.9\n" for i in range(1, 9)
    )
    bars = "| run | samples_seen | error |\n|----|---:|:--:|\n| a | 1000 | .5 |\n| b | 2e3 | .4 |\n"
    return [
        ("harness.json", json.dumps(harness, indent=1).encode(), by(metric="t3/acc")),
        ("result.json", "\n".join(map(json.dumps, reports)).encode(), by(metric="acc")),
        ("history.json", json.dumps(history).encode(), by(metric="val_loss")),
        ("array.json", json.dumps(reports, indent=2).encode(), by(metric="acc")),
        ("results.jsonl", "\n".join(map(json.dumps, zero_shot)).encode(), read),
        ("summary.csv", summary.encode(), by(metric="eval_top1")),
        ("run-a-tag-acc.csv", b"Wall time,Step,Value\n1.5,10,0.5\n2.5,20,0.75\n", read),
        ("mlruns/0/r/metrics/acc", b"1700 0.5 10\n1701 0.75 20\n", read_store),
        ("excel.csv", excel.encode("utf-16"), read),
        ("paper.csv", paper.encode(), by(units="percent")),
        ("bars.md", bars.encode(), read),
    ]


def by(**given):
    return lambda path: read(path, **given)


def read_store(path):
    run = path.parents[1]
    (run / "meta.yaml").write_text("run_id: r\nrun_name: a\nstatus: 3\nlifecycle_stage: active\n")
    return read(run.parent)


def read_state(path):
    return read(path, metric="eval_loss", batch_size=8)


def mutated(data, rng):
    """One or two changes: a bit, a byte, a piece cut, doubled, or put elsewhere, the end lost."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 3))):
        at, size = int(rng.integers(len(data))), int(rng.integers(1, 40))
        kind = int(rng.integers(6))
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2:
            del data[at : at + size]
        elif kind == 3:
            data[at:at] = data[at : at + size]
        elif kind == 4:
            data[at : at + size] = bytes(int(b) for b in rng.integers(0, 256, size))
        else:
            del data[at:]
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def tried(folder, count, seed):
    rng = np.random.default_rng(seed)
    files, outcomes = corpus(), {"read": 0, "refused": 0}
    for i in range(count):
        name, data, opens = files[i % len(files)]
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(mutated(data, rng))
        start = time.monotonic()
        try:
            opens(file)
            outcomes["read"] += 1
        except PrunelawError as refused:
            assert len(str(refused)) < 4000
            outcomes["refused"] += 1
        assert time.monotonic() - start < SECONDS, (name, i)
    return outcomes


def test_the_corpus_is_read_as_it_is(tmp_path):
    for name, data, opens in corpus():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
        assert opens(tmp_path / name) is not None


def test_mutated_files_are_read_or_refused(tmp_path):
    outcomes = tried(tmp_path, 300, seed=1)
    assert min(outcomes.values()) > 10


@pytest.mark.exhaustive
def test_ten_thousand_mutated_files(tmp_path):
    outcomes = tried(tmp_path, 10_000, seed=2)
    assert min(outcomes.values()) > 500


def refused(opens, path, words):
    start = time.monotonic()
    with pytest.raises(PrunelawError, match=words):
        opens(path)
    assert time.monotonic() - start < SECONDS


def test_pipes_and_devices_are_not_opened(tmp_path):
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for opens in (ColumnMapping.load, read_scores, lambda p: load_dataset(f"npz:{p}"), read):
        refused(opens, pipe, "a pipe or a device|neither a file nor a folder")
    refused(ColumnMapping.load, "/dev/zero", "a pipe or a device")
    refused(ColumnMapping.load, tmp_path, "is a folder")
    refused(ColumnMapping.load, tmp_path / "no.toml", "no such file")


def test_what_unpacks_to_too_much_is_not_unpacked(tmp_path):
    bomb = tmp_path / "d.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        header = npy(np.zeros((1, 1)))[:128].replace(b"(1, 1)", b"(9, 9)")
        archive.writestr("labels.npy", header + bytes(200_000_000))
        archive.writestr("inputs.npy", header)
    refused(lambda path: load_dataset(f"npz:{path}"), bomb, "unpack to")
    table = tmp_path / "rows.parquet"
    pd.DataFrame({"error": np.full(20_000_000, 0.5)}).to_parquet(table)
    assert table.stat().st_size < 200_000
    refused(read, table, "unpack to")
    with pytest.raises(TableError, match="unpack to"):
        check_growth(table, 10**12, 10**6)


def test_many_columns_and_a_key_twice_cost_no_quadratic_time(tmp_path):
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join(f"c{i}" for i in range(300_000)) + "\n")
    refused(read, wide, f"at most {MOST_COLUMNS}")
    twice = tmp_path / "twice.jsonl"
    keys = ", ".join(f'"k{i}": 1' for i in range(250_000))
    twice.write_text("{" + keys[:3_900_000].rpartition(",")[0] + ', "k9": 2}\n')
    refused(read, twice, "appears twice|longer than")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "nested|must be one of"),
        (".".join(["a"] * 5000) + " = 1", "must be|nested"),
        ("[constants]\nbatch_size = " + "9" * 5000, "mapping file in TOML|digits"),
        ("units = " + '"' + "x" * 2_000_000 + '"', "too many"),
    ],
)
def test_toml_without_end_is_named(tmp_path, text, words):
    file = tmp_path / "m.toml"
    file.write_text(text)
    refused(ColumnMapping.load, file, words)


def test_damaged_archives_and_headers_are_named(tmp_path):
    packed = bytearray(gzip.compress(LINES.encode()))
    packed[30] ^= 0xFF
    (tmp_path / "t.csv.gz").write_bytes(packed)
    refused(read, tmp_path / "t.csv.gz", "broken|cannot be read|gz")
    for name in ("empty.npz", "text.npz"):
        (tmp_path / name).write_bytes(b"" if name == "empty.npz" else b"no zip")
        refused(lambda path: load_dataset(f"npz:{path}"), tmp_path / name, "cannot be read")
    good = npy(np.arange(8.0))
    for old, new in ((b"'<f8'", b"('<f8"), (b"'<f8'", b"'4f8'"), (b"(8,)", b"(8(,")):
        (tmp_path / "s.npy").write_bytes(good.replace(old, new))
        refused(read_scores, tmp_path / "s.npy", "NumPy|must be|promises")


def test_a_parquet_column_twice_is_named(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table([[0.5], [0.4]], names=["error", "error"])
    pq.write_table(table, tmp_path / "t.parquet")
    refused(read, tmp_path / "t.parquet", "appears more than once")


def test_small_files_are_small(tmp_path):
    (tmp_path / "x").write_bytes(bytes(100))
    assert read_small(tmp_path / "x", 100) == bytes(100)
    with pytest.raises(TableError, match="100 bytes are too many"):
        read_small(tmp_path / "x", 99)
    assert regular(tmp_path / "x") == 100
