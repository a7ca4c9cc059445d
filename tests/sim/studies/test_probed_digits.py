"""Students on digits pruned by probes of several qualities."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.studies.probe_angles import angle_from_correlations, angle_from_errors
from prunelaw_sim.studies.probed_digits import KEYS, probed_digits_sweep
from prunelaw_sim.tables.paired_errors import PairedErrors

CELLS = [(60, 0.5, "hard"), (60, 0.5, "quantiles:1"), (60, 0.5, "random"), (60, 1.0, "random")]


def test_sweep_of_two_probes():
    found = probed_digits_sweep(CELLS, probe_images=(60, 30), seeds=range(5))
    errors = PairedErrors.from_frame(found.runs, KEYS)
    assert len(errors) == 8 and errors.seeds == (0, 1, 2, 3, 4)
    better, poorer = errors.part(probe_images=60), errors.part(probe_images=30)
    unseen = (one.select(rule="random").errors for one in (better, poorer))
    np.testing.assert_array_equal(*unseen)  # random keeping looks at no probe
    np.testing.assert_array_equal(better.at(rule="hard"), better.at(rule="quantiles:1"))
    angles = []
    for _, probes in found.probes.groupby("probe_images"):
        angles.append(angle_from_errors(probes["wrong"].to_numpy(), probes["tested"].to_numpy()))
        assert angle_from_correlations(probes["correlation"].to_numpy()).value > 0.5
    assert angles[0].value > angles[1].value  # 30 images make a worse probe than 60


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match="cells must be one or more distinct"):
        probed_digits_sweep([], seeds=[0])
    with pytest.raises(InputError, match="seeds must be one or more distinct"):
        probed_digits_sweep(CELLS, seeds=[0, 0])
    with pytest.raises(InputError, match="size of a cell"):
        probed_digits_sweep([(998, 0.5, "hard")], seeds=[0])
    with pytest.raises(InputError, match="probe_images must be"):
        probed_digits_sweep(CELLS, probe_images=(401,), seeds=[0])
