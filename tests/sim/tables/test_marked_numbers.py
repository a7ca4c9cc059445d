"""80%, 12.8M and 46.7±2.9 in the cells of a table."""

import pytest

from prunelaw.errors import TableError
from prunelaw_sim.readers import read
from prunelaw_sim.tables import marked_numbers


@pytest.fixture
def runs(tmp_path):
    """Reads a table written in the test."""

    def _runs(content: str, **options):
        (tmp_path / "runs.csv").write_text(content, encoding="utf-8")
        return read(tmp_path / "runs.csv", **options)

    return _runs


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12.8M", 12_800_000), ("1.1B", 1_100_000_000), ("50k", 50_000), ("50K", 50_000),
        ("2.3 G", 2_300_000_000), ("128M", 128_000_000), ("1.4T", 1.4e12), ("7b", 7e9),
        ("0.7M", 700_000), ("64000", 64_000),
    ],
)  # fmt: skip
def test_amounts_count_to_the_last_digit(runs, cell, value):
    assert runs(f"samples_seen,error\n{cell},.5\n5M,.4\n")["samples_seen"][0] == value


@pytest.mark.parametrize("cell", ["1m", "M", "1;2M", "12.8Q", "1MM", "5 million"])
def test_what_is_no_amount_is_named(runs, cell):
    with pytest.raises(TableError, match=f"line 2, column 'samples_seen'.*{cell}"):
        runs(f"samples_seen,error\n{cell},.5\n")


def test_names_may_end_like_amounts(runs):
    assert runs("pool,run,error\n80%,12.8M,.5\n")["pool"].tolist() == ["80%"]


@pytest.mark.parametrize("mark", ["%", " %", "％"])
def test_per_cent(runs, mark):
    sweep = runs(f"keep_fraction,accuracy\n80{mark},46.7{mark}\n12.5{mark},0\n")
    assert sweep["keep_fraction"].tolist() == [0.8, 0.125]
    assert sweep["error"] == pytest.approx([0.533, 1.0])
    assert runs(f"accuracy\n46.7{mark}\n", units="percent")["error"] == pytest.approx([0.533])


@pytest.mark.parametrize("mark", ["±", " ± ", "+/-", " +- ", r" \pm "])
@pytest.mark.parametrize("unit", [("", ""), ("", "%"), ("%", "%"), ("%", "")])
def test_standard_errors_behind_the_value(runs, mark, unit):
    cells = [f"{v}{unit[0]}{mark}{se}{unit[1]}" for v, se in (("46.7", "2.9"), ("50", ".4"))]
    sweep = runs("accuracy\n" + "\n".join(cells), units=None if any(unit) else "percent")
    assert sweep["error"] == pytest.approx([0.533, 0.5])
    assert sweep["error_se"] == pytest.approx([0.029, 0.004])
    assert marked_numbers.SPREAD in sweep.notes


def test_german_marks(runs):
    sweep = runs("samples_seen;accuracy\n12,8M;46,7±2,9 %\n1,5M;50,0±0,5 %\n")
    assert sweep["samples_seen"].tolist() == [12.8e6, 1.5e6]
    assert sweep["error"] == pytest.approx([0.533, 0.5])
    assert sweep["error_se"] == pytest.approx([0.029, 0.005])


@pytest.mark.parametrize(
    ("content", "words", "options"),
    [
        ("error\n40%\n.4\n", "line 3, column 'error': no % here", {}),
        ("error,error_se\n40%,2\n", "column 'error' is in per cent and .*'error_se'", {}),
        ("error,error_se\n.4,2%\n", "column 'error_se' is in per cent and .*'error'", {}),
        ("error,error_se\n.4±.1,.1\n", "leave one of them out", {}),
        ("error\n.4±.1\n.4\n", "line 3, column 'error': no ± here", {}),
        ("error\n40%\n", "units say fraction", {"units": "fraction"}),
        ("error\n.4±\n", "line 2, column 'error'", {}),
        ("error\n.4±.1±.1\n", "line 2, column 'error'", {}),
        ("error\nabc%\n", "line 2, column 'error'.*'abc%'", {}),
        ("error\n140%\n", "1.4", {}),
    ],
)
def test_what_contradicts_is_refused(runs, content, words, options):
    with pytest.raises(TableError, match=words):
        runs(content, **options)
