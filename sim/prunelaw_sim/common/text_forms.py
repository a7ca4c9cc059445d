"""Choices as texts, a name or `name:number`: read into objects, and printed so that they read back.

A design, a store and the command line hold texts; two texts of one choice (`ridge:.1`,
`ridge:0.10`) become the same object, whose name is the canonical text.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from prunelaw.errors import InputError

# What a simulation takes beside its point, each at its usual value: the setting of the theory.
CHOICES = {"student": "max-margin", "inputs": "gaussian", "probe": "given", "label_noise": 0.0}
SIMULATED = "test error probability"  # the metric of simulated students

Choice = TypeVar("Choice")


def number_text(value: float) -> str:
    """The shortest of 12 digits and all digits that gives exactly this number back."""
    short = f"{value:.12g}"
    return short if float(short) == value else repr(float(value))


def read_choice(
    argument: str, text: Any, makers: Mapping[str, Callable[..., Choice]], grammar: str
) -> Choice:
    """The object that the maker of this name builds, from the number after the colon if any.

    Raises `InputError`, which quotes the grammar, for an unknown name, something that is no number,
    and a number where none belongs or none where one must be given.
    """
    refusal = InputError(f"{argument} must be {grammar}; got {text!r}")
    if not isinstance(text, str):
        raise refusal
    name, colon, rest = text.partition(":")
    if name not in makers:
        raise refusal
    try:
        return makers[name](float(rest)) if colon else makers[name]()
    except InputError:
        raise
    except (TypeError, ValueError) as cause:  # the maker takes no number, or needs one
        raise refusal from cause
