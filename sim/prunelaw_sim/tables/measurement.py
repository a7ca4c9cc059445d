"""What a measured number is: error, accuracy or loss; a fraction or per cent.  Asked, not guessed.

A name may say what its values are (`val_acc`, `eval_loss`), and values that a name is wrong: an
error rate that rises with every sample seen is an accuracy, and 63.2 is no fraction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from prunelaw.errors import TableError
from prunelaw_sim.tables.columns import (
    ACCURACY,
    LOSS_WORDS,
    Column,
    Where,
    are_error_rates,
    check_column,
    is_error_rate,
    series,
)
from prunelaw_sim.tables.questions import option
from prunelaw_sim.tables.sweep import Sweep

_ACCURACY = re.compile(r"accuracy|recall|precision|(?<![a-z])(acc|top_?\d|f1|auc|auroc)(?![a-z])")
_ERROR = re.compile(r"error|perplexity|entropy|loss|(?<![a-z])(err|nll|ppl|mse|rmse)(?![a-z])")
ASKED_PAIRS = 6  # fewer pairs of runs say nothing on which way a column goes
RISING = 0.9  # part of pairs in which an error grows with the data: then it is asked about
ALIKE = ("group", "pool", "metric", "keep_fraction", "rule", "parameters")
MOST_ROWS = 300  # of a group, for the pairs; of all groups twenty times as many
_HELD_OUT = {
    "val", "valid", "validation", "test", "eval", "evaluation", "dev", "heldout", "holdout", "vali",
}  # fmt: skip
_TRAINING = {"train", "training"}
_COST = re.compile(r"(?:_se|_sem|_std|_stderr|_time|_ms|_seconds)$|loss_?scale|^best_loss_", re.I)


def kind_of(name: str) -> str | None:
    """ "accuracy" or "error" (a loss, too), if the name of a measurement says so, else None."""
    text = _lower(name)
    accuracy, error = bool(_ACCURACY.search(text)), bool(_ERROR.search(text))
    if accuracy == error:
        return None
    return "accuracy" if accuracy else "error"


def held_out_twins(name: str, header: Sequence[str]) -> list[str]:
    """Measurements of the same kind on held-out data, beside one that does not say on which.

    `val_accuracy` beside `accuracy`: the bare one is then of training.
    """
    words = _words(name)
    if words & (_HELD_OUT | _TRAINING):
        return []
    return [other for other in header if _words(other) & _HELD_OUT and _same_kind(name, other)]


def measurements(header: Iterable[str]) -> list[str]:
    """Columns whose names say that they hold an accuracy, an error or a loss; likeliest first."""
    found = [name for name in header if kind_of(name) and not _COST.search(name)]
    return ranked(found)


def ranked(names: Iterable[str]) -> list[str]:
    """Measurements, the one that is most likely meant first."""
    return sorted(names, key=_rank)


def _rank(name: str) -> tuple[bool, bool, bool, bool, bool]:
    """Held out before unnamed before training; test before validation; rates before losses."""
    text = name.lower()
    top_k = re.search(r"top_?([2-9]|\d\d)", text) is not None or "@5" in text
    return (
        bool(_words(name) & _TRAINING),
        not _words(name) & _HELD_OUT,
        not is_error_rate(text),
        "test" not in text,
        top_k,
    )


def _same_kind(name: str, other: str) -> bool:
    kind = kind_of(name)
    rates = is_error_rate(_lower(name)), is_error_rate(_lower(other))
    if kind is None or kind_of(other) is None or rates[0] != rates[1]:
        return False
    return rates[0] or _words(name) <= _words(other)


def _lower(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", _lower(name)))


def check_name(ours: str, theirs: str, measured: str | None, source: str) -> str:
    """`error` or `accuracy`, as the column is to be read; `TableError` if its name says otherwise.

    `measured`, what the caller says that it is, settles it.
    """
    if ours not in ("error", "accuracy"):
        return ours
    if measured is not None:
        return measured
    said = kind_of(theirs)
    if said is not None and said != ours:
        raise TableError(
            f"{source}: column {theirs!r} is mapped to {ours}, but its name says {said}: "
            f"say {option(measured=said)} or {option(measured=ours)}",
            {"measured": said},
        )
    return ours


def as_fractions(frame: pd.DataFrame, units: str | None, where: Where) -> pd.DataFrame:
    """The frame with error rates, accuracies and their standard errors in [0, 1]; losses stay.

    Raises:
        TableError: for values above 1 where the unit is not given.
    """
    name = "accuracy" if "accuracy" in frame else "error"
    raw = series(frame, name)
    values = np.asarray(pd.to_numeric(raw, errors="coerce"), dtype=np.float64)
    rate = np.ones(len(frame), dtype=bool)
    if "metric" in frame and name == "error":
        rate = are_error_rates(series(frame, "metric"))
    above = rate & (values > 1.0)
    if units is None and above.any() and not (rate & (values > 100.0)).any():
        raise _asked(raw, values, above, rate, name, where)
    if units != "percent":
        return frame
    changed = frame.copy()
    for column in (name, "error_se"):
        if column in frame:
            percent = Column(column, "real", "per cent", low=0.0, high=100.0)
            cells = series(frame, column)
            good = np.array(cells, dtype=object)
            good[rate] = check_column(cells.loc[rate], percent, where) / 100.0
            changed[column] = good
    return changed


def _asked(
    raw: pd.Series,
    values: Float[np.ndarray, " rows"],
    above: Bool[np.ndarray, " rows"],
    rate: Bool[np.ndarray, " rows"],
    name: str,
    where: Where,
) -> TableError:
    """Which units are these?  A column of both is named at the first cell of the other kind."""
    known = np.flatnonzero(rate & np.isfinite(values) & (values != 0.0))
    first = int(known[0])
    other = known[above[known] != above[first]]
    i = int(other[0]) if other.size else int(np.flatnonzero(above)[0])
    kinds = ("a fraction", "per cent")
    words = f"{where.cell(raw, i, name)}: {values[i]:g} looks like {kinds[int(above[i])]}"
    got = f"got {raw.iloc[i]!r}"
    if other.size:
        return TableError(
            f"{words}, but {where.row} {raw.index[first]} has {values[first]:g}, like "
            f"{kinds[int(above[first])]}: {got}; one column must be in one unit "
            f"({option(units='percent')} or {option(units='fraction')}, if it is)",
            {"units": "percent"},
        )
    loss = f"; a loss has a `metric` with one of {', '.join(LOSS_WORDS)}" if name == "error" else ""
    return TableError(
        f"{words}, and must be in [0, 1]: {got}; say what it is: {option(units='percent')} or "
        f"{option(units='fraction')}{loss}",
        {"units": "percent"},
    )


def as_errors(frame: pd.DataFrame, where: Where) -> pd.DataFrame:
    """error = 1 - accuracy, where there is an accuracy."""
    if "accuracy" not in frame:
        return frame
    error = 1 - check_column(series(frame, "accuracy"), ACCURACY, where)
    return frame.drop(columns="accuracy").assign(error=error)


def refuse_rising(sweep: Sweep, names: Mapping[str, str], measured: str | None) -> None:
    """`TableError` for error rates that grow with the data nearly everywhere: accuracies?"""
    by = next((n for n in ("samples_seen", "dataset_size") if n in sweep.columns), None)
    if measured is not None or by is None:
        return
    rising, falling = _trend(sweep, by)
    if rising + falling >= ASKED_PAIRS and rising >= RISING * (rising + falling):
        this, other = "error", "accuracy"
        if "accuracy" in names:
            this, other = other, this
        raise TableError(
            f"{sweep.source}, column {names.get(this, this)!r}: read as {this}, the error grows "
            f"with {by} in {rising} of {rising + falling} pairs of runs: is it {other}? Say "
            f"{option(measured=other)} or {option(measured=this)}"
        )


def _trend(sweep: Sweep, by: str) -> tuple[int, int]:
    """Pairs of runs alike but for more data, and no less of it unique: error up, error down."""
    step = 1 + len(sweep) // (20 * MOST_ROWS)
    names = [n for n in (*ALIKE, by, "unique_samples", "error") if n in sweep.columns]
    thin = pd.DataFrame({name: sweep[name][::step] for name in names})
    rates = thin.loc[are_error_rates(series(thin, "metric"))]
    keys = [name for name in ALIKE if name in rates]
    rising = falling = 0
    for _, part in rates.groupby(keys, sort=False):
        some = part.iloc[:: 1 + len(part) // MOST_ROWS]
        unique = some["unique_samples" if "unique_samples" in some else by]
        data, unique, error = (
            column.to_numpy(float) for column in (some[by], unique, some["error"])
        )
        more = (data[:, None] > data) & (unique[:, None] >= unique)
        rising += int((more & (error[:, None] > error)).sum())
        falling += int((more & (error[:, None] < error)).sum())
    return rising, falling
