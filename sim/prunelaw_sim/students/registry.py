"""Students by their texts, read from the modules of `catalogue`."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from prunelaw_sim.common.text_forms import read_choice
from prunelaw_sim.students import catalogue
from prunelaw_sim.students.base import Student


def student_kinds() -> dict[str, type[Student]]:
    """Every student class of the catalogue by its name, in alphabetical order."""
    names = sorted(module.name for module in iter_modules(catalogue.__path__))
    return {
        name.replace("_", "-"): import_module(f"{catalogue.__name__}.{name}").STUDENT
        for name in names
    }


def as_student(student: Any, argument: str = "student") -> Student:
    """A student from its object or its text: max-margin, ridge:LAMBDA, logistic:LAMBDA, ...

    Raises:
        InputError: calls the choice `argument`; for an unknown text and a parameter out of range.
    """
    if isinstance(student, Student):
        return student
    kinds = student_kinds()
    *first, last = (kind.form for kind in kinds.values())
    grammar = f"{', '.join(first)} or {last}"
    return read_choice(argument, student, kinds, grammar)
