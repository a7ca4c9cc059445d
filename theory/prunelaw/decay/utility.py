"""Utility decay: how the test error falls when a pool of data is seen again and again.

Goyal, Maini, Lipton, Raghunathan, Kolter, "Scaling Laws for Data Filtering: Data Curation cannot
be Compute Agnostic", CVPR 2024, arXiv 2404.07177. A sample has utility b < 0, dy/dn = b y / n; at
its (k+1)-th showing the utility is b δ^k with δ = (1/2)^(1/τ), τ the half-life in epochs. With
n_j = min(j N, n) samples seen after j passes over a pool of N,

    y = F · exp(Σ_k b δ^k log(n_{k+1}/n_k)) + d,        F = (a n_1 / 1e5)^b.

Every convention has `a` inside the power with the divisor 1e5, as in the published parameters
(the prefactor A of the form A n^b is (a/1e5)^b, see `UtilityLaw.prefactor`):

    paper           as above: d is added once, at the end
    official_code   y = (F + d) · exp(Σ ...): the later passes shrink d too
    effective_data  y = (a n_eff / 1e5)^b + d,  n_eff = Σ_k δ^k (n_{k+1} − n_k)   (Muennighoff 2023)

The law is not a probability: weak pools give errors above 1, nothing here clips them, and
`exceeds_one` flags them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from prunelaw.checks import check_choice, check_finite, check_number, check_real, hold_number
from prunelaw.decay.effective import effective_draws, effective_mixture
from prunelaw.decay.passes import (
    decay_rate,
    decayed_log,
    decayed_log_limit,
    log_effective,
    log_effective_limit,
)
from prunelaw.errors import InputError
from prunelaw.numerics.gaussian import Array

CONVENTIONS = ("paper", "official_code", "effective_data")
_TERMS = "a, b and samples_seen"
DIVISOR = 1e5
"""Samples are counted in units of 1e5 inside the power: (a n / 1e5)^b."""


# Read as a float by people and type checkers; `check_real` judges what comes, and says more.
if TYPE_CHECKING:
    Real = float
else:
    Real = Any


@dataclass(frozen=True)
class UtilityLaw:
    """The law of one pool.

    Attributes:
        a: above 0.
        b: at most 0; 0 is useless data.
        tau: half-life in epochs, above 0; inf for no decay.
        d: irreducible error, at least 0.
        convention: one of CONVENTIONS.
    """

    a: Real
    b: Real
    tau: Real
    d: Real
    convention: str = "paper"

    def __post_init__(self) -> None:
        hold_number(self, "a", 0.0, low_open=True)
        hold_number(self, "b", -np.inf, 0.0)
        hold_number(self, "tau", 0.0, infinite=True, low_open=True)
        hold_number(self, "d", 0.0)
        check_choice("convention", self.convention, CONVENTIONS)

    @property
    def prefactor(self) -> float:
        """A of the first epoch written as A n^b (+ d): A = (a / 1e5)^b; inf beyond 1e308."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.b * np.log(self.a / DIVISOR)))

    def error(self, samples_seen: Any, pool_size: Any) -> Array:
        """Error after `samples_seen` ≥ 1 samples from a pool of `pool_size` > 0 unique ones.

        Arrays broadcast. The last pass may be partial; fewer samples than the pool is fine.
        """
        seen = check_real("samples_seen", samples_seen, 1.0)
        size = check_real("pool_size", pool_size, 0.0, low_open=True)
        first = self.b * np.log(self.a / DIVISOR * np.minimum(seen, size))
        growth = self.b * log_growth(seen / size, self.tau, self.convention)
        return check_finite(_TERMS, combine(first, growth, self.d, self.convention))

    def limit(self, pool_size: Any) -> Array:
        """Error after infinitely many epochs on a pool of `pool_size` > 0 unique samples.

        With G_∞ of `log_growth_limit`: (a N/1e5)^b exp(b G_∞) + d, under official_code
        ((a N/1e5)^b + d) exp(b G_∞). Without decay (tau = inf) and with b < 0 it is d, or 0 under
        official_code, where later passes shrink d as well.
        """
        size = check_real("pool_size", pool_size, 0.0, low_open=True)
        growth = self.b * float(log_growth_limit(self.tau, self.convention)) if self.b else 0.0
        first = self.b * np.log(self.a / DIVISOR * size)
        return check_finite(_TERMS, combine(first, growth, self.d, self.convention))


