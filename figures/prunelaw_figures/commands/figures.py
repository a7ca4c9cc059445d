"""`prunelaw figures`: the gallery, built from kept results, as png, svg or pdf with captions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.interrupt import keeps
from prunelaw_figures.terminal.options import FILE, JSON, complete, json_wanted
from prunelaw_figures.terminal.output import NameList, print_json, progress_bar, say
from prunelaw_figures.words.document import Text, print_result

if TYPE_CHECKING:
    from prunelaw_figures.plots.entry import Entry


def figure_names() -> list[str]:
    """All figures of the gallery."""
    from prunelaw_figures.gallery import GALLERY

    return list(GALLERY)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete(figure_names))
@click.option("--out", type=FILE, metavar="DIR", default="gallery", help="Folder of the figures.")
@click.option(
    "--format", "formats", type=NameList(), default="png,svg", help="Some of png, svg, pdf."
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of computed results.  [default: results in --out]",
)
@click.option("--dpi", type=click.IntRange(20, 1200), default=200, help="Pixels per inch of png.")
@click.option("--recompute", is_flag=True, help="Ignore kept results and those of the package.")
@click.option(
    "--openclip",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="OpenCLIP scaling files, for the figure openclip.",
)
@click.option(
    "--c4",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="datablations_c4_val_loss.csv, for the figures c4_*.",
)
@click.option("--list", "only_list", is_flag=True, help="Print names and captions; build nothing.")
@JSON
def command(
    names: tuple[str, ...],
    out: Path,
    formats: tuple[str, ...],
    cache: Path | None,
    dpi: int,
    recompute: bool,
    openclip: Path | None,
    c4: Path | None,
    only_list: bool,
) -> None:
    """Figures of both theories, by name; without a name all of them.

    \b
    Everything that needs no data of others, in under a minute:
      prunelaw figures --out gallery
    Two of them, for print:
      prunelaw figures phase_keep capacity --format pdf
    Which there are, and what they show:
      prunelaw figures --list
    With the public runs (docs/openclip.md and docs/c4.md say where they are):
      prunelaw figures --openclip scaling-laws-openclip/ --c4 datablations_c4_val_loss.csv

    Each figure becomes NAME.png, NAME.svg and NAME.txt, its caption with every parameter. Results
    that cost more than seconds come with the package; what is computed anew is said, with the
    reason, and kept. Built twice, the files are the same. Interrupted, the figures that are done
    stay. A figure whose data were not given is skipped. Exit code 1 if a figure failed; the
    others are written all the same.
    """
    from prunelaw.checks import check_choice
    from prunelaw_figures.gallery import GALLERY
    from prunelaw_figures.gallery.build import Order, build
    from prunelaw_figures.plots.style import FORMATS

    entries = [GALLERY[check_choice("NAME", name, GALLERY)] for name in names or GALLERY]
    formats = tuple(check_choice("--format", each, FORMATS) for each in formats)
    if only_list:
        _print_list(entries)
        return
    given = {"openclip": openclip, "c4": c4}
    sources = {name: path for name, path in given.items() if path is not None}
    _check_data(entries if names else (), sources)
    order = Order(entries, out, cache or out / "results", formats, sources, recompute, dpi)
    outcomes = []
    keeps(f"{out} holds the figures that were finished")
    for outcome in build(order, progress_bar):
        outcomes.append(outcome)
        if not json_wanted():
            state = f"{outcome.status:11s} {outcome.seconds:6.1f} s"
            say(f"{outcome.name:30s} {state}  {outcome.reason}")
    if json_wanted():
        print_json({"out": out, "figures": outcomes})
    failed = [outcome.name for outcome in outcomes if outcome.status == "failed"]
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(outcomes)} failed: {', '.join(failed)}")


def _check_data(named: "Sequence[Entry]", sources: Mapping[str, Path]) -> None:
    """A figure that was asked for by name must have its data."""
    from prunelaw.errors import InputError

    for entry in named:
        if entry.given and entry.given not in sources:
            raise InputError(f"figure {entry.name} needs --{entry.given}: where its data are")


def _print_list(entries: "Sequence[Entry]") -> None:
    values = [
        {
            "name": entry.name,
            "caption": entry.text(),
            "parameters": entry.parameters,
            "needs": entry.given or None,
        }
        for entry in entries
    ]
    told = [
        f"{entry.name}{f' (needs --{entry.given})' * bool(entry.given)}\n    {entry.text()}\n"
        for entry in entries
    ]
    print_result({"figures": values}, map(Text, told))
