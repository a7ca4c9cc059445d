"""New files: nothing is overwritten, nothing is written in part, names are those of the caller."""

import os

import pytest

from prunelaw.errors import InputError
from prunelaw_sim.common.new_file import check_new_file, replace_file, write_new_file


def test_a_new_file_has_the_content_and_nothing_else_is_left(tmp_path):
    (tmp_path / "runs.csv.partial").write_text("mine")
    write_new_file("--output", tmp_path / "runs.csv", "α\n")
    write_new_file("path", str(tmp_path / "b"), b"\x00")
    assert (tmp_path / "runs.csv").read_bytes() == "α\n".encode()
    assert (tmp_path / "runs.csv.partial").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["b", "runs.csv", "runs.csv.partial"]
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "b").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("check", [check_new_file, lambda *a: write_new_file(*a, "x")])
def test_a_taken_name_and_a_missing_folder_are_refused(check, tmp_path):
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("taken", "dangling"):
        with pytest.raises(InputError, match=f"--output must be a new file .*{name}, which exists"):
            check("--output", tmp_path / name)
    with pytest.raises(InputError, match=r"path must .*no/x, whose folder does not exist"):
        check("path", tmp_path / "no" / "x")
    assert (tmp_path / "taken").read_text() == "mine" and len(os.listdir(tmp_path)) == 2
    check_new_file("--output", None)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_made_meanwhile_is_not_overwritten(links, tmp_path, monkeypatch):
    """Also on a file system without hard links, on which a file is written in the same way."""
    real = os.link

    def link(old, new):
        if not links:
            raise OSError("no hard links here")
        real(old, new)

    def late(old, new):
        (tmp_path / "file").write_text("somebody's")
        link(old, new)

    monkeypatch.setattr(os, "link", link)
    write_new_file("path", tmp_path / "first", "whole")
    assert (tmp_path / "first").read_text() == "whole"
    monkeypatch.setattr(os, "link", late)
    with pytest.raises(InputError, match="file, which exists"):
        write_new_file("path", tmp_path / "file", "mine")
    assert (tmp_path / "file").read_text() == "somebody's"
    assert sorted(os.listdir(tmp_path)) == ["file", "first"]


def test_what_cannot_be_written_leaves_no_part(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    replace_file(tmp_path / "own", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"--figure .*new cannot be written: No space left"):
        write_new_file("--figure", tmp_path / "new", "content")
    with pytest.raises(OSError, match="No space"):
        replace_file(tmp_path / "own", b"new")
    assert os.listdir(tmp_path) == ["own"] and (tmp_path / "own").read_bytes() == b"old"
