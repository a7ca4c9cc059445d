"""Which rows are final results: one rule for every format.

Left out, and counted: rows that `where` does not name, trials and runs whose state says that they
did not finish, rows of a log without the measurement, points before training.  Asked about: rows
without a value, runs that diverged, an epoch 0, a log whose steps go back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.tables.columns import AXIS, Column, Where, series
from prunelaw_sim.tables.points_of_runs import ORDER, Dropped, of_run
from prunelaw_sim.tables.questions import option

BLANK = {"", "na", "n/a", "#n/a", "<na>", "none", "null", "-", "--"}
STATE = re.compile(r"(?:^|[._ /])(?:trial|run|job)?[_ ]?(?:state|status)$|jobstatus$", re.I)
FINISHED = {
    "complete", "completed", "finished", "terminated", "succeeded", "success", "ok", "done",
}  # fmt: skip
UNFINISHED = {
    "pruned", "fail", "failed", "failure", "running", "waiting", "pending", "crashed", "killed",
    "error", "errored", "scheduled", "early_stopped", "stopped", "stopping", "abandoned",
    "canceled", "cancelled", "user_canceled", "sys_canceled", "timeout", "timed_out", "invalid",
    "paused", "preempted", "preempting", "queued", "submitted", "idle", "interrupted", "aborted",
    "candidate", "staged", "oom", "out_of_memory", "active", "deleted",
}  # fmt: skip
FLAG = re.compile(
    r"(?:^|[._ /])(?:is_|has_)?(?:(diverged|crashed|failed)|finished|completed)$", re.I
)
RAW = "(axis)"  # a column of steps or epochs that nobody mapped, to look along a log


def chosen_rows(
    cells: pd.DataFrame,
    where: Mapping[str, str],
    columns: Mapping[str, str],
    source: str,
    header: Sequence[str],
) -> tuple[pd.DataFrame, list[Dropped]]:
    """The rows that hold what `where` says, then those whose state is no other than finished.

    `where` names columns of the file, or canonical ones that `columns` maps.

    Raises:
        TableError: for a column that is not there, values that no row has, a state that is unknown
            beside known ones, and no row left.
    """
    dropped: list[Dropped] = []
    for asked, wanted in where.items():
        name = asked if asked in cells else columns.get(asked, asked)
        if name not in cells:
            raise TableError(
                f"{source}: where names {name!r}, which is no column ({option(where=None)}); "
                f"present: {', '.join(header)}"
            )
        texts = _texts(series(cells, name))
        good = _among(texts, wanted)
        if not good.any():
            known = ", ".join(sorted(set(texts))[:20])
            raise TableError(
                f"{source}: {name}={wanted!r} leaves no row ({option(where=None)}); {name!r} "
                f"holds: {known}"
            )
        if not good.all():
            dropped.append((int((~good).sum()), f"{name} is not {wanted}"))
        cells = cells.loc[good]
    for name in [n for n in map(str, cells) if STATE.search(n) and n not in where]:
        cells, lost = _finished(cells, name, source)
        dropped += lost
    for name in [n for n in map(str, cells) if FLAG.search(n) and n not in where]:
        cells, lost = _unflagged(cells, name)
        dropped += lost
    return cells, dropped


def _texts(cells: pd.Series) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in cells.tolist()]


def _among(texts: Sequence[str], wanted: str) -> np.ndarray:
    """Which texts are the wanted one, or one of several with commas; numbers by their value."""
    whole = np.array([_same(text, wanted) for text in texts], dtype=bool)
    if whole.any() or "," not in wanted:
        return whole
    parts = [part.strip() for part in wanted.split(",")]
    return np.array([any(_same(text, part) for part in parts) for text in texts], dtype=bool)


def _same(text: str, wanted: str) -> bool:
    if text == wanted or (wanted.lower() in ("true", "false") and text.lower() == wanted.lower()):
        return True
    try:
        return float(text) == float(wanted)
    except ValueError:
        return False


def _finished(cells: pd.DataFrame, name: str, source: str) -> tuple[pd.DataFrame, list[Dropped]]:
    """The rows whose state is a finished one, if the column speaks of states at all."""
    places, first = pd.factorize(pd.Series(_texts(series(cells, name)), dtype=object))
    own = [str(text) for text in first]
    texts = [text.rpartition(".")[2].lower().replace(" ", "_") for text in own]
    known = {text for text in texts if text in FINISHED | UNFINISHED}
    odd = sorted(own[i] for i, text in enumerate(texts) if text and text not in known)
    if not known or (odd and not known & {"complete", "completed", "finished", "failed", "fail"}):
        return cells, []
    if odd:
        raise TableError(
            f"{source}, column {name!r}: are runs that are {', '.join(odd[:10])} finished? Say "
            f"which ones count: {option(where={name: '...'})}"
        )
    is_good = np.array([text in FINISHED for text in texts], dtype=bool)
    if is_good.all():
        return cells, []
    good = is_good[places]
    states = ", ".join(sorted(own[i] or "empty" for i in np.flatnonzero(~is_good)))
    if not good.any():
        raise TableError(
            f"{source}, column {name!r}: no run is finished: {states} "
            f"({option(where={name: '...'})} takes others)"
        )
    return cells.loc[good], [(int((~good).sum()), f"of runs that are not finished: {states}")]


def _unflagged(cells: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[Dropped]]:
    """The rows without the flag diverged, crashed or failed, or with finished or completed."""
    texts = [text.lower() for text in _texts(series(cells, name))]
    if not set(texts) <= {"true", "false"} or len(set(texts)) < 2:
        return cells, []
    found = FLAG.search(name)
    wanted = "false" if found and found[1] else "true"
    good = np.array([text == wanted for text in texts], dtype=bool)
    return cells.loc[good], [(int((~good).sum()), f"{name} is not {wanted}")]


def is_blank(cell: Any) -> bool:
    """Whether nothing stands in a cell; NaN is no blank."""
    return (
        cell is None or cell is pd.NA or (isinstance(cell, str) and cell.strip().lower() in BLANK)
    )


def is_log(header: Sequence[str]) -> bool:
    """Whether a table has a column of steps or epochs: rows of training lie among the others.

    The canonical `epochs` is none of them: a table of runs has it, too.
    """
    return any(AXIS.search(name) and name != "epochs" for name in header)


def with_values(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    drop: Sequence[str],
    log: bool,
    where: Where,
) -> tuple[pd.DataFrame, list[Dropped]]:
    """The rows that have a finite measurement and all else; in a log, training rows are dropped.

    Raises:
        TableError: for a missing value, or one that is not finite, that `drop` does not name.
    """
    measured = "accuracy" if "accuracy" in frame else "error"
    dropped: list[Dropped] = []
    blank = _blanks(series(frame, measured))
    if log and blank.all():
        raise TableError(f"{where.source}: {where.column(measured)} is empty in all rows")
    if log and blank.any():
        own = where.names.get(measured, measured)
        dropped.append((int(blank.sum()), f"without a value of {own!r}"))
        frame = frame.loc[~blank]
    frame, lost = _without_diverged(frame, columns[measured], drop, where)
    dropped += lost
    for name in [n for n in frame if n != RAW]:  # what nobody mapped may be missing
        cells = series(frame, name)
        blank = _blanks(cells) | _nans(cells, columns.get(str(name)))
        if not blank.any():
            continue
        if "missing" not in drop:
            at = int(np.flatnonzero(blank)[0])
            raise TableError(
                f"{where.cell(cells, at, name)}: must be {columns[name].allowed}, got "
                f"{cells.iloc[at]!r}; {int(blank.sum())} of {len(blank)} rows have no value here: "
                f"leave them out by {option(drop='missing')}, or choose rows by "
                f"{option(where={'COLUMN': 'VALUE'})}",
                {"drop": "missing"},
            )
        dropped.append((int(blank.sum()), f"without a value of {where.names.get(name, name)!r}"))
        frame = frame.loc[~blank]
        if not len(frame):
            raise TableError(f"{where.source}: no row has a value in every column of use")
    return frame, dropped


def _blanks(cells: pd.Series) -> np.ndarray:
    if cells.dtype == np.float64:
        return np.zeros(len(cells), dtype=bool)
    return np.array([is_blank(cell) for cell in cells.tolist()], dtype=bool)


def _nans(cells: pd.Series, column: Column | None) -> np.ndarray:
    """Where a column of numbers says nan, which is its writer's word for a missing one."""
    if column is None or column.kind == "text":
        return np.zeros(len(cells), dtype=bool)
    if cells.dtype == np.float64:
        return np.isnan(cells.to_numpy())
    texts = (cell.strip().lower() if isinstance(cell, str) else cell for cell in cells.tolist())
    return np.array([cell == "nan" or cell != cell for cell in texts], dtype=bool)


