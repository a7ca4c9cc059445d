"""Memorization and influence by subsampled leave-out (Feldman & Zhang 2020, arXiv 2008.03703).

Many models, each trained on 70 % of the pool.  With C_kj = 1 if model k gets example j right,

    infl(i, j) = mean of C_kj over the k that trained on i - mean over those that did not
    memorization_i  = infl(i, i)                    right only if trained on it: in [-1, 1]
    influence-max_i = max over j of infl(i, j)      j: the examples outside the pool
    influence-sum_i = sum over j of |infl(i, j)|

The noise of a mean over n models is about sqrt(p (1 - p) / n), p the probability to be right.  That
is small against memorization, which is large for hard examples, but not against influence on
others, of which the maximum picks the largest noise and the sum adds all of it up: on the digits
influence scores of two seeds have nothing in common with 200 models, and little with 1000
(docs/scores.md).

Which models leave out which examples is balanced: independent random subsets would leave some
examples in all of a few dozen models.  Here the models come in rounds; in a round the pool is put
on a circle in random order, and model k leaves out the arc that begins k/round of the way around.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.errors import InputError
from prunelaw_sim.scores.base import Score, ScoreInputs

KEPT = 0.7  # of the pool, as in the paper's experiments on ImageNet and CIFAR-100
ROUND = 10  # models, three of which leave an example out


class LeaveOut(Score):
    """The three scores share their models: they train the same ones for the same seed."""

    counts, usual, least = "models", 40, ROUND

    def trained(
        self, inputs: ScoreInputs, judged: Int[np.ndarray, " judged"], named: str
    ) -> tuple[Bool[np.ndarray, "models P"], Bool[np.ndarray, "models judged"], float, str]:
        """Who trained on what, who gets which of the judged right, the cost, and all in a line."""
        count = len(inputs.pool)
        rng = inputs.rng("memorization")
        masks = training_masks(self.number, count, round(KEPT * count), ROUND, rng)
        subsets = kept_rows(masks, inputs.pool)
        trained = inputs.train(subsets, "memorization")
        right = trained.logits(inputs.dataset.inputs[judged]).argmax(axis=2)
        what = (
            f"{self.number} {inputs.model.name} trained on {KEPT:.0%} of the pool each, "
            f"judged on {named}"
        )
        return masks, right == inputs.dataset.labels[judged], inputs.cost(subsets, right.size), what

    def influences(self, inputs: ScoreInputs) -> tuple[Float[np.ndarray, "P others"], float, str]:
        """On the examples outside the pool, with the cost and what was done."""
        if not len(inputs.outside):
            raise InputError(
                "influence is measured on the examples outside the pool: outside must hold one or "
                "more, got none"
            )
        named = f"{len(inputs.outside)} examples outside"
        masks, correct, cost, what = self.trained(inputs, inputs.outside, named)
        return influence(masks, correct), cost, what


def influence(
    trained_on: Bool[np.ndarray, "models P"], correct: Bool[np.ndarray, "models others"]
) -> Float[np.ndarray, "P others"]:
    """P(j right | trained on i) - P(j right | not), for all i and j."""
    inside, right = trained_on.T.astype(np.float64), correct.astype(np.float64)
    outside = 1.0 - inside
    means = (inside @ right) / inside.sum(axis=1, keepdims=True)
    return means - (outside @ right) / outside.sum(axis=1, keepdims=True)


def training_masks(
    models: int, count: int, kept: int, round_of: int, rng: np.random.Generator
) -> Bool[np.ndarray, "models count"]:
    """True where model k trains on example i: `kept` of `count` examples in every row.

    With a round or more of models every example is left out by round_of (1 - kept/count) models of
    each round, up to one; so by one or more if an arc is at least 1/round_of of the circle.

    Raises:
        InputError: for fewer models than a round, and arcs that leave gaps.
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
