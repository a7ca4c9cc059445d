"""The command line `prunelaw`: verbs are modules of `commands`, loaded when they are called.

Exit codes: 0 good, 1 the work itself failed (did not converge, a disagreement was found), 2 bad
input, 130 interrupted.  Messages go to stderr; with `--json` stdout holds exactly one JSON object.
"""

import os
import sys

from prunelaw_figures.terminal import interrupt

if os.path.basename(sys.argv[0]) == "prunelaw":  # the program, and not who imports it
    interrupt.arm()

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

from prunelaw_figures import commands


class BadInput(click.ClickException):
    """Bad input, as click shows it: `Error: ...` on stderr, exit code 2, no traceback."""

    exit_code = 2

    def format_message(self) -> str:
        """The message; control characters of names and files are written out."""
        return shown(self.message)


class Failed(click.ClickException):
    """The work itself failed: the same with exit code 1."""

    format_message = BadInput.format_message


def shown(message: str) -> str:
    """A message as a terminal may print it."""
    from prunelaw_sim.common.visible import visible

    return visible(message, "\n\t")


class Verbs(click.Group):
    """One verb a module of `prunelaw_figures.commands`; each module has a click `command`.

    Only the verb that is called is imported, so that `prunelaw solve` starts in a moment.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs: file names, with - for _."""
        return sorted(module.name.replace("_", "-") for module in iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of this name, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        from prunelaw_figures.terminal.flags import speaks_in_flags

        return speaks_in_flags(module.command)

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any):
        """As click's, and it remembers what was typed."""
        from prunelaw_figures.terminal.flags import TYPED

        typed = list(args)
        context = super().make_context(info_name, args, *more, **extra)
        context.meta[TYPED] = typed
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the verb; what prunelaw raises on purpose becomes a message and an exit code."""
        # Imported here: it costs 0.4 s that `prunelaw --help` need not pay.
        from prunelaw.errors import InputError, PrunelawError

        try:
            return super().invoke(ctx)
        except InputError as error:
            raise BadInput(str(error)) from error
        except PrunelawError as error:
            raise Failed(str(error)) from error
        except KeyboardInterrupt:
            interrupt.say()
            ctx.exit(interrupt.CODE)

    def main(self, args: Any = None, *more: Any, **options: Any) -> Any:
        """As click's; a program that was interrupted ends without a word more."""
        if args is not None:
            return super().main(args, *more, **options)
        interrupt.arm()
        interrupt.tidy_up()
        try:
            return super().main(args, *more, **options)
        finally:
            interrupt.end_if_seen()


def _version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"prunelaw {version('prunelaw')}")
        ctx.exit()


SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True}


@click.group(cls=Verbs, context_settings=SETTINGS)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Print the version and exit.",
)  # fmt: skip
def main() -> None:
    """Laws of data pruning and data filtering: how much of the data to keep, and which part.

    \b
    prunelaw verify                       everything, checked here and now (under 3 minutes)
    prunelaw solve --alpha-tot 3 --keep 0.5 --theta 0.3 --rule hard
    prunelaw simulate --dim 200 --alpha-tot 3 --keep 0.5 --trials 100
    prunelaw sweep run runs.db --alpha-tot 1,3,10 --keep 0.2,0.5 --workers 2
    prunelaw fit runs.csv --law utility --hold-out-above 2e10
    prunelaw plan pools.csv --budget 640M
    prunelaw advise runs.csv --budget 640M
    prunelaw demo                         the interactive page

    Each verb has --help with examples, and --json for one JSON object on stdout.
    """


if __name__ == "__main__":
    main()
