"""The small network: it learns, repeats itself, and sees only what it may see."""

import jax
import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.networks.small_network import train_mlp


def blobs(runs: int = 2, count: int = 40):
    """Ten well-separated classes."""
    draw = np.random.default_rng(3)
    labels = draw.integers(10, size=(runs, count))
    return 3 * np.eye(10)[labels] + 0.1 * draw.normal(size=(runs, count, 10)), labels


def test_mlp_learns_and_repeats_itself():
    inputs, labels = blobs()
    first = train_mlp(inputs, labels, inputs, labels, [0, 1], epochs=(1, 30))
    again = train_mlp(inputs, labels, inputs, labels, [0, 1], epochs=(1, 30))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (2, 2)
    assert np.all(first[:, 1] < 0.1)
    other = train_mlp(inputs, labels, inputs, labels, [0, 2], epochs=(1, 30))
    np.testing.assert_array_equal(first[0], other[0])


def test_shorter_run_is_the_beginning_of_a_longer_one():
    """What lets one run stand for all shorter ones: the learning rate is constant."""
    inputs, labels = blobs()
    long = train_mlp(inputs, labels, inputs, labels, [0, 1], epochs=(1, 2, 5))
    short = train_mlp(inputs, labels, inputs, labels, [0, 1], epochs=(2,))
    np.testing.assert_array_equal(long[:, 1], short[:, 0])


def test_mlp_sees_only_its_unique_samples():
    inputs, labels = blobs()
    spoiled = inputs.copy()
    spoiled[:, 20:] = 1e6
    few = {"epochs": (3,), "unique_samples": 20}
    np.testing.assert_array_equal(
        train_mlp(inputs, labels, inputs, labels, [0, 1], **few),
        train_mlp(spoiled, labels, inputs, labels, [0, 1], **few),
    )


def test_mlp_bad_input():
    inputs, labels = blobs()
    for change, words in [
        ({"unique_samples": 25}, "multiple of 10, got 25"),
        ({"unique_samples": 50}, "unique_samples"),
        ({"epochs": ()}, "epochs"),
        ({"epochs": (3, 2)}, "ascending"),
        ({"epochs": (0, 2)}, r"epochs\[0\]"),
        ({"classes": 3}, "labels"),
        ({"learning_rate": -1.0}, "learning_rate"),
    ]:
        with pytest.raises(InputError, match=words):
            train_mlp(inputs, labels, inputs, labels, [0, 1], **({"epochs": (1,)} | change))


def test_results_do_not_depend_on_the_callers_jax_settings():
    inputs, labels = blobs()
    results = []
    for double in (False, True):
        with jax.enable_x64(double):
            results.append(train_mlp(inputs, labels, inputs, labels, [0, 1], epochs=(1, 3)))
            assert jax.config.jax_enable_x64 == double
    np.testing.assert_array_equal(results[0], results[1])
