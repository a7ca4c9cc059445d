"""Runs a design into a store: claims units, has them measured, stores them, until none is left.

The numbers of a unit depend on the design alone, so it does not matter who measures it: this
process, one of several workers, a cluster, or a second run on the same store.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from prunelaw.checks import check_integer
from prunelaw.errors import ConvergenceError
from prunelaw_sim.sweeps.design import SweepDesign, Unit
from prunelaw_sim.sweeps.executors import Here, Processes, WorkerDiedError
from prunelaw_sim.sweeps.store import LEASE, Store

PER_WORKER = 2  # units claimed for each worker: one running, one waiting
IN_FLIGHT = 32  # units claimed for an executor that does not say how many workers it has
POLL = 0.5  # seconds between looks at what another process is measuring
SIGN_OF_LIFE = LEASE / 10


@dataclass(frozen=True)
class Progress:
    """Units done (earlier runs included) of all, seconds of this run, and an estimate of the rest.

    `seconds_left` weighs units by their training cost; None until one was measured in this run.
    """

    done: int
    total: int
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class SweepRun:
    """What one call of `run_sweep` did: units measured by it, and units that failed, with why."""

    measured: int
    done: int
    total: int
    seconds: float
    failed: Mapping[Unit, str]

    @property
    def complete(self) -> bool:
        """Whether the store now holds every unit."""
        return self.done == self.total


def run_sweep(
    design: SweepDesign,
    store: str | os.PathLike[str],
    *,
    executor: Executor | int | None = None,
    in_flight: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    throw: bool = True,
) -> SweepRun:
    """Measures what the store at this path lacks of the design, and stores it unit by unit.

    `executor` is None (this process), a number of worker processes, or any
    `concurrent.futures.Executor`, of which `in_flight` units are asked at a time (32 by default).
    Killed at any moment, the store holds every unit that was finished, and the same call goes on
    from there; two calls on one store share the work.  Ctrl-C stores what is finished, gives back
    the rest and raises `KeyboardInterrupt`.

    A unit that cannot be measured (its worker dies twice, its code raises) is noted in the store
    and the others are finished; then `ConvergenceError` names it (`throw=False`: see `failed`).
    Trials whose student missed the duality gap are stored and flagged, not failed.

    Raises:
        StoreError: if the store holds another design or version.
        InputError: if it is one that this version cannot go on with.
        StoreWriteError: if it cannot be written any more.
    """
    own: Executor | None = None
    if executor is None:
        executor, in_flight = Here(), 1
    elif isinstance(executor, int):
        executor = own = Processes(executor)
        in_flight = PER_WORKER * own.workers
    limit = IN_FLIGHT if in_flight is None else check_integer("in_flight", in_flight, 1)
    try:
        with Store.create(store, design) as opened:
            result = _Run(opened, executor, limit, progress).finish()
    except BaseException:
        if isinstance(own, Processes):
            own.kill()
        raise
    if own is not None:
        own.shutdown()
    if throw and result.failed:
        raise ConvergenceError(_describe_failures(design, result))
    return result


class _Raised(NamedTuple):
    """What the measurement of a unit raised; whatever else fails is the executor's doing."""

    why: str


def _attempt(task: Callable[..., dict[str, np.ndarray]], *arguments: Any) -> Any:
    try:
        return task(*arguments)
    except Exception as error:  # told apart from the death of a worker, which raises here
        return _Raised(f"{type(error).__name__}: {error}")