@dataclass(frozen=True)
class Pool:
    """`size` unique samples that obey `law`; the law's tau holds for this pool trained on alone."""

    name: str
    size: Real
    law: UtilityLaw

    def __post_init__(self) -> None:
        hold_number(self, "size", 0.0, low_open=True)
        if not isinstance(self.law, UtilityLaw):
            raise InputError(f"law must be a UtilityLaw, got {self.law!r}")


def mixture_error(
    pools: Sequence[Pool], samples_seen: Any, *, weights: Any = None, stretch: Real = 1.0
) -> Array:
    """Error after `samples_seen` ≥ 1 samples drawn from `pools`, by default from their union.

    In a union of N̂ samples, a pool of N_i is repeated less often per sample seen: τ̂_i = (N̂/N_i)
    τ_i (p τ_i for p equal pools). With w_i = N_i/N̂ (1/p for equal pools, as published), pass k has

        utility conventions   b_eff(k) = Σ w_i b_i δ̂_i^k
        effective_data        y = (a N̂/1e5)^b_eff(0) ∏_k (E_{k+1}/E_k)^b_eff(k) + d,
                              b_eff(k) = Σ w_i b_i δ̂_i^k / Σ w_i δ̂_i^k,  E_k = Σ_{j<k} Σ_i w_i δ̂_i^j

    Extension (not in the paper): `weights` w_i ≥ 0, summing to 1, are the probabilities that a
    sample is drawn from pool i; 0 leaves it out. Each pool then has its own clock, k_i = w_i n/N_i
    passes after n samples, and d log y/d log n = Σ w_i b_i δ̂_i^⌊k_i⌋, so that

        paper            log (y − d) = Σ w_i b_i [log(a min(n, N_i/w_i)/1e5) + G(k_i; τ̂_i)]
        official_code    the same with d added where the first pool is used up, n = min N_i/w_i
        effective_data   d log (y − d)/dn = Σ w_i b_i δ̂_i^⌊k_i⌋/E, E = Σ N_i Σ_{j<k_i} δ̂_i^j, linear
                         between ends of passes (gone through one by one, 4e6 at most)

    `stretch` s ≥ 0: τ̂_i = w_i^{−s} τ_i. s = 1 is the published rule. With s = 0 a pool's half-life
    counts its own showings, whatever else is mixed in; the published rule is more generous, see
    `prunelaw.derivations.mixing_rule`. `prunelaw.decay.mixtures.mixture_assumptions` says which of
    this is the theorem and which the extension.

    All pools must have names of their own and share a, d and the convention (`InputError`), as the
    published fits do.

    Source:
        arXiv 2404.07177, section on mixtures of pools, and the authors' published functions.
    """
    law = shared_law(pools)
    seen = check_real("samples_seen", samples_seen, 1.0)
    s = check_number("stretch", stretch, 0.0)
    size = np.array([pool.size for pool in pools], dtype=np.float64)
    b = np.array([pool.law.b for pool in pools], dtype=np.float64)
    tau = np.array([pool.law.tau for pool in pools], dtype=np.float64)
    if weights is None:
        share, ends = size / size.sum(), size.sum(keepdims=True)
    else:
        share = sampling_weights(pools, weights)
        drawn = share > 0.0
        size, b, tau, share = size[drawn], b[drawn], tau[drawn], share[drawn]
        ends = size / share
    tau = tau / share**s
    start = np.minimum(seen, ends.min())
    first = share @ b * np.log(law.a / DIVISOR * start)
    if law.convention != "effective_data":
        later = np.log(np.minimum(seen[..., None], ends) / start[..., None])
        later = later + log_growth(seen[..., None] / ends, tau, law.convention)
        growth = later @ (share * b)
    elif weights is None:
        passes = np.asarray(seen / ends[0])
        growth = effective_mixture(passes.ravel(), share, b, decay_rate(tau)).reshape(passes.shape)
    else:
        growth = effective_draws(seen.ravel(), size, share, b, decay_rate(tau)).reshape(seen.shape)
    return check_finite(_TERMS, combine(first, growth, law.d, law.convention))


