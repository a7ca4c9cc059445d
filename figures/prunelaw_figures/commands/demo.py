"""`prunelaw demo`: the interactive page, as one file, opened in the browser."""

from pathlib import Path

import click

from prunelaw_figures.terminal.options import JSON, out_option
from prunelaw_figures.words.document import Text, print_result


@click.command()
@out_option("File to write; default: a temporary one, which stays for the browser to read.")
@click.option("--open/--no-open", "show", default=True, help="Open the page in the browser.")
@JSON
def command(output: Path | None, show: bool) -> None:
    """The interactive page: data pruning, utility decay and a class exercise.

    \b
    prunelaw demo                                    # look at it
    prunelaw demo --out demo.html --no-open       # a file for any web host, or none

    The page is one HTML file under 1 MB that works offline and sends nothing. It is the same bytes
    each time; a file that exists is left alone, and refused unless it is this very page.
    """
    import webbrowser

    from prunelaw_figures.demo.build import build_page

    page = build_page()
    path = _temporary(page) if output is None else _written(output, page)
    opened = show and webbrowser.open(path.resolve().as_uri())
    values = {"file": path, "bytes": len(page), "opened": opened}
    print_result(values, [Text(f"{path} ({len(page) / 1e3:.0f} kB)")])
    if show and not opened:
        click.echo("no browser was found; open that file in one", err=True)


def _temporary(page: bytes) -> Path:
    """The page in a folder of its own, under a name that says what it is."""
    import tempfile

    path = Path(tempfile.mkdtemp(prefix="prunelaw-")) / "prunelaw-demo.html"
    path.write_bytes(page)
    return path


def _written(path: Path, page: bytes) -> Path:
    """The page at `path`; `InputError` if it cannot be there, or if another file is."""
    from prunelaw_sim.common.new_file import write_new_file

    if not (path.is_file() and path.read_bytes() == page):
        write_new_file("--out", path, page)
    return path