def _without_diverged(
    frame: pd.DataFrame, column: Column, drop: Sequence[str], where: Where
) -> tuple[pd.DataFrame, list[Dropped]]:
    """Without runs whose measurement is NaN or infinite anywhere: they have no final point."""
    measured = column.name
    cells = series(frame, measured)
    if cells.dtype == np.float64:
        bad = ~np.isfinite(cells.to_numpy())
    else:
        bad = np.array([_not_finite(cell) for cell in cells.tolist()], dtype=bool)
    if not bad.any():
        return frame, []
    if "diverged" in drop:
        words = "of runs that diverged"
        if "run" in frame:
            keys = of_run(frame)
            runs = pd.MultiIndex.from_arrays([frame[key].astype(str) for key in keys])
            bad = runs.isin(runs[bad])
    elif "missing" in drop:
        words = f"without a finite value of {where.names.get(measured, measured)!r}"
    else:
        at = int(np.flatnonzero(bad)[0])
        raise TableError(
            f"{where.cell(cells, at, measured)}: must be {column.allowed}, got {cells.iloc[at]!r}; "
            f"did the run diverge? Leave such runs out by {option(drop='diverged')}; where it "
            f"only says that nothing was measured, such rows by {option(drop='missing')}",
            {} if bad.all() else {"drop": "diverged"},
        )
    if bad.all():
        raise TableError(f"{where.source}: no row is left: all are {words}")
    return frame.loc[~bad], [(int(bad.sum()), words)]


