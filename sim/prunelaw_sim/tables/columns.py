"""The columns of a sweep: meaning, unit, allowed range, and the checks that enforce them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from prunelaw.checks import describe_range
from prunelaw.errors import TableError
from prunelaw_sim.common.visible import from_spreadsheet_cell, visible


@dataclass(frozen=True)
class Column:
    """One canonical column.  `kind` is "text", "real" or "integer" (stored as float64)."""

    name: str
    kind: str
    meaning: str
    unit: str = ""
    low: float = -np.inf
    high: float = np.inf
    low_open: bool = False

    @property
    def allowed(self) -> str:
        """What a cell may hold, in words."""
        if self.kind == "text":
            return "a non-empty text"
        number = "an integer" if self.kind == "integer" else "a finite number"
        return f"{number} in {describe_range(self.low, self.high, self.low_open)}"


def _count(name: str, meaning: str, unit: str) -> Column:
    return Column(name, "real", meaning, unit, low=0.0, low_open=True)


# Counts are real numbers: samples seen are billions, and effective sizes need not be whole.
COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("run", "text", "name of the training run"),
        Column("group", "text", "architecture or experiment: rows that share one law"),
        Column("pool", "text", "distribution that the data were drawn from"),
        _count("unique_samples", "what training could see, after pruning", "samples"),
        _count("samples_seen", "what training did see, repeats included", "samples"),
        _count("epochs", "samples_seen / unique_samples", "passes"),
        _count("dataset_size", "samples before pruning, P", "samples"),
        Column("keep_fraction", "real", "fraction KEPT, f", low=0.0, high=1.0, low_open=True),
        Column("rule", "text", "keep rule: hard, easy, random, ..."),
        Column("score", "text", "what the rule ranks by: margin, el2n, ..."),
        Column("error", "real", "test error or loss, as `metric` says", low=0.0),
        Column("error_se", "real", "standard error of `error`", low=0.0),
        Column("metric", "text", "what `error` is; a loss says so in its name"),
        Column("seed", "integer", "seed of the run", low=0.0),
        _count("parameters", "size of the model", "parameters"),
        _count("compute", "total compute of training", "any one: GMACs, FLOPs, ..."),
        _count("batch_size", "samples of one step of training", "samples"),
        Column("theta", "real", "angle of probe to teacher", "radians", low=0.0, high=np.pi / 2),
        Column("quantile_low", "real", "lowest score quantile of the pool", low=0.0, high=1.0),
        Column("quantile_high", "real", "highest score quantile of the pool", low=0.0, high=1.0),
    )
}
ACCURACY = Column("accuracy", "real", "1 - error, a fraction", low=0.0, high=1.0)
_TIME = re.compile(r"\d{4}-\d\d?-\d\d?|\d+:\d\d|\d+/\d+/\d+|(\d+ ?[dhms] ?){2}")
_NUMBER = re.compile(r"[$+-]*(?:\.?\d|nan\b|inf)", re.I)
_COMMA = re.compile(r"-?\d+,\d+$")
_SETTINGS = r"(?:config|cfg|args|params|hparams|hyper\w*|settings|options|user_attrs)[._/ ]"
AXIS = re.compile(  # where a log is; in what a run was told, `config.epochs`, it is a setting
    rf"^(?!(?:.*[._/ ])?{_SETTINGS})"
    r"(?:.*[._/ ])?(?:global_|current_|optimizer_|training_)?"
    r"(?:steps?|epochs?|iters?|iterations?)(?:_num|_idx)?$",
    re.I,
)
LOSS_WORDS = ("loss", "perplexity", "entropy", "nats", "bits")


def is_error_rate(metric: str) -> bool:
    """Whether values of this metric are probabilities; a loss says so: `LOSS_WORDS`."""
    return not any(word in metric.lower() for word in LOSS_WORDS)


def are_error_rates(metric: pd.Series) -> Bool[np.ndarray, " rows"]:
    """The same for the metric of every row."""
    places, names = pd.factorize(metric)
    return np.array([is_error_rate(str(name)) for name in names], dtype=bool)[places]


@dataclass(frozen=True)
class Where:
    """How messages name a cell: source, what a row is called, the source's own column names.

    The frame's index carries the row numbers (for a file: line numbers, header = line 1).
    """

    source: str
    row: str = "row"
    names: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """`column 'val_loss' (error)`, or `column 'error'` where the names agree."""
        own = self.names.get(name, name)
        return f"column {own!r}" if own == name else f"column {own!r} ({name})"

    def cell(self, cells: pd.Series, position: int, name: str) -> str:
        """`runs.csv, line 7, column 'error'`."""
        return f"{self.source}, {self.row} {cells.index[position]}, {self.column(name)}"

    def refuse(self, bad: Any, cells: pd.Series, name: str, words: Callable[[int], str]) -> None:
        """`TableError` at the first bad cell; `words` says what is wrong at its position."""
        if np.any(bad):
            position = int(np.flatnonzero(bad)[0])
            raise TableError(f"{self.cell(cells, position, name)}: {words(position)}")


class Place:
    """How messages call a row, where several rows lie in one place; equal to itself only.

    A line of a chart holds a point of each run, a task of an evaluation several measurements: rows
    are told apart by their place in the index.
    """

    def __init__(self, text: Any) -> None:
        self.text = text

    def __str__(self) -> str:
        return str(self.text)


def placed_apart(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells, no two rows under one entry of the index."""
    if cells.index.is_unique:
        return cells
    return cells.set_axis(pd.Index([Place(place) for place in cells.index], dtype=object))


