"""Effective data: utility decay whose repeats count as fewer samples."""

from prunelaw_sim.laws.registry import Law
from prunelaw_sim.laws.utility import COLUMNS, fit_utility

LAW = Law(
    fit_utility,
    COLUMNS,
    fixed={"law": "effective-data"},
    compared={"effective-data": {}},
    point=COLUMNS,
    rival="no-decay",
)
