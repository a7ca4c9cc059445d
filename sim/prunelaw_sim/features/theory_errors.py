"""Test errors by theory: the law of the student's vector, on examples that it did not see.

The theory of `prunelaw.features` says of every point that the student is β ~ N(β̄, S) over training
sets, so that on an example x its field is N(β̄·x + b, xᵀ S x).  Means and covariances come from
some of the examples, the test error from the others, whose distribution then need not be Gaussian.
What the finite number of examples does to the statistics is taken off by two numbers of folds:
with statistics of 3/4 and of 1/2 of the examples, e = e(3/4) − 2 (e(1/2) − e(3/4)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from prunelaw.errors import InputError
from prunelaw.features import OneVsRest, TheoryProbe, solve, solve_one_vs_rest, student_laws
from prunelaw_sim.features.estimate import PIECE, Moments, moments
from prunelaw_sim.features.question import Data, Point, Student

FOLDS = 4
KEPT = "kept"
SOME = 600  # examples of the mean where there are several classes
DRAWS = 128  # of their fields
SIDE = 10  # examples of one side of the probe's field that are a cluster of their own
HALVES = ((0, 1), (2, 3), (0, 2), (1, 3))
MOST_TESTS = 4000  # examples that a test error is a mean over
MOST_DIMS = 160  # features that the theory takes; of more, their principal components
MOST_ROWS = 20_000  # examples that the components come from
Array = np.ndarray
Law = TheoryProbe | OneVsRest


@dataclass(frozen=True)
class Predicted:
    """Errors of some points.

    Attributes:
        error: of the student, corrected for the finite number of examples.
        error_se: standard error of it, from the folds.
        uncorrected: with statistics of 3/4 of the examples.
    """

    error: Float[Array, " points"]
    error_se: Float[Array, " points"]
    uncorrected: Float[Array, " points"]


def predicted(
    data: Data,
    points: Sequence[Point],
    student: Student,
    *,
    clusters: int | str = 1,
    shrinkage: str | float = "none",
    centred: bool = True,
    per_class: bool = False,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> Predicted:
    """The errors of these points; NaN where the theory's equations could not be solved.

    Args:
        clusters: of k-means in each class, all of which the rule prunes by the probe's field, as
            the theory has it; or `KEPT`: the statistics of the examples that the rule keeps of the
            data, by class and side of the probe's field, are those of a mixture of Gaussians.
            Without a probe it is always `KEPT`.

    Raises:
        InputError: for a class with too few examples for four folds.
    """
    data = reduced(data)
    whole = moments(
        data.features,
        data.labels,
        clusters=1 if clusters == KEPT else int(clusters),
        folds=FOLDS,
        rows=data.rows,
        seed=seed,
    )
    origin = whole.mean if centred else np.zeros_like(whole.mean)
    found = []
    most_of, halves = _triples(), HALVES
    if data.several:  # each is a student a class and all their pairs: two of each must do
        most_of, halves = most_of[:2], halves[:2]
    for chosen in (*most_of, *halves):
        tests = _some(np.flatnonzero(np.isin(whole.fold, _others(chosen))), seed)
        laws_of = _laws_of_kept if data.probe is None or clusters == KEPT else _laws
        laws = laws_of(whole, chosen, points, data, student, shrinkage, per_class, origin)
        found.append(_errors(laws, data, tests, origin))
        if progress:
            progress()
    most, half = np.array(found[: len(most_of)]), np.array(found[len(most_of) :])
    error = most.mean(axis=0) - 2.0 * (half.mean(axis=0) - most.mean(axis=0))
    error = np.where(error > 0.0, error, most.mean(axis=0))
    spread = sum(part.std(axis=0, ddof=1) / np.sqrt(len(part)) for part in (most, half))
    return Predicted(error, np.asarray(spread), most.mean(axis=0))


def reduced(data: Data) -> Data:
    """The features in at most `MOST_DIMS` principal directions, and that of the probe.

    Its field stays what it was; what the others lose is a share of the variance.
    """
    d = data.features.shape[1]
    if d <= MOST_DIMS:
        return data
    some = _some(data.rows, 0, MOST_ROWS)
    x = np.asarray(data.features[some], dtype=np.float64)
    centre = x.mean(axis=0)
    basis = np.linalg.eigh(np.cov((x - centre).T))[1][:, : -MOST_DIMS - 1 : -1]
    if data.probe is not None:
        theta = data.probe[0]
        rest = theta - basis @ (basis.T @ theta)
        if np.linalg.norm(rest) > 1e-9 * np.linalg.norm(theta):
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    step = max(1, PIECE // d)
    parts = [
        np.asarray(data.features[i : i + step], dtype=np.float64) @ basis
        for i in range(0, len(data.features), step)
    ]
    probe = None if data.probe is None else (basis.T @ data.probe[0], data.probe[1])
    return replace(data, features=np.concatenate(parts), probe=probe)


def share_of_variance(data: Data) -> float:
    """How much of the features' variance `reduced` keeps."""
    if data.features.shape[1] <= MOST_DIMS:
        return 1.0
    some = _some(data.rows, 0, MOST_ROWS)
    values = np.linalg.eigvalsh(np.cov(np.asarray(data.features[some], dtype=np.float64).T))
    return float(values[-MOST_DIMS:].sum() / values.sum())


def _triples() -> list[tuple[int, ...]]:
    return [_others((i,)) for i in range(FOLDS)]


