"""Frames of teacher and probe, and the trials drawn whole from which they come."""

import numpy as np
import pytest

from prunelaw_sim.simulation.inputs import Correlated, Gaussian
from prunelaw_sim.simulation.overlaps import Directions, Plane
from prunelaw_sim.simulation.point import make_point
from prunelaw_sim.simulation.whole_trials import draw_whole, probe_rows, teacher_direction


@pytest.mark.parametrize("theta", [1e-9, 0.3, 1.2])
def test_the_plane_is_a_frame_of_directions(theta):
    """The same overlaps, to all digits of a small angle."""
    teacher, across = np.eye(5)[:2]
    probe = np.cos(theta) * teacher + np.sin(theta) * across
    directions = Directions(teacher, probe, Gaussian())
    assert directions.theta == pytest.approx(theta, rel=1e-7)
    J = probe + 1e-3 * np.eye(5)[4]
    one, other = Plane(theta).of(J / np.linalg.norm(J)), directions.of(J)
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_a_whole_trial_has_its_directions_and_the_teachers_labels():
    pool = make_point(4, 1.0, 0.0, "random", 12, 3, "correlated:0.5", "same")
    rows, teacher, probe = draw_whole(pool, 2, None)
    np.testing.assert_array_equal(teacher, teacher_direction(pool, 2))
    assert Directions(teacher, probe, Correlated(0.5)).theta == pytest.approx(pool.theta)
    assert rows.shape == (48, 12) and (rows @ teacher > 0).all()
    assert sorted(map(tuple, rows)) == sorted(map(tuple, probe_rows(pool, 2)))  # it sees the pool
