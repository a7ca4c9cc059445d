"""Sweeps that last: killed, interrupted, shared and resumed, they end in the same store."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from sim.sweeps.sweeping import DESIGN, cheap

from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.simulation.trials import simulate
from prunelaw_sim.sweeps.executors import Here, Processes, WorkerDiedError
from prunelaw_sim.sweeps.runner import run_sweep
from prunelaw_sim.sweeps.simulated import Design
from prunelaw_sim.sweeps.store import Store, StoreWriteError, _runs
from prunelaw_sim.sweeps.tables import points_table, to_sweep, trials_table

PROGRAM = Path(__file__).with_name("sweeping.py")


@pytest.fixture
def no_students(monkeypatch):
    monkeypatch.setattr(Design, "measure", staticmethod(cheap))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The digest of a sweep that nothing happened to."""
    path = tmp_path_factory.mktemp("whole") / "a.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Design, "measure", staticmethod(cheap))
        assert run_sweep(DESIGN, path).complete
    return digest(path)


def digest(path):
    with Store.open(path) as store:
        return store.digest()


def start(path, **environment):
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        stderr=subprocess.DEVNULL,
    )


def wait_for_units(path, count):
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if path.exists() and path.stat().st_size:
            with Store.open(path) as store:
                if store.status().done >= count:
                    return
        time.sleep(0.02)
    raise TimeoutError(f"{path} does not hold {count} units after a minute")


@pytest.mark.parametrize("kills", [6, pytest.param(20, marks=pytest.mark.exhaustive)])
def test_killed_at_random_moments_it_ends_as_if_undisturbed(tmp_path, undisturbed, kills):
    path, draw = tmp_path / "a.db", random.Random(0)
    done = [0]
    for kill in range(kills):
        sweep = start(path, SECONDS_A_UNIT="0.1")
        if kill % 2:  # while it measures; the others anywhere from before the store is opened
            wait_for_units(path, min(done[-1] + 1, DESIGN.n_units))
        time.sleep((0.3 if kill % 2 else 1.0) * draw.random())
        sweep.send_signal(signal.SIGKILL)
        assert sweep.wait() in (-signal.SIGKILL, 0)
        if path.exists() and path.stat().st_size:
            with Store.open(path) as store:
                assert len(list(store.units())) == store.status().done >= done[-1]
                done.append(store.status().done)
    assert len(set(done)) > kills // 2  # half of the kills at least hit the work
    last = start(path)
    assert last.wait() == 0
    assert digest(path) == undisturbed


def test_two_processes_on_one_store_measure_every_unit_once(tmp_path, undisturbed):
    path, log = tmp_path / "a.db", tmp_path / "log"
    both = [start(path, SECONDS_A_UNIT="0.01", UNIT_LOG=str(log)) for _ in range(2)]
    assert [sweep.wait() for sweep in both] == [0, 0]
    assert digest(path) == undisturbed
    measured = log.read_text().splitlines()
    # Paired rules share a seed, so each line is there twice: once for hard, once for easy.
    assert len(measured) == DESIGN.n_units and len(set(measured)) == DESIGN.n_units // 2


def test_an_interrupt_leaves_a_usable_store(tmp_path, undisturbed):
    path = tmp_path / "a.db"
    sweep = start(path, SECONDS_A_UNIT="0.05")
    wait_for_units(path, 3)
    sweep.send_signal(signal.SIGINT)
    assert sweep.wait() == 130
    with Store.open(path) as store:
        status = store.status()
        assert 3 <= status.done < status.total and status.claimed == 0
    assert start(path).wait() == 0
    assert digest(path) == undisturbed


def test_resuming_measures_only_what_is_missing(tmp_path, undisturbed, monkeypatch):
    path, calls = tmp_path / "a.db", []

    def stops(point, seed, first, trials):
        calls.append((seed, first))
        if len(calls) == 8:
            raise KeyboardInterrupt
        return cheap(point, seed, first, trials)

    monkeypatch.setattr(Design, "measure", staticmethod(stops))
    with pytest.raises(KeyboardInterrupt):
        run_sweep(DESIGN, path)
    again = run_sweep(DESIGN, path)
    assert again.measured == DESIGN.n_units - 7 and again.complete
    assert digest(path) == undisturbed
    assert run_sweep(DESIGN, path).measured == 0


def test_an_executor_of_threads_gives_the_same(tmp_path, undisturbed, no_students):
    with ThreadPoolExecutor(4) as pool:
        run_sweep(DESIGN, tmp_path / "a.db", executor=pool, in_flight=7)
    assert digest(tmp_path / "a.db") == undisturbed


def test_progress_rises_to_the_total_with_an_estimate(tmp_path, no_students):
    seen = []
    run_sweep(DESIGN, tmp_path / "a.db", progress=seen.append)
    assert [report.done for report in seen] == list(range(DESIGN.n_units + 1))
    assert seen[0].seconds_left is None and seen[-1].seconds_left == pytest.approx(0, abs=1e-6)
    assert seen[3].seconds_left > 0


