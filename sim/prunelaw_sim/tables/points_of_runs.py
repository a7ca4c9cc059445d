"""Points of runs: warm-up cut off, final points, and measurements of one run that are repeated.

A run measured twice at one point is no replicate: replicates have seeds of their own, and only
their scatter says how uncertain an error is.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from prunelaw.checks import check_choice
from prunelaw.errors import InputError, TableError, spoken
from prunelaw_sim.common.amounts import amount_text, parse_amount
from prunelaw_sim.tables.columns import Where, series
from prunelaw_sim.tables.mapping import POINTS, REPEATS
from prunelaw_sim.tables.measurement import kind_of
from prunelaw_sim.tables.questions import option

ORDER = ("samples_seen", "step", "epochs")  # along a run, whichever is there
FAR = "(far)"
LEAST_POINTS = 3  # of a curve
Dropped = tuple[int, str]
UNIQUE = spoken("unique_samples=N", "--constant unique_samples=N")
BATCH = spoken("batch_size=N", "--batch-size N")


def with_samples(frame: pd.DataFrame, logged: bool, notes: list[str]) -> pd.DataFrame:
    """samples_seen = step * batch_size, unless samples or epochs of known size say it.

    `logged`: the format has epochs, which are of no use without the size of the data.
    """
    if logged and "unique_samples" not in frame and "epochs" in frame:
        frame = frame.drop(columns="epochs")
        notes.append(
            f"epochs are not used: give {spoken('unique_samples=N', '--constant unique_samples=N')}"
        )
    counted = "samples_seen" in frame or {"epochs", "unique_samples"} <= set(frame.columns)
    if "step" not in frame:
        return frame
    if counted:
        return _compared(frame, notes)
    if "batch_size" not in frame:
        notes.append(f"steps are not samples: give {BATCH}")
        return frame
    notes.append("computed samples_seen = step * batch_size")
    return frame.assign(samples_seen=frame["step"] * frame["batch_size"])


def _compared(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Steps beside samples: another ratio than 1 is said, and what may be behind it."""
    if "batch_size" not in frame:
        return frame
    epochs = "samples_seen" not in frame
    seen = frame["epochs"] * frame["unique_samples"] if epochs else frame["samples_seen"]
    ratio = float(np.median(seen / (frame["step"] * frame["batch_size"]).clip(lower=1.0)))
    if abs(ratio - 1) > 0.01:
        which = "epochs * unique_samples" if epochs else "samples_seen"
        notes.append(
            f"{which} are {ratio:.3g} times step * batch_size, and are used (several processes, "
            "accumulated gradients, a last batch that is not full?)"
        )
    return frame


def after_warmup(
    frame: pd.DataFrame, warmup: str | None, source: str
) -> tuple[pd.DataFrame, list[Dropped]]:
    """Rows from `warmup` on: "500 steps", or samples seen as "12.8M"."""
    if warmup is None:
        return frame, []
    steps = re.fullmatch(r"\s*(.+?)\s*steps?\s*", str(warmup))
    by = "step" if steps else "samples_seen"
    limit = parse_amount("warmup", steps[1] if steps else str(warmup).removesuffix("samples"))
    if by not in frame:
        raise InputError(
            f"{source}: warmup {warmup!r} needs {by}, which the table does not have; "
            f"present: {', '.join(map(str, frame.columns))}"
        )
    late = frame[by].to_numpy(float) >= limit
    if not late.any():
        raise InputError(
            f"{source}: warmup {warmup!r} leaves no row; {by} reaches "
            f"{amount_text(float(series(frame, by).max()))}"
        )
    words = f"before the end of warm-up, {amount_text(limit)} {by}"
    return frame.loc[late], [(int((~late).sum()), words)] if not late.all() else []


