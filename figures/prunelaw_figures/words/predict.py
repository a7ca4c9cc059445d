"""A prediction in words: what to keep, how sure, and the curve that it comes from."""

from collections.abc import Iterator, Sequence

import numpy as np

from prunelaw_figures.words.document import Block, Details, Table, Text
from prunelaw_sim.common.amounts import amount_text
from prunelaw_sim.features.predict import PredictedPoint, Prediction


def predict_blocks(found: Prediction) -> Iterator[Block]:
    """Everything that `prunelaw predict` says, for people."""
    for best in found.best:
        yield Text(_best(found, best))
    yield Text(f"{found.verdict}: {found.reason}")
    yield Table("Test error", _HEAD, [_row(point) for point in (*found.unpruned, *found.points)])
    yield from (Text(f"note: {note}") for note in found.notes)
    yield Details(list(_details(found)))


_HEAD = ("rule", "pool", "keep", "kept", "theory", "+-", "trained", "+-")


def _best(found: Prediction, best: PredictedPoint) -> str:
    pool = amount_text(best.pool)
    measured = ", as trained on the spot" if best.source == "trained" else ""
    said = f"of {pool} examples keep {100 * best.keep_fraction:.3g} %, {best.rule}: error "
    said += f"{best.error:.4g}{measured}"
    whole = next(one for one in found.unpruned if one.pool == best.pool)
    if np.isfinite(whole.error):
        said += f"; all of them {whole.error:.4g}"
    gain = found.against_random(best)
    if gain is not None and best.rule != "random":
        word = "better" if gain.value > 0.0 else "worse"
        said += f"; {abs(gain.value):.2g} {word} than as many at random"
        if abs(gain.value) < 2.0 * gain.se:
            said += f", which is within its uncertainty of +-{gain.se:.2g}"
    if best.rule == "random":
        said += ": no rule is better than random keeping here"
    return said


def _row(point: PredictedPoint) -> Sequence[str]:
    return (
        "all" if point.keep_fraction == 1.0 else point.rule,
        amount_text(point.pool),
        f"{point.keep_fraction:.3g}",
        amount_text(point.kept),
        *(_number(value) for value in (point.theory, point.theory_se)),
        *(_number(value) for value in (point.trained, point.trained_se)),
    )


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"


def _details(found: Prediction) -> Iterator[Block]:
    student = found.student
    intercept = "an intercept" if student.intercept else "no intercept"
    yield Text(
        f"student: {student.loss} loss, penalty {student.penalty:.4g}, {intercept}; classes "
        f"{', '.join(map(str, found.names))}"
    )
    ways = ", ".join(f"{rule} {way}" for rule, way in found.clusters.items())
    yield Text(f"clusters in each class, or kept: the statistics of the kept examples: {ways}")
    if found.probe_examples:
        yield Text(f"{found.probe_examples} examples, drawn at random, trained the probe")
    if found.checks:
        rows = [_row(point) for point in found.checks]
        yield Table("Checked beside the question", _HEAD, rows)
