"""Rules from text: every class that is registered says how its text is written, and reads it."""

from __future__ import annotations

from typing import Any, TypeVar

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


def forms() -> list[str]:
    """How the text of each registered rule is written."""
    return [rule.form for rule in KINDS.values()]


def grammar() -> str:
    """How the texts of rules are written."""
    *first, last = forms()
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
        if rules and _continues(rules[-1], part):
            rules[-1] += "," + part
        else:
            rules.append(part)
    return rules


def _continues(text: str, part: str) -> bool:
    """Whether `part`, after a comma, still belongs to the rule `text`, by that rule's form."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        return False
    form = KINDS[kind].form
    parts = rest.split(",", form.count(","))
    if len(parts) > form.count(","):
        return _continues(parts[-1], part)
    return form.endswith("RULE") or part.partition(":")[0] not in KINDS


def number_in(text: str, part: str) -> float:
    """The number that `part` of a rule's text is; `InputError` otherwise."""
    try:
        return float(part)
    except ValueError as cause:
        raise InputError(f"rule {text!r}: {part!r} is not a number") from cause


def kept_from_pruned(pruned: Any) -> Array:
    """f = 1 − (fraction pruned), for those who think in fractions removed; pruned ∈ [0, 1)."""
    return 1.0 - check_real("pruned", pruned, 0.0, 1.0, high_open=True)