def chosen_points(
    frame: pd.DataFrame, points: str, source: str, axis: pd.Series | None = None
) -> tuple[pd.DataFrame, list[Dropped]]:
    """All rows, or those of every run that lie furthest along it.

    `axis`: how far a row is, in steps or epochs of the file, where no canonical column says it.
    """
    if check_choice("points", points, POINTS) == "all":
        return frame, []
    by = next((name for name in ORDER if name in frame), None)
    if "run" not in frame:
        raise InputError(
            f"{source}: {option(points='final')} needs the column 'run': "
            f"{option(columns={'run': '...'})}"
        )
    far = axis if by is None else frame[by]
    if far is None:
        return frame, []
    by = by or str(far.name)
    numbers = np.asarray(pd.to_numeric(far, errors="coerce"), dtype=np.float64)
    far = pd.Series(numbers, frame.index)
    last = far.groupby([frame[name] for name in of_run(frame)], sort=False).transform("max")
    kept = (far == last).to_numpy() | last.isna().to_numpy()
    words = f"points of a curve before the run's last {by} (points = all keeps them)"
    return frame.loc[kept], [(int((~kept).sum()), words)] if not kept.all() else []


def curve_notes(frame: pd.DataFrame, far: pd.Series | None = None) -> list[str]:
    """What to say where all points are taken because nobody chose; `far` as in `chosen_points`."""
    unnamed = not {"run", "samples_seen"} & set(frame.columns)
    if far is not None and unnamed and far.nunique() == len(frame) >= LEAST_POINTS:
        return [
            f"rows lie along {str(far.name)!r}, and no column names their runs: are they points of "
            f"one run? Then name it, {option(constants={'run': 'a'})}, and take its last, "
            f"{option(points='final')}"
        ]
    if "run" not in frame or frame["run"].is_unique:
        return []
    lengths = frame.groupby(of_run(frame), sort=False)["run"].size().to_numpy(int)
    if lengths.max() == 1:
        return []
    return [
        f"{int((lengths > 1).sum())} runs have several points, and all are taken: laws are for "
        f"final points ({option(points='final')}), as the learning rate still falls on a curve"
    ]


def once_each(
    frame: pd.DataFrame,
    repeats: str,
    where: Where,
    cells: pd.DataFrame | None = None,
    far: pd.Series | None = None,
    every: bool = False,
) -> tuple[pd.DataFrame, list[Dropped], list[str]]:
    """Every run once at a point: `refuse` names the rows, the others say what they did.

    Args:
        cells: the file's columns, among which one may tell evaluations of a run apart.
        far: how far a row is, in steps or epochs of the file, as in `chosen_points`.
        every: whether all points of a curve were asked for.
    """
    check_choice("repeats", repeats, REPEATS)
    if "run" not in frame:
        return frame, [], _copies(frame, where)
    if frame["run"].is_unique:
        return frame, [], []
    keys = of_run(frame)
    along = [name for name in ORDER if name in frame][:1]
    keys += along
    twice = frame.duplicated(keys, keep=False).to_numpy()
    if not twice.any():
        return frame, [], []
    if repeats == "refuse":
        apart = far is not None and not frame.assign(**{FAR: far}).duplicated([*keys, FAR]).any()
        if far is not None and apart and not along and not every:
            raise _curve(frame, twice, far, where)
        if apart and not along:
            return frame, [], []
        raise _repeated(frame, keys, twice, where, cells)
    again = frame.duplicated(keys, keep="last" if repeats == "last" else "first").to_numpy()
    words = f"repeated evaluations of {frame.loc[twice, 'run'].nunique()} runs"
    if repeats == "last":
        return frame.loc[~again], [(int(again.sum()), f"{words}: the last ones are kept")], []
    return _averaged(frame, keys, again, words, where)


def _curve(frame: pd.DataFrame, twice: np.ndarray, far: pd.Series, where: Where) -> TableError:
    """Points of one training, which are neither runs nor repeated evaluations."""
    first = int(np.flatnonzero(twice)[0])
    run = frame["run"].iloc[first]
    points = int((frame["run"] == run).sum())
    final, every = option(points="final"), option(points="all")
    return TableError(
        f"{where.cell(series(frame, 'run'), first, 'run')}: {run!r} has {points} points, along "
        f"{str(far.name)!r}: the last one of each run, {final}, or whole curves, {every}?",
        {"points": "final"},
    )


