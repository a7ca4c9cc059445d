"""A keep rule from outside the package: registered with one call, it is known everywhere."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from click.testing import CliRunner

import prunelaw
from prunelaw.keep import Band, KeepRule, Segments, grammar, number_in, register, split_rules
from prunelaw.keep.rule import mirrored
from prunelaw.keep.text import KINDS
from prunelaw.numerics.gaussian import normal_cdf
from prunelaw_figures.cli import main


@dataclass(frozen=True)
class Toy(KeepRule):
    """Keep |z| > low."""

    low: float
    form = "toy:LOW"

    @classmethod
    def from_text(cls, text):
        return cls(number_in(text, text.partition(":")[2]))

    @property
    def name(self):
        return f"toy:{self.low:g}"

    def fraction(self, theta):
        return 2.0 * normal_cdf(np.array(-self.low)) * np.ones_like(theta)

    def segments(self, f, theta):
        return mirrored(self.low * np.ones_like(f), np.full_like(f, np.inf))


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """The toy is known during one test."""
    monkeypatch.setattr("prunelaw.keep.text.KINDS", dict(KINDS))
    register(Toy)


def test_solve_reads_it_from_text():
    by_text = prunelaw.solve(3.0, None, 0.3, "toy:0.5")
    assert by_text.rule == "toy:0.5"
    assert by_text.error == prunelaw.solve(3.0, None, 0.3, Toy(0.5)).error
    band = prunelaw.solve(3.0, None, 0.3, Band(0.5, np.inf))
    assert float(by_text.error) == pytest.approx(float(band.error), rel=1e-12)


def test_the_command_line_reads_it_in_a_list():
    arguments = ["solve", "--alpha-tot", "3", "--theta", "0.3", "--json", "--rule"]
    found = CliRunner().invoke(main, [*arguments, "toy:0.5,band:0.5,1"], catch_exceptions=False)
    assert found.exit_code == 0
    rules = [point["rule"] for point in json.loads(found.stdout)["points"]]
    assert rules == ["toy:0.5", "band:0.5,1"]


def test_it_mixes_and_is_named_in_messages():
    assert prunelaw.as_rule("mix:0.2,toy:0.5").name == "mix:0.2,toy:0.5"
    assert "toy:LOW" in grammar()
    with pytest.raises(prunelaw.InputError, match=r"rule must be .*toy:LOW; got 'tory'"):
        prunelaw.as_rule("tory")
    with pytest.raises(prunelaw.InputError, match="rule 'toy:wide': 'wide' is not a number"):
        prunelaw.as_rule("toy:wide")


def test_lists_of_rules_part_at_the_right_commas():
    text = "hard,mix:0.2,band:1,2,toy:1,signed-band:-1,2,quantiles:0.2,quantiles:0.2,0.6,easy"
    parts = ["hard", "mix:0.2,band:1,2", "toy:1", "signed-band:-1,2", "quantiles:0.2"]
    parts += ["quantiles:0.2,0.6", "easy"]
    assert split_rules(text) == parts and split_rules("hard") == ["hard"]


def test_segments_hold_the_fraction():
    layers = Toy(0.5).segments(np.ones(1), np.zeros(1))
    assert isinstance(layers, Segments)
    np.testing.assert_allclose(layers.mass, Toy(0.5).fraction(np.zeros(1)), rtol=1e-14)
