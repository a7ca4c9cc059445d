"""Per-example scores: how difficult is each example of a pool?  One module a family.

    compute_score("el2n:20", inputs)    values (high = hard), cost in samples seen, provenance

| name             | high (hard) is                                            | number (usual)
|------------------|-----------------------------------------------------------|----------------
| random           | a random order                                            |
| margin           | near the border of a probe trained outside the pool       | models (1)
| el2n             | a large error vector early in training                    | models (1)
| forgetting       | often learned and forgotten                               | models (1)
| memorization     | right only if trained on it                               | models (40)
| influence-max    | moves one other example's correctness most                | models (40)
| influence-sum    | moves those of many                                       | models (40)
| ddd              | got wrong by models that did not train on it              | models (10)
| active-learning  | uncertain to them; its label is not used                  | models (10)
| prototypes       | far from all cluster centres in a classifier's last layer | clusters (classes)
| ssl-prototypes   | the same in an embedding learned without labels           | clusters (classes)

These are the metrics that Sorscher et al. 2022 (arXiv 2206.14486) compare on ImageNet, with small
models on small data, and the theory's own: the margin of a probe.
"""

from typing import Any

from prunelaw_sim.common.text_forms import read_choice
from prunelaw_sim.scores.active_learning import ActiveLearning
from prunelaw_sim.scores.agreement import Ddd
from prunelaw_sim.scores.base import Score, ScoreInputs, ScoreResult
from prunelaw_sim.scores.el2n import El2n
from prunelaw_sim.scores.files import Scores
from prunelaw_sim.scores.forgetting import Forgetting
from prunelaw_sim.scores.memorization import InfluenceMax, InfluenceSum, Memorization
from prunelaw_sim.scores.probe_margin import Margin
from prunelaw_sim.scores.prototypes import Prototypes, SslPrototypes
from prunelaw_sim.scores.random_order import RandomOrder

__all__ = [
    "SCORES",
    "Score",
    "ScoreInputs",
    "ScoreResult",
    "as_score",
    "as_scores",
    "compute_score",
]

_MAKERS = {
    "random": RandomOrder,
    "margin": Margin,
    "el2n": El2n,
    "forgetting": Forgetting,
    "memorization": Memorization,
    "influence-max": InfluenceMax,
    "influence-sum": InfluenceSum,
    "ddd": Ddd,
    "active-learning": ActiveLearning,
    "prototypes": Prototypes,
    "ssl-prototypes": SslPrototypes,
}
SCORES = (*list(_MAKERS)[:3], "el2n:20", *list(_MAKERS)[3:])
GRAMMAR = f"one of {', '.join(_MAKERS)}, all but random with a number if wanted, as el2n:20"


def as_score(score: Any, argument: str = "score") -> Score:
    """A score from its object or its text; `InputError` for anything else."""
    if isinstance(score, Score):
        return score
    return read_choice(argument, score, _MAKERS, GRAMMAR)


def compute_score(name: str | Score, inputs: ScoreInputs) -> ScoreResult:
    """The score of every example of the pool, high = hard; what it cost.

    **Raises:** `InputError` for an unknown name, inputs that the family cannot use, and training
    that diverged.
    """
    return as_score(name).compute(inputs)


def as_scores(name: str | Score, inputs: ScoreInputs, result: ScoreResult) -> Scores:
    """A score that was computed here, with its provenance; ids are numbers of `inputs.dataset`."""
    provenance = {
        "score": as_score(name).name,
        "dataset": inputs.dataset.name,
        "digest": inputs.dataset.digest,
        "model": inputs.model.name,
        "recipe": inputs.recipe.name,
        "seed": str(inputs.seed),
        "cost_samples": f"{result.cost_samples:.12g}",
        "what": result.provenance,
    }
    if result.probe_error is not None:
        provenance["probe_error"] = f"{result.probe_error:.12g}"
    ids = tuple(map(str, inputs.pool.tolist()))
    return Scores(result.values, ids, inputs.dataset.name, "hard", provenance)
