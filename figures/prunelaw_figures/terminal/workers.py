"""Worker processes for the commands that solve many points."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


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
