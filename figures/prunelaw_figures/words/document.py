"""A result in words is a list of blocks, which go to the terminal, to HTML or to Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from prunelaw_figures.terminal.options import full_wanted, json_wanted
from prunelaw_figures.terminal.output import print_json, print_table, say


@dataclass(frozen=True)
class Heading:
    """Level 1 is the page's title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Items:
    """A bulleted list of plain texts."""

    items: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Text kept as it is, line by line."""

    text: str


@dataclass(frozen=True)
class Table:
    """Cells are texts; the first column is left-aligned, the others are numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Image:
    """A PNG beside the page."""

    file: str
    caption: str


@dataclass(frozen=True)
class Details:
    """Where an answer comes from and what else was found: on the terminal only with --full."""

    blocks: Sequence["Block"]


Block = Heading | Text | Items | Code | Table | Image | Details

CSS = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #111; background: #fff; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #555; } th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; } img { max-width: 100%; } figure { margin: 1rem 0; }
figcaption { color: #444; } pre { background: #f4f4f4; padding: .7rem; overflow-x: auto; }
"""


def print_result(value: Any, blocks: Iterable[Block]) -> None:
    """Writes a result to stdout: its blocks for people, or with --json one JSON object.

    Details are left out unless --full is given; a last line says that there are some.
    """
    if json_wanted():
        print_json(value)
        return
    shown, left_out = [], False
    for block in blocks:
        if not isinstance(block, Details):
            shown.append(block)
        elif full_wanted():
            shown.extend(block.blocks)
        else:
            left_out = left_out or bool(block.blocks)
    print_blocks(shown)
    if left_out:
        say("(--full says where this comes from)")


def print_blocks(blocks: Iterable[Block]) -> None:
    """Writes the blocks to stdout: a line a text, headings underlined, pictures by their names."""
    for i, block in enumerate(blocks):
        match block:
            case Heading(text):
                say("\n" * (i > 0) + f"{text}\n{'-' * len(text)}")
            case Text(text) | Code(text):
                say(text)
            case Items(items):
                say("\n".join(f"  - {item}" for item in items))
            case Image(file, caption):
                say(f"{caption} ({file})")
            case Table(title, columns, rows):
                print_table(title, columns, rows)
            case Details(inner):
                print_blocks(inner)


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """One page; it asks for nothing but the images beside it."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{CSS}</style></head><body>\n{body}\n</body></html>\n"
    )


def to_markdown(blocks: Sequence[Block]) -> str:
    """The same page as Markdown, with pipe tables."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Items(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Code(text):
            return f"<pre>{escape(text)}</pre>"
        case Details(inner):
            return "\n".join(_html(block) for block in inner)
        case Image(file, caption):
            name, words = escape(file), escape(caption)
            return (
                f'<figure><img src="{name}" alt="{words}"><figcaption>{words}</figcaption></figure>'
            )
        case Table(title, columns, rows):
            head = "".join(f"<th>{escape(cell)}</th>" for cell in columns)
            lines = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
                for row in rows
            )
            return (
                f'<div class="wide"><table><caption>{escape(title)}</caption>'
                f"<thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table></div>"
            )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Text(text):
            return text
        case Items(items):
            return "\n".join(f"- {item}" for item in items)
        case Code(text):
            return f"```\n{text}\n```"
        case Details(inner):
            return to_markdown(inner).strip()
        case Image(file, caption):
            return f"![{caption}]({file})"
        case Table(title, columns, rows):
            rule = [":--"] + ["--:"] * (len(columns) - 1)
            lines = [columns, rule, *rows]
            text = "\n".join("| " + " | ".join(_cell(c) for c in line) + " |" for line in lines)
            return f"**{title}**\n\n{text}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
