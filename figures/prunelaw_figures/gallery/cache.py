"""Kept results of the gallery: one npz file a figure, with a stamp that says what it is of.

A file is used if its stamp is that of the figure asked for; else the difference is the reason to
compute anew.  Results of dear figures come with the package, in `prunelaw_figures/results`.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from prunelaw_figures.plots.entry import Entry, Results
from prunelaw_sim.common.new_file import replace_file

PACKAGED = Path(__file__).resolve().parents[1] / "results"
STAMP = "stamp"  # the array that holds it, as JSON


def stamp(entry: Entry, source: Path | None) -> dict[str, Any]:
    """What results depend on: parameters, version of the numbers, content of the data given."""
    made: dict[str, Any] = {"name": entry.name, "numbers": entry.numbers, **entry.parameters}
    if entry.given and source is not None:
        made["data"] = _digest(source)
    return json.loads(json.dumps(made))


def _digest(source: Path) -> str:
    """SHA-256 of a file, or of a folder's CSV files in the order of their names."""
    files = sorted(source.glob("*.csv")) if source.is_dir() else [source]
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def load(file: Path, wanted: Mapping[str, Any]) -> tuple[Results | None, str]:
    """The results, or None and why they cannot be used."""
    if not file.exists():
        return None, "no kept result"
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            found = dict(arrays)
        mark = json.loads(str(found.pop(STAMP)))
    except (OSError, ValueError, KeyError, BadZipFile, EOFError):
        return None, f"{file.name} is damaged"
    if not isinstance(mark, dict):
        return None, f"{file.name} is damaged"
    changed = difference(mark, wanted)
    return (None, changed) if changed else (found, "")


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """`f was 0.2 and is 0.3; ...`; "" if there is none."""
    names = [*new, *(name for name in old if name not in new)]
    return "; ".join(
        f"{name} was {_text(old, name)} and is {_text(new, name)}"
        for name in names
        if old.get(name) != new.get(name)
    )


def _text(values: Mapping[str, Any], name: str) -> str:
    if name == "data":
        return f"{str(values.get(name))[:8]}..."
    return json.dumps(values[name], ensure_ascii=False) if name in values else "not there"


def save(file: Path, mark: Mapping[str, Any], results: Results) -> None:
    """Writes or replaces the file at once: at every moment it is whole."""
    buffer = io.BytesIO()
    text = np.array(json.dumps(mark, ensure_ascii=False))
    np.savez_compressed(buffer, allow_pickle=False, **{STAMP: text}, **results)
    replace_file(file, buffer.getvalue())
