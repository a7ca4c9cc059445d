"""The test error as a JAX function: `error` under jit, vmap, grad, jvp, jacfwd and jacrev.

    from prunelaw import differentiable
    jax.grad(differentiable.error, argnums=1)(3.0, 0.5, 0.3)     # ∂ε/∂f

The saddle point is solved on the host, in float64, by `prunelaw.solve`; derivatives are the exact
ones of `prunelaw.perceptron.sensitivity`, not those of an iteration. A batch, whether it comes
from broadcasting or from vmap, is solved in one call.

Sharp bits:

- Precision. Importing this module leaves JAX's configuration alone. Results have the type to
  which JAX promotes the arguments: float32 unless `jax_enable_x64` is on, then float64 for Python
  numbers and float64 arrays. In float32, ε is solved in float64 at the rounded arguments, then
  rounded.
- Errors. Arguments whose values are known are checked at once (`InputError`). Under jit, vmap or
  grad the host notices, and JAX raises an error of its own that ends with the same message:
  `jax.errors.JaxRuntimeError` under jit, else `ValueError`.
- A point that cannot be solved has error NaN and derivatives NaN, as with `throw=False`.
- Second derivatives (`jax.hessian`, grad of grad) raise `NotImplementedError`.
- `rule` is static: name it in `static_argnames`, or bind it before jit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.custom_derivatives import SymbolicZero

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.keep import KeepRule, as_rule
from prunelaw.perceptron.sensitivity import sensitivity
from prunelaw.perceptron.solver import solve

# In float32 the right angle is rounded up, out of the range of theta: it counts as π/2.
LARGEST_ANGLE = float(np.float32(np.pi / 2))
RANGES = {
    "alpha_tot": {"low": 0.0, "low_open": True},
    "f": {"low": 0.0, "high": 1.0, "low_open": True},
    "theta": {"low": 0.0, "high": LARGEST_ANGLE},
}

Points = tuple[Any, Any, Any]


def error(alpha_tot: Any, f: Any = None, theta: Any = 0.0, rule: Any = "hard") -> jax.Array:
    """ε of `prunelaw.solve`, differentiable in α_tot, f and θ; the arguments broadcast.

    Args:
        alpha_tot, f, theta: as in `prunelaw.solve`. ∂ε/∂f at f = 1 is that from below. For rules
            that imply f, leave it out: ∂ε/∂f is NaN, and ∂ε/∂θ that at fixed edges.
        rule: one rule, by name or as an object of `prunelaw.keep`; static.

    Raises:
        InputError: as described in the module; first derivatives of rules given as functions raise
            it at θ > 0.

    >>> from prunelaw import differentiable
    >>> round(float(differentiable.error(3.0, 0.5, 0.3)), 4)
    0.2459
    """
    keep = as_rule(rule)
    if f is None and keep.fraction(np.ones(1)) is None:
        raise InputError(f"f must be given: the rule {keep.name} works at any fraction kept")
    given = {"alpha_tot": alpha_tot, "f": f, "theta": theta}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, Tracer):
            given[name] = check_real(name, value, **RANGES[name])
    dtype = jnp.result_type(*(_typed(value) for value in (alpha_tot, f, theta)), 1.0)
    arrays = [jnp.asarray(value, dtype) for value in given.values()]
    try:
        shape = jnp.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError as cause:
        shapes = ", ".join(f"{n} has shape {a.shape}" for n, a in zip(given, arrays, strict=True))
        raise InputError(f"arguments must broadcast to one shape: {shapes}") from cause
    points = dict(zip(given, (jnp.broadcast_to(a, shape) for a in arrays), strict=True))
    return _error(keep, (points["alpha_tot"], points.get("f"), points["theta"]))


def _typed(value: Any) -> Any:
    """What `jnp.result_type` understands: lists and tuples count as Python numbers."""
    return 1.0 if value is None or isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class _Host:
    """What runs outside JAX: ε, or with `derivatives` ε and ∂ε/∂(α_tot, f, θ), in one call."""

    rule: KeepRule
    derivatives: bool

    def __call__(self, points: Points) -> tuple[np.ndarray, ...]:
        dtype = points[0].dtype
        alpha_tot, f, theta = (
            None if value is None else np.asarray(value).astype(np.float64) for value in points
        )
        assert theta is not None
        theta = np.where(theta == LARGEST_ANGLE, np.pi / 2, theta)
        if self.derivatives:
            found = sensitivity(alpha_tot, f, theta, self.rule, throw=False)
            values = (found.error, found.d_alpha_tot, found.d_f, found.d_theta)
        else:
            values = (solve(alpha_tot, f, theta, self.rule, throw=False).error,)
        return tuple(np.asarray(value, dtype=dtype) for value in values)


def _on_host(rule: KeepRule, derivatives: bool, points: Points) -> tuple[jax.Array, ...]:
    """One call of `_Host` for points of one shape, as JAX sees it."""
    like = jax.ShapeDtypeStruct(points[0].shape, points[0].dtype)
    results = (like,) * (4 if derivatives else 1)
    host = _Host(rule, derivatives)
    return jax.pure_callback(host, results, points, vmap_method="broadcast_all")


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _error(rule: KeepRule, points: Points) -> jax.Array:
    """ε at points (α_tot, f or None, θ) of one shape and type."""
    return _on_host(rule, False, points)[0]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _error_and_derivatives(rule: KeepRule, points: Points) -> tuple[jax.Array, ...]:
    """(ε, ∂ε/∂α_tot, ∂ε/∂f, ∂ε/∂θ) at the points."""
    return _on_host(rule, True, points)


def _first_order(
    rule: KeepRule, primals: tuple[Points], tangents: tuple[Points]
) -> tuple[jax.Array, jax.Array]:
    """dε = ∂ε/∂α_tot dα_tot + ∂ε/∂f df + ∂ε/∂θ dθ, of what is differentiated at all."""
    value, *slopes = _error_and_derivatives(rule, *primals)
    tangent = jnp.zeros_like(value)
    for slope, step in zip(slopes, tangents[0], strict=True):
        if step is not None and not isinstance(step, SymbolicZero):
            tangent = tangent + slope * step
    return value, tangent


def _second_order(rule: KeepRule, primals: tuple[Points], tangents: tuple[Points]) -> NoReturn:
    raise NotImplementedError(
        "second derivatives of prunelaw.perceptron.differentiable.error are not available: "
        f"only the first ones are exact (rule {rule.name})"
    )


_error.defjvp(_first_order, symbolic_zeros=True)
_error_and_derivatives.defjvp(_second_order)