def series(frame: pd.DataFrame, name: str) -> pd.Series:
    """One column of a frame, and for type checkers nothing else."""
    return cast(pd.Series, frame[name])


def check_column(cells: pd.Series, column: Column, where: Where) -> np.ndarray:
    """The cells as texts (objects) or float64; `TableError` names the first not allowed."""
    if column.kind == "text":
        return _check_text(cells, column, where)
    values = _numbers(cells)

    def words(i: int) -> str:
        hint = _hint(cells.iloc[i], values[i], column)
        return f"must be {column.allowed}, got {cells.iloc[i]!r}{hint}"

    where.refuse(~_in_range(values, column), cells, column.name, words)
    return values


def check_error_rates(error: pd.Series, metric: pd.Series, where: Where) -> None:
    """Errors of every metric that is not a loss are probabilities: at most 1."""
    where.refuse(
        are_error_rates(metric) & (error.to_numpy() > 1),
        error,
        "error",
        lambda i: (
            f"an error rate must be in [0, 1], got {error.iloc[i]:g}; divide percent by 100, "
            f"or, for a loss, give the metric a name with one of {', '.join(LOSS_WORDS)} "
            f"(it is {metric.iloc[i]!r})"
        ),
    )


def _check_text(cells: pd.Series, column: Column, where: Where) -> np.ndarray:
    known = {cell: _text(cell) for cell in set(cells.tolist())}
    texts = np.array([known[cell] for cell in cells.tolist()], dtype=object)
    missing = cells.isna().to_numpy(bool) | (texts == "")
    where.refuse(
        missing, cells, column.name, lambda i: f"must be {column.allowed}, got {cells.iloc[i]!r}"
    )
    return texts


def _text(cell: Any) -> str:
    """One text as it may be printed: control characters written out, a spreadsheet's guard gone."""
    return visible(from_spreadsheet_cell(str(cell).strip()))


def _numbers(cells: pd.Series) -> Float[np.ndarray, " rows"]:
    """float64 values; NaN for whatever is not a number."""
    if cells.dtype == np.float64:
        return cells.to_numpy()
    return np.array([_number(cell) for cell in cells.tolist()], dtype=np.float64)


def _number(cell: Any) -> float:
    # float() also takes "1_000", which is a typing error in a table, not a number.
    if isinstance(cell, bool | np.bool_) or (isinstance(cell, str) and "_" in cell):
        return np.nan
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def holds_numbers(cells: pd.Series) -> bool:
    """Whether any cell is a number, or begins like one, as 46.7±2.9 does; a time is none."""
    if cells.dtype == np.float64:
        return True
    found = (
        re.match(r"\s*[$+-]*(?:\.?\d|nan\b|inf)", str(c), re.IGNORECASE) for c in cells.tolist()
    )
    return any(
        mark and not _TIME.match(str(cell).strip()) and not isinstance(cell, bool)
        for mark, cell in zip(found, cells.tolist(), strict=True)
    )


def _in_range(values: Float[np.ndarray, " rows"], column: Column) -> Bool[np.ndarray, " rows"]:
    above = values > column.low if column.low_open else values >= column.low
    good = np.isfinite(values) & above & (values <= column.high)
    if column.kind == "integer":
        good &= values == np.round(values)
    return good


def _hint(raw: Any, value: float, column: Column) -> str:
    if column.name in ("accuracy", "keep_fraction", "pruned_fraction") and 1 < value <= 100:
        return f"; that looks like percent: divide it by 100, or write {value:g}%"
    text = str(raw).strip()
    if _TIME.match(text):
        return "; that looks like a time: is another column meant?"
    if not _COMMA.match(text):
        return ""
    either = f" or {text.replace(',', '')}" if re.search(r"[1-9]\d{0,2},\d{3}$", text) else ""
    return f"; a decimal comma? write {text.replace(',', '.')}{either}"
