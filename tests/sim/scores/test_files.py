"""Files of scores: what they give, what high means, and how each kind of bad file is named."""

import io
import json
import pickle
import re
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from prunelaw.errors import InputError, TableError
from prunelaw_sim.common import guarded
from prunelaw_sim.common.guarded import check_growth
from prunelaw_sim.scores.arrays import read_arrays
from prunelaw_sim.scores.files import Scores, read_scores, write_scores

GOOD = "id,score\na,0.5\nb,-1e-3\nc,7\n"


def text_file(tmp_path, text, name="scores.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path, message, **options):
    with pytest.raises(TableError, match=message) as caught:
        read_scores(path, **options)
    assert str(path) in str(caught.value)


def test_ids_values_and_provenance(tmp_path):
    path = text_file(tmp_path, "# model: mlp:64\n# made by hand\n" + GOOD)
    scores = read_scores(path, examples=3)
    np.testing.assert_array_equal(scores.values, [0.5, -1e-3, 7.0])
    assert scores.ids == ("a", "b", "c") and scores.high == "keep" and scores.ties == 0
    assert scores.provenance == {"model": "mlp:64", "comment": "made by hand"}


@pytest.mark.parametrize(
    ("text", "options", "ids"),
    [
        ("score\n1\n2\n", {}, None),
        ("file,el2n\nx.png,1\ny.png,2\n", {"column": "el2n"}, ("x.png", "y.png")),
        ("id,el2n,ddd\np,1,9\nq,2,9\n", {"column": "el2n"}, ("p", "q")),
        ("name,id,el2n\np,3,1\nq,4,2\n", {"column": "el2n", "id_column": "name"}, ("p", "q")),
        ("id\tscore\na\t1\n\nb\t2\n", {}, ("a", "b")),
        ('id,score\n"a,\n1",1\n"b ""x""",2\n', {}, ("a,\n1", 'b "x"')),
        ("\ufeffid,score\r\na,1\r\nb,2\r\n", {}, ("a", "b")),
    ],
)
def test_columns_are_found(tmp_path, text, options, ids):
    scores = read_scores(text_file(tmp_path, text), **options)
    assert scores.values.tolist() == [1.0, 2.0] and scores.ids == ids


def test_high_means_what_the_file_or_the_caller_says(tmp_path):
    plain = text_file(tmp_path, GOOD)
    for high, sign in (("keep", 1), ("hard", 1), ("easy", -1)):
        np.testing.assert_array_equal(
            read_scores(plain, high=high).values, sign * np.array([0.5, -1e-3, 7.0])
        )
    said = text_file(tmp_path, "# high: easy\n" + GOOD, "said.csv")
    assert read_scores(said).high == "easy" and read_scores(said).values[2] == -7.0
    refused(said, "high is 'easy' in the file, but 'hard' was asked for", high="hard")
    refused(text_file(tmp_path, "# high: up\n" + GOOD, "up.csv"), "high must be one of keep")
    with pytest.raises(InputError, match="high must be one of keep, hard, easy; got 'low'"):
        read_scores(plain, high="low")


def test_scores_in_the_order_of_the_examples(tmp_path):
    path = text_file(tmp_path, GOOD)
    scores = read_scores(path, examples=["c", "a", "b"])
    assert scores.values.tolist() == [7.0, 0.5, -1e-3] and scores.ids == ("c", "a", "b")
    refused(path, "no score for example 'd'", examples=["a", "b", "d"])
    refused(path, "3 scores for 4 examples", examples=4)
    refused(path, "3 scores for 2 examples", examples=["a", "b"])
    refused(text_file(tmp_path, "score\n1\n2\n", "bare.csv"), "no ids", examples=["a", "b"])


def test_ties_are_reported(tmp_path):
    scores = read_scores(text_file(tmp_path, "score\n1\n1\n2\n3\n3\n3\n"))
    assert scores.ties == 5 and "5 of 6 examples share their score" in scores.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,score\na,1\nb,nan\n", "line 3, column 'score': must be a finite number, got 'nan'"),
        ("# k: v\nid,score\na,1\n\nb,high\n", "line 5, column 'score': .* got 'high'"),
        ("id,score\na,1\nb,\n", "line 3, column 'score': .* got ''"),
        ("id,score\na,1\nb,1_0\n", "line 3, column 'score': .* got '1_0'"),
        ("id,score\na,1\nb\n", "line 3: 1 cells, the header has 2"),
        ("id,score\na,1\nb,2,3\n", "line 3: 3 cells"),
        ("id,score\na,4\nb,4\n", "column 'score': all 2 scores are 4, from line 2 on: a constant"),
        ("id,score\na,1\nb,2\na,3\n", "line 4, column 'id': id 'a' appears again, after line 2"),
        ("id,score\na,1\n ,2\n", "line 3, column 'id': the id is empty"),
        ("id,score\na,1\n", "1 scores; 2 or more are needed"),
        ("id,score\n", "0 scores"),
        ("", "no header line"),
        ("# only: this\n", "no header line"),
        ("0.5\n0.7\n", "line 1: '0.5' in the header is a number"),
        ("score,score\n1,2\n", "line 1: column 'score' appears more than once"),
        ("a,b,c\n1,2,3\n", "which column holds the scores.*one of a, b, c"),
        ('id,score\n"a,1\n', "line 2: unexpected end of data"),
    ],
)
def test_bad_text(tmp_path, text, message):
    refused(text_file(tmp_path, text), message)


