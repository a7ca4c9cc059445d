"""DDD, dichotomous data difficulty: do all models agree on an example (Meding et al. 2022)?

    score_i = fraction of models that get x_i wrong

(arXiv 2110.05922: nearly all of ImageNet is got right by all models or wrong by all.)  Models are
judged on the half of the pool that they did not train on.  Few values, many ties.
"""

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.scores.base import ScoreInputs, ScoreResult
from prunelaw_sim.scores.halves import JudgedByHalves


class SCORE(JudgedByHalves):
    """Got wrong by models that did not train on it."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        judges, logits, cost, what = self.judged(inputs)
        wrong = logits.argmax(axis=2) != inputs.pool_labels
        return ScoreResult(fraction_wrong(wrong, judges), cost, what)


def fraction_wrong(
    wrong: Bool[np.ndarray, "models P"], judges: Bool[np.ndarray, "models P"]
) -> Float[np.ndarray, " P"]:
    """Fraction of an example's judges that get it wrong."""
    return (wrong & judges).sum(axis=0) / judges.sum(axis=0)
