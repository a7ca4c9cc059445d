"""Cells of a real sweep: a rule and a fraction at one point, their names and counts.

Before `quantiles:` was a spelling, designs called it `band:`, and halves were rounded to even.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunelaw.keep import Quantiles
from prunelaw_sim.common.kept_examples import of_ranks, read_old_band, rounded_count
from prunelaw_sim.common.text_forms import number_text

Cell = tuple[float, str]


def kept_count(point: Mapping[str, Any], f: float) -> int:
    """Examples kept of the pool of a point: f P, halves up, or to even where the point says so."""
    size = point["size"]
    return round(f * size) if point.get("halves") == "even" else rounded_count(f, size)


def cell_name(what: str, cell: Cell | list) -> str:
    """The stored column of one cell: `error hard 0.2`."""
    f, rule = cell
    return f"{what} {rule} {number_text(f)}"


def upgraded(point: Mapping[str, Any]) -> dict[str, Any]:
    """A point of an older design in today's words; `halves` is "even" where that tells apart."""
    cells = [[f, read_old_band(rule)] for f, rule in point["cells"]]
    moved = any(_rounds_apart(share, point["size"]) for cell in cells for share in _shares(*cell))
    return {**point, "cells": cells, **({"halves": "even"} if moved else {})}


def _shares(f: float, rule: str) -> list[float]:
    """All fractions of the pool that a cell rounds: the one kept, and the edges of its band."""
    found = of_ranks(rule)
    if isinstance(found, Quantiles) and found.high is not None:
        return [f, found.low, found.high]
    return [f]


def _rounds_apart(share: float, size: int) -> bool:
    return round(share * size) != rounded_count(share, size)
