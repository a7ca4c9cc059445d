"""Utility decay: y = (a n_1/1e5)^b e^(bG) + d, every pool with its own b and half-life τ."""

from prunelaw_sim.laws.registry import Law
from prunelaw_sim.laws.utility import COLUMNS, fit_utility

LAW = Law(
    fit_utility,
    COLUMNS,
    fixed={"law": "utility"},
    compared={
        "utility": {},
        "utility, official code": {"convention": "official_code"},
        "utility, stretch 0": {"stretch": 0.0},
        "utility, stretch fitted": {"stretch": None},
    },
    point=COLUMNS,
    rival="no-decay",
)
