"""Files that must not be read, or not silently: each is named by file, line and column."""

import contextlib
import gzip
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunelaw.errors import InputError, TableError
from prunelaw_sim.readers import _cells, _files, read

FILES = Path(__file__).parent / "files"
GOOD = b"pool,error\nA,.1\nB,.2\n"


@pytest.fixture
def said(tmp_path):
    """What `read` says of a file with this content."""

    def _said(content: bytes, name: str = "runs.csv", **options) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(TableError) as raised:
            read(path, **options)
        assert str(raised.value).startswith(str(path))
        return str(raised.value)

    return _said


class Unpickled:
    """Would be noticed: unpickling it raises."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_are_never_opened(said, protocol):
    assert "a pickle" in said(pickle.dumps(Unpickled(), protocol))
    assert "a pickle" in said(gzip.compress(pickle.dumps(Unpickled(), protocol)), "runs.csv.gz")


def test_archives_and_binary_files_are_refused(said):
    for inner, words in (
        ("archive/data.pkl", "a pickle"),
        ("xl/workbook.xml", "Excel"),
        ("runs.csv", "zip archive"),
    ):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(inner, "content")
        assert words in said(packed.getvalue())
    assert "broken zip" in said(b"PK\x03\x04 and no more")
    array = io.BytesIO()
    np.save(array, np.array([{}], dtype=object), allow_pickle=True)
    assert "NumPy" in said(array.getvalue())
    assert "sweep export" in said(b"SQLite format 3\0")


def test_zip_bombs_are_refused(said, tmp_path, monkeypatch):
    row = b"A,0.1\n"
    path = tmp_path / "good.csv.gz"
    path.write_bytes(gzip.compress(GOOD))
    assert read(path)["error"].tolist() == [0.1, 0.2]
    monkeypatch.setattr(_files, "HARMLESS", 1000)
    assert "unpacks to more than 100 times" in said(gzip.compress(GOOD + row * 20000), "b.csv.gz")
    assert ".gz is broken" in said(gzip.compress(GOOD)[:-12], "c.csv.gz")


def test_mixed_encodings_are_located(said, tmp_path):
    assert "line 3: byte 0xe9 is not UTF-8" in said(b"pool,error\nA,.1\ncaf\xe9,.1\n")
    late = b"pool,error\n" + (b"A" * 500 + b",.1\n") * 300 + b"\xff,.1\n"
    assert "line 302: byte 0xff is not UTF-8" in said(late)
    assert "line 1: a NUL byte" in said(GOOD.decode().encode("utf-16-le"))
    assert "is not UTF-16" in said(GOOD.decode().encode("utf-16")[:-1])
    path = tmp_path / "utf16.csv"
    path.write_bytes(GOOD.decode().encode("utf-16"))
    assert read(path)["error"].tolist() == [0.1, 0.2]


def test_truncated_json_is_located(said, tmp_path):
    lines = b'{"error": 0.1, "pool": "A"}\n{"error": 0.2, "po'
    assert "line 2, character" in said(lines) and "JSON ends early" in said(lines)
    assert "line 2, character 1: not JSON" in said(b'{"error": 0.1}\nerror 0.1\n')
    assert "the key 'error' appears twice" in said(b'{"error": 0.1, "error": 0.2}\n')
    assert "line 2: wanted one JSON object a line" in said(b'{"error": 0.1}\n[1, 2]\n')
    assert "nested too deeply" in said(b'{"error": ' + b"[" * 200_000 + b"\n")
    assert "in record 1, column 'error': must be" in said(b'{"error": NaN}\n')
    assert "in record 1, column 'error': must be" in said(b'{"error": true}\n')
    assert "record 2: wanted an object, got 3" in said(b'[{"error": 0.1}, 3]')
    assert "JSON ends early" in said(b'[{"error": 0.1}, {"err')
    assert "holds no record" in said(b"[]")
    assert "rows='a' is no list of objects; there are: b" in said(
        b'{"b": [{"error": 1}]}', rows="a"
    )
    two = b'{"b": [{"error": 1}], "c": [{"error": 1}]}'
    assert "which list holds the rows, b, c? Say rows='b'" in said(two)
    state = json.dumps({"global_step": 3, "log_history": [{"eval_loss": 1.0, "step": 3}]}, indent=1)
    assert "JSON ends early" in said(state[:60].encode(), metric="eval_loss")


@pytest.mark.parametrize("time", ["2024-05-02 10:00", "01:23:45", "5/2/2024", "1h 20m"])
def test_times_where_numbers_belong(said, time):
    message = said(f"error,samples_seen\n.5,100\n.4,{time}\n".encode())
    assert "line 3, column 'samples_seen'" in message and "looks like a time" in message


def test_a_comma_that_may_be_either_mark_is_asked_about(said):
    message = said(b'error,metric\n"2,345",loss\n')
    assert "is '2,345' 2345 or 2.345?" in message and "decimal=','" in message


EXAMPLES = sorted(file for file in FILES.rglob("*") if file.suffix not in (".py", ".md", ""))


@settings(max_examples=40)
@given(
    file=st.sampled_from(EXAMPLES),
    cut=st.floats(0, 1),
    at=st.floats(0, 1),
    put=st.sampled_from([b"", b'"', b"\n", b"{", b"]", b"\0", b"nan", b"1e999", b"null", b"\xff"]),
)
def test_damaged_files_are_read_or_named(file, cut, at, put, tmp_path_factory):
    """Cut anywhere, with anything put in anywhere: a sweep of numbers, or an error on purpose."""
    data = file.read_bytes()
    data = data[: round(cut * len(data))] if put == b"" else data
    place = round(at * len(data))
    path = tmp_path_factory.mktemp("damaged") / "x"
    path.write_bytes(data[:place] + put + data[place:])
    for metric in ("val_acc", "eval_loss", "metrics.val_acc", "val/loss", "imagenet1k/acc1"):
        with contextlib.suppress(InputError):
            assert np.isfinite(read(path, metric=metric, batch_size=20)["error"]).all()


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TableError, match="neither a file nor a folder"):
        read(tmp_path / "pipe")


def test_a_line_without_end(said, monkeypatch):
    monkeypatch.setattr(_files, "LONGEST_LINE", 1000)
    assert "line 2: longer than" in said(b"error\n" + b"0" * 2000)


def test_a_number_with_underscores_in_a_long_table(tmp_path, monkeypatch):
    """Long tables are kept as numbers; what is none is named all the same."""
    monkeypatch.setattr(_cells, "PIECE", 100)
    path = tmp_path / "long.csv"
    path.write_text("run,samples_seen,error\n" + "".join(f"{i},5,.1\n" for i in range(250)))
    sweep = read(path)
    assert len(sweep) == 250 and sweep["run"][249] == "249"
    with open(path, "a") as file:
        file.write("last,1_000,.1\n")
    with pytest.raises(TableError, match=r"line 252, column 'samples_seen'.*'1_000'"):
        read(path)