def test_bad_choices_of_columns(tmp_path):
    path = text_file(tmp_path, GOOD)
    refused(path, "column 'el2n' is not there; present: id, score", column="el2n")
    refused(path, "id_column 'name' is not there", id_column="name")
    refused(path, "cannot hold both", column="score", id_column="score")
    refused(tmp_path / "absent.csv", "no such file")
    refused(tmp_path, "is a folder")


def test_a_sidecar_adds_provenance(tmp_path):
    path = text_file(tmp_path, "# model: a\n" + GOOD)
    text_file(tmp_path, json.dumps({"high": "easy", "models": 20}), "scores.csv.json")
    scores = read_scores(path)
    assert scores.provenance == {"model": "a", "high": "easy", "models": "20"}
    assert scores.high == "easy"
    for content, message in (
        ('{"model": "b"}', "model is 'b', but scores.csv says 'a'"),
        ("[1]", "must be a JSON object"),
        ("{", "no JSON that can be read"),
    ):
        text_file(tmp_path, content, "scores.csv.json")
        with pytest.raises(TableError, match=message):
            read_scores(path)


@given(
    hnp.arrays(np.float64, st.integers(2, 20), elements=st.floats(allow_nan=False, width=64)),
    st.sampled_from(["keep", "hard", "easy"]),
    st.sampled_from([".csv", ".tsv"]),
)
def test_written_scores_read_back(tmp_path_factory, values, high, ending):
    if not np.isfinite(values).all() or values.min() == values.max():
        return
    ids = tuple(f'x,"{i}"\t' + "é" for i in range(len(values)))
    path = tmp_path_factory.mktemp("scores") / f"scores{ending}"
    write_scores(path, Scores(values, ids, high=high, provenance={"model": "mlp:64"}))
    back = read_scores(path)
    np.testing.assert_array_equal(back.values, values)
    assert back.ids == ids and back.high == high and back.provenance["model"] == "mlp:64"


def test_nothing_is_overwritten(tmp_path):
    path = text_file(tmp_path, GOOD)
    scores = read_scores(path)
    with pytest.raises(InputError, match="exists and is not overwritten"):
        write_scores(path, scores)
    assert path.read_text() == GOOD
    with pytest.raises(InputError, match=r"path must end in \.csv or \.tsv"):
        write_scores(tmp_path / "scores.npy", scores)
    with pytest.raises(InputError, match="whose folder does not exist"):
        write_scores(tmp_path / "absent" / "scores.csv", scores)
    with pytest.raises(InputError, match="one line without a colon, got 'a:b'"):
        write_scores(tmp_path / "new.csv", Scores(scores.values, provenance={"a:b": "c"}))
    for name in ("", " a", "a\rb"):
        with pytest.raises(InputError, match="ids must be one line without outer spaces"):
            write_scores(tmp_path / "new.csv", Scores(scores.values, ("x", "y", name)))
    assert not (tmp_path / "new.csv").exists()


def test_scores_are_checked_when_made():
    with pytest.raises(InputError, match="values must be finite"):
        Scores(np.array([1.0, np.inf]))
    with pytest.raises(InputError, match="ids must be one for each of 2 values, got 1"):
        Scores(np.array([1.0, 2.0]), ("a",))


