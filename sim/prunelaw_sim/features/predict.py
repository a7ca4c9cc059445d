"""Which examples to keep, before any training: `predict` and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_choice, check_integer
from prunelaw.errors import InputError
from prunelaw.features import best_penalty
from prunelaw_sim.features.check import can_be_trained, trained
from prunelaw_sim.features.estimate import moments
from prunelaw_sim.features.question import Data, Point, Student, checked_data, checked_points
from prunelaw_sim.features.theory_errors import (
    KEPT,
    MOST_DIMS,
    Predicted,
    predicted,
    share_of_variance,
)

RULES = ("hard", "easy", "random")
KEEP = (0.1, 0.2, 0.3, 0.5, 0.7)
CLUSTERS = (1, 3, KEPT)  # ways to describe the data, of which the check chooses
GOOD, POOR = 0.05, 0.15  # relative deviations of theory and training, in the median
WORST = 3.0  # times as much, of nine in ten
TELLS = 2.0  # standard errors
VERDICTS = ("trust", "trust the order, not the level", "do not trust", "not checked")
Array = np.ndarray


@dataclass(frozen=True)
class PredictedPoint:
    """One point of a prediction.

    Attributes:
        pool, kept: examples before and after pruning.
        error: the answer: by theory where it is trusted or nothing was measured, else as trained.
        error_se: its standard error.
        source: "theory" or "trained".
        theory, theory_se: by theory, with the error that comes of the number of examples; NaN
            where its equations could not be solved.
        trained, trained_se: mean of students trained on the spot, NaN where there are none.
    """

    rule: str
    keep_fraction: float
    pool: int
    kept: int
    error: float
    error_se: float
    source: str
    theory: float
    theory_se: float
    trained: float = float("nan")
    trained_se: float = float("nan")


class Gain(NamedTuple):
    """A difference of errors and its standard error."""

    value: float
    se: float


@dataclass(frozen=True)
class Prediction:
    """What `predict` answers.

    Attributes:
        points: every pool, fraction and rule that was asked for.
        unpruned: all of each pool.
        checks: points beside those asked for at which theory and training were held together.
        verdict: one of `VERDICTS`.
        reason: why, in a sentence.
        deviation: median relative deviation of theory from training, NaN if nothing was trained.
        clusters: of each rule: how many in each class, or "kept", see `predicted`.
        best: for each pool the pruned point of least error.
        probe: weights and offset of the probe that was used, None with scores.
        probe_examples: how many examples the probe took, 0 if it was given.
        student: what is trained.
        data: the features, labels and scores that it was asked about.
        per_class: whether rules rank within classes.
        notes: what else is to be said.
    """

    points: tuple[PredictedPoint, ...]
    unpruned: tuple[PredictedPoint, ...]
    checks: tuple[PredictedPoint, ...]
    verdict: str
    reason: str
    deviation: float
    clusters: Mapping[str, int | str]
    best: tuple[PredictedPoint, ...]
    probe: tuple[Float[Array, " d"], float] | None
    probe_examples: int
    student: Student
    data: Data = field(repr=False)
    per_class: bool = False
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[Any, ...]:
        """What the user calls the classes: of two, −1 and +1."""
        return self.data.names

    def against_random(self, point: PredictedPoint) -> Gain | None:
        """Error of random keeping at the same pool and fraction, less this one's."""
        for other in self.points:
            same = (other.pool, other.keep_fraction) == (point.pool, point.keep_fraction)
            if same and other.rule == "random" and other is not point:
                se = float(np.hypot(other.error_se, point.error_se))
                return Gain(other.error - point.error, se)
        return None

    def rows_to_keep(self, point: PredictedPoint) -> Int[Array, " kept"]:
        """The rows of the features that the point's rule and fraction keep of all of them."""
        whole = Point(len(self.scores), point.keep_fraction, point.rule)
        data = replace(self.data, rows=np.arange(len(self.scores)))
        return np.sort(data.kept(data.rows, whole, self.per_class, 0))

    @property
    def scores(self) -> Float[Array, " n"]:
        """The probe's field of every example, or the score that was given."""
        return self.data.score

    def to_dict(self) -> dict[str, Any]:
        """Plain values; NaN is None."""

        def plain(point: PredictedPoint) -> dict[str, Any]:
            return {n: _none(v) for n, v in vars(point).items()}

        return {
            "points": [plain(point) for point in self.points],
            "unpruned": [plain(point) for point in self.unpruned],
            "checks": [plain(point) for point in self.checks],
            "best": [plain(point) for point in self.best],
            "verdict": self.verdict,
            "reason": self.reason,
            "deviation": _none(self.deviation),
            "clusters": dict(self.clusters),
            "probe_examples": self.probe_examples,
            "loss": self.student.loss,
            "penalty": self.student.penalty,
            "intercept": self.student.intercept,
            "classes": [str(name) for name in self.names],
            "notes": list(self.notes),
        }