def sampling_weights(pools: Sequence[Pool], weights: Any) -> Float[np.ndarray, " pools"]:
    """`weights` as probabilities, one for each pool; None: those of uniform draws, N_i/N̂."""
    if weights is None:
        size = np.array([pool.size for pool in pools], dtype=np.float64)
        return size / size.sum()
    share = check_real("weights", weights, 0.0, 1.0)
    if share.shape != (len(pools),):
        raise InputError(f"weights must be one number a pool, {len(pools)}, got {weights!r}")
    if abs(share.sum() - 1.0) > 1e-9:
        raise InputError(f"weights must sum to 1 (to 1e-9), got {float(share.sum())!r}")
    return share / share.sum()


def log_growth(passes: Any, tau: Any, convention: str) -> Array:
    """G ≥ 0 such that repeating a pool multiplies the first pass's factor by exp(b G)."""
    return growth_and_slope(passes, tau, convention)[0]


def growth_and_slope(passes: Any, tau: Any, convention: str) -> tuple[Array, Array]:
    """G of `log_growth` and its slope dG/dlog τ ≥ 0, both exact, for arrays that broadcast.

    passes = samples_seen / pool_size > 0, tau > 0 (inf: no decay). With K whole passes and a part
    r = passes − K of the next one, and s = log 2/τ, dδ^k/dlog τ = k s δ^k,

        paper, official_code   G = Σ_{k=1}^{K−1} δ^k log(1 + 1/k) + δ^K log(1 + r/K)
                               dG/dlog τ = s [Σ_{k=1}^{K−1} k δ^k log(1 + 1/k) + K δ^K log(1 + r/K)]
        effective_data         G = log(n_eff/N) = log((1 − δ^K)/(1 − δ) + δ^K r)
                               dG/dlog τ = s (Σ_{k<K} k δ^k + K δ^K r) / (n_eff/N)

    Both are 0 up to the end of the first pass; at τ = ∞, G = log(passes) and the slope is 0. The
    cost grows with the logarithm of the number of passes.
    """
    check_choice("convention", convention, CONVENTIONS)
    made = check_real("passes", passes, 0.0, low_open=True)
    half_life = _half_life(tau)
    law = log_effective if convention == "effective_data" else decayed_log
    return law(made, decay_rate(half_life))


def log_growth_limit(tau: Any, convention: str) -> Array:
    """G_∞ = lim G for infinitely many passes, for tau > 0; inf where nothing decays (tau = inf).

        paper, official_code   G_∞ = Σ_{k≥1} δ^k log(1 + 1/k) = −((1 − δ)/δ) ∂_s Li_s(δ) at s = 0
        effective_data         G_∞ = log(1/(1 − δ))

    Slow decay gives log(τ/log 2) − γ + O(log τ/τ), γ Euler's constant, and log(τ/log 2) + O(1/τ).
    The derivation is in `prunelaw.derivations.infinite_passes`.
    """
    check_choice("convention", convention, CONVENTIONS)
    law = log_effective_limit if convention == "effective_data" else decayed_log_limit
    half_life = _half_life(tau)
    return law(np.atleast_1d(half_life)).reshape(half_life.shape)


