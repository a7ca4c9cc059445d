"""Chinchilla: L = E + A/N^α + B/D^β, N parameters, D samples seen (Hoffmann et al. 2022)."""

from prunelaw_sim.laws.registry import Law
from prunelaw_sim.laws.scaling import fit_chinchilla

LAW = Law(
    fit_chinchilla,
    ("parameters", "samples_seen"),
    instead=("compute", "parameters"),
    compared={"chinchilla": {}},
)
