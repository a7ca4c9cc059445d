"""Hard-margin students with a certificate: batched interior-point training in two precisions.

The student of the rows x_mu (label times input) points to v = sum_mu lambda_mu x_mu, the point
of their convex hull nearest to the origin (lambda >= 0, sum lambda = 1), and kappa = |v|.  Any v
and any weights bound kappa from both sides, min_mu v.x_mu / |v| <= kappa <= |sum lambda x| /
sum lambda: that is the certificate, recomputed on all rows in float64 whatever happened before.

A student whose first, two-precision training leaves the certificate open is trained again in
float64 on all rows; one that stays open is flagged, never averaged in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import scipy.optimize
from jaxtyping import Bool, Float, Int

from prunelaw.checks import check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.common.threads import one_lapack_thread
from prunelaw_sim.students.base import GAP_LIMIT
from prunelaw_sim.students.devices import map_students
from prunelaw_sim.students.interior_point import HULL_CONTAINS_ORIGIN
from prunelaw_sim.students.one_student import patient_student, quick_student

SUPPORT_FRACTION = 1e-6  # a support vector carries at least this fraction of the largest weight


class NotSeparableError(InputError, ConvergenceError):
    """No student classifies all rows: some convex combination of the rows y x is zero."""


@dataclass(frozen=True)
class MaxMargin:
    """The max-margin students of one matrix or of a batch, each with its certificate.

    Leading dimensions are those of the input: none for one matrix, `batch` for several.

    Attributes:
        J: unit vector that maximises the smallest margin (NaN where not separable).
        kappa: the smallest margin reached, min_mu J.x_mu, recomputed on all rows.
        upper_bound: |sum lambda x| / sum lambda, which no student's margin exceeds.
        relative_gap: 1 - (kappa / upper_bound)^2, the duality gap of min |w|^2/2, Xw >= 1.
        weights: the lambda >= 0, sum 1, behind the upper bound; anyone can check it.
        n_support: rows that carry weight.
        iterations: interior-point steps, all stages together.
        converged: relative_gap <= 1e-9.
        separable: False where upper_bound proves that there is none.
    """

    J: Float[np.ndarray, "*batch N"]
    kappa: Float[np.ndarray, "*batch"]
    upper_bound: Float[np.ndarray, "*batch"]
    relative_gap: Float[np.ndarray, "*batch"]
    weights: Float[np.ndarray, "*batch K"]
    n_support: Int[np.ndarray, "*batch"]
    iterations: Int[np.ndarray, "*batch"]
    converged: Bool[np.ndarray, "*batch"]
    separable: Bool[np.ndarray, "*batch"]


def max_margin(X: Any, *, throw: bool = True) -> MaxMargin:
    """The student J, |J| = 1, that maximises kappa = min_mu J.x_mu over the rows x_mu = y_mu xi_mu.

    `X` holds label times input, shape (K, N) or (batch, K, N); no bias.  Every kappa is certified
    by weights whose bound is at most 1e-9 above it (relative, in 1/kappa^2).

    Raises:
        InputError: for an empty, non-finite or wrongly shaped `X`.
        NotSeparableError: if no student has a positive margin (throw=False: see `separable`).
        ConvergenceError: if a gap stays open (throw=False: see `converged`).

    Source:
        Boser, Guyon, Vapnik, COLT 1992 (the student); Mehrotra, SIAM J. Optim. 2, 575 (1992)
        (predictor, corrector); Jung, O'Leary, Tits, ETNA 31, 156 (2008) (dropping rows on the way).
    """
    rows = _check_rows(X)
    examples, dim = rows.shape[-2:]
    padded = np.zeros((int(np.prod(rows.shape[:-2])), _padded(dim, 16), _padded(examples, 64)))
    padded[:, :dim, :examples] = rows.reshape(-1, examples, dim).swapaxes(1, 2)
    result = _cut(train(padded, np.full(len(padded), examples)), rows.shape)
    return _raise_if_failed(result) if throw else result


def _padded(size: int, step: int) -> int:
    """Small sizes go up to a multiple of `step`, so that few programs are compiled."""
    return -(-size // step) * step if size <= 8 * step else size


def train(rows: Float[np.ndarray, "batch N K"], counts: Int[np.ndarray, " batch"]) -> MaxMargin:
    """Students of a batch of transposed row matrices; columns from `counts` on are padding.

    Padding must be zero and then has no influence; it lets one compilation serve many sizes.
    Never raises: look at `converged` and `separable`.
    """
    mask = np.arange(rows.shape[2]) < counts[:, None]
    with one_lapack_thread():
        result = _assemble(*map_students(quick_student, rows, mask))
        for index in np.flatnonzero(~result.converged & result.separable):
            one = slice(index, index + 1)
            trained = map_students(patient_student, rows[one], mask[one])
            again = _assemble(*trained)
            if not again.kappa > 0:
                count = int(counts[index])
                again = _assemble(*_contradiction(rows[index], count, *trained))
            result = _replace(result, one, again)
    return result


def _contradiction(
    rows: Float[np.ndarray, "N K"],
    count: int,
    J: Any,
    kappa: Any,
    upper: Any,
    weights: Any,
    steps: Any,
    scale: Any,
) -> tuple[Any, ...]:
    """The student with the weights of min |sum lambda x|^2 + (sum lambda - 1)^2 if they prove more.

    Rows that contradict each other only just (the origin on the hull's boundary, as for one example
    with both labels) leave an interior point at sqrt(precision); an active-set method gets there.
    """
    hull = np.vstack([rows[:, :count] / scale, np.ones(count)])  # padding is no point of the hull
    target = np.append(np.zeros(len(rows)), 1.0)
    try:
        found, _ = scipy.optimize.nnls(hull, target)
    except RuntimeError:  # ran into its limit of iterations: nothing is proved
        return J, kappa, upper, weights, steps, scale
    found = np.append(found, np.zeros(rows.shape[1] - count))
    bound = np.linalg.norm(rows @ found) / max(found.sum(), np.finfo(float).tiny)
    if not bound < upper[0]:
        return J, kappa, upper, weights, steps, scale
    return J, kappa, np.array([bound]), found[None], steps, scale


def _assemble(J: Any, kappa: Any, upper: Any, weights: Any, steps: Any, scale: Any) -> MaxMargin:
    """The certificates as a result: what is proved, and what is not."""
    J, kappa, upper, weights = (np.asarray(part) for part in (J, kappa, upper, weights))
    weights = weights / weights.sum(axis=1, keepdims=True)
    separable = (kappa > 0) | ~(upper <= HULL_CONTAINS_ORIGIN * np.asarray(scale))
    gap = np.ones_like(kappa)
    np.divide(np.maximum(kappa, 0), upper, out=gap, where=separable)
    gap = np.where(separable, 1 - gap**2, 1.0)
    heaviest = weights.max(axis=1, keepdims=True)
    return MaxMargin(
        J=np.where(separable[:, None], J, np.nan),
        kappa=np.where(separable, kappa, np.nan),
        upper_bound=upper,
        relative_gap=gap,
        weights=weights,
        n_support=np.sum(weights > SUPPORT_FRACTION * heaviest, axis=1),
        iterations=np.asarray(steps),
        converged=separable & (gap <= GAP_LIMIT),
        separable=separable,
    )


def _replace(result: MaxMargin, where: slice, again: MaxMargin) -> MaxMargin:
    """`result` with the students at `where` trained again; their iterations add up."""

    def replaced(name: str) -> np.ndarray:
        values = np.array(getattr(result, name))
        values[where] = getattr(again, name) + (values[where] if name == "iterations" else 0)
        return values

    return MaxMargin(**{field.name: replaced(field.name) for field in fields(result)})


def _check_rows(X: Any) -> Float[np.ndarray, "*batch K N"]:
    rows = check_real("X", X)
    if rows.ndim not in (2, 3):
        raise InputError(f"X must have shape (K, N) or (batch, K, N), got shape {rows.shape}")
    if 0 in rows.shape:
        raise InputError(f"X must hold at least one row and one column, got shape {rows.shape}")
    return rows


def _cut(result: MaxMargin, shape: tuple[int, ...]) -> MaxMargin:
    """The fields without padding, with the leading dimensions of the input."""
    *batch, examples, dim = shape
    named = {field.name: getattr(result, field.name) for field in fields(result)}
    named |= {"J": result.J[:, :dim], "weights": result.weights[:, :examples]}
    return MaxMargin(**{name: x.reshape((*batch, *x.shape[1:])) for name, x in named.items()})


def _raise_if_failed(result: MaxMargin) -> MaxMargin:
    if not result.separable.all():
        where = _first(~result.separable)
        raise NotSeparableError(
            f"X{where} is not separable: the convex combination of its rows with the returned "
            f"weights has length {result.upper_bound[~result.separable].flat[0]:.1e}, so no "
            "student has a positive margin; remove contradictory rows or pass throw=False"
        )
    if not result.converged.all():
        gap = result.relative_gap[~result.converged].flat[0]
        raise ConvergenceError(
            f"X{_first(~result.converged)}: relative duality gap {gap:.1e} is above {GAP_LIMIT:g}; "
            "rescale rows of very different length, or pass throw=False and look at `converged`"
        )
    return result


def _first(bad: Any) -> str:
    """`[3]` for the first bad matrix of a batch, nothing for a single matrix."""
    return f"[{int(np.argmax(bad))}]" if bad.ndim else ""


MIN_WIDTH = 256  # arrays are padded to powers of two from here on: few compilations serve all sizes


def padded(count: int) -> int:
    """The next power of two, at least 256: the width arrays are compiled for."""
    return max(MIN_WIDTH, 1 << (count - 1).bit_length())


def stacked(
    drawn: Sequence[Float[np.ndarray, "_ N"]], width: int
) -> tuple[Float[np.ndarray, "batch N K_padded"], Int[np.ndarray, " batch"]]:
    """Rows of several trials, transposed and zero beyond the trial's own, and how many those are.

    At least `width` wide: trials of one width are compiled once.
    """
    counts = np.array([len(rows) for rows in drawn])
    widest = max(width, padded(int(counts.max())))
    padded_rows = np.zeros((len(drawn), drawn[0].shape[1], widest))
    for out, rows in zip(padded_rows, drawn, strict=True):
        out[:, : len(rows)] = rows.T
    return padded_rows, counts


def train_separators(rows: list[Float[np.ndarray, "_ N"]], width: int = 1) -> MaxMargin:
    """Max-margin students of several matrices y x, padded to at least `width` rows."""
    return train(*stacked(rows, width))
