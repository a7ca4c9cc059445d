"""Mixtures of pools drawn with any probabilities: what is theorem in them, and the best ones.

`prunelaw.decay.utility.mixture_error` gives the error for sampling weights w on the simplex; here
the weights that minimise it are searched, and every answer carries its first-order certificate.
With k_i = w_i n/N_i, A = log(a n/1e5) and τ̂_i = w_i^{−s} τ_i the exponent separates over the pools,

    log F = Σ L_i(w_i),   L_i = w_i b_i [A − log⁺ k_i + G(k_i; τ̂_i)],
    dL_i/dw_i = b_i [A − log⁺ k_i + G − (1 − δ̂_i^⌊k_i⌋) − s dG/dlog τ̂_i],

so that the slopes are exact. They jump where a pass ends: there are two of them, one to each side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_number
from prunelaw.decay.utility import (
    DIVISOR,
    MayExceedOne,
    Pool,
    Real,
    growth_and_slope,
    mixture_error,
    sampling_weights,
    shared_law,
)
from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array

_AT_END = 1e-9  # relative; so near the end of a pass, both slopes count
_POINTS = 33  # of a look along a line; each look is 16 times closer
_NARROW = 1e-13  # where the looks end
_SETTLED = 1e-9  # of the error: slopes below it are rounding
_GAIN = 1e-14  # of the error: exchanges that gain less are rounding
_MOVES = 500  # exchanges of probability from one start, far more than a descent takes

Weights = Float[np.ndarray, " pools"]


@dataclass(frozen=True, eq=False)
class MixtureChoice(MayExceedOne):
    """What `best_weights` found.

    Attributes:
        weights: probability that a sample is drawn from each pool; they sum to 1.
        violation: steepest fall of the error per unit of probability moved from one pool to
            another, ≥ 0; 0 to rounding at a first-order optimum. At the end of a pass (to 1e-9) the
            one-sided slopes count.
        optimum: "global" where the problem is convex and a first-order optimum is the best there is
            (paper convention or d = 0, stretch = 0); "local", the best of all starts, elsewhere.
        union: the best uniform draw: of the best p pools, in the order given, or of one pool alone.
    """

    samples_seen: float
    names: tuple[str, ...]
    weights: Weights
    error: float
    violation: float
    optimum: str
    union: tuple[str, ...]
    union_error: float
    starts: int

    @property
    def gain(self) -> float:
        """By how much the weights beat the best union; 0 where that is the answer itself."""
        return self.union_error - self.error


def mixture_assumptions(
    pools: Sequence[Pool], *, weights: Any = None, stretch: Real = 1.0
) -> tuple[str, ...]:
    """What `mixture_error` assumes for these pools, in plain sentences to print beside a result.

    Sentences start with "Theorem:" where arXiv 2404.07177 proves the rule, "As published:" where
    its authors use it beyond the proof, and "Extension:" where this package goes further.
    """
    law = shared_law(pools)
    s = check_number("stretch", stretch, 0.0)
    share = sampling_weights(pools, weights)
    size = np.array([pool.size for pool in pools])
    uniform = bool(np.allclose(share, sampling_weights(pools, None), rtol=1e-9, atol=0.0))
    if uniform:
        drawn = "Theorem: samples are drawn uniformly from the union of the pools."
    else:
        text = ", ".join(f"{p.name} {w:.4g}" for p, w in zip(pools, share, strict=True))
        drawn = f"Extension: samples are drawn with weights of their own ({text})."
    if np.ptp(size) == 0.0:
        sizes = f"Theorem: the pools are of equal size ({size[0]:g})."
    else:
        sizes = f"As published: pools differ in size, from {size.min():g} to {size.max():g}."
    if s == 1.0:
        clock = "As published: half-lives stretch by 1/w_i, the inverse probability of a draw."
    elif s == 0.0:
        clock = "Extension: each pool's decay counts its own showings; half-lives do not stretch."
    else:
        clock = f"Extension: half-lives stretch by w_i^-{s:g} with w_i the probability of a draw."
    shared = f"As published: the pools share a = {law.a:g} and d = {law.d:g} ({law.convention})."
    alone = "As published: no pool changes what another one teaches; utilities add."
    return drawn, sizes, clock, shared, alone


def best_weights(pools: Sequence[Pool], samples_seen: Any, *, stretch: Real = 1.0) -> MixtureChoice:
    """The sampling weights with the least `mixture_error` at `samples_seen` ≥ 1 (one number).

    Descent by exchange of probability between two pools at a time, always the pair whose slope is
    steepest, with a global look along its line. It starts from each pool alone, from the uniform
    unions of the best 1, 2, ... pools and from equal weights; the best end is returned. The result
    does not depend on chance.

    The error has kinks where a pass of a pool ends. L_i (see the module) is convex in w_i when
    stretch = 0: its slope rises within a pass and jumps up at its end, so that the optimum often
    sits on a kink. `violation` takes the slope that the move would meet, to the left or to the
    right; since the exponent separates over pools, no violation by any pair means none by any
    feasible direction (paper, or d = 0; under official_code the pool that is used up first couples
    them, and the certificate is for pairs).

    Raises:
        InputError: for the effective_data convention, whose exponent does not separate.
    """
    search = _Search.of(pools, check_number("samples_seen", samples_seen, 1.0), stretch)
    starts = search.starts()
    ends = [search.descend(start) for start in starts]
    weights = ends[int(np.argmin(search.errors(np.stack(ends))))]
    groups = [tuple(pools[:p]) for p in range(1, len(pools) + 1)] + [(p,) for p in pools[1:]]
    errors = [float(mixture_error(one, search.seen, stretch=search.stretch)) for one in groups]
    best = int(np.argmin(errors))
    convex = search.stretch == 0.0 and (search.d == 0.0 or not search.official)
    return MixtureChoice(
        samples_seen=search.seen,
        names=tuple(pool.name for pool in pools),
        weights=weights,
        error=float(search.errors(weights[None])[0]),
        violation=max(0.0, -float(search.slopes(weights).min())),
        optimum="global" if convex else "local",
        union=tuple(pool.name for pool in groups[best]),
        union_error=errors[best],
        starts=len(starts),
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """The error as a function of the weights, for one number of samples seen."""

    seen: float
    stretch: float
    size: Weights
    b: Weights
    tau: Weights
    log_x: float  # A = log(a n/1e5)
    d: float
    official: bool

    @classmethod
    def of(cls, pools: Sequence[Pool], seen: float, stretch: Real) -> _Search:
        law = shared_law(pools)
        if law.convention == "effective_data":
            raise InputError(
                "convention effective_data is not supported here: its exponent does not separate "
                "over pools; compare `mixture_error(..., weights=...)` at weights of your own"
            )
        return cls(
            seen,
            check_number("stretch", stretch, 0.0),
            np.array([pool.size for pool in pools]),
            np.array([pool.law.b for pool in pools]),
            np.array([pool.law.tau for pool in pools]),
            math.log(law.a * seen / DIVISOR),
            law.d,
            law.convention == "official_code",
        )

    def starts(self) -> list[Weights]:
        m = self.size.size
        unions = [np.where(np.arange(m) < p, self.size, 0.0) for p in range(1, m + 1)]
        starts = [w / w.sum() for w in unions] + list(np.eye(m)[1:]) + [np.full(m, 1.0 / m)]
        return starts if m > 1 else starts[:1]

    def errors(self, weights: Float[np.ndarray, "n pools"]) -> Float[np.ndarray, " n"]:
        """`mixture_error` for many weights at once, inf beyond 1e308."""
        made, tau = self._clock(weights)
        growth = growth_and_slope(made, tau, "paper")[0]
        exponent = (weights * self.b * (self.log_x - np.log(np.maximum(made, 1.0)) + growth)).sum(1)
        with np.errstate(over="ignore"):
            if not self.official:
                return np.exp(exponent) + self.d
            return np.exp(exponent) + self.d * np.exp(exponent - self._first(weights)[0])

    def slopes(self, weights: Weights) -> Float[np.ndarray, "pools pools"]:
        """[i, j]: slope of the error as probability moves from pool i to j; 0 if i has none."""
        right, left = self._one_sided(weights, 1.0), self._one_sided(weights, -1.0)
        change = right[None, :] - left[:, None]
        error = self.errors(weights[None])[0] - (0.0 if self.official else self.d)
        if self.official and self.d > 0.0:
            first, first_change = self._first(weights)
            kept = self.d / (np.exp(first[0]) + self.d)  # of the error, what came from d
            change = change - kept * first_change
        slopes = error * change
        slopes[weights <= 0.0, :] = 0.0
        np.fill_diagonal(slopes, 0.0)
        return slopes

    def descend(self, weights: Weights) -> Weights:
        """Exchange probability between pairs until no pair has a slope, or none gains."""
        error = float(self.errors(weights[None])[0])
        for _ in range(_MOVES):
            slopes = self.slopes(weights)
            for place in np.argsort(slopes, axis=None, kind="stable")[: weights.size]:
                i, j = divmod(int(place), weights.size)
                if slopes[i, j] >= -_SETTLED * error:
                    return weights
                moved, lower = self._exchange(weights, i, j)
                if lower < error * (1.0 - _GAIN):
                    weights, error = moved, lower
                    break
            else:
                return weights
        return weights

    def _exchange(self, weights: Weights, i: int, j: int) -> tuple[Weights, float]:
        """The best weights on the line from pool i to pool j, and their error."""
        low, high, best = 0.0, float(weights[i]), 0
        line, errors = weights[None], np.zeros(1)
        while high - low > _NARROW:
            moved = np.append(np.linspace(low, high, _POINTS), weights[i])
            line = np.repeat(weights[None], moved.size, axis=0)
            line[:, i] = weights[i] - moved
            line[:, j] = weights[j] + moved
            errors = self.errors(line)
            best = int(np.argmin(errors))
            if errors[-1] <= errors[best] * (1.0 + 1e-15):
                return line[-1], float(errors[-1])  # all of it: pool i is left out
            low, high = moved[max(best - 1, 0)], moved[min(best + 1, _POINTS - 1)]
        return line[best], float(errors[best])

    def _clock(self, weights: Array) -> tuple[Array, Array]:
        """Passes over each pool, held above 0, and its half-life."""
        share = np.maximum(weights, 1e-30)
        return share * self.seen / self.size, self.tau / share**self.stretch

    def _one_sided(self, weights: Weights, side: float) -> Weights:
        """dL_i/dw_i from the right (side 1) or from the left (side −1)."""
        made, tau = self._clock(weights)
        growth, slope = growth_and_slope(made, tau, "paper")
        near = made * (1.0 + side * _AT_END)
        whole = np.floor(near) if side > 0.0 else np.ceil(near) - 1.0
        lost = -np.expm1(-math.log(2.0) / np.maximum(tau, 1e-300) * np.maximum(whole, 0.0))
        level = self.log_x - np.log(np.maximum(made, 1.0))
        return self.b * (level + growth - lost - self.stretch * slope)

    def _first(self, weights: Array) -> tuple[Array, Float[np.ndarray, "pools pools"]]:
        """log of the factor up to the first end of a pass, and its slopes [i, j] at one weights."""
        weights = np.atleast_2d(weights)
        ends = self.size / np.maximum(weights, 1e-30)
        start = np.minimum(self.seen, ends.min(axis=1))
        level = self.log_x + np.log(start / self.seen)
        first = (weights @ self.b) * level
        slopes = (self.b[None, :] - self.b[:, None]) * level[0]
        used_up = np.flatnonzero(ends[0] <= ends[0].min() * (1.0 + _AT_END))
        if ends[0].min() <= self.seen * (1.0 + _AT_END):
            total = weights[0] @ self.b
            if used_up.size == 1 and ends[0].min() < self.seen * (1.0 - _AT_END):
                slopes[used_up[0], :] += total / weights[0, used_up[0]]
            slopes[:, used_up] -= total / weights[0, used_up]
        return first, slopes