def _not_finite(cell: Any) -> bool:
    try:
        return not isinstance(cell, bool) and not is_blank(cell) and not np.isfinite(float(cell))
    except (TypeError, ValueError, OverflowError):
        return False


def after_start(
    frame: pd.DataFrame, zero: str | None, where: Where
) -> tuple[pd.DataFrame, list[Dropped], list[str]]:
    """Rows after training began: where samples seen, steps and epochs are 0 it had not.

    Raises:
        TableError: for an epoch 0, where `zero` does not say what it is.
    """
    dropped: list[Dropped] = []
    notes: list[str] = []
    for name in ("samples_seen", "step", "epochs", RAW):
        cells = series(frame, name) if name in frame else pd.Series(dtype=float)
        values = np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)
        at_0 = values == 0.0
        if not at_0.any():
            continue
        own = where.names.get(name, name)
        if zero == "done" and name != "samples_seen":
            frame = frame.assign(**{name: values + 1.0})
            notes.append(f"column {own!r} counts from 0: 1 is added")
            continue
        if zero is None and (name == "epochs" or (name == RAW and "step" not in own.lower())):
            asked = (
                f"{where.source}, {where.row} {cells.index[int(np.flatnonzero(at_0)[0])]}, column "
                f"{own!r}: 0 is before training, or the first one done? Say "
                f"{option(zero='before')} (such rows are left out) or "
                f"{option(zero='done')} (1 is added)"
            )
            if name == "epochs":
                raise TableError(asked)
            notes.append(asked)
            continue
        if not at_0.all():
            dropped.append((int(at_0.sum()), f"before training, at {own} 0"))
            frame = frame.loc[~at_0]
    return frame, dropped, notes


def raw_axis(cells: pd.DataFrame, names: Mapping[str, str]) -> str | None:
    """The column of steps or epochs, where no canonical one says how far a run is."""
    if {"step", "epochs", "samples_seen"} & set(names):
        return None
    found = [str(name) for name in cells if AXIS.search(str(name))]
    return min(found, key=lambda name: "step" not in name.lower()) if found else None


