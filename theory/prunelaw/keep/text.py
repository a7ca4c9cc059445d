"""Rules from text: the names that people type, and fractions kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import InputError
from prunelaw.keep.general import Mixture
from prunelaw.keep.plain import Band, Easy, Hard, Random, SignedBand, SignedEasy, SignedHard
from prunelaw.keep.quantiles import Quantiles
from prunelaw.keep.rule import KeepRule
from prunelaw.numerics.gaussian import (
    Array,
    central_half_width,
    outer_threshold,
    signed_margin_quantile,
)

RULES = ("hard", "easy", "random")
GRAMMAR = (
    "hard, easy, random, signed-hard, signed-easy, band:LOW,HIGH (of |z|), signed-band:LOW,HIGH, "
    "quantiles:CENTRE or quantiles:LOW,HIGH (of hardness, in [0, 1]) or mix:Q,RULE"
)


# --- from text and to fractions ---------------------------------------------------------------

_SIMPLE = {rule.name: rule for rule in (Hard(), Easy(), Random(), SignedHard(), SignedEasy())}


def as_rule(rule: Any, argument: str = "rule") -> KeepRule:
    """A rule from its object or its text: hard, easy, random, signed-hard, signed-easy,
    band:LOW,HIGH (of |z|), signed-band:LOW,HIGH (of m = y z), quantiles:CENTRE or
    quantiles:LOW,HIGH (of hardness) or mix:Q,RULE.

    Raises `InputError`, which calls the rule `argument`, for any other text and for empty bands.
    """
    if isinstance(rule, KeepRule):
        return rule
    if not isinstance(rule, str):
        raise InputError(f"{argument} must be a name or a keep rule, got {rule!r}")
    if rule in _SIMPLE:
        return _SIMPLE[rule]
    kind, _, rest = rule.partition(":")
    if kind in ("band", "signed-band"):
        return (Band if kind == "band" else SignedBand)(*_two_numbers(rule, rest))
    if kind == "quantiles":
        edges = [_number(rule, text) for text in rest.split(",")]
        if len(edges) > 2:
            raise InputError(f"rule {rule!r} must have one centre or two edges")
        return Quantiles(*edges)
    if kind == "mix":
        q, _, inner = rest.partition(",")
        return Mixture(_number(rule, q), as_rule(inner))
    raise InputError(f"{argument} must be {GRAMMAR}; got {rule!r}")


def _number(rule: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as cause:
        raise InputError(f"rule {rule!r}: {text!r} is not a number") from cause


def _two_numbers(rule: str, text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(
            f"rule {rule!r} must have two edges, as in band:0.17,0.43; a band around a quantile of "
            "hardness is quantiles:CENTRE"
        )
    return _number(rule, parts[0]), _number(rule, parts[1])


def threshold(rule: str, f: Any, theta: Any = 0.0) -> Array:
    """γ of a one-sided rule that keeps the fraction f ∈ (0, 1].

    hard: |z| < γ; easy: |z| > γ; signed-hard: m < γ; signed-easy: m > γ (these two depend on
    θ ∈ [0, π/2], in radians).  Raises `InputError` for other rules and numbers out of range.
    """
    check_choice("rule", rule, ("hard", "easy", "signed-hard", "signed-easy"))
    fraction = check_real("f", f, 0.0, 1.0, low_open=True)
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    if rule in ("hard", "easy"):
        gamma = central_half_width(fraction) if rule == "hard" else outer_threshold(fraction)
        return gamma * np.ones_like(angle) if angle.ndim else gamma
    fraction, angle = np.broadcast_arrays(fraction, angle)
    return signed_margin_quantile(fraction, angle, upper=rule == "signed-easy")


def kept_from_pruned(pruned: Any) -> Array:
    """f = 1 − (fraction pruned), for those who think in fractions removed; pruned ∈ [0, 1)."""
    return 1.0 - check_real("pruned", pruned, 0.0, 1.0, high_open=True)


# --- segments ---------------------------------------------------------------------------------
