"""Writes gallery.md and images/gallery: every figure of `prunelaw figures`, with its caption.

    python docs/make_gallery.py OPENCLIP_FOLDER C4_FILE

The pages openclip.md and c4.md say where these data come from.  About two minutes, of which all but
one are the fits to OpenCLIP.
"""

import sys
import tempfile
from itertools import groupby
from pathlib import Path

from prunelaw_figures.gallery import GALLERY
from prunelaw_figures.gallery.build import Order, build
from prunelaw_figures.terminal.output import progress_bar

HERE = Path(__file__).resolve().parent
IMAGES = HERE / "images" / "gallery"
DPI = 100
TOP = """# Gallery

Every figure of both theories, with its caption. All but those that need data of others:

    prunelaw figures --out gallery

takes under a minute, because the results of what costs more come with the package; what is
computed anew is said, with the reason, and kept in `gallery/results`. `--recompute` ignores what is
kept, `--format pdf` is for print, `--list` prints names and captions. The same results give the
same bytes. A figure that fails does not lose the others, and the folder's other files are left
alone.

With the public runs of [](openclip.md) and [](c4.md):

    prunelaw figures --openclip scaling-laws-openclip/ --c4 datablations_c4_val_loss.csv

In Python, an entry of `prunelaw_figures.gallery.GALLERY` has `parameters`, `compute` and `draw`.
The same figure with other parameters is `dataclasses.replace(entry, parameters={...})`.
"""


def main(openclip: str, c4: str) -> None:
    """The pictures, then the page."""
    IMAGES.mkdir(exist_ok=True)
    sources = {"openclip": Path(openclip), "c4": Path(c4)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        entries = list(GALLERY.values())
        for outcome in build(
            Order(entries, out, out / "results", ("png",), sources, dpi=DPI), progress_bar
        ):
            print(outcome.name, outcome.status, outcome.reason, flush=True)
            if outcome.status == "failed":
                sys.exit(1)
            content = (out / f"{outcome.name}.png").read_bytes()
            (IMAGES / f"{outcome.name}.png").write_bytes(content)
    (HERE / "gallery.md").write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page."""
    parts = [TOP]
    for title, entries in groupby(GALLERY.values(), key=lambda entry: entry.part):
        parts.append(f"## {title}\n")
        for entry in entries:
            data = {"openclip": " --openclip FOLDER", "c4": " --c4 FILE"}.get(entry.given, "")
            parts.append(
                f"### {entry.name}\n\n"
                f"![{entry.name}](images/gallery/{entry.name}.png)\n\n"
                f"{entry.text()}\n\n"
                f"    prunelaw figures {entry.name}{data}\n"
            )
    return "\n".join(parts)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python docs/make_gallery.py OPENCLIP_FOLDER C4_FILE")
    main(*sys.argv[1:])
