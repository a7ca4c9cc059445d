"""`prunelaw phase-diagram`: files, resuming, bad axes."""

import pytest
from figures.command_line import answer, run


class TestPhaseDiagram:
    AXES = ("phase-diagram", "--x", "alpha_tot=3:300:3", "--y", "f=0.2:0.6:2")

    def test_files_and_summary(self, tmp_path):
        out = tmp_path / "plane"
        got = answer(*self.AXES, "--theta", 0.5, "--rules", "hard,random", "--out", out)
        assert got["failed"] == 0 and sum(got["share_best"].values()) == pytest.approx(1.0)
        names = {file.name for file in tmp_path.iterdir()}
        assert names == {"plane.npz", "plane.png", "plane.svg"}
        again = run(*self.AXES, "--theta", 0.5, "--rules", "hard,random", "--out", out)
        assert again.exit_code == 2 and "plane.npz, which exists" in again.stderr

    def test_goes_on_from_a_partial_file(self, tmp_path, monkeypatch):
        import prunelaw.pruning.phase

        out, solved = tmp_path / "plane", []
        original = prunelaw.pruning.phase._solved_block

        def interrupted(points, rules):
            if len(solved) == 1:
                raise KeyboardInterrupt
            solved.append(points)
            return original(points, rules)

        monkeypatch.setattr("prunelaw.pruning.phase.BLOCK", 2)
        monkeypatch.setattr("prunelaw.pruning.phase._solved_block", interrupted)
        options = (*self.AXES, "--theta", 0.5, "--rules", "random", "--out", out)
        assert run(*options).exit_code == 130
        assert (tmp_path / "plane.partial.npz").exists()
        monkeypatch.setattr("prunelaw.pruning.phase._solved_block", original)
        resumed = run(*options)
        assert resumed.exit_code == 0 and "going on from" in resumed.stderr
        assert not (tmp_path / "plane.partial.npz").exists()

    @pytest.mark.parametrize(
        "options, message",
        [
            (
                ("--theta", 0.5, "--out", "nowhere/plane"),
                "--out must be a new file in a folder that exists",
            ),
            (("--keep", 0.2), "theta must be given"),
        ],
    )
    def test_bad_input(self, options, message):
        result = run(*self.AXES, *options)
        assert result.exit_code == 2 and message in result.stderr

    def test_bad_axis(self):
        result = run("phase-diagram", "--x", "beta=1:2:3", "--y", "f=0.2:0.6:2", "--theta", 0.5)
        assert result.exit_code == 2 and "must be one of alpha_tot" in result.stderr
