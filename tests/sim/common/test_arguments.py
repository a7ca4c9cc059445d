"""One number, a seed, and the cores of this process."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.common.arguments import check_seed, one_number
from prunelaw_sim.common.threads import cores


def test_one_number_is_a_float_inside_its_range():
    assert one_number("f", np.array(1), 0.0, 1.0) == 1.0
    with pytest.raises(InputError, match=r"f must be one number for a simulation, got shape"):
        one_number("f", [0.5], 0.0, 1.0)
    with pytest.raises(InputError, match=r"f must be finite and in \(0, 1\], got 0"):
        one_number("f", 0.0, 0.0, 1.0, low_open=True)


def test_seeds_are_integers_that_a_float_holds():
    assert check_seed(2**53 - 1) == 2**53 - 1
    for bad in (-1, 2**53, 0.5):
        with pytest.raises(InputError, match="seed must be an integer"):
            check_seed(bad)


def test_there_is_a_core():
    assert cores() >= 1
