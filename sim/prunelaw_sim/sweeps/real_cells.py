"""Cells of a real sweep: a rule and a fraction at one point, their names and counts."""

from __future__ import annotations

from prunelaw_sim.common.text_forms import number_text

Cell = tuple[float, str]


def kept_count(f: float, size: int) -> int:
    """Examples kept, f P rounded."""
    return round(f * size)


def cell_name(what: str, cell: Cell | list) -> str:
    """The stored column of one cell: `error hard 0.2`."""
    f, rule = cell
    return f"{what} {rule} {number_text(f)}"
