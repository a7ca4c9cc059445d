"""Memorization: is an example got right only by models that trained on it?  See `leave_out`."""

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.scores.base import ScoreInputs, ScoreResult
from prunelaw_sim.scores.leave_out import LeaveOut


class SCORE(LeaveOut):
    """Right only if trained on it."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        masks, correct, cost, what = self.trained(inputs, inputs.pool, "the pool itself")
        return ScoreResult(memorization(masks, correct), cost, what)


def memorization(
    trained_on: Bool[np.ndarray, "models P"], correct: Bool[np.ndarray, "models P"]
) -> Float[np.ndarray, " P"]:
    """P(right | trained on it) - P(right | not); every example needs models of both kinds."""
    inside = (trained_on & correct).sum(axis=0) / trained_on.sum(axis=0)
    return inside - (~trained_on & correct).sum(axis=0) / (~trained_on).sum(axis=0)
