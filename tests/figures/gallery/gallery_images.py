"""Figures of the gallery as small pictures without any text, so that fonts do not matter.

    python tests/figures/gallery/gallery_images.py [NAME...]

writes tests/figures/images anew; look at what changed before it is committed.
"""

import io
import sys
from pathlib import Path

import numpy as np

from prunelaw_figures.gallery import GALLERY, cache
from prunelaw_figures.plots.style import style_sheet

IMAGES = Path(__file__).with_name("images")
DPI = 32
NAMES = [name for name, entry in GALLERY.items() if not entry.given]


def picture(name: str, rc: dict | None = None) -> np.ndarray:
    """The figure drawn from the package's results, text removed: (height, width, 3) in 0...255."""
    import matplotlib
    from matplotlib.image import imread

    entry = GALLERY[name]
    with style_sheet(), matplotlib.rc_context(rc or {}):
        figure = entry.draw(entry.parameters, kept_results(name))
        _remove_text(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI)
    buffer.seek(0)
    return np.round(255.0 * imread(buffer)[..., :3])


def kept_results(name: str):
    """Those that come with the package; none for a figure that needs none."""
    entry = GALLERY[name]
    found, _ = cache.load(cache.PACKAGED / f"{name}.npz", cache.stamp(entry, None))
    return {} if found is None else found


def _remove_text(figure) -> None:
    from matplotlib.text import Text

    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    for legend in legends:
        if legend is not None:
            legend.remove()
    for axes in figure.axes:
        axes.tick_params(
            which="both", labelleft=False, labelbottom=False, labelright=False, labeltop=False
        )
    for text in figure.findobj(Text):
        text.set_visible(False)


def main(names: list[str]) -> None:
    """Writes the reference pictures."""
    from matplotlib.image import imsave

    for name in names or NAMES:
        imsave(IMAGES / f"{name}.png", picture(name).astype(np.uint8), metadata={"Software": ""})
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
