"""A fraction kept is no fraction pruned: names, zeros and trends are asked about."""

import pandas as pd
import pytest

from prunelaw.errors import TableError
from prunelaw_sim.readers import read
from prunelaw_sim.tables.columns import Where
from prunelaw_sim.tables.kept_fraction import (
    as_kept,
    check_fraction_name,
    refuse_rising_kept,
    says_pruned,
)
from prunelaw_sim.tables.sweep import Sweep

KEPT = [(0.7, 0.25), (0.5, 0.29), (0.3, 0.37), (0.1, 0.55)]  # keep, error


@pytest.fixture
def runs(tmp_path):
    """Writes runs at each fraction under a name, kept or pruned, and gives the path."""

    def _runs(name: str, pruned: bool, more: str = ""):
        rows = [f"{1 - f if pruned else f:.1f},{error},random" for f, error in KEPT]
        (tmp_path / "runs.csv").write_text(f"{name},error,rule\n" + "\n".join(rows) + more + "\n")
        return tmp_path / "runs.csv"

    return _runs


@pytest.mark.parametrize(
    "name",
    ["prune_rate", "pruning_ratio", "removed", "drop", "rate", "sparsity", "Sparsity", "pruneFrac",
     "params_prune", "discard_frac", "config.pruning_rate", "reduction", "ratio"],
)  # fmt: skip
def test_names_of_the_opposite_are_asked_about(runs, name):
    path = runs(name, pruned=True)
    with pytest.raises(TableError, match=f"'{name}' is mapped to keep_.*fraction='pruned' or"):
        read(path, mapping={"keep_fraction": name})
    found = read(path, mapping={"pruned_fraction": name})  # the hint
    assert found["keep_fraction"].tolist() == [f for f, _ in KEPT]
    same = read(path, mapping={"keep_fraction": name}, fraction="pruned")
    assert same["keep_fraction"].tolist() == [f for f, _ in KEPT]


@pytest.mark.parametrize("name", ["keep_rate", "frac", "kept", "subset_ratio", "retain_rate", "f"])
def test_names_of_what_is_kept_are_taken(runs, name):
    found = read(runs(name, pruned=False), mapping={"keep_fraction": name})
    assert found["keep_fraction"].tolist() == [f for f, _ in KEPT]


@pytest.mark.parametrize(
    "name",
    ["pruned_fraction", "prune_fraction", "fraction_removed", "removed_frac", "fraction_pruned",
     "pruning_fraction", "fraction_of_data_removed", "droppedFraction", "Pruned fraction"],
)  # fmt: skip
def test_a_plain_name_is_understood_with_a_note(runs, name):
    sweep = read(runs(name, pruned=True))
    assert sweep["keep_fraction"].tolist() == [f for f, _ in KEPT]
    assert any("keep_fraction = 1 - pruned_fraction" in note for note in sweep.notes)


def test_nothing_kept_is_asked_about_and_nothing_pruned_is_all(runs):
    path = runs("f", pruned=True, more="\n0,.21,random")
    with pytest.raises(TableError, match=r"line 6.*0 kept leaves no example.*fraction='pruned'"):
        read(path, mapping={"keep_fraction": "f"})
    assert read(path, mapping={"pruned_fraction": "f"})["keep_fraction"].max() == 1.0
    with pytest.raises(TableError, match="1 pruned leaves no example"):
        read(runs("f", True, "\n1,.9,random"), mapping={"pruned_fraction": "f"})


def test_errors_that_grow_with_the_fraction_kept_are_asked_about(runs):
    path = runs("f", pruned=True)
    with pytest.raises(TableError, match=r"with the fraction kept in 6 of 6 .*fraction='pruned'"):
        read(path, mapping={"keep_fraction": "f"})
    assert len(read(path, mapping={"keep_fraction": "f"}, fraction="kept")) == 4
    with pytest.raises(TableError, match=r"read as the fraction pruned.*fraction='kept' or"):
        read(runs("f", pruned=False), mapping={"pruned_fraction": "f"})
    with pytest.raises(TableError, match="its name says kept"):
        read(runs("kept", pruned=False), mapping={"pruned_fraction": "kept"})


def test_random_rows_decide_where_hard_examples_beat_all():
    frame = pd.DataFrame(
        {
            "keep_fraction": [0.2, 0.5, 0.9] * 2,
            "rule": ["hard"] * 3 + ["random"] * 3,
            "error": [0.1, 0.2, 0.3, 0.5, 0.4, 0.3],
        }
    )
    refuse_rising_kept(Sweep.from_frame(frame), {}, None)
    with pytest.raises(TableError, match="3 of 3"):
        refuse_rising_kept(Sweep.from_frame(frame.head(3)), {}, None)


def test_names_one_by_one():
    assert says_pruned("prunedFraction") and not says_pruned("prune_rate")
    assert check_fraction_name("error", "prune", None, "x") == "error"
    assert check_fraction_name("keep_fraction", "x", "pruned", "x") == "pruned_fraction"
    frame, notes = as_kept(pd.DataFrame({"pruned_fraction": ["0.9"]}), None, Where("x"))
    assert frame["keep_fraction"].tolist() == [0.1] and len(notes) == 1
