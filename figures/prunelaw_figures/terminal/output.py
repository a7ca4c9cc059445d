"""What the verbs of the command line share: lists of numbers, tables, progress, workers, JSON."""

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

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """The numbers, or click's complaint that names the option and the part not understood."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        for part in parts:
            if not _is_number(part):
                hint = "is not a number; give one, or several as 0.5,3,30"
                self.fail(f"{part.strip()!r} {hint}", param, ctx)
        return tuple(map(float, parts))


class NameList(click.ParamType):
    """`hard,easy,band:0.2,0.4`: texts separated by commas; a number belongs to the text before."""

    name = "text[,text...]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class Amount(click.ParamType):
    """`640M`, `3B` or `6.4e8`: a number of samples above 0."""

    name = "amount"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, or click's complaint that names the option."""
        from prunelaw.errors import InputError
        from prunelaw_sim.common.amounts import parse_amount

        try:
            return parse_amount("it", value)
        except InputError as error:
            self.fail(str(error), param, ctx)


def print_json(value: Any) -> None:
    """One JSON object on stdout and nothing else there."""
    from prunelaw_sim.common.plain import to_json

    click.echo(to_json(value))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout, in full width even where the terminal is narrower: no cell is cut.

    The first column is left-aligned, the others right-aligned.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: b[clean] is no markup
    console = Console()
    wanted = console.measure(table, options=console.options.update(max_width=1000)).maximum
    console.width = max(console.width, wanted, len(title))
    console.print(Text(title, style="bold"), table, sep="\n")


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
    """`count` fresh processes, or None for one; what waits is dropped when the block is left."""
    if count == 1:
        yield None
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # A fork of a process whose libraries run threads can hang.
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
