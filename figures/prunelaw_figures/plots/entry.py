"""What a figure of the gallery is: a name, parameters, a caption that states them, two functions.

A module of `prunelaw_figures.plots` holds the figure's function and, as `ENTRIES`, what of it is in
the gallery.  `compute` turns parameters into arrays, which are kept; `draw` turns the arrays into a
figure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prunelaw.errors import ConvergenceError, InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Parameters = Mapping[str, Any]  # numbers, texts, and lists of them: what JSON can hold
Results = Mapping[str, np.ndarray]  # no objects: an npz file can hold them
Progress = Callable[[int, int], None]
PRUNING, DECAY, REAL = "The pruned perceptron", "Utility decay", "Real data, and simulation"


@dataclass(frozen=True)
class Work:
    """What `compute` may need beside its parameters: the data given, and whom to tell."""

    source: Path | None = None
    progress: Progress | None = None

    @property
    def data(self) -> Path:
        """The data given; `InputError` if none were."""
        if self.source is None:
            raise InputError("this figure needs data, which were not given")
        return self.source


@dataclass(frozen=True, eq=False)
class Entry:
    """One figure of the gallery.

    Attributes:
        name: of its files, and on the command line.
        caption: text with a field of `str.format` for every parameter.
        parameters: what results depend on.
        draw: the figure, from parameters and results.
        compute: what of it is worth keeping; nothing where it is drawn in a moment.
        part: the heading it stands under.
        given: the option of the command that names its data, "" where it needs none.
        numbers: raise it when the same parameters give other numbers: kept results are refused.
    """

    name: str
    caption: str
    parameters: Parameters
    draw: Callable[[Parameters, Results], "Figure"]
    compute: Callable[[Parameters, Work], Results] = lambda p, work: {}
    part: str = "Others"
    given: str = ""
    numbers: int = 1

    def text(self) -> str:
        """The caption, with the parameters in it."""
        shown = {name: _shown(value) for name, value in self.parameters.items()}
        return self.caption.format(**shown).strip()


class _List(list):
    """A list that reads as `0, 5, 10` in a caption."""

    def __format__(self, spec: str) -> str:
        return ", ".join(v if isinstance(v, str) else format(v, spec or "g") for v in self)


def _shown(value: Any) -> Any:
    return _List(value) if isinstance(value, list | tuple) else value


# --- what entries share ----------------------------------------------------------------------


def grid(ends: Sequence[float]) -> np.ndarray:
    """[low, high, count] as numbers in equal ratios."""
    return np.geomspace(ends[0], ends[1], int(ends[2]))


def check_solved(what: str, converged: Any) -> None:
    """`ConvergenceError` unless every point was solved."""
    bad = int(np.size(converged) - np.sum(converged))
    if bad:
        raise ConvergenceError(f"{what}: {bad} of {np.size(converged)} points were not solved")


# --- tables as results ------------------------------------------------------------------------


def table_arrays(name: str, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The columns as arrays `name.column`; texts as such, never as objects."""
    arrays = {}
    for column in table.columns:
        values = table[column].to_numpy()
        arrays[f"{name}.{column}"] = values.astype(str) if values.dtype == object else values
    return arrays


def table_of(name: str, results: Results) -> pd.DataFrame:
    """The table that `table_arrays` took apart."""
    start = f"{name}."
    columns = {key[len(start) :]: v for key, v in results.items() if key.startswith(start)}
    return pd.DataFrame(columns)
