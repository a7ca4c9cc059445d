"""Which column of a file is which canonical one, and what the name of a run says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from prunelaw.errors import InputError, TableError
from prunelaw_sim.common.amounts import parse_amount
from prunelaw_sim.tables.columns import COLUMNS, Where, series
from prunelaw_sim.tables.measurement import measurements
from prunelaw_sim.tables.proposals import proposed
from prunelaw_sim.tables.questions import option


def resolve(
    cells: pd.DataFrame,
    source: str,
    header: Sequence[str],
    given: Mapping[str, str],
    known: Mapping[str, str],
    targets: Mapping[str, Any],
    constants: Mapping[str, Any],
) -> dict[str, str]:
    """{canonical: file's column}: what the caller says, then the format, then equal names.

    Raises:
        TableError: for a name that is not canonical, a column that is not there or mapped twice, no
            error, and a column with a twin that differs in case only.
    """
    taken: dict[str, str] = {}
    for ours, theirs in given.items():
        refuse_unknown(ours, source, "mapping", targets)
        if theirs not in cells:
            raise TableError(
                f"{source}: mapping of {ours!r}: no column {theirs!r}{_closest(theirs, header)}; "
                f"present: {', '.join(header)}"
            )
        if theirs in taken:
            raise TableError(f"{source}: column {theirs!r} is mapped to {taken[theirs]} and {ours}")
        taken[theirs] = ours
    if {"error", "accuracy"} <= set(given):
        raise TableError(f"{source}: mapping has both 'error' and 'accuracy'; give one")
    names = dict(given)
    implied = {o: t for o, t in known.items() if t in cells and o not in constants}
    implied |= {name: name for name in targets if name in cells and name not in known}
    for ours, theirs in implied.items():
        measured = ours in ("error", "accuracy") and {"error", "accuracy"} & set(names)
        if ours not in names and not measured and theirs not in taken:
            names[ours] = theirs
            _refuse_twin(theirs, source, header)
    if not {"error", "accuracy"} & set(names):
        raise _no_error(source, header, names)
    return names


def refuse_unknown(name: str, source: str, argument: str, known: Mapping[str, Any]) -> None:
    """`TableError` for a name that is no canonical column."""
    if name not in known:
        raise TableError(
            f"{source}: {argument} names {name!r}, which is not one of {', '.join(known)}"
        )


def from_run_names(frame: pd.DataFrame, pattern: str, where: Where) -> pd.DataFrame:
    """Columns out of the runs' names: "{pool}_{samples_seen}_s{seed}" reads `web_128M_s3`."""
    if "run" not in frame:
        raise InputError(f"{where.source}: from_run needs the column 'run'; map one")
    form, names = _pattern(pattern, where.source)
    for name in names:
        if name in frame:
            raise TableError(f"{where.source}: {name!r} is in from_run and {where.column(name)}")
    found: dict[str, list[Any]] = {name: [] for name in names}
    for position, run in enumerate(frame["run"]):
        match = form.fullmatch(str(run))
        if match is None:
            raise TableError(
                f"{where.cell(series(frame, 'run'), position, 'run')}: {run!r} is not of the form "
                f"{pattern!r}"
            )
        for name, text in match.groupdict().items():
            is_text = COLUMNS[name].kind == "text"
            found[name].append(text if is_text else _number(name, text))
    return frame.assign(**found)


def _pattern(pattern: str, source: str) -> tuple[re.Pattern[str], list[str]]:
    parts = re.split(r"\{(\w+)\}", pattern)
    names = [name for name in parts[1::2] if name != "_"]
    for name in names:
        refuse_unknown(name, source, "from_run", COLUMNS)
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"from_run must name canonical columns in braces, each once, as "
            f"'{{pool}}_{{samples_seen}}_s{{seed}}' ({{_}}: anything), got {pattern!r}"
        )
    texts = [re.escape(part) for part in parts[::2]]
    groups = [_group(name) for name in parts[1::2]]
    return re.compile(
        texts[0] + "".join(g + t for g, t in zip(groups, texts[1:], strict=True))
    ), names


def _group(name: str) -> str:
    if name == "_":
        return ".*?"
    is_text = COLUMNS[name].kind == "text"
    return f"(?P<{name}>" + (".+?)" if is_text else r"\d+\.?\d*(?:e[+-]?\d+)?[kKMBbGT]?)")


def _number(name: str, text: str) -> float:
    return 0.0 if float(text.rstrip("kKMBbGT")) == 0.0 else parse_amount(name, text)


def _refuse_twin(name: str, source: str, header: Sequence[str]) -> None:
    twins = [other for other in header if other != name and other.lower() == name.lower()]
    if twins:
        raise TableError(
            f"{source}: columns {name!r} and {twins[0]!r} differ in case only; say which is meant: "
            f"{option(columns={'...': name})}"
        )


def _no_error(source: str, header: Sequence[str], names: Mapping[str, str]) -> TableError:
    """Which column holds the errors, and which others look like canonical ones."""
    marks = re.findall(r"[^\w.\-/()\[\]%]", header[0].strip()) if len(header) == 1 else []
    if marks:
        likely = {"options": {"delimiter": max(marks, key=marks.count)}}
        return TableError(
            f"{source}: no column 'error'; the header is one column only, {header[0]!r:.200}: is "
            f"the delimiter another? {option(**likely)}",
            likely,
        )
    found, others = measurements(header), proposed(header, set(names), names.values())
    answers: dict[str, Any] = {"metric": found[0]} if found else {}
    if others:
        answers["columns"] = others
    close = "" if found and found[0].lower() != "error" else _closest("error", header)
    likely = f": {option(metric=found[0])}" if found else ""
    more = f" (or {', '.join(found[1:6])})" if found[1:] else ""
    other = f"; and {option(columns=others)}, if these are what they look like" if others else ""
    named = "" if found else f": {option(columns={'error': '...'})} or accuracy"
    values = [name for name in header if name.lower() in ("value", "objective", "result")]
    if values and not found:  # of a tuner
        answers["metric"] = values[0]
        named = f": {option(metric=values[0])}, if that is what was measured"
    return TableError(
        f"{source}: no column 'error'{close}; which one is it{likely}{more}{named}{other}; "
        f"present: {', '.join(header)}",
        answers,
        unanswered="metric" not in answers,
    )


def _closest(wanted: str, header: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in header}
    close = difflib.get_close_matches(wanted.lower(), by_lower, n=1)
    return f" (names are case-sensitive; did you mean {by_lower[close[0]]!r}?)" if close else ""