def predict(
    features: Any,
    labels: Any,
    *,
    probe: Any = None,
    offset: float = 0.0,
    scores: Any = None,
    probe_examples: int | None = None,
    loss: str = "logistic",
    penalty: float | str = 1.0,
    intercept: bool = True,
    pools: Sequence[int] | int | None = None,
    keep: Sequence[float] | float = KEEP,
    rules: Sequence[str] | str = RULES,
    per_class: bool = False,
    clusters: int | str = "auto",
    shrinkage: str | float = "none",
    centred: bool = True,
    check: bool = True,
    trials: int = 10,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Test error of a linear student of what a rule keeps, from features and labels alone.

    The student is min Σ_kept ℓ(y (β·x + b)) + (λ/2)|β|² on the features less their mean.  Nothing
    is fitted: means and covariances of the classes come from the examples, the rest is
    `prunelaw.features.solve` (docs/predict.md).  With `check` small pools are trained on the spot:
    they choose the clusters, say how far to trust the theory, and stand beside it.

    Args:
        features: n rows of d numbers, of any float type; a memory map is read in pieces.
        labels: classes of any names; of more than two, one student against the rest for each.
        probe: weight vector whose field θ·x + offset ranks the examples, x less the mean of the
            features if they are `centred`; it must not have been trained on them.  Of more than
            two classes a row a class: the score is then the margin between the two largest fields.
        scores: any score instead, one an example, high = hard.
        probe_examples: with neither, how many random examples train a probe (a tenth, at most
            1000); they count for nothing else.
        penalty: λ, above 0; "optimal": of least error for random keeping of the middle fraction of
            the first pool, by theory.
        pools: examples before pruning, one number or several; all that there are if None.
        keep, rules: fractions kept and "hard", "easy", "random", "signed-hard", "signed-easy",
            "quantiles:..."; every combination is a point.
        per_class: rank within each class, so that both keep the same fraction.
        clusters: of k-means in each class, or "kept", see `predicted`; "auto": 1, 3 or "kept",
            for each rule as the check chooses.
        shrinkage: of covariances, see `Moments.model`.
        centred: whether the mean of the features is taken off.
        trials: pools of each size that the check trains.
        progress: called with (steps done, steps in all).

    Raises:
        InputError: for values out of range, lengths that differ, a class with fewer than 20
            examples.
    """
    student = Student(loss, 1.0 if penalty == "optimal" else float(penalty), bool(intercept))
    data = checked_data(
        features, labels, probe, offset, scores, probe_examples, student, seed, centred
    )
    sizes = len(data.labels) if pools is None else pools
    asked = checked_points(data, sizes, keep, rules)
    if penalty == "optimal":
        student = replace(student, penalty=_best_penalty(data, asked, student))
    choices = CLUSTERS if clusters == "auto" else (_clusters(clusters),)
    if data.probe is None:
        choices = (KEPT,)
    elif not check:
        choices = choices[:1]
    whole = tuple(Point(n, 1.0, "random") for n in dict.fromkeys(point.n for point in asked))
    extra = _check_points(data, asked) if check else ()
    points = list(dict.fromkeys((*asked, *whole, *extra)))
    check_integer("trials", trials, 3)
    tick = _Ticks(progress, (4 if data.several else 8) * len(choices) + (trials if check else 0))
    options: dict[str, Any] = {"per_class": per_class, "seed": seed, "progress": tick}
    measured = np.full((trials, len(points)), np.nan)
    if check:
        measured = trained(
            data, points, student, trials=trials, centre=_centre(data, centred), **options
        )
    found: dict[int | str, Predicted] = {}
    for number in choices:
        try:
            found[number] = predicted(
                data, points, student, clusters=number, shrinkage=shrinkage, centred=centred,
                **options,
            )  # fmt: skip
        except InputError:  # k-means may leave a cluster of too few examples
            if number == choices[0]:
                raise
    choices = tuple(found)
    means, errors = _means(measured)
    chosen = {
        rule: min(choices, key=lambda c, r=rule: _of_rule(found[c].error, means, points, r))
        for rule in dict.fromkeys(point.rule for point in points)
    }
    values = _by_rule(found, chosen, points)
    deviation = _deviation(values.error, means)
    verdict, reason = _verdict(points, values.error, measured, deviation)
    rows = {}
    for i, point in enumerate(points):
        theory = float(values.error[i]), float(values.error_se[i])
        taught = float(means[i]), float(errors[i])
        use = np.isfinite(taught[0]) and (verdict != VERDICTS[0] or np.isnan(theory[0]))
        answer = (*taught, "trained") if use else (*theory, "theory")
        rows[point] = PredictedPoint(
            point.rule, point.f, point.n, point.kept, *answer, *theory, *taught
        )
    answered = tuple(rows[point] for point in asked)
    best = tuple(
        min((row for row in answered if row.pool == n and row.keep_fraction < 1.0), key=_order,
            default=None)  # pyright: ignore
        for n in dict.fromkeys(point.n for point in asked)
    )  # fmt: skip
    took = len(data.labels) - len(data.rows)
    return Prediction(
        answered, tuple(rows[point] for point in whole),
        tuple(rows[point] for point in extra if point not in asked), verdict, reason, deviation,
        chosen, tuple(row for row in best if row is not None), data.probe, took, student,
        data, per_class, tuple(_notes(data, answered)),
    )  # fmt: skip


class _Ticks:
    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done, self.total)


def _best_penalty(data: Data, asked: Sequence[Point], student: Student) -> float:
    if data.several:
        raise InputError("penalty must be a number with more than two classes")
    middle = sorted({point.f for point in asked})
    model = moments(data.features, data.labels, rows=data.rows).model()
    f = middle[len(middle) // 2]
    return best_penalty(
        model, asked[0].n, f, "random", loss=student.loss, intercept=student.intercept
    )


def _clusters(clusters: Any) -> int | str:
    if isinstance(clusters, str):
        return check_choice("clusters", clusters, ("auto", KEPT, "a number"))
    return check_integer("clusters", clusters, 1)


def _of_rule(error: Array, means: Array, points: Sequence[Point], rule: str) -> float:
    mine = np.array([point.rule == rule for point in points])
    found = _deviation(error[mine], means[mine])
    return np.inf if np.isnan(found) else found


def _by_rule(
    found: Mapping[int | str, Predicted], chosen: Mapping[str, int | str], points: Sequence[Point]
) -> Predicted:
    """The errors of every point, by the way that was chosen for its rule."""
    taken = [found[chosen[point.rule]] for point in points]
    return Predicted(
        *(
            np.array([getattr(one, name)[i] for i, one in enumerate(taken)])
            for name in ("error", "error_se", "uncorrected")
        )
    )


def _centre(data: Any, centred: bool) -> Any:
    if not centred:
        return 0.0
    return moments(data.features, data.labels, rows=data.rows).mean


def _check_points(data: Any, asked: Sequence[Point]) -> tuple[Point, ...]:
    """Where pools can be trained: the sizes asked for, or a quarter and a half of the examples."""
    if any(can_be_trained(data, point.n) for point in asked):
        return ()
    rules = dict.fromkeys(point.rule for point in asked)
    fractions = sorted({point.f for point in asked})
    some = dict.fromkeys([fractions[0], fractions[len(fractions) // 2]])
    sizes = [len(data.rows) // 4, len(data.rows) // 2]
    found = [Point(n, f, rule) for n in sizes for f in some for rule in rules]
    return tuple(point for point in found if point.f * point.n >= 10)


def _means(measured: Float[Array, "trials points"]) -> tuple[Array, Array]:
    """Means and standard errors over trials; NaN where fewer than three could be trained."""
    means, errors = np.full(measured.shape[1], np.nan), np.full(measured.shape[1], np.nan)
    for i, column in enumerate(measured.T):
        good = column[~np.isnan(column)]
        if len(good) >= 3:
            means[i], errors[i] = good.mean(), good.std(ddof=1) / np.sqrt(len(good))
    return means, errors


def _deviation(error: Array, means: Array) -> float:
    good = np.isfinite(error) & np.isfinite(means) & (means > 0.0)
    return float(np.median(np.abs(error[good] / means[good] - 1.0))) if good.any() else np.nan


def _verdict(
    points: Sequence[Point], error: Array, measured: Float[Array, "trials points"], deviation: float
) -> tuple[str, str]:
    """How far the theory may be trusted, by what was trained."""
    if np.isnan(deviation):
        return VERDICTS[3], "no pool was trained on the spot"
    means, _ = _means(measured)
    known = np.isfinite(error) & np.isfinite(means) & (means > 0.0)
    right = wrong = 0
    places: dict[tuple[int, float], list[int]] = {}
    for i in np.flatnonzero(known).tolist():
        if points[i].f < 1.0:
            places.setdefault((points[i].n, points[i].f), []).append(i)
    for mine in places.values():
        said = min(mine, key=lambda i: error[i])
        best = min(mine, key=lambda i: means[i])
        apart = measured[:, said] - measured[:, best]
        apart = apart[~np.isnan(apart)]
        se = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 2 else np.inf
        if said != best and apart.mean() > TELLS * se and apart.mean() > 0.02 * means[best]:
            wrong += 1
        elif len(mine) > 1:
            right += 1
    trained_words = f"{int(known.sum())} points were trained"
    worst = float(np.quantile(np.abs(error[known] / means[known] - 1.0), 0.9))
    level = f"theory is off by {100 * deviation:.2g} % in the median, "
    level += f"{100 * worst:.2g} % in one of ten"
    if wrong:
        return VERDICTS[2], (
            f"{trained_words}: the best rule is another than the theory's in {wrong} of "
            f"{wrong + right} places; {level}"
        )
    if deviation <= GOOD and worst <= WORST * GOOD:
        return VERDICTS[0], f"{trained_words}: {level}, and its best rule is right or a tie"
    if deviation <= POOR and worst <= WORST * POOR:
        return VERDICTS[1], f"{trained_words}: {level}, and its best rule is right or a tie"
    return VERDICTS[2], f"{trained_words}: {level}"


def _order(row: PredictedPoint) -> float:
    return row.error if np.isfinite(row.error) else np.inf


def _notes(data: Any, rows: Sequence[PredictedPoint]) -> list[str]:
    notes = []
    lost = [row for row in rows if not np.isfinite(row.theory)]
    if lost:
        notes.append(
            f"the theory's equations were not solved at {len(lost)} of {len(rows)} points, first "
            f"{lost[0].rule} at keep {lost[0].keep_fraction:g} of {lost[0].pool}"
        )
    share = share_of_variance(data)
    if share < 1.0:
        notes.append(
            f"the theory has the {MOST_DIMS} principal components of {data.features.shape[1]} "
            f"features, {100 * share:.3g} % of their variance; the check trains on all"
        )
    if data.several:
        notes.append("more than two classes: one student against the rest for each")
    if data.probe is None:
        notes.append(
            "the score is taken as it is: the examples that a rule keeps count as Gaussian "
            "clusters, which is an approximation; with a linear probe the rule itself is in the "
            "theory"
        )
    return notes


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
