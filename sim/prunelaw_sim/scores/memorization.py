"""Memorization and influence by subsampled leave-out (Feldman & Zhang 2020, arXiv 2008.03703).

Many models, each trained on 70 % of the pool.  With C_kj = 1 if model k gets example j right,

    infl(i, j) = mean of C_kj over the k that trained on i - mean over those that did not
    memorization_i  = infl(i, i)                    right only if trained on it: in [-1, 1]
    influence-max_i = max over j of infl(i, j)      j: the examples outside the pool
    influence-sum_i = sum over j of |infl(i, j)|

The noise of a mean over n models is about sqrt(p (1 - p) / n), p the probability to be right.  That
is small against memorization, which is large for hard examples, but not against influence on
others, of which the maximum picks the largest noise and the sum adds all of it up: on the digits
influence scores of two seeds have nothing in common with 200 models, and little with 1000
(docs/scores.md).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.errors import InputError
from prunelaw_sim.scores.base import (
    FORWARD,
    ScoreInputs,
    ScoreResult,
    named,
    samples_in_training,
    whole_number,
)
from prunelaw_sim.scores.leave_out import kept_rows, training_masks

KEPT = 0.7  # of the pool, as in the paper's experiments on ImageNet and CIFAR-100
ROUND = 10  # models, three of which leave an example out
MODELS = 40


@dataclass(frozen=True)
class _LeaveOut:
    """The three scores share their models: they train the same ones for the same seed."""

    models: int | float = MODELS

    def __post_init__(self) -> None:
        models = whole_number("models of memorization and influence", self.models, ROUND)
        object.__setattr__(self, "models", models)

    def _trained(
        self, inputs: ScoreInputs, judged: Int[np.ndarray, " judged"]
    ) -> tuple[Bool[np.ndarray, "models P"], Bool[np.ndarray, "models judged"], float]:
        """Who trained on what, who gets which of the judged examples right, and the cost."""
        count = len(inputs.pool)
        rng = inputs.rng("memorization")
        masks = training_masks(int(self.models), count, round(KEPT * count), ROUND, rng)
        subsets = kept_rows(masks, inputs.pool)
        trained = inputs.train(subsets, "memorization")
        right = trained.logits(inputs.dataset.inputs[judged]).argmax(axis=2)
        cost = samples_in_training(inputs.recipe, subsets) + FORWARD * right.size
        return masks, right == inputs.dataset.labels[judged], cost

    def _provenance(self, inputs: ScoreInputs, judged: str) -> str:
        return (
            f"{self.models} {inputs.model.name} trained on {KEPT:.0%} of the pool each, "
            f"judged on {judged}"
        )

    def _influence(self, inputs: ScoreInputs) -> tuple[Float[np.ndarray, "P others"], float, str]:
        if not len(inputs.outside):
            raise InputError(
                "influence is measured on the examples outside the pool: outside must hold one or "
                "more, got none"
            )
        masks, correct, cost = self._trained(inputs, inputs.outside)
        what = self._provenance(inputs, f"{len(inputs.outside)} examples outside")
        return influence(masks, correct), cost, what


class Memorization(_LeaveOut):
    """How much likelier a model that trained on the example is to get it right."""

    @property
    def name(self) -> str:
        return named("memorization", int(self.models), MODELS)

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        masks, correct, cost = self._trained(inputs, inputs.pool)
        return ScoreResult(
            memorization(masks, correct), cost, self._provenance(inputs, "the pool itself")
        )


class InfluenceMax(_LeaveOut):
    """The largest influence on any one example outside."""

    @property
    def name(self) -> str:
        return named("influence-max", int(self.models), MODELS)

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        table, cost, what = self._influence(inputs)
        return ScoreResult(table.max(axis=1), cost, what)


class InfluenceSum(_LeaveOut):
    """The sum of influences, without their signs, on all examples outside."""

    @property
    def name(self) -> str:
        return named("influence-sum", int(self.models), MODELS)

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        table, cost, what = self._influence(inputs)
        return ScoreResult(np.abs(table).sum(axis=1), cost, what)


def memorization(
    trained_on: Bool[np.ndarray, "models P"], correct: Bool[np.ndarray, "models P"]
) -> Float[np.ndarray, " P"]:
    """P(right | trained on it) - P(right | not); every example needs models of both kinds."""
    inside = (trained_on & correct).sum(axis=0) / trained_on.sum(axis=0)
    return inside - (~trained_on & correct).sum(axis=0) / (~trained_on).sum(axis=0)


def influence(
    trained_on: Bool[np.ndarray, "models P"], correct: Bool[np.ndarray, "models others"]
) -> Float[np.ndarray, "P others"]:
    """P(j right | trained on i) - P(j right | not), for all i and j."""
    inside, right = trained_on.T.astype(np.float64), correct.astype(np.float64)
    outside = 1.0 - inside
    means = (inside @ right) / inside.sum(axis=1, keepdims=True)
    return means - (outside @ right) / outside.sum(axis=1, keepdims=True)
