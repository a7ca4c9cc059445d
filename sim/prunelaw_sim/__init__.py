"""Measured errors: simulated perceptrons, real sweeps, and fits of the theories to them.

    simulate        train certified students on pruned data and measure their errors
    simulate_until  as many of them as a wanted standard error takes
    compare         a simulation beside the theory, and where it leaves the theory's setting
    run_sweep       a Design of many points into a store that survives a kill, on any executor;
                    a RealDesign trains models on data that ship in packages, or on your own
    max_margin      the student of any matrix of examples, with its duality gap
    read            a file or folder of training runs as a `Sweep`
    fit             hold a law against a Sweep
    compare_laws    laws side by side on a Sweep, judged by the largest budgets
    advise          in one call: which law fits, what to keep, what to expect, what to train next

The names are loaded when first used: JAX and pandas take seconds that a caller may not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunelaw_sim.advice import Advice, advise
    from prunelaw_sim.design import Design
    from prunelaw_sim.expectations import Comparison, compare
    from prunelaw_sim.fit_pruning import PruningFit
    from prunelaw_sim.fit_scaling import ScalingFit
    from prunelaw_sim.fit_utility import UtilityFit
    from prunelaw_sim.fits import Fit
    from prunelaw_sim.law_comparison import LawComparison, compare_laws
    from prunelaw_sim.laws import LAWS, fit
    from prunelaw_sim.precision import simulate_until
    from prunelaw_sim.readers import read
    from prunelaw_sim.real_design import RealDesign
    from prunelaw_sim.runner import SweepRun, run_sweep
    from prunelaw_sim.store import Store
    from prunelaw_sim.students import MaxMargin, NotSeparableError, max_margin
    from prunelaw_sim.sweep import Sweep
    from prunelaw_sim.trials import Simulation, simulate

__all__ = [
    "LAWS",
    "Advice",
    "Comparison",
    "Design",
    "Fit",
    "LawComparison",
    "MaxMargin",
    "NotSeparableError",
    "PruningFit",
    "RealDesign",
    "ScalingFit",
    "Simulation",
    "Store",
    "Sweep",
    "SweepRun",
    "UtilityFit",
    "advise",
    "compare",
    "compare_laws",
    "fit",
    "max_margin",
    "read",
    "run_sweep",
    "simulate",
    "simulate_until",
]

_HOMES = {
    "advice": ("Advice", "advise"),
    "design": ("Design",),
    "expectations": ("Comparison", "compare"),
    "fit_pruning": ("PruningFit",),
    "fit_scaling": ("ScalingFit",),
    "fit_utility": ("UtilityFit",),
    "fits": ("Fit",),
    "law_comparison": ("LawComparison", "compare_laws"),
    "laws": ("LAWS", "fit"),
    "students": ("MaxMargin", "NotSeparableError", "max_margin"),
    "precision": ("simulate_until",),
    "readers": ("read",),
    "real_design": ("RealDesign",),
    "runner": ("SweepRun", "run_sweep"),
    "store": ("Store",),
    "sweep": ("Sweep",),
    "trials": ("Simulation", "simulate"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"prunelaw_sim.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
