"""Builds the page: one HTML file with style, scripts and tables inside, the same bytes every time.

The scripts are modules that import one another by name; here their import lines go, and they are
put one after another, each behind those it needs.
"""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from importlib import resources

from prunelaw_figures.demo.tables import table_bytes, table_info

MAIN = "main.js"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|class|function)\b)", re.MULTILINE)
_TOP_LEVEL = re.compile(r"^(?:async )?(?:const|class|function) (\w+)", re.MULTILINE)


def build_page() -> bytes:
    """The page as UTF-8.  It asks for nothing: no server, no network, no other file."""
    page = _text("page.html")
    parts = {
        "/*STYLE*/": _text("style.css").rstrip(),
        "/*INFO*/": json.dumps(json.loads(table_info()), separators=(",", ":")),
        "/*DATA*/": base64.b64encode(table_bytes()).decode(),
        "/*SCRIPT*/": script().rstrip(),
    }
    for mark, text in parts.items():
        if page.count(mark) != 1:
            raise ValueError(f"page.html must hold {mark} once")
        page = page.replace(mark, text)
    return page.encode("utf-8")


def script() -> str:
    """All modules as one; names at the top level must differ, as they then share it."""
    texts = [
        _EXPORT.sub("", _IMPORT.sub("", _text(name))).strip() + "\n" for name in in_order(MAIN)
    ]
    names = [name for text in texts for name in _TOP_LEVEL.findall(text)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names defined by two scripts: {', '.join(twice)}")
    return "\n".join(texts)


def in_order(name: str, before: tuple[str, ...] = ()) -> list[str]:
    """The scripts that `name` needs, each once and before those that need it, then `name`."""
    if name in before:
        raise ValueError(f"scripts import one another in a circle: {' -> '.join((*before, name))}")
    order: list[str] = []
    for needed in _IMPORT.findall(_text(name)):
        order += [one for one in in_order(needed, (*before, name)) if one not in order]
    return [*order, name]


@cache
def _text(name: str) -> str:
    return resources.files("prunelaw_figures.demo").joinpath(name).read_text(encoding="utf-8")
