"""What a score takes and gives: the pool and the means to train; a number an example.

High is hard: every score of this package gives its largest values to the examples that are most
difficult, and so do the rules of `prunelaw_sim.common.kept_examples`.  (Files of scores have their
own convention, which `prunelaw_sim.scores.files` translates.)
"""

from dataclasses import dataclass
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_integer
from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import tied_count
from prunelaw_sim.networks.datasets import Dataset
from prunelaw_sim.networks.models import Model
from prunelaw_sim.networks.recipes import Recipe
from prunelaw_sim.networks.training import TrainedModels, train_models

FORWARD = 1 / 3  # cost of a forward pass, of a training step's one forward and twice that backward


@dataclass(frozen=True, eq=False)
class ScoreInputs:
    """The examples to score, the others that a score may learn from, and how models are trained.

    Attributes:
        pool: numbers of distinct examples of `dataset`, two or more.
        outside: others, in no order; what is in neither is the test set, which no score may see.
        model: of every model that a score trains; `recipe`: its training.
        seed: of all draws; the same inputs give the same score.

    Raises:
        InputError: for numbers out of range, repeated, or in both sets.
    """

    dataset: Dataset
    pool: Int[np.ndarray, " P"]
    outside: Int[np.ndarray, " others"]
    model: Model
    recipe: Recipe
    seed: int

    def __post_init__(self) -> None:
        check_integer("seed", self.seed, 0)
        count = len(self.dataset.labels)
        for name, numbers in (("pool", self.pool), ("outside", self.outside)):
            if len(numbers) and not 0 <= numbers.min() <= numbers.max() < count:
                raise InputError(
                    f"{name} must hold numbers of the {count} examples in [0, {count - 1}], got "
                    f"{numbers.min()} to {numbers.max()}"
                )
        if len(self.pool) < 2:
            raise InputError(f"pool must hold 2 examples or more, got {len(self.pool)}")
        numbers, counts = np.unique(np.concatenate([self.pool, self.outside]), return_counts=True)
        if counts.max() > 1:
            raise InputError(f"pool and outside hold example {numbers[counts.argmax()]} twice")

    @property
    def pool_inputs(self) -> Float[np.ndarray, "P ..."]:
        return self.dataset.inputs[self.pool]

    @property
    def pool_labels(self) -> Int[np.ndarray, " P"]:
        return self.dataset.labels[self.pool]

    @property
    def single(self) -> Int[np.ndarray, "1 P"]:
        """The whole pool as the subset of one training run."""
        return self.pool[np.newaxis]

    def rng(self, purpose: str) -> np.random.Generator:
        """Draws for one purpose, apart from those of all others."""
        return np.random.default_rng([self.seed, crc32(purpose.encode())])

    def train(
        self,
        subsets: Int[np.ndarray, "runs K"],
        purpose: str,
        *,
        recipe: Recipe | None = None,
        trace: Int[np.ndarray, " examples"] | None = None,
    ) -> TrainedModels:
        """A model a row of `subsets`; more rows train the models of fewer and then others."""
        words = np.random.SeedSequence([self.seed, crc32(purpose.encode())])
        return train_models(
            self.model,
            self.dataset.inputs,
            self.dataset.labels,
            self.dataset.classes,
            subsets,
            [int(word) for word in words.generate_state(len(subsets))],
            recipe or self.recipe,
            trace=trace,
        )

    def cost(
        self, subsets: Int[np.ndarray, "runs K"], forward: int, recipe: Recipe | None = None
    ) -> float:
        """Samples seen in training on the rows; one that is passed `forward` only counts 1/3."""
        seen = (recipe or self.recipe).samples_seen(subsets.shape[1])
        return float(len(subsets) * seen + FORWARD * forward)


@dataclass(frozen=True, eq=False)
class ScoreResult:
    """One number an example of the pool, HIGH = HARD, and what it took.

    Attributes:
        values: finite; ties are left for `kept_examples` to break by its seed.
        cost_samples: samples seen in training for this score, on the axis of `samples_seen`; an
            example passed forward only counts 1/3.
        provenance: what was trained on what, in a line.
        probe_error: fraction of the pool that the probe gets wrong, for θ = π times that; None for
            a score without a probe that has not seen the pool.
    """

    values: Float[np.ndarray, " P"]
    cost_samples: float
    provenance: str
    probe_error: float | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            where = int(np.flatnonzero(~np.isfinite(self.values))[0])
            raise InputError(
                f"the score of example {where} of the pool is {self.values[where]}: did training "
                "diverge? Lower the recipe's learning rate"
            )

    @property
    def tied(self) -> int:
        """How many examples share their value with another."""
        return tied_count(self.values)


@dataclass(frozen=True)
class Score:
    """A score with its number chosen, such as el2n of 20 models.

    A subclass is called `SCORE` and is in a module of `prunelaw_sim.scores.catalogue` that has the
    score's name.  Its docstring's first line says what a high, hard example is.

    Attributes:
        number: the number after the colon, an integer of at least `least`; `usual` if None.
        counts: what the number counts; "" for a score that takes none.
    """

    number: Any = None
    counts: ClassVar[str] = ""
    usual: ClassVar[int | None] = None
    least: ClassVar[int] = 1

    def __post_init__(self) -> None:
        number, what = self.number, f"{self.counts} of {self.family}"
        if number is None:
            number = self.usual
        elif not self.counts:
            raise TypeError(f"score {self.family} takes no number")
        elif not float(number).is_integer():
            raise InputError(f"{what} must be an integer, got {number:g}")
        else:
            number = check_integer(what, int(number), self.least)
        object.__setattr__(self, "number", number)

    @property
    def family(self) -> str:
        """The name without the number: that of the module."""
        return type(self).__module__.rpartition(".")[2].replace("_", "-")

    @property
    def name(self) -> str:
        """The text that `as_score` reads back."""
        return self.family if self.number == self.usual else f"{self.family}:{self.number}"

    def compute(self, inputs: ScoreInputs) -> ScoreResult:
        """The score of every example of the pool."""
        raise NotImplementedError


def probabilities(logits: Float[np.ndarray, "... classes"]) -> Float[np.ndarray, "... classes"]:
    """softmax over the last axis, in double precision."""
    z = logits.astype(np.float64)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
