"""Trains small models on subsets of one data set: many runs, each a function of its seed alone.

A run draws its first parameters and its orders from its seed with NumPy, and is trained in JAX in
single precision.  On a CPU one run follows the other: batched, they would gain nothing, and the
numbers of a run would depend on its neighbours.  An accelerator trains many together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from prunelaw.checks import check_integer, check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.features.linear_students import train_linear
from prunelaw_sim.networks.models import Model, Params, as_model
from prunelaw_sim.networks.recipes import OPTIMIZERS, Recipe, as_recipe

BLOCK = 1024  # steps in one call of the compiled program; one shape for sets of all sizes
ROWS = 512  # examples in one call of a trained model, likewise
TOGETHER = 64  # runs that an accelerator trains at a time


@dataclass(frozen=True, eq=False)
class TrainedModels:
    """Several trained runs of one model.

    Attributes:
        params: (weights, bias) of each layer, stacked over runs.
        shape: of one input.
        train_loss: mean cross-entropy of the examples of each pass, as they were met; a last pass
            that was not finished counts.
        correct: whether each traced example was classified correctly at the end of each pass; None
            without a trace.
    """

    model: Model
    params: Params
    shape: tuple[int, ...]
    train_loss: Float[np.ndarray, "runs epochs"]
    correct: Bool[np.ndarray, "runs epochs n"] | None = None

    def __len__(self) -> int:
        return len(self.train_loss)

    def __getitem__(self, runs: slice) -> TrainedModels:
        """Some of the runs."""
        params = jax.tree.map(lambda part: part[runs], self.params)
        correct = None if self.correct is None else self.correct[runs]
        return TrainedModels(self.model, params, self.shape, self.train_loss[runs], correct)

    def logits(self, inputs: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "runs n classes"]:
        """Scores of the classes for inputs (n, *shape)."""
        return self._of("logits", inputs)

    def features(self, inputs: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "runs n d"]:
        """The last hidden layer, of the same inputs."""
        return self._of("features", inputs)

    def _of(self, what: str, inputs: np.ndarray) -> np.ndarray:
        if inputs.shape[1:] != self.shape:
            raise InputError(f"inputs must be of shape (n, *{self.shape}), got {inputs.shape}")
        with _single_precision():
            found = [
                _evaluated(self.model, what, jax.tree.map(lambda p, r=r: p[r], self.params), inputs)
                for r in _shares(len(self))
            ]
        return np.concatenate(found)[: len(self)]


def train_models(
    model: str | Model,
    inputs: Float[np.ndarray, "examples ..."],
    labels: Int[np.ndarray, " examples"],
    classes: int,
    subsets: Int[np.ndarray, "runs K"],
    seeds: Sequence[int],
    recipe: str | Recipe,
    *,
    trace: Int[np.ndarray, " n"] | None = None,
    start: Params | None = None,
) -> TrainedModels:
    """Trains the model on each of the subsets, rows of example numbers, all of one length.

    Run i minimises the mean cross-entropy of its K examples, in an order drawn anew each pass; its
    first parameters and orders depend on `seeds[i]` and K alone.  On a CPU the same run gives the
    same bits whatever runs are trained beside it; on an accelerator the same numbers to rounding,
    since its number of runs is fixed.  Sets of all sizes share one compilation.

    Args:
        trace: examples whose classification is noted after each pass.
        start: first parameters in place of random ones, (weights, bias) of each layer stacked over
            runs, as in `TrainedModels.params`; orders are the same with them and without.

    Raises:
        InputError: for values out of range.
        ConvergenceError: if a loss is no longer finite (the learning rate is too large).
    """
    model, recipe = as_model(model), as_recipe(recipe)
    check_integer("classes", classes, 2)
    check_real("labels", labels, 0.0, float(classes - 1))
    check_real("subsets", subsets, 0.0, float(len(labels) - 1))
    if not subsets.size or len(seeds) != len(subsets):
        raise InputError(
            f"subsets must be rows of at least one example, and seeds one for each; got shape "
            f"{subsets.shape} and {len(seeds)} seeds"
        )
    if trace is not None:
        check_real("trace", trace, 0.0, float(len(labels) - 1))
    checked = [check_integer(f"seeds[{i}]", seed, 0) for i, seed in enumerate(seeds)]
    if start is not None:
        _check_start(start, model, inputs.shape[1:], classes, len(subsets))
    if model.is_certified:
        if trace is not None or start is not None:
            raise InputError(f"model {model.name} is not trained in steps: no trace, no start")
        return _linear(model, np.asarray(inputs), np.asarray(labels), classes, subsets)
    done = []
    with _single_precision():
        data = _Data(model, recipe, jnp.asarray(inputs), jnp.asarray(labels, jnp.int32), classes)
        for runs in _shares(len(subsets)):
            given = None if start is None else jax.tree.map(lambda p, r=runs: p[r], start)
            done.append(_train(data, subsets[runs], [checked[r] for r in runs], trace, given))
    params, losses, correct = jax.tree.map(
        lambda *parts: np.concatenate(parts)[: len(subsets)], *done
    )
    _check_finite(losses, params, checked, recipe)
    return TrainedModels(model, params, inputs.shape[1:], losses, correct)


def _linear(
    model: Model, inputs: np.ndarray, labels: np.ndarray, classes: int, subsets: np.ndarray
) -> TrainedModels:
    """Linear students, each certified; of two classes the logits are -h/2 and h/2."""
    x = inputs.reshape(len(inputs), -1).astype(np.float64)
    shape = (len(subsets), x.shape[1], classes)
    weights, biases, losses = np.zeros(shape), np.zeros((len(subsets), classes)), []
    for run, subset in enumerate(subsets):
        total = 0.0
        for k in (1,) if classes == 2 else range(classes):
            y = np.where(labels[subset] == k, 1.0, -1.0)
            found = train_linear(
                x[subset],
                y,
                loss=model.loss,
                penalty=model.penalty,
                intercept=model.kind == "affine",
            )
            share = 0.5 if classes == 2 else 1.0
            weights[run, :, k], biases[run, k] = share * found.weights, share * found.intercept
            total += float(np.logaddexp(0.0, -y * found.fields(x[subset])).mean())
        if classes == 2:
            weights[run, :, 0], biases[run, 0] = -weights[run, :, 1], -biases[run, 1]
        losses.append([total])
    params = ((weights.astype(np.float32), biases.astype(np.float32)),)
    return TrainedModels(model, params, inputs.shape[1:], np.array(losses))


class _Data(NamedTuple):
    """What all runs of a call share."""

    model: Model
    recipe: Recipe
    inputs: Array
    labels: Array
    classes: int


def _train(
    data: _Data,
    subsets: Int[np.ndarray, "runs K"],
    seeds: Sequence[int],
    trace: np.ndarray | None,
    start: Params | None,
) -> tuple[Params, np.ndarray, np.ndarray | None]:
    """These runs together, pass by pass if something is traced: parameters, losses, correctness."""
    recipe, kept = data.recipe, subsets.shape[1]
    draws = [np.random.default_rng(seed) for seed in seeds]
    first = [data.model.init(rng, data.inputs.shape[1:], data.classes) for rng in draws]
    params: Any = jax.tree.map(lambda *layers: jnp.stack(layers), *first)
    if start is not None:
        params = jax.tree.map(lambda part: jnp.asarray(part, dtype=jnp.float32), start)
    state: Any = jax.vmap(_optimizer(recipe.optimizer).init)(params)
    traced = None if trace is None else np.asarray(data.inputs)[trace]
    losses, correct = [], []
    for block in _blocks(recipe, subsets, draws, by_pass=trace is not None):
        params, state, loss = _advance(
            data.model, recipe.optimizer, params, state, data.inputs, data.labels, *block.arrays()
        )
        losses.append(np.asarray(loss)[:, : len(block.rates)])
        if traced is not None and block.ends_pass:
            logits = _evaluated(data.model, "logits", params, traced)
            correct.append(logits.argmax(axis=2) == np.asarray(data.labels)[trace])
    seen = _loss_a_pass(np.concatenate(losses, axis=1), recipe, kept)
    stacked = np.stack(correct, axis=1) if correct else None
    return jax.tree.map(np.asarray, params), seen, stacked


class _Block(NamedTuple):
    """Consecutive steps of all runs: examples of each batch, -1 where it is not full."""

    batches: Int[np.ndarray, "runs steps batch_size"]
    rates: Float[np.ndarray, " steps"]
    ends_pass: bool

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.integer]:
        """Batches and rates at their full length, and how many steps of it count."""
        runs, steps, size = self.batches.shape
        batches = np.full((runs, BLOCK, size), -1, dtype=np.int32)
        batches[:, :steps] = self.batches
        rates = np.zeros(BLOCK, dtype=np.float32)
        rates[:steps] = self.rates
        return batches, rates, np.int32(steps)


def _blocks(
    recipe: Recipe, subsets: Int[np.ndarray, "runs K"], draws: Sequence, by_pass: bool
) -> Iterator[_Block]:
    """The training cut into blocks of at most `BLOCK` steps; passes are drawn as they come."""
    rates = recipe.rates(subsets.shape[1])
    a_pass = recipe.steps_an_epoch(subsets.shape[1])
    together = 1 if by_pass else max(1, BLOCK // a_pass)
    for first in range(0, len(rates), together * a_pass):
        left = min(together * a_pass, len(rates) - first)
        passes = [_one_pass(recipe, subsets, draws) for _ in range(-(-left // a_pass))]
        batches = np.concatenate(passes, axis=1)[:, :left]
        for start in range(0, left, BLOCK):
            steps = slice(start, min(start + BLOCK, left))
            part = rates[first + steps.start : first + steps.stop]
            yield _Block(batches[:, steps], part, steps.stop == left)


def _one_pass(
    recipe: Recipe, subsets: Int[np.ndarray, "runs K"], draws: Sequence
) -> Int[np.ndarray, "runs steps batch_size"]:
    """A new order of each run's examples, cut into batches."""
    runs, kept = subsets.shape
    padded = np.full((runs, recipe.steps_an_epoch(kept) * recipe.batch_size), -1, dtype=np.int32)
    for row, subset, rng in zip(padded, subsets, draws, strict=True):
        row[:kept] = subset[rng.permutation(kept)]
    return padded.reshape(runs, -1, recipe.batch_size)


