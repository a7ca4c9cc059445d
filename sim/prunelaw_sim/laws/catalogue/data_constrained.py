"""Data-constrained: L = E + A/N_eff^α + B/D_eff^β, repeats of data and excess parameters decay."""

from prunelaw_sim.laws.data_constrained_model import RUN_COLUMNS
from prunelaw_sim.laws.registry import Law
from prunelaw_sim.laws.scaling import fit_data_constrained

LAW = Law(
    fit_data_constrained, RUN_COLUMNS, fixed={"penalty": "none"}, compared={"data-constrained": {}}
)
