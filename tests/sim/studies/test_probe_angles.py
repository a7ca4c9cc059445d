"""Angles of simulated perceptron probes, which are known, from their errors and agreement."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.studies.probe_angles import (
    angle_from_correlations,
    angle_from_errors,
    field_correlation,
)

DIMENSION, EXAMPLES, SEEDS = 200, 2000, 12


def probes_of(theta, seed, shared=0.0):
    """Inputs, labels, and two directions at `theta` whose own parts correlate by `shared`."""
    rng = np.random.default_rng(seed)
    own = np.linalg.qr(rng.normal(size=(DIMENSION, 4)))[0].T
    teacher, a, b, c = own
    parts = [np.sqrt(shared) * c + np.sqrt(1 - shared) * part for part in (a, b)]
    inputs = rng.normal(size=(EXAMPLES, DIMENSION))
    directions = [np.cos(theta) * teacher + np.sin(theta) * part for part in parts]
    return np.sign(inputs @ teacher), inputs @ directions[0], inputs @ directions[1]


def measured(theta, shared=0.0):
    drawn = [probes_of(theta, seed, shared) for seed in range(SEEDS)]
    wrong = np.array([int(np.sum(y * z < 0)) for y, z, _ in drawn])
    correlations = np.array([field_correlation(z, twin) for _, z, twin in drawn])
    tested = np.full(SEEDS, EXAMPLES)
    return angle_from_errors(wrong, tested), angle_from_correlations(correlations)


@pytest.mark.parametrize("theta", [0.1, 0.5, 1.2])
def test_both_estimates_find_the_angle(theta):
    for angle in measured(theta):
        assert abs(angle.value - theta) < 4 * angle.standard_error
        assert angle.interval[0] < angle.value < angle.interval[1]
        assert angle.standard_error < 0.02


def test_shared_errors_make_the_correlation_cos2_plus_r_sin2():
    theta, shared = 0.8, 0.4
    by_error, by_correlation = measured(theta, shared)
    expected = np.arccos(np.sqrt(np.cos(theta) ** 2 + shared * np.sin(theta) ** 2))
    assert abs(by_correlation.value - expected) < 4 * by_correlation.standard_error
    assert abs(by_error.value - theta) < 4 * by_error.standard_error
    assert by_correlation.value < theta - 0.1


def test_signed_by_the_label_fields_correlate_less():
    """The module's formula for y z and y z', which is not the one to invert."""
    theta = 0.6
    pairs = [probes_of(theta, seed) for seed in range(SEEDS)]
    found = np.array([field_correlation(y * z, y * twin) for y, z, twin in pairs])
    c2 = np.cos(theta) ** 2
    expected = (1 - 2 / np.pi) * c2 / (1 - 2 / np.pi * c2)
    assert abs(found.mean() - expected) < 4 * found.std(ddof=1) / np.sqrt(SEEDS)


def test_interval_of_no_errors_is_the_rule_of_three():
    angle = angle_from_errors(np.array([0, 0]), np.array([500, 500]), level=0.9)
    assert angle.value == 0 and angle.interval[0] == 0
    assert angle.interval[1] == pytest.approx(np.pi * (1 - 0.05 ** (1 / 1000)), rel=1e-9)


def test_what_is_no_angle_is_refused():
    with pytest.raises(InputError, match=r"at most 1/2, got 0\.6"):
        angle_from_errors(np.array([6]), np.array([10]))
    with pytest.raises(InputError, match=r"wrong / tested.*in \[0, 1\]"):
        angle_from_errors(np.array([11]), np.array([10]))
    with pytest.raises(InputError, match=r"mean correlation must be above 0, got -0\.1"):
        angle_from_correlations(np.array([-0.2, 0.0, -0.1, -0.1, -0.1]))
    with pytest.raises(InputError, match="at least 5 seeds, got 1"):
        angle_from_correlations(np.array([0.5]))
    with pytest.raises(InputError, match="must vary"):
        field_correlation(np.zeros(3), np.arange(3.0))
    with pytest.raises(InputError, match="one length"):
        field_correlation(np.zeros(3), np.arange(4.0))