def _loss_a_pass(
    losses: Float[np.ndarray, "runs steps"], recipe: Recipe, kept: int
) -> Float[np.ndarray, "runs epochs"]:
    """Mean loss of the examples of each pass, from sums over the examples of each step."""
    a_pass = recipe.steps_an_epoch(kept)
    starts = np.arange(0, losses.shape[1], a_pass)
    seen = np.full(len(starts), float(kept))
    seen[-1] = recipe.samples_seen(kept) - (len(starts) - 1) * kept
    return np.add.reduceat(losses.astype(np.float64), starts, axis=1) / seen


@cache
def _optimizer(name: str) -> Any:
    """For a learning rate of 1: each step scales what it says by its own rate."""
    function, options = OPTIMIZERS[name]
    return getattr(optax, function)(1.0, **options)


@jax.jit(static_argnames=("model", "optimizer"))
def _advance(
    model: Model,
    optimizer: str,
    params: Params,
    state: Any,
    x: Array,
    y: Array,
    batches: Array,
    rates: Array,
    steps: Array,
) -> tuple[Params, Any, Array]:
    """The first `steps` batches of every run; losses are sums over the examples of each batch."""
    rule = _optimizer(optimizer)

    def loss(params: Params, batch: Array) -> Array:
        log_p = jax.nn.log_softmax(model.logits(params, x[batch]))
        each = -jnp.take_along_axis(log_p, y[batch][:, None], axis=1)[:, 0]
        return jnp.sum(jnp.where(batch >= 0, each, 0.0))

    def run(params: Params, state: Any, batches: Array) -> tuple[Params, Any, Array]:
        def step(i: Array, carried: Any) -> Any:
            params, state, losses = carried
            batch = batches[i]
            total, slope = jax.value_and_grad(loss)(params, batch)
            seen = jnp.sum(batch >= 0)
            slope = jax.tree.map(lambda g: g / seen, slope)
            change, state = rule.update(slope, state, params)
            change = jax.tree.map(lambda c: rates[i] * c, change)
            params = jax.tree.map(jnp.add, params, change)
            return params, state, losses.at[i].set(total)

        none = jnp.zeros(len(rates), dtype=jnp.float32)
        return jax.lax.fori_loop(0, steps, step, (params, state, none))

    return jax.vmap(run)(params, state, batches)


