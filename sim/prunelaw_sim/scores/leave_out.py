"""Which models leave out which examples: balanced, so that every example is seen and left out.

Independent random subsets would leave some examples in all of a few dozen models.  Here the models
come in rounds; in a round the pool is put on a circle in random order, and model k leaves out the
arc that begins k/round of the way around.
"""

import numpy as np
from jaxtyping import Bool, Int

from prunelaw.errors import InputError


def training_masks(
    models: int, count: int, kept: int, round_of: int, rng: np.random.Generator
) -> Bool[np.ndarray, "models count"]:
    """True where model k trains on example i: `kept` of `count` examples in every row.

    With a round or more of models every example is left out by round_of (1 - kept/count) models of
    each round, up to one; so by one or more if an arc is at least 1/round_of of the circle.

    **Raises:** `InputError` for fewer models than a round, and arcs that leave gaps.
    """
    if models < round_of:
        raise InputError(f"models must be {round_of} or more, to leave out all, got {models}")
    arc = count - kept
    if not 0 < kept < count or arc * round_of < count:
        raise InputError(f"a pool of {count} is too small to leave parts of it out")
    masks = np.ones((models, count), dtype=bool)
    for first in range(0, models, round_of):
        circle = rng.permutation(count)
        for k in range(first, min(first + round_of, models)):
            start = (k - first) * count // round_of
            masks[k, circle[(start + np.arange(arc)) % count]] = False
    return masks


def kept_rows(
    masks: Bool[np.ndarray, "models count"], pool: Int[np.ndarray, " count"]
) -> Int[np.ndarray, "models kept"]:
    """The examples that each model trains on, as subsets for `train_models`."""
    return np.stack([pool[mask] for mask in masks])
