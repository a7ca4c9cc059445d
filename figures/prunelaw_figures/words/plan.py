"""A plan in words: use these pools, expect this error, next best, switches, runs worth adding."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.output import make_table, print_table

if TYPE_CHECKING:
    from prunelaw_sim.pools.next_runs import CandidateRun
    from prunelaw_sim.pools.plan import Plan
    from prunelaw_sim.pools.switches import Switch, Threshold
    from prunelaw_sim.pools.unions import UnionChoice

_SHOWN = 5  # runs worth adding
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}
_KINDS = {
    "theorem": "theorem",
    "as_published": "as published",
    "extension": "extension",
    "statistics": "statistics",
}


def print_plan(found: "Plan") -> None:
    """Writes the plan to stdout, for people."""
    for line in _lines(found):
        click.echo(line)
    if found.next_runs:
        _print_runs(found)
    for note in found.warnings:
        click.echo(f"warning: {note.message}")
    for note in found.assumptions:
        click.echo(f"{_KINDS[note.kind]}: {note.message}")


def _lines(found: "Plan") -> Iterator[str]:
    yield from _use(found)
    yield _expected(found)
    if found.selection:
        yield _selection(found)
    if found.next_best is not None:
        yield _next_best(found, found.next_best)
    yield from _weighting(found)
    yield from _schedule(found)
    if found.scores_pay is not None:
        yield _from_then_on("scores pay for themselves", found.scores_pay)
    for switch in found.switches:
        yield _switch(switch)


def _use(found: "Plan") -> Iterator[str]:
    from prunelaw_sim.common.amounts import amount_text

    chosen = found.chosen
    yield f"use these pools, {amount_text(chosen.samples_seen)} samples, drawn uniformly:"
    wide = max(len(name) for name in chosen.pools)
    for name, weight in chosen.weights.items():
        yield f"  {name:{wide}s}  weight {weight:.3g}, {chosen.epochs:.3g} epochs"


def _expected(found: "Plan") -> str:
    line = f"expect error {found.chosen.error:.4g}{_interval(found)}"
    if found.scatter and found.chosen.low is not None:
        line += f"; one run scatters by ± {found.scatter:.2g} about it"
    return line


def _interval(found: "Plan") -> str:
    chosen = found.chosen
    if chosen.low is None or chosen.high is None:
        return " (no interval: the pools come without uncertainty)"
    return f" ({chosen.low:.4g} to {chosen.high:.4g} at {100 * found.level:g} %)"


def _selection(found: "Plan") -> str:
    from prunelaw_sim.common.amounts import amount_text

    paid = len(found.chosen.pools) < len(found.unions)
    share = 100 * found.selection / found.budget
    if paid:
        return (
            f"scores take {amount_text(found.selection)} of the {amount_text(found.budget)} "
            f"({share:.3g} %)"
        )
    return f"no scores are needed; they would take {amount_text(found.selection)} ({share:.3g} %)"


def _next_best(found: "Plan", union: "UnionChoice") -> str:
    lost = union.error - found.chosen.error
    line = f"next best: {_union(union.pools)}, error {union.error:.4g} ({lost:.2g} more"
    if found.chosen.low is not None and found.better is not None:
        line += f"; better with probability {_percent(found.better)}"
    return line + ")"


def _weighting(found: "Plan") -> Iterator[str]:
    best = found.weighting
    if best is None:
        return
    if best.gain <= 1e-9:
        yield "other weights: none are better than uniform draws from these pools"
        return
    line = f"other weights: {_shares(best.weights, best.epochs)}: error {best.gain:.2g} less"
    if best.low is not None and best.high is not None:
        line += f" ({best.low:.2g} to {best.high:.2g})"
    yield line


def _schedule(found: "Plan") -> Iterator[str]:
    from prunelaw_sim.common.amounts import amount_text

    best = found.schedule
    if best is None:
        return
    yield (
        f"schedule, decay per showing: error {best.error:.4g}; best fixed filter "
        f"{' + '.join(best.union)} {best.union_error:.4g} "
        f"({_gain(best.union_error - best.error, best.error)}), best fixed weights "
        f"{best.weights_error:.4g} ({_gain(best.gain, best.error)})"
    )
    for part in best.segments[:_SHOWN]:
        made = f"pass {part.first_pass}"
        if part.last_pass > part.first_pass:
            made = f"passes {part.first_pass} to {part.last_pass}"
        yield f"  {amount_text(part.start)} to {amount_text(part.end)}: {part.pool}, {made}"
    if len(best.segments) > _SHOWN:
        yield f"  and {len(best.segments) - _SHOWN} segments more (--json has them all)"
    passes = {part.pool: part.last_pass for part in best.segments}
    yield "  passes in all: " + ", ".join(f"{name} {n}" for name, n in passes.items())


def _gain(gain: float, error: float) -> str:
    """`gain 0.022`; rounding is none."""
    return f"gain {gain:.2g}" if abs(gain) > 1e-9 * error else "no gain"


def _shares(weights: Mapping[str, float], epochs: Mapping[str, float]) -> str:
    used = (name for name, weight in weights.items() if weight > 0.0)
    return ", ".join(f"{name} {weights[name]:.3g} ({epochs[name]:.3g} epochs)" for name in used)


def _switch(switch: "Switch") -> str:
    return _from_then_on(f"a {_ordinal(switch.to_pools)} pool ({switch.added}) pays", switch)


def _from_then_on(what: str, threshold: "Threshold") -> str:
    from prunelaw_sim.common.amounts import amount_text

    least, most = amount_text(threshold.least), amount_text(threshold.most)
    places = {math.inf: f"beyond {most}", -math.inf: f"below {least}"}
    middle, low, high = (
        places.get(end, amount_text(end)) if math.isinf(end) else amount_text(end)
        for end in (threshold.budget, threshold.low, threshold.high)
    )
    line = f"{what} from {middle} on" if threshold.budget > 0.0 else f"{what} {middle} already"
    if threshold.budget == math.inf:
        line = f"{what} {middle} at the earliest"
    if threshold.low == threshold.high:
        return line
    line += f" ({low} to {high} at {100 * threshold.level:g} %"
    if threshold.probability < 1.0:
        line += f"; up to {most} with probability {_percent(threshold.probability)}"
    return line + ")"


def _print_runs(found: "Plan") -> None:
    regret = found.chosen.regret
    if not any(run.reduction > 0.0 for run in found.next_runs):
        click.echo(
            "runs worth adding: none for this budget; expected regret is "
            f"{regret:.2g} and no single run looked at would change the choice"
        )
        return
    rows = [_run(run) for run in found.next_runs[:_SHOWN]]
    title = f"runs worth adding (expected regret now {regret:.2g}):"
    columns = ("draw from", "samples", "expect error", "regret less by", "±")
    print_table(make_table(title, columns, rows))
    cheap = _cheapest(found.next_runs)
    if cheap is not found.next_runs[0]:
        click.echo("the cheapest that is as good within one ±: " + ", ".join(_run(cheap)[:2]))


def _run(run: "CandidateRun") -> tuple[str, str, str, str, str]:
    from prunelaw_sim.common.amounts import amount_text

    return (
        " + ".join(run.pools),
        amount_text(run.samples_seen),
        f"{run.predicted:.4g} ± {run.spread:.2g}",
        f"{run.reduction:.2g}",
        f"{run.standard_error:.1g}",
    )


def _cheapest(runs: "tuple[CandidateRun, ...]") -> "CandidateRun":
    """Of those whose worth lies within one standard error of the best one's."""
    best = runs[0]
    alike = [run for run in runs if run.reduction >= best.reduction - best.standard_error]
    return min(alike, key=lambda run: run.samples_seen)


def _union(pools: tuple[str, ...]) -> str:
    return f"the best {len(pools)} pools" if len(pools) > 1 else f"{' + '.join(pools)} alone"


def _percent(probability: float) -> str:
    return f"{100 * probability:.3g} %"


def _ordinal(number: int) -> str:
    return f"{number}{_ORDINALS.get(number, 'th')}"
