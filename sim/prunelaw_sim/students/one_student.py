"""One max-margin student from rows to certificate: rough in float32, exact on its support vectors.

Small matrices are trained by the interior point in float64.  Others go through three hands:

    interior point, float32     all rows, until those that carry weight stand out
    interior point, float64     the 1.5 N rows with the largest lambda/slack, a few steps
    active set, float64         exact if it finds the support; else the interior point goes on

Whatever they did, the direction and the weights are then judged on all rows in float64, as they
came:

    min_mu v.x_mu / |v|  <=  kappa  <=  |sum_mu lambda_mu x_mu| / sum_mu lambda_mu

Rows are columns here (N, K), the layout in which A D A^T is fastest.  No Python control flow
depends on values, so both students can be compiled as a whole and mapped with `jax.vmap`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from prunelaw_sim.students.active_set import Face, likely_support, no_face, solve_faces
from prunelaw_sim.students.interior_point import (
    GAP_TARGET,
    State,
    cold_start,
    iterate,
    state_at,
    unfinished,
    with_bias,
)

SMALL = 2**16  # entries of a matrix trained in float64 at once: half the compilation
MANY = 6  # rows per dimension that are many
NEAR = 0.03  # so far unsettled, the 1.5 N heaviest rows hold the support: seen at all sizes
FIRST_GUESS = 5e-4  # so far unsettled, the support is first guessed,
TIGHTER = 0.03  # and again at this times less

# Direction, smallest margin, upper bound, weights, steps, scale of the rows.
Trained = tuple[Array, Array, Array, Array, Array, Array]
Solved = tuple[Float[Array, " N"], Float[Array, " K"], Int[Array, ""]]  # v, lambda, steps
# Interior point, active set, how far unsettled to guess the support, steps of the active set.
Attempt = tuple[State, Face, Array, Array]


def quick_student(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Trained:
    """Float32, then the active set; in float64 at once where that is cheap."""
    return _student(_in_float64 if rows.size <= SMALL else _in_three_hands, rows, mask)


def patient_student(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Trained:
    """The slow and sure way: no float32, no row left out, no guess."""
    return _student(_in_float64, rows, mask)


def _student(
    solve: Callable[[Array, Array], Solved], rows: Float[Array, "N K"], mask: Bool[Array, " K"]
) -> Trained:
    """On rows of rms norm 1; where they are fewer than dimensions, X^T = Q S, for Q^T v."""
    square = jnp.sum(rows**2) / jnp.sum(mask)
    scale = jnp.where(square > 0, jnp.sqrt(square), 1)  # 1 where all rows are zero
    if rows.shape[1] >= rows.shape[0]:
        direction, weights, steps = solve(rows / scale, mask)
    else:
        basis, reduced = jnp.linalg.qr(rows / scale)
        inside, weights, steps = solve(reduced, mask)
        direction = basis @ inside
    return *_certify(rows, mask, direction, weights), weights, steps, scale


def _in_float64(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Solved:
    extended = with_bias(rows, mask)
    state = iterate(extended, mask, cold_start(extended, mask))
    return state.y[:-1], state.weights, state.steps


def _in_three_hands(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Solved:
    dim, width = rows.shape
    single = with_bias(rows, mask).astype(jnp.float32)
    # A float32 step on all of few rows is cheaper than a float64 step on the heaviest; on many
    # rows it is the other way round.
    unsettled = FIRST_GUESS if width <= MANY * dim else NEAR
    coarse = iterate(single, mask, cold_start(single, mask), unsettled)
    working = min(width, 3 * dim // 2 + 2)  # at most N + 1 support the student
    _, chosen = jax.lax.top_k(jnp.where(mask, coarse.weights / coarse.slack, -1), working)
    inside = with_bias(rows[:, chosen], mask[chosen])
    y, slack, weights = (
        part.astype(inside.dtype)
        for part in (coarse.y, coarse.slack[chosen], coarse.weights[chosen])
    )
    weights = jnp.where(mask[chosen], weights, 0)
    start = state_at(inside, mask[chosen], y, slack, weights / jnp.sum(weights))

    def unproved(carry: Attempt) -> Bool[Array, ""]:
        state, face, _, _ = carry
        return (face.gap > GAP_TARGET) & unfinished(state)

    def attempt(carry: Attempt) -> Attempt:
        state, _, target, steps = carry
        state = iterate(inside, mask[chosen], state, target)
        face = _on_support(rows, mask, chosen, state)
        return state, face, TIGHTER * target, steps + face.steps

    first = (start, no_face(rows), jnp.asarray(FIRST_GUESS, rows.dtype), jnp.zeros((), int))
    state, face, _, steps = jax.lax.while_loop(unproved, attempt, first)
    weights = jnp.zeros(width, rows.dtype).at[chosen].set(state.weights)
    proved = face.gap <= GAP_TARGET
    direction = jnp.where(proved, face.w, state.y[:-1])
    steps += coarse.steps + state.steps
    return direction, jnp.where(proved, face.weights, weights), steps


def _on_support(
    rows: Float[Array, "N K"], mask: Bool[Array, " K"], chosen: Int[Array, " W"], state: State
) -> Face:
    """The active set's result from the rows that support the state of the chosen ones."""
    dim, width = rows.shape
    hull = state.hull[:-1]
    at_margin_one = state.weights / (hull @ hull)  # there sum lambda = |w|^2 = 1 / kappa^2
    support = jnp.zeros(width, bool).at[chosen].set(likely_support(state, mask[chosen], dim))
    weights = jnp.zeros(width, rows.dtype).at[chosen].set(at_margin_one)
    return solve_faces(rows, mask, support, weights, GAP_TARGET)


def _certify(
    rows: Float[Array, "N K"],
    mask: Bool[Array, " K"],
    direction: Float[Array, " N"],
    weights: Float[Array, " K"],
) -> tuple[Float[Array, " N"], Float[Array, ""], Float[Array, ""]]:
    """J, its smallest margin and the weights' upper bound, on all rows; J is v or sum lambda x."""
    hull_point = rows @ weights
    candidates = jnp.stack([direction, hull_point])
    unit = candidates / jnp.linalg.norm(candidates, axis=1, keepdims=True)
    lowest = jnp.min(jnp.where(mask, unit @ rows, jnp.inf), axis=1)
    best = jnp.nanargmax(lowest)
    return unit[best], lowest[best], jnp.linalg.norm(hull_point) / jnp.sum(weights)
