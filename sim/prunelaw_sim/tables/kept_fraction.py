"""Fractions kept and fractions pruned: opposite meanings under like names.  Asked, not guessed.

`pruned_fraction` is understood and becomes keep_fraction = 1 - pruned_fraction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from prunelaw.errors import TableError
from prunelaw_sim.common.text_forms import SIMULATED
from prunelaw_sim.tables.columns import Column, Where, check_column, series
from prunelaw_sim.tables.questions import option
from prunelaw_sim.tables.sweep import Sweep

PRUNED = Column("pruned_fraction", "real", "fraction pruned, 1 - f", low=0.0, high=1.0)
_GONE = (
    r"prun|remov|drop|discard|delet|exclu|spars|elimin|cut|reject|filtered|thrown|reduc|minus|not$"
)
_GONE_WORD = re.compile(rf"^(?:{_GONE}|rates?$|ratios?$)")
_KEPT_WORD = re.compile(
    r"^(?:keep|kept|retain|retent|remain|surviv|select|subset|coreset|preserv|used$)"
)
_PLAIN = re.compile(  # of `pruned_fraction` and its like: what is counted stands in the name
    r"(?:data_|dataset_|samples?_|examples?_)?(?:prune|pruned|pruning|removed|dropped|discarded)"
    r"_(?:fraction|frac|proportion)|(?:fraction|frac|proportion)_(?:of_)?"
    r"(?:data_|samples?_|examples?_)?(?:pruned|removed|dropped|discarded)"
)
MEANINGS = ("kept", "pruned")
MOST_ROWS = 50_000  # of a table, for the pairs
ASKED_PAIRS = 3
RISING = 0.9
_APART = {
    "run", "seed", "error", "error_se", "keep_fraction", "unique_samples", "epochs", "samples_seen",
    "compute",
}  # fmt: skip


def says_pruned(name: str) -> bool:
    """Whether the name of a column leaves no doubt that it counts what was pruned."""
    return bool(_PLAIN.fullmatch("_".join(_words(name))))


def check_fraction_name(ours: str, theirs: str, fraction: str | None, source: str) -> str:
    """`keep_fraction` or `pruned_fraction`, as the column is to be read.

    `fraction`, what the caller says that it counts, settles it; a name that may say the other thing
    is asked about.

    Raises:
        TableError: for such a name.
    """
    if ours not in ("keep_fraction", PRUNED.name):
        return ours
    if fraction is not None:
        return "keep_fraction" if fraction == "kept" else PRUNED.name
    words = _words(theirs)
    kept = any(_KEPT_WORD.match(word) for word in words)
    gone = any(_GONE_WORD.match(word) for word in words)
    if ours == "keep_fraction" and gone and not (kept and not _gone_surely(words)):
        raise TableError(
            f"{source}: column {theirs!r} is mapped to keep_fraction, the fraction KEPT, but its "
            f"name may mean the fraction pruned: say {option(fraction='pruned')} or "
            f"{option(fraction='kept')}",
            {"fraction": "pruned"},
        )
    if ours == PRUNED.name and kept and not gone:
        raise TableError(
            f"{source}: column {theirs!r} is mapped to pruned_fraction, but its name says kept: "
            f"say {option(fraction='kept')} or {option(fraction='pruned')}",
            {"fraction": "kept"},
        )
    return ours


def _gone_surely(words: Sequence[str]) -> bool:
    return any(re.match(_GONE, word) for word in words)


def _words(name: str) -> list[str]:
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    words = re.findall(r"[a-z]+", text)
    return words[1:] if words[:1] in (["params"], ["config"], ["summary"]) else words


def as_kept(frame: pd.DataFrame, fraction: str | None, where: Where) -> tuple[pd.DataFrame, list]:
    """The frame with `keep_fraction`, of `pruned_fraction` where that is there, and notes.

    Raises:
        TableError: for everything pruned, and for 0 kept, which looks like 0 pruned.
    """
    if PRUNED.name in frame:
        cells = series(frame, PRUNED.name)
        pruned = check_column(cells, PRUNED, where)
        where.refuse(
            pruned == 1.0, cells, PRUNED.name, lambda _: "1 pruned leaves no example to train on"
        )
        kept = np.round(1.0 - pruned, 12)
        note = f"{where.column(PRUNED.name)}: keep_fraction = 1 - pruned_fraction"
        return frame.drop(columns=PRUNED.name).assign(keep_fraction=kept), [note]
    if "keep_fraction" in frame and fraction is None:
        cells = series(frame, "keep_fraction")
        values = np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)
        where.refuse(values == 0.0, cells, "keep_fraction", lambda _: (
            "0 kept leaves no example to train on: is this the fraction pruned? Then say "
            f"{option(fraction='pruned')}"
        ))  # fmt: skip
    return frame, []


def refuse_rising_kept(sweep: Sweep, names: Mapping[str, str], fraction: str | None) -> None:
    """`TableError` where the error grows with the fraction kept: is it the fraction pruned?

    Runs that differ in nothing else are held side by side; those kept at random decide alone, where
    there are any, as hard or easy examples may be better than all.
    """
    if fraction is not None or "keep_fraction" not in sweep.columns:
        return
    rising, falling = _trend(sweep)
    if rising + falling < ASKED_PAIRS or rising < RISING * (rising + falling):
        return
    own = names.get(PRUNED.name, names.get("keep_fraction", "keep_fraction"))
    read, meaning = "kept", "pruned"
    if PRUNED.name in names:
        read, meaning = "pruned", "kept"
    raise TableError(
        f"{sweep.source}, column {own!r}: read as the fraction {read}, the error grows with the "
        f"fraction kept in {rising} of {rising + falling} pairs of runs: is it the fraction "
        f"{meaning}? Say {option(fraction=meaning)} or {option(fraction=read)}",
        {"fraction": meaning},
    )


def _trend(sweep: Sweep) -> tuple[int, int]:
    """Pairs of points alike but for the fraction kept, means over seeds: error up, error down.

    Alike in samples seen, where several fractions saw as many; else in epochs; else in neither.
    """
    frame = sweep.frame
    frame = frame.loc[(series(frame, "metric") != SIMULATED).to_numpy(bool)]
    frame = frame.iloc[:: 1 + len(frame) // MOST_ROWS]
    if "rule" in frame and (series(frame, "rule") == "random").any():
        frame = frame.loc[(series(frame, "rule") == "random").to_numpy(bool)]
    keys = [name for name in frame if name not in _APART]
    rising = falling = 0
    for also in ("samples_seen", "epochs", None):
        if also is not None and also not in frame:
            continue
        rising = falling = 0
        by = keys if also is None else [*keys, also]
        for _, part in frame.groupby(by, sort=False) if by else [((), frame)]:
            error = part.groupby("keep_fraction")["error"].mean().to_numpy(float)
            change = np.tril(error[:, None] - error, -1)
            rising += int((change > 0).sum())
            falling += int((change < 0).sum())
        if rising + falling:
            break
    return rising, falling
