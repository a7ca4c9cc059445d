"""Kept results of real sweeps are those that the sweeps give today."""

import numpy as np
from figures.gallery.gallery_images import kept_results

from prunelaw_figures.plots.entry import table_of
from prunelaw_figures.plots.real_sweep import ENTRIES
from prunelaw_sim.studies.digits import digits_repetition_sweep


def test_kept_repetition_sweep_is_that_of_today():
    """The quick sweep's runs are runs of the whole one; rounding may turn two images of 400."""
    assert "real_repetition" in [entry.name for entry in ENTRIES]
    kept = table_of("runs", kept_results("real_repetition")).set_index("run")["error"]
    now = digits_repetition_sweep(seeds=[1], quick=True).frame.set_index("run")["error"]
    assert len(now) == 36
    np.testing.assert_allclose(now, kept[now.index], atol=2 / 400 + 1e-12)
