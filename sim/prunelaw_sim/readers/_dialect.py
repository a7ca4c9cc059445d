"""How a table of text is written: its delimiter, a `sep=` line, and lines that are comments."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DELIMITERS = ("\t", ";", ",", "|")  # a comma may be a decimal one
LOOK = 30  # lines that decide on a delimiter
SPACE = " "  # or several, where nothing else parts the lines, as NumPy's `savetxt` writes
LATEX = "&"
_RULE = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")  # of Markdown, below the header
_SEP = re.compile(r'^"?sep=(.)"?$', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        above: lines before the header: comments, a line `sep=;`, empty ones.
        commented: the header itself begins with #, as NumPy's `savetxt` writes it.
    """

    delimiter: str = ","
    above: int = 0
    commented: bool = False

    def header(self, line: str) -> str:
        """The header line without the # before it."""
        return self.row(line.lstrip().removeprefix("#").lstrip(" ") if self.commented else line)

    def row(self, line: str) -> str:
        """A line as a CSV reader takes it: one space for several, no bars around Markdown."""
        if self.delimiter == SPACE:
            return " ".join(line.split()) + "\n"
        if self.delimiter == LATEX:
            rule = line.lstrip().startswith("\\") and LATEX not in line  # as \midrule
            return ("" if rule else line.rstrip().removesuffix("\\\\")) + "\n"
        if self.delimiter != "|":
            return line
        inner = line.strip()
        if _RULE.fullmatch(inner):
            return "\n"
        framed = inner.startswith("|")
        return (inner.removeprefix("|").removesuffix("|") if framed else inner) + "\n"


def lines_of(text: str) -> list[str]:
    """Lines as files are read: other than `splitlines` it knows \\n, \\r and both only."""
    return re.split(r"\r\n|\r|\n", text)


def dialect_of(text: str, delimiter: str | None = None) -> Dialect:
    """The dialect of a table, by its first lines; a delimiter that is given settles that."""
    lines = lines_of(text)[: 10 * LOOK]
    above = 0
    for line in lines:
        found = _SEP.match(line)
        if found and delimiter is None:
            delimiter = found[1]
        if not (found or line.startswith("#") or not line.strip()):
            break
        above += 1
    body = [line for line in lines[above : above + LOOK] if line.strip()]
    comments = [i for i in range(above) if lines[i].startswith("#")]
    for mark in (delimiter,) if delimiter else (*DELIMITERS, SPACE):
        if comments and _names(lines[comments[-1]], body, mark):
            return Dialect(mark, comments[-1], commented=True)
    return Dialect(delimiter or _delimiter(body), above)


def _names(comment: str, body: list[str], delimiter: str) -> bool:
    """Whether the comment names the columns of the rows below, the first of which has numbers."""
    names, first = _cells(comment.lstrip("#"), delimiter), _cells("".join(body[:1]), delimiter)
    alike = len(names) == len(first) > 1 or (comment.startswith("#" + delimiter) and bool(first))
    return alike and any(map(_is_number, first)) and not any(map(_is_number, names))


def _delimiter(body: list[str]) -> str:
    """The one that parts all lines alike, into the most cells; else a comma, or what is there."""
    parts = {}
    for mark in DELIMITERS:
        counts = {len(_cells(line, mark)) for line in body[:-1] or body}
        parts[mark] = counts.pop() if len(counts) == 1 else 1
    best = max(DELIMITERS, key=lambda mark: parts[mark])
    if parts[best] > 1:
        return best
    first = body[0] if body else ""
    words = [line.split() for line in body[:-1] or body]
    if LATEX in first.split():
        return LATEX
    if {len(cells) for cells in words} == {len(words[0]) if words else 0} - {0, 1}:
        numbers = [any(map(_is_number, cells)) for cells in words]
        if len(words) > 1 and not numbers[0] and all(numbers[1:]):
            return SPACE
    return next((mark for mark in (",", *DELIMITERS) if mark in first), ",")


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == SPACE:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[+-]?[\d.,]*\d[\d.,]*(?:e[+-]?\d+)?\s*", cell, re.I) is not None


def below(lines: Iterable[str], dialect: Dialect) -> Iterator[str]:
    """The lines from the header on; the ones above are empty, so that line numbers stay."""
    for i, line in enumerate(lines):
        if i < dialect.above:
            yield "\n"
        else:
            yield dialect.header(line) if i == dialect.above else dialect.row(line)
