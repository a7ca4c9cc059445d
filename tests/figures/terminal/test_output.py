"""What verbs share: a bar that is silent where nobody sees it, and worker processes."""

import os

import pytest

from prunelaw_figures.terminal.output import print_table, progress_bar, worker_processes


def test_a_bar_writes_nothing_where_stderr_is_no_terminal(capsys):
    with progress_bar("work") as move:
        for done in range(4):
            move(done, 3)
            move(done, 3, "about 2 s left")
    assert capsys.readouterr() == ("", "")


def test_one_worker_is_no_process_and_two_are_others():
    with worker_processes(1) as pool:
        assert pool is None
    with worker_processes(2) as pool:
        assert pool is not None and pool.submit(os.getpid).result() != os.getpid()


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_tables_fit_any_terminal_and_cut_nothing(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    columns = ("law", "parameters", "held out", "ΔAICc", "what this law is taken to mean")
    rows = [
        ("effective-data", "10", "0.01219", "0.0", "best of all, but not alone"),
        ("utility, stretch fitted", "11", "1.2e-05", "+15.1", "not told from the best"),
    ]
    print_table("laws", columns, rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    shown = "".join("".join(lines).split())
    for cell in ("0.01219", "1.2e-05", "+15.1"):
        assert any(cell in line for line in lines)  # a number stays whole
    for word in ("parameters", "ΔAICc"):
        assert word in shown
    assert "".join(lines).count("e") >= sum(cell.count("e") for row in rows for cell in row)
