"""Worker processes for the commands that solve many points."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


def cores() -> int:
    """Cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@contextmanager
def worker_processes(count: int) -> Iterator[Executor | None]:
    """`count` fresh processes, or None for one; what waits is dropped when the block is left."""
    if count == 1:
        yield None
        return
    # A fork of a process whose libraries run threads can hang.
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
