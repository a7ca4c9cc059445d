from .advice.advise import Advice, advise
from .features.predict import Prediction, predict
from .fits.fit import Fit
from .laws.comparison import LawComparison, compare_laws
from .laws.pruning import PruningFit
from .laws.registry import LAWS, fit
from .laws.scaling import ScalingFit
from .laws.utility import UtilityFit
from .pools.plan import plan
from .readers import read
from .simulation.expectations import Comparison, compare
from .simulation.precision import simulate_until
from .simulation.trials import Simulation, simulate
from .students.hard_margin import MaxMargin, NotSeparableError, max_margin
from .sweeps.real import RealDesign
from .sweeps.runner import SweepRun, run_sweep
from .sweeps.simulated import Design
from .sweeps.store import Store
from .tables.sweep import Sweep

__all__ = [
    "LAWS",
    "Advice",
    "Comparison",
    "Design",
    "Fit",
    "LawComparison",
    "MaxMargin",
    "NotSeparableError",
    "Prediction",
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
    "plan",
    "predict",
    "read",
    "run_sweep",
    "simulate",
    "simulate_until",
]
