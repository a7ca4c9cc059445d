"""Linear students of large margin for real data, separable or not, batched in JAX."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from prunelaw.checks import check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.common.threads import one_lapack_thread

Progress = Callable[[int, int], None]  # called with (trainings done, trainings in all)

BUCKETS = (64, 256)  # subsets are padded to these sizes, then 512, 1024, ...: a compilation each
FITS_AT_ONCE = 16  # vmapped together; the slowest decides for all
ROUGHLY = 0.1  # relative gap at which an early stage hands over
SHORTEST_STEP = 12  # the line search tries Newton steps of 1, 1/2, ..., 2^-11


@dataclass(frozen=True)
class LargeMarginFits:
    """Linear students, one a subset, with the proof that each solves its problem.

    Attributes:
        relative_gap: (primal − dual)/primal ≥ 0, zero at the optimum.
        min_margin: min_μ y_μ w·x_μ, 1 for a hard margin, ≤ 0 if not separated.
        misclassified: how many training examples.
        steps: of Newton's method.
    """

    weights: Float[np.ndarray, "fits N"]
    relative_gap: Float[np.ndarray, " fits"]
    min_margin: Float[np.ndarray, " fits"]
    misclassified: Int[np.ndarray, " fits"]
    steps: Int[np.ndarray, " fits"]

    @property
    def separated(self) -> np.ndarray:
        """Whether each student classifies all its training examples; shape (fits,)."""
        return self.misclassified == 0


def train_large_margin(
    inputs: Float[np.ndarray, "examples N"],
    labels: np.ndarray,
    subsets: Sequence[np.ndarray],
    *,
    slack_cost: float = 1e4,
    tolerance: float = 1e-8,
    max_steps: int = 100,
    progress: Progress | None = None,
) -> LargeMarginFits:
    """Linear students sign(w·x) without bias, one trained on each subset of the examples:

        min_w  ½|w|² + (C/2) Σ_μ max(0, 1 − y_μ w·x_μ)²

    On separable data this is the max-margin student up to a slack of order 1/(C κ²), and unlike
    it is defined on any data.  The objective is convex and piecewise quadratic: semismooth
    Newton steps end at the exact solution; C grows by tens from 1, each stage from the last
    one's solution.  Double precision, whatever the caller's JAX configuration.

    `labels` are ±1 per example; `subsets` are index arrays into the examples (their lengths may
    differ); C = `slack_cost` > 0; `tolerance` bounds the relative duality gap, `max_steps` the
    Newton steps of one stage.

    Raises:
        InputError: for labels that are not ±1 or an empty or wrong subset.
        ConvergenceError: if a gap stays above the tolerance.

    Source:
        Keerthi and DeCoste, JMLR 6 (2005) 341: Newton for the squared hinge.
    """
    _check_examples(inputs, labels, subsets)
    check_real("slack_cost", slack_cost, 0.0, low_open=True)
    ladder = _ladder(slack_cost, tolerance)
    parts: dict[int, tuple] = {}
    with one_lapack_thread(), jax.enable_x64(True):
        examples = jnp.asarray(labels[:, None] * inputs, dtype=jnp.float64)
        for chunk, rows in _chunks(subsets):
            solved = _solve_chunk(examples, jnp.asarray(rows), ladder, max_steps)
            parts |= zip(chunk, zip(*map(np.asarray, solved), strict=True), strict=False)
            if progress:
                progress(len(parts), len(subsets))
    columns = zip(*(parts[i] for i in range(len(subsets))), strict=True)
    fits = LargeMarginFits(*(np.array(column) for column in columns))
    _check_converged(fits, tolerance)
    return fits


def _check_examples(inputs: np.ndarray, labels: np.ndarray, subsets: Sequence[np.ndarray]) -> None:
    check_real("inputs", inputs)
    if labels.shape != (len(inputs),) or not np.isin(labels, (-1, 1)).all():
        raise InputError(f"labels must be {len(inputs)} values of -1 or 1, one an example")
    if not len(subsets):
        raise InputError("subsets must hold at least one array of example indices, got none")
    for i, rows in enumerate(subsets):
        if not len(rows) or rows.min() < 0 or rows.max() >= len(inputs):
            raise InputError(
                f"subsets[{i}] must hold one or more indices in [0, {len(inputs) - 1}], got "
                + (f"{rows.min()} to {rows.max()}" if len(rows) else "none")
            )


def _ladder(slack_cost: float, tolerance: float) -> np.ndarray:
    """Stages (C, tolerance): C = 1, 10, 100, ..., the last exact, the others roughly.

    A cold start at large C wanders; a warm one takes a few steps.
    """
    stages = max(0, int(np.ceil(np.log10(slack_cost) - 1e-9)))
    costs = np.append(10.0 ** np.arange(stages), slack_cost)
    return np.stack([costs, np.append(np.full(stages, ROUGHLY), tolerance)], axis=1)


def _chunks(subsets: Sequence[np.ndarray]) -> list[tuple[list[int], np.ndarray]]:
    """Subsets of like size together: (their positions, index rows padded with -1)."""
    buckets: dict[int, list[int]] = {}
    for i, rows in enumerate(subsets):
        doubled = 1 << (len(rows) - 1).bit_length()
        size = next((bucket for bucket in BUCKETS if len(rows) <= bucket), doubled)
        buckets.setdefault(size, []).append(i)
    chunks = []
    for size, members in sorted(buckets.items()):
        for start in range(0, len(members), FITS_AT_ONCE):
            chunk = members[start : start + FITS_AT_ONCE]
            padded = np.full((FITS_AT_ONCE, size), -1, dtype=np.int32)
            for row, i in zip(padded, chunk, strict=False):
                row[: len(subsets[i])] = subsets[i]
            chunks.append((chunk, padded))
    return chunks


class _Solved(NamedTuple):
    """The arrays of `LargeMarginFits`, in its order."""

    weights: Array
    relative_gap: Array
    min_margin: Array
    misclassified: Array
    steps: Array


@jax.jit
def _solve_chunk(examples: Array, rows: Array, ladder: Array, max_steps: Array) -> _Solved:
    solve = partial(_solve_one, ladder=ladder, max_steps=max_steps)
    return jax.vmap(lambda index: solve(examples[index], (index >= 0).astype(examples.dtype)))(rows)


def _solve_one(signed: Array, present: Array, ladder: Array, max_steps: Array) -> _Solved:
    """One student; `signed` holds y x (rows, N), `present` is 0 for padding."""

    def stage(carry: tuple[Array, Array], rung: Array) -> tuple[tuple[Array, Array], Array]:
        cost, tolerance = rung

        def unfinished(state: tuple[Array, Array, Array]) -> Array:
            return (state[2] > tolerance) & (state[1] < max_steps)

        def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            weights = _newton_step(state[0], signed, present, cost)
            return weights, state[1] + 1, _relative_gap(weights, signed, present, cost)

        start = (carry[0], jnp.zeros_like(carry[1]), jnp.full((), jnp.inf))
        weights, taken, gap = jax.lax.while_loop(unfinished, step, start)
        return (weights, carry[1] + taken), gap

    start = (jnp.zeros(signed.shape[1]), jnp.zeros((), dtype=jnp.int64))
    (weights, steps), gaps = jax.lax.scan(stage, start, ladder)
    margins = jnp.where(present > 0, signed @ weights, jnp.inf)
    return _Solved(weights, gaps[-1], margins.min(), jnp.sum(margins <= 0), steps)


def _newton_step(weights: Array, signed: Array, present: Array, cost: Array) -> Array:
    """w + t d with d the Newton direction on the active set and t the best of 1, 1/2, 1/4, ..."""
    margins = signed @ weights
    slack = present * jnp.maximum(1 - margins, 0)
    active = present * (margins < 1)
    gradient = weights - cost * signed.T @ slack
    hessian = jnp.eye(len(weights)) + cost * (signed.T * active) @ signed
    direction = -jax.scipy.linalg.solve(hessian, gradient, assume_a="pos")
    change = signed @ direction
    lengths = 0.5 ** jnp.arange(SHORTEST_STEP)
    slacks = jnp.maximum(1 - margins - lengths[:, None] * change, 0)
    norms = jnp.sum((weights + lengths[:, None] * direction) ** 2, axis=1)
    objectives = 0.5 * norms + 0.5 * cost * slacks**2 @ present
    return weights + lengths[jnp.argmin(objectives)] * direction


def _relative_gap(weights: Array, signed: Array, present: Array, cost: Array) -> Array:
    """(primal − dual)/primal at the dual point a = C · slack:  dual = Σa − ½|Σ a y x|² − Σa²/2C."""
    slack = present * jnp.maximum(1 - signed @ weights, 0)
    dual_point = cost * slack
    primal = 0.5 * weights @ weights + 0.5 * cost * slack @ slack
    combined = signed.T @ dual_point
    dual = dual_point.sum() - 0.5 * combined @ combined - 0.5 * dual_point @ slack
    return jnp.where(primal > 0, (primal - dual) / primal, 0.0)  # all padding: nothing to solve


def _check_converged(fits: LargeMarginFits, tolerance: float) -> None:
    bad = np.flatnonzero(~(fits.relative_gap <= tolerance))
    if len(bad):
        raise ConvergenceError(
            f"large-margin training: {len(bad)} of {len(fits.relative_gap)} students did not reach "
            f"a relative gap of {tolerance:g}; subset {bad[0]} stopped at "
            f"{fits.relative_gap[bad[0]]:.2g} after {fits.steps[bad[0]]} steps"
        )
