"""What `prunelaw verify` says: each part's result as a table, sentences and figures."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prunelaw_figures.words.document import (
    Block,
    Code,
    Heading,
    Image,
    Items,
    Table,
    Text,
    to_html,
    to_markdown,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.verification.published import ConventionCheck, UtilityCheck
    from prunelaw_sim.verification.real import LawFit, SweepCheck
    from prunelaw_sim.verification.run import Outcome, Verification
    from prunelaw_sim.verification.simulated import SimulationCheck

TITLE = "prunelaw verify"


def write(state: "Verification") -> None:
    """Writes page, text, numbers and the figures of finished parts into the run's own folder."""
    from prunelaw_figures.plots.style import save
    from prunelaw_sim.common.plain import to_json

    blocks: list[Block] = [Heading(TITLE, 1), *_summary(state)]
    for name, outcome in state.outcomes.items():
        blocks += [Heading(outcome.title), *part_blocks(name, outcome)]
        if outcome.result is not None:
            for file, caption, figure in _figures(name, outcome.result):
                if not (state.folder / file).exists():
                    save(figure(), state.folder / file)
                blocks.append(Image(file, caption))
    (state.folder / "index.html").write_text(to_html(TITLE, blocks), encoding="utf-8")
    (state.folder / "report.md").write_text(to_markdown(blocks), encoding="utf-8")
    (state.folder / "results.json").write_text(to_json(state), encoding="utf-8")


def part_blocks(name: str, outcome: "Outcome") -> list[Block]:
    """One part's table and sentences; in place of a part that failed, its error."""
    if outcome.error is not None:
        return [Text("This part failed; the others are not affected."), Code(outcome.error)]
    parts: dict[str, Any] = {"simulation": _simulation, "utility": _utility, "sweep": _sweep}
    return [Text(verdict(outcome)), *parts[name](outcome.result)]


def verdict(outcome: "Outcome") -> str:
    """One line: good, or what is wrong; of a sweep which laws describe it."""
    if outcome.error is not None:
        return f"FAILED  {outcome.title}: {outcome.error.strip().splitlines()[-1]}"
    if not outcome.good:
        return f"DISAGREEMENT  {outcome.title}"
    fits = getattr(outcome.result, "fits", ())
    if all(fit.describes for fit in fits):
        return f"good  {outcome.title}"
    words = {True: "describes its runs", False: "does not", None: "cannot be tested"}
    parts = []
    for describes, said in words.items():
        laws = ", ".join(fit.law for fit in fits if fit.describes is describes)
        parts += [f"{laws}: {said}"] if laws else []
    return f"fitted  {outcome.title}: {'; '.join(parts)}"


def number(value: float, error: float) -> str:
    """`0.123 ± 0.004`; without an error just the value."""
    shown = "∞" if math.isinf(value) else f"{value if abs(value) > 1e-12 else 0:.3g}"
    return f"{shown} ± {error:.1g}" if math.isfinite(error) and not math.isinf(value) else shown


def _summary(state: "Verification") -> Iterator[Block]:
    trials = ", ".join(f"{n} trials at N = {dim}" for dim, n in state.settings.trials.items())
    seconds = sum(outcome.seconds for outcome in state.outcomes.values())
    line = (
        f"Status: {state.status}. Settings: {state.settings.name}, {trials} for each point, "
        f"seed {state.seed}; {seconds:.0f} s of work."
    )
    if state.settings.name == "quick":
        line += " Quick run: fewer sizes, fewer trials and smaller sweeps than the full one."
    yield Text(line)
    finished = [f"{verdict(o)} ({o.seconds:.1f} s)" for o in state.outcomes.values()]
    yield Items(finished or ["no part has finished"])


def _simulation(check: "SimulationCheck") -> Iterator[Block]:
    found, largest = check.agreement, max(check.trials)
    column = found.sizes.tolist().index(largest)
    rows = [
        (
            point.rule,
            f"{point.theta:g}",
            f"{point.alpha_tot:g}",
            f"{point.f:g}",
            f"{found.theory[i]:.6f}",
            f"{found.means[i, column]:.5f} ± {found.stderrs[i, column]:.5f}",
            f"{found.raw_z[i]:+.2f}",
            f"{found.limit.value[i]:.5f} ± {found.limit.stderr[i]:.5f}",
            f"{found.z[i]:+.2f}",
        )
        for i, point in enumerate(check.points)
    ]
    at = f"N = {largest}"
    columns = ("keep", "θ (rad)", "α_tot", "f", "theory ε", f"simulated, {at}", f"z at {at}")
    columns += ("simulated, N → ∞", "z")
    yield Table("Pruning theory against simulation", columns, rows)
    worst = check.points[found.worst]
    degree = "a straight line" if found.limit.order == 1 else "a parabola"
    sizes = ", ".join(f"{size:g}" for size in found.sizes)
    yield Text(
        f"Judged by {degree} in 1/N through N = {sizes}: χ² = {found.chi2:.1f} on "
        f"{found.dof} points, p = {found.p_chi2:.3g}; common factor simulation/theory − 1 = "
        f"{100 * found.common:+.2f} ± {100 * found.common_stderr:.2f} %, p = {found.p_common:.3g}; "
        f"worst point p = {found.adjusted[found.worst]:.3g}, corrected for their number. They "
        f"{'agree' if found.agrees else 'DISAGREE'}: p = {found.p_value:.3g} for the three tests "
        f"together (limit {found.threshold:g}). "
        f"Worst point: keep {worst.rule}, θ = {worst.theta:g}, α_tot = {worst.alpha_tot:g}, "
        f"f = {worst.f:g}, z = {found.z[found.worst]:+.2f}. A theory wrong by "
        f"{100 * found.detectable:.1f} % at every point would be caught nine times in ten. "
        f"{check.students} students, largest relative duality gap {check.max_relative_gap:.1e}; "
        f"theory's largest residual {check.residual:.1e}. The z at finite N contains the "
        f"finite-size effect and is not judged."
    )


