"""The order of events of verify: own folders, parts that fail, interruption, the report's files."""

import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from figures.checks import simulation_check, sweep_check

from prunelaw.errors import ConvergenceError, InputError
from prunelaw_figures.cli import main
from prunelaw_figures.words import report
from prunelaw_figures.words.report import write
from prunelaw_sim.verification import run as module
from prunelaw_sim.verification.published import check_utility
from prunelaw_sim.verification.run import QUICK, new_folder, verify

NOW = time.strptime("2024-05-06 07:08:09", "%Y-%m-%d %H:%M:%S")


@contextmanager
def silent(label):
    yield lambda done, total: None


@pytest.fixture(scope="module")
def fitted():
    """Both laws fitted to made runs, once for all tests."""
    return sweep_check()


@pytest.fixture
def parts(monkeypatch, fitted):
    """Parts that answer at once, with results made of numbers."""
    check = fitted
    monkeypatch.setattr(module, "check_simulation", lambda *a, **k: simulation_check())
    monkeypatch.setattr(module, "digits_sweeps", lambda *a, **k: ())
    monkeypatch.setattr(module, "check_sweeps", lambda *a, **k: check)
    return monkeypatch


@pytest.fixture
def undrawn(parts):
    """The same, with reports that have no figures."""
    parts.setattr(report, "_figures", lambda name, result: [])
    return parts


def fail(error):
    def failing(*arguments, **options):
        raise error

    return failing


def results(folder):
    return json.loads((folder / "results.json").read_text(), parse_constant=pytest.fail)


class TestFolder:
    def test_default_is_named_by_the_time_and_never_reused(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        names = [new_folder(None, NOW) for _ in range(3)]
        assert names == [Path("reports/verify-20240506-070809" + s) for s in ("", "-2", "-3")]

    def test_a_new_out_is_taken_as_it_is(self, tmp_path):
        assert new_folder(tmp_path / "a" / "b", NOW) == tmp_path / "a" / "b"

    def test_an_existing_out_gets_a_fresh_folder_inside(self, tmp_path):
        (tmp_path / "kept.txt").write_text("mine")
        assert new_folder(tmp_path, NOW) == tmp_path / "verify-20240506-070809"
        assert (tmp_path / "kept.txt").read_text() == "mine"

    def test_a_file_in_the_way_is_bad_input(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(InputError, match="--out must be a folder"):
            new_folder(tmp_path / "file", NOW)
        assert (tmp_path / "file").read_text() == "mine"


def test_all_good(undrawn, tmp_path):
    state = verify(QUICK, 0, tmp_path, show=silent, written=write)
    assert state.good
    written = results(tmp_path)
    assert written["good"] is True
    assert written["status"] == "complete"
    assert set(written["parts"]) == {"simulation", "utility", "sweep"}
    assert len(written["parts"]["simulation"]["result"]["agreement"]["z"]) == 14
    assert written["parts"]["utility"]["result"]["conventions"][0]["accuracy"][0][0] == (
        pytest.approx(18.25, abs=0.005)
    )
    assert written["parts"]["sweep"]["result"]["fits"][0]["fit"]["dimension"] > 0


def test_page_needs_nothing_but_its_folder(parts, tmp_path):
    verify(QUICK, 0, tmp_path, show=silent, written=write)
    page = (tmp_path / "index.html").read_text()
    assert "http" not in page
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) == 4
    for link in links:
        assert (tmp_path / link).read_bytes().startswith(b"\x89PNG")
    assert "Quick run" in page
    assert f"({links[0]})" in (tmp_path / "report.md").read_text()


def test_wrong_theory_is_a_disagreement(undrawn, tmp_path):
    wrong = simulation_check(theory_factor=1.03)
    undrawn.setattr(module, "check_simulation", lambda *a, **k: wrong)
    state = verify(QUICK, 0, tmp_path, show=silent, written=write)
    assert not state.good
    assert "DISAGREE" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("error", [ConvergenceError("student lost"), ZeroDivisionError("oops")])
def test_a_part_that_fails_costs_no_other(parts, tmp_path, error):
    parts.setattr(module, "check_simulation", fail(error))
    state = verify(QUICK, 0, tmp_path, show=silent, written=write)
    assert not state.good
    written = results(tmp_path)["parts"]
    assert str(error) in written["simulation"]["error"]
    assert written["utility"]["good"] is True
    assert written["sweep"]["good"] is True
    assert (tmp_path / "best_filter.png").is_file()


def test_ctrl_c_keeps_what_was_finished(undrawn, tmp_path):
    undrawn.setattr(module, "check_sweeps", fail(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        verify(QUICK, 0, tmp_path, show=silent, written=write)
    written = results(tmp_path)
    assert (written["status"], written["good"]) == ("interrupted", False)
    assert set(written["parts"]) == {"simulation", "utility"}
    assert "Status: interrupted" in (tmp_path / "index.html").read_text()


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(main, ["verify", *map(str, arguments)], catch_exceptions=False)

    def test_three_tables_and_the_report(self, undrawn, tmp_path):
        result = self.run("--quick", "--out", tmp_path / "r")
        assert result.exit_code == 0
        titles = ("Pruning theory against simulation", "Utility decay", "Both laws on a real sweep")
        for title in titles:
            assert title in result.stdout
        assert str(tmp_path / "r" / "index.html") in result.stdout

    def test_json_is_one_object_equal_to_the_file(self, undrawn, tmp_path):
        result = self.run("--quick", "--json", "--out", tmp_path / "r")
        assert json.loads(result.stdout) == results(tmp_path / "r")

    def test_disagreement_exits_1_with_its_results_printed(self, undrawn, tmp_path):
        wrong = simulation_check(theory_factor=1.03)
        undrawn.setattr(module, "check_simulation", lambda *a, **k: wrong)
        result = self.run("--quick", "--json", "--out", tmp_path / "r")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["good"] is False
        assert "DISAGREEMENT  Pruning theory" in result.stderr

    def test_interruption_exits_130(self, undrawn, tmp_path):
        undrawn.setattr(module, "check_utility", fail(KeyboardInterrupt()))
        result = self.run("--quick", "--out", tmp_path / "r")
        assert result.exit_code == 130
        assert results(tmp_path / "r")["status"] == "interrupted"


def test_utility_part_is_the_real_one(parts):
    assert module.check_utility is check_utility


def test_quick_verify_end_to_end(tmp_path):
    command = [sys.executable, "-c", "from prunelaw_figures.cli import main; main()"]
    out = tmp_path / "report"
    found = subprocess.run(
        [*command, "verify", "--quick", "--json", "--out", str(out)], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    state = json.loads(found.stdout)
    assert state["good"] is True
    found_z = state["parts"]["simulation"]["result"]["agreement"]
    assert found_z["p_value"] > found_z["threshold"]
    assert {law["law"] for law in state["parts"]["sweep"]["result"]["fits"]} == {
        "pruning",
        "utility",
        "effective-data",
        "no-decay",
    }
    assert len(list(out.glob("*.png"))) == 4
