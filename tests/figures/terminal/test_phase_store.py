"""The files of a phase diagram: whole partial results, and three new files at the end."""

import numpy as np
import pytest
from figures.command_line import run

from prunelaw.errors import InputError
from prunelaw.pruning.phase import PhaseDiagram
from prunelaw_figures.terminal.phase_store import PhaseStore


def test_partial_results_go_when_the_three_files_are_there(tmp_path):
    store = PhaseStore(tmp_path / "plane")
    assert store.partial() is None
    store.save_partial({"error": np.array([0.1, 0.2])})
    store.save_partial({"error": np.array([0.1, 0.3])})
    found = PhaseStore(tmp_path / "plane").partial()
    assert found is not None and found["error"].tolist() == [0.1, 0.3]
    plane = np.array([[0.1, 0.2], [0.3, 0.4]])
    ends, solved = np.array([1.0, 2.0]), np.ones((2, 2), bool)
    diagram = PhaseDiagram(
        "alpha_tot", "f", ends, ends / 4, {"theta": 0.3}, {"hard": plane}, plane, plane, solved
    )
    files = store.finish(diagram, {"png": b"png", "svg": b"svg"})
    assert sorted(map(str, tmp_path.iterdir())) == sorted(files)
    with np.load(files[0]) as data:
        np.testing.assert_array_equal(data["error_hard"], plane)
        assert data["axes"].tolist() == ["f", "alpha_tot"] and data["theta"] == 0.3
    with pytest.raises(InputError, match="--out must be a new file"):
        PhaseStore(tmp_path / "plane")


def test_damaged_partial_results_are_named(tmp_path):
    (tmp_path / "plane.partial.npz").write_bytes(b"half")
    with pytest.raises(InputError, match=r"plane\.partial\.npz is damaged"):
        PhaseStore(tmp_path / "plane").partial()


def test_files_follow_out_and_format(tmp_path):
    names = lambda store: [file.name for file in store.files]  # noqa: E731
    assert names(PhaseStore.at(tmp_path / "x.pdf", None)) == ["x.npz", "x.pdf"]
    assert names(PhaseStore.at(tmp_path / "x", ("pdf", "svg"))) == ["x.npz", "x.pdf", "x.svg"]
    assert names(PhaseStore.at(tmp_path / "a.b", None)) == ["a.b.npz", "a.b.png", "a.b.svg"]
    with pytest.raises(InputError, match="--format must be pdf"):
        PhaseStore.at(tmp_path / "x.pdf", ("png",))
    with pytest.raises(InputError, match="--format must be one of png, svg, pdf"):
        PhaseStore.at(tmp_path / "x", ("gif",))


def test_somebody_elses_file_of_that_name_is_left_alone(tmp_path):
    mine = tmp_path / "plane.partial.npz"
    for save in (np.save, np.savez):
        with open(mine, "wb") as file:
            save(file, np.arange(3))
        before = mine.read_bytes()
        axes = ("--x", "alpha_tot=1:2:2", "--y", "f=0.2:0.5:2", "--theta", "0.3")
        result = run("phase-diagram", *axes, "--workers", 1, "--out", tmp_path / "plane")
        assert result.exit_code == 2 and "plane.partial.npz" in result.stderr
        assert "move it, or choose another --out" in " ".join(result.stderr.split())
        assert mine.read_bytes() == before