def _utility(check: "UtilityCheck") -> Iterator[Block]:
    columns = ("convention", "kept", *(f"{budget / 1e6:g}M" for budget in check.budgets))
    title = "Utility decay: predicted accuracy (%) by samples seen; * marks the best filter"
    rows = [row for found in check.conventions for row in _convention_rows(found, check.names)]
    yield Table(title, columns, rows)
    lines = []
    for found in check.conventions:
        switches = ", ".join(
            f"{s.from_pools}→{s.to_pools} pools at {s.samples_seen / 1e6:.1f}M"
            for s in found.switches
        )
        lines.append(f"{found.convention}: the best filter switches {switches or 'nowhere'}")
    yield Items(lines)
    yield Text(
        f"Published T-MARS parameters (DataComp medium, ImageNet; four pools of 12.8M). "
        f"{sum(c.compared for c in check.conventions)} predictions have a value from the "
        f"authors' own functions; the largest deviation is "
        f"{max(c.deviation for c in check.conventions):.4f} % (they are rounded to .01 %). "
        f"The effective-data convention has fitted parameters of its own."
    )


def _convention_rows(found: "ConventionCheck", names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for i, name in enumerate(names):
        marks = ("*" if best == i + 1 else " " for best in found.best)
        cells = (f"{value:.2f}{mark}" for value, mark in zip(found.accuracy[i], marks, strict=True))
        yield (found.convention, name, *cells)
    yield (found.convention, "best number of pools", *(f"{n} " for n in found.best))


def _sweep(check: "SweepCheck") -> Iterator[Block]:
    from prunelaw_sim.verification.real import parameters

    columns = ("law", "runs", "rmse (points)", "held-out rmse (points)", "describes the data?")
    rows = [
        (
            law.law,
            law.group,
            f"{law.rmse:.4f} ({law.points})",
            f"{law.held_out_rmse:.4f} ({law.held_out_points})",
            {True: "yes", False: "no", None: "not testable"}[law.describes],
        )
        for law in check.fits
    ]
    sources = ", ".join(dict.fromkeys(check.sources))
    yield Table(f"Both laws on a real sweep: {sources}, {check.rows} runs", columns, rows)
    for law in check.fits:
        yield Text(_law_text(law))
        values = ", ".join(f"{name} = {number(value, se)}" for name, value, se in parameters(law))
        yield Items([values, *law.reasons, *law.remarks])
    if check.skipped:
        yield Text("Not fitted:")
        yield Items([f"skipped {law}: {why}" for law, why in check.skipped.items()])
    if check.notes:
        yield Text("Notes on the data:")
        yield Items([str(note) for note in check.notes])


def _law_text(law: "LawFit") -> str:
    budget = "data-set size" if law.law == "pruning" else "samples seen"
    verdicts = {
        True: "describes the fitted points within their scatter",
        False: "does NOT describe the data; where and how:",
        None: "cannot be tested against scatter: the table has no replicates and no error_se",
    }
    return (
        f"{law.law}, {law.group}: {verdicts[law.describes]} "
        f"(held out: {law.held_out_points} points with {budget} above {law.hold_out_above:.4g})"
    )


def _figures(name: str, result: Any) -> Iterator[tuple[str, str, "Callable[[], Figure]"]]:
    """(file, caption, function that draws it) of one part."""
    from prunelaw_figures.plots.best_filter import best_filter_figure
    from prunelaw_figures.plots.real_sweep import pruning_sweep, utility_sweep
    from prunelaw_figures.plots.theory_vs_simulation import theory_vs_simulation

    if name == "simulation":
        caption = "Simulated against exact test error, and their difference extrapolated to N → ∞."
        yield "theory_vs_simulation.png", caption, lambda: theory_vs_simulation(result)
        return
    if name == "utility":
        caption = "Error of the best 1 to 4 pools against samples seen; dashed: the best switches."
        yield "best_filter.png", caption, lambda: best_filter_figure(result)
        return
    draw = {"pruning": pruning_sweep, "utility": utility_sweep}
    for i, law in enumerate(result.fits):
        if law.law in draw:
            caption = (
                f"{law.group}: means over seeds (open: held out), lines the fitted {law.law} law."
            )
            yield f"sweep_{i + 1}_{law.law}.png", caption, lambda law=law: draw[law.law](law)
