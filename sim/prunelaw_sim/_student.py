"""One max-margin student from rows to certificate: float32 on all rows, float64 on the heaviest.

The first stage runs in float32 on all rows, until the rows that carry weight stand out; the second
runs in float64 on the 1.25 N or 1.5 N rows with the largest lambda / slack.  Whatever they did, the
direction and the weights are then judged on all rows in float64, as they came:

    min_mu v.x_mu / |v|  <=  kappa  <=  |sum_mu lambda_mu x_mu| / sum_mu lambda_mu

Rows are columns here (N, K), the layout in which A D A^T is fastest.  No Python control flow
depends on values, so both students can be compiled as a whole and mapped with `jax.vmap`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from prunelaw_sim.interior_point import State, cold_start, iterate, resume, with_bias

GAP_TARGET = 5e-10  # where the iteration stops: half of what is certified
SMALL = 2**16  # entries of a matrix trained in float64 at once: half the compilation

# Direction, smallest margin, upper bound, weights, steps, scale of the rows.
Trained = tuple[Array, Array, Array, Array, Array, Array]


def two_stage_student(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Trained:
    """Float32 on all rows, float64 on the heaviest; in float64 at once where that is cheap."""
    scale = _root_mean_square(rows, mask)
    solve = _in_float64 if rows.size <= SMALL else _in_two_stages
    direction, weights, steps = _in_span(solve, rows / scale, mask)
    return *_certify(rows, mask, direction, weights), weights, steps, scale


def patient_student(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Trained:
    """The slow and sure way: no float32, no row left out."""
    scale = _root_mean_square(rows, mask)
    direction, weights, steps = _in_span(_in_float64, rows / scale, mask)
    return *_certify(rows, mask, direction, weights), weights, steps, scale


def _in_span(
    solve: Callable[[Array, Array], tuple[Array, Array, Array]],
    rows: Float[Array, "N K"],
    mask: Bool[Array, " K"],
) -> tuple[Float[Array, " N"], Float[Array, " K"], Int[Array, ""]]:
    """Fewer rows than dimensions: v is a combination of the rows, X^T = Q S, so solve for Q^T v."""
    if rows.shape[1] >= rows.shape[0]:
        return solve(rows, mask)
    basis, reduced = _orthonormal(rows)
    inside, weights, steps = solve(reduced, mask)
    return basis @ inside, weights, steps


def _in_float64(
    rows: Float[Array, "N K"], mask: Bool[Array, " K"]
) -> tuple[Float[Array, " N"], Float[Array, " K"], Int[Array, ""]]:
    extended = with_bias(rows, mask)
    state = iterate(extended, mask, cold_start(extended, mask), GAP_TARGET)
    return state.y[:-1], state.weights, state.steps


def _in_two_stages(
    rows: Float[Array, "N K"], mask: Bool[Array, " K"]
) -> tuple[Float[Array, " N"], Float[Array, " K"], Int[Array, ""]]:
    dim, width = rows.shape
    # A float32 step on all of few rows is cheaper than a float64 step on the heaviest, and gets
    # far enough to know those well; on many rows it is the other way round.
    few = width <= 6 * dim
    coarse = _coarse(rows, mask, 1e-3 if few else 3e-2)
    working = min(width, (5 if few else 6) * dim // 4 + 2)  # at most N + 1 support the student
    chosen, start = _heaviest(rows, mask, coarse, working)
    fine = _refine(*start)
    weights = jnp.zeros(width).at[chosen].set(fine.weights)
    return fine.y[:-1], weights, coarse.steps + fine.steps


def _coarse(rows: Float[Array, "N K"], mask: Bool[Array, " K"], target: Any) -> State:
    """Float32 on all rows, down to a gap where the support vectors stand out."""
    single = with_bias(rows, mask).astype(jnp.float32)
    state = iterate(single, mask, cold_start(single, mask), target)
    y, slack, weights, gap, upper = (part.astype(rows.dtype) for part in state[:5])
    return State(y, slack, weights, gap, upper, state.steps, state.alive)


def _heaviest(
    rows: Float[Array, "N K"], mask: Bool[Array, " K"], state: State, working: int
) -> tuple[Int[Array, " W"], tuple[Array, ...]]:
    """The `working` rows with the largest lambda/slack, and a start on them."""
    _, chosen = jax.lax.top_k(jnp.where(mask, state.weights / state.slack, -1), working)
    weights = state.weights[chosen] / jnp.sum(state.weights[chosen])
    return chosen, (rows[:, chosen], mask[chosen], state.y, state.slack[chosen], weights)


def _refine(
    rows: Float[Array, "N K"],
    mask: Bool[Array, " K"],
    y: Float[Array, " M"],
    slack: Float[Array, " K"],
    weights: Float[Array, " K"],
) -> State:
    """Float64 from a start to the target gap."""
    extended = with_bias(rows, mask)
    return iterate(extended, mask, resume(extended, mask, y, slack, weights), GAP_TARGET)


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


def _root_mean_square(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Float[Array, ""]:
    """The rms row norm; 1 where all rows are zero."""
    square = jnp.sum(rows**2) / jnp.sum(mask)
    return jnp.where(square > 0, jnp.sqrt(square), 1)


def _orthonormal(
    rows: Float[Array, "N K"],
) -> tuple[Float[Array, "N K"], Float[Array, "K K"]]:
    basis, reduced = jnp.linalg.qr(rows)
    return basis, reduced
