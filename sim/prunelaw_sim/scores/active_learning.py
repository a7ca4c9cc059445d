"""Ensemble active learning: the uncertainty of an ensemble, labels unseen (Chitta et al. 2019).

    score_i = -sum over classes c of p_c log p_c,   p the mean prediction of the ensemble,   nats

(arXiv 1905.12737: one round of their acquisition, by predictive entropy.)  The label of an example
is not used, and members judge the half of the pool that they did not train on.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.scores.base import (
    ScoreInputs,
    ScoreResult,
    named,
    probabilities,
    whole_number,
)
from prunelaw_sim.scores.halves import MODELS, described, judged_by_halves


@dataclass(frozen=True)
class ActiveLearning:
    """Entropy of the mean prediction of `models`, half of which judge any one example."""

    models: int | float = MODELS

    def __post_init__(self) -> None:
        models = whole_number("models of active-learning", self.models, 2)
        object.__setattr__(self, "models", models)

    @property
    def name(self) -> str:
        return named("active-learning", int(self.models), MODELS)

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        judges, logits, cost = judged_by_halves(int(self.models), inputs)
        values = mean_prediction_entropy(probabilities(logits), judges)
        return ScoreResult(values, cost, described(self.models, inputs))


def mean_prediction_entropy(
    p: Float[np.ndarray, "models P classes"], judges: Bool[np.ndarray, "models P"]
) -> Float[np.ndarray, " P"]:
    """Entropy, in nats, of the mean over an example's judges of their class probabilities."""
    mean = np.einsum("mpc,mp->pc", p, judges / judges.sum(axis=0))
    return -np.sum(mean * np.log(mean, where=mean > 0, out=np.zeros_like(mean)), axis=1)
