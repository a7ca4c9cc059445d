"""An ensemble whose members train on one half of the pool and are judged on the other.

Small models soon get all examples right that they train on, and sure of them, so that agreement
and uncertainty say little there.  Members come in pairs with complementary halves.
"""

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.scores.base import FORWARD, ScoreInputs, samples_in_training
from prunelaw_sim.scores.leave_out import kept_rows, training_masks

MODELS = 10


def judged_by_halves(
    models: int, inputs: ScoreInputs
) -> tuple[Bool[np.ndarray, "models P"], Float[np.ndarray, "models P classes"], float]:
    """Who judges whom (has not trained on it), the logits of all members, and the cost."""
    count = len(inputs.pool)
    masks = training_masks(models, count, count // 2, 2, inputs.rng("halves"))
    subsets = kept_rows(masks, inputs.pool)
    logits = inputs.train(subsets, "halves").logits(inputs.pool_inputs)
    judged = FORWARD * float((~masks).sum())
    return ~masks, logits, samples_in_training(inputs.recipe, subsets) + judged


def described(models: int | float, inputs: ScoreInputs) -> str:
    """The ensemble in a line."""
    return f"{models} {inputs.model.name} trained on half of the pool, judged on the other half"
