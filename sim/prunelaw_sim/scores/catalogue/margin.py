"""The margin of a probe trained outside the pool: the score of the pruning theory.

    score_i = -(largest logit - second largest logit)

With two classes that is -|z|, z the probe's field (Sorscher et al. 2022, section 2), up to the
scale of the logits.  The label of the example is not used.
"""

import numpy as np
from jaxtyping import Float

from prunelaw.errors import InputError
from prunelaw_sim.scores.base import Score, ScoreInputs, ScoreResult


class SCORE(Score):
    """Near the border of a probe trained outside the pool, whose error is reported."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        if not len(inputs.outside):
            raise InputError(
                "score margin trains its probe on examples outside the pool: outside must hold one "
                "or more, got none"
            )
        subsets = inputs.outside[np.newaxis]
        logits = inputs.train(subsets, "margin").logits(inputs.pool_inputs)[0]
        wrong = logits.argmax(axis=1) != inputs.pool_labels
        cost = inputs.cost(subsets, len(inputs.pool))
        what = f"probe {inputs.model.name} trained on {len(inputs.outside)} examples outside"
        return ScoreResult(-margins(logits), cost, what, probe_error=float(wrong.mean()))


def margins(logits: Float[np.ndarray, "P classes"]) -> Float[np.ndarray, " P"]:
    """Largest logit less the second largest, at least 0."""
    two = np.partition(logits.astype(np.float64), -2, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]
