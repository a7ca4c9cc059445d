"""What a plan holds of each union of pools: its error, its chances, its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class UnionChoice:
    """Training on the union of the best pools, drawn uniformly."""

    pools: tuple[str, ...]
    weights: Mapping[str, float]
    """probability that a sample comes from each pool: its share of the union"""
    epochs: float
    """passes over the union, and over each pool in it"""
    samples_seen: float
    """in training: the budget without the selection"""
    error: float
    """expected; inf where the budget does not pay for the selection"""
    low: float | None
    """of the interval of the law's error; None where the pools come without uncertainty"""
    high: float | None
    at_point: float
    """error of the best estimate"""
    regret: float
    """expected error above that of the best union"""
    probability: float
    """of being the best union"""


@dataclass(frozen=True)
class Weighting:
    """Sampling weights of least error at the best estimate."""

    weights: Mapping[str, float]
    epochs: Mapping[str, float]
    """passes over each pool"""
    samples_seen: float
    error: float
    """at the best estimate"""
    gain: float
    """error of the chosen union minus `error`, at the best estimate"""
    expected_gain: float
    """mean of the gain over the replicates, weights held"""
    low: float | None
    high: float | None
    """interval of the gain"""
    violation: float
    """of the first-order condition, in error per unit of probability"""
    optimum: str
    """"global" or "local": what is known of the optimum"""

    @property
    def pays(self) -> bool:
        """Whether there is a gain, beyond rounding."""
        return self.gain > 1e-9
