"""No decay: y = (a n/1e5)^b + d, a repeat is worth a fresh sample."""

from prunelaw_sim.laws.registry import Law
from prunelaw_sim.laws.utility import COLUMNS, fit_utility

LAW = Law(
    fit_utility,
    COLUMNS,
    fixed={"law": "no-decay", "stretch": 1.0},
    compared={"no-decay": {}},
    point=COLUMNS,
)
