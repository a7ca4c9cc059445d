"""Plain CSV: mappings and derived columns, and messages that name file, line, column and value."""

import numpy as np
import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.readers import read
from prunelaw_sim.readers._dialect import Dialect, dialect_of

GOOD = "pool,unique_samples,epochs,error\nA,100,1,0.5\nA,100,4,0.25\n"


@pytest.fixture
def write(tmp_path):
    """Writes a table and gives its path."""

    def _write(content: str | bytes):
        path = tmp_path / "runs.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


def test_canonical_columns_need_no_mapping(write):
    sweep = read(write(GOOD))
    np.testing.assert_array_equal(sweep["samples_seen"], [100, 400])
    np.testing.assert_array_equal(sweep["error"], [0.5, 0.25])
    assert sweep["pool"].tolist() == ["A", "A"]
    assert sweep.source.endswith("runs.csv")


def test_own_writing_is_read_back(write, tmp_path):
    sweep = read(write(GOOD))
    sweep.to_csv(tmp_path / "copy.csv")
    assert read(tmp_path / "copy.csv").frame.equals(sweep.frame)


def test_mapping_constants_and_dropped_columns(write):
    path = write("tokens,uniq,val_loss,lr\n400,100,3.5,.1\n")
    sweep = read(
        path,
        mapping={"samples_seen": "tokens", "unique_samples": "uniq", "error": "val_loss"},
        constants={"metric": "validation loss", "pool": "C4"},
    )
    assert sweep["epochs"].tolist() == [4]
    assert sweep.values("pool") == ["C4"]
    assert any("lr" in note for note in sweep.notes)


def test_accuracy_becomes_error(write):
    sweep = read(write("acc\n0.75\n1\n"), mapping={"accuracy": "acc"})
    np.testing.assert_array_equal(sweep["error"], [0.25, 0])


def test_percent_accuracy_is_refused(write):
    with pytest.raises(TableError, match=r"line 3, column 'acc' \(accuracy\).*'63.2'.*percent"):
        read(write("acc\n1\n63.2\n"), mapping={"accuracy": "acc"})


def test_mapped_column_serves_once_only(write):
    """An explicit mapping takes a column away from the canonical name it happens to have."""
    sweep = read(write("epochs,error\n100,0.5\n"), mapping={"samples_seen": "epochs"})
    assert "epochs" not in sweep.columns
    assert sweep["samples_seen"].tolist() == [100]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["is empty"]),
        ("\n  \n\n", ["is empty"]),
        ("pool,error\n", ["no rows"]),
        ("pool,error\nA,.1\nA,.1,9\n", ["line 3", "3 cells", "2 columns"]),
        ("pool,error\nA,.1\n\nA\n", ["line 4", "1 cells", "2 columns"]),
        ('pool,error\nA,".1"x\n', ["line 2", "malformed CSV"]),
        ("pool,loss\nA,.1\n", ["no column 'error'", "present: pool, loss"]),
        ("pool,Error\nA,.1\n", ["no column 'error'", "did you mean 'Error'"]),
        ("pool:error\nA:.1\n", ["no column 'error'", "delimiter=':'"]),
        ("pool,error,error\nA,.1,.1\n", ["'error'", "more than once"]),
        ("pool,error\nA,.1\nA,much\n", ["line 3", "column 'error'", "'much'", "[0, inf)"]),
        ("pool,error\nA,nan\n", ["line 2", "column 'error'", "'nan'", "[0, inf)"]),
        ("pool,error\nA,\n", ["line 2", "column 'error'", "''"]),
        ("pool,error\nA,-0.1\n", ["line 2", "column 'error'", "'-0.1'", "[0, inf)"]),
        ("pool,error\nA,23.5\n", ["line 2", "column 'error'", "[0, 1]", "23.5", "percent"]),
        ("pool,error\n,.1\n", ["line 2", "column 'pool'", "non-empty"]),
        (
            "unique_samples,samples_seen,epochs,error\n10,40,4,.1\n10,40,5,.1\n",
            ["line 3", "column 'epochs'", "5 epochs", "10 unique", "40 samples", "1 %"],
        ),
    ],
)
def test_unusable_content_is_named(write, content, words):
    path = write(content)
    with pytest.raises(TableError) as raised:
        read(path)
    for word in [str(path), *words]:
        assert word in str(raised.value)


