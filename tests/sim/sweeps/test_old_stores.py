"""Real stores of older versions, which called quantiles `band:` and rounded halves to even."""

import json
import sqlite3
from contextlib import closing

import pytest
from sim.sweeps.real_sweeping import design, write_blobs

from prunelaw.errors import InputError
from prunelaw_sim.sweeps.design import Unit
from prunelaw_sim.sweeps.real_cells import cell_name, kept_count, upgraded
from prunelaw_sim.sweeps.real_tables import cells_table, runs_table
from prunelaw_sim.sweeps.runner import run_sweep
from prunelaw_sim.sweeps.store import Store
from prunelaw_sim.sweeps.store_file import unit_checksum
from prunelaw_sim.sweeps.tables import points_table, to_sweep

pytest.importorskip("optax", reason="the extra `real` is not installed")


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    write_blobs(path)
    return path


RULES = ["easy", "quantiles:0.5"]


def one_point(blobs, keep):
    return design(blobs, score="random", size=20, keep=keep, rules=RULES, absent_classes=True)


def aged(wanted, path):
    """The sweep as an older version stored it."""
    run_sweep(wanted, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        (text,) = connection.execute("SELECT value FROM meta WHERE key = 'design'").fetchone()
        found = json.loads(text.replace("quantiles:", "band:"))
        del found["halves"]
        connection.execute("DELETE FROM meta WHERE key = 'checksum'")
        connection.execute("UPDATE meta SET value = ? WHERE key = 'design'", [json.dumps(found)])
        units = connection.execute("SELECT point, first, trials, columns, data FROM unit")
        for *unit, names, data in units.fetchall():
            old = names.replace("quantiles:", "band:")
            row = (old, unit_checksum(Unit(*unit), old, data), *unit[:2])
            connection.execute(
                "UPDATE unit SET columns = ?, checksum = ? WHERE point = ? AND first = ?", row
            )
    return path


def without_last_unit(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM unit WHERE first > 0")
    return path


def test_an_old_store_opens_resumes_and_says_how_it_was_read(blobs, tmp_path):
    wanted = one_point(blobs, [0.25, 1.0])
    run_sweep(wanted, tmp_path / "new.db")
    old = without_last_unit(aged(wanted, tmp_path / "old.db"))
    with Store.open(old) as store:
        assert store.design == wanted and not store.status().complete
        notes = " ".join(to_sweep(store).notes)
    assert "band:0.5 are read as quantiles of hardness, quantiles:0.5" in notes
    assert run_sweep(wanted, old).complete
    with Store.open(old) as store, Store.open(tmp_path / "new.db") as new:
        assert store.digest() == new.digest()
        assert points_table(store).equals(cells_table(new, new.design))
        assert list(runs_table(store, store.design)["rule"].unique()) == [*RULES, "random"]
        assert not any("band:" in note for note in to_sweep(new).notes)


def test_halves_that_were_rounded_to_even_are_not_mixed_with_others(blobs, tmp_path):
    """0.125 of 20 is 2.5: once 2, now 3.  What is stored stays; nothing is added."""
    wanted = one_point(blobs, 0.125)
    old = aged(wanted, tmp_path / "old.db")
    with Store.open(old) as store:
        assert set(points_table(store)["unique_samples"]) == {2}
        assert run_sweep(store.design, old).complete
        without_last_unit(old)
        with pytest.raises(InputError, match="rounded halves to even, and cannot go on"):
            run_sweep(store.design, old)
    with pytest.raises(InputError, match="holds another design"):
        run_sweep(wanted, old)
    run_sweep(wanted, tmp_path / "new.db")
    with Store.open(tmp_path / "new.db") as new:
        assert set(points_table(new)["unique_samples"]) == {3}


def test_an_old_point_says_where_halves_tell_apart():
    """Fractions kept and edges of a band: 2.5 and 4.5 are halves above an even number."""
    old = {"size": 10, "cells": [[0.3, "band:0.2,0.6"], [0.5, "hard"]]}
    assert upgraded(old)["cells"] == [[0.3, "quantiles:0.2,0.6"], [0.5, "hard"]]
    assert "halves" not in upgraded(old)
    for cells in ([[0.25, "hard"]], [[0.1, "band:0.05,0.45"]]):
        assert upgraded({"size": 10, "cells": cells})["halves"] == "even"
    assert [kept_count({"size": 10, **more}, 0.25) for more in ({}, {"halves": "even"})] == [3, 2]
    assert cell_name("error", [0.30, "quantiles:0.5"]) == "error quantiles:0.5 0.3"
