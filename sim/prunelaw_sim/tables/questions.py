"""Questions about a file, in the words of the interface used, and all of them at once.

A question is a `TableError` that says by which option it is answered, and the likely answer, if
there is one.  `asking` reads on under likely answers, and then asks everything together.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prunelaw.errors import InputError, TableError, spoken
from prunelaw_sim.tables.mapping import ColumnMapping

MOST = 8  # questions that are gathered
_FLAGS = {  # of options that are tables: a flag for each entry
    "columns": "--map", "constants": "--constant", "where": "--where", "options": "--reader-option",
    "pool_sizes": "--pool-size",
}  # fmt: skip
_CONSTANT_FLAGS = {"batch_size": "--batch-size"}


def option(**given: Any) -> str:
    """One option in a message: `metric=None` names it, any other value gives it.

    `option(drop="missing")` is `drop='missing'` in Python and `--drop missing` on the command line;
    `option(columns={"error": "loss"})` is `mapping={'error': 'loss'}` and `--map error=loss`.
    """
    ((name, value),) = given.items()
    if value is None:
        return spoken(f"{_argument(name)}=", _FLAGS.get(name) or _flag(name))
    return spoken(arguments(given), shlex.join(flags(given)))


def flags(answers: Mapping[str, Any]) -> Iterator[str]:
    """Options of reading as words of a command line."""
    for name, value in answers.items():
        if name in _FLAGS:
            for key, cell in value.items():
                own = _CONSTANT_FLAGS.get(key) if name == "constants" else None
                yield from (own, str(cell)) if own else (_FLAGS[name], f"{key}={cell}")
        else:
            yield from (_flag(name), str(value))


def arguments(answers: Mapping[str, Any]) -> str:
    """Options of reading as arguments of `read`."""
    own = answers.get("options", {})  # of the reader: arguments of their own
    rest = {_argument(name): value for name, value in answers.items() if name != "options"}
    return ", ".join(f"{name}={value!r}" for name, value in {**rest, **own}.items())


def asking(read: Callable[[ColumnMapping], Any], mapping: ColumnMapping, several: bool) -> Any:
    """What `read` gives; or one question, or (`several`) all of them together.

    Raises:
        TableError: with every question, and in `answers` what is likely.
    """
    found: list[InputError] = []
    answers: dict[str, Any] = {}
    while len(found) < MOST:
        try:
            result = read(mapping.updated(**answers))
        except InputError as error:
            found.append(error)
            before, answers = answers, _joined(answers, error.answers)
            if answers == before or error.unanswered:  # what comes after cannot be known
                raise _together(found, answers, unanswered=True) from error
            if not several:
                break
        else:
            if not found:
                return result
            break
    raise _together(found, answers) from found[-1]


def _together(
    found: list[InputError], answers: dict[str, Any], unanswered: bool = False
) -> InputError:
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  {i}. {error.told}" for i, error in enumerate(found, start=1))
    said = "likely, beside an answer to what is left" if unanswered else "likely"
    likely = spoken(f"\n  {said}: read(..., {arguments(answers)})", "") if answers else ""
    words = f"{len(found)} things are to be said:{listed}{likely}"
    return TableError(words, answers, unanswered=unanswered)


def _joined(answers: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(answers)
    for name, value in more.items():
        new[name] = {**new.get(name, {}), **value} if name in _FLAGS else value
    return new


def _argument(name: str) -> str:
    return "mapping" if name == "columns" else name


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
