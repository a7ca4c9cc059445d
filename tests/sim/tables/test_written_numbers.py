"""Numbers as people write them: marks of thousands and decimal marks, by the whole column."""

import pandas as pd
import pytest

from prunelaw.errors import TableError
from prunelaw_sim.tables.columns import COLUMNS, Where
from prunelaw_sim.tables.written_numbers import plain_numbers

SEEN = "samples_seen"


def numbers(columns, decimal=None):
    """The columns as numbers, or as the texts that are none."""
    frame = pd.DataFrame(columns, dtype=object)
    plain, _ = plain_numbers(frame, COLUMNS, decimal, Where("runs.csv"))
    return {name: [float(cell) for cell in plain[name]] for name in plain}


@pytest.mark.parametrize(
    ("column", "cells", "values"),
    [
        (SEEN, ["1,600,000", "50,000"], [1.6e6, 5e4]), (SEEN, ["1.600.000", "5.000"], [1.6e6, 5e3]),
        (SEEN, ["1,234.5", "800"], [1234.5, 800]), (SEEN, ["1.234,5", "800"], [1234.5, 800]),
        (SEEN, ["50 000", "1\u202f600\u00a0000"], [5e4, 1.6e6]), (SEEN, ["50'000"], [5e4]),
        (SEEN, ["12,34,567"], [1234567]), (SEEN, ["50000.000", "800.000"], [5e4, 800]),
        ("error", ["0,7992", "0,5"], [0.7992, 0.5]), ("error", ["0.799", "2.345"], [0.799, 2.345]),
        ("error", ["2.345", "3.100"], [2.345, 3.1]), ("error", ["0,799", "2,345"], [0.799, 2.345]),
        ("error", ["1,5e-1"], [0.15]), ("error", [0.25, "0,5"], [0.25, 0.5]),
    ],
)  # fmt: skip
def test_a_column_tells(column, cells, values):
    assert numbers({column: cells})[column] == values


@pytest.mark.parametrize(("error", "mark"), [("0.7992", ","), ("0,7992", ".")])
def test_another_column_tells(error, mark):
    cells = [f"50{mark}000", f"100{mark}000", "800"]
    assert numbers({SEEN: cells, "error": [error] * 3})[SEEN] == [5e4, 1e5, 800]


@pytest.mark.parametrize(
    "columns",
    [
        {SEEN: ["50,000"]}, {SEEN: ["50.000"]}, {"error": ["2,345"]},
        {SEEN: ["50,000"], "error": ["0,79"]}, {SEEN: ["50.000"], "error": ["0.79"]},
        {SEEN: ["50,000", "50000"], "error": ["0.79", "0.79"]},
    ],
)  # fmt: skip
def test_what_no_column_tells_is_asked_and_never_50(columns):
    with pytest.raises(TableError, match=r"mark is the decimal one: decimal='\.' or decimal=','"):
        numbers(columns)
    name, (text, *_) = next(iter(columns.items()))
    digits = float(text.replace(",", "").replace(".", ""))
    mark = "," if "." in text else "."
    assert numbers({name: columns[name]}, decimal=mark)[name][0] == digits  # each answer is right
    other = "." if mark == "," else ","
    assert numbers({name: columns[name]}, decimal=other)[name][0] == digits / 1000


def test_a_column_in_two_ways_is_refused():
    with pytest.raises(TableError, match=r"'0\.5' has a decimal point and '0,6' a decimal comma"):
        numbers({"error": ["0.5", "0,6"]})


def test_what_is_no_number_stays():
    frame = pd.DataFrame({"run": ["1,000"], "error": ["1,2,3"]}, dtype=object)
    plain, notes = plain_numbers(frame, COLUMNS, None, Where("x"))
    assert plain.iloc[0].tolist() == ["1,000", "1,2,3"] and notes == []
