"""Ensemble active learning: the uncertainty of an ensemble, labels unseen (Chitta et al. 2019).

    score_i = -sum over classes c of p_c log p_c,   p the mean prediction of the ensemble,   nats

(arXiv 1905.12737: one round of their acquisition, by predictive entropy.)  The label of an example
is not used, and members judge the half of the pool that they did not train on.
"""

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.scores.base import ScoreInputs, ScoreResult, probabilities
from prunelaw_sim.scores.halves import JudgedByHalves


class SCORE(JudgedByHalves):
    """Uncertain to models that did not train on it; its label is not used."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        judges, logits, cost, what = self.judged(inputs)
        return ScoreResult(mean_prediction_entropy(probabilities(logits), judges), cost, what)


def mean_prediction_entropy(
    p: Float[np.ndarray, "models P classes"], judges: Bool[np.ndarray, "models P"]
) -> Float[np.ndarray, " P"]:
    """Entropy, in nats, of the mean over an example's judges of their class probabilities."""
    mean = np.einsum("mpc,mp->pc", p, judges / judges.sum(axis=0))
    return -np.sum(mean * np.log(mean, where=mean > 0, out=np.zeros_like(mean)), axis=1)
