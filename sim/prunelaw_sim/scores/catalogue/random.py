"""A random order of the pool: what every other score has to beat."""

from prunelaw_sim.scores.base import Score, ScoreInputs, ScoreResult


class SCORE(Score):
    """A random number; free."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        values = inputs.rng("random").random(len(inputs.pool))
        return ScoreResult(values, 0.0, "uniform random numbers")
