"""The reader of docs/readers.md, as it stands there, is found and does what the page says."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from prunelaw.errors import TableError
from prunelaw_figures.cli import main
from prunelaw_sim import readers

PAGE = Path(__file__).resolve().parents[3] / "docs" / "readers.md"
LOG = "run=a step=10 val_err=0.5\nrun=a step=20 val_err=0.4\nrun=b step=20 val_err=0.3\n"


def test_the_example_is_a_reader(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) <= 32
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "pairs_log.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(folder)])
    log = tmp_path / "log.txt"
    log.write_text(LOG)
    reading = readers.examine(log, batch_size=10)
    assert (reading.format, reading.why) == ("pairs_log", "the first line begins with run=")
    assert reading.sweep["samples_seen"].tolist() == [200, 200]
    assert reading.sweep["error"].tolist() == [0.4, 0.3]
    options = ["--batch-size", "10", "--json"]
    said = CliRunner().invoke(main, ["sweep-check", str(log), *options])
    assert json.loads(said.stdout)["format"] == "pairs_log"
    log.write_text(LOG + "run=b step=30 val_err=much\n")
    with pytest.raises(TableError, match=r"log.txt, line 4, column 'val_err' \(error\): .*'much'"):
        readers.read(log)
    log.write_text(LOG + "broken\n")
    with pytest.raises(TableError, match="line 4: not name=value: 'broken'"):
        readers.read(log)


def test_every_format_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in readers.formats() if f"`{name}`" not in text] == []
