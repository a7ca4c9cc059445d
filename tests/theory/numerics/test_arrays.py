"""Named tuples of arrays, and points carried from their neighbours."""

from typing import NamedTuple

import numpy as np
import pytest

from prunelaw import InputError
from prunelaw.numerics.arrays import broadcast, overwritten, taken
from prunelaw.numerics.neighbours import linear_fit, nearest_points


class Inner(NamedTuple):
    x: np.ndarray


class Outer(NamedTuple):
    y: np.ndarray
    inner: Inner
    flag: bool


def test_taken_and_overwritten_reach_inside():
    whole = Outer(np.arange(4.0), Inner(10.0 * np.arange(4.0)), True)
    part = taken(whole, [1, 3])
    assert part.y.tolist() == [1, 3] and part.inner.x.tolist() == [10, 30] and part.flag is True
    other = Inner(np.zeros(4))
    overwritten(other, [0, 2], part.inner)
    assert other.x.tolist() == [10, 0, 30, 0]


def test_shapes_that_do_not_broadcast_are_named():
    assert [a.shape for a in broadcast(a=np.zeros(2), b=np.zeros((3, 1)))] == [(3, 2)] * 2
    with pytest.raises(InputError, match=r"a has shape \(2,\), b has shape \(3,\)"):
        broadcast(a=np.zeros(2), b=np.zeros(3))


def test_a_linear_function_is_carried_exactly():
    rng = np.random.default_rng(0)
    known, place = rng.uniform(size=(50, 2)), np.array([[0.4, 0.6], [0.5, 0.5]])
    values = 1.0 + known @ np.array([[2.0], [-3.0]])
    distance, index = nearest_points(known, place)
    found = linear_fit(distance, known[index] - place[:, None], values[index], ridge=1e-9)
    np.testing.assert_allclose(found[:, 0], 1.0 + place @ [2.0, -3.0], atol=1e-6)
