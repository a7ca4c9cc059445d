"""What verbs share: a bar that is silent where nobody sees it, and worker processes."""

import os

from prunelaw_figures.terminal.output import progress_bar, worker_processes


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
