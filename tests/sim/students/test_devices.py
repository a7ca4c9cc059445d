"""Several devices: the trial axis is divided, and the numbers stay what they are on one."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from prunelaw_sim import simulate
from prunelaw_sim.students.devices import map_students

PROGRAM = """
import jax, json, sys
from prunelaw_sim import max_margin, simulate
result = simulate(3, .5, .3, dim=24, trials=7, seed=5, throw=False)
wide = simulate(.4, .5, .3, dim=60, trials=2, seed=6)
flat = max_margin([[[1, 0], [-1, 0]], [[1, 0], [1, 1]]], throw=False)
json.dump({
    "devices": jax.local_device_count(),
    "error": result.error.tolist(),
    "wide": wide.error.tolist(),
    "separable": flat.separable.tolist(),
}, sys.stdout)
"""


@pytest.mark.parametrize("devices", [2, pytest.param(3, marks=pytest.mark.exhaustive)])
def test_the_numbers_of_several_devices_are_those_of_one(devices):
    """Seven trials and two fill neither two devices nor three equally; bit for bit the same."""
    flags = os.environ.get("XLA_FLAGS", "") + f" --xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    there = json.loads(done.stdout)
    assert there["devices"] == devices
    here = simulate(3, 0.5, 0.3, dim=24, trials=7, seed=5)
    np.testing.assert_array_equal(there["error"], here.error)
    wide = simulate(0.4, 0.5, 0.3, dim=60, trials=2, seed=6)
    np.testing.assert_array_equal(there["wide"], wide.error)
    assert there["separable"] == [False, True]


def test_students_of_a_batch_are_mapped_one_by_one():
    """Any program of one matrix: here the mean of its valid columns."""

    def mean_row(rows, mask):
        return rows @ mask / mask.sum(), mask.sum()

    rows = np.random.default_rng(0).normal(size=(3, 2, 4))
    mask = np.arange(4) < np.array([[4], [2], [1]])
    means, counts = map_students(mean_row, rows, mask)
    np.testing.assert_allclose(means[1], rows[1, :, :2].mean(axis=1), rtol=1e-14)
    assert counts.tolist() == [4, 2, 1] and means.shape == (3, 2)
