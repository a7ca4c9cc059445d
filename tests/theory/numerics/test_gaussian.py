"""Gaussian building blocks against mpmath and against their definitions."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.numerics import gaussian


@pytest.mark.parametrize("m, sigma", [(0.3, 0.7), (-4.0, 1.0), (25.0, 3.0), (1e-6, 2e-6)])
def test_hinge_is_the_mean_of_the_squared_hinge(m, sigma):
    def density(g):
        return mp.exp(-g * g / 2) / mp.sqrt(2 * mp.pi) * (m - sigma * g) ** 2

    top = m / sigma
    expected = mp.quad(density, [top - 40, top - 20, top - 10, top - 5, top - 2, top])
    assert gaussian.hinge(np.array(m), np.array(sigma)) == pytest.approx(float(expected), rel=1e-11)


@given(st.floats(-5, 5), st.floats(0.01, 5))
def test_slopes_are_derivatives(m, sigma):
    h = 1e-6 * max(abs(m), sigma)
    point = lambda dm, ds: gaussian.hinge(np.array(m + dm), np.array(sigma + ds))  # noqa: E731
    slope_m, slope_s = gaussian.hinge_slopes(np.array(m), np.array(sigma))
    size = sigma + abs(m)
    assert (point(h, 0) - point(-h, 0)) / (2 * h) == pytest.approx(slope_m, abs=1e-7 * size)
    assert (point(0, h) - point(0, -h)) / (2 * h) == pytest.approx(slope_s, abs=1e-7 * size)


@pytest.mark.parametrize("fraction", [1e-12, 1e-3, 0.3, 0.5, 0.9, 1 - 1e-9])
def test_thresholds_keep_their_fraction(fraction):
    with mp.workdps(40):
        inside = mp.mpf(float(gaussian.central_half_width(np.array(fraction))))
        outside = mp.mpf(float(gaussian.outer_threshold(np.array(fraction))))
        assert float(mp.erf(inside / mp.sqrt(2))) == pytest.approx(fraction, rel=1e-14)
        assert float(mp.erfc(outside / mp.sqrt(2))) == pytest.approx(fraction, rel=2e-14)


def test_thresholds_at_the_whole():
    assert gaussian.central_half_width(np.array(1.0)) == np.inf
    assert gaussian.outer_threshold(np.array(1.0)) == 0.0


@pytest.mark.parametrize("order", [8, 24, 96])
def test_gauss_legendre_is_exact_for_polynomials(order):
    nodes, weights = gaussian.gauss_legendre(order)
    for power in (0, 1, order, 2 * order - 1):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), rel=1e-13)