def test_lines_are_file_lines_even_after_quoted_line_breaks(write):
    with pytest.raises(TableError, match="line 5, column 'error'"):
        read(write('run,error\n"two\nlines",.1\n\nb,x\n'))


def test_byte_order_mark_and_windows_line_ends(write):
    sweep = read(write(b"\xef\xbb\xbferror,pool\r\n0.5,A\r\n"))
    assert sweep["error"].tolist() == [0.5]


def test_bytes_that_are_not_utf8_are_located(write):
    with pytest.raises(TableError, match="line 3: byte 0xe9 is not UTF-8"):
        read(write(b"pool,error\nA,.1\ncaf\xe9,.1\n"))


def test_columns_that_differ_in_case_only_are_asked_about(write):
    path = write("error,Error\n0.5,0.9\n")
    with pytest.raises(TableError, match=r"'error' and 'Error' differ in case only.*mapping="):
        read(path)
    sweep = read(path, mapping={"error": "Error"})
    assert sweep["error"].tolist() == [0.9]
    assert any("columns of the file: error" in note for note in sweep.notes)


def test_saved_pandas_index_is_an_extra_column(write):
    assert read(write(",error\n0,0.5\n"))["error"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"errors": "pool"}, ["mapping names 'errors'", "error"]),
        ({"samples_seen": "Epochs"}, ["no column 'Epochs'", "did you mean 'epochs'"]),
        ({"samples_seen": "epochs", "epochs": "epochs"}, ["'epochs' is mapped to samples_seen"]),
        ({"error": "error", "accuracy": "epochs"}, ["both 'error' and 'accuracy'"]),
    ],
)
def test_bad_mappings(write, mapping, words):
    with pytest.raises(TableError) as raised:
        read(write(GOOD), mapping=mapping)
    for word in words:
        assert word in str(raised.value)


def test_constant_for_a_column_that_is_there(write):
    with pytest.raises(TableError, match="'pool' is given as a constant and as column 'pool'"):
        read(write(GOOD), constants={"pool": "B"})
    with pytest.raises(TableError, match="constants names 'colour'"):
        read(write(GOOD), constants={"colour": "red"})


def test_no_such_file_and_no_such_option(write, tmp_path):
    with pytest.raises(TableError, match="no such file or folder"):
        read(tmp_path / "absent.csv")
    with pytest.raises(TableError, match=r"no known format.*Found: nothing"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"'downstream'.*table reader.*delimiter"):
        read(write(GOOD), downstream="imagenet1k")


def test_datablations_by_mapping(shared_data):
    sweep = read(
        shared_data / "datablations_c4_val_loss.csv",
        mapping={
            "samples_seen": "tokens_seen",
            "unique_samples": "unique_tokens",
            "error": "val_loss",
        },
        constants={"metric": "C4 validation loss", "pool": "C4"},
    )
    assert len(sweep) == 177
    np.testing.assert_allclose(sweep["epochs"] * sweep["unique_samples"], sweep["samples_seen"])
    assert sweep["error"].max() > 10
    assert "parameters" in sweep.columns


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("a,b\n1,2\n", Dialect(",", 0)),
        ("# x\nsep=|\na|b\n1|2\n", Dialect("|", 2)),
        ("#a\tb\n1\t2\n", Dialect("\t", 0, commented=True)),
        ("a;b\n1,5;2,5\n", Dialect(";", 0)),
        ("a\n1,5\n", Dialect(",", 0)),
    ],
)
def test_how_a_table_is_written(text, dialect):
    assert dialect_of(text) == dialect
