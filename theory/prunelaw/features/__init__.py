"""Exact theory of training on pruned data with structured features, any convex loss, label noise.

`FeatureModel` says what is known of a data set, `solve` gives the test error of a student trained
on what a keep rule leaves of it.
"""

from prunelaw.features.labels import LabelLaw, Smooth, Steps, logistic_labels
from prunelaw.features.losses import (
    LOSSES,
    HardMargin,
    Hinge,
    Logistic,
    Loss,
    Square,
    SquaredHinge,
)
from prunelaw.features.model import FeatureModel
from prunelaw.features.optimal import (
    BestKeep,
    BestRule,
    best_keep,
    best_penalty,
    optimal_rule,
)
from prunelaw.features.probes import TheoryProbe
from prunelaw.features.rules import ByLabel, Soft
from prunelaw.features.sensitivity import FeatureSlopes, influence, slopes
from prunelaw.features.several import OneVsRest, Softmax, solve_one_vs_rest, solve_softmax
from prunelaw.features.solver import STATUS, FeatureSolution, solve
from prunelaw.features.trained import student_laws, trained_probe

__all__ = [
    "LOSSES",
    "STATUS",
    "BestKeep",
    "BestRule",
    "ByLabel",
    "FeatureModel",
    "FeatureSlopes",
    "FeatureSolution",
    "HardMargin",
    "Hinge",
    "LabelLaw",
    "Logistic",
    "Loss",
    "OneVsRest",
    "Smooth",
    "Soft",
    "Softmax",
    "Square",
    "SquaredHinge",
    "Steps",
    "TheoryProbe",
    "best_keep",
    "best_penalty",
    "influence",
    "logistic_labels",
    "optimal_rule",
    "slopes",
    "solve",
    "solve_one_vs_rest",
    "solve_softmax",
    "student_laws",
    "trained_probe",
]
