"""EL2N, the length of the error vector early in training (Paul et al. 2021, arXiv 2107.07075).

    score_i = mean over models of |p(x_i) - onehot(y_i)|_2,     in [0, sqrt 2]

p are the class probabilities of models that trained on the pool for a tenth of the recipe (at least
one epoch).  The paper averages over ten models; Sorscher et al. 2022 compare one with twenty.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from prunelaw_sim.networks.recipes import Recipe
from prunelaw_sim.scores.base import Score, ScoreInputs, ScoreResult, probabilities

EARLY = 0.1  # of the recipe; the paper finds 10 to 20 of 200 epochs to be enough


class SCORE(Score):
    """A large error vector early in training."""

    counts, usual = "models", 1

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        recipe = early(inputs.recipe)
        subsets = np.repeat(inputs.single, self.number, axis=0)
        trained = inputs.train(subsets, "el2n", recipe=recipe)
        p = probabilities(trained.logits(inputs.pool_inputs))
        cost = inputs.cost(subsets, subsets.size, recipe)
        what = f"{self.number} {inputs.model.name} trained on the pool for a tenth of the recipe"
        return ScoreResult(error_lengths(p, inputs.pool_labels), cost, what)


def early(recipe: Recipe) -> Recipe:
    """The first tenth of a recipe, at least one epoch or step."""
    if recipe.steps is not None:
        return replace(recipe, steps=max(1, round(EARLY * recipe.steps)))
    return replace(recipe, epochs=max(1, round(EARLY * (recipe.epochs or 1))))


def error_lengths(
    p: Float[np.ndarray, "models P classes"], labels: Int[np.ndarray, " P"]
) -> Float[np.ndarray, " P"]:
    """mean over models of |p - onehot(label)|_2."""
    onehot = np.eye(p.shape[2])[labels]
    return np.linalg.norm(p - onehot, axis=2).mean(axis=0)
