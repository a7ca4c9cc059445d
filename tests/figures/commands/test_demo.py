"""`prunelaw demo`: one file, written where nothing is lost, and opened."""

import json

import pytest
from figures.command_line import run

from prunelaw_figures.demo import build


def test_a_file_and_nothing_else(tmp_path):
    path = tmp_path / "page.html"
    result = run("demo", "--output", path, "--no-open")
    assert result.exit_code == 0
    assert path.read_bytes() == build.build_page()
    again = run("demo", "--output", path, "--no-open", "--json")
    assert json.loads(again.stdout) == {
        "file": str(path), "bytes": path.stat().st_size, "opened": False,
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == [path]


def test_another_file_is_left_alone(tmp_path):
    path = tmp_path / "mine.html"
    path.write_text("mine")
    result = run("demo", "--output", path, "--no-open")
    assert result.exit_code == 2 and str(path) in result.stderr
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["no/such/folder.html", "."])
def test_a_place_that_cannot_be_written(tmp_path, name):
    result = run("demo", "--output", tmp_path / name, "--no-open")
    assert result.exit_code == 2 and "--out must" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_opens_the_page(monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path))
    result = run("demo")
    assert result.exit_code == 0
    assert opened == [(tmp_path / "prunelaw-demo.html").as_uri()]


def test_it_says_so_when_there_is_no_browser(monkeypatch, tmp_path):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    result = run("demo", "--output", tmp_path / "page.html")
    assert result.exit_code == 0 and "no browser" in result.stderr
