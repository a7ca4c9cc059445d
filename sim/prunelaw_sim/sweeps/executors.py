"""Where the units of a sweep are measured: this process, worker processes, a Dask cluster.

Anything with the interface of `concurrent.futures.Executor` will do.  The standard process pool
dies with any of its workers and does not say whose task it was; `Processes` gives each worker a
pool of its own, so that a death costs one task, which is tried once more and then reported.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any

from prunelaw.checks import check_integer
from prunelaw.errors import InputError

TRIES = 2  # a worker may die of something else (memory, a neighbour) once
CONNECT_SECONDS = 10


class WorkerDiedError(RuntimeError):
    """A task ended its worker process at every try."""


class Here(Executor):
    """Runs each task in this process, at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """A future that is done already."""
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes(Executor):
    """`workers` fresh processes; one that dies is replaced, and only its own task is affected.

    A task whose worker dies is tried again once, then its future raises `WorkerDiedError`.
    `kill` ends the workers at once, whatever they are doing.
    """

    def __init__(self, workers: int):
        self.workers = check_integer("workers", workers, 1)
        if os.name == "posix":  # when it starts it unblocks signals in the thread that called it
            resource_tracker.ensure_running()
        self._tasks: queue.SimpleQueue = queue.SimpleQueue()
        self._pools: list[ProcessPoolExecutor | None] = [None] * workers
        self._closed = False
        self._lanes = [
            threading.Thread(target=self._lane, args=(i,), daemon=True) for i in range(workers)
        ]
        for lane in self._lanes:
            lane.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Queues a task; see `concurrent.futures.Executor.submit`."""
        if self._closed:
            raise RuntimeError("cannot submit after shutdown")
        future: Future = Future()
        self._tasks.put((future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more tasks; what waits is run, or dropped with `cancel_futures`."""
        self._closed = True
        with suppress(queue.Empty):
            while cancel_futures:
                if (task := self._tasks.get_nowait()) is not None:
                    task[0].cancel()
        for _ in self._lanes:
            self._tasks.put(None)
        if wait:
            for lane in self._lanes:
                lane.join()

    def kill(self) -> None:
        """Ends the workers at once, those that are just starting too; their work is lost."""
        self.shutdown(wait=False, cancel_futures=True)
        while any(lane.is_alive() for lane in self._lanes):
            for pool in filter(None, self._pools):
                for process in list((pool._processes or {}).values()):
                    process.kill()
            self._lanes[0].join(0.01)

    def _lane(self, index: int) -> None:
        """One worker's life: take a task, run it in the lane's process, hand back what came."""
        # A process inherits what its thread blocks: Ctrl-C while it starts is not its own either.
        if os.name == "posix":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while (task := self._tasks.get()) is not None:
            future, fn, args, kwargs = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._run(index, fn, args, kwargs))
                except BaseException as error:
                    future.set_exception(error)
        if pool := self._pools[index]:
            pool.shutdown()

    def _run(self, index: int, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        for _ in range(TRIES):
            pool = self._pools[index] = self._pools[index] or _one_process()
            try:
                return pool.submit(fn, *args, **kwargs).result()
            except BrokenProcessPool:
                self._pools[index] = None
                if self._closed:
                    break
        raise WorkerDiedError(f"the worker process died at each of {TRIES} tries")


def _one_process() -> ProcessPoolExecutor:
    # A fork of a process whose libraries run threads can hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_become_worker)


def _become_worker() -> None:
    """Ctrl-C is the parent's to handle, and a parent that was killed leaves no orphans behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The executor of the Dask cluster whose scheduler listens at `address` (tcp://HOST:PORT).

    Raises:
        InputError: if Dask is not installed or nobody answers there.
    """
    if "://" not in address:
        raise InputError(f"address of Dask must be like tcp://HOST:PORT, got {address!r}")
    try:
        from distributed import Client
    except ImportError as cause:
        raise InputError("Dask is not installed: pip install 'prunelaw[dask]'") from cause
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as cause:
        raise InputError(f"no Dask scheduler answers at {address!r}: {cause}") from cause
    with client:
        yield client.get_executor(pure=False)  # a task that is tried again is run again
