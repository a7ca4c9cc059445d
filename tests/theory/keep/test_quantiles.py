"""Bands between quantiles of hardness: bands of |z|, with edges that move with f."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunelaw
from prunelaw.keep import Band, as_rule
from prunelaw.keep.quantiles import Quantiles


def test_texts_give_the_rule_that_prints_them():
    for text, rule in (
        ("quantiles:0.5", Quantiles(0.5)),
        ("quantiles:0.2,0.6", Quantiles(0.2, 0.6)),
    ):
        assert as_rule(text) == rule and rule.name == text


def test_all_between_two_quantiles_is_a_band_of_fields():
    layers = Quantiles(0.2, 0.6).segments(np.array([0.4]), np.zeros(1))
    band = Band(float(layers.low[0, 0]), float(layers.high[0, 0]))
    errors = prunelaw.solve(5.0, 0.4, 0.3, "quantiles:0.2,0.6").error
    assert errors == pytest.approx(float(prunelaw.solve(5.0, None, 0.3, band).error), rel=1e-12)


@given(centre=st.floats(0.0, 1.0), f=st.floats(0.05, 0.9), wide=st.booleans())
def test_edges_move_with_f_as_the_slopes_say(centre, f, wide):
    """Central differences, away from where a band reaches an end of the ranks."""
    if min(abs(centre - f / 2), abs(centre + f / 2 - 1)) < 1e-3:
        return
    rule = as_rule("quantiles:0.05,0.97" if wide else f"quantiles:{centre}")
    step, zero = 1e-6, np.zeros(1)
    up, down = (rule.segments(np.array([f + h]), zero) for h in (step, -step))
    slopes = rule.slopes(np.array([f]), zero)
    for name in ("low", "high", "weight"):
        ends = getattr(up, name), getattr(down, name)
        moved = np.where(np.isinf(ends[0]), 0.0, np.subtract(*map(np.nan_to_num, ends))) / (
            2 * step
        )
        np.testing.assert_allclose(getattr(slopes, f"{name}_f"), moved, rtol=1e-5, atol=1e-5)
