"""Rules of measured sweeps as the theory's: a band of ranks becomes a band of |z|.

A sweep ranks examples by hardness, quantile q from 0 (easiest) to 1 (hardest); the theory's score
is −|z| with z ~ N(0, 1), so that q = P(|z| > its value) and |z| = H⁻¹(q/2), H(x) = P(N(0, 1) > x).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from prunelaw.checks import check_number
from prunelaw.errors import InputError
from prunelaw.keep import RULES, Band, KeepRule, Piecewise
from prunelaw_sim.common.kept_examples import band_quantiles

GRAMMAR = (
    f"one of {', '.join(RULES)}, band:CENTRE or band:LOW,HIGH in quantiles of hardness, which are "
    "in [0, 1]"
)
CLOSE = 1e-3  # a kept fraction is given to so many digits, more or less
SAME = 1e-9  # rounding of low + f


def theory_rule(rule: Any, f: float) -> str | KeepRule:
    """The theory's rule for a rule of `kept_examples` at kept fraction f.

    - hard, easy and random are the same in both.
    - band:C keeps the f nearest to the quantile C.
    - band:LO,HI keeps quantiles in [LO, HI], at random with probability f/(HI − LO).

    Raises `InputError` for anything else, a band narrower than f, and a band whose f is that of
    LO < |z| < HI: rules of *simulated* sweeps are in |z|.
    """
    if rule in RULES:
        return str(rule)
    check_number("keep_fraction", f, 0.0, 1.0, low_open=True)
    edges = band_quantiles(rule, GRAMMAR)
    if len(edges) == 1:
        low = float(np.clip(edges[0] - f / 2, 0.0, 1.0 - f))
        return _kept_between(low, low + f, 1.0)
    low, high = edges
    share = f / (high - low)
    _refuse_fields(rule, f, low, high)
    if share > 1 + CLOSE:
        raise InputError(
            f"rule {rule} holds {high - low:g} of the examples: keep_fraction must be at most "
            f"that, got {f:g}"
        )
    return _kept_between(low, high, share if share < 1 - SAME else 1.0)


def theory_rules(rules: Any, fractions: Any) -> np.ndarray:
    """`theory_rule` of each pair; the arguments broadcast to an array of rules."""
    rules, fractions = np.broadcast_arrays(np.asarray(rules, dtype=object), fractions)
    found = np.empty(rules.shape, dtype=object)
    for index in np.ndindex(rules.shape):
        found[index] = theory_rule(rules[index], float(fractions[index]))
    return found


def band_centre(low: float, high: float) -> float:
    """The quantile C in the middle of the band low < |z| < high: the rule `band:C`."""
    return float(ndtr(-low) + ndtr(-high))


def _refuse_fields(rule: str, f: float, low: float, high: float) -> None:
    of_fields = float(2 * (ndtr(high) - ndtr(low)))
    if abs(f - of_fields) < CLOSE * f and abs(f - (high - low)) > CLOSE * f:
        raise InputError(
            f"rule {rule} keeps {f:g}, which is the mass of {low:g} < |z| < {high:g}: a band of a "
            "simulated sweep. Bands here are in quantiles of hardness"
        )


def _kept_between(low: float, high: float, weight: float) -> str | KeepRule:
    """Hardness quantiles in [low, high], each with probability `weight`."""
    if weight == 1.0 and low < SAME:
        return "easy"
    if weight == 1.0 and high > 1.0 - SAME:
        return "hard"
    nearest, farthest = -float(ndtri(high / 2)), -float(ndtri(low / 2))
    if weight == 1.0:
        return Band(nearest, farthest)
    return Piecewise((nearest, farthest), (weight,))
