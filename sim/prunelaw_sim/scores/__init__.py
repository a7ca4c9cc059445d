"""Per-example scores: how difficult is each example of a pool?

    compute_score("el2n:20", inputs)    values (high = hard), cost in samples seen, provenance

`catalogue` holds a module a score: the metrics that Sorscher et al. 2022 (arXiv 2206.14486) compare
on ImageNet, with small models on small data, and the theory's own, the margin of a probe.
"""

from importlib import import_module
from typing import Any

from prunelaw_sim.common.text_forms import read_choice
from prunelaw_sim.scores import catalogue
from prunelaw_sim.scores.base import Score, ScoreInputs, ScoreResult
from prunelaw_sim.scores.files import Scores

__all__ = ["Score", "ScoreInputs", "ScoreResult", "as_score", "as_scores", "compute_score"]


def as_score(score: Any, argument: str = "score") -> Score:
    """A score from its object or its text, "el2n" or "el2n:20"; `InputError` for anything else."""
    if isinstance(score, Score):
        return score
    known, name = catalogue.names(), str(score).partition(":")[0]
    grammar = f"one of {', '.join(known)}, most with a number if wanted, as el2n:20"
    makers = {name: score_class(name)} if name in known else {}
    return read_choice(argument, score, makers, grammar)


def score_class(name: str) -> type[Score]:
    """The class of a score of the catalogue."""
    return import_module(f"{catalogue.__name__}.{name.replace('-', '_')}").SCORE


def compute_score(name: str | Score, inputs: ScoreInputs) -> ScoreResult:
    """The score of every example of the pool, high = hard; what it cost.

    Raises:
        InputError: for an unknown name, and inputs that the score cannot use.
        ConvergenceError: if a training diverged.
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
