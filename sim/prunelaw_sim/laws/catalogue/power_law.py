"""A power law in compute: y = k C^s."""

from prunelaw_sim.laws.registry import Law
from prunelaw_sim.laws.scaling import fit_power_law

LAW = Law(
    fit_power_law,
    ("compute",),
    instead=("parameters", "samples_seen"),
    fixed={"floor": False},
    compared={"power-law": {}},
)
