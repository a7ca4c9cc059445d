"""One interior-point solve with three directions a factor, for the nearest point of a convex hull.

    min |v|^2 / 2 - b   subject to   v.x_mu >= b    (multipliers lambda_mu >= 0, sum lambda = 1)

This problem and its dual are feasible for every set of points x_mu, so the iteration converges
on separable and on contradictory data alike (b = |v| = 0 there).  Everything here is for one
student, of fixed shape and either precision, and free of Python control flow: map it at will.

A step factorises one matrix and solves with it three times: for Mehrotra's predictor and corrector,
and for one of Gondzio's centrality correctors, which saves more factors than it costs.
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
GAP_TARGET = 5e-10  # where the iteration stops: half of what is certified
STEP_BACK = 0.995  # fraction of the way to the boundary
MAX_STEPS = 60
DIRECTIONS = 3  # predictor, corrector, centrality corrector
FURTHER = 0.3  # the centrality corrector aims at a step longer by this,
NEAR_CENTRE = 0.1, 10.0  # after which each product is between these multiples of the target,
WORTH = 0.01  # and is taken if it lengthens the step by this
PANEL = 100  # least rows of a panel of A D A^T: smaller products lose more than symmetry gains
MOST_PANELS = 4


class State(NamedTuple):
    """y = (v, b), slack = v.x - b and multipliers; A^T y and A lambda; how far it has come.

    gap and upper: the certificate.  unsettled: from 1 to 0, how far support vectors are from
    standing out.  It is the slack that lambda sees over the mean slack, or a tenth of the gap if
    that is more: the gap alone is small too early where all margins are much alike, and the slack
    where a few rows have most of it.
    """

    y: Float[Array, "*batch M"]
    slack: Float[Array, "*batch K"]
    weights: Float[Array, "*batch K"]
    fields: Float[Array, "*batch K"]
    hull: Float[Array, "*batch M"]
    gap: Float[Array, "*batch"]
    upper: Float[Array, "*batch"]
    unsettled: Float[Array, "*batch"]
    steps: Int[Array, "*batch"]
    alive: Bool[Array, "*batch"]


class Direction(NamedTuple):
    """Changes of the three variables, the products slack * lambda they lead away from, and how far
    they can be followed."""

    y: Float[Array, " M"]
    slack: Float[Array, " K"]
    weights: Float[Array, " K"]
    product: Float[Array, " K"]
    length: Float[Array, ""]


def with_bias(rows: Float[Array, "N K"], mask: Bool[Array, " K"]) -> Float[Array, "M K"]:
    """Rows (x, -1), so that slack = y.row with y = (v, b); zero where there is padding."""
    return jnp.concatenate([rows, -mask.astype(rows.dtype)[None]])


def cold_start(rows: Float[Array, "M K"], mask: Bool[Array, " K"]) -> State:
    """The Hebbian student v, equal weights, b = |v|^2 and slacks of at least half their spread.

    That b makes primal and dual objective equal and lies amid the margins v.x: below them all, as
    feasibility has it, the start is off the central path by more than feasibility is worth.
    """
    count = jnp.sum(mask)
    weights = mask.astype(rows.dtype) / count
    v = rows[:-1] @ weights
    b = v @ v  # the mean of the margins
    above = jnp.where(mask, v @ rows[:-1] - b, 0)
    spread = jnp.sqrt(jnp.sum(above**2) / count)
    spread = jnp.maximum(spread, 0.01 * b + 1e-6)  # where all rows are one, or zero
    slack = jnp.where(mask, jnp.maximum(above, 0.5 * spread), 1)
    return state_at(rows, mask, jnp.append(v, b), slack, weights)


def state_at(
    rows: Float[Array, "M K"],
    mask: Bool[Array, " K"],
    y: Float[Array, " M"],
    slack: Float[Array, " K"],
    weights: Float[Array, " K"],
    steps: Any = 0,
    alive: Any = True,
) -> State:
    """The state at given variables: gap and upper bound are those of the direction v and of lambda.

    1 - gap = (min v.x / |v|)^2 / (|sum lambda x| / sum lambda)^2
    """
    fields, hull = y @ rows, rows @ weights
    tiny = jnp.finfo(rows.dtype).tiny
    lowest = jnp.min(jnp.where(mask, fields, jnp.inf)) + y[-1]
    lower = lowest / jnp.maximum(jnp.linalg.norm(y[:-1]), tiny)
    upper = jnp.linalg.norm(hull[:-1]) / jnp.sum(weights)
    gap = 1 - (jnp.maximum(lower, 0) / jnp.maximum(upper, tiny)) ** 2
    mean_slack = jnp.sum(jnp.where(mask, slack, 0)) / jnp.sum(mask)
    unsettled = jnp.maximum(weights @ slack / jnp.sum(weights) / mean_slack, 0.1 * gap)
    done, well = jnp.asarray(steps, int), jnp.asarray(alive)
    return State(y, slack, weights, fields, hull, gap, upper, unsettled, done, well)


def _longest_step(value: Float[Array, " K"], change: Float[Array, " K"]) -> Float[Array, ""]:
    """The largest step in [0, 1] that keeps value + step * change >= 0."""
    return jnp.min(jnp.where(change < 0, -value / change, 1), initial=1)


def lower_gram(
    rows: Float[Array, "M K"], diagonal: Float[Array, " K"] | None = None
) -> Float[Array, "M M"]:
    """A D A^T (D = 1 if left out) by panels of rows; zero to the right of each panel's block."""
    size = len(rows)
    panels = max(1, min(MOST_PANELS, size // PANEL))
    edges = [size * i // panels for i in range(panels + 1)]
    weighted = rows if diagonal is None else rows * diagonal
    parts = [
        jnp.pad(weighted[begin:end] @ rows[:end].T, ((0, 0), (0, size - end)))
        for begin, end in itertools.pairwise(edges)
    ]
    return jnp.concatenate(parts)


def _step(rows: Float[Array, "M K"], mask: Bool[Array, " K"], state: State) -> State:
    """One step: with D = lambda/slack every direction solves (Q + A D A^T) dy = rhs.

    Q y - e = A lambda and A^T y = slack, where Q is 1 on v and 0 on b, and e picks b.
    """
    y, slack, weights = state.y, state.slack, state.weights
    quadratic = jnp.ones_like(y).at[-1].set(0)
    matrix = jnp.diag(quadratic) + lower_gram(rows, weights / slack)
    factor = jax.lax.linalg.cholesky(matrix, symmetrize_input=False)
    dual = quadratic * y - (1 - quadratic) - state.hull
    primal = jnp.where(mask, state.fields - slack, 0)

    def newton(product: Array) -> Direction:
        """The direction in which slack * lambda changes by -product, to first order."""
        rhs = -dual - rows @ ((product + weights * primal) / slack)
        half = solve_triangular(factor, rhs, lower=True)
        dy = solve_triangular(factor, half, lower=True, trans=1)
        ds = jnp.where(mask, dy @ rows + primal, 0)
        dw = -(product + weights * ds) / slack
        length = jnp.minimum(_longest_step(slack, ds), _longest_step(weights, dw))
        return Direction(dy, ds, dw, product, length)

    def improved(stage: Any, carry: tuple[Direction, Array]) -> tuple[Direction, Array]:
        found, centre = carry
        product, centre = _next_product(stage, mask, state, found, centre)
        tried = newton(product)
        better = (stage < 2) | (tried.length >= found.length + WORTH)
        return jax.tree.map(partial(jnp.where, better), tried, found), centre

    nowhere = jnp.zeros_like(slack)
    nothing = Direction(jnp.zeros_like(y), nowhere, nowhere, nowhere, jnp.zeros((), y.dtype))
    found, _ = jax.lax.fori_loop(0, DIRECTIONS, improved, (nothing, nothing.length))
    length = jnp.minimum(1, STEP_BACK * found.length)
    moved = (y + length * found.y, slack + length * found.slack, weights + length * found.weights)
    # A factorisation that breaks down in the last digits leaves NaN: keep the last good point.
    alive = jnp.all(jnp.isfinite(moved[0])) & jnp.all(jnp.isfinite(moved[2]))
    y, slack, weights = jax.tree.map(partial(jnp.where, alive), moved, (y, slack, weights))
    return state_at(rows, mask, y, slack, weights, state.steps + 1, alive)


def _next_product(
    stage: Any, mask: Bool[Array, " K"], state: State, found: Direction, centre: Float[Array, ""]
) -> tuple[Float[Array, " K"], Float[Array, ""]]:
    """What slack * lambda is to lose, and the centre it is to reach, given the direction so far.

    Stage 0 aims at zero; stage 1 corrects its second-order error and recentres; stage 2 brings
    products that a longer step would leave far from the centre back to it (Gondzio).
    """
    slack, weights = state.slack, state.weights
    count = jnp.sum(mask)
    mu = slack @ weights / count
    reached = (slack + found.length * found.slack) @ (weights + found.length * found.weights)
    centre = jnp.where(stage == 1, mu * (reached / count / mu) ** 3, centre)
    aim = jnp.minimum(1, found.length + FURTHER)
    ahead = (slack + aim * found.slack) * (weights + aim * found.weights)
    low, high = (limit * centre for limit in NEAR_CENTRE)
    missing = jnp.maximum(jnp.clip(ahead, low, high) - ahead, -high)
    first = slack * weights + jnp.where(stage == 1, found.slack * found.weights - centre, 0)
    product = jnp.where(stage < 2, first, found.product - missing)
    return jnp.where(mask, product, 0), centre


def iterate(
    rows: Float[Array, "M K"], mask: Bool[Array, " K"], state: State, unsettled: Any = 0
) -> State:
    """Steps until the gap is at its target, or the state is settled so far; or there is no hope."""
    return jax.lax.while_loop(
        lambda state: (state.unsettled > unsettled) & unfinished(state),
        lambda state: _step(rows, mask, state),
        state,
    )


def unfinished(state: State) -> Bool[Array, ""]:
    """Not at the target, the hull not seen to hold the origin, no breakdown."""
    open_gap = (state.gap > GAP_TARGET) & (state.upper > HULL_CONTAINS_ORIGIN)
    return open_gap & state.alive & (state.steps < MAX_STEPS)
