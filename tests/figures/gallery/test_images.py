"""Pictures of the gallery, without their text, against reference pictures of the same size."""

import numpy as np
import pytest
from figures.gallery.gallery_images import IMAGES, NAMES, picture
from matplotlib.image import imread

from prunelaw_figures.plots.style import SERIES

# Root mean square over pixels, of 255.  One thin line lost makes 3 (second test); another release
# of matplotlib may shade the edges of lines by a grey level or two.
TOLERANCE = 1.5
# Drawn by a function whose other figure is compared, or that tests/figures/plots/test_figures.py
# covers; the real sweeps' laws are fitted before they are drawn, which takes seconds.
COVERED = {
    "learning_curves_perfect_probe", "phase_probe", "capacity", "best_filter",
    "theory_vs_simulation", "real_pruning", "real_repetition",
}  # fmt: skip


def rms(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape
    return float(np.sqrt(np.mean((one - other) ** 2)))


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.exhaustive) if n in COVERED else n for n in NAMES],
)
def test_figure_looks_as_it_did(name):
    reference = np.round(255.0 * imread(IMAGES / f"{name}.png")[..., :3])
    assert rms(picture(name), reference) < TOLERANCE


def test_fonts_do_not_matter_but_one_lost_line_does(monkeypatch):
    name = "pool_curves"
    usual = picture(name)
    assert rms(picture(name, {"font.family": "DejaVu Serif"}), usual) == 0.0
    monkeypatch.setattr("prunelaw_figures.plots.style.SERIES", (*SERIES[:4], "#ffffff"))
    assert rms(picture(name), usual) > TOLERANCE
