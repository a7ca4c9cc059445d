"""Keep rules: which part of the examples is kept, as windows of the probe field z.

A rule is a function w(z) ∈ [0, 1] of the probe field z = J_probe·x ~ N(0, 1); the kept
fraction is f = E[w(z)].  Every rule here is symmetric in z and uses no labels:

    hard    keep |z| < γ, P(|z| < γ) = f     (small margins: the examples a probe finds hard)
    easy    keep |z| > γ, P(|z| > γ) = f     (large margins)
    random  keep with probability f, whatever z

Source: Sorscher et al. 2022 (arXiv 2206.14486), section 2 and appendix A.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from prunelaw._checks import check_choice, check_real
from prunelaw.gaussian import Array, central_half_width, outer_threshold

RULES = ("hard", "easy", "random")


class Windows(NamedTuple):
    """The kept part of the positive half-line, [low, high] per point; z < 0 is its mirror image.

    `weight` is w inside the window (1 for hard and easy, f for random).
    """

    low: Array
    high: Array
    weight: Array


def windows(rule: str, f: Array) -> Windows:
    """Windows of `rule` at kept fractions f ∈ (0, 1], one per element of the 1-D array f."""
    check_choice("rule", rule, RULES)
    zero, one = np.zeros_like(f), np.ones_like(f)
    if rule == "hard":
        return Windows(zero, central_half_width(f), one)
    if rule == "easy":
        return Windows(outer_threshold(f), np.full_like(f, np.inf), one)
    return Windows(zero, np.full_like(f, np.inf), f)


def threshold(rule: str, f) -> Array:
    """γ of the hard (|z| < γ) or easy (|z| > γ) rule that keeps the fraction f ∈ (0, 1].

    Raises `InputError` for other rules and for f outside (0, 1].
    """
    check_choice("rule", rule, ("hard", "easy"))
    fraction = check_real("f", f, 0.0, 1.0, low_open=True)
    return central_half_width(fraction) if rule == "hard" else outer_threshold(fraction)


def kept_from_pruned(pruned) -> Array:
    """f = 1 − (fraction pruned), for those who think in fractions removed; pruned ∈ [0, 1)."""
    return 1.0 - check_real("pruned", pruned, 0.0, 1.0, high_open=True)
