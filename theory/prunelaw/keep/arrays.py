"""The arguments of a batch of points: arrays that broadcast, and rules among them."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Shaped

from prunelaw.errors import InputError
from prunelaw.keep import KeepRule, as_rule


def rule_array(rule: Any) -> Shaped[np.ndarray, "*shape"]:
    """An array of `KeepRule` objects from names and objects, one or an array of them."""
    if isinstance(rule, KeepRule | str):
        given = np.empty((), dtype=object)
        given[()] = rule
    else:
        given = np.asarray(rule, dtype=object)
    known = {name: as_rule(name) for name in set(given.ravel().tolist())}
    rules = np.empty(given.shape, dtype=object)
    for index, name in np.ndenumerate(given):
        rules[index] = known[name]
    return rules


def broadcast(**arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """The arrays in their common shape; `InputError` with every shape if there is none."""
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError as cause:
        shapes = ", ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise InputError(f"arguments must broadcast to one shape: {shapes}") from cause
