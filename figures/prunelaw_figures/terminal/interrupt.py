"""Ctrl-C: every command stops within two seconds, says what is kept, and has exit code 130.

The first SIGINT raises `KeyboardInterrupt` once, in the main thread, which tidies up if it can.  A
thread that only waits for signals ends the process after `PATIENCE` seconds if it could not: while
it compiles, waits for other threads, or where a library swallowed the exception.  Workers are
ended, and the interpreter is not taken down: threads of JAX that still compute would crash it.
"""

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

CODE = 130
PATIENCE = 1.0  # seconds for tidying up
SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it

_kept = "nothing was kept"
_seen = threading.Event()
_raised = threading.Event()
_said = threading.Event()
_may_raise = False


def keeps(what: str) -> None:
    """What is kept if the command is interrupted from now on, as a sentence without its end."""
    global _kept
    _kept = what


def arm() -> None:
    """Takes over SIGINT in a program; does nothing in worker processes and where it is ignored."""
    if "--multiprocessing-fork" in sys.orig_argv:
        return
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGINT, _raise_once)
    sys.unraisablehook = _raise_again
    # What a process that is ended leaves open is closed by a helper of Python, which warns of it.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    # The byte is written at once, also while the main thread is in compiled code.
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_end_late, args=(reading,), daemon=True).start()


def tidy_up() -> None:
    """From now on somebody catches `KeyboardInterrupt`; before, there is nothing to tidy up."""
    global _may_raise
    _may_raise = True


def say() -> None:
    """Says once on stderr that the command was interrupted, and what is kept."""
    if _said.is_set():
        return
    _said.set()
    cursor = SHOW_CURSOR if os.isatty(2) else b""
    with suppress(OSError):
        os.write(2, cursor + f"interrupted: {_kept}\n".encode())


def end_if_seen() -> None:
    """Ends an interrupted program at once; one that is done is not interrupted any more."""
    if _seen.is_set():
        _end()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end() -> None:
    """Says what is kept, writes out what was printed, ends workers and the process."""
    say()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    _end_at_once()


def _raise_once(number: int, frame: FrameType | None) -> None:
    _seen.set()
    if not _may_raise:
        _end()
    if not _raised.is_set():
        _raised.set()
        raise KeyboardInterrupt


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    """Where nobody can catch it (a callback of the garbage collector) it is raised once more."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        return sys.__unraisablehook__(lost)
    _raised.clear()
    again = threading.Timer(0.01, _thread.interrupt_main)
    again.daemon = True
    return again.start()


def _end_late(reading: int) -> None:
    """Waits for the first SIGINT, then for `PATIENCE` seconds; only a program's last second."""
    while signal.SIGINT not in os.read(reading, 64):
        pass
    time.sleep(PATIENCE)
    say()
    _end_at_once()


def _end_at_once() -> None:
    processes = sys.modules.get("multiprocessing")
    with suppress(Exception):
        for worker in processes.active_children() if processes else ():
            worker.kill()
    os._exit(CODE)
