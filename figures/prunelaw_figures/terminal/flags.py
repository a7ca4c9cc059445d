"""Errors in the words of the command line: Python's arguments become the flags that were typed.

Where an error knows the likely answer to what it asks, the command that gives it is added.
"""

import functools
import re
import shlex
import sys
from typing import Any

import click

from prunelaw.errors import InputError, in_flags

TYPED = f"{__name__}.typed"  # in a context's meta: the words of the command line
# What theory and simulation call an argument → the verb's parameter, where the names differ.
ALIASES = {"f": "keep", "kept": "budget", "rules": "rule", "columns": "map"}
SUBJECT = re.compile(r"((?:point \d+: )?)(--[a-z-]+|[a-z_]+)(?= )")


def speaks_in_flags(command: click.Command) -> click.Command:
    """The command, with every `InputError` of its callback in the words of its options."""
    if isinstance(command, click.Group):
        for verb in command.commands.values():
            speaks_in_flags(verb)
        return command
    callback = command.callback
    if callback is None or hasattr(callback, "speaks_in_flags"):
        return command

    @functools.wraps(callback)
    def speaking(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except InputError as error:
            told = with_flag(in_flags(error.told), command) + _again(error, command)
            if told == str(error):
                raise
            raise type(error)(told) from error

    speaking.__dict__["speaks_in_flags"] = True
    command.callback = speaking
    return command


def _again(error: InputError, command: click.Command) -> str:
    """The command that was typed, with the options that answer what is asked."""
    from prunelaw_sim.tables.questions import flags

    context = click.get_current_context(silent=True)
    typed = context.meta.get(TYPED) if context else None
    known = {name for param in command.params for name in param.opts}
    words = list(flags(error.answers))
    if not words or not typed or not set(words[::2]) <= known:
        return ""
    so = "If so, and with an answer to what is left" if error.unanswered else "If so, this reads it"
    return f"\n{so}:\n  {shlex.join(['prunelaw', *typed, *words])}"


def with_flag(message: str, command: click.Command) -> str:
    """`f must be …` → `--keep must be …`, where the command has such an option."""
    found = SUBJECT.match(message)
    if not found:
        return message
    start, name = found.groups()
    options = [option for option in command.params if isinstance(option, click.Option)]
    for wanted in (name, ALIASES.get(name)):
        for option in options:
            if wanted in (option.name, *option.opts):
                return start + typed(option) + message[found.end() :]
    return message


def typed(option: click.Option) -> str:
    """The spelling of an option that stands on the command line, else its first."""
    words = {word.partition("=")[0] for word in sys.argv[1:]}
    return next((name for name in option.opts if name in words), option.opts[0])
