"""An ensemble whose members train on one half of the pool and are judged on the other.

Small models soon get all examples right that they train on, and sure of them, so that agreement
and uncertainty say little there.  Members come in pairs with complementary halves.
"""

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.scores.base import Score, ScoreInputs
from prunelaw_sim.scores.leave_out import kept_rows, training_masks


class JudgedByHalves(Score):
    """A score of an ensemble, half of which judge any one example."""

    counts, usual, least = "models", 10, 2

    def judged(
        self, inputs: ScoreInputs
    ) -> tuple[Bool[np.ndarray, "models P"], Float[np.ndarray, "models P classes"], float, str]:
        """Who judges whom (has not trained on it), all logits, the cost, and all in a line."""
        count = len(inputs.pool)
        masks = training_masks(self.number, count, count // 2, 2, inputs.rng("halves"))
        subsets = kept_rows(masks, inputs.pool)
        logits = inputs.train(subsets, "halves").logits(inputs.pool_inputs)
        what = (
            f"{self.number} {inputs.model.name} trained on half of the pool, judged on the other "
            "half"
        )
        return ~masks, logits, inputs.cost(subsets, int((~masks).sum())), what
