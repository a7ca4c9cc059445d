"""Keep rules: fractions, thresholds and the errors for impossible ones."""

import numpy as np
import pytest

import prunelaw
from prunelaw.gaussian import normal_cdf
from prunelaw.keep import windows


@pytest.mark.parametrize("rule", prunelaw.RULES)
def test_windows_hold_the_fraction(rule):
    f = np.array([1e-3, 0.2, 0.5, 0.77, 1.0])
    low, high, weight = windows(rule, f)
    mass = 2 * weight * (normal_cdf(-low) - normal_cdf(-high))
    np.testing.assert_allclose(mass, f, rtol=1e-13)


def test_threshold_is_public_and_checked():
    assert prunelaw.threshold("hard", 0.6826894921370859) == pytest.approx(1.0, rel=1e-14)
    assert prunelaw.threshold("easy", 0.31731050786291415) == pytest.approx(1.0, rel=1e-14)
    with pytest.raises(prunelaw.InputError, match=r"f must be finite and in \(0, 1\], got 0.0"):
        prunelaw.threshold("hard", 0.0)
    with pytest.raises(prunelaw.InputError, match="rule must be one of hard, easy; got 'random'"):
        prunelaw.threshold("random", 0.5)


def test_pruned_fraction_converts():
    assert prunelaw.kept_from_pruned(0.25) == 0.75
    with pytest.raises(prunelaw.InputError, match="pruned"):
        prunelaw.kept_from_pruned(1.0)
