"""What was understood of a file, in words: columns, rows, runs, and the laws that they allow."""

from collections.abc import Iterator, Mapping
from typing import Any

from prunelaw_figures.words.document import Block, Items, Table, Text

LONGEST = 80  # letters of the names in a cell
NAMES = {"run": "runs", "group": "groups", "pool": "pools", "seed": "seeds", "metric": "metrics"}


def account_blocks(found: Mapping[str, Any]) -> Iterator[Block]:
    """The account of a reading (`prunelaw_sim.laws.allowed`)."""
    yield Text(f"{found['source']}\nformat {found['format']}: {found['why']}")
    rows = [
        (
            column["column"] or "(computed or constant)",
            column["canonical"],
            column["unit"],
            _content(column),
        )
        for column in found["columns"]
    ]
    yield Table("columns", ("in the file", "read as", "unit", "values"), rows)
    if found["ignored"]:
        yield Text(f"not used: {', '.join(found['ignored'])}")
    yield Text(f"{found['rows']['read']} rows read, {found['rows']['used']} used")
    if found["dropped"]:
        yield Items([f"{part['rows']} dropped: {part['why']}" for part in found["dropped"]])
    counts = ", ".join(f"{count} {NAMES[name]}" for name, count in found["counts"].items())
    again = found["replicates"]
    if again["points"]:
        counts += f"; {again['points']} points with replicates, up to {again['most']} seeds"
    yield Text(counts)
    laws = [
        (law, f"no: needs {', '.join(missing)}" if missing else "yes")
        for law, missing in found["laws"].items()
    ]
    yield Table("laws", ("law", "can be fitted?"), laws)
    yield from (Text(f"warning: {text}") for text in found["warnings"])
    yield from (Text(f"note: {text}") for text in found["notes"])


def _content(column: Mapping[str, Any]) -> str:
    """Names, or the range of numbers, or what the column became."""
    if "values" in column:
        longest = LONGEST // len(column["values"])
        short = (v if len(v) <= longest else f"{v[: longest - 1]}…" for v in column["values"])
        return ", ".join(short)
    if "low" in column:
        return f"{column['low']:.6g} to {column['high']:.6g}"
    became = {
        "accuracy": "error = 1 - accuracy",
        "step": "samples_seen = step * batch_size",
        "pruned_fraction": "keep_fraction = 1 - pruned_fraction",
    }
    return f"for {became.get(column['canonical'], 'another column')}"
