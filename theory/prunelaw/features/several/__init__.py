"""Several classes: students one against the rest, trained on the same kept examples."""

from prunelaw.features.several.keeping import SCORES
from prunelaw.features.several.largest import largest_chances
from prunelaw.features.several.softmax import Softmax, solve_softmax
from prunelaw.features.several.students import ONE_VS_REST_STATUS, OneVsRest, solve_one_vs_rest

__all__ = [
    "ONE_VS_REST_STATUS",
    "SCORES",
    "OneVsRest",
    "Softmax",
    "largest_chances",
    "solve_one_vs_rest",
    "solve_softmax",
]
