"""Which pool when: the order of showings that lowers the error most, with a state for each pool.

With decay per showing (stretch = 0 in `prunelaw.decay.utility.mixture_error`), the sample after n
others lowers log y by v dn/n, v = |b_i| δ_i^k its value if it comes from pool i shown k times
before. A schedule says which pool each sample comes from; a pool's showings come in whole passes,
so its samples are chunks of N_i with values |b_i|, |b_i| δ_i, |b_i| δ_i², ...

The law (a n/1e5)^b starts at n0 = 1e5/a, where y = 1 for every pool: it gives what is shown before
n0 no value, but those showings count. After n samples

    log (y − d) = −∫_{n0}^n v(m) dm/m.

Theorem. Among all schedules with the same first n0 samples, the one that takes chunks in falling
order of value has the least error. Proof: let V be the values of what is shown between n0 and n, as
a function of the clock. 1/m falls, so for given contents the integral is largest when V falls too
(rearrangement inequality). For given n the contents with the largest values are best, since
swapping a sample for one of larger value raises V pointwise. Values of one pool fall from pass to
pass, hence the falling order never asks for a pass before the one ahead of it: it is feasible.

The schedule here takes chunks in falling order from the first sample on, the way a single pool's
law does: for one pool it is `UtilityLaw.error`. Read to the letter, the law rewards holding good
samples back until n0, since before it they count for nothing. `Schedule.bound` says how much any
schedule at all could gain, that one too: it is the error with n0 samples seen but nothing used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_number
from prunelaw.decay.mixtures import best_weights
from prunelaw.decay.utility import DIVISOR, MayExceedOne, Pool, UtilityLaw, shared_law
from prunelaw.errors import InputError

_CHUNKS = 2**20  # passes in one schedule, over all pools

Numbers = Int[np.ndarray, " chunks"]
Chunks = Float[np.ndarray, " chunks"]


@dataclass(frozen=True)
class Segment:
    """Samples `start` to `end` of the clock come from `pool`, from its pass number `first_pass`
    (1: new samples) through `last_pass`; only the end of a schedule leaves a pass unfinished."""

    pool: str
    start: float
    end: float
    first_pass: int
    last_pass: int


@dataclass(frozen=True, eq=False)
class Schedule(MayExceedOne):
    """What `best_schedule` found, beside the best that does not change over time.

    Attributes:
        bound: no schedule has an error below it, whatever it shows before n0.
        start: n0 = 1e5/a, where the law has y = 1.
        union: names of the best fixed uniform draw (the best p pools, or one alone), decay per
            showing.
        weights: the best fixed sampling weights, decay per showing.
    """

    samples_seen: float
    segments: tuple[Segment, ...]
    error: float
    bound: float
    start: float
    union: tuple[str, ...]
    union_error: float
    names: tuple[str, ...]
    weights: Float[np.ndarray, " pools"]
    weights_error: float

    @property
    def gain(self) -> float:
        """How much the schedule beats the best fixed weights. Negative is possible where a small
        good pool is used up before n0, which fixed weights do more slowly."""
        return self.weights_error - self.error


def best_schedule(pools: Sequence[Pool], samples_seen: Any) -> Schedule:
    """The order of showings with the least error after `samples_seen` ≥ 1e5/a samples (one number).

    Chunks of N_i samples in falling order of value |b_i| δ_i^k; of equal values the earlier pool
    goes first, and consecutive passes of a pool are one segment. The theorem, its clock and what
    the law says of the first n0 = 1e5/a samples are in the module's docstring. Half-lives count a
    pool's own showings and do not stretch, for the fixed draws that it is compared with as well:
    this is an extension of arXiv 2404.07177, which mixes pools at random only.

    Convention paper: d is added at the end. Under the others a chunk has no value of its own:
    official_code shrinks d from the end of a first pass on, and in effective_data values depend on
    the other pools.

    Raises:
        InputError: for other conventions, fewer samples than n0, and beyond a million passes.
    """
    law = shared_law(pools)
    if law.convention != "paper":
        raise InputError(
            f"convention must be paper, got {law.convention}: there only a chunk of samples has a "
            "value of its own; `prunelaw.decay.utility.with_convention` reads pools under "
            "another one"
        )
    start = DIVISOR / law.a
    seen = check_number("samples_seen", samples_seen, max(start, 1.0))
    pool, number, value = _chunks(pools, seen)
    size = np.array([p.size for p in pools])
    ends = np.minimum(np.cumsum(size[pool]), seen)
    fixed = best_weights(pools, seen, stretch=0.0)
    return Schedule(
        samples_seen=seen,
        segments=_segments(pools, pool, number, ends),
        error=_error(value, ends, start, law),
        bound=_error(value, np.minimum(np.cumsum(size[pool]) + start, seen), start, law),
        start=start,
        union=fixed.union,
        union_error=fixed.union_error,
        names=fixed.names,
        weights=fixed.weights,
        weights_error=fixed.error,
    )


def _chunks(pools: Sequence[Pool], seen: float) -> tuple[Numbers, Numbers, Chunks]:
    """Pool, pass number (from 1) and value of the chunks that are used, best first."""
    number = [math.ceil(seen / p.size) for p in pools]
    if sum(number) > _CHUNKS:
        raise InputError(
            f"samples_seen {seen:g} is {max(number)} passes over one of the pools; a schedule "
            f"holds {_CHUNKS} at most"
        )
    pool = np.repeat(np.arange(len(pools)), number)
    made = np.concatenate([np.arange(k) for k in number])
    rate = np.array([math.log(2.0) / max(p.law.tau, 1e-300) for p in pools])
    value = np.array([-p.law.b for p in pools])[pool] * np.exp(-rate[pool] * made)
    order = np.lexsort((made, pool, -value))
    size = np.array([p.size for p in pools])
    used = int(np.searchsorted(np.cumsum(size[pool[order]]), seen)) + 1
    order = order[:used]
    return pool[order], made[order] + 1, value[order]


def _error(value: Chunks, ends: Chunks, start: float, law: UtilityLaw) -> float:
    """exp(−Σ v log(end/begin)) + d over what lies after n0; chunks follow one another."""
    clock = np.log(np.maximum(np.concatenate([[start], ends]), start))
    return math.exp(-float(value @ np.diff(clock))) + law.d


def _segments(
    pools: Sequence[Pool], pool: Numbers, number: Numbers, ends: Chunks
) -> tuple[Segment, ...]:
    """Consecutive passes over one pool merged into one segment."""
    firsts = np.flatnonzero(np.diff(pool, prepend=-1))
    lasts = np.append(firsts[1:], pool.size) - 1
    names = [pools[i].name for i in pool[firsts]]
    begun = np.append(0.0, ends[lasts[:-1]])
    columns = (column.tolist() for column in (begun, ends[lasts], number[firsts], number[lasts]))
    return tuple(Segment(*row) for row in zip(names, *columns, strict=True))
