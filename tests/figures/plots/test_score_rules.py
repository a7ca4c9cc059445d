"""The figure of pruned real data: a panel a score and fraction, a line a rule."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from prunelaw_figures.plots.score_rules import score_rules


def test_a_panel_a_score_and_fraction_with_means_of_each_rule():
    rows = [
        (score, size, f, rule, 0.1 * f + 0.01 * seed)
        for score, size, seed in product(("el2n", "margin"), (100, 300), range(3))
        for f, rule in [(1.0, "random"), *product((0.3,), ("hard", "easy", "random"))]
    ]
    names = ["score", "dataset_size", "keep_fraction", "rule", "error"]
    figure = score_rules(pd.DataFrame(rows, columns=pd.Index(names)))
    first, second = figure.axes
    titles = [panel.get_title("left") for panel in (first, second)]
    assert titles == ["el2n, f = 0.3", "margin, f = 0.3"]
    lines = dict(zip(*reversed(first.get_legend_handles_labels()), strict=True))
    assert list(lines) == ["all kept", "keep hard", "keep easy", "keep random"]
    for name, f in (("all kept", 1.0), ("keep hard", 0.3)):
        line = lines[name].lines[0]
        np.testing.assert_array_equal(np.asarray(line.get_xdata(), float), [100, 300])
        np.testing.assert_allclose(np.asarray(line.get_ydata(), float), 0.1 * f + 0.01)
    plt.close(figure)
