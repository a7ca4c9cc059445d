"""How Sphinx builds the pages: `make docs` runs every notebook and treats warnings as errors."""

import importlib.metadata
import os
import re
import sys
from pathlib import Path

from prunelaw_figures.demo.build import build_page

project = "prunelaw"
author = "The prunelaw developers"
release = importlib.metadata.version("prunelaw")

extensions = [
    "myst_nb",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source", ("Attributes", "params_style")]
html_theme = "furo"
html_title = "prunelaw"
html_copy_source = False
html_extra_path = ["_extra"]  # the interactive page, as `prunelaw demo` writes it
Path(__file__).with_name("_extra").mkdir(exist_ok=True)
Path(__file__).with_name("_extra").joinpath("interactive.html").write_bytes(build_page())
exclude_patterns = ["_build", "_extra", "jupyter_execute", "reference/*/modules.rst"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # a page shows what this version prints, or is not built
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
# Pages call the command of this environment, in lines that fit a page.
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
os.environ["COLUMNS"] = "100"

suppress_warnings = ["ref.python"]  # names of fields look like references to fields elsewhere
autodoc_member_order = "bysource"
autodoc_default_options = {"ignore-module-all": True}  # a name is shown where it is defined
autodoc_typehints = "none"  # signatures carry them
apidoc_automodule_options = {"members", "show-inheritance"}
apidoc_modules = [
    {"path": f"../{root}/{package}", "destination": f"reference/{package}"}
    for root, package in (
        ("theory", "prunelaw"),
        ("sim", "prunelaw_sim"),
        ("figures", "prunelaw_figures"),
    )
]
html_last_updated_fmt = None  # the same bytes from the same sources


SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises|Source):$")


def as_restructured(app, what, name, obj, options, lines):
    """Docstrings are plain text; reStructuredText wants ``code``, escapes and marked tables.

    A paragraph with columns or deeper lines is an equation, a table or an example: literal.  The
    sections of Google's form are napoleon's, which comes after this.
    """
    text = "\n".join(lines).strip("\n").split("\n")
    starts = [i for i, line in enumerate(text) if SECTION.match(line)]
    first = starts[0] if starts else len(text)
    blocks = re.split(r"\n\s*\n", "\n".join(text[:first]).strip("\n"))
    rest = [line if SECTION.match(line) else _inline(line) for line in text[first:]]
    lines[:] = [*"\n\n".join(map(_block, blocks)).split("\n"), "", *rest, ""]


def _block(block):
    """One paragraph."""
    lines = block.split("\n")
    if lines[0].lstrip().startswith(">>>"):
        return block
    listed = re.match(r"\s*[-*] ", lines[0])
    deep = any(line.startswith(" ") for line in lines) and not listed
    columns = any(re.search(r"[^\s.!?:;,)]\s{2,}\S|\S\s{3,}\S", line.strip()) for line in lines)
    if deep or (columns and not listed):
        return "::\n\n" + "\n".join("    " + line for line in lines)
    return "\n".join(_inline(line) for line in lines)


def _inline(line):
    """`code` as ``code``; what would be markup elsewhere is escaped, **bold** is kept."""
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", line)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = re.sub(r"([*|`]|_(?=\W|$))", r"\\\1", part)
        elif part.startswith("`"):
            # markup must not touch a word: an escaped blank stands between and is not shown
            after = r"\ " if parts[i + 1][:1].isalnum() else ""
            parts[i] = f"``{part[1:-1]}``{after}"
    return re.sub(r"^(\s*)\\\*(?= )", r"\1*", "".join(parts))


def setup(app):
    app.connect("autodoc-process-docstring", as_restructured, priority=400)
