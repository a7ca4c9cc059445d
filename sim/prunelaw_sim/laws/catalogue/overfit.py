"""Overfitting: L = E + A/N^α + B/D^β + c S(R, R*_P) (N/U)^q, a penalty of repeats."""

from prunelaw_sim.laws.data_constrained_model import RUN_COLUMNS
from prunelaw_sim.laws.registry import Law
from prunelaw_sim.laws.scaling import fit_data_constrained

LAW = Law(
    fit_data_constrained,
    RUN_COLUMNS,
    defaults={"repeats": False, "saturates": False, "penalty": "saturating"},
    compared={"overfit": {}},
)
