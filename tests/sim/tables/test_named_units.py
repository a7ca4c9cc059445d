"""Units that the names of columns say."""

import pytest

from prunelaw.errors import TableError
from prunelaw_sim.readers import read
from prunelaw_sim.tables.written_numbers import amount_in, bare, says_percent


@pytest.mark.parametrize(
    ("name", "plain", "size"),
    [
        ("tokens (M)", "tokens", 1e6), ("params_B", "params", 1e9), ("N [billions]", "N", 1e9),
        ("samples_in_millions", "samples", 1e6), ("x (k)", "x", 1e3),
        ("n (in thousands)", "n", 1e3),
        ("tokens (T)", "tokens", 1e12), ("Daten (Mio.)", "Daten", 1e6), ("D (Mrd)", "D", 1e9),
        ("params (M params)", "params", 1e6), ("M", "M", 1.0), ("batch_k", "batch_k", 1.0),
        ("samples_T", "samples_T", 1.0), ("mAP50(B)", "mAP50", 1e9), ("gemm", "gemm", 1.0),
    ],
)  # fmt: skip
def test_amounts(name, plain, size):
    assert (bare(name), amount_in(name)) == (plain, size)


@pytest.mark.parametrize("name", ["error (%)", "error %", "err_pct", "keep percent", "acc [in %]"])
def test_per_cent(name):
    assert says_percent(name) and bare(name) in ("error", "err", "keep", "acc")


def table(tmp_path, text):
    path = tmp_path / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_name_says_how_its_numbers_are_read(tmp_path):
    path = table(tmp_path, "tokens (M),keep (%),error\n2.3,20,.5\n4,100,.4\n")
    names = {"samples_seen": "tokens (M)", "keep_fraction": "keep (%)"}
    with pytest.raises(TableError) as asked:
        read(table(tmp_path, "tokens (M),keep (%),err\n2.3,20,.5\n"))
    assert asked.value.answers["columns"] == names
    sweep = read(table(tmp_path, "tokens (M),keep (%),error\n2.3,20,.5\n4,100,.4\n"), mapping=names)
    assert sweep["samples_seen"].tolist() == [2_300_000, 4_000_000]
    assert sweep["keep_fraction"].tolist() == [0.2, 1.0]
    assert any("2.3 is read as 2300000" in note for note in sweep.notes)
    large = table(tmp_path, "tokens (M),error\n2300000000,.5\n")  # not in millions, then
    assert read(large, mapping={"samples_seen": "tokens (M)"})["samples_seen"][0] == 2.3e9
    assert read(path, mapping={"samples_seen": "tokens (M)"}, units="fraction")


def test_errors_below_1_in_a_column_of_per_cent_are_asked_about(tmp_path):
    path = table(tmp_path, "error (%)\n.8\n.7\n")
    with pytest.raises(TableError, match=r"says per cent, and all its values are at most 1"):
        read(path, metric="error (%)")
    assert read(path, metric="error (%)", units="percent")["error"] == pytest.approx([0.008, 0.007])
    assert read(path, metric="error (%)", units="fraction")["error"].tolist() == [0.8, 0.7]


def test_a_few_among_millions_are_asked_about(tmp_path):
    with pytest.raises(TableError, match=r"line 3.*2 has no letter, and another row has 1M: is it"):
        read(table(tmp_path, "samples_seen,error\n1M,.5\n2,.4\n"))
    assert read(table(tmp_path, "samples_seen,error\n1k,.5\n2,.4\n"))["samples_seen"][1] == 2
    said = read(table(tmp_path, "parameters,error\n25.5,.5\n")).notes
    assert any("25.5 is no whole number" in note for note in said)
