"""A plan in words: use these pools, expect this error, next best, switches, runs worth adding."""

import math
from collections.abc import Iterator

from prunelaw.decay.schedule import Schedule
from prunelaw_figures.words.document import Block, Details, Items, Table, Text
from prunelaw_sim.common.amounts import amount_text
from prunelaw_sim.pools.next_runs import CandidateRun
from prunelaw_sim.pools.plan import Plan
from prunelaw_sim.pools.switches import Threshold

_ORDINALS = {1: "st", 2: "nd", 3: "rd"}
SHOWN = 5  # runs worth adding, segments of a schedule: --json has them all


def plan_blocks(found: Plan) -> Iterator[Block]:
    """Everything that `prunelaw plan` says, for people."""
    chosen = found.chosen
    seen = amount_text(chosen.samples_seen)
    if found.alternatives:
        yield Text(f"use {chosen.pools[0]}, {seen} samples, {chosen.epochs:.3g} epochs")
    else:
        yield Text(f"use these pools, {seen} samples, drawn uniformly:")
        shares = chosen.weights.items()
        epochs = f"{chosen.epochs:.3g} epochs"
        yield Items([f"{name}: weight {w:.3g}, {epochs}" for name, w in shares])
    yield from map(Text, _choice(found))
    if found.schedule is not None:
        yield from _schedule(found.schedule)
    if found.scores_pay is not None:
        yield Text(_from_then_on("scores pay for themselves", found.scores_pay))
    if found.against_law and found.switches:
        yield Text("by the law alone, whose choice here is another one:")
    for switch in found.switches:
        what = f"a {_ordinal(switch.to_pools)} pool ({switch.added}) pays"
        if found.alternatives:
            what = f"{switch.added}, or what comes after it, is better than those before it"
        yield Text(_from_then_on(what, switch))
    yield from _runs(found)
    yield from (Text(f"warning: {note}") for note in found.warnings)
    said = [Text(f"{note.kind.replace('_', ' ')}: {note}") for note in found.assumptions]
    about = [note.kind == "pools" for note in found.assumptions]
    yield from (text for text, first in zip(said, about, strict=True) if first)
    yield Details([text for text, first in zip(said, about, strict=True) if not first])


