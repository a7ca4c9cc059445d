"""A one-hidden-layer network trained by plain SGD, several runs at once, in JAX."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from prunelaw.checks import check_integer, check_real
from prunelaw.errors import InputError


def train_mlp(
    inputs: Float[np.ndarray, "runs examples pixels"],
    labels: Int[np.ndarray, "runs examples"],
    test_inputs: Float[np.ndarray, "runs tests pixels"],
    test_labels: Int[np.ndarray, "runs tests"],
    seeds: Sequence[int],
    *,
    epochs: Sequence[int],
    unique_samples: int | None = None,
    classes: int = 10,
    hidden: int = 64,
    learning_rate: float = 0.1,
    batch_size: int = 10,
) -> Float[np.ndarray, "runs epochs"]:
    """Test errors after some numbers of epochs of plain SGD on the cross-entropy; one run a seed.

    Network: softmax(W₂ relu(W₁x + b₁) + b₂), W ~ N(0, gain/fan-in) with gains 2 and 1.  The
    learning rate is constant, so that the state after k epochs *is* the final state of a run of
    k epochs; the order is drawn anew each epoch.  Trains on the first `unique_samples` examples
    (default all): calls that differ only in that share one compilation.  Single precision,
    whatever the caller's JAX configuration.

    **Raises:** `InputError` unless examples and `unique_samples` are multiples of `batch_size` (no
    sample may be left out of an epoch), `epochs` ascend from at least 1, and labels are in
    [0, classes).
    """
    size = inputs.shape[1] if unique_samples is None else unique_samples
    _check_mlp(inputs, labels, epochs, size, batch_size, classes)
    check_real("learning_rate", learning_rate, 0.0, low_open=True)
    draws = [np.random.default_rng(seed) for seed in seeds]
    errors = []
    with jax.enable_x64(False):
        network = _random_networks(draws, inputs.shape[2], hidden, classes)
        x, x_test = (jnp.asarray(a, dtype=jnp.float32) for a in (inputs, test_inputs))
        y, y_test = (jnp.asarray(a, dtype=jnp.int32) for a in (labels, test_labels))
        for epoch in range(1, max(epochs) + 1):
            order = _orders(draws, size, inputs.shape[1]).reshape(len(draws), -1, batch_size)
            network = _train_epoch(network, x, y, order, size // batch_size, learning_rate)
            if epoch in epochs:
                errors.append(np.asarray(_wrong(network, x_test, y_test)) / x_test.shape[1])
    return np.stack(errors, axis=1)


def _check_mlp(
    inputs: np.ndarray,
    labels: np.ndarray,
    epochs: Sequence[int],
    size: int,
    batch_size: int,
    classes: int,
) -> None:
    check_real("inputs", inputs)
    check_real("labels", labels, 0.0, float(classes - 1))
    check_integer("batch_size", batch_size, 1)
    check_integer("unique_samples", size, batch_size, inputs.shape[1])
    if size % batch_size:
        raise InputError(f"unique_samples must be a multiple of {batch_size}, got {size}")
    if inputs.shape[1] % batch_size:
        raise InputError(f"examples must be a multiple of {batch_size}, got {inputs.shape[1]}")
    if not len(epochs) or list(epochs) != sorted(set(epochs)):
        raise InputError(f"epochs must be one or more ascending numbers, got {list(epochs)}")
    check_integer("epochs[0]", epochs[0], 1)


def _orders(
    draws: Sequence[np.random.Generator], size: int, examples: int
) -> Int[np.ndarray, "runs examples"]:
    """A new order of the first `size` examples for each run, padded with zeros.

    A new array each time: JAX may still be reading the last one, which it need not have copied.
    """
    orders = np.zeros((len(draws), examples), dtype=np.int32)
    for order, draw in zip(orders, draws, strict=True):
        order[:size] = draw.permutation(size)
    return orders


class _Network(NamedTuple):
    """Parameters: pixels → hidden (relu) → classes."""

    weights_in: Array
    bias_in: Array
    weights_out: Array
    bias_out: Array

    def scores(self, inputs: Array) -> Array:
        """Inputs (examples, pixels) to scores (examples, classes)."""
        hidden = jax.nn.relu(inputs @ self.weights_in + self.bias_in)
        return hidden @ self.weights_out + self.bias_out


def _random_networks(
    draws: Sequence[np.random.Generator], pixels: int, hidden: int, classes: int
) -> _Network:
    """One network a run, stacked; drawn by NumPy, so that no JAX setting changes the numbers."""

    def weights(fan_in: int, fan_out: int, gain: float) -> Array:
        drawn = [draw.normal(size=(fan_in, fan_out)) for draw in draws]
        return jnp.asarray(np.stack(drawn) * np.sqrt(gain / fan_in), dtype=jnp.float32)

    def zeros(size: int) -> Array:
        return jnp.zeros((len(draws), size), dtype=jnp.float32)

    return _Network(
        weights(pixels, hidden, 2.0), zeros(hidden), weights(hidden, classes, 1.0), zeros(classes)
    )


@jax.jit
def _train_epoch(
    networks: _Network, x: Array, y: Array, order: Array, batches: Array, rate: Array
) -> _Network:
    """One pass over the first `batches` of `order`, example numbers (runs, batches, batch_size).

    The number of batches is a run-time value: data sets of all sizes share one compilation.
    """

    def train(network: _Network, x: Array, y: Array, order: Array) -> _Network:
        def step(i: Array, network: _Network) -> _Network:
            slope = jax.grad(_cross_entropy)(network, x[order[i]], y[order[i]])
            return jax.tree.map(lambda p, g: p - rate * g, network, slope)

        return jax.lax.fori_loop(0, batches, step, network)

    return jax.vmap(train)(networks, x, y, order)


def _cross_entropy(network: _Network, x: Array, y: Array) -> Array:
    log_probabilities = jax.nn.log_softmax(network.scores(x))
    return -jnp.mean(jnp.take_along_axis(log_probabilities, y[:, None], axis=1))


@jax.jit
def _wrong(networks: _Network, x: Array, y: Array) -> Array:
    """Number misclassified, one a run."""
    return jax.vmap(lambda network, x, y: jnp.sum(network.scores(x).argmax(axis=1) != y))(
        networks, x, y
    )
