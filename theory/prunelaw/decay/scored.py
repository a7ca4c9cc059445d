"""A pool ranked by a continuous score: utility as a function of the quantile, and what to keep.

A filter scores every sample; q in [0, 1] is a sample's quantile, 0 the best. The utility b(q) and
the half-life τ(q) vary with it. Keeping the best fraction f (kept, not removed) and drawing
uniformly from it is a mixture of infinitely many infinitely thin pools: with u uniform on [0, f],

    paper   log (y − d) = E[b(u)] log(a min(n, f N)/1e5) + E[b(u) G(n/(f N); f^s τ(u))].

τ(q) is the half-life that samples of quantile q have when the whole pool is drawn uniformly
(f = 1). The half-life of a slice of mass m on its own is m^s τ(q), so that f^s τ(q) follows from
the mixing rule τ̂ = w^{−s} τ with w = m/f; s is `stretch`. Here the expectation is a sum over equal
slices, at their middles; the error of that falls with the square of their width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_choice, check_integer, check_number, check_real
from prunelaw.decay.utility import CONVENTIONS, MayExceedOne, Pool, Real, UtilityLaw, mixture_error
from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array

if TYPE_CHECKING:
    Profile = float | Float[np.ndarray, " k"] | Callable[[Float[np.ndarray, " n"]], Any]
else:
    Profile = Any

_GRID = 129  # fractions of the first look, evenly spaced in log
_SMALLEST = 1e-4  # fraction; and never less than one sample
_KINKS = 32  # ends of passes that the first look includes
_POINTS = 17  # of each closer look
_NARROW = 1e-7  # relative width of the bracket at the end: errors differ by rounding inside it


@dataclass(frozen=True, eq=False)
class ScoredPool:
    """`size` samples ranked by a score. `b` ≤ 0 and `tau` > 0 (inf: no decay) as functions of q.

    Each is a number, an array of values at evenly spaced quantiles from 0 to 1 (linear between
    them), or a function of an array of quantiles. a, d and the convention are those of
    `UtilityLaw`.
    """

    size: Real
    a: Real
    b: Profile
    tau: Profile
    d: Real
    convention: str = "paper"

    def __post_init__(self) -> None:
        check_number("size", self.size, 0.0, low_open=True)
        check_choice("convention", self.convention, CONVENTIONS)
        self.buckets(64)

    def buckets(self, n_buckets: int, *, keep: Real = 1.0, stretch: Real = 1.0) -> tuple[Pool, ...]:
        """The best fraction `keep` in (0, 1] as `n_buckets` pools of equal size, best first.

        A pool has b at its middle quantile and half-life m^stretch τ, m its share of the whole, as
        its own; `mixture_error` of all of them must be given the same `stretch`.
        """
        n = check_integer("n_buckets", n_buckets, 1)
        kept = check_number("keep", keep, 0.0, 1.0, low_open=True)
        s = check_number("stretch", stretch, 0.0)
        mass = kept / n
        middle = mass * (np.arange(n) + 0.5)
        b, tau = _profile("b", self.b, middle), _profile("tau", self.tau, middle) * mass**s
        return tuple(
            Pool(
                f"{mass * i:.6g} to {mass * (i + 1):.6g} (bucket {i + 1})",
                self.size * mass,
                UtilityLaw(self.a, float(b[i]), float(tau[i]), self.d, self.convention),
            )
            for i in range(n)
        )

    def kept_error(
        self, keep: Real, samples_seen: Any, *, n_buckets: int = 64, stretch: Real = 1.0
    ) -> Array:
        """Error after `samples_seen` ≥ 1 samples drawn uniformly from the best fraction `keep`."""
        pools = self.buckets(n_buckets, keep=keep, stretch=stretch)
        return mixture_error(pools, samples_seen, stretch=stretch)


@dataclass(frozen=True)
class BestFraction(MayExceedOne):
    """What `best_fraction` found.

    Attributes:
        fraction: the fraction to keep.
        high: bracket: a (local) minimum lies between them, since the errors there are not below
            `error`.
        bucket_effect: by how much twice as many buckets change `error` at `fraction`.
    """

    fraction: float
    error: float
    low: float
    high: float
    low_error: float
    high_error: float
    keep_all_error: float
    bucket_effect: float


def best_fraction(
    pool: ScoredPool, samples_seen: Any, *, n_buckets: int = 64, stretch: Real = 1.0
) -> BestFraction:
    """The fraction f of a scored pool to keep with the least error at `samples_seen` ≥ 1.

    f in [1e-4, 1], and no less than one sample. A grid in log f that includes the ends of passes (n
    = k f N, where the slope jumps) finds the valley, closer and closer grids the bottom; the
    bracket is three errors computed, not a model: low ≤ f ≤ high with f the least of them. At the
    end of the range the bracket ends there.
    """
    seen = check_number("samples_seen", samples_seen, 1.0)
    size = float(pool.size)

    def error(f: float) -> float:
        return float(pool.kept_error(f, seen, n_buckets=n_buckets, stretch=stretch))

    smallest = min(max(_SMALLEST, 1.0 / size), 1.0)
    ends = seen / size / np.arange(1.0, _KINKS + 1.0)
    grid = np.geomspace(smallest, 1.0, _GRID)
    grid = np.unique(np.append(grid, ends[(ends > smallest) & (ends < 1.0)]))
    while True:
        grid[-1] = min(grid[-1], 1.0)
        errors = np.array([error(f) for f in grid])
        best = int(np.argmin(errors))
        low, high = max(best - 1, 0), min(best + 1, grid.size - 1)
        if grid[high] / grid[low] - 1.0 < _NARROW:
            break
        inside = np.geomspace(grid[low], grid[high], _POINTS)[1:-1]
        grid = np.unique(np.concatenate([grid[[low, best, high]], inside]))
    fraction = float(grid[best])
    finer = float(pool.kept_error(fraction, seen, n_buckets=2 * n_buckets, stretch=stretch))
    return BestFraction(
        fraction=fraction,
        error=float(errors[best]),
        low=float(grid[low]),
        high=float(grid[high]),
        low_error=float(errors[low]),
        high_error=float(errors[high]),
        keep_all_error=error(1.0),
        bucket_effect=finer - float(errors[best]),
    )


def _profile(name: str, profile: Any, q: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The profile at quantiles q, checked: b in (−inf, 0], τ in (0, inf]."""
    if callable(profile):
        try:
            values = np.broadcast_to(np.asarray(profile(q), dtype=np.float64), q.shape)
        except (TypeError, ValueError) as cause:
            raise InputError(f"{name} must return one number for each quantile: {cause}") from cause
    else:
        given = np.atleast_1d(np.asarray(profile, dtype=np.float64))
        if given.ndim > 1 or given.size == 0:
            raise InputError(f"{name} must be a number, a function or a 1-D array of values")
        values = np.interp(q, np.linspace(0.0, 1.0, given.size), given)
    if name == "b":
        return check_real("b", values, -math.inf, 0.0)
    if not (values > 0.0).all():
        raise InputError(f"tau must be in (0, inf] at every quantile, got {float(values.min())!r}")
    return values
