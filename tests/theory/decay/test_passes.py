"""Sums over passes against plain loops: one pool, and unions under effective data."""

import numpy as np

from prunelaw.decay.effective import effective_mixture
from prunelaw.decay.passes import decayed_log, geometric, log_effective


def test_growth_of_one_pool():
    passes, rate = 5.4, 0.3
    growth, _ = decayed_log(np.array(passes), np.array(rate))
    k = np.arange(1, 5)
    loop = np.sum(np.exp(-rate * k) * np.log1p(1 / k)) + np.exp(-5 * rate) * np.log(passes / 5)
    np.testing.assert_allclose(growth, loop, rtol=1e-13)
    seen = np.sum(np.exp(-rate * np.arange(5))) + 0.4 * np.exp(-5 * rate)
    np.testing.assert_allclose(
        log_effective(np.array(passes), np.array(rate))[0], np.log(seen), rtol=1e-13
    )
    assert geometric(np.array(0.0), np.array(7.0)) == 7.0


def test_growth_of_a_union():
    share, b, rate = np.array([0.3, 0.7]), np.array([-0.2, -0.1]), np.array([0.5, 0.1])
    total, seen = 0.0, 1.0
    for k in range(1, 5):
        alive = share * np.exp(-rate * k)
        part = 1.0 if k < 4 else 0.5
        total += alive @ b / alive.sum() * np.log1p(part * alive.sum() / seen)
        seen += alive.sum()
    found = effective_mixture(np.array([0.5, 4.5]), share, b, rate)
    np.testing.assert_allclose(found, [0.0, total], rtol=1e-13)
