"""How a model of a real sweep is trained: passes or steps, batches, optimizer, learning rate.

A recipe is its text, `epochs=20,batch_size=32,optimizer=sgd,learning_rate=0.1,schedule=constant`;
what is left out has its default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_choice, check_integer, check_number
from prunelaw.errors import InputError
from prunelaw_sim.common.text_forms import number_text

# Optax's optimizers, with their options.
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("sgd", {}),
    "momentum": ("sgd", {"momentum": 0.9}),
    "adam": ("adam", {}),
}
# Part of the learning rate, of the part of the training that is done, in [0, 1).
SCHEDULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": np.ones_like,
    "cosine": lambda done: 0.5 * (1 + np.cos(np.pi * done)),
}
MOST_STEPS = 2**31 - 1


@dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes:
        epochs: passes over the kept examples, in a new order each.
        steps: batches in all, so that every size costs the same; not both, and 20 epochs if neither
            is given.
        batch_size: examples a step; the last batch of a pass may be smaller, none is left out.
        optimizer: "sgd", "momentum" (.9) or "adam" (Optax's defaults).
        learning_rate: above 0.
        schedule: "constant", or "cosine" (falls to 0 at the last step).

    Raises:
        InputError: for values out of range.
    """

    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 32
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    schedule: str = "constant"

    def __post_init__(self) -> None:
        if self.epochs is not None and self.steps is not None:
            raise InputError("a recipe has epochs or steps, not both")
        if self.epochs is None and self.steps is None:
            object.__setattr__(self, "epochs", 20)
        for name in ("epochs", "steps", "batch_size"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), 1, MOST_STEPS)
        check_choice("optimizer", self.optimizer, tuple(OPTIMIZERS))
        check_choice("schedule", self.schedule, tuple(SCHEDULES))
        rate = check_number("learning_rate", self.learning_rate, 0.0, low_open=True)
        object.__setattr__(self, "learning_rate", rate)

    @property
    def name(self) -> str:
        """The text that `as_recipe` reads."""
        length = f"steps={self.steps}" if self.epochs is None else f"epochs={self.epochs}"
        return (
            f"{length},batch_size={self.batch_size},optimizer={self.optimizer},"
            f"learning_rate={number_text(self.learning_rate)},schedule={self.schedule}"
        )

    def steps_an_epoch(self, kept: int) -> int:
        """Batches in one pass over `kept` examples."""
        return -(-kept // self.batch_size)

    def steps_in_all(self, kept: int) -> int:
        """Batches in the whole training on `kept` examples."""
        if self.steps is not None:
            return self.steps
        return (self.epochs or 0) * self.steps_an_epoch(kept)

    def epochs_in_all(self, kept: int) -> int:
        """Passes over `kept` examples, a last one that is not finished counted whole."""
        return -(-self.steps_in_all(kept) // self.steps_an_epoch(kept))

    def samples_seen(self, kept: int) -> int:
        """Examples shown to the model in a training on `kept` examples, repetitions counted."""
        whole, rest = divmod(self.steps_in_all(kept), self.steps_an_epoch(kept))
        return whole * kept + rest * self.batch_size

    def rates(self, kept: int) -> Float[np.ndarray, " steps"]:
        """The learning rate of each step."""
        steps = self.steps_in_all(kept)
        return self.learning_rate * SCHEDULES[self.schedule](np.arange(steps) / steps)


def as_recipe(recipe: str | Recipe) -> Recipe:
    """The recipe of a text such as "epochs=20,optimizer=adam,learning_rate=0.001".

    Raises:
        InputError: for unknown names and for values out of range.
    """
    if isinstance(recipe, Recipe):
        return recipe
    known = {field.name for field in fields(Recipe)}
    given: dict[str, int | float | str] = {}
    for part in recipe.split(",") if recipe else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in known or not equals or name in given:
            raise InputError(
                f"recipe must be NAME=VALUE,... with names among {', '.join(sorted(known))}, each "
                f"once; got {part!r}"
            )
        given[name] = value if name in ("optimizer", "schedule") else _number(name, value)
    return Recipe(**given)  # type: ignore[arg-type]


def _number(name: str, text: str) -> int | float:
    try:
        return float(text) if name == "learning_rate" else int(text)
    except ValueError as cause:
        raise InputError(f"{name} of a recipe must be a number; got {text!r}") from cause
