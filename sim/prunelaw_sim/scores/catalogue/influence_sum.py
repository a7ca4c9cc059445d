"""The sum of influences of an example, without signs, on all outside the pool.  See `leave_out`."""

import numpy as np

from prunelaw_sim.scores.base import ScoreInputs, ScoreResult
from prunelaw_sim.scores.leave_out import LeaveOut


class SCORE(LeaveOut):
    """Moves the correctness of many others."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        table, cost, what = self.influences(inputs)
        return ScoreResult(np.abs(table).sum(axis=1), cost, what)