def test_a_unit_that_fails_is_named_and_the_rest_finished(tmp_path, monkeypatch, undisturbed):
    def fails_once(point, seed, first, trials):
        if point["alpha_tot"] == 2 and point["rule"] == "easy" and first == 10:
            raise MemoryError("too large")
        return cheap(point, seed, first, trials)

    path = tmp_path / "a.db"
    monkeypatch.setattr(Design, "measure", staticmethod(fails_once))
    words = "2 of 120 units failed .*alpha_tot=2 f=0.2 .*easy.* trials 10 to 14: MemoryError"
    with pytest.raises(ConvergenceError, match=words):
        run_sweep(DESIGN, path)
    with Store.open(path) as store:
        assert store.status().done == 118 and len(store.status().failed) == 2
    assert len(run_sweep(DESIGN, path, throw=False).failed) == 2
    monkeypatch.setattr(Design, "measure", staticmethod(cheap))
    assert run_sweep(DESIGN, path).measured == 2
    assert digest(path) == undisturbed


def test_a_broken_executor_leaves_what_was_finished(tmp_path, no_students, undisturbed):
    class Breaks(Here):
        tasks = 0

        def submit(self, fn, /, *args, **kwargs):
            self.tasks += 1
            if self.tasks > 10:
                raise BrokenProcessPool("a process died")
            return super().submit(fn, *args, **kwargs)

    path = tmp_path / "a.db"
    with pytest.raises(ConvergenceError, match=r"the executor broke .a process died"):
        run_sweep(DESIGN, path, executor=Breaks(), in_flight=3)
    with Store.open(path) as store:
        assert store.status().done >= 9 and store.status().claimed == 0
    run_sweep(DESIGN, path)
    assert digest(path) == undisturbed


def test_a_store_that_cannot_be_written_stops_the_sweep(tmp_path, no_students, monkeypatch):
    puts = []

    def full(self, measured):
        puts.append(measured)
        raise StoreWriteError("no room")

    monkeypatch.setattr(Store, "put", full)
    with pytest.raises(StoreWriteError, match="no room"):
        run_sweep(DESIGN, tmp_path / "a.db")
    assert len(puts) <= 2  # once, and once for what was finished: no more work was started


@pytest.mark.parametrize("bad", [{"executor": 0}, {"executor": True}, {"in_flight": 0}])
def test_bad_arguments(tmp_path, bad):
    with pytest.raises(InputError, match=r"workers must be|in_flight must be"):
        run_sweep(DESIGN, tmp_path / "a.db", **({"executor": Here()} | bad))


# --- worker processes -----------------------------------------------------------------------------


def test_a_task_that_kills_its_worker_is_named_and_costs_no_other():
    with Processes(2) as pool:
        good = [pool.submit(pow, 2, i) for i in range(6)]
        poison = pool.submit(os._exit, 1)
        more = [pool.submit(pow, 3, i) for i in range(6)]
        with pytest.raises(WorkerDiedError, match="died at each of 2 tries"):
            poison.result()
        assert [task.result() for task in (*good, *more)] == [
            *(2**i for i in range(6)),
            *(3**i for i in range(6)),
        ]
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(pow, 1, 1)


def test_killing_the_workers_takes_no_time():
    pool = Processes(1)
    task, waiting = pool.submit(time.sleep, 600), pool.submit(pow, 2, 2)
    while not task.running():
        time.sleep(0.01)
    pool.kill()
    assert waiting.cancelled()
    assert task.done() and task.exception() is not None


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    lines = (
        "import os, sys, time",
        "from prunelaw_sim.sweeps.executors import Processes",
        "if __name__ == '__main__':",
        "    pool = Processes(2)",
        "    for task in [pool.submit(os.getpid), pool.submit(os.getpid)]:",
        "        print(task.result(), flush=True)",
        "    time.sleep(600)",
    )
    (tmp_path / "parent.py").write_text("\n".join(lines))
    command = [sys.executable, str(tmp_path / "parent.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
    deadline = time.monotonic() + 30
    while any(_runs(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)


# --- real students --------------------------------------------------------------------------------

REAL = Design.grid(
    alpha_tot=[1, 3], f=0.5, rule=["hard", "easy"], theta=0.3, dim=20, trials=8, unit=4
)


@pytest.mark.parametrize(
    "several", [(None, 2), pytest.param((None, 1, 2, 4), marks=pytest.mark.exhaustive)]
)
def test_any_number_of_workers_gives_the_same_numbers(tmp_path, several):
    digests = set()
    for workers in several:
        run_sweep(REAL, tmp_path / f"{workers}.db", executor=workers)
        digests.add(digest(tmp_path / f"{workers}.db"))
    assert len(digests) == 1
    with Store.open(tmp_path / "None.db") as store:
        check_tables(store)


def check_tables(store):
    """A store's tables hold what `simulate` gives for the point."""
    trials, points = trials_table(store), points_table(store)
    assert len(trials) == 4 * 8 and list(trials.trial[:8]) == list(range(8))
    alone = simulate(1.0, 0.5, 0.3, "easy", dim=20, trials=8, seed=REAL.point_seed(1))
    chosen = trials[(trials.alpha_tot == 1) & (trials.rule == "easy")]
    np.testing.assert_array_equal(chosen.error, alone.error)
    assert (points.error[1], points.error_se[1]) == (alone.mean, alone.stderr)
    assert list(points.failed) == [0, 0, 0, 0]
    sweep = to_sweep(store)
    assert len(sweep) == 4 and sweep.values("rule") == ["easy", "hard"]
