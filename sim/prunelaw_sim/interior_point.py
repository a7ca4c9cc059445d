"""One Mehrotra predictor-corrector interior-point solve, for the nearest point of a convex hull.

    min |v|^2 / 2 - b   subject to   v.x_mu >= b    (multipliers lambda_mu >= 0, sum lambda = 1)

This problem and its dual are feasible for every set of points x_mu, so the iteration converges
on separable and on contradictory data alike (b = |v| = 0 there).  Everything here is for one
student, of fixed shape and either precision, and free of Python control flow: map it at will.
"""

import itertools
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int

# Below this distance of the hull from the origin (rows of rms norm 1) the rows are not separable.
HULL_CONTAINS_ORIGIN = 1e-9
STEP_BACK = 0.995  # fraction of the way to the boundary
MAX_STEPS = 60
PANEL = 125  # least rows of a panel of A D A^T: smaller products lose more than symmetry gains
MOST_PANELS = 4


class State(NamedTuple):
    """y = (v, b), slack = v.x - b and multipliers; where the certificate stands."""

    y: Float[Array, "*batch M"]
    slack: Float[Array, "*batch K"]
    weights: Float[Array, "*batch K"]
    gap: Float[Array, "*batch"]
    upper: Float[Array, "*batch"]
    steps: Int[Array, "*batch"]
    alive: Bool[Array, "*batch"]


def bounds(
    rows: Float[Array, "M K"],
    mask: Bool[Array, " K"],
    y: Float[Array, " M"],
    weights: Float[Array, " K"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The relative gap and the upper bound of the direction v and the weights."""
    tiny = jnp.finfo(rows.dtype).tiny
    lowest = jnp.min(jnp.where(mask, y[:-1] @ rows[:-1], jnp.inf))
    lower = lowest / jnp.maximum(jnp.linalg.norm(y[:-1]), tiny)
    upper = jnp.linalg.norm(rows[:-1] @ weights) / jnp.sum(weights)
    return 1 - (jnp.maximum(lower, 0) / jnp.maximum(upper, tiny)) ** 2, upper


def with_bias(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Float[Array, "M K"]:
    """Rows (x, -1), so that slack = y.row with y = (v, b); zero where there is padding."""
    return jnp.concatenate([rows, -mask.astype(rows.dtype)[None]])


def cold_start(rows: Float[Array, "M K"], mask: Bool[Array, " K"]) -> State:
    """The Hebbian student, equal weights, and slacks pushed inside."""
    count = jnp.sum(mask)
    weights = mask.astype(rows.dtype) / count
    v = rows[:-1] @ weights
    margins = v @ rows[:-1]
    b = jnp.min(jnp.where(mask, margins, jnp.inf))
    excess = jnp.where(mask, margins - b, 0)
    slack = jnp.where(mask, excess + 0.5 * jnp.sum(excess) / count + 0.01, 1)
    return resume(rows, mask, jnp.append(v, b), slack, weights)


def resume(
    rows: Float[Array, "M K"],
    mask: Bool[Array, " K"],
    y: Float[Array, " M"],
    slack: Float[Array, " K"],
    weights: Float[Array, " K"],
) -> State:
    """The state at given variables, with its bounds."""
    gap, upper = bounds(rows, mask, y, weights)
    return State(y, slack, weights, gap, upper, jnp.zeros((), int), jnp.array(True))


def _longest_step(value: Float[Array, " K"], change: Float[Array, " K"]) -> Float[Array, ""]:
    """The largest step in [0, 1] that keeps value + step * change >= 0."""
    return jnp.min(jnp.where(change < 0, -value / change, 1), initial=1)


def _lower_gram(rows: Float[Array, "M K"], diagonal: Float[Array, " K"]) -> Float[Array, "M M"]:
    """A D A^T up to its diagonal, by panels of rows; zero to the right of each panel's block."""
    size = len(rows)
    panels = max(1, min(MOST_PANELS, size // PANEL))
    edges = [size * i // panels for i in range(panels + 1)]
    parts = [
        jnp.pad((rows[begin:end] * diagonal) @ rows[:end].T, ((0, 0), (0, size - end)))
        for begin, end in itertools.pairwise(edges)
    ]
    return jnp.concatenate(parts)


def _step(rows: Float[Array, "M K"], mask: Bool[Array, " K"], state: State) -> State:
    """One Mehrotra step: with D = lambda/slack both directions solve (Q + A D A^T) dy = rhs.

    Q y - e = A lambda and A^T y = slack, where Q is 1 on v and 0 on b, and e picks b.
    """
    y, slack, weights = state.y, state.slack, state.weights
    quadratic = jnp.ones_like(y).at[-1].set(0)
    matrix = jnp.diag(quadratic) + _lower_gram(rows, weights / slack)
    factor = jax.lax.linalg.cholesky(matrix, symmetrize_input=False)
    dual = quadratic * y - (1 - quadratic) - rows @ weights
    primal = jnp.where(mask, y @ rows - slack, 0)
    count = jnp.sum(mask)
    mu = slack @ weights / count

    def direction(stage: Any, previous: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        # Stage 0 aims at mu = 0; stage 1 corrects its second-order error and recentres.
        _, ds, dw = previous
        length = jnp.minimum(_longest_step(slack, ds), _longest_step(weights, dw))
        reached = (slack + length * ds) @ (weights + length * dw) / count
        centre = stage * mu * (reached / mu) ** 3
        product = jnp.where(mask, slack * weights + ds * dw - centre, 0)
        rhs = -dual - rows @ ((product + weights * primal) / slack)
        half = solve_triangular(factor, rhs, lower=True)
        dy = solve_triangular(factor, half, lower=True, trans=1)
        ds = jnp.where(mask, dy @ rows + primal, 0)
        return dy, ds, -(product + weights * ds) / slack

    zero = (jnp.zeros_like(y), jnp.zeros_like(slack), jnp.zeros_like(slack))
    dy, ds, dw = jax.lax.fori_loop(0, 2, direction, zero)
    length = jnp.minimum(_longest_step(slack, ds), _longest_step(weights, dw))
    length = jnp.minimum(1, STEP_BACK * length)
    moved = (y + length * dy, slack + length * ds, weights + length * dw)
    # A factorisation that breaks down in the last digits leaves NaN: keep the last good point.
    alive = jnp.all(jnp.isfinite(moved[0])) & jnp.all(jnp.isfinite(moved[2]))
    y, slack, weights = jax.tree.map(partial(jnp.where, alive), moved, (y, slack, weights))
    gap, upper = bounds(rows, mask, y, weights)
    return State(y, slack, weights, gap, upper, state.steps + 1, alive)


def iterate(rows: Float[Array, "M K"], mask: Bool[Array, " K"], state: State, target: Any) -> State:
    """Steps until the gap is at the target, the hull is seen to hold the origin, or a breakdown."""

    def unfinished(state: State) -> Bool[Array, ""]:
        open_gap = (state.gap > target) & (state.upper > HULL_CONTAINS_ORIGIN)
        return open_gap & state.alive & (state.steps < MAX_STEPS)

    return jax.lax.while_loop(unfinished, lambda state: _step(rows, mask, state), state)
