"""An advice in words: which law fits, what to keep, what to expect, how far that reaches."""

from collections.abc import Iterable, Iterator

from prunelaw_figures.words.document import Block, Details, Heading, Items, Table, Text
from prunelaw_figures.words.plan import plan_blocks
from prunelaw_sim.advice.advise import Advice
from prunelaw_sim.advice.choice import TOLERANCE, Interval, Keep, Span
from prunelaw_sim.advice.on_pools import PoolAdvice
from prunelaw_sim.advice.on_pruning import PruningAdvice
from prunelaw_sim.advice.on_scores import Border, ScoreAdvice
from prunelaw_sim.common.amounts import amount_text

KNOWN = {
    "between": "from measured cells around it",
    "law": "by the law, beyond the data",
}
BEHIND = {"random": "gain", "everything": "over_everything", "runner_up": "ahead"}
SHOWN = 3  # runs worth adding: --json has them all


def advice_blocks(found: Advice) -> Iterator[Block]:
    """Everything that `prunelaw advise` says, for people."""
    if found.pools is not None:
        yield from _pools(found.pools)
    if found.pruning is not None:
        yield from _pruning(found.pruning)
    if found.scores is not None:
        yield from _scores(found.scores)
    yield from (Text(f"not answered: {note}") for note in found.unanswered)


def _pools(found: PoolAdvice) -> Iterator[Block]:
    yield Heading(f"Which pools, at {amount_text(found.plan.budget)} samples seen")
    if found.comparison is None:
        yield Text(f"law: {found.law}, not judged")
    else:
        row = found.comparison.table.set_index("law").loc[found.law]
        yield Text(
            f"law: {found.law} ({row['verdict']}); fitted to "
            f"{amount_text(found.comparison.hold_out_above)} samples seen and less, it predicts "
            f"the larger budgets to {float(row['held_out_rmse']):.2g} rms"
        )
    yield from (Text(f"warning: {note}") for note in found.warnings)
    for other in found.other_laws:
        yield Text(f"by {other.law}: {' + '.join(other.pools)}, error {other.error:.4g}")
    yield from plan_blocks(found.plan)
    budget = found.all_pools_from
    if budget is None:
        return
    last = found.plan.switches[-1]
    if budget > last.most:
        most = amount_text(last.most)
        yield Text(f"filtering pays up to {most} at least: all pools never win there")
    elif budget < last.least:
        yield Text("no filter beats all pools at any budget looked at")
    else:
        yield Text(f"no filter beats all pools from {amount_text(budget)} on")


def _pruning(found: PruningAdvice) -> Iterator[Block]:
    question = "Which examples"
    if found.examples is not None:
        question += f", of {amount_text(found.examples)}"
    if found.kept is not None:
        question += f", at most {amount_text(found.kept)} kept"
    yield Heading(question)
    yield from map(Text, _use(found))
    yield from map(Text, _against(found))
    yield Text(_law_of_pruning(found))
    for note in found.warnings:
        if note.kind != "runs_disagree":  # said with the choice
            yield Text(f"warning: {note}")
    yield from map(Text, _where(found))
    yield from _runs(found)
    does_not = "the pruning theory does not describe these runs"
    because = [Items([f"{does_not}: {reason}" for reason in found.reasons])]
    yield Details([*(because if found.reasons else ()), Text(f"statistics: {found.source}")])


def _law_of_pruning(found: PruningAdvice) -> str:
    judged, fit = found.judged, found.fit
    if found.law == "cells":
        return "law: none; measured cells answer, and what lies between them"
    if found.law == "curves" or judged is None or fit is None:
        rules = ", ".join(sorted({rule for _, rule in getattr(found.laws.law, "pairs", ())}))
        return f"law: power laws in the data-set size, of {rules}; corrected by the runs"
    line = f"law: pruning theory with N = {fit.dimension:.4g}, θ = {fit.theta:.3g} rad"
    if judged.held_out is None or judged.baseline_held_out is None:
        return line
    return (
        f"{line}; fitted to data sets up to {found.hold_out_above:g} it predicts the larger ones "
        f"to {judged.held_out.rmse:.2g} rms, power laws in the kept examples to "
        f"{judged.baseline_held_out.rmse:.2g}"
    )


def _use(found: PruningAdvice) -> Iterator[str]:
    best, level = found.choice.best, f"at {100 * found.level:g} %"
    told, what = found.verdict != "not_told", _cell(best)
    if best.rule == "random":
        all_kept = found.examples == best.kept
        what = "everything" if all_kept else f"{amount_text(best.kept)} at random"
    ends = f"{_ends(best.error, '.4g')} {level}"
    expected = f"expect error {best.error.value:.4g} ({ends}), {_known(best)}"
    first = "keep" if told else "not told; the best estimate is to keep"
    if found.choice.deferred:
        first = "not told; the nearest runs are for keeping"
    yield f"{first} {what}: {expected}"
    if found.choice.nearest:
        near = found.choice.nearest
        errors = ", ".join(f"{keep.rule} {keep.error.value:.4g}" for keep in near)
        size, f = amount_text(near[0].dataset_size), near[0].keep_fraction
        yield f"the nearest runs, of {size} examples at f = {f:.3g}: {errors}"
    for name in found.choice.tied:
        keep, gap = getattr(found.choice, name), getattr(found.choice, BEHIND[name])
        yield (
            f"not separated from {_short(keep)}: error {keep.error.value:.4g} "
            f"({_ends(keep.error, '.4g')}), {_known(keep)}; difference {gap.value:.2g} "
            f"({_ends(gap)}) {level}"
        )
    against = [note for note in found.warnings if note.kind == "runs_disagree"]
    if against:
        yield f"but {against[0]}"
    if found.choice.random is None:
        yield "whether pruning pays is not known: nothing tells of random keeping of as many"


