"""Both theories derived by SymPy, step by step.

Sources: Sorscher et al. 2022 (arXiv 2206.14486, appendix A) for the perceptron; Goyal et al. 2024
(arXiv 2404.07177) for utility decay.
"""

from prunelaw.derivations.decay import infinite_passes, mixing_rule, utility_law
from prunelaw.derivations.perceptron import (
    all_derivations,
    imperfect_probe,
    perfect_probe,
    smoothed_hinge,
)
from prunelaw.derivations.steps import Derivation, Step

__all__ = [
    "Derivation",
    "Step",
    "all_derivations",
    "imperfect_probe",
    "infinite_passes",
    "mixing_rule",
    "perfect_probe",
    "smoothed_hinge",
    "utility_law",
]
