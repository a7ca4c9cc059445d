"""Rules of tables as the theory's, each with the fraction that it keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

from prunelaw.checks import check_real
from prunelaw.keep import KeepRule, as_rule, checked_fraction


def theory_rule(rule: Any, f: float) -> KeepRule:
    """The theory's rule for a text, held against the fraction it keeps.

    Raises:
        InputError: for an unknown rule, f outside (0, 1], a band between quantiles that is narrower
            than f, and a band of |z| that implies another f.
    """
    found = as_rule(rule)
    fraction = np.atleast_1d(check_real("keep_fraction", f, 0.0, 1.0, low_open=True))
    if not found.uses_labels:  # what rules of y z keep depends on theta
        found.segments(checked_fraction(found, fraction, np.zeros(1)), np.zeros(1))
    return found


def theory_rules(rules: Any, fractions: Any) -> np.ndarray:
    """`theory_rule` of each pair; the arguments broadcast to an array of rules."""
    rules, fractions = np.broadcast_arrays(np.asarray(rules, dtype=object), fractions)
    found = np.empty(rules.shape, dtype=object)
    for index in np.ndindex(rules.shape):
        found[index] = theory_rule(rules[index], float(fractions[index]))
    return found


def band_centre(low: float, high: float) -> float:
    """The quantile C in the middle of the band low < |z| < high: the rule `quantiles:C`."""
    return float(ndtr(-low) + ndtr(-high))
