"""Forgetting events: how often an example was right and then wrong (Toneva et al. 2019).

    score_i = number of epochs after which x_i is wrong, having been right an epoch before

(arXiv 1812.05159; there an example is looked at whenever it is in a batch, here at the end of each
epoch.)  An example that is never right is not forgotten, but is the hardest: it gets the number of
epochs, more than any other can have.  Few values, many ties; several models break some.
"""

import numpy as np
from jaxtyping import Bool, Float

from prunelaw.errors import InputError
from prunelaw_sim.scores.base import Score, ScoreInputs, ScoreResult


class SCORE(Score):
    """Often learned and forgotten."""

    counts, usual = "models", 1

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        epochs = inputs.recipe.epochs_in_all(len(inputs.pool))
        if epochs < 2:
            raise InputError("score forgetting needs a recipe of 2 epochs or more, got 1")
        subsets = np.repeat(inputs.single, self.number, axis=0)
        correct = inputs.train(subsets, "forgetting", trace=inputs.pool).correct
        assert correct is not None  # since a trace was asked for
        cost = inputs.cost(subsets, correct.size)
        what = f"{self.number} {inputs.model.name} trained on the pool, {epochs} epochs looked at"
        return ScoreResult(forgetting_events(correct), cost, what)


def forgetting_events(correct: Bool[np.ndarray, "runs epochs P"]) -> Float[np.ndarray, " P"]:
    """Mean over runs of the number of right-to-wrong steps; all epochs if never right."""
    forgotten = (correct[:, :-1] & ~correct[:, 1:]).sum(axis=1)
    learned = correct.any(axis=1)
    return np.where(learned, forgotten, correct.shape[1]).mean(axis=0)
