"""The columns and rows of a table that a law is fitted to, checked; messages name the row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import InputError, TableError

ONE_GROUP = ""  # the name of the only group of a table without the column


@dataclass(frozen=True, eq=False)
class Rows:
    """What utility decay reads: samples, pools and groups; `sizes`: where each τ is quoted."""

    samples_seen: Float[np.ndarray, " rows"]
    unique_samples: Float[np.ndarray, " rows"]
    pool: Int[np.ndarray, " rows"]
    group: Int[np.ndarray, " rows"]
    sizes: Mapping[str, float]
    """name of a pool → the smallest `unique_samples` among the fitted rows"""
    groups: tuple[str, ...]

    @classmethod
    def read(cls, frame: pd.DataFrame, like: Rows | None = None) -> Rows:
        """Check and take the columns; pools and groups are those of `like`, or the frame's own."""
        require_columns(frame, "pool", "unique_samples", "samples_seen")
        seen = number_column(frame, "samples_seen", low_open=True)
        unique = number_column(frame, "unique_samples", low_open=True)
        pools = [str(name) for name in frame["pool"]]
        groups = _groups(frame, like)
        known = like.sizes if like else _smallest(pools, unique)
        among = like.groups if like else tuple(dict.fromkeys(groups))
        return cls(
            seen,
            unique,
            _places(frame, "pool", pools, tuple(known)),
            _places(frame, "group", groups, among),
            known,
            among,
        )


def measured(
    frame: pd.DataFrame,
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """The errors and their weights: 1/error_se where the table has it, else 1."""
    require_columns(frame, "error")
    error = number_column(frame, "error", low_open=False)
    if not has_error_bars(frame):
        return error, np.ones_like(error)
    return error, 1.0 / number_column(frame, "error_se", low_open=True)


def has_error_bars(frame: pd.DataFrame) -> bool:
    """Whether the table says how uncertain its errors are."""
    return "error_se" in frame and not bool(frame["error_se"].isna().all())


def refuse_repeated_runs(frame: pd.DataFrame) -> None:
    """`TableError` for a run that is listed twice at the same number of samples seen."""
    keys = [n for n in ("group", "metric", "run", "pool", "samples_seen", "seed") if n in frame]
    if "run" not in keys:
        return
    twice = frame.duplicated(keys, keep=False).to_numpy()
    if twice.any():
        first = int(np.flatnonzero(twice)[0])
        same = (frame[keys] == frame[keys].iloc[first]).all(axis=1).to_numpy()
        second = int(np.flatnonzero(same)[1])
        seen = "samples_seen"
        at = f" at {frame[seen].iloc[second]:g} samples seen" if seen in frame else ""
        raise TableError(
            f"row {frame.index[second]}, column run: {frame['run'].iloc[second]!r}{at} is already "
            f"in row {frame.index[first]}; a run counts once (give replicates a `seed`)"
        )


def require_columns(frame: pd.DataFrame, *names: str) -> None:
    """`TableError` for the first that the table lacks."""
    for name in names:
        if name not in frame:
            raise TableError(f"column {name} is missing; the table has {list(frame.columns)}")


def rows_to_fit(
    frame: pd.DataFrame, group: str | None, together: bool, above: Any, by: str = "samples_seen"
) -> tuple[pd.DataFrame, Bool[np.ndarray, " rows"]]:
    """The rows of the chosen group, every run once, and which of them are fitted.

    Rows with more than `above` in the column `by` are held out.  Raises `InputError` for a group
    that must be named or is not there, no rows, nothing held out or nothing left; `TableError`.
    """
    table = _of_group(frame, group, together)
    refuse_repeated_runs(table)
    if table.empty:
        raise InputError("the table has no rows to fit")
    if above is None:
        return table, np.ones(len(table), dtype=bool)
    limit = float(check_real("hold_out_above", above, 0.0, low_open=True))
    require_columns(table, by)
    fitted = number_column(table, by, low_open=True) <= limit
    if fitted.all() or not fitted.any():
        what = "above" if fitted.all() else "at or below"
        raise InputError(f"hold_out_above {limit:g} leaves no row {what} it in {by}")
    return table, fitted


def number_column(frame: pd.DataFrame, name: str, low_open: bool) -> Float[np.ndarray, " rows"]:
    """A column as finite numbers ≥ 0 (> 0 with `low_open`); `TableError` names the row."""
    column: Any = frame[name]
    if column.dtype.kind not in "fiu":  # texts and objects: what is no number becomes NaN
        column = pd.to_numeric(column, errors="coerce")
    values = np.array(column, dtype=np.float64)
    good = np.isfinite(values) & ((values > 0.0) if low_open else (values >= 0.0))
    if not good.all():
        i = int(np.flatnonzero(~good)[0])
        allowed = "(0, inf)" if low_open else "[0, inf)"
        raise TableError(
            f"row {frame.index[i]}, column {name}: must be a number in {allowed}, "
            f"got {frame[name].iloc[i]!r}"
        )
    return values


def _of_group(frame: pd.DataFrame, group: str | None, together: bool) -> pd.DataFrame:
    if group is None and ("group" not in frame or together):
        return frame
    if "group" not in frame:
        raise TableError(f"column group is missing, but group {group!r} was asked for")
    names = [str(name) for name in frame["group"].unique()]
    if group is None and len(names) > 1:
        raise InputError(
            f"a law holds for one group: choose group from {', '.join(names)}, or fit together"
        )
    if group is not None:
        check_choice("group", group, names)
        return frame.loc[frame["group"].astype(str) == group]
    return frame


def _groups(frame: pd.DataFrame, like: Rows | None) -> list[str]:
    if "group" in frame:
        return [str(name) for name in frame["group"]]
    if like is None or len(like.groups) == 1:
        return [like.groups[0] if like else ONE_GROUP] * len(frame)
    raise TableError(f"column group is missing; it must be one of {list(like.groups)}")


def _smallest(pools: list[str], unique: Float[np.ndarray, " rows"]) -> dict[str, float]:
    sizes = dict.fromkeys(pools, math.inf)
    for name, size in zip(pools, unique.tolist(), strict=True):
        sizes[name] = min(sizes[name], size)
    return sizes


def _places(
    frame: pd.DataFrame, column: str, names: list[str], known: tuple[str, ...]
) -> Int[np.ndarray, " rows"]:
    place = {name: i for i, name in enumerate(known)}
    for row, name in zip(frame.index, names, strict=True):
        if name not in place:
            raise TableError(f"row {row}: {column} must be one of {list(known)}, got {name!r}")
    return np.array([place[name] for name in names], dtype=np.int64)
