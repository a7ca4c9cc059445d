"""The pruning theory: error = floor + scale · ε(P/N_eff, f, θ_eff; rule)."""

from prunelaw_sim.laws.pruning import POINT, fit_pruning
from prunelaw_sim.laws.registry import Law

LAW = Law(fit_pruning, POINT, point=POINT, budget="dataset_size", averages=True)
