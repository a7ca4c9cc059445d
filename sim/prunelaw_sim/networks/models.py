"""Small models for real sweeps, in JAX: softmax regression, multilayer perceptrons, a small CNN.

A model is its text: `softmax`, `mlp:256,64` (hidden widths), `cnn:8,16` (channels), or
`linear:logistic,0.1`, a linear student that is trained to a certificate (loss, penalty).

Parameters are a tuple of (weights, bias), first layer first, drawn by NumPy, so that no JAX setting
changes them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from prunelaw.checks import check_choice, check_number
from prunelaw.errors import InputError
from prunelaw_sim.common.text_forms import number_text
from prunelaw_sim.features.linear_students import LOSSES

Params = tuple[tuple[Any, Any], ...]
Inputs = Float[Array | np.ndarray, "n ..."]
GRAMMAR = (
    "softmax, mlp:WIDTH[,WIDTH...], cnn:CHANNELS[,CHANNELS...], linear:LOSS,PENALTY or "
    "affine:LOSS,PENALTY"
)
KINDS = ("softmax", "mlp", "cnn", "linear", "affine")
PLAIN = ("softmax", "linear", "affine")  # without hidden layers
LARGEST_WIDTH = 2**16
KERNEL = 3


@dataclass(frozen=True)
class Model:
    """What is trained, by its `kind`.

        softmax     logits Wx + b
        linear      Wx, and affine Wx + b, trained to the minimum of Σ loss + (penalty/2)|β|² and
                    not by a recipe, which it ignores: of two classes one student, of more one a
                    class against the rest
        mlp         hidden layers of `widths` relu units, then a linear layer
        cnn         for each of `widths`, a 3 × 3 convolution with zeros around, a bias, relu and
                    the mean of 2 × 2 neighbours (a last odd row or column is dropped); then a
                    linear layer; inputs are height × width or height × width × channels

    W ~ N(0, gain/fan-in) with gain 2 before a relu and 1 in the last layer; biases start at 0.

    Raises:
        InputError: for other kinds and for widths that are not integers in [1, 65536].
    """

    kind: str
    widths: tuple[int, ...] = ()
    loss: str = ""
    penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS or bool(self.widths) == (self.kind in PLAIN):
            raise InputError(f"model must be {GRAMMAR}; got {self.name!r}")
        if self.is_certified:
            check_choice("loss of a linear model", self.loss, LOSSES)
            check_number("penalty of a linear model", self.penalty, 0.0, low_open=True)
        if any(not 1 <= width <= LARGEST_WIDTH for width in self.widths):
            raise InputError(f"widths of a model must be in [1, {LARGEST_WIDTH}]; got {self.name}")

    @property
    def is_certified(self) -> bool:
        """Whether it is trained to its minimum and not by a recipe."""
        return self.kind in ("linear", "affine")

    @property
    def name(self) -> str:
        """The text that `as_model` reads."""
        if self.is_certified:
            return f"{self.kind}:{self.loss},{number_text(self.penalty)}"
        widths = ",".join(map(str, self.widths))
        return f"{self.kind}:{widths}" if widths else self.kind

    def init(self, rng: np.random.Generator, shape: tuple[int, ...], classes: int) -> Params:
        """Random parameters, float32, for inputs of this shape.

        Raises:
            InputError: if the model does not take such inputs.
        """
        layers = self._layers(shape, classes)
        gains = [2.0] * (len(layers) - 1) + [1.0]
        return tuple(
            (
                (rng.normal(size=size) * np.sqrt(gain / size[0])).astype(np.float32),
                np.zeros(size[1], dtype=np.float32),
            )
            for size, gain in zip(layers, gains, strict=True)
        )

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        """How many numbers are trained."""
        return sum((fan_in + 1) * out for fan_in, out in self._layers(shape, classes))

    def multiply_adds(self, shape: tuple[int, ...], classes: int) -> int:
        """Products in one forward pass of one example; a step of training takes three times that.

        A convolution's weights are used at every pixel of its layer.
        """
        layers = self._layers(shape, classes)
        pixels = [1] * len(layers)
        if self.kind == "cnn":
            pixels[:-1] = [(shape[0] >> i) * (shape[1] >> i) for i in range(len(layers) - 1)]
        return sum(n * fan_in * out for n, (fan_in, out) in zip(pixels, layers, strict=True))

    def features(self, params: Params, inputs: Inputs) -> Float[Array, "n d"]:
        """The last hidden layer; of softmax regression the inputs themselves, flattened."""
        inputs = jnp.asarray(inputs)
        if self.kind == "cnn":
            hidden = inputs[..., None] if inputs.ndim == 3 else inputs
            for weights, bias in params[:-1]:
                hidden = _halved(jax.nn.relu(_convolved(hidden, weights) + bias))
            return hidden.reshape(len(hidden), -1)
        hidden = inputs.reshape(len(inputs), -1)
        for weights, bias in params[:-1]:
            hidden = jax.nn.relu(hidden @ weights + bias)
        return hidden

    def logits(self, params: Params, inputs: Inputs) -> Float[Array, "n classes"]:
        """Scores of the classes; softmax makes probabilities of them."""
        weights, bias = params[-1]
        return self.features(params, inputs) @ weights + bias

    def _layers(self, shape: tuple[int, ...], classes: int) -> list[tuple[int, int]]:
        """(fan-in, outputs) of each layer."""
        if self.kind != "cnn":
            widths = (math.prod(shape), *self.widths, classes)
            return list(itertools.pairwise(widths))
        side = min(shape[:2]) if len(shape) in (2, 3) else 0
        if side < 2 ** len(self.widths):
            raise InputError(
                f"model {self.name} takes images of at least {2 ** len(self.widths)} pixels a "
                f"side, height × width or height × width × channels; got inputs of shape {shape}"
            )
        channels = (shape[2] if len(shape) == 3 else 1, *self.widths)
        layers = [(KERNEL**2 * before, after) for before, after in itertools.pairwise(channels)]
        halved = (shape[0] >> len(self.widths)) * (shape[1] >> len(self.widths))
        return [*layers, (halved * channels[-1], classes)]


def as_model(model: str | Model) -> Model:
    """The model of a text: "softmax", "mlp:64", "mlp:256,64", "cnn:8,16"; a `Model` as it is.

    Raises:
        InputError: which quotes the grammar, for anything else.
    """
    if isinstance(model, Model):
        return model
    if not isinstance(model, str):
        raise InputError(f"model must be {GRAMMAR}; got {model!r}")
    kind, colon, rest = model.partition(":")
    if kind in ("linear", "affine"):
        return _certified(model, kind, rest)
    try:
        widths = tuple(int(width) for width in rest.split(",")) if colon else ()
    except ValueError as cause:
        raise InputError(f"model must be {GRAMMAR}; got {model!r}") from cause
    return Model(kind, widths)


def _certified(model: str, kind: str, rest: str) -> Model:
    """`linear:logistic,0.1`."""
    loss, _, penalty = rest.partition(",")
    try:
        value = float(penalty)
    except ValueError as cause:
        raise InputError(f"model must be {GRAMMAR}; got {model!r}") from cause
    return Model(kind, loss=loss, penalty=value)


def _convolved(
    images: Float[Array, "n height width before"], weights: Float[Array | np.ndarray, "taps after"]
) -> Float[Array, "n height width after"]:
    """A convolution with zeros around, as one matrix product of shifted copies.

    Many models at once then make a batched matrix product; JAX would make a grouped convolution of
    them, which CPUs are slow at.
    """
    height, width = images.shape[1:3]
    around = KERNEL // 2
    wide = jnp.pad(images, ((0, 0), (around, around), (around, around), (0, 0)))
    shifts = [(i, j) for i in range(KERNEL) for j in range(KERNEL)]
    copies = [wide[:, i : i + height, j : j + width] for i, j in shifts]
    return jnp.concatenate(copies, axis=-1) @ weights


def _halved(
    images: Float[Array, "n height width channels"],
) -> Float[Array, "n half_height half_width channels"]:
    """Means of 2 × 2 neighbours; a last odd row or column is dropped."""
    n, height, width, channels = images.shape
    even = images[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
