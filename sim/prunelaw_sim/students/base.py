"""What a student is to a simulation: a text, a training with a certificate, a theory or none."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.keep import KeepRule
from prunelaw_sim.common.text_forms import number_text
from prunelaw_sim.common.threads import cores, one_lapack_thread

GAP_LIMIT = 1e-9  # a student above this relative gap is not certified

Rows = list[Float[np.ndarray, "_ N"]]


class Students(NamedTuple):
    """Students of a batch of trials: unit directions, smallest margins, certificates."""

    J: Float[np.ndarray, "batch N"]
    kappa: Float[np.ndarray, " batch"]
    relative_gap: Float[np.ndarray, " batch"]
    converged: Bool[np.ndarray, " batch"]


class Student(ABC):
    """The base of all students; a subclass is a frozen dataclass of its parameters.

    Attributes:
        form: the grammar of its text, as "ridge:LAMBDA".
        needs_separable: whether it exists on separable data alone.
    """

    form: ClassVar[str]
    needs_separable: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """Its text, which reads back."""

    @abstractmethod
    def train(self, rows: Rows, drawn: int, width: int) -> Students:
        """Students of the kept rows y x of several trials, of `drawn` examples before pruning.

        `width` is at least the number of rows of a trial, and the same at all trials of a point.
        """

    def has_theory(self, rule: KeepRule) -> bool:
        """Whether `theory` knows this student with this rule."""
        return False

    def theory(self, alpha_tot: Any, f: Any, theta: Any, rule: KeepRule) -> Any:
        """The theory's student, with an `error`, as N -> inf; f is None where the rule implies it.

        Called where `has_theory` says so.
        """
        raise NotImplementedError

    def check_noise(self, label_noise: float) -> None:
        """Raises `InputError` for flipped labels where the student needs separable data."""
        if self.needs_separable and label_noise > 0.0:
            raise InputError(
                f"label_noise must be 0 for student {self.name}, got {label_noise:g}: examples "
                "with flipped labels are not separable in general, so that it does not exist; "
                "take a student with a penalty, as ridge:0.01 or logistic:0.01"
            )


@dataclass(frozen=True)
class Penalised(Student):
    """A student that minimises a sum over its rows and a penalty; one `minimum` a trial.

    Sums run over the kept rows x (label times input) and are divided by n = round(alpha_tot N), the
    examples before pruning, so that LAMBDA means the same whatever is kept.  An objective F that
    is mu-strongly convex lets any w prove F(w) - min F <= |grad F(w)|^2 / (2 mu): the certificate
    is this bound over F(w), recomputed on all rows after training.
    """

    penalty: float | int

    def __post_init__(self) -> None:
        kind, _, letter = self.form.partition(":")
        checked = check_real(f"{letter} of student {kind}", self.penalty, 0.0, low_open=True)
        object.__setattr__(self, "penalty", float(checked))

    @property
    def name(self) -> str:
        return f"{self.form.partition(':')[0]}:{number_text(self.penalty)}"

    @abstractmethod
    def minimum(
        self, rows: Float[np.ndarray, "K N"], drawn: int
    ) -> tuple[Float[np.ndarray, " N"], float]:
        """The w of least objective, and its proven relative gap."""

    def train(self, rows: Rows, drawn: int, width: int) -> Students:
        return train_each(lambda one: self.minimum(one, drawn), rows)


def train_each(
    solve: Callable[[Float[np.ndarray, "K N"]], tuple[np.ndarray, float]], rows: Rows
) -> Students:
    """One student a core, from (w, gap) of each; directions normalised, margins on all rows."""
    with one_lapack_thread(), ThreadPoolExecutor(cores()) as pool:
        solved = list(pool.map(solve, rows))
    J = np.stack([w / np.linalg.norm(w) for w, _ in solved])
    gap = np.array([gap for _, gap in solved])
    kappa = np.array([np.min(one @ direction) for one, direction in zip(rows, J, strict=True)])
    return Students(J, kappa, gap, gap <= GAP_LIMIT)
