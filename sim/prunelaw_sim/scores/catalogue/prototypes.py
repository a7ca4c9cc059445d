"""Distance to prototypes in the last hidden layer of one classifier trained on the pool."""

import numpy as np

from prunelaw_sim.scores.base import ScoreInputs, ScoreResult
from prunelaw_sim.scores.clusters import Clustered


class SCORE(Clustered):
    """Far from all cluster centres in a classifier's last layer (softmax: in the inputs)."""

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        subsets = inputs.single
        embedding = inputs.train(subsets, "prototypes").features(inputs.pool_inputs)[0]
        cost = inputs.cost(subsets, subsets.size)
        what = f"the last hidden layer of one {inputs.model.name} trained on the pool"
        return self.scored(embedding.astype(np.float64), inputs, cost, what)
