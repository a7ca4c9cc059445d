"""How to divide compute between the size of a model and its data, when the data may run out.

The laws are those of `prunelaw.decay.repetition`; C = 6 N D counts floating-point operations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_finite, check_real
from prunelaw.decay.repetition import DataConstrained, saturated
from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array
from prunelaw.numerics.roots import bracketed_roots

_TERMS = "A, B, alpha, beta and compute"
FLOPS = 6.0
"""Operations to train one parameter on one token (Hoffmann et al. 2022)."""
_CLOSE = 1e-14  # width of a bracket of log N ≈ 20 at which it counts as found


@dataclass(frozen=True, eq=False)
class Allocation:
    """What `compute_optimal` found. `...` is the shape of compute and unique_samples together.

    Attributes:
        parameters: N.
        samples_seen: D = C / 6N.
        epochs: D / U, at least 1: with less data than U a fresh part of it is seen once.
        loss: the least loss at this compute.
        imbalance: log of (−∂L/∂log N) / (−∂L/∂log D), 0 at the optimum: what rounding has left.
    """

    parameters: Array
    samples_seen: Array
    epochs: Array
    loss: Array
    imbalance: Array


def compute_optimal(law: Any, compute: Any, unique_samples: Any = math.inf) -> Allocation:
    """Model size N and data D = C/6N of least loss by a `DataConstrained` law, U samples unique.

    While D ≤ U (always for U = inf) the optimum is N = G (C/6)^(β/(α+β)), G = (αA/βB)^(1/(α+β)).
    Beyond, both elasticities of L fall as their argument grows, so the optimum is the one root of

        αA/N_eff^α · dlog N_eff/dlog N = βB/D_eff^β · dlog D_eff/dlog D,    N_opt(U) ≤ N ≤ C/6U,

    found in log N to rounding. `compute` C > 0 in floating-point operations; `unique_samples` U > 0
    or inf; arrays broadcast. R*_D > 0 and R*_N > 0, else no optimum need be the only one.

    Raises:
        InputError: outside these ranges.

    Source:
        arXiv 2305.16264, sections 3.1 and 5; arXiv 2203.15556, eq. 4.
    """
    if not isinstance(law, DataConstrained):
        raise InputError(f"law must be a DataConstrained, got {law!r}")
    for name, value in (("r_d", law.r_d), ("r_n", law.r_n)):
        if value == 0.0:
            raise InputError(f"law.{name} must be in (0, inf] for a unique optimum, got 0")
    budget = check_real("compute", compute, 0.0, low_open=True)
    unique = _unique_or_unlimited(unique_samples)
    budget, unique = np.broadcast_arrays(budget, unique)
    log_total, log_u = np.asarray(np.log(budget / FLOPS)), np.asarray(np.log(unique))
    log_n = np.asarray((law.log_ratio + law.beta * log_total) / (law.alpha + law.beta))
    repeats = log_total - log_n > log_u
    if repeats.any():
        log_n[repeats] = _scarce_optimum(law, log_total[repeats], log_u[repeats])
    log_d = np.asarray(log_total - log_n)
    with np.errstate(over="ignore"):
        size = check_finite(_TERMS, np.exp(log_n))
        seen = check_finite(_TERMS, np.exp(log_d))
    used = np.where(repeats, unique, seen)
    left = _imbalance(law, log_n, log_total, np.asarray(np.minimum(log_u, log_d)))
    return Allocation(size, seen, np.asarray(seen / used), law.loss(seen, used, size), left)


def _imbalance(law: DataConstrained, log_n: Array, log_total: Array, log_u: Array) -> Array:
    """log of how much more a factor in N lowers the loss than the same factor in D = C/6N.

    Strictly decreasing in log N. With N = N_opt(U) e^x, R = e^x − 1 and S = S(R, R*):
    log N_eff = log N_opt + log(1 + S), dlog N_eff/dlog N = (1 + R) exp(−R/R*)/(1 + S).
    """
    effective_n, elastic_n = _effective(log_n, law.log_matched(log_u), law.r_n)
    effective_d, elastic_d = _effective(np.asarray(log_total - log_n), log_u, law.r_d)
    gain_n = law.log_ratio - law.alpha * effective_n + elastic_n
    return np.asarray(gain_n + law.beta * effective_d - elastic_d)


def _effective(log_used: Array, log_base: Array, r_star: float) -> tuple[Array, Array]:
    """log of the effective amount, and log of its elasticity (0 without repeats)."""
    excess = np.maximum(log_used - log_base, 0.0)
    with np.errstate(over="ignore"):
        repeats = np.minimum(np.expm1(excess), 1e300)
        log_worth = np.log1p(saturated(repeats, r_star))
        decay = repeats / r_star
    return np.asarray(log_used - excess + log_worth), np.asarray(excess - decay - log_worth)


def _scarce_optimum(
    law: DataConstrained, log_total: Float[np.ndarray, " k"], log_u: Float[np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """log N where the imbalance is 0, between N_opt(U) and C/6U; there it is ≥ 0 and ≤ 0."""

    def tilt(k: Int[np.ndarray, " m"], log_n: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        return np.arcsinh(_imbalance(law, log_n, log_total[k], log_u[k]))  # some are 1e100

    return bracketed_roots(tilt, law.log_matched(log_u), log_total - log_u, _CLOSE)[0]


def _unique_or_unlimited(unique_samples: Any) -> Array:
    """Positive numbers, inf among them."""
    try:
        given = np.asarray(unique_samples, dtype=np.float64)
    except (TypeError, ValueError):
        return check_real("unique_samples", unique_samples, 0.0, low_open=True)
    check_real("unique_samples", np.where(given == np.inf, 1.0, given), 0.0, low_open=True)
    return given