def _against(found: PruningAdvice) -> Iterator[str]:
    """The other choices, with their errors and how far they are from the best."""
    choice = found.choice
    if choice.best.rule != "random" and choice.random is not None and "random" not in choice.tied:
        yield f"random keeping of as many: {_more(choice.random, choice.gain)}"
    whole = choice.everything
    if whole is not None and whole.kept != choice.best.kept and "everything" not in choice.tied:
        yield f"everything kept: {_more(whole, choice.over_everything)}"
    if choice.runner_up is not None and "runner_up" not in choice.tied:
        more = _more(choice.runner_up, choice.ahead)
        yield f"best of another rule: {_cell(choice.runner_up)}: {more}"
    if choice.least is not None:
        more = f"{100 * TOLERANCE:g} % more error"
        yield f"fewer examples: {_cell(choice.least)} costs at most {more}"


def _where(found: PruningAdvice) -> Iterator[str]:
    """For which fractions and sizes pruning beats random keeping, and how far that is beyond."""
    for rule, spans in found.choice.fractions.items():
        yield _of_fractions(rule, spans)
    best = found.choice.best
    for span in found.choice.sizes:
        rest = {
            (True, True): "on data sets of {0} to {1}, all that were looked at",
            (False, True): "from data sets of {0} on, and would lose below",
            (True, False): "up to data sets of {1}, and would lose above",
            (False, False): "on data sets of {0} to {1}, and would lose outside",
        }[span.open_low, span.open_high]
        ends = rest.format(amount_text(span.low), amount_text(span.high))
        told = f"told {' to '.join(map(amount_text, span.told))}" if span.told else "not told"
        yield f"at f = {best.keep_fraction:.3g}, {best.rule} beats random {ends} ({told})"
    if not found.doublings:
        yield "extrapolation: none in data-set size; fractions lie within those measured"


def _of_fractions(rule: str, spans: tuple[Span, ...]) -> str:
    if not spans:
        return f"{rule} loses to random keeping of as many at every fraction looked at"
    parts = []
    for span in spans:
        told = "not told"
        if span.told:
            told = f"told {'at ' * (span.told[0] == span.told[1])}{_range(span.told)}"
        parts.append(f"f = {_range((span.low, span.high))} ({told})")
    lost = "" if spans[0].open_low else f"; it would lose below f = {spans[0].low:.3g}"
    return f"{rule} beats random keeping of as many at {', '.join(parts)}{lost}"


def _runs(found: PruningAdvice) -> Iterator[Block]:
    best, rival = found.choice.best, found.choice.rival
    if not found.next_runs or rival is None:
        return
    rows = [
        (
            f"{run.rule}, f = {run.keep_fraction:.3g}",
            amount_text(run.dataset_size),
            amount_text(run.kept),
            f"{run.predicted:.4g} ± {run.spread:.2g}",
            f"{run.doubt_after:.2g}",
        )
        for run in found.next_runs[:SHOWN]
    ]
    ahead = rival.error.value - best.error.value
    title = (
        f"next runs, for {_short(best)} against {_short(rival)}: "
        f"{abs(ahead):.2g} ± {found.next_runs[0].doubt_now:.2g} "
        f"{'worse' if ahead < 0.0 else 'better'}"
    )
    if found.settled:
        title += ", so that the choice needs none"
        title += "" if best.how == "measured" == rival.how else " if the law holds"
    yield Table(title, ("run", "data set", "kept", "expect error", "± after"), rows)


def _scores(found: ScoreAdvice) -> Iterator[Block]:
    yield Heading(f"Scores {found.source}: {found.examples}, high = {found.high}")
    if found.kept == found.examples:
        yield Text(f"keep all {found.kept}; a budget below that says which ones to drop")
    else:
        share = found.kept / found.examples
        yield Text(f"keep {found.kept} (rule {found.rule}, f = {share:.4g})")
    if found.borders:
        yield Items([_border(border) for border in found.borders])
    yield Text(f"scores: {_quantiles(found.quantiles.items())}")
    if found.kept < found.examples:
        yield Text(f"kept: {_quantiles(found.kept_quantiles.items())}")
    yield from (Text(f"note: {note}") for note in found.notes)


def _border(border: Border) -> str:
    line = f"scores at or {border.kept_side} {border.value:.6g}"
    if border.tied > border.tied_kept:
        line += f"; {border.tied_kept} of the {border.tied} of exactly this score, by the seed"
    return line


def _quantiles(values: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values)


def _known(keep: Keep) -> str:
    """How its error is known, and what the interval holds."""
    if keep.how != "measured":
        return KNOWN[keep.how]
    if keep.runs == 1:
        return "measured, one run"
    return f"measured: the mean of {keep.runs} runs, all of them in the interval"


def _cell(keep: Keep) -> str:
    kept, size = amount_text(keep.kept), amount_text(keep.dataset_size)
    return f"{keep.rule}, f = {keep.keep_fraction:.3g}: {kept} of {size} examples"


def _short(keep: Keep) -> str:
    if keep.keep_fraction == 1.0 and keep.rule == "random":
        return "everything"
    return f"{keep.rule} at f = {keep.keep_fraction:.3g}"


def _range(ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _ends(interval: Interval, form: str = ".2g") -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"


def _more(keep: Keep, gap: Interval | None) -> str:
    """`0.084, 0.006 more (0.005 to 0.007)`; less where it is less, and whether that is told."""
    assert gap is not None
    less = gap.value < 0.0
    shown = Interval(-gap.value, -gap.high, -gap.low) if less else gap
    told = "" if gap.told else "; not told apart"
    word = "less" if less else "more"
    return f"{keep.error.value:.4g}, {shown.value:.2g} {word} ({_ends(shown)}{told})"
