"""Replicates as one row a point: the scatter of error rates and of losses is pooled alike."""

import numpy as np
import pandas as pd
import pytest

from prunelaw_sim.tables.replicates import averaged_rows


@pytest.mark.parametrize("scale", [0.3, 4.0])
def test_relative_scatter_is_pooled(scale):
    """Two points of 51 runs, 1 % of scatter, on both sides of 1 where they are losses."""
    random = np.random.default_rng(0)
    means = np.repeat([scale, scale / 8], 51)
    error = means * (1.0 + 0.01 * random.standard_normal(102))
    points = averaged_rows(pd.DataFrame({"x": means, "error": error}), ["x"])
    assert points["replicates"].tolist() == [51, 51]
    relative = points["error_se"] / points["error"] * np.sqrt(51)
    if scale > 1.0:
        np.testing.assert_allclose(
            relative, 0.01, rtol=3.0 / np.sqrt(200.0)
        )  # 100 degrees of freedom
    else:  # counted rates: variance ∝ ε(1 − ε)
        ratio = (1.0 - points["error"]) / points["error"]
        assert (relative / np.sqrt(ratio)).std() < 1e-12
