"""A student is one file: written outside the package, it is found by `simulate` and by the verb."""

import json
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from click.testing import CliRunner

from prunelaw.errors import InputError
from prunelaw_figures.cli import main
from prunelaw_sim.simulation.expectations import departures
from prunelaw_sim.simulation.teacher import draw_kept
from prunelaw_sim.simulation.trials import simulate
from prunelaw_sim.students import catalogue
from prunelaw_sim.students.base import Penalised, Student
from prunelaw_sim.students.registry import as_student, student_kinds
from prunelaw_sim.sweeps.simulated import Design

PAGE = Path(__file__).resolve().parents[3] / "docs" / "experiments.md"
TOY = '''
"""The Hebbian student w = sum x of the rows, with a shift of its first component."""

from dataclasses import dataclass

from prunelaw_sim.students.base import Student, train_each


@dataclass(frozen=True)
class Toy(Student):
    shift: float = 0.0

    form = "toy:SHIFT"

    @property
    def name(self):
        return f"toy:{self.shift:g}"

    def train(self, rows, drawn, width):
        return train_each(self._one, rows)

    def _one(self, rows):
        w = rows.mean(axis=0)
        w[0] += self.shift
        return w, 0.0


STUDENT = Toy
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(dedent(TOY), encoding="utf-8")
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])


def test_the_students_there_are():
    assert list(student_kinds()) == ["logistic", "max-margin", "ridge"]
    assert [issubclass(kind, Penalised) for kind in student_kinds().values()] == [True, False, True]
    assert all(issubclass(kind, Student) for kind in student_kinds().values())
    for text in ("max-margin", "ridge:0.01", "logistic:1e-06", "logistic:0.333"):
        assert as_student(text).name == text and as_student(as_student(text)) == as_student(text)
    with pytest.raises(InputError, match="student must be logistic:LAMBDA, max-margin or ridge:"):
        as_student("toy:0.5")


def test_the_student_of_the_page_is_found(tmp_path, monkeypatch):
    """docs/experiments.md has it word for word."""
    text = PAGE.read_text(encoding="utf-8")
    code = text.split("# hebb.py", 1)[1].split("\n", 1)[1].split("A student with", 1)[0]
    (tmp_path / "hebb.py").write_text(dedent(code), encoding="utf-8")
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])
    run = simulate(3, 0.5, dim=20, trials=2, student="hebb")
    rows = draw_kept(3, 0.5, dim=20)
    w = rows.sum(axis=0)
    assert run.kappa[0] == pytest.approx((rows @ w).min() / np.linalg.norm(w))


def test_a_student_from_outside_the_package(toy):
    """A shift towards the teacher, which is the first axis, helps."""
    plain, shifted = (simulate(3, 0.5, dim=20, trials=5, student=f"toy:{s}") for s in ("0", "0.5"))
    assert shifted.student == "toy:0.5" and (shifted.error < plain.error).all()
    assert departures("hard", "toy:0.5") == (
        "there is no theory of student toy:0.5 with rule hard",
    )
    assert Design.grid(alpha_tot=3, f=0.5, student="toy:0.50").points[0]["student"] == "toy:0.5"
    words = ["simulate", "--alpha-tot", "3", "--keep", "0.5", "--dim", "20", "--trials", "5"]
    result = CliRunner().invoke(main, [*words, "--student", "toy:0.5", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["mean"] == shifted.mean
