"""Training runs: they learn, know nothing of each other, and do what plain SGD does."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.features.linear_students import train_linear
from prunelaw_sim.networks import training as training_runs
from prunelaw_sim.networks.models import as_model
from prunelaw_sim.networks.recipes import Recipe, as_recipe
from prunelaw_sim.networks.training import train_models


def blobs(count=40, classes=4):
    """Well-separated classes of 4 × 4 images."""
    rng = np.random.default_rng(3)
    labels = np.arange(count, dtype=np.int32) % classes
    inputs = np.zeros((count, 16)) + 0.1 * rng.normal(size=(count, 16))
    inputs[np.arange(count), labels] += 1.0
    return inputs.reshape(count, 4, 4).astype(np.float32), labels


INPUTS, LABELS = blobs()
SUBSETS = np.array([np.random.default_rng(i).permutation(40)[:22] for i in range(3)])
RECIPE = "epochs=4,batch_size=5,learning_rate=0.3"


def train(model="mlp:6", subsets=SUBSETS, seeds=(0, 1, 2), recipe=RECIPE, **options):
    return train_models(model, INPUTS, LABELS, 4, subsets, seeds, recipe, **options)


def assert_same(first, second):
    jax.tree.map(np.testing.assert_array_equal, first.params, second.params)


def test_runs_together_and_alone_are_the_same_to_the_bit():
    together = train()
    for run in range(3):
        alone = train(subsets=SUBSETS[run : run + 1], seeds=[run])
        assert_same(alone, train(subsets=SUBSETS[[run]], seeds=[run]))
        jax.tree.map(
            lambda one, all_, run=run: np.testing.assert_array_equal(one[0], all_[run]),
            alone.params,
            together.params,
        )


def test_batched_as_on_an_accelerator_the_same_to_rounding(monkeypatch):
    alone = train(trace=np.arange(7))
    monkeypatch.setattr(training_runs, "_together", lambda: 2)
    together = train(trace=np.arange(7))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), alone.params, together.params
    )
    np.testing.assert_allclose(alone.train_loss, together.train_loss, atol=2e-5)
    np.testing.assert_allclose(alone.logits(INPUTS), together.logits(INPUTS), atol=1e-4)
    assert together.correct is not None and together.correct.shape == (3, 4, 7)


def loop(model, subset, seed, recipe):
    """Plain Python: the same draws, one example at a time, slopes by JAX."""
    rng = np.random.default_rng(seed)
    params = as_model(model).init(rng, (4, 4), 4)
    velocity = jax.tree.map(np.zeros_like, params)
    kept, losses, step = len(subset), [], 0
    steps = recipe.steps_in_all(kept)

    def cross_entropy(params, image, label):
        return -jax.nn.log_softmax(as_model(model).logits(params, image[None]))[0, label]

    slope = jax.jit(jax.value_and_grad(cross_entropy))
    while step < steps:
        order = subset[rng.permutation(kept)]
        for start in range(0, kept, recipe.batch_size):
            if step == steps:
                break
            batch = order[start : start + recipe.batch_size]
            found = [slope(params, INPUTS[i], LABELS[i]) for i in batch]
            losses += [float(loss) for loss, _ in found]
            mean = jax.tree.map(lambda *g: np.mean(g, axis=0), *[g for _, g in found])
            friction = 0.9 if recipe.optimizer == "momentum" else 0.0
            velocity = jax.tree.map(lambda v, g, m=friction: m * v + g, velocity, mean)
            rate = recipe.learning_rate
            if recipe.schedule == "cosine":
                rate *= (1 + np.cos(np.pi * step / steps)) / 2
            params = jax.tree.map(
                lambda p, v, r=rate: (p - r * v).astype(np.float32), params, velocity
            )
            step += 1
    return params, losses


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=2, batch_size=5, learning_rate=0.3),
        Recipe(steps=8, batch_size=5, optimizer="momentum", learning_rate=0.1, schedule="cosine"),
    ],
)
def test_training_is_what_a_plain_loop_does(recipe):
    """22 examples in batches of 5: the last batch of a pass holds 2, and 8 steps end in a pass."""
    params, losses = loop("softmax", SUBSETS[1], 1, recipe)
    found = train("softmax", SUBSETS[1:2], [1], recipe)
    assert len(losses) == recipe.samples_seen(22)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b[0], atol=3e-6), params, found.params)
    means = [np.mean(losses[i : i + 22]) for i in range(0, len(losses), 22)]
    np.testing.assert_allclose(found.train_loss[0], means, rtol=1e-5)


def test_blocks_and_traces_change_nothing(monkeypatch):
    """A pass of 5 steps in blocks of 3: the same training, whatever it is cut into."""
    whole = train()
    traced = train(trace=np.array([3, 1, 4]))
    assert_same(whole, traced)
    assert whole.correct is None
    last = traced.logits(INPUTS[[3, 1, 4]]).argmax(axis=2) == LABELS[[3, 1, 4]]
    np.testing.assert_array_equal(traced.correct[:, -1], last)
    np.testing.assert_array_equal(traced.train_loss, whole.train_loss)
    monkeypatch.setattr(training_runs, "BLOCK", 3)
    assert_same(whole, train(trace=np.array([3])))


def test_it_learns_and_features_lead_to_logits():
    found = train(recipe="epochs=30,batch_size=5,optimizer=adam,learning_rate=0.02")
    logits = found.logits(INPUTS)
    assert np.mean(logits.argmax(axis=2) != LABELS) < 0.05
    assert np.all(np.diff(found.train_loss[:, [0, 10, 29]], axis=1) < 0)
    weights, bias = found.params[-1]
    again = found.features(INPUTS) @ weights + bias[:, None]
    np.testing.assert_allclose(logits, again, atol=1e-5)
    assert len(found) == 3


def test_training_goes_on_from_given_parameters():
    """Two times one step are two steps, of one batch that holds all examples."""
    few = {"subsets": SUBSETS[:, :5]}
    one, two = (train(recipe=f"steps={n},batch_size=5", **few) for n in (1, 2))
    more = train(recipe="steps=1,batch_size=5", start=one.params, **few)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), more.params, two.params)
    with pytest.raises(InputError, match="start must hold weights and biases of mlp:6, stacked"):
        train(start=one.params[:1])


def test_results_do_not_depend_on_the_callers_jax_settings():
    usual = train()
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        assert_same(usual, train())
        assert jax.config.jax_enable_x64  # type: ignore[attr-defined]
    assert usual.params[0][0].dtype == np.float32


@pytest.mark.parametrize(
    "change, words",
    [
        ({"seeds": (0, 1)}, "2 seeds"),
        ({"seeds": (0, 1, -1)}, r"seeds\[2\]"),
        ({"subsets": SUBSETS + 20}, "subsets"),
        ({"subsets": SUBSETS[:, :0]}, "at least one example"),
        ({"trace": np.array([40])}, "trace"),
        ({"model": "mlp"}, "model must be"),
        ({"recipe": "passes=3"}, "recipe must be"),
    ],
)
def test_bad_input(change, words):
    with pytest.raises(InputError, match=words):
        train(**change)


def test_divergence_is_an_error_and_no_number():
    with pytest.raises(ConvergenceError, match="learning_rate 1e\\+30 is too large"):
        train(recipe="epochs=4,batch_size=5,learning_rate=1e30")
    with pytest.raises(InputError, match="inputs must be of shape"):
        train().logits(INPUTS[:, :2])


@settings(max_examples=100)
@given(
    kept=st.integers(1, 200),
    batch=st.integers(1, 60),
    length=st.integers(1, 40),
    steps=st.booleans(),
)
def test_what_a_recipe_costs_by_counting(kept, batch, length, steps):
    recipe = Recipe(**{"steps" if steps else "epochs": length}, batch_size=batch)
    one_pass = [min(batch, kept - start) for start in range(0, kept, batch)]
    met = (one_pass * length)[:length] if steps else one_pass * length
    assert recipe.samples_seen(kept) == sum(met)
    assert recipe.steps_in_all(kept) == len(met) == len(recipe.rates(kept))
    assert recipe.epochs_in_all(kept) == -(-len(met) // len(one_pass))


def test_recipes_as_texts():
    recipe = as_recipe("optimizer=adam, learning_rate=1e-3,schedule=cosine,steps=50,batch_size=7")
    assert recipe == Recipe(None, 50, 7, "adam", 1e-3, "cosine")
    assert as_recipe(recipe.name) == recipe and as_recipe(recipe) is recipe
    assert as_recipe("") == Recipe(epochs=20)
    for text, words in [
        ("epochs=2,steps=3", "not both"),
        ("epochs=0", "epochs"),
        ("epochs=1.5", "epochs of a recipe must be a number"),
        ("optimizer=lion", "optimizer"),
        ("learning_rate=0", "learning_rate"),
        ("epochs=2,epochs=2", "each once"),
        ("epochs", "NAME=VALUE"),
    ]:
        with pytest.raises(InputError, match=words):
            as_recipe(text)


@pytest.mark.parametrize("classes", [2, 3])
def test_linear_students_are_certified_and_part_of_every_sweep(classes):
    """`linear:LOSS,PENALTY` is trained to its minimum; logits are those of its fields."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    labels = np.argmax(x[:, :classes] + 0.3 * rng.normal(size=(60, classes)), axis=1)
    subsets = np.array([np.arange(40), np.arange(20, 60)])
    trained = train_models("affine:logistic,0.5", x, labels, classes, subsets, [0, 1], "epochs=1")
    logits = trained.logits(x)
    for run, subset in enumerate(subsets):
        for k in (1,) if classes == 2 else range(classes):
            y = np.where(labels[subset] == k, 1.0, -1.0)
            one = train_linear(x[subset].astype(float), y, penalty=0.5, intercept=True)
            fields = logits[run, :, 1] - logits[run, :, 0] if classes == 2 else logits[run, :, k]
            np.testing.assert_allclose(fields, one.fields(x), atol=1e-5)
    with pytest.raises(InputError, match="no trace, no start"):
        train_models(
            "linear:square,1", x, labels, classes, subsets, [0, 1], "epochs=1", trace=np.arange(3)
        )


@pytest.mark.parametrize(
    "text", ["linear", "linear:logistic", "linear:logistic,x", "affine:logistic,1,bias"]
)
def test_texts_of_linear_models(text):
    with pytest.raises(InputError, match="model must be"):
        as_model(text)
    assert as_model("affine:hinge,0.25").name == "affine:hinge,0.25"
    with pytest.raises(InputError, match="loss of a linear model must be"):
        as_model("linear:cubic,1")
