"""A bit flipped anywhere: the right answer, or a refusal by name; and nobody else's file."""

import random
import sqlite3

import pytest
from sim.sweeps.sweeping import cheap

from prunelaw.errors import PrunelawError
from prunelaw_sim.sweeps.runner import run_sweep
from prunelaw_sim.sweeps.simulated import Design
from prunelaw_sim.sweeps.store import Store, StoreError
from prunelaw_sim.sweeps.store_file import check_name, noted, understood
from prunelaw_sim.sweeps.tables import points_table

SMALL = Design.grid(
    alpha_tot=[1.0, 3.0], f=0.5, theta=0.3, rule=["hard", "easy"], dim=20, trials=6, unit=2, seed=3
)


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(Design, "measure", staticmethod(cheap))
    run_sweep(SMALL, tmp_path / "a.db")
    return tmp_path / "a.db"


def answer(ask):
    """What is answered, or None for a refusal by name; anything else is raised."""
    try:
        return ask()
    except PrunelawError as refusal:
        assert "damaged" in str(refusal) or "version" in str(refusal)
        return None


@pytest.mark.parametrize("flips", [25, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_a_flipped_bit_never_changes_an_answer(small, flips):
    with Store.open(small) as store:
        wanted = points_table(store)
    whole, draw = small.read_bytes(), random.Random(flips)
    used = [place for place, byte in enumerate(whole) if byte]  # most of a file is empty

    def table():
        with Store.open(small) as store:
            return points_table(store), store.status().complete

    for flip in range(flips):
        place = draw.choice(used) if flip % 2 else draw.randrange(len(whole))
        changed = bytearray(whole)
        changed[place] ^= 1 << draw.randrange(8)
        small.write_bytes(changed)
        found = answer(table)
        assert small.read_bytes() == changed, f"reading wrote, byte {place}"
        if found is not None:
            assert found[1] and found[0].equals(wanted), f"byte {place}"
        if flip % 10 == 0:  # run and export agree
            assert (answer(lambda: run_sweep(SMALL, small)) is None) == (found is None)


def test_every_bit_of_the_design_is_under_the_checksum(small):
    whole = small.read_bytes()
    begin = whole.index(b'{"axes"')
    for place in range(begin, begin + 200, 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        small.write_bytes(changed)
        with pytest.raises(StoreError, match="its design is not what was stored"):
            Store.open(small)


def test_another_programs_database_is_not_touched(tmp_path):
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("PRAGMA journal_mode = WAL")
        theirs.execute("CREATE TABLE meta (key, value)")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for ask in (Store.open, lambda path: Store.create(path, SMALL)):
        with pytest.raises(StoreError, match="no store of a prunelaw sweep"):
            ask(path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    theirs.close()


@pytest.mark.parametrize("name", [":memory:", ""])
def test_a_store_is_a_file(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="must be a file, which lasts"):
        Store.create(name, SMALL)
    with pytest.raises(StoreError, match="must be a file, which lasts"):
        check_name(name)
    assert list(tmp_path.iterdir()) == []


def test_names_have_no_meaning_to_sqlite(tmp_path):
    path = tmp_path / "a?mode=memory#%20.db"
    Store.create(path, SMALL).close()
    assert path.stat().st_size > 0


def test_what_a_killed_writer_left_is_undone_by_the_next_reader(small):
    whole = small.read_bytes()
    with sqlite3.connect(small, isolation_level=None) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("PRAGMA cache_spill = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE unit SET data = zeroblob(9000)")
        changed, journal = small.read_bytes(), small.with_name("a.db-journal").read_bytes()
        writer.execute("ROLLBACK")
    writer.close()
    assert changed != whole
    small.write_bytes(changed)
    small.with_name("a.db-journal").write_bytes(journal)
    with Store.open(small) as store:
        assert store.status().complete
    assert not small.with_name("a.db-journal").exists()


def test_why_a_unit_failed_is_under_a_checksum():
    text = noted(3, 5, "no memory")
    assert understood(3, 5, text) == "no memory"
    assert understood(3, 5, text.replace("no", "so")) == "(why was noted, and is damaged)"
    assert understood(3, 5, "no memory, of an older version") == "no memory, of an older version"