def _others(folds: Sequence[int]) -> tuple[int, ...]:
    return tuple(k for k in range(FOLDS) if k not in folds)


def _some(rows: Int[Array, " rows"], seed: int, most: int = MOST_TESTS) -> Int[Array, " some"]:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng([seed, 4]).choice(rows, most, replace=False))


def _laws(
    whole: Moments, chosen: Sequence[int], points: Sequence[Point], data: Data, student: Student,
    shrinkage: str | float, per_class: bool, origin: Array,
) -> list[TheoryProbe | None]:  # fmt: skip
    assert data.probe is not None
    theta, offset = data.probe
    solution = solve(
        whole.model(chosen, shrinkage=shrinkage, origin=origin),
        np.array([point.n for point in points]),
        np.array([point.f for point in points]),
        np.array([_rule(point) for point in points], dtype=object),
        theta,
        loss=student.loss,
        penalty=student.penalty,
        intercept=student.intercept,
        per_class=per_class,
        offset=offset + float(theta @ origin),
        throw=False,
    )
    return student_laws(solution)


def _laws_of_kept(
    whole: Moments, chosen: Sequence[int], points: Sequence[Point], data: Data, student: Student,
    shrinkage: str | float, per_class: bool, origin: Array,
) -> list[Law | None]:  # fmt: skip
    """With the statistics of what a rule keeps of the examples of these folds."""
    rows = np.flatnonzero(np.isin(whole.fold, chosen))
    laws: list[Law | None] = [None] * len(points)
    for f, rule in dict.fromkeys((point.f, point.rule) for point in points):
        mine = [i for i, point in enumerate(points) if (point.f, point.rule) == (f, rule)]
        kept = rows if rule == "random" else data.kept(rows, points[mine[0]], per_class, 0)
        try:
            own = moments(data.features, data.labels, clusters=_sides(data, kept), rows=kept)
            if data.several and len(own.labels) < len(data.names):
                continue
            sizes = np.array([points[i].f * points[i].n for i in mine])
            if data.several:
                statistics = own.statistics(None, shrinkage, origin)
                for i, n in zip(mine, sizes, strict=True):
                    laws[i] = solve_one_vs_rest(
                        *statistics, own.labels, float(n), loss=student.loss,
                        penalty=student.penalty, intercept=student.intercept, throw=False,
                    )  # fmt: skip
                continue
            model = own.model(shrinkage=shrinkage, origin=origin)
        except InputError:
            continue  # one class, or too few of one, is left: no student to speak of
        solution = solve(
            model, sizes, loss=student.loss, penalty=student.penalty,
            intercept=student.intercept, throw=False,
        )  # fmt: skip
        for i, law in zip(mine, student_laws(solution), strict=True):
            laws[i] = law
    return laws


def _sides(data: Data, kept: Int[Array, " kept"]) -> Int[Array, " n"]:
    """Clusters of the kept: classes, each with both sides of the probe's field if they lie apart.

    They do where an easy rule cut out what lies between them.
    """
    if data.probe is None:
        return data.labels.astype(int)
    part = (data.labels > 0).astype(int)
    z = data.score
    gap = np.abs(z[kept]).min() > 0.1 * np.abs(z[kept]).mean()
    if not gap:
        return part
    split = 2 * part + (z > 0)
    for sign in (0, 1):
        sizes = [int((split[kept] == 2 * sign + side).sum()) for side in (0, 1)]
        if min(sizes) < SIDE:  # too few of one side for a covariance
            split[part == sign] = 2 * sign
    return split


def _rule(point: Point) -> str:
    return "random" if point.f >= 1.0 else point.rule


def _errors(
    laws: Sequence[Law | None], data: Data, tests: Int[Array, " tests"], origin: Array
) -> Float[Array, " points"]:
    """Mean over the tests of Φ(−y (β̄·x + b)/√(xᵀ S x))."""
    x = np.asarray(data.features[tests], dtype=np.float64) - origin
    errors = np.full(len(laws), np.nan)
    for i, law in enumerate(laws):
        if isinstance(law, OneVsRest):
            errors[i] = _one_vs_rest_error(law, x, data.labels[tests])
        elif law is not None:
            spread = (
                np.einsum("ij,ij->i", x @ law.spread, x)
                if law.spread.ndim == 2
                else (x**2 @ law.spread)
            )
            mean = data.labels[tests] * (x @ law.direction + law.intercept)
            errors[i] = ndtr(-mean / np.sqrt(np.maximum(spread, 1e-300))).mean()
    return errors


def _one_vs_rest_error(law: OneVsRest, x: Float[Array, "n d"], labels: Array) -> float:
    """Mean over examples of P(the largest field is another's), by draws of the fields."""
    if not law.converged:
        return np.nan
    if len(x) > SOME:
        some = np.random.default_rng(6).choice(len(x), SOME, replace=False)
        x, labels = x[some], labels[some]
    mean = x @ law.direction.T + law.intercept
    L = len(law.direction)
    cov = np.empty((len(x), L, L))
    for k in range(L):
        for m in range(k + 1):
            cov[:, k, m] = cov[:, m, k] = np.einsum("ij,ij->i", x @ law.spread[k, m], x)
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
    normal = ndtri(np.clip(qmc.Sobol(L, rng=7).random(DRAWS), 1e-9, 1.0 - 1e-9))
    fields = mean[:, None] + np.einsum("nij,sj->nsi", root, normal)
    return float(np.mean(fields.argmax(axis=2) != labels[:, None]))
