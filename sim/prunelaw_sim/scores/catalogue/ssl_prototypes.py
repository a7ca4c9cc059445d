"""Distance to prototypes in an embedding learned without labels (`embedding`)."""

import numpy as np

from prunelaw_sim.scores.base import FORWARD, ScoreInputs, ScoreResult
from prunelaw_sim.scores.clusters import Clustered
from prunelaw_sim.scores.embedding import EMBEDDING, embed


class SCORE(Clustered):
    """Far from all cluster centres in an embedding learned without labels."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        numbers = np.concatenate([inputs.pool, inputs.outside])
        seen = inputs.dataset.inputs[numbers].reshape(len(numbers), -1)
        embedding, samples = embed(seen, inputs.rng("embedding"))
        cost = samples + FORWARD * len(inputs.pool)
        return self.scored(embedding[: len(inputs.pool)], inputs, cost, EMBEDDING)