def _choice(found: Plan) -> Iterator[str]:
    """Expected error, cost of the scores, what comes next best, better weights."""
    chosen, other, level = found.chosen, found.next_best, f"{100 * found.level:g} %"
    conventions = f"convention {' and '.join(found.conventions)}"
    scatter = f"; one run scatters by ± {found.scatter:.2g} about it" if found.scatter else ""
    if chosen.low is None:
        yield (
            f"expect error {chosen.error:.4g}, {conventions} "
            "(no interval: the pools come without uncertainty)"
        )
    elif chosen.how == "measured":
        runs = f"measured in {chosen.runs} run{'s' * (chosen.runs > 1)}"
        ends = f"({_ends(chosen.low, chosen.high)} at {level})"
        yield f"expect error {chosen.error:.4g}, {runs} {ends}"
        law = _ends(chosen.law_low, chosen.law_high)
        yield f"by the law {chosen.law_error:.4g} ({law}), {conventions}{scatter}"
    else:
        ends = _ends(chosen.low, chosen.high)
        yield f"expect error {chosen.error:.4g}, {conventions} ({ends} at {level}){scatter}"
    others = [u for u in found.unions if u.how == "measured" and u is not chosen]
    if others:
        others = sorted(others, key=lambda union: union.error)[:SHOWN]
        said = ", ".join(f"{u.pools[0]} {u.error:.4g} (law {u.law_error:.4g})" for u in others)
        yield f"measured for as many samples: {said}"
    if found.selection:
        cost, share = (
            amount_text(found.selection),
            f"({100 * found.selection / found.budget:.3g} %)",
        )
        free = max(found.unions, key=lambda union: union.samples_seen)
        if chosen.pools != free.pools:
            yield f"scores take {cost} of the {amount_text(found.budget)} {share}"
        else:
            yield f"no scores are needed; they would take {cost} {share}"
    if other is not None:
        count = len(other.pools)
        name = f"the best {count} pools" if count > 1 else f"{other.pools[0]} alone"
        name = other.pools[0] if found.alternatives else name
        gap = other.error - chosen.error
        more = f"{abs(gap):.2g} {'more' if gap >= 0.0 else 'less, by a law that misses the runs'}"
        line = f"next best: {name}, error {other.error:.4g} ({more}"
        if chosen.low is not None and found.better is not None:
            line += f"; better with probability {_percent(found.better)}"
        yield line + ")"
    best = found.weighting
    if best is not None and not best.pays:
        yield "other weights: none are better than uniform draws from these pools"
    elif best is not None:
        shares = ", ".join(
            f"{name} {weight:.3g} ({best.epochs[name]:.3g} epochs)"
            for name, weight in best.weights.items()
            if weight > 0.0
        )
        ends = "" if best.low is None else f" ({best.low:.2g} to {best.high:.2g})"
        law = ", by the law" if chosen.how == "measured" else ""
        yield f"other weights: {shares}: error {best.gain:.2g} less{ends}{law}"


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _schedule(best: Schedule) -> Iterator[Block]:
    def gain(over: float) -> str:
        pays = abs(over - best.error) > 1e-9 * best.error  # less is rounding
        return f"{over:.4g} ({f'gain {over - best.error:.2g}' if pays else 'no gain'})"

    yield Text(
        f"schedule, decay per showing: error {best.error:.4g}; best fixed filter "
        f"{' + '.join(best.union)} {gain(best.union_error)}, best fixed weights "
        f"{gain(best.weights_error)}"
    )
    lines = []
    for part in best.segments[:SHOWN]:
        made = f"pass {part.first_pass}"
        if part.last_pass > part.first_pass:
            made = f"passes {part.first_pass} to {part.last_pass}"
        lines.append(f"{amount_text(part.start)} to {amount_text(part.end)}: {part.pool}, {made}")
    if len(best.segments) > SHOWN:
        lines.append(f"and {len(best.segments) - SHOWN} segments more (--json has them all)")
    passes = {part.pool: part.last_pass for part in best.segments}
    lines.append("passes in all: " + ", ".join(f"{name} {n}" for name, n in passes.items()))
    yield Items(lines)


def _from_then_on(what: str, threshold: Threshold) -> str:
    least, most = amount_text(threshold.least), amount_text(threshold.most)
    places = {math.inf: f"beyond {most}", -math.inf: f"below {least}"}
    middle, low, high = (
        places[end] if math.isinf(end) else amount_text(end)
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


def _runs(found: Plan) -> Iterator[Block]:
    if not found.next_runs:
        return
    regret, cheap = found.chosen.regret, found.cheapest_run
    if cheap is None:
        yield Text(
            "runs worth adding: none for this budget; expected regret is "
            f"{regret:.2g} and no single run looked at would change the choice"
        )
        return
    title = f"runs worth adding (expected regret now {regret:.2g}):"
    columns = ("draw from", "samples", "expect error", "regret less by", "±")
    yield Table(title, columns, [_run(run) for run in found.next_runs[:SHOWN]])
    if cheap is not found.next_runs[0]:
        yield Text("the cheapest that is as good within one ±: " + ", ".join(_run(cheap)[:2]))


def _run(run: CandidateRun) -> tuple[str, ...]:
    return (
        " + ".join(run.pools),
        amount_text(run.samples_seen),
        f"{run.predicted:.4g} ± {run.spread:.2g}",
        f"{run.reduction:.2g}",
        f"{run.standard_error:.1g}",
    )


def _percent(probability: float) -> str:
    return f"{100 * probability:.3g} %"


def _ordinal(number: int) -> str:
    return f"{number}{_ORDINALS.get(number, 'th')}"
