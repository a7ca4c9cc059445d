"""Input distributions beside the Gaussian: does the theory hold for them, too (universality)?

Every one has mean 0 and entries of variance 1.  `name` is the text that `as_inputs` reads back,
`draw(rng, count, dim)` gives independent inputs as rows, of which more extend what fewer gave, and
`whitened` maps directions so that the inner product of two images is the covariance of their fields
J.x: their angle over pi is the probability that the fields differ in sign on Gaussian inputs of the
same covariance.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw_sim.common.text_forms import number_text, read_choice

GRAMMAR = "gaussian, signs, student-t[:NU] with NU > 4 or correlated[:R] with -1 < R < 1"


class _Uncorrelated:
    """Entries of unit variance without correlation: the covariance is the unit matrix."""

    def whitened(self, J: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        return J


@dataclass(frozen=True)
class Gaussian(_Uncorrelated):
    """x ~ N(0, I): what the theory assumes."""

    name: ClassVar[str] = "gaussian"

    def draw(self, rng: np.random.Generator, count: int, dim: int) -> Float[np.ndarray, "P N"]:
        return rng.standard_normal((count, dim))


@dataclass(frozen=True)
class Signs(_Uncorrelated):
    """Independent entries +1 or -1, with probability 1/2 each."""

    name: ClassVar[str] = "signs"

    def draw(self, rng: np.random.Generator, count: int, dim: int) -> Float[np.ndarray, "P N"]:
        return 2.0 * rng.integers(0, 2, (count, dim), dtype=np.int8) - 1.0


@dataclass(frozen=True)
class StudentT(_Uncorrelated):
    """Independent entries of Student's t with nu > 4 degrees of freedom, scaled to variance 1.

    Heavy tails: moments of order nu and above are infinite; the fourth is 3 + 6/(nu - 4).
    """

    nu: float | int = 5.0

    def __post_init__(self) -> None:
        nu = check_real("NU of student-t", self.nu, 4.0, low_open=True)
        object.__setattr__(self, "nu", float(nu))

    @property
    def name(self) -> str:
        return f"student-t:{number_text(self.nu)}"

    def draw(self, rng: np.random.Generator, count: int, dim: int) -> Float[np.ndarray, "P N"]:
        return rng.standard_t(self.nu, (count, dim)) * np.sqrt((self.nu - 2.0) / self.nu)


@dataclass(frozen=True)
class Correlated:
    """Gaussian entries with correlation r^|i - j|, |r| < 1: a stationary chain of order one.

    x = L g with g ~ N(0, I): x_0 = g_0 and x_i = r x_{i-1} + sqrt(1 - r^2) g_i.
    """

    r: float | int = 0.9

    def __post_init__(self) -> None:
        r = check_real("R of correlated", self.r, -1.0, 1.0, low_open=True, high_open=True)
        object.__setattr__(self, "r", float(r))

    @property
    def name(self) -> str:
        return f"correlated:{number_text(self.r)}"

    def draw(self, rng: np.random.Generator, count: int, dim: int) -> Float[np.ndarray, "P N"]:
        return self._chain(rng.standard_normal((count, dim)) * self._scale(dim))

    def whitened(self, J: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        """L^T J, the same recursion backwards: J.x = (L^T J).g."""
        return self._chain(J[None, ::-1])[0, ::-1] * self._scale(len(J))

    def _scale(self, dim: int) -> Float[np.ndarray, " N"]:
        scale = np.full(dim, np.sqrt(1.0 - self.r**2))
        scale[0] = 1.0
        return scale

    def _chain(self, steps: Float[np.ndarray, "P N"]) -> Float[np.ndarray, "P N"]:
        """Along each row: x_i = r x_{i-1} + step_i."""
        from scipy.signal import lfilter  # takes a third of a second to import

        return np.asarray(lfilter([1.0], [1.0, -self.r], steps, axis=1))


Inputs = Gaussian | Signs | StudentT | Correlated
_MAKERS = {"gaussian": Gaussian, "signs": Signs, "student-t": StudentT, "correlated": Correlated}


def as_inputs(inputs: Any, argument: str = "inputs") -> Inputs:
    """A distribution from its object or its text: gaussian, signs, student-t:NU, correlated:R.

    Without a number student-t has NU = 5 and correlated R = 0.9.  Raises `InputError`, which calls
    the choice `argument`, for anything else.
    """
    if isinstance(inputs, Inputs):
        return inputs
    return read_choice(argument, inputs, _MAKERS, GRAMMAR)


def cosine(inputs: Inputs, one: Float[np.ndarray, " N"], two: Float[np.ndarray, " N"]) -> float:
    """Correlation of the fields of two directions."""
    a, b = inputs.whitened(one), inputs.whitened(two)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def field_angle(
    inputs: Inputs, one: Float[np.ndarray, " N"], two: Float[np.ndarray, " N"]
) -> float:
    """Angle of two directions in the metric of the covariance, in [0, pi] radians.

    Half-angle form: all digits of small angles, where arccos of the correlation loses half.
    """
    a, b = inputs.whitened(one), inputs.whitened(two)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(2.0 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b)))