def after_restarts(
    frame: pd.DataFrame, restarts: str | None, log: bool, where: Where
) -> tuple[pd.DataFrame, list[Dropped], list[str]]:
    """Logs whose steps go back: resumed from a checkpoint, a second run appended, or in no order.

    "resumed": later rows replace the earlier ones from where they begin; "separate": each part is a
    run of its own; "unordered": nothing is done.

    Raises:
        TableError: for a run of a log whose steps go back, where `restarts` does not say why.
    """
    by = next((name for name in ("step", "epochs", RAW, *ORDER) if name in frame), None)
    of_runs = by == "samples_seen" or (restarts is None and by == "epochs" and "run" not in frame)
    if by is None or restarts == "unordered" or (of_runs and not log):
        return frame, [], []
    part, back = _parts(frame, by)
    if not back.size:
        return frame, [], []
    if restarts is None:
        asked = _asked(frame, by, part, int(back[0]), where)
        if "run" in frame:
            raise TableError(asked)
        return frame, [], [asked]
    if restarts == "separate":
        runs = frame["run"].astype(str) if "run" in frame else pd.Series("run", frame.index)
        names = [run if p == 0 else f"{run} ({p + 1})" for run, p in zip(runs, part, strict=True)]
        return frame.assign(run=names), [], ["a log whose steps go back is taken as several runs"]
    again = _replaced(frame, by, part)
    words = "replaced by later rows of a run that was resumed"
    return frame.loc[~again], [(int(again.sum()), words)], []


def _parts(frame: pd.DataFrame, by: str) -> tuple[np.ndarray, np.ndarray]:
    """Which part of its run a row is in, counted from 0; and the rows that begin a later part.

    A run that only goes back is written from its end, which is an order.
    """
    values = _along(frame, by)
    part = np.zeros(len(frame), dtype=int)
    begins = []
    for rows in _runs(frame):
        rise = np.diff(values[rows])
        if (rise < 0).any() and (rise > 0).any():
            part[rows[1:]] = np.cumsum(rise < 0)
            begins += list(rows[1:][rise < 0])
    return part, np.array(sorted(begins), dtype=int)


def _along(frame: pd.DataFrame, by: str) -> np.ndarray:
    return np.asarray(pd.to_numeric(series(frame, by), errors="coerce"), dtype=np.float64)


def _runs(frame: pd.DataFrame) -> list[np.ndarray]:
    keys = of_run(frame)
    if not keys:
        return [np.arange(len(frame))]
    groups = frame.groupby(keys, sort=False, dropna=False)
    return [np.asarray(rows) for rows in groups.indices.values() if len(rows) > 1]


def _replaced(frame: pd.DataFrame, by: str, part: np.ndarray) -> np.ndarray:
    """Rows at or beyond the first point of a later part of their run."""
    values = _along(frame, by)
    again = np.zeros(len(frame), dtype=bool)
    for rows in _runs(frame):
        lowest = np.inf
        for p in range(int(part[rows].max()), -1, -1):
            mine = rows[part[rows] == p]
            again[mine] = values[mine] >= lowest
            lowest = min(lowest, float(values[mine].min()))
    return again


def _asked(frame: pd.DataFrame, by: str, part: np.ndarray, at: int, where: Where) -> str:
    cells, along = series(frame, by), _along(frame, by)
    before = next(
        int(rows[np.flatnonzero(rows == at)[0] - 1]) for rows in _runs(frame) if at in rows
    )
    run = f" of run {frame['run'].iloc[at]!r}" if "run" in frame else ""
    return (
        f"{where.source}, {where.row} {cells.index[at]}, column {where.names.get(by, by)!r}: the "
        f"log{run} goes back from {along[before]:g} to {along[at]:g}: was it resumed, so that "
        f"later rows replace earlier ones ({option(restarts='resumed')}), is this another run "
        f"({option(restarts='separate')}), or are rows in no order "
        f"({option(restarts='unordered')})?"
    )
