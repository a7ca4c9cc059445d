"""A damaged store: what is whole is kept, `run` measures the rest, and the end is as before."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from sim.sweeps.sweeping import cheap

from prunelaw.errors import InputError
from prunelaw_sim.sweeps.repair import repair_store
from prunelaw_sim.sweeps.runner import run_sweep
from prunelaw_sim.sweeps.simulated import Design
from prunelaw_sim.sweeps.store import Store, StoreError
from prunelaw_sim.sweeps.tables import points_table
from prunelaw_sim.verification.store_check import check_theory

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "stores"
SMALL = Design.grid(
    alpha_tot=[1.0, 3.0], f=0.5, theta=0.3, rule=["hard", "easy"], dim=20, trials=6, unit=2, seed=3
)


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(Design, "measure", staticmethod(cheap))
    run_sweep(SMALL, tmp_path / "a.db")
    return tmp_path / "a.db"


def change(path, statement, *values):
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(statement, values)


def age(path, old="", new=""):
    """The store as older versions made it, its design changed in one place."""
    change(path, "DELETE FROM meta WHERE key = 'checksum'")
    change(path, "UPDATE meta SET value = replace(value, ?, ?) WHERE key = 'design'", old, new)


def digest(path):
    with Store.open(path) as store:
        return store.digest()


def test_a_damaged_unit_is_dropped_and_measured_again(small):
    whole = digest(small)
    change(small, "UPDATE unit SET data = zeroblob(96) WHERE point = 1 AND first = 2")
    before = small.read_bytes()
    with Store.open(small) as store:
        found = store.status()
        assert (found.done, found.total, found.complete) == (11, 12, False)
        assert found.damaged == ("wrong checksum of point 1, 2",)
        for ask in (points_table, check_theory, lambda store: run_sweep(SMALL, store.path)):
            with pytest.raises(StoreError, match=r"is damaged: .*`prunelaw sweep repair .*a\.db`"):
                ask(store)
    assert small.read_bytes() == before
    done = repair_store(small)
    assert (done.kept, done.total, done.damaged) == (11, 12, found.damaged)
    assert done.copy is not None and done.copy.read_bytes() == before
    assert run_sweep(SMALL, small).measured == 1
    assert digest(small) == whole
    assert sorted(file.name for file in small.parent.iterdir()) == ["a.db", "a.db.damaged"]


def test_a_copy_is_never_overwritten(small):
    change(small, "UPDATE unit SET trials = 3 WHERE point = 1")
    small.with_name("a.db.damaged").write_text("mine")
    with pytest.raises(InputError, match=r"must be a new file .*a\.db\.damaged, which exists"):
        repair_store(small)
    assert small.with_name("a.db.damaged").read_text() == "mine"


def test_a_whole_store_is_left_alone(small):
    before = small.read_bytes()
    found = repair_store(small)
    assert (found.damaged, found.copy, found.signed) == ((), None, False)
    assert small.read_bytes() == before


def test_a_store_in_use_is_not_repaired(small):
    change(small, "INSERT INTO claim VALUES (0, 0, 'a', 'elsewhere', 1, ?)", time.time())
    with pytest.raises(StoreError, match="is in use"):
        repair_store(small)


def test_a_store_without_checksum_of_its_design_is_proved_and_gets_one(small):
    whole = digest(small)
    age(small)
    with Store.open(small) as store:
        assert not store.signed and store.digest() == whole
        assert run_sweep(SMALL, small).measured == 0
    assert repair_store(small).signed
    with Store.open(small) as store:
        assert store.signed and store.digest() == whole


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[3.0,", "[2.0,", "alpha_tot=2 f=0.5 .* does not give the numbers that are stored"),
        ('"seed": 3', '"seed": 2', "does not give the numbers"),
        ('{"axes"', '{"axet"', "its design is not what was stored"),
        ("[3.0,", "[3.0;", "its design is not what was stored"),
        ('"hard"', '"harl"', "its design is not what was stored"),
    ],
)
def test_a_changed_design_without_checksum_is_no_design(small, old, new, words):
    age(small, old, new)
    with pytest.raises(StoreError, match=words):
        repair_store(small)


def test_a_design_that_cannot_be_measured_again_stays_without_checksum(small, monkeypatch):
    def fails(*_):
        raise InputError("the data are gone")

    age(small)
    change(small, "UPDATE unit SET data = zeroblob(96) WHERE point = 1 AND first = 2")
    monkeypatch.setattr(Design, "measure", staticmethod(fails))
    found = repair_store(small)
    assert "the data are gone" in found.unproved and (found.kept, found.signed) == (11, False)
    with Store.open(small) as store:
        assert not store.signed and store.status().done == 11 and not store.status().damaged


@pytest.mark.parametrize("name", ["hangs", "repeated_unit"])
def test_stores_that_were_damaged_once_are_refused_and_repaired(tmp_path, monkeypatch, name):
    if not CASES.is_dir():
        pytest.skip("the damaged stores are not on this machine")
    path, good = tmp_path / "a.db", CASES / "good.db"
    shutil.copyfile(CASES / f"{name}.db", path)
    with Store.open(path) as store, pytest.raises(StoreError, match="is damaged: "):
        points_table(store)
    with Store.open(good) as store:  # stands for the simulation, which needs seconds
        first = {u.point: c for u, c in store.units() if u.first == 0}
        seeds = {store.design.point_seed(p) + p % 2: p for p in first}
        monkeypatch.setattr(
            Design, "measure",
            staticmethod(lambda point, seed, *_: first[seeds[seed + (point["rule"] == "easy")]]),
        )  # fmt: skip
        done = repair_store(path)
        assert done.kept == done.total == 240 and done.signed
        assert digest(path) == store.digest()
        with Store.open(path) as repaired:
            assert len(points_table(repaired)) == 8
