"""Intervals of ranks, and the places of bands between their two ends."""

import numpy as np

from prunelaw.numerics.gaussian import normal_cdf
from prunelaw.pruning.band_descent import S_HIGH, S_LOW, edges_of_band, low_mass, place_of
from prunelaw.pruning.ranks import between, least, length_of, of_length


def test_least_keeps_the_lowest_part():
    grid = np.linspace(0.0, 1.0, 201)
    found = least(grid, np.abs(grid - 0.4), 0.3)
    np.testing.assert_allclose(found, [[0.25, 0.55]], atol=1e-9)


def test_lengths_are_made_exact_and_ends_stay():
    ranks = of_length(np.array([[0.0, 0.2], [0.5, 0.7]]), 0.46, np.array([0.0, 1.0]))
    np.testing.assert_allclose(ranks, [[0.0, 0.22], [0.48, 0.72]], atol=1e-12)
    assert abs(length_of(ranks) - 0.46) < 1e-15 and length_of(np.empty((0, 2))) == 0.0


def test_half_way_moves_edges_or_trades_mass():
    one, two = np.array([[0.0, 0.2]]), np.array([[0.4, 0.6]])
    np.testing.assert_allclose(between(one, two, 0.5), [[0.2, 0.4]])
    apart = between(np.array([[0.0, 0.4]]), np.array([[0.0, 0.2], [0.8, 1.0]]), 0.5)
    assert abs(length_of(apart) - 0.4) < 1e-12 and len(apart) == 2


def test_bands_at_every_place_keep_the_fraction():
    f = np.full(5, 0.3)
    s = np.array([S_LOW, -1.0, 0.0, 3.0, S_HIGH])
    low, high = edges_of_band(f, s)
    np.testing.assert_allclose(2.0 * (normal_cdf(high) - normal_cdf(low)), f, rtol=1e-12)
    np.testing.assert_allclose(place_of(low_mass(f, s) / 0.7), s, atol=1e-9)
    assert low[0] == 0.0 and np.isinf(high[-1])
