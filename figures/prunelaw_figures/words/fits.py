"""What `prunelaw fit` prints: the parameters of one law, or all laws side by side."""

from collections.abc import Mapping
from typing import Any

import click

from prunelaw_figures.terminal.output import make_table, print_table

# Warnings that are printed besides `not identified`, and how.
SAID = {
    "assumption": "assumed",
    "misfit": "misfit",
    "other_optimum": "another optimum",
    "ridge": "ridge",
}


def print_fit(values: Mapping[str, Any]) -> None:
    """One fitted law, from its `to_dict`: parameters, errors, and what is not identified."""
    intervals = values.get("intervals") or {}
    rows = [
        (
            name,
            _text(value, "∞"),
            _text(values["standard_errors"].get(name), "", "{:.2g}"),
            *([_interval(intervals.get(name))] if intervals else []),
        )
        for name, value in values["values"].items()
    ]
    title = f"{values['law']} law" + (f", {values['convention']}" if "convention" in values else "")
    level = [f"{100 * next(iter(intervals.values()))['level']:g} %"] if intervals else []
    print_table(make_table(title, ("parameter", "value", "standard error", *level), rows))
    click.echo(f"rmse {values['rmse']:.5g} of the fitted points")
    if values["held_out"]:
        held_out = values["held_out"]
        click.echo(f"held out: rmse {held_out['rmse']:.5g} of {held_out['points']:.0f} points")
    for name, why in values["not_identified"].items():
        click.echo(f"not identified: {name}: {why}")
    for warning in values.get("warnings", ()):
        if warning["kind"] in SAID:
            click.echo(f"{SAID[warning['kind']]}: {warning['message']}")
    for reason in values.get("reasons", ()):
        click.echo(f"does not describe the data: {reason}")


def print_comparison(values: Mapping[str, Any]) -> None:
    """Laws side by side, best first, from `LawComparison.to_dict`."""
    kind = "log rmse" if values["log_error"] else "rmse"
    columns = ("law", "parameters", "held out", "roll-out", "ΔAICc", "in-sample", "verdict")
    rows = [
        (
            law["law"],
            _text(law["parameters"], "–", "{:.0f}"),
            _text(law["held_out_rmse"], "–", "{:.4g}"),
            _text(law["rollout_rmse"], "–", "{:.4g}"),
            _text(law["delta_aicc"], "–", "{:.1f}"),
            _text(law["in_sample_rmse"], "–", "{:.4g}"),
            law["verdict"],
        )
        for law in values["laws"]
    ]
    title = f"laws side by side: {kind} of held-out runs, of the roll-out, of the fitted runs"
    print_table(make_table(title, columns, rows))
    for remark in values["remarks"]:
        click.echo(remark)
    undecided = values["undecided"]
    if values["best"] is not None:
        click.echo(
            f"best: {values['best']}"
            + (f"; not to be told from it: {'; '.join(undecided)}" if undecided else "")
        )


def _interval(found: Mapping[str, Any] | None) -> str:
    """`0.12 to 0.2`; … stands where the data set no end."""
    if found is None:
        return ""
    low = "…" if found["low_open"] else _text(found["low"], "–", "{:.4g}")
    return f"{low} to {'…' if found['high_open'] else _text(found['high'], '∞', '{:.4g}')}"


def _text(value: float | None, missing: str, form: str = "{:.6g}") -> str:
    return missing if value is None else form.format(value)
