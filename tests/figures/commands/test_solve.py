"""`prunelaw solve`: the theory's answers, lists of points, rules."""

import json
import subprocess
import sys

import pytest
from figures.command_line import POINT, answer, run

import prunelaw


class TestSolve:
    def test_json_is_the_theorys_answer(self):
        got, exact = answer(*POINT[:]), prunelaw.solve(3.0, 0.5, 0.3, "hard")
        for name in ("error", "R", "rho", "kappa", "residual"):
            assert got[name] == float(getattr(exact, name))
        assert got["converged"] is True
        assert got["error"] == pytest.approx(0.245942318165279, rel=1e-10)

    def test_degrees(self):
        point = ["solve", "--alpha-tot", 3, "--keep", 0.5, "--theta"]
        assert answer(*point, 90, "--degrees")["theta"] == pytest.approx(1.5707963267948966)

    def test_lists_give_every_combination(self):
        points = answer("solve", "--alpha-tot", "1,3", "--keep", "0.2,0.5", "--rule", "hard,easy")
        keys = [(p["alpha_tot"], p["keep_fraction"], p["rule"]) for p in points["points"]]
        assert len(set(keys)) == 8
        assert keys[:3] == [(1, 0.2, "hard"), (1, 0.2, "easy"), (1, 0.5, "hard")]

    def test_table_shows_the_same_numbers(self):
        assert "0.24594" in run(*POINT).stdout

    def test_unsolved_point_is_null_and_exits_1(self, monkeypatch):
        def unsolved(*arguments, throw):
            solution = real(*arguments, throw=throw)
            solution.converged[:] = False
            solution.error[:] = float("nan")
            return solution

        real = prunelaw.solve
        monkeypatch.setattr(prunelaw, "solve", unsolved)
        result = run(*POINT, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["error"] is None
        assert "1 of 1 points did not converge" in result.stderr

    def test_cold_start_loads_nothing_heavy(self):
        """What makes a single solve answer in a moment: no jax, pandas, matplotlib, sklearn."""
        heavy = {"jax", "pandas", "matplotlib", "sklearn", "rich"}
        code = (
            "import sys; from prunelaw_figures.cli import main\n"
            f"main({[*POINT, '--json']!r}, standalone_mode=False)\n"
            f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert found.stderr.strip() == "[]"
        assert json.loads(found.stdout)["converged"] is True


class TestRules:
    def test_band_implies_its_fraction(self):
        got = answer("solve", "--alpha-tot", 30, "--theta", 0.5, "--rule", "band:0.17,0.43")
        assert got["keep_fraction"] == pytest.approx(0.197814495, rel=1e-8)
        assert got["error"] == pytest.approx(0.052113234969, rel=1e-10)

    def test_contradicting_keep_is_an_error(self):
        result = run("solve", "--alpha-tot", 30, "--keep", 0.3, "--rule", "band:0.17,0.43")
        assert result.exit_code == 2 and "which the rule band:0.17,0.43 implies" in result.stderr

    def test_rules_with_commas_in_a_list(self):
        rules = "mix:0.2,hard,signed-easy,random"
        got = answer("solve", "--alpha-tot", 3, "--keep", 0.5, "--theta", 0.3, "--rule", rules)
        names = [point["rule"] for point in got["points"]]
        assert names == ["mix:0.2,hard", "signed-easy", "random"]

    def test_keep_is_needed_otherwise(self):
        result = run("solve", "--alpha-tot", 30)
        assert result.exit_code == 2 and "--keep must be given" in result.stderr
