"""`prunelaw optimal-rule`: the rule and its certificate."""

import pytest
from figures.command_line import answer, run


class TestOptimalRule:
    def test_json_has_rule_gain_and_certificate(self):
        got = answer("optimal-rule", "--alpha-tot", 3, "--keep", 0.5)
        assert got["error"] == pytest.approx(0.140564914562, rel=1e-9)
        assert len(got["intervals"]) == 1 and got["gain"] > 0.01
        assert got["certificate"]["certified"] and got["certificate"]["violation"] < 1e-6

    def test_bad_fraction(self):
        result = run("optimal-rule", "--alpha-tot", 3, "--keep", 1.5)
        assert result.exit_code == 2 and "--keep must be finite and in (0, 1)" in result.stderr
