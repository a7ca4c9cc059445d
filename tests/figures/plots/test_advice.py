"""Figures of advice, of plans and of pools: laws, bands, and the choice where it belongs."""

import numpy as np
import pandas as pd
import pytest

from prunelaw.decay.filtering import best_filter
from prunelaw.decay.utility import PUBLISHED
from prunelaw_figures.plots.advice import advise_figure
from prunelaw_figures.plots.decision_map import decision_map
from prunelaw_figures.plots.pools_view import pools_view
from prunelaw_sim.advice.advise import advise
from prunelaw_sim.pools.ensemble import from_pools
from prunelaw_sim.pools.plan import plan
from prunelaw_sim.tables.sweep import Sweep


def test_advice_on_pruning_marks_its_choice():
    cells = [
        (p, f, r) for p in (100, 400) for f, r in ((0.5, "hard"), (0.5, "random"), (1, "random"))
    ]
    rows = [(*c, (0.8 if c[2] == "hard" else 1.0) * (c[0] * c[1]) ** -0.5, 0.002) for c in cells]
    names = ["dataset_size", "keep_fraction", "rule", "error", "error_se"]
    found = advise(Sweep.from_frame(pd.DataFrame(rows, columns=pd.Index(names))), 100, examples=200)
    law, fractions = advise_figure(found).axes
    best = found.pruning.choice.best
    (mark,) = (line for line in fractions.lines if line.get_label() == "choice")
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (best.keep_fraction, best.error.value)
    points = {line.get_label(): line for line in law.lines}
    assert points["hard"].get_ydata() == pytest.approx([0.8 * 50**-0.5, 0.8 * 200**-0.5])
    assert {"random", "everything"} <= set(points)


def test_pools_have_their_errors_and_their_decay():
    pools = PUBLISHED["utility"][:2]
    errors, decay = pools_view(pools, 640e6).axes
    choice = next(line for line in errors.lines if line.get_marker() == "o")
    assert choice.get_xdata()[0] == 640.0
    assert choice.get_ydata()[0] == pytest.approx(float(best_filter(pools, 640e6).error))
    for pool, line in zip(pools, decay.lines, strict=True):
        assert line.get_ydata()[0] == -pool.law.b
        half = np.interp(1.0 + pool.law.tau, line.get_xdata(), np.log(line.get_ydata()))
        assert np.exp(half) == pytest.approx(-pool.law.b / 2.0)


def test_a_plan_shows_the_best_unions_error_and_its_switches():
    pools = PUBLISHED["utility"][:3]
    known = from_pools(pools)
    found = plan(known, 640e6)
    errors, probability = decision_map(known, found).axes
    best = next(line for line in errors.lines if line.get_label() == "best")
    millions, shown = np.array(best.get_xdata()), np.array(best.get_ydata())
    assert shown == pytest.approx(best_filter(pools, 1e6 * millions).error)
    first = found.switches[0]
    assert f"1→2: {first.budget / 1e6:.4g}M" in {one.get_text() for one in errors.texts}
    total = np.sum([line.get_ydata() for line in probability.lines[:3]], axis=0)
    assert total == pytest.approx(np.ones_like(total))
