"""The arguments of a batch of points, and bands between quantiles."""

import numpy as np
import pytest

from prunelaw import InputError
from prunelaw.keep.points import points
from prunelaw.keep.quantiles import Quantiles


def test_fractions_are_given_or_implied():
    found = points(None, [0.1, 0.2], "band:0.2,0.5", alpha_tot=np.array(3.0))
    assert list(found) == ["alpha_tot", "f", "theta", "rule"]
    assert found["f"].shape == (2,) and found["rule"][1].name == "band:0.2,0.5"
    mixed = points([0.3, 0.4], 0.0, ["hard", "easy"])
    assert mixed["f"].tolist() == [0.3, 0.4]
    with pytest.raises(InputError, match="f must be given: the rule hard"):
        points(None, 0.0, "hard")


@pytest.mark.parametrize("rule", [Quantiles(0.0), Quantiles(0.3), Quantiles(0.2, 0.7)])
def test_quantiles_hold_the_fraction(rule):
    f = np.array([0.1, 0.45])
    np.testing.assert_allclose(rule.segments(f, np.zeros(2)).mass, f, rtol=1e-12)
