"""What the verbs of the command line share: lists of numbers, tables, progress, workers, JSON."""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from concurrent.futures import Executor

# rich writes to whatever stdout is at the time of the call, so consoles are made when needed.


class NumberList(click.ParamType):
    """`3` or `0.5,3,30`: one number or several, separated by commas."""

    name = "number[,number...]"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        """The numbers, or click's complaint that names the option and the part not understood."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        for part in parts:
            if not _is_number(part):
                hint = "is not a number; give one, or several as 0.5,3,30 or 10k,1M"
                self.fail(f"{part.strip()!r} {hint}", param, ctx)
        return tuple(map(_number, parts))


class NameList(click.ParamType):
    """`hard,easy,band:0.2,0.4`: texts separated by commas; a number belongs to the text before."""

    name = "text[,text...]"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """The texts, of which each keeps its own numbers."""
        if isinstance(value, tuple):
            return value
        texts: list[str] = []
        for part in (piece.strip() for piece in str(value).split(",")):
            if texts and _is_number(part):
                texts[-1] += f",{part}"
            else:
                texts.append(part)
        return tuple(texts)


class RuleList(NameList):
    """`hard,band:0.2,0.4,mix:0.1,easy`: keep rules separated by commas."""

    name = "rule[,rule...]"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """The rules, of which each keeps its own numbers and rules."""
        from prunelaw.keep import split_rules

        if isinstance(value, tuple):
            return value
        return tuple(rule.strip() for rule in split_rules(str(value)))


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> float:
    """A number, or an amount as 12.8M; else a `ValueError`."""
    from prunelaw_sim.common.amounts import parse_amount

    try:
        return float(text)
    except ValueError:
        return parse_amount("it", text)


class Amount(click.ParamType):
    """`640M`, `3B` or `6.4e8`: a number of samples above 0."""

    name = "amount"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """The number, or click's complaint that names the option."""
        from prunelaw.errors import InputError
        from prunelaw_sim.common.amounts import parse_amount

        try:
            return parse_amount("it", value)
        except InputError as error:
            self.fail(str(error), param, ctx)


def say(text: str, *, err: bool = False) -> None:
    """A line on stdout, or on stderr; what would steer the terminal is written out."""
    from prunelaw_sim.common.visible import visible

    click.echo(visible(text, "\n\t"), err=err)


def print_json(value: Any) -> None:
    """One JSON object on stdout and nothing else there."""
    from prunelaw_sim.common.plain import to_json

    click.echo(to_json(value))


NUMBER = re.compile(r"[-+±]?[\d.]+(e[-+]?\d+)?[kMBT%]?( ?± ?\S+)?$|nan$|inf$|-?$")
NARROW = 16  # a column of words may be made so narrow; longer words are folded


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout that fits the terminal (80 columns where there is none): no cell is cut.

    Words wrap, numbers do not.  Columns that do not fit beside each other come in a table of their
    own below, with the first column repeated.  Columns of numbers are right-aligned.
    """
    from rich.console import Console
    from rich.text import Text

    from prunelaw_sim.common.visible import visible

    console = Console(highlight=False)
    title, rows = visible(title), [[visible(cell) for cell in row] for row in rows]
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    numeric = [all(NUMBER.match(cell) for cell in column) for column in cells]
    narrowest = [
        _narrowest(name, column, is_number)
        for name, column, is_number in zip(columns, cells, numeric, strict=True)
    ]
    parts, left = [[0]], console.width - narrowest[0]
    for i in range(1, len(columns)):
        if len(parts[-1]) > 1 and narrowest[i] > left:
            parts.append([0])
            left = console.width - narrowest[0]
        parts[-1].append(i)
        left -= narrowest[i]
    if title:
        console.print(Text(title, style="bold"))
    for part in parts:
        console.print(_table([(columns[i], cells[i], numeric[i]) for i in part], console.width))


def _narrowest(name: str, column: Sequence[str], is_number: bool) -> int:
    """The least width of a column, the space around it included."""
    from rich.cells import cell_len

    words = max((cell_len(word) for word in name.split()), default=0)
    if is_number:
        return 2 + max([words, *map(cell_len, column)])
    words = max([words, *(cell_len(word) for cell in column for word in cell.split())])
    whole = max([0, *map(cell_len, column)])
    return 2 + max(min(words, NARROW), min(whole // 3, 24))


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of whole words."""
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False)


def _table(columns: Sequence[tuple[str, Sequence[str], bool]], width: int) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, width=None)
    wide = sum(2 + max([len(name), *map(len, cells)]) for name, cells, _ in columns) > width
    for name, cells, is_number in columns:
        longest = max(map(len, cells), default=0)
        head = "\n".join(_wrapped(name, longest)) if wide and is_number else name
        table.add_column(
            Text(head),
            justify="right" if is_number else "left", no_wrap=is_number, overflow="fold",
        )  # fmt: skip
    for row in zip(*(cells for _, cells, _ in columns), strict=True):
        table.add_row(*(Text(cell) for cell in row))  # Text: b[clean] is no markup
    return table


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[..., None]]:
    """A function `(done, total, remark="")` that moves a bar on stderr.

    Nothing is written where stderr is no terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[remark]}"),
    )  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(label, total=None, remark="")
        yield lambda done, total, remark="": bar.update(
            task, completed=done, total=total, remark=remark
        )


@contextmanager
def worker_processes(count: int) -> "Iterator[Executor | None]":
    """`count` fresh processes, or None for one; an error in the block ends them at once."""
    if count == 1:
        yield None
        return
    from prunelaw_sim.sweeps.executors import Processes

    pool = Processes(count)
    try:
        yield pool
    except BaseException:
        pool.kill()
        raise
    pool.shutdown()
