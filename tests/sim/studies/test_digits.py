"""The embedded real sweeps: complete, repeatable, and with the learning curves laws are for."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.studies import digits


def test_features_are_isotropic_as_the_theory_wants():
    inputs, labels = digits.even_odd_features()
    assert inputs.shape == (1797, digits.DIMENSION)
    np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(inputs.T @ inputs / len(inputs), np.eye(inputs.shape[1]), atol=1e-9)
    assert abs(labels.mean()) < 0.02


def test_wrong_seeds_are_refused():
    for seeds in ([], [1, 1], [-1]):
        with pytest.raises(InputError, match="seeds"):
            digits.digits_pruning_sweep(seeds=seeds, quick=True)
        with pytest.raises(InputError, match="seeds"):
            digits.digits_repetition_sweep(seeds=seeds, quick=True)


@pytest.fixture(scope="module")
def pruning():
    """The quick pruning sweep, and the progress it reported."""
    seen: list[tuple[int, int]] = []
    sweep = digits.digits_pruning_sweep(
        quick=True, progress=lambda done, total: seen.append((done, total))
    )
    return sweep, seen


def mean_error(sweep, **wanted) -> float:
    return float(sweep.select(**wanted)["error"].mean())


def test_pruning_sweep_has_every_point_once(pruning):
    sweep, progress = pruning
    grid = digits.QUICK_PRUNING
    assert len(sweep) == grid.seeds * len(grid.sizes) * (1 + 3 * len(grid.values)) == 84
    assert len(sweep.values("run")) == 84
    assert progress[-1] == (84, 84)
    np.testing.assert_allclose(
        sweep["unique_samples"], sweep["dataset_size"] * sweep["keep_fraction"], atol=0.5
    )
    assert np.all(sweep["error_se"] > 0)


def test_pruning_sweep_has_a_learning_curve(pruning):
    sweep, _ = pruning
    whole = [
        mean_error(sweep, keep_fraction=1.0, dataset_size=size)
        for size in digits.QUICK_PRUNING.sizes
    ]
    assert np.all(np.diff(whole) < 0)
    assert whole[0] > 0.2
    assert whole[-1] < 0.1
    few = {"keep_fraction": 0.25, "dataset_size": 40}
    assert mean_error(sweep, rule="easy", **few) < mean_error(sweep, rule="hard", **few)


def test_probe_angle_is_measured_and_useful(pruning):
    sweep, _ = pruning
    assert len(sweep.values("theta")) <= digits.QUICK_PRUNING.seeds
    assert np.all((sweep["theta"] > 0.02) & (sweep["theta"] < 0.5))
    assert any("theta" in note for note in sweep.notes)


def test_pruning_sweep_repeats_itself(pruning):
    sweep, _ = pruning
    alone = digits.digits_pruning_sweep(seeds=[1], quick=True)
    part = sweep.select(seed=1)
    assert alone["run"].tolist() == part["run"].tolist()
    np.testing.assert_allclose(alone["error"], part["error"], atol=1 / digits.TEST_IMAGES + 1e-12)


def test_repetition_sweep_depends_on_samples_and_repeats():
    sweep = digits.digits_repetition_sweep(seeds=[0, 1], quick=True)
    grid = digits.QUICK_REPETITION
    assert len(sweep) == 2 * 2 * len(grid.sizes) * len(grid.values)
    assert len(sweep.values("run")) == len(sweep)
    np.testing.assert_array_equal(sweep["samples_seen"], sweep["epochs"] * sweep["unique_samples"])
    clean = sweep.select(pool="clean")
    assert mean_error(clean, unique_samples=640, epochs=32) < 0.2
    # As many samples seen, but new instead of repeated: better.
    assert mean_error(clean, unique_samples=640, epochs=1) < mean_error(
        clean, unique_samples=40, epochs=16
    )
    assert mean_error(clean, epochs=32) < mean_error(sweep.select(pool="noisy"), epochs=32)
    again = digits.digits_repetition_sweep(seeds=[1], quick=True).frame
    part = sweep.frame.loc[sweep.frame["seed"] == 1].reset_index(drop=True)
    assert again.equals(part)
