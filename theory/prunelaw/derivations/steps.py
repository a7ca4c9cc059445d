"""What a derivation by computer algebra is made of: steps that SymPy checks, and their verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

Expression = Any  # SymPy's classes carry no usable types


@dataclass(frozen=True)
class Step:
    """One sentence and its relation (a SymPy equation); `given` steps are not checked."""

    says: str
    relation: Expression
    holds: bool
    given: bool = False


@dataclass(frozen=True)
class Derivation:
    """What is derived, in words; the steps; `holds` if SymPy confirmed every step."""

    title: str
    statement: str
    steps: tuple[Step, ...]
    holds: bool


def same(left: Expression, right: Expression) -> bool:
    """Whether SymPy reduces the difference to 0 or, for products of powers, the ratio to 1."""
    difference = (left - right).rewrite(sp.erf)
    if sp.simplify(difference) == 0 or sp.simplify(sp.expand(sp.simplify(difference))) == 0:
        return True
    return bool(sp.simplify(sp.powsimp(sp.expand_power_base(left / right, force=True))) == 1)


def checked(says: str, left: Expression, right: Expression) -> Step:
    return Step(says, sp.Eq(left, right, evaluate=False), same(left, right))


def given(says: str, left: Expression, right: Expression) -> Step:
    return Step(says, sp.Eq(left, right, evaluate=False), holds=True, given=True)


def derivation(title: str, statement: str, steps: list[Step]) -> Derivation:
    return Derivation(title, statement, tuple(steps), all(step.holds for step in steps))
