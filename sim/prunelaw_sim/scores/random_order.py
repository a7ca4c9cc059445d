"""A random order of the pool: what every other score has to beat."""

from dataclasses import dataclass

from prunelaw_sim.scores.base import ScoreInputs, ScoreResult


@dataclass(frozen=True)
class RandomOrder:
    """Independent uniform numbers in [0, 1); free."""

    @property
    def name(self) -> str:
        return "random"

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        values = inputs.rng(self.name).random(len(inputs.pool))
        return ScoreResult(values, 0.0, "uniform random numbers")
