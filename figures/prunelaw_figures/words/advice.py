"""An advice in words: which law fits, what to keep, what to expect, how far that reaches."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.output import make_table, print_table
from prunelaw_figures.words.plan import print_plan

if TYPE_CHECKING:
    from prunelaw_sim.advice.advise import Advice
    from prunelaw_sim.advice.keep_choice import Interval, Keep, Span
    from prunelaw_sim.advice.on_pools import PoolAdvice
    from prunelaw_sim.advice.on_pruning import PruningAdvice
    from prunelaw_sim.advice.on_scores import Border, ScoreAdvice

_SHOWN = 3  # runs worth adding
_SURE = 3.0  # a difference of so many standard deviations needs no run


def print_advice(found: "Advice") -> None:
    """Writes the advice to stdout, for people."""
    if found.pools is not None:
        _print_pools(found.pools)
    if found.pools is not None and found.pruning is not None:
        click.echo("")
    if found.pruning is not None:
        _print_pruning(found.pruning)
    if found.scores is not None:
        click.echo("")
        for line in _scores(found.scores):
            click.echo(line)
    for note in found.unanswered:
        click.echo(f"not answered: {note.message}")


def _print_pools(found: "PoolAdvice") -> None:
    from prunelaw_sim.common.amounts import amount_text

    click.echo(f"WHICH POOLS, at {amount_text(found.plan.budget)} samples seen")
    click.echo(_law_of_pools(found))
    for note in found.warnings:
        click.echo(f"warning: {note.message}")
    for other in found.other_laws:
        pools = " + ".join(other.pools)
        click.echo(f"by {other.law}: {pools}, error {other.error:.4g}")
    print_plan(found.plan)
    if found.all_pools_from is not None:
        click.echo(_no_filter(found, found.all_pools_from))


def _law_of_pools(found: "PoolAdvice") -> str:
    from prunelaw_sim.common.amounts import amount_text

    if found.comparison is None:
        return f"law: {found.law}, not judged"
    row = found.comparison.table.set_index("law").loc[found.law]
    limit = amount_text(found.comparison.hold_out_above)
    held_out = f"{float(row['held_out_rmse']):.2g}"
    return (
        f"law: {found.law} ({row['verdict']}); fitted to {limit} samples seen and less, it "
        f"predicts the larger budgets to {held_out} rms"
    )


def _no_filter(found: "PoolAdvice", budget: float) -> str:
    from prunelaw_sim.common.amounts import amount_text

    last = found.plan.switches[-1]
    if budget > last.most:
        return f"filtering pays up to {amount_text(last.most)} at least: all pools never win there"
    if budget < last.least:
        return "no filter beats all pools at any budget looked at"
    return f"no filter beats all pools from {amount_text(budget)} on"


def _print_pruning(found: "PruningAdvice") -> None:
    for line in _pruning(found):
        click.echo(line)
    if found.next_runs:
        _print_runs(found)
    for note in found.warnings:
        if note.kind != "runs_disagree":  # said with the choice
            click.echo(f"warning: {note.message}")
    click.echo(f"statistics: {found.source}; intervals are of the law, and hold if it does")


def _pruning(found: "PruningAdvice") -> Iterator[str]:
    from prunelaw_sim.common.amounts import amount_text

    question = "WHICH EXAMPLES"
    if found.examples is not None:
        question += f", of {amount_text(found.examples)}"
    if found.kept is not None:
        question += f", at most {amount_text(found.kept)} kept"
    yield question
    yield from _law_of_pruning(found)
    yield from _use(found)
    yield from _against(found)
    yield from _where(found)
    if not found.doublings:
        yield "extrapolation: none in data-set size; fractions lie within those measured"


def _law_of_pruning(found: "PruningAdvice") -> Iterator[str]:
    judged = found.judged
    if found.describes and judged is not None:
        fit = found.fit or judged
        line = f"law: pruning theory with N = {fit.dimension:.4g}, θ = {fit.theta:.3g} rad"
        if judged.held_out is not None and judged.baseline_held_out is not None:
            line += (
                f"; fitted to data sets up to {found.hold_out_above:g} it predicts the larger ones "
                f"to {judged.held_out.rmse:.2g} rms, power laws in the kept examples to "
                f"{judged.baseline_held_out.rmse:.2g}"
            )
        yield line
        return
    yield "law: a power law in the data-set size for each measured fraction and rule"
    for reason in found.reasons:
        yield f"  the pruning theory does not describe these runs: {reason}"


def _use(found: "PruningAdvice") -> Iterator[str]:
    from prunelaw_sim.common.amounts import amount_text

    best, level = found.choice.best, found.level
    what = _cell(best)
    if best.rule == "random":
        everything = found.examples == best.kept
        what = "everything" if everything else f"{amount_text(best.kept)} at random"
    says = "not told; the best estimate is to keep" if found.verdict == "not_told" else "keep"
    yield f"{says} {what}: expect error {_error(best.error, level)}"
    if found.verdict == "not_told":
        choice = found.choice
        against = [note.message for note in found.warnings if note.kind == "runs_disagree"]
        if against:
            yield f"  but {against[0]}"
            return
        pair, gain = f"{best.rule} from random", choice.gain
        if best.rule == "random" and choice.runner_up is not None and choice.ahead is not None:
            pair, gain = f"random from {choice.runner_up.rule}", choice.ahead
        yield (
            f"  but the data do not tell {pair} at this size: difference {_signed(gain)} at "
            f"{100 * level:g} %"
        )


def _against(found: "PruningAdvice") -> Iterator[str]:
    choice = found.choice
    if choice.best.rule != "random":
        yield f"random keeping of as many: {choice.random.error.value:.4g}{_more(choice.gain)}"
    whole, over = choice.everything, choice.over_everything
    if whole is not None and over is not None and found.verdict != "keep_all":
        yield f"everything kept: {whole.error.value:.4g}{_more(over)}"
    if choice.runner_up is not None and choice.ahead is not None:
        yield (
            f"best of another rule: {_cell(choice.runner_up)}: "
            f"{choice.runner_up.error.value:.4g}{_more(choice.ahead)}"
        )
    if choice.least is not None:
        yield f"fewer examples: {_cell(choice.least)} costs at most 5 % more error"


def _where(found: "PruningAdvice") -> Iterator[str]:
    for rule, spans in found.choice.fractions.items():
        yield _of_fractions(found, rule, spans)
    best = found.choice.best
    if best.rule == "random":
        return
    for span in found.choice.sizes:
        yield _of_sizes(best, span)


def _of_fractions(found: "PruningAdvice", rule: str, spans: "tuple[Span, ...]") -> str:
    if not spans:
        return f"{rule} loses to random keeping of as many at every fraction looked at"
    parts = []
    for span in spans:
        part = f"f = {span.low:.3g} to {span.high:.3g}"
        if span.low == span.high:
            part = f"f = {span.low:.3g}"
        part += " (not told)" if span.told is None else f" (told {_ends(span.told)})"
        parts.append(part)
    line = f"{rule} beats random keeping of as many at {', '.join(parts)}"
    if not spans[0].open_low:
        line += f"; it would lose below f = {spans[0].low:.3g}"
    return line


def _of_sizes(best: "Keep", span: "Span") -> str:
    from prunelaw_sim.common.amounts import amount_text

    low, high = amount_text(span.low), amount_text(span.high)
    line = f"at f = {best.keep_fraction:.3g}, {best.rule} beats random"
    if span.open_low and span.open_high:
        line += f" on data sets of {low} to {high}, all that were looked at"
    elif span.open_high:
        line += f" from data sets of {low} on, and would lose below"
    elif span.open_low:
        line += f" up to data sets of {high}, and would lose above"
    else:
        line += f" on data sets of {low} to {high}, and would lose outside"
    if span.told is None:
        return line + " (not told)"
    return line + f" (told {' to '.join(amount_text(end) for end in span.told)})"


def _ends(ends: tuple[float, float]) -> str:
    if ends[0] == ends[1]:
        return f"at {ends[0]:.3g}"
    return f"{ends[0]:.3g} to {ends[1]:.3g}"


def _cell(keep: "Keep") -> str:
    from prunelaw_sim.common.amounts import amount_text

    return (
        f"{keep.rule}, f = {keep.keep_fraction:.3g}: {amount_text(keep.kept)} of "
        f"{amount_text(keep.dataset_size)} examples"
    )


def _error(error: "Interval", level: float) -> str:
    return f"{error.value:.4g} ({error.low:.4g} to {error.high:.4g} at {100 * level:g} %)"


def _more(difference: "Interval") -> str:
    """`, 0.006 more (0.005 to 0.007)`; less where it is less, and whether the sign is told."""
    value, ends = difference.value, sorted((difference.low, difference.high))
    word = "more" if value >= 0.0 else "less"
    if value < 0.0:
        ends = [-ends[1], -ends[0]]
    told = "" if difference.told else "; not told apart"
    return f", {abs(value):.2g} {word} ({ends[0]:.2g} to {ends[1]:.2g}{told})"


def _signed(difference: "Interval") -> str:
    return f"{difference.value:.2g} ({difference.low:.2g} to {difference.high:.2g})"


def _print_runs(found: "PruningAdvice") -> None:
    from prunelaw_sim.common.amounts import amount_text

    best, rival = found.choice.best, found.choice.rival
    assert rival is not None
    rows = [
        (
            f"{run.rule}, f = {run.keep_fraction:.3g}",
            amount_text(run.dataset_size),
            amount_text(run.kept),
            f"{run.predicted:.4g} ± {run.spread:.2g}",
            f"{run.doubt_after:.2g}",
        )
        for run in found.next_runs[:_SHOWN]
    ]
    doubt = found.next_runs[0].doubt_now
    ahead = rival.error.value - best.error.value
    title = (
        f"next runs, for {_short(best)} against {_short(rival)}: {ahead:.2g} ± {doubt:.2g} better"
    )
    if ahead > _SURE * doubt:
        title += ", so that the choice needs none if the law holds"
    print_table(make_table(title, ("run", "data set", "kept", "expect error", "± after"), rows))


def _short(keep: "Keep") -> str:
    return (
        "everything"
        if keep.keep_fraction == 1.0
        else f"{keep.rule} at f = {keep.keep_fraction:.3g}"
    )


def _scores(found: "ScoreAdvice") -> Iterator[str]:
    yield f"SCORES {found.source}: {found.examples}, high = {found.high}"
    if found.kept == found.examples:
        yield f"keep all {found.kept}; a budget below that says which ones to drop"
    else:
        yield f"keep {found.kept} (rule {found.rule}, f = {found.kept / found.examples:.4g})"
    for border in found.borders:
        yield f"  {_border(border)}"
    yield f"scores: {_quantiles(found.quantiles)}"
    if found.kept < found.examples:
        yield f"kept:   {_quantiles(found.kept_quantiles)}"
    for note in found.notes:
        yield f"note: {note.message}"


def _border(border: "Border") -> str:
    line = f"scores at or {border.kept_side} {border.value:.6g}"
    if border.tied > border.tied_kept:
        line += f"; {border.tied_kept} of the {border.tied} of exactly this score, by the seed"
    return line


def _quantiles(values) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
