"""What was understood of a file, as plain values: columns, rows, runs, and the laws they allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from prunelaw.errors import in_both
from prunelaw_sim.laws.registry import LAWS
from prunelaw_sim.tables.assemble import TARGETS, UNUSED, Reading, dropped_words
from prunelaw_sim.tables.questions import option
from prunelaw_sim.tables.sweep import Sweep

COUNTED = ("run", "group", "pool", "seed", "metric")
MOST_NAMES = 4


def account(reading: Reading) -> dict[str, Any]:
    """Everything that `prunelaw sweep-check` says, for JSON; units and ranges of every column."""
    sweep = reading.sweep
    return {
        "source": sweep.source,
        "format": reading.format,
        "why": reading.why,
        "columns": [_column(name, sweep, reading.columns) for name in _told(reading)],
        "ignored": list(reading.ignored),
        "rows": {"read": reading.rows_read, "used": len(sweep)},
        "dropped": [{"rows": count, "why": why} for count, why in reading.dropped],
        "counts": {name: len(sweep.values(name)) for name in COUNTED if name in sweep.columns},
        "replicates": _replicates(sweep),
        "laws": {law: _missing(law, sweep.columns) for law in LAWS},
        "warnings": _warnings(sweep),
        "notes": _notes(reading),
        "mapping": reading.mapping.to_toml(),
    }


def _notes(reading: Reading) -> list[str]:
    """What is said besides the rows dropped and the columns not used, which stand apart."""
    apart = {dropped_words(count, why) for count, why in reading.dropped}
    notes = (note for note in reading.sweep.notes if note not in apart)
    return [note for note in notes if not note.startswith(UNUSED)]


def _told(reading: Reading) -> list[str]:
    """The sweep's columns, and those of the file that became others: step, accuracy."""
    used = set(reading.columns) - set(reading.sweep.columns)
    return [*reading.sweep.columns, *sorted(used)]


def _column(name: str, sweep: Sweep, columns: Mapping[str, str]) -> dict[str, Any]:
    column = TARGETS[name]
    known = {
        "canonical": name,
        "column": columns.get(name),
        "unit": column.unit,
        "meaning": column.meaning,
    }
    if name not in sweep.columns:
        return known
    if column.kind == "text":
        names = sweep.values(name)
        more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
        return known | {"values": names[:MOST_NAMES] + more}
    values = sweep[name]
    return known | {"low": float(np.min(values)), "high": float(np.max(values))}


def _missing(law: str, present: tuple[str, ...]) -> list[str]:
    """The columns that a law needs and the table lacks."""
    return [name for name in LAWS[law].needed(present) if name not in present]


def _replicates(sweep: Sweep) -> dict[str, int]:
    """How many points were trained with several seeds, and how many seeds the largest has."""
    if "seed" not in sweep.columns:
        return {"points": 0, "most": 0}
    apart = ("run", "seed", "error", "error_se")
    keys = [name for name in sweep.columns if name not in apart]
    sizes = sweep.frame.groupby(keys)["seed"].nunique().to_numpy(int)
    return {"points": int((sizes > 1).sum()), "most": int(sizes.max())}


def _warnings(sweep: Sweep) -> list[str]:
    if len(sweep.values("metric")) > 1:
        return [f"several metrics: a law is fitted to one ({in_both(option(metric=None))})"]
    return []
