"""Outliers are named where few rows carry the misfit, and only there."""

import numpy as np

from prunelaw_sim.fits.outliers import outliers
from prunelaw_sim.fits.rows import Table


def test_rows_are_named_by_their_labels():
    off = np.r_[np.tile([1.0, -1.0], 20), 30.0, -40.0]
    labels = np.array([f"line {i}" for i in range(len(off))])
    (note,) = outliers(Table({}, labels), off, np.full(len(off), 100.0))
    assert "row line 41 (-40.0 %), row line 40 (+30.0 %)" in note.message
    assert note.message.startswith("2 of 42 rows carry 98 %")


def test_few_rows_or_an_exact_fit_have_none():
    table = Table({}, np.arange(8))
    assert outliers(table, np.r_[np.ones(7), 90.0], np.full(8, 100.0)) == []
    assert outliers(Table({}, np.arange(20)), np.zeros(20), np.ones(20)) == []
