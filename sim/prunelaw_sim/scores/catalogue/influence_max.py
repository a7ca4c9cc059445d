"""The largest influence of an example on any one outside the pool.  See `leave_out`."""

from prunelaw_sim.scores.base import ScoreInputs, ScoreResult
from prunelaw_sim.scores.leave_out import LeaveOut


class SCORE(LeaveOut):
    """Moves one other example's correctness most."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        table, cost, what = self.influences(inputs)
        return ScoreResult(table.max(axis=1), cost, what)
