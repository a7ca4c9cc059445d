"""Text from files is shown, not obeyed."""

import numpy as np
import pandas as pd
import pytest
from figures.command_line import run

from prunelaw_figures.plots.style import COLUMN, encoded, new_figure, style_sheet
from prunelaw_sim.common.visible import csv_text, from_spreadsheet_cell, spreadsheet_cell, visible
from prunelaw_sim.readers import read
from prunelaw_sim.scores.files import Scores, read_scores, write_scores

EVIL = "\x1b[2Jtop\u202e\x07"
SEEN = r"\x1b[2Jtop\u202e\x07"


def table(folder, name):
    file = folder / "runs.csv"
    frame = pd.DataFrame({"pool": [name, "b"] * 4, "unique_samples": 1000.0,
                          "samples_seen": [1e3, 1e3, 2e3, 2e3, 4e3, 4e3, 8e3, 8e3],
                          "error": [0.9, 0.8, 0.7, 0.65, 0.6, 0.55, 0.5, 0.48]})  # fmt: skip
    frame.to_csv(file, index=False)
    return file


def test_controls_are_written_out():
    assert visible(EVIL) == SEEN
    assert visible("a\nb\tc", "\n\t") == "a\nb\tc"
    assert visible("naïve 数据 ± 🙂") == "naïve 数据 ± 🙂"


@pytest.mark.parametrize("verb", [["fit"], ["sweep-check"], ["plan", "--budget", "16k"]])
def test_a_name_does_not_reach_the_terminal(tmp_path, verb):
    result = run(verb[0], table(tmp_path, EVIL), *verb[1:])
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert "\u202e" not in result.stdout + result.stderr
    assert r"\x1b[2J" in "".join(result.stdout.split())


def test_an_error_shows_what_a_file_says(tmp_path):
    (tmp_path / "runs.csv").write_text("pool,error\nA,\x1b[2J\n")
    result = run("fit", tmp_path / "runs.csv")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr


def test_names_in_pictures_are_no_formulas():
    with style_sheet():
        figure, axes = new_figure(COLUMN, 2.0)
        axes[0, 0].set_title("$\\frac{1}{0$ \x1b[2J")
        picture = encoded(figure, "svg")
    assert b"\x1b" not in picture


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "@SUM(A1)", "+x", "-x", "'=x", "plain", "-1.5"]
)
def test_cells_that_a_spreadsheet_would_run_come_back(tmp_path, text):
    cell = spreadsheet_cell(text)
    assert from_spreadsheet_cell(cell) == text or text.startswith("'")
    assert cell[0] not in "=+@" and (cell[0] != "-" or text == "-1.5")
    file = table(tmp_path, text.replace("'", "_"))
    (tmp_path / "out.csv").write_text(csv_text(read(file).frame))
    assert read(tmp_path / "out.csv")["pool"].tolist() == read(file)["pool"].tolist()


def test_ids_of_scores_come_back(tmp_path):
    scores = Scores(np.arange(3.0), ids=("=a", "-5", "b"))
    write_scores(tmp_path / "s.csv", scores)
    assert "\n'=a," in (tmp_path / "s.csv").read_text()
    assert read_scores(tmp_path / "s.csv").ids == scores.ids
