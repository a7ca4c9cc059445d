"""Rows that no falling law fits, against a plain loop over pairs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.errors import TableError
from prunelaw_sim.fits.rising import rising_rows

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["x", "y"]), st.integers(1, 2), st.integers(1, 2), st.integers(1, 4),
        st.integers(0, 5),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


def table(rows):
    columns = ["pool", "unique_samples", "parameters", "samples_seen", "error"]
    return pd.DataFrame(rows, columns=columns)


@given(ROWS)
def test_against_a_loop(rows):
    found, wide = rising_rows(table(rows)), rising_rows(table(rows), sizes_too=True)
    for i, (pool, unique, size, seen, error) in enumerate(rows):
        same = [r for r in rows if r[0] == pool and r[4] < error]
        assert found[i] == any(r[1:3] == (unique, size) and r[3] < seen for r in same)
        assert wide[i] == any(r[1] <= unique and r[2] <= size and r[3] <= seen for r in same)


def test_without_columns_all_rows_are_one_curve():
    frame = pd.DataFrame({"samples_seen": [1.0, 2.0, 3.0], "error": [0.3, 0.2, 0.25]})
    np.testing.assert_array_equal(rising_rows(frame), [False, False, True])
    with pytest.raises(TableError, match="samples_seen is missing"):
        rising_rows(frame[["error"]])


def test_c4_runs(shared_data):
    """50 of 177 rise above a shorter run of the same model on the same data."""
    names = {"tokens_seen": "samples_seen", "unique_tokens": "unique_samples", "val_loss": "error"}
    frame = pd.read_csv(shared_data / "datablations_c4_val_loss.csv").rename(columns=names)
    assert int(rising_rows(frame).sum()) == 50
    assert int(rising_rows(frame, sizes_too=True).sum()) == 69
