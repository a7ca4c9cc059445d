"""The last digits of a student by an active set: guess which rows are support vectors, then solve.

With the support S known, the student of margin 1, w = sum_S lambda x, needs one linear system,

    G lambda = 1,   G = the inner products of the rows of S,

and is exact to rounding.  An interior point of gap 1e-3 tells S up to a few rows, which are mended
here: rows whose lambda turns negative leave S, rows whose margin w.x is below 1 enter it.  Of all
rows, that is: what the interior point left out is found here.

This is a guess that proves itself, not a method that must end: from a poor start it may cycle, so
that steps are few, and the interior point goes on where it does not get there.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int

from prunelaw_sim.students.interior_point import State, lower_gram

MAX_STEPS = 6
TELLING = 0.3  # a support vector: lambda over its mean exceeds this times slack over its mean
TOGETHER = 2.0  # rows leave S with the first whose lambda vanishes, up to this many times later
REGULAR = 1e-14  # added to G (rows of rms norm 1), so that a row may be in S twice


class Face(NamedTuple):
    """Support S, multipliers of all rows, w = sum lambda x, and where the certificate stands."""

    support: Bool[Array, "*batch K"]
    weights: Float[Array, "*batch K"]
    w: Float[Array, "*batch N"]
    gap: Float[Array, "*batch"]
    steps: Int[Array, "*batch"]
    alive: Bool[Array, "*batch"]


def no_face(rows: Float[Array, "N K"]) -> Face:
    """Nothing solved, nothing proved."""
    dim, width = rows.shape
    weights, w = jnp.zeros(width, rows.dtype), jnp.zeros(dim, rows.dtype)
    gap = jnp.ones((), rows.dtype)
    return Face(jnp.zeros(width, bool), weights, w, gap, jnp.zeros((), int), jnp.array(True))


def likely_support(state: State, mask: Bool[Array, " K"], most: int) -> Bool[Array, " K"]:
    """Rows that carry weight and touch the margin, `most` of them at most."""
    slack, weights = jnp.where(mask, state.slack, 0), jnp.where(mask, state.weights, 0)
    telling = weights / jnp.sum(weights) > TELLING * slack / jnp.sum(slack)
    ratio = jnp.where(mask & telling, weights / slack, 0)
    least = 0 if most >= len(ratio) else jax.lax.top_k(ratio, most + 1)[0][-1]
    return ratio > least


def solve_faces(
    rows: Float[Array, "N K"],
    mask: Bool[Array, " K"],
    support: Bool[Array, " K"],
    weights: Float[Array, " K"],
    target: float,
) -> Face:
    """Steps from a support and its weights, for a margin of 1, until the gap is at the target."""

    def unfinished(face: Face) -> Bool[Array, ""]:
        return (face.gap > target) & face.alive & (face.steps < MAX_STEPS)

    start = no_face(rows)._replace(support=support, weights=jnp.where(support, weights, 0))
    return jax.lax.while_loop(unfinished, lambda face: _step(rows, mask, face, target), start)


def _step(rows: Float[Array, "N K"], mask: Bool[Array, " K"], face: Face, target: float) -> Face:
    """Solve on the support, judge on all rows, and mend the support."""
    solved, w = _solve(rows, face.support)
    margins = jnp.where(mask, w @ rows, jnp.inf)
    proof = jnp.maximum(solved, 0)
    upper = jnp.linalg.norm(rows @ proof) / jnp.sum(proof)
    gap = 1 - (jnp.maximum(jnp.min(margins), 0) / jnp.linalg.norm(w) / upper) ** 2
    negative = face.support & (solved < 0) & (gap > target)
    short = ~face.support & (margins < 1)
    shrunk, between = _without(face, solved, negative)
    some = jnp.any(negative)
    support = jnp.where(some, shrunk, _with(face.support, solved, margins, short, min(rows.shape)))
    alive = jnp.isfinite(gap) & (some | jnp.any(short))
    gap = jnp.where(jnp.isfinite(gap), gap, 1)
    return Face(support, jnp.where(some, between, proof), w, gap, face.steps + 1, alive)


def _solve(
    rows: Float[Array, "N K"], support: Bool[Array, " K"]
) -> tuple[Float[Array, " K"], Float[Array, " N"]]:
    """The lambda with G lambda = 1 on the support, zero elsewhere, and w = sum lambda x."""
    most = min(rows.shape)
    chosen = jnp.nonzero(support, size=most, fill_value=0)[0]
    valid = jnp.arange(most) < jnp.sum(support)
    taken = jnp.where(valid, rows[:, chosen], 0)
    gram = lower_gram(taken.T) + jnp.diag(jnp.where(valid, REGULAR, 1))
    factor = jax.lax.linalg.cholesky(gram, symmetrize_input=False)
    half = solve_triangular(factor, valid.astype(rows.dtype), lower=True)
    solved = solve_triangular(factor, half, lower=True, trans=1)
    spread = jnp.zeros(rows.shape[1], rows.dtype).at[chosen].add(jnp.where(valid, solved, 0))
    return spread, taken @ solved


def _without(
    face: Face, solved: Float[Array, " K"], negative: Bool[Array, " K"]
) -> tuple[Bool[Array, " K"], Float[Array, " K"]]:
    """On the way from the weights to the solved ones: where the first vanishes, and which soon do.

    Rows that turn negative later than that may do so only because the wrong ones are still there.
    """
    step = jnp.where(negative, face.weights / (face.weights - solved), jnp.inf)
    first = jnp.minimum(jnp.min(step), 1)
    between = jnp.maximum(face.weights + first * (solved - face.weights), 0)
    return face.support & (step > TOGETHER * first), between


def _with(
    support: Bool[Array, " K"],
    solved: Float[Array, " K"],
    margins: Float[Array, " K"],
    short: Bool[Array, " K"],
    most: int,
) -> Bool[Array, " K"]:
    """All rows below the margin enter if there is room, else the lowest, or takes a place."""
    places = jnp.arange(len(support))
    lowest = (places == jnp.argmin(jnp.where(short, margins, jnp.inf))) & short
    lightest = places == jnp.argmin(jnp.where(support, solved, jnp.inf))
    room = most - jnp.sum(support)
    swapped = jnp.where(room > 0, support, support & ~lightest) | lowest
    return jnp.where(jnp.sum(short) <= room, support | short, swapped)
