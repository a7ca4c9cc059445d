"""What `prunelaw sweep-check` prints: columns, rows, runs, and the laws that they allow."""

from collections.abc import Mapping
from typing import Any

import click

from prunelaw_figures.terminal.output import make_table, print_table

LONGEST = 80  # letters of the names in a cell
NAMES = {"run": "runs", "group": "groups", "pool": "pools", "seed": "seeds", "metric": "metrics"}


def print_account(found: Mapping[str, Any]) -> None:
    """The account of a reading (`prunelaw_sim.laws.allowed`)."""
    click.echo(f"{found['source']}\nformat {found['format']}: {found['why']}\n")
    rows = [
        (column["column"] or "(computed or constant)", column["canonical"], *_content(column))
        for column in found["columns"]
    ]
    print_table(make_table("columns", ("in the file", "read as", "unit", "values"), rows))
    if found["ignored"]:
        click.echo(f"not used: {', '.join(found['ignored'])}\n")
    read, used = found["rows"]["read"], found["rows"]["used"]
    click.echo(f"{read} rows read, {used} used")
    for dropped in found["dropped"]:
        click.echo(f"  {dropped['rows']} dropped: {dropped['why']}")
    counts = [f"{count} {NAMES[name]}" for name, count in found["counts"].items()]
    click.echo(", ".join(counts) + _replicates(found["replicates"]) + "\n")
    laws = [(law, _needs(missing)) for law, missing in found["laws"].items()]
    print_table(make_table("laws", ("law", "can be fitted?"), laws))
    for kind in ("warning", "note"):
        for text in found[f"{kind}s"]:
            click.echo(f"{kind}: {text}")


def _content(column: Mapping[str, Any]) -> tuple[str, str]:
    if "values" in column:
        return column["unit"], ", ".join(
            _short(name, len(column["values"])) for name in column["values"]
        )
    if "low" not in column:
        became = {"accuracy": "error = 1 - accuracy", "step": "samples_seen = step * batch_size"}
        return column["unit"], f"for {became.get(column['canonical'], 'another column')}"
    return column["unit"], f"{column['low']:.6g} to {column['high']:.6g}"


def _short(name: str, among: int) -> str:
    longest = LONGEST // among
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _needs(missing: list[str]) -> str:
    return f"no: needs {', '.join(missing)}" if missing else "yes"


def _replicates(found: Mapping[str, int]) -> str:
    if not found["points"]:
        return ""
    return f"; {found['points']} points with replicates, up to {found['most']} seeds"
