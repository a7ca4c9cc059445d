"""The store: whole whatever happens, and clear about what it is not."""

import resource
import socket
import sqlite3
import time

import numpy as np
import pytest
from sim.sweeps.sweeping import DESIGN, cheap

from prunelaw.errors import InputError
from prunelaw_sim.sweeps.simulated import Design
from prunelaw_sim.sweeps.store import Store, StoreError, StoreWriteError


def some(units):
    return [(u, cheap(None, DESIGN.point_seed(u.point), u.first, u.trials)) for u in units]


UNITS = list(DESIGN.units())
NO_PROCESS = 2**22 + 1  # above the largest number that Linux gives a process


def test_what_is_put_comes_back_in_the_designs_order(tmp_path):
    with Store.create(tmp_path / "a.db", DESIGN) as store:
        store.put(some(UNITS[5:8]))
        store.put(some(UNITS[:2]))
    with Store.open(tmp_path / "a.db") as store:
        assert store.design == DESIGN
        back = list(store.units())
        assert [unit for unit, _ in back] == [*UNITS[:2], *UNITS[5:8]]
        for (_, found), (_, wanted) in zip(back, some([*UNITS[:2], *UNITS[5:8]]), strict=True):
            assert list(found) == list(wanted)
            for name in found:
                np.testing.assert_array_equal(found[name], wanted[name])
        assert (store.status().done, store.status().total) == (5, len(UNITS))


def test_a_unit_is_stored_once(tmp_path):
    with Store.create(tmp_path / "a.db", DESIGN) as store:
        store.put(some(UNITS[:2]))
        digest = store.digest()
        changed = [(u, {k: v + 1 for k, v in c.items()}) for u, c in some(UNITS[:1])]
        store.put(changed)
        assert store.digest() == digest


def test_two_stores_on_one_file_share_the_claims(tmp_path):
    with Store.create(tmp_path / "a.db", DESIGN) as one, Store.open(tmp_path / "a.db") as two:
        mine = one.claim(UNITS, 4)
        wanted = iter(UNITS)
        theirs = two.claim(wanted, 4)
        assert mine == UNITS[:4] and theirs == UNITS[4:8]
        assert next(wanted) == UNITS[8]  # not one more was looked at than needed
        one.put(some(mine[:1]))
        assert one.status().claimed == 7
        one.release()
        assert two.claim(UNITS, 4) == [*UNITS[1:4], UNITS[8]]


def test_claims_of_the_dead_lapse(tmp_path):
    with Store.create(tmp_path / "a.db", DESIGN) as store:
        with sqlite3.connect(tmp_path / "a.db") as other:
            rows = [
                (0, 0, "gone", socket.gethostname(), NO_PROCESS, time.time()),
                (0, 5, "silent", "elsewhere", 1, 0.0),  # no sign of life for a long time
                (0, 10, "alive", "elsewhere", 1, time.time()),
                (0, 15, "damaged", "elsewhere", 1, 1e12),  # a sign of life from the future
                (0, 20, "damaged", "elsewhere", "?", time.time()),
            ]
            other.executemany("INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?)", rows)
        assert store.status().claimed == 1
        assert store.claim(UNITS[:5], 5) == [*UNITS[:2], *UNITS[3:5]]


def test_a_failure_is_noted_until_the_unit_is_stored(tmp_path):
    with Store.create(tmp_path / "a.db", DESIGN) as store:
        store.fail(UNITS[3], "its worker died")
        assert store.status().failed == {UNITS[3]: "its worker died"}
        store.put(some(UNITS[3:4]))
        assert store.status().failed == {}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"trials": 60}, "its trials is 50, not 60"),
        ({"seed": 4}, "its seed is 3, not 4"),
        ({"paired": ()}, "its paired"),
        ({"points": DESIGN.points[:-1]}, "it has 12 points, not 11"),
        ({"points": DESIGN.points[::-1]}, "its point 0 is .*'hard'.*not"),
    ],
)
def test_another_design_is_refused_and_the_store_left_alone(tmp_path, other, words):
    with Store.create(tmp_path / "a.db", DESIGN) as store:
        store.put(some(UNITS[:1]))
    before = (tmp_path / "a.db").read_bytes()
    given = {name: getattr(DESIGN, name) for name in ("points", "trials", "seed", "unit", "paired")}
    with pytest.raises(StoreError, match=f"holds another design: {words}"):
        Store.create(tmp_path / "a.db", Design(**(given | other)))
    assert (tmp_path / "a.db").read_bytes() == before


def test_another_version_is_refused(tmp_path):
    Store.create(tmp_path / "a.db", DESIGN).close()
    with sqlite3.connect(tmp_path / "a.db") as file:
        file.execute("UPDATE meta SET value = '99' WHERE key = 'numbers'")
    with pytest.raises(StoreError, match="numbers version 99, this prunelaw has 3: export"):
        Store.open(tmp_path / "a.db")


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        Store.open(tmp_path / "missing.db")
    with pytest.raises(StoreError, match=r"the folder .*none does not exist"):
        Store.create(tmp_path / "none" / "a.db", DESIGN)
    (tmp_path / "text.db").write_text("alpha_tot,f\n1,0.5\n" * 100)
    for opening in (Store.open, lambda path: Store.create(path, DESIGN)):
        with pytest.raises(StoreError, match=r"text\.db is not a store, or is damaged"):
            opening(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "other.db") as file:
        file.execute("CREATE TABLE mine (x)")
    with pytest.raises(StoreError, match="no store of a prunelaw sweep"):
        Store.create(tmp_path / "other.db", DESIGN)


def test_a_changed_byte_is_found(tmp_path):
    with Store.create(tmp_path / "a.db", DESIGN) as store:
        store.put(some(UNITS[:2]))
        with sqlite3.connect(tmp_path / "a.db") as file:
            (data,) = file.execute("SELECT data FROM unit WHERE first = 5").fetchone()
            wrong = (bytes([data[0] ^ 1]) + data[1:],)
            file.execute("UPDATE unit SET data = ? WHERE first = 5", wrong)
        with pytest.raises(StoreError, match="wrong checksum of point 0, 5"):
            list(store.units())


def test_columns_of_another_length_are_refused(tmp_path):
    with Store.create(tmp_path / "a.db", DESIGN) as store:
        with pytest.raises(InputError, match="a unit of 5 trials got 4 values"):
            store.put([(UNITS[0], {"error": np.zeros(4)})])
        assert store.status().done == 0


def test_a_full_disk_costs_nothing_that_was_stored(tmp_path):
    """A limit on the size of files stands for the full disk."""
    with Store.create(tmp_path / "a.db", DESIGN) as store:
        store.put(some(UNITS[:5]))
        digest, size = store.digest(), (tmp_path / "a.db").stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
        try:
            with pytest.raises(StoreWriteError, match="what it holds is whole: make room"):
                store.put(some(UNITS[5:]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (store.status().done, store.digest()) == (5, digest)
        store.put(some(UNITS))  # there is room again
        assert store.status().complete
