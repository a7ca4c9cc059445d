"""Rules from text: every class that is registered says how its text is written, and reads it."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.keep.rule import KeepRule
from prunelaw.numerics.gaussian import Array

KINDS: dict[str, type[KeepRule]] = {}  # first word of a text → class
Rule = TypeVar("Rule", bound=type[KeepRule])


def register(rule: Rule) -> Rule:
    """Make a class of rules known by its `form`, here and on the command line; a decorator."""
    KINDS[rule.form.partition(":")[0]] = rule
    return rule


def grammar() -> str:
    """How the texts of rules are written."""
    *first, last = (rule.form for rule in KINDS.values())
    return f"{', '.join(first)} or {last}"


def as_rule(rule: Any, argument: str = "rule") -> KeepRule:
    """A rule from its object or from its text: hard, band:0.17,0.43, ... (`grammar`).

    Raises:
        InputError: for any other text, under the name `argument`, and for empty bands.
    """
    if isinstance(rule, KeepRule):
        return rule
    if not isinstance(rule, str):
        raise InputError(f"{argument} must be a name or a keep rule, got {rule!r}")
    kind, colon, _ = rule.partition(":")
    if kind not in KINDS or (colon and ":" not in KINDS[kind].form):
        raise InputError(f"{argument} must be {grammar()}; got {rule!r}")
    return KINDS[kind].from_text(rule)


def split_rules(text: str) -> list[str]:
    """The rules of a list with commas between them, and inside those that have several numbers."""
    rules: list[str] = []
    for part in text.split(","):
        begins = part.partition(":")[0] in KINDS
        if rules and _unfinished(rules[-1]) and not (begins and _reads(rules[-1])):
            rules[-1] += "," + part
        else:
            rules.append(part)
    return rules


def _reads(text: str) -> bool:
    """Whether this is a rule as it stands: quantiles may have one number or two."""
    try:
        as_rule(text)
    except InputError:
        return False
    return True


def _unfinished(text: str) -> bool:
    """Whether the text of a rule has fewer parts than its form, or ends in such a rule."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        return False
    wanted = KINDS[kind].form.count(",")
    parts = rest.split(",", wanted)
    return len(parts) <= wanted or _unfinished(parts[-1])


def number_in(text: str, part: str) -> float:
    """The number that `part` of a rule's text is; `InputError` otherwise."""
    try:
        return float(part)
    except ValueError as cause:
        raise InputError(f"rule {text!r}: {part!r} is not a number") from cause


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


def kept_from_pruned(pruned: Any) -> Array:
    """f = 1 − (fraction pruned), for those who think in fractions removed; pruned ∈ [0, 1)."""
    return 1.0 - check_real("pruned", pruned, 0.0, 1.0, high_open=True)
