"""Runs at equal inputs that are no replicates: other settings, of which a law knows nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from prunelaw_sim.tables.points_of_runs import Dropped
from prunelaw_sim.tables.questions import option

INPUTS = (
    "group", "metric", "pool", "unique_samples", "samples_seen", "epochs", "parameters", "compute",
    "dataset_size", "keep_fraction", "rule", "theta", "score", "quantile_low", "quantile_high",
)  # fmt: skip
NAMES = {"group", "metric", "pool", "rule", "score"}
APART = 0.02  # relative difference of errors that seeds hardly make
MOST_NAMES = 4
SETTING = re.compile(  # names of columns that say how a run was trained, and that no law reads
    r"(^|[^a-z])(lr|learning|rate|bs|batch|opt|optimi[sz]er|warm\w*|wd|decay|drop\w*|schedul\w*|"
    r"momentum|beta_?[12]|eps\w*|init\w*|width|depth|layers?|heads?|d_model|hidden|aug\w*|clip\w*|"
    r"precision|dtype|hp\w*|config|temperature|adam\w*|context|seq\w*)([^a-z]|$)",
    re.IGNORECASE,
)


def inputs_of(frame: pd.DataFrame) -> list[str]:
    """The columns of which laws are functions."""
    return [name for name in INPUTS if name in frame]


def at_equal_inputs(
    frame: pd.DataFrame,
    cells: pd.DataFrame,
    ignored: Sequence[str],
    which: str | None,
    alike: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, list[Dropped], list[str]]:
    """All runs with a note where they are unequal, or the best at each combination of inputs.

    `alike`: columns, by what they look like, that may be inputs which nobody mapped.
    """
    if which == "best":
        kept, dropped = best_runs(frame)
        return kept, dropped, []
    unused = cells.loc[frame.index, [name for name in ignored if name in cells]]
    return frame, [], unequal_note(frame, unused, alike or {})


def best_runs(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Dropped]]:
    """The run of least error at each combination of inputs."""
    names = inputs_of(frame)
    if not names:
        return frame, []
    order = frame.sort_values("error", kind="stable").duplicated(names)
    kept = frame.loc[~order.reindex(frame.index)]
    left = len(frame) - len(kept)
    return kept, [(left, "were not the best of their inputs (equal_inputs='best')")] if left else []


def unequal_runs(frame: pd.DataFrame) -> tuple[int, int]:
    """At how many combinations of inputs errors differ by more than seeds make, and rows there."""
    names = inputs_of(frame)
    if not names or "seed" in frame:
        return 0, 0
    number = frame.groupby(names, sort=False, dropna=False).ngroup().to_numpy()
    error = frame["error"].to_numpy(float)
    low, high = np.full(number.max() + 1, np.inf), np.full(number.max() + 1, -np.inf)
    np.minimum.at(low, number, error)
    np.maximum.at(high, number, error)
    wide = high - low > APART * low
    places = int(wide.sum())
    return places, int(wide[number].sum())


def unequal_note(
    frame: pd.DataFrame, unused: pd.DataFrame, alike: Mapping[str, str] | None = None
) -> list[str]:
    """Which columns, unused ones included, differ where the inputs are equal and errors are not."""
    places, rows = unequal_runs(frame)
    names = inputs_of(frame)
    if not places or set(names) <= NAMES:  # without a size no law asks what is equal
        return []
    others = [name for name in frame if name not in (*names, "error", "error_se", "run")]
    columns = [(name, frame[name]) for name in others]
    columns += [(str(name), unused[name]) for name in unused]
    number = frame.groupby(names, sort=False, dropna=False).ngroup().to_numpy()
    found = [name for name, column in columns if _differs(column, number)]
    shown = ", ".join(found[:MOST_NAMES]) + (", ..." if len(found) > MOST_NAMES else "")
    why = f"; {shown} differ there" if found else ""
    inputs = {ours: theirs for ours, theirs in (alike or {}).items() if ours in INPUTS}
    so = f"{option(equal_inputs='best')} takes the best of each"
    so = f"is an input not mapped, {option(columns=inputs)}?" if inputs else so
    return [
        f"{rows} runs at {places} equal inputs ({', '.join(names)}) have errors that differ by "
        f"more than {100 * APART:g} %{why}: they are no replicates; {so}"
    ]


def _differs(column: Any, number: np.ndarray) -> bool:
    """Whether a column has several values in one group."""
    pairs = set(zip(number.tolist(), column.astype(str).tolist(), strict=True))
    return len(pairs) > len(set(number.tolist()))