def _evaluated(
    model: Model, what: str, params: Params, inputs: np.ndarray
) -> Float[np.ndarray, "runs n out"]:
    """Logits or features of all runs, `ROWS` examples at a time, the last filled with zeros."""
    found = []
    for start in range(0, len(inputs), ROWS):
        part = inputs[start : start + ROWS]
        rows = np.zeros((ROWS, *part.shape[1:]), dtype=part.dtype)
        rows[: len(part)] = part
        found.append(np.asarray(_forward(model, what, params, rows))[:, : len(part)])
    return np.concatenate(found, axis=1)


@jax.jit(static_argnames=("model", "what"))
def _forward(model: Model, what: str, params: Params, inputs: Array) -> Array:
    return jax.vmap(getattr(model, what), in_axes=(0, None))(params, inputs)


def _together() -> int:
    return 1 if jax.default_backend() == "cpu" else TOGETHER


def _shares(runs: int) -> Iterator[list[int]]:
    """Runs that are trained together, a number that never changes: the last one fills the rest."""
    together = _together()
    for first in range(0, runs, together):
        share = list(range(first, min(first + together, runs)))
        yield share + share[-1:] * (together - len(share))


@contextmanager
def _single_precision() -> Iterator[None]:
    """Single precision, TF32 excluded, whatever the caller's JAX configuration."""
    promotion = jax.numpy_dtype_promotion("standard")
    with jax.enable_x64(False), jax.default_matmul_precision("float32"), promotion:
        yield


def _check_start(
    start: Params, model: Model, shape: tuple[int, ...], classes: int, runs: int
) -> None:
    random = model.init(np.random.default_rng(0), shape, classes)
    wanted = [(runs, *np.shape(part)) for part in jax.tree.leaves(random)]
    given = [np.shape(part) for part in jax.tree.leaves(start)]
    if wanted != given:
        raise InputError(
            f"start must hold weights and biases of {model.name}, stacked over {runs} runs, of "
            f"shapes {wanted}; got {given}"
        )


def _check_finite(losses: np.ndarray, params: Params, seeds: Sequence[int], recipe: Recipe) -> None:
    parts = [np.reshape(part, (len(losses), -1)) for part in (losses, *jax.tree.leaves(params))]
    good = np.asarray(np.isfinite(np.concatenate(parts, axis=1)).all(axis=1))
    if not good.all():
        raise ConvergenceError(
            f"training diverged in {np.sum(~good)} of {len(good)} runs, first with seed "
            f"{seeds[int(np.argmin(good))]}: learning_rate {recipe.learning_rate:g} is too large"
        )
