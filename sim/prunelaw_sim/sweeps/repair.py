"""A damaged store made whole: what is as it was stored is kept, and `sweep run` measures the rest.

A store of an older version, whose design is under no checksum, is proved first: one trial of each
point is measured again, and must give the number that is stored.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from prunelaw.errors import PrunelawError
from prunelaw_sim.common.new_file import check_new_file
from prunelaw_sim.sweeps.store import Status, Store, StoreError

SAME = 1e-6  # relative; another design gives other numbers altogether


@dataclass(frozen=True)
class Repair:
    """What `repair_store` did.

    Attributes:
        damaged: what was found, one text each; empty if the store was whole.
        kept: units kept, of `total` in the design.
        copy: where the file lies as it was; None if nothing was damaged.
        signed: whether the design was put under a checksum now, after it was proved.
        unproved: why the design of an older store stays without one; "" otherwise.
    """

    damaged: tuple[str, ...]
    kept: int
    total: int
    copy: Path | None
    signed: bool
    unproved: str = ""


def repair_store(
    path: str | os.PathLike[str], progress: Callable[[int, int], None] | None = None
) -> Repair:
    """Drops what is damaged in the store at `path`; the file as it was is kept as PATH.damaged.

    Args:
        path: of a store.
        progress: called with points proved and points in all, for a store of an older version.

    Raises:
        StoreError: if the design itself is damaged, so that nothing can be kept; if its numbers
            are not those that are stored; or if somebody is measuring into it.
        InputError: if there is a file PATH.damaged already.
    """
    with Store.open(path) as store:
        found = store.status()
        if found.claimed:
            raise StoreError(
                f"store {store.path} is in use ({found.claimed} units are being measured); stop "
                "the sweep, then repair it"
            )
        unproved = "" if store.signed else _unproved(store, progress)
        signs = not (store.signed or unproved)
        copy = None
        if found.damaged:
            copy = store.path.with_name(f"{store.path.name}.damaged")
            check_new_file("the copy of the damaged store", copy)
            _rebuild(store, found, copy, signed=not unproved)
        elif signs:
            store.sign()
        return Repair(found.damaged, found.done, found.total, copy, signs, unproved)


def _unproved(store: Store, progress: Callable[[int, int], None] | None) -> str:
    """Measures the first trial of each point again; why that proves nothing, or ""."""
    design = store.design
    measure: Any = design.measure
    points = itertools.groupby(store.whole_units(), key=lambda item: item[0].point)
    for number, (_, units) in enumerate(points, 1):
        unit, columns = next(units)
        seed, point = design.point_seed(unit.point), design.points[unit.point]
        try:
            design.check_runnable()
            again = measure(point, seed, unit.first, 1)
        except PrunelawError as error:
            return f"{design.describe(unit.point)} cannot be measured again: {error}"
        fresh = {design.column(name): values for name, values in again.items()}
        for name in columns.keys() & fresh.keys():
            old, new = columns[name][0], fresh[name][0]
            if np.isclose(old, new, rtol=SAME, atol=SAME):
                continue
            differs = (
                f"{design.describe(unit.point)} does not give the numbers that are stored ({name} "
                f"of trial {unit.first} is {new:g}, not {old:g})"
            )
            if design.kind == "real":  # trained networks differ from machine to machine
                return differs
            raise StoreError(f"store {store.path} is damaged: {differs}; begin a new store")
        if progress is not None:
            progress(number, len(design.points))
    return ""


def _rebuild(store: Store, found: Status, copy: Path, signed: bool) -> None:
    """A new file of what is whole takes the store's name; the old one is `copy` from then on."""
    fresh = store.path.with_name(f".{uuid4().hex}.tmp")
    try:
        with Store.create(fresh, store.design) as new:
            new.put(store.whole_units())
            for unit, message in found.failed.items():
                new.fail(unit, message)
            if not signed:
                new.sign(False)
        try:
            os.link(store.path, copy)
        except FileExistsError:
            raise
        except OSError:  # no hard links there
            shutil.copyfile(store.path, copy)
        os.replace(fresh, store.path)
    except OSError as cause:
        raise StoreError(
            f"store {store.path} cannot be repaired in its folder: {cause.strerror or cause}; "
            "copy it to another one, and repair it there"
        ) from cause
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
