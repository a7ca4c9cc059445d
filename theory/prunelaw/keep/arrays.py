"""The arguments of a batch of points: arrays that broadcast, and rules among them."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Shaped

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
