"""Runs at equal inputs: named with the columns that differ, and the best of each on request."""

import pandas as pd
import pytest

from prunelaw_sim.readers import examine
from prunelaw_sim.tables.mapping import ColumnMapping
from prunelaw_sim.tables.settings import best_runs, unequal_note, unequal_runs

TEXT = """run,parameters,samples_seen,error,lr,note
a,1e8,1e9,0.50,0.1,x
b,1e8,1e9,0.40,0.2,x
c,1e8,1e9,0.41,0.3,x
d,1e8,2e9,0.30,0.1,x
e,1e8,2e9,0.45,0.2,x
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(TEXT)
    return path


def test_unequal_runs_are_named_with_what_differs(file):
    (note,) = (note for note in examine(file).sweep.notes if "equal inputs" in note)
    assert note.startswith("5 runs at 2 equal inputs (samples_seen, parameters)")
    assert "; lr differ there" in note
    assert "--equal-inputs best" in note


def test_the_best_of_each_is_taken_on_request(file):
    found = examine(file, mapping=ColumnMapping(equal_inputs="best"))
    assert found.sweep["error"].tolist() == [0.40, 0.30]
    assert any(count == 3 and "not the best" in why for count, why in found.dropped)
    assert not any("are no replicates" in note for note in found.sweep.notes)


def test_replicates_are_no_unequal_runs():
    frame = pd.DataFrame({"samples_seen": [1.0, 1.0], "error": [0.5, 0.4]})
    assert unequal_runs(frame) == (1, 2)
    assert unequal_runs(frame.assign(seed=[0, 1])) == (0, 0)
    assert unequal_runs(frame.assign(error=[0.500, 0.501])) == (0, 0)
    assert unequal_note(frame.assign(error=0.5), pd.DataFrame(index=frame.index)) == []
    kept, dropped = best_runs(frame)
    assert kept["error"].tolist() == [0.4]
    assert dropped[0][0] == 1