def test_arrays_of_numpy(tmp_path):
    for dtype in ("<f8", ">f4", "<i2", "u1"):
        np.save(tmp_path / "s.npy", np.array([3, 1, 2], dtype=dtype))
        assert read_scores(tmp_path / "s.npy").values.tolist() == [3.0, 1.0, 2.0]
    np.savez_compressed(
        tmp_path / "s.npz",
        id=np.array(["a", "b", "c"]),
        el2n=np.array([3.0, 1.0, 2.0]),
        provenance=np.array('{"high": "easy", "models": 20}'),
    )
    scores = read_scores(tmp_path / "s.npz")
    assert scores.values.tolist() == [-3.0, -1.0, -2.0] and scores.ids == ("a", "b", "c")
    assert scores.provenance == {"high": "easy", "models": "20"}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1.0, np.nan]), "index 1, column 'score': must be a finite number, got nan"),
        (np.ones(5), "all 5 scores are 1, from index 0 on"),
        (np.ones((2, 2, 2)), r"must be one row of numbers.* got float64 of shape \(2, 2, 2\)"),
        (np.array(["a", "b"]), "must hold numbers, got <U1"),
        (np.array([True, True]), "all 2 scores are 1, from index 0 on"),
        (np.array([1j, 2j]), "must hold numbers, got complex128"),
    ],
)
def test_bad_arrays(tmp_path, array, message):
    np.save(tmp_path / "s.npy", array)
    refused(tmp_path / "s.npy", message)


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_are_never_read(tmp_path):
    hit = tmp_path / "hit"
    objects = np.array([Bomb(hit), Bomb(hit)], dtype=object)
    np.save(tmp_path / "s.npy", objects, allow_pickle=True)
    refused(tmp_path / "s.npy", "an array of Python objects is a pickle, which is never read")
    np.savez(tmp_path / "s.npz", score=objects)
    refused(tmp_path / "s.npz", "score.npy: an array of Python objects is a pickle")
    (tmp_path / "s.pkl").write_bytes(pickle.dumps(Bomb(hit)))
    refused(tmp_path / "s.pkl", "a pickle could run any code and is never read")
    with zipfile.ZipFile(tmp_path / "s.pt", "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Bomb(hit)))
    refused(tmp_path / "s.pt", "holds 'data.pkl'")
    assert not hit.exists()


def npy_header(shape):
    """The header of an array of float64, without its data."""
    target = io.BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(target, about)
    return target.getvalue()


def test_headers_that_promise_more_than_there_is(tmp_path):
    (tmp_path / "s.npy").write_bytes(npy_header((2**50,)) + bytes(16))
    refused(tmp_path / "s.npy", "promises 9007199254740992 bytes of data, the file has 16")
    (tmp_path / "s.npy").write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr': 'no'}  ")
    refused(tmp_path / "s.npy", "no array in NumPy's format")
    (tmp_path / "s.npy").write_bytes(b"\x93NUMPY")
    refused(tmp_path / "s.npy", "no array in NumPy's format")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(guarded, "HARMLESS", 2**20)
    size = 2**20 + 8
    with zipfile.ZipFile(tmp_path / "s.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.npy", npy_header((size // 8,)) + bytes(size))
    refused(tmp_path / "s.npz", "at most 100 times the file's size")


def test_text_is_no_array(tmp_path):
    (tmp_path / "s.csv").write_text("id,score\na,1\n")
    assert read_arrays(tmp_path / "s.csv") is None


def test_the_limits_of_unpacking(tmp_path):
    for unpacked, packed in ((10**8, 1), (2**30, 2**24), (10**9, 10**7)):
        check_growth(tmp_path, unpacked, packed)
    for unpacked, packed in ((10**8 + 1, 1000), (2**30 + 1, 2**30), (10**9 + 1, 10**7)):
        with pytest.raises(TableError, match=f"{packed} bytes that unpack to {unpacked}"):
            check_growth(tmp_path, unpacked, packed)


def test_a_zip_that_lies_about_its_size(tmp_path):
    path = tmp_path / "s.npz"
    np.savez_compressed(path, score=np.arange(1000.0))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24  # uncompressed size in the central directory
    data[at : at + 4] = struct.pack("<I", 200)
    path.write_bytes(data)
    refused(path, "broken or encrypted zip|header promises")


def test_broken_and_foreign_files(tmp_path):
    path = tmp_path / "s.npz"
    np.savez(path, score=np.arange(100.0), other=np.arange(3.0))
    refused(path, "arrays differ in length: score 100, other 3")
    path.write_bytes(path.read_bytes()[:-30])
    refused(path, "broken or encrypted zip")
    path.write_bytes(b"\x1f\x8b\x08 and so on")
    refused(path, "compressed; unpack it first")
    path.write_bytes(b"id,score\na,\xff\n")
    refused(path, "line 2: byte 0xff is not UTF-8")
    np.savez(path, score=np.arange(3.0), provenance=np.array("[1]"))
    refused(path, "provenance must be the text of a JSON object")
    np.savez(path, score=np.array(3.0))
    refused(path, "no array of one row")


@given(st.binary(max_size=60), st.sampled_from([b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"PAR1"]))
def test_any_bytes_are_scores_or_a_table_error(tmp_path_factory, data, start):
    path = tmp_path_factory.mktemp("bytes") / "scores"
    path.write_bytes(start + data)
    try:
        read_scores(path)
    except TableError as error:
        assert re.search(re.escape(str(path)), str(error))


def parquet_file(path, **columns):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(columns).replace_schema_metadata({"high": "hard"})
    parquet.write_table(table, path)
    return path


def test_parquet(tmp_path):
    path = parquet_file(tmp_path / "s.parquet", id=["a", "b"], score=[2.0, 1.0])
    scores = read_scores(path)
    assert scores.values.tolist() == [2.0, 1.0] and scores.ids == ("a", "b")
    assert scores.high == "hard"
    refused(parquet_file(path, id=["a", "b"], score=[2.0, None]), "index 1, column 'score'")
    refused(parquet_file(path, id=["a", "b"], score=["x", "y"]), "index 0, .* got 'x'")
    path.write_bytes(path.read_bytes()[:-9])
    refused(path, "no Parquet file that can be read")


def test_parquet_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(guarded, "HARMLESS", 2**20)
    path = tmp_path / "s.parquet"
    refused(parquet_file(path, score=np.zeros(2**17 + 8)), "at most 100 times")
    texts = ["x" * 10_000] * 200
    refused(parquet_file(path, id=texts, score=np.arange(200.0)), "that unpack to 2000000:")
