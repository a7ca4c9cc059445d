"""Reports and JSON: text is escaped, tables keep their cells, only plain numbers are written."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from prunelaw_figures.words.document import (
    Code,
    Heading,
    Image,
    Items,
    Table,
    Text,
    print_blocks,
    to_html,
    to_markdown,
)
from prunelaw_figures.words.report import number
from prunelaw_sim.common.plain import to_json, to_plain

BLOCKS = [
    Heading("A & B", 1),
    Text("1 < 2"),
    Items(("one", "two")),
    Code("x = <y>"),
    Table("T", ("a", "b"), (("|z|", "2"),)),
    Image("a.png", "a picture"),
]


def test_html_escapes_what_it_is_given():
    page = to_html("t", BLOCKS)
    for text in ("A &amp; B", "1 &lt; 2", "x = &lt;y&gt;", "<td>|z|</td>", 'src="a.png"'):
        assert text in page


def test_markdown_tables_keep_pipes_in_cells():
    assert "| a | b |\n| :-- | --: |\n| \\|z\\| | 2 |" in to_markdown(BLOCKS)
    assert "![a picture](a.png)" in to_markdown(BLOCKS)


def test_the_terminal_has_every_block_and_whole_cells(capsys):
    wide = Table("Wide", ("what", "value"), (("b[clean]", "one word " * 20), ("|z|", "2")))
    print_blocks([*BLOCKS[:4], wide, BLOCKS[5]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == ["A & B", "-----", "1 < 2", "  - one", "  - two", "x = <y>"]
    assert lines[6] == "Wide" and any("b[clean]" in line for line in lines)
    assert max(map(len, lines)) <= 100 and " ".join(lines).count("word") == 20
    assert lines[-1] == "a picture (a.png)"


@dataclass(frozen=True)
class Result:
    values: np.ndarray
    folder: Path


def test_results_become_plain_json():
    result = Result(np.array([1.5, np.nan, np.inf]), Path("a/b"))
    text = to_json({"r": result, "n": np.int64(3), 5: (True, None)})
    assert json.loads(text, parse_constant=pytest.fail) == {
        "r": {"values": [1.5, None, None], "folder": "a/b"},
        "n": 3,
        "5": [True, None],
    }


def test_what_has_no_json_form_is_refused():
    with pytest.raises(TypeError, match="no JSON form for object"):
        to_plain(object())


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.1234, 0.01, "0.123 ± 0.01"),
        (2.0, np.nan, "2"),
        (np.inf, np.nan, "∞"),
        (1e-31, np.inf, "0"),
    ],
)
def test_numbers_with_errors(value, error, text):
    assert number(value, error) == text