class _Run:
    """The state of one call: what waits, what is under way, and what others are measuring."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        limit: int,
        progress: Callable[[Progress], None] | None,
    ):
        done = store.done()
        self.store = store
        self.executor = executor
        self.limit = limit
        self.progress = progress
        self.waiting = deque(u for u in store.design.units() if (u.point, u.first) not in done)
        if self.waiting:
            store.design.check_runnable()
        self.elsewhere: list[Unit] = []
        self.running: dict[Future, Unit] = {}
        self.suspects: deque[Unit] = deque()
        self.last_chance: set[Unit] = set()
        self.failed: dict[Unit, str] = {}
        self.done = len(done)
        self.measured = 0
        self.cost_done = 0.0
        self.cost_left = sum(store.design.cost(unit) for unit in self.waiting)
        self.begin = time.monotonic()
        self.last_write = self.begin

    def finish(self) -> SweepRun:
        """Works until no unit is left, here or elsewhere."""
        self._report()
        try:
            while self._start_more() or self.running or self._wait_for_others():
                self._collect(wait(self.running, SIGN_OF_LIFE, FIRST_COMPLETED).done)
                self._show_life()
        except BrokenExecutor as cause:
            self._rescue()
            raise ConvergenceError(
                f"the executor broke ({cause}); what was finished is stored: run the sweep again, "
                "with `executor=` a number, whose workers are replaced when they die"
            ) from cause
        except BaseException:
            self._rescue()
            raise
        seconds = time.monotonic() - self.begin
        return SweepRun(self.measured, self.done, self.store.design.n_units, seconds, self.failed)

    def _start_more(self) -> bool:
        """Claims and submits units up to the limit; whether any was."""
        room = self.limit - len(self.running)
        if not self.waiting and not self.running and self.suspects:
            self._submit(self.suspects.popleft())
            return True
        if not room or not self.waiting:
            return False
        tried: list[Unit] = []
        claimed = set(self.store.claim(self._take(tried), room))
        self.elsewhere += [unit for unit in tried if unit not in claimed]
        self.last_write = time.monotonic()
        for unit in sorted(claimed):
            self._submit(unit)
        return bool(claimed)

    def _submit(self, unit: Unit) -> None:
        design = self.store.design
        seed, point = design.point_seed(unit.point), design.points[unit.point]
        task = self.executor.submit(_attempt, design.measure, point, seed, *unit[1:])
        self.running[task] = unit

    def _take(self, tried: list[Unit]) -> Iterator[Unit]:
        while self.waiting:
            tried.append(self.waiting.popleft())
            yield tried[-1]

    def _wait_for_others(self) -> bool:
        """Nothing left but what other processes claimed: done, or ours if they died."""
        if not self.elsewhere:
            return False
        done = self.store.done()
        left = [unit for unit in self.elsewhere if (unit.point, unit.first) not in done]
        for unit in set(self.elsewhere) - set(left):
            self._count(unit)
        self.elsewhere, self.waiting = [], deque(left)
        self._report()
        if left:
            time.sleep(POLL)
        return bool(left)

    def _collect(self, finished: set[Future]) -> None:
        """Stores what came, in one transaction, and notes what failed."""
        good = {task: self.running[task] for task in finished if _is_good(task)}
        if good:
            self.store.put([(unit, task.result()) for task, unit in good.items()])
            self.last_write = time.monotonic()
        for task in finished:  # from here on nothing is lost by an interrupt
            unit = self.running.pop(task)
            if task in good:
                self.measured += 1
                self.cost_done += self.store.design.cost(unit)
                self._count(unit)
            else:
                self._note_failure(unit, task)
        if finished:
            self._report()

    def _note_failure(self, unit: Unit, task: Future) -> None:
        error = task.exception()
        if isinstance(error, BrokenExecutor):
            raise error
        if error is None:
            why = task.result().why
        elif isinstance(error, WorkerDiedError) or unit in self.last_chance:
            why = f"{type(error).__name__}: {error}"
        else:  # perhaps another unit killed the worker that held this one: alone, at the end
            self.last_chance.add(unit)
            self.suspects.append(unit)
            return
        self.failed[unit] = why
        self.store.fail(unit, why)

    def _count(self, unit: Unit) -> None:
        self.done += 1
        self.cost_left -= self.store.design.cost(unit)

    def _show_life(self) -> None:
        if time.monotonic() - self.last_write > SIGN_OF_LIFE:
            self.store.renew()
            self.last_write = time.monotonic()

    def _rescue(self) -> None:
        """After an interrupt or an error: nothing new is started, what is finished is stored."""
        for task in self.running:
            task.cancel()
        finished = [t for t in self.running if t.done() and not t.cancelled()]
        good = [(self.running[t], t.result()) for t in finished if _is_good(t)]
        try:
            self.store.put(good)
        except Exception:  # the store itself is what failed: the first error tells
            return

    def _report(self) -> None:
        if self.progress is None:
            return
        seconds = time.monotonic() - self.begin
        left = seconds * self.cost_left / self.cost_done if self.cost_done else None
        self.progress(Progress(self.done, self.store.design.n_units, seconds, left))


def _is_good(task: Future) -> bool:
    return task.exception() is None and not isinstance(task.result(), _Raised)


def _describe_failures(design: SweepDesign, result: SweepRun) -> str:
    unit, why = next(iter(result.failed.items()))
    return (
        f"{len(result.failed)} of {result.total} units failed and the others are stored; first: "
        f"{design.describe(unit.point)}, trials {unit.first} to "
        f"{unit.first + unit.trials - 1}: {why}"
    )
