"""The arguments of a batch of points, checked and in their common shape; rules among them."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelaw.checks import check_real
from prunelaw.keep.rule import KeepRule, checked_fraction
from prunelaw.keep.text import as_rule
from prunelaw.numerics.arrays import broadcast
from prunelaw.numerics.gaussian import Array


def points(f: Any, theta: Any, rule: Any, **others: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays by name, f filled in as the rules imply where it is None, `rule` as `KeepRule`s.

    Raises:
        InputError: for f or θ out of range, an f that contradicts its rule, and unequal shapes.
    """
    given = {
        **others,
        "f": np.array(np.nan) if f is None else check_real("f", f, 0.0, 1.0, low_open=True),
        "theta": check_real("theta", theta, 0.0, np.pi / 2),
        "rule": rule_array(rule),
    }
    arrays = dict(zip(given, broadcast(**given), strict=True))
    return arrays | {"f": kept_fractions(arrays["rule"], arrays["f"], arrays["theta"])}


def rule_array(rule: Any) -> np.ndarray:
    """An array of `KeepRule` objects from names and objects, one or an array of them."""
    given = np.empty((), dtype=object)
    if isinstance(rule, KeepRule | str):
        given[()] = rule
    else:
        given = np.asarray(rule, dtype=object)
    known = {name: as_rule(name) for name in set(given.ravel().tolist())}
    rules = np.empty(given.shape, dtype=object)
    for index, name in np.ndenumerate(given):
        rules[index] = known[name]
    return rules


def kept_fractions(rules: np.ndarray, f: Array, theta: Array) -> Array:
    """f of many points, NaN filled in as their rules imply; arrays of one shape.

    Raises:
        InputError: as `checked_fraction` does.
    """
    result = np.array(f)
    for rule in dict.fromkeys(rules.flat):
        mine = np.equal(rules, rule).astype(bool)
        given = None if np.isnan(result[mine]).any() else result[mine]
        result[mine] = checked_fraction(rule, given, theta[mine])
    return result