def _half_life(tau: Any) -> Array:
    half_life = np.asarray(tau, dtype=np.float64)
    if not (half_life > 0.0).all():
        raise InputError(f"tau must be in (0, inf], got {tau!r}")
    return half_life


def exceeds_one(error: Any) -> Bool[np.ndarray, "..."]:
    """Where an error of this law is above 1 and so no probability: out of the law's range.

    So it is for few samples of weak pools, below n = 1e5/a in the first pass. Nothing is clipped.
    """
    return np.asarray(check_real("error", error, 0.0) > 1.0)


class MayExceedOne:
    """What holds an `error` of the law, which is no probability above 1."""

    error: float

    @property
    def beyond_range(self) -> bool:
        """Whether `error` is above 1, where the law gives no probability."""
        return bool(exceeds_one(self.error))


def combine(first: Any, growth: Any, d: float, convention: str) -> Array:
    """The error from log F (`first`) and the exponent of the later passes (`growth`).

    inf where it exceeds the range of floats, which a search over parameters may run into.
    """
    inside, outside = (d, 0.0) if convention == "official_code" else (0.0, d)
    with np.errstate(over="ignore"):
        return np.asarray((np.exp(first) + inside) * np.exp(growth) + outside)


def with_convention(pools: Sequence[Pool], convention: str) -> tuple[Pool, ...]:
    """The same pools and numbers read under another convention."""
    return tuple(replace(p, law=replace(p.law, convention=convention)) for p in pools)


def shared_law(pools: Sequence[Pool]) -> UtilityLaw:
    if not pools:
        raise InputError("pools must hold at least one Pool, got none")
    law = pools[0].law
    for i, pool in enumerate(pools):
        if pool.name in [other.name for other in pools[:i]]:
            raise InputError(
                f"pools of a mixture must have different names: {pool.name!r} occurs twice"
            )
        for name in ("a", "d", "convention"):
            got, wanted = getattr(pool.law, name), getattr(law, name)
            if got != wanted:
                raise InputError(
                    f"pools of a mixture must share {name}: {pools[0].name!r} has {wanted!r}, "
                    f"{pool.name!r} has {got!r}"
                )
    return law


_TOP = ("top 0-10%", "top 10-20%", "top 20-30%", "top 30-40%")
_EFFECTIVE_B = (-0.182272727272727, -0.144848484848485, -0.13530303030303, -0.0975757575757576)


def _tmars(
    convention: str, a: float, b: Sequence[float], elevenths: Sequence[float | int]
) -> tuple[Pool, ...]:
    """The four pools of the best, or the one control; half-lives in elevenths of an epoch."""
    names = _TOP if len(b) == len(_TOP) else ("random 25% of top 40%",)
    tau = np.divide(elevenths, 11)
    laws = [UtilityLaw(a, b_i, tau_i, 0.1, convention) for b_i, tau_i in zip(b, tau, strict=True)]
    return tuple(Pool(name, 12.8e6, law) for name, law in zip(names, laws, strict=True))


PUBLISHED: Mapping[str, tuple[Pool, ...]] = MappingProxyType(
    {
        "utility": _tmars("official_code", 0.025, (-0.16, -0.125, -0.1, -0.085), (74, 94, 58, 25)),
        "utility_random": _tmars("official_code", 0.025, (-0.12,), (66,)),
        "effective_data": _tmars("effective_data", 0.022, _EFFECTIVE_B, (44, 48, 32, 16)),
        "effective_data_random": _tmars("effective_data", 0.022, (-0.141969696969697,), (38,)),
    }
)
"""Fitted pools of DataComp medium by T-MARS score, 12.8M samples each, ImageNet error, d = .1.

"utility" and "effective_data" hold the four disjoint pools, best to worst; "..._random" the control
pool, a random 25 % of the best 40 %. Source: parameter file published with arXiv 2404.07177.
"""
