"""Sweeps on a real local Dask cluster: the same numbers, with workers that die."""

import os
import signal
import threading
import time
import warnings

import pytest
from sim.sweeps.sweeping import DESIGN, cheap

from prunelaw.errors import InputError
from prunelaw_sim.sweeps import executors
from prunelaw_sim.sweeps.executors import dask_executor
from prunelaw_sim.sweeps.runner import run_sweep
from prunelaw_sim.sweeps.simulated import Design
from prunelaw_sim.sweeps.store import Store

dask = pytest.importorskip("dask", reason="needs the extra prunelaw[dask]")
distributed = pytest.importorskip("distributed", reason="needs the extra prunelaw[dask]")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fewer = {"distributed.scheduler.allowed-failures": 1}  # 3 by default: slower, not different
        with (
            dask.config.set(fewer),
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
            ) as running,
        ):
            yield running


def slow_on_dask(point, seed, first, trials):
    time.sleep(0.05)
    return cheap(point, seed, first, trials)


def poisoned(point, seed, first, trials):
    if point["alpha_tot"] == 2 and point["f"] == 0.2 and point["rule"] == "easy" and first == 10:
        os._exit(1)
    return cheap(point, seed, first, trials)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "a.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Design, "measure", staticmethod(cheap))
        run_sweep(DESIGN, path)
    with Store.open(path) as store:
        return store.digest()


def test_a_worker_killed_in_the_middle_costs_nothing(cluster, tmp_path, monkeypatch, undisturbed):
    monkeypatch.setattr(Design, "measure", staticmethod(slow_on_dask))

    def kill_one():
        time.sleep(1.0)
        with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
            victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    with dask_executor(cluster.scheduler_address) as pool:
        killer.start()
        assert run_sweep(DESIGN, tmp_path / "a.db", executor=pool).complete
    killer.join()
    with Store.open(tmp_path / "a.db") as store:
        assert store.digest() == undisturbed


def test_a_unit_that_always_kills_its_worker_is_reported(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(Design, "measure", staticmethod(poisoned))
    with dask_executor(cluster.scheduler_address) as pool:  # many wait on a worker that dies
        result = run_sweep(DESIGN, tmp_path / "a.db", executor=pool, in_flight=16, throw=False)
    assert result.done == DESIGN.n_units - 1
    ((unit, why),) = result.failed.items()
    assert (DESIGN.points[unit.point]["rule"], unit.first) == ("easy", 10)
    assert "KilledWorker" in why


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr(executors, "CONNECT_SECONDS", 0.5)
    words = r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"
    with pytest.raises(InputError, match=words), dask_executor("tcp://127.0.0.1:9"):
        pass
