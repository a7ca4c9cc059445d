"""Tables of paired errors: made from runs, selected, written, read; and what is refused."""

import numpy as np
import pandas as pd
import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.tables.paired_errors import PairedErrors

KEYS = ["dataset_size", "rule"]


@pytest.fixture
def runs():
    rng = np.random.default_rng(0)
    rows = [(p, r, s, rng.random()) for p in (40, 80) for r in ("easy", "hard") for s in range(4)]
    return pd.DataFrame(rows, columns=pd.Index([*KEYS, "seed", "error"]))


def test_cells_and_seeds_keep_their_errors(runs):
    errors = PairedErrors.from_frame(runs.sample(frac=1, random_state=1), KEYS)
    for row in runs.itertuples():
        found = errors.at(dataset_size=row.dataset_size, rule=row.rule)
        assert found[errors.seeds.index(row.seed)] == row.error
    grouped = runs.groupby(KEYS)["error"]
    np.testing.assert_allclose(errors.mean, grouped.mean())
    np.testing.assert_allclose(errors.standard_error, grouped.sem())
    assert len(errors.part(rule="hard").cells.columns) == 1
    assert len(errors.select(rule=["hard", "easy"])) == 4


def test_a_file_gives_the_table_back(runs, tmp_path):
    errors = PairedErrors.from_frame(runs.round(6), KEYS)
    errors.write_csv(tmp_path / "errors.csv")
    back = PairedErrors.read_csv(tmp_path / "errors.csv")
    pd.testing.assert_frame_equal(back.cells, errors.cells)
    np.testing.assert_allclose(back.errors, errors.errors, rtol=1e-5)
    assert back.seeds == errors.seeds
    with pytest.raises(InputError, match="which exists and is not overwritten"):
        errors.write_csv(tmp_path / "errors.csv")


def test_wrong_tables_are_refused(runs, tmp_path):
    with pytest.raises(TableError, match="columns score are needed"):
        PairedErrors.from_frame(runs, [*KEYS, "score"])
    with pytest.raises(TableError, match="has no error at seed 3: all cells need the same seeds"):
        PairedErrors.from_frame(runs.iloc[:-1], KEYS)
    with pytest.raises(TableError, match="two errors at one seed"):
        PairedErrors.from_frame(pd.concat([runs, runs.iloc[:1]]), KEYS)
    errors = PairedErrors.from_frame(runs, KEYS)
    with pytest.raises(TableError, match="names 2 cells, one is needed"):
        errors.at(rule="hard")
    with pytest.raises(TableError, match="there is no cell with"):
        errors.select(rule="random")
    with pytest.raises(InputError, match="cells have no column score"):
        errors.select(score="el2n")
    with pytest.raises(TableError, match="cells by 4 seeds, got shape"):
        PairedErrors(errors.cells, errors.errors[:2], errors.seeds)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TableError, match="columns seed0"):
        PairedErrors.read_csv(tmp_path / "other.csv")
