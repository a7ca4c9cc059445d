"""Fits in words: the parameters of one law, or all laws side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

from prunelaw_figures.words.document import Block, Table, Text

# Warnings that are said besides `not identified`, and how.
SAID = {
    "assumption": "assumed",
    "misfit": "misfit",
    "outliers": "outliers",
    "robust": "robust",
    "other_optimum": "another optimum",
    "ridge": "ridge",
}


def fit_blocks(values: Mapping[str, Any]) -> Iterator[Block]:
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
    yield Text(_verdict(values))
    title = f"{values['law']} law" + (f", {values['convention']}" if "convention" in values else "")
    level = [f"{100 * next(iter(intervals.values()))['level']:g} %"] if intervals else []
    yield Table(title, ("parameter", "value", "standard error", *level), rows)
    yield Text(f"rmse {values['rmse']:.5g} of the fitted points")
    if values["held_out"]:
        held_out = values["held_out"]
        yield Text(f"held out: rmse {held_out['rmse']:.5g} of {held_out['points']:.0f} points")
    for name, why in values["not_identified"].items():
        yield Text(f"not identified: {name}: {why}")
    for warning in values.get("warnings", ()):
        if warning["kind"] in SAID:
            yield Text(f"{SAID[warning['kind']]}: {warning['message']}")
    for reason in values.get("reasons", ()):
        yield Text(f"does not describe the data: {reason}")


def _verdict(values: Mapping[str, Any]) -> str:
    """What follows, in a line: whether the law describes the runs, and what is open."""
    law, known = values["law"], {True: "describes", False: "does NOT describe"}
    describes = values.get("describes")
    if describes is None:
        said = f"the {law} law was fitted; whether it describes the runs cannot be tested"
        said += ": no replicates, no error_se"
    else:
        said = f"the {law} law {known[describes]} these runs"
    warned = {warning["kind"] for warning in values.get("warnings", ())}
    open_ends = [f"{len(values['not_identified'])} of {len(values['values'])} parameters are not "
                 "identified"] * bool(values["not_identified"])  # fmt: skip
    open_ends += ["a few runs carry the misfit"] * ("outliers" in warned)
    return said + "".join(f"; {one}" for one in open_ends)


def comparison_blocks(values: Mapping[str, Any]) -> Iterator[Block]:
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
    if values["best"] is None:
        yield Text("no law predicts the held-out runs")
    else:
        others = "; ".join(values["undecided"])
        alike = f"; not to be told from it: {others}" if others else ""
        yield Text(f"best: {values['best']}{alike}")
    yield Table(title, columns, rows)
    yield from map(Text, values["remarks"])


def _interval(found: Mapping[str, Any] | None) -> str:
    """`0.12 to 0.2`; … stands where the data set no end."""
    if found is None:
        return ""
    low = "…" if found["low_open"] else _text(found["low"], "–", "{:.4g}")
    return f"{low} to {'…' if found['high_open'] else _text(found['high'], '∞', '{:.4g}')}"


def _text(value: float | None, missing: str, form: str = "{:.5g}") -> str:
    return missing if value is None else form.format(value)
