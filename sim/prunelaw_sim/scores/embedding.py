"""An embedding learned without labels, by contrast (SimCLR, Chen et al. 2020, arXiv 2002.05709).

Two views of an example each hide their own 30 % of its inputs (set to the mean) and add noise.
Views of one example shall be more alike than those of different ones: with z the unit vectors that
a linear head makes of the relu embedding,

    minimise -mean log [ exp(z_i.z_i' / T) / sum over all other views k of exp(z_i.z_k / T) ]

Such views need to know nothing of the inputs, unlike the crops and colours of photographs.  On the
digits this embedding tells classes apart better than an autoencoder's: docs/scores.md.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Bool, Float

HIDDEN, WIDTH, HEAD = 128, 64, 16
HIDDEN_SHARE = 0.3  # of the inputs, hidden in a view
NOISE = 0.3  # of the inputs' standard deviation, added to all
TEMPERATURE = 0.2
STEPS, BATCH, BLOCK = 1000, 50, 100  # views are drawn for a block of steps at a time
LEARNING_RATE = 3e-3  # Adam, falling to 0 by a cosine
EMBEDDING = f"{WIDTH} contrastive features of pool and outside, learned without labels"


class _Nets(NamedTuple):
    """Weights and biases: inputs -> hidden -> embedding -> head; arrays of NumPy or JAX."""

    hidden: Any
    embedding: Any
    head: Any


def embed(
    inputs: Float[np.ndarray, "examples d"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "examples width"], float]:
    """Embeddings of the inputs that it is trained on, and the samples seen: two views a sample.

    Single precision, whatever the caller's JAX configuration; all draws are NumPy's, from `rng`.
    """
    size = inputs.shape[1]
    nets = _Nets(*(_layer(rng, *ends) for ends in ((size, HIDDEN), (HIDDEN, WIDTH), (WIDTH, HEAD))))
    passes = -(-STEPS * BATCH // len(inputs))
    order = np.concatenate([rng.permutation(len(inputs)) for _ in range(passes)])
    batches = order[: STEPS * BATCH].reshape(-1, BLOCK, BATCH).astype(np.int32)
    x = (inputs - inputs.mean(axis=0)).astype(np.float32)
    noise = NOISE * float(np.std(x))
    with jax.enable_x64(False):
        state = _start(nets)
        for block in batches:
            state = _train(state, x, block, *_views(rng, size, noise))
        codes = np.asarray(_codes(state[0], x))
    return codes.astype(np.float64), 2.0 * STEPS * BATCH


def _layer(rng: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights N(0, 2/fan-in), biases 0."""
    drawn = rng.normal(size=(fan_in, fan_out)) * np.sqrt(2 / fan_in)
    return drawn.astype(np.float32), np.zeros(fan_out, dtype=np.float32)


def _views(
    rng: np.random.Generator, size: int, noise: float
) -> tuple[Bool[np.ndarray, "steps views size"], Float[np.ndarray, "steps views size"]]:
    """Which inputs are not hidden, and the noise, for both views of all examples of a block."""
    shape = (BLOCK, 2 * BATCH, size)
    shown = rng.random(shape, dtype=np.float32) >= HIDDEN_SHARE
    return shown, np.float32(noise) * rng.standard_normal(shape, dtype=np.float32)


def _adam() -> Any:
    return optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, STEPS))


@jax.jit
def _start(nets: _Nets) -> Any:
    """The state of networks and Adam before the first step."""
    return nets, _adam().init(nets)


@jax.jit
def _codes(nets: _Nets, x: Array) -> Array:
    for weights, bias in (nets.hidden, nets.embedding):
        x = jax.nn.relu(x @ weights + bias)
    return x


def contrastive_loss(z: Float[Array, "views width"]) -> Array:
    """The loss of the module's equation; views k and k + views/2 are of one example."""
    z = z * jax.lax.rsqrt(jnp.sum(z**2, axis=1, keepdims=True) + 1e-12)  # has a slope at 0, too
    views = len(z)
    alike = jnp.where(jnp.eye(views, dtype=bool), -jnp.inf, z @ z.T / TEMPERATURE)
    partner = (jnp.arange(views) + views // 2) % views
    return -jnp.mean(jax.nn.log_softmax(alike)[jnp.arange(views), partner])


def _loss(nets: _Nets, views: Array) -> Array:
    weights, bias = nets.head
    return contrastive_loss(_codes(nets, views) @ weights + bias)


@jax.jit
def _train(state: Any, x: Array, batches: Array, shown: Array, noise: Array) -> Any:
    """One block of steps on the state of networks and Adam."""

    def step(state: Any, drawn: Any) -> tuple[Any, None]:
        (nets, moments), (batch, seen, noise) = state, drawn
        views = jnp.where(seen, jnp.concatenate([x[batch], x[batch]]), 0.0) + noise
        change, moments = _adam().update(jax.grad(_loss)(nets, views), moments)
        return (optax.apply_updates(nets, change), moments), None

    return jax.lax.scan(step, state, (batches, shown, noise))[0]