def of_run(frame: pd.DataFrame) -> list[str]:
    known = ("group", "run", "seed", "metric", "pool", "unique_samples", "keep_fraction", "rule")
    return [name for name in known if name in frame]


def _repeated(
    frame: pd.DataFrame,
    keys: list[str],
    twice: np.ndarray,
    where: Where,
    cells: pd.DataFrame | None,
) -> TableError:
    first = int(np.flatnonzero(twice)[0])
    same = np.flatnonzero((frame[keys] == frame[keys].iloc[first]).all(axis=1).to_numpy())
    second = int(same[1])
    errors = frame["error"].to_numpy(float)[same]
    values = "the same value" if np.ptp(errors) == 0 else f"{errors[0]:g} and {errors[1]:g}"
    parts = {} if cells is None else _telling_apart(frame, keys, cells, where)
    apart = ""
    if parts:
        ((name, values_of),) = parts.items()
        listed = ", ".join(repr(value) for value in values_of[:6])
        apart = f"its rows differ in {name!r}: {option(where={name: values_of[0]})} (of {listed}); "
    return TableError(
        f"{where.cell(series(frame, 'run'), second, 'run')}: the same run is "
        f"{'' if where.row == 'in' else 'in '}{where.row} "
        f"{frame.index[first]} ({values}); a run counts once: {apart}"
        f"{frame['run'].iloc[second]!r} needs a `seed` if it is a replicate; of repeated "
        f"evaluations take {option(repeats='average')} or {option(repeats='last')}"
    )


def _telling_apart(
    frame: pd.DataFrame, keys: list[str], cells: pd.DataFrame, where: Where
) -> dict[str, list[str]]:
    """A column, used by nobody, of which some values leave every run once; those values."""
    runs = frame.groupby(keys, sort=False).ngroup().to_numpy()
    found: dict[str, list[str]] = {}
    unused = [n for n in cells if n not in where.names.values() and kind_of(str(n)) is None]
    for name in unused:
        texts = np.array([str(cell) for cell in cells.loc[frame.index, name]])
        values, counts = np.unique(texts, return_counts=True)
        even = values[counts == runs.max() + 1].tolist()
        once = [text for text in even if len(set(runs[texts == text])) == runs.max() + 1]
        if once and len(values) > 1:
            found[str(name)] = once
    named = [name for name, values in found.items() if not any(map(_is_number, values))]
    return {name: found[name] for name in (named or list(found))[:1]}


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", text, re.IGNORECASE) is not None


def _averaged(
    frame: pd.DataFrame, keys: list[str], again: np.ndarray, words: str, where: Where
) -> tuple[pd.DataFrame, list[Dropped], list[str]]:
    """One row a point with the mean error; the other columns must agree."""
    groups = frame.groupby(keys, sort=False)
    for name in frame.columns.difference([*keys, "error", "error_se"]):
        varied = np.flatnonzero(groups[name].transform("nunique").to_numpy() > 1)
        if varied.size:
            column = series(frame, name)
            bad = int(varied[0])
            raise TableError(
                f"{where.cell(column, bad, name)}: {column.iloc[bad]} differs among evaluations "
                f"of one run, {frame['run'].iloc[bad]!r}: they cannot be averaged"
            )
    ends = [groups["error"].transform(end).to_numpy(float) for end in ("min", "max")]
    kept = frame.assign(error=groups["error"].transform("mean")).loc[~again]
    note = f"{words} averaged (they differ by up to {np.max(ends[1] - ends[0]):.3g}); "
    return kept, [(int(again.sum()), f"{words}, averaged")], [f"{note}they are no replicates"]


def _copies(frame: pd.DataFrame, where: Where) -> list[str]:
    """Without names of runs, rows that agree in everything may be copies or replicates."""
    twice = frame.duplicated(keep=False).to_numpy()
    if not twice.any():
        return []
    first = int(np.flatnonzero(twice)[0])
    same = np.flatnonzero((frame == frame.iloc[first]).all(axis=1).to_numpy())
    return [
        f"{where.row} {frame.index[first]} and {frame.index[int(same[1])]} agree in every column "
        f"({int(twice.sum())} rows have a twin): copies, or replicates without `run` or `seed`?"
    ]
