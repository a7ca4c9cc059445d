"""Ctrl-C at any moment: exit code 130, one line that says what is kept, no process left."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from prunelaw_figures.terminal import interrupt
from prunelaw_sim.sweeps.store import Store

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
sys.argv[0] = 'prunelaw'
from prunelaw_figures.cli import main
main()
"""
STUDENTS = ["--alpha-tot", "3", "--keep", "0.5", "--dim", "60"]
PROMISE = 2.0  # seconds; the machine may be busy
GENEROUS = 10 * PROMISE


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupted(process):
    """What it says, after Ctrl-C went to it and to its workers as a terminal sends it."""
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=GENEROUS)
    assert (process.returncode, out) == (130, ""), err
    assert len(err.splitlines()) == 1 and err.startswith("interrupted: "), err
    for _ in range(int(GENEROUS / 0.05)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 0)
            time.sleep(0.05)
            continue
        return err
    raise AssertionError("a process is left")


@pytest.mark.parametrize("seconds", [0.3, 2.5, pytest.param(6.0, marks=pytest.mark.exhaustive)])
def test_students_under_way(tmp_path, seconds):
    """While it imports, compiles, and trains in threads."""
    process = start(tmp_path, "simulate", *STUDENTS, "--trials", 10**5)
    time.sleep(seconds)
    assert "nothing was kept" in interrupted(process)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_with_workers_keeps_what_was_finished_and_goes_on(tmp_path):
    path = tmp_path / "runs.db"
    process = start(
        tmp_path, "sweep", "run", path, *STUDENTS, "--trials", 3000, "--unit", 1, "--workers", 2
    )
    done = 0
    for _ in range(600):
        time.sleep(0.1)
        if path.exists() and path.stat().st_size:
            with Store.open(path) as store:
                done = store.status().done
        if done or process.poll() is not None:
            break
    assert "holds what was finished, and the same command goes on" in interrupted(process)
    with Store.open(path) as store:
        found = store.status()
    assert found.done >= done > 0 and (found.claimed, found.damaged) == (0, ())


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--out", "r"],
        ["figures", "--recompute", "--out", "g"],
        ["phase-diagram", "--x", "alpha_tot=0.5:500:64", "--y", "f=0.02:0.9:64", "--theta", "0.3",
         "--out", "p", "--workers", "2"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("seconds", [1.0, 4.0])
def test_long_commands(tmp_path, arguments, seconds):
    process = start(tmp_path, *arguments)
    time.sleep(seconds)
    interrupted(process)


def test_it_is_said_once_with_what_is_kept(capfd, monkeypatch):
    monkeypatch.setattr(interrupt, "_kept", "")
    monkeypatch.setattr(interrupt, "_said", interrupt.threading.Event())
    interrupt.keeps("runs.db holds it")
    interrupt.say()
    interrupt.say()
    assert capfd.readouterr().err == "interrupted: runs.db holds it\n"


def test_who_imports_the_command_line_keeps_its_own_signals():
    before = signal.getsignal(signal.SIGINT)
    import prunelaw_figures.cli  # noqa: F401

    assert signal.getsignal(signal.SIGINT) is before
