"""Which budgets of a table are fitted and which predicted: the largest ones, step by step.

A step fits all rows up to a budget and predicts the next larger ones.  The last step predicts the
largest budgets of the table, which is what a law is for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from prunelaw.errors import InputError

HELD_OUT_SHARE = 0.1  # a step predicts this share of the points at least, where there are budgets
SAME_BUDGET = 1.05  # budgets closer than this are one: runs of "34B samples" differ in last digits


@dataclass(frozen=True)
class Step:
    """Rows up to `limit` are fitted, those above and up to `upper` predicted."""

    limit: float
    upper: float


def rollout(name: str, values: Float[np.ndarray, " points"]) -> tuple[Step, ...]:
    """Steps from the largest budgets downwards; each predicts a tenth of the points or more.

    `name` is what the values are.  Raises `InputError` if all points have the same value: nothing
    can be held out then.
    """
    levels = np.unique(values)
    limits = levels[:-1][levels[1:] > SAME_BUDGET * levels[:-1]]
    if not limits.size:
        raise InputError(f"all points have {name} = {levels[-1]:g}: nothing can be held out")
    steps, upper = [], float(levels[-1])
    for limit in limits[::-1]:
        inside = (values > limit) & (values <= upper)
        if inside.sum() >= HELD_OUT_SHARE * values.size:
            steps.append(Step(float(limit), upper))
            upper = float(limit)
    return tuple(steps) or (Step(float(limits[0]), upper),)


def hold_out_limit(name: str, values: Float[np.ndarray, " points"]) -> float:
    """The value above which lie the largest budgets that hold a tenth of the points or more."""
    return rollout(name, values)[0].limit
