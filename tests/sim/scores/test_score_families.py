"""The registered families on the digits: finite, deterministic, costed; they tell what is hard."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy.stats import spearmanr

from prunelaw.errors import InputError
from prunelaw_sim.networks.datasets import Dataset, load_dataset
from prunelaw_sim.networks.models import as_model
from prunelaw_sim.networks.recipes import as_recipe
from prunelaw_sim.scores import ScoreInputs, as_score, catalogue, compute_score
from prunelaw_sim.scores.catalogue import (
    el2n,
    influence_max,
    influence_sum,
    prototypes,
    random,
    ssl_prototypes,
)
from prunelaw_sim.scores.clusters import cluster_centres
from prunelaw_sim.scores.embedding import contrastive_loss, embed
from prunelaw_sim.scores.halves import JudgedByHalves

SCORES = (*catalogue.names(), "el2n:20")
P = 120
FLIPPED = 12  # the pool's first examples have wrong labels, as have their copies outside


@pytest.fixture(scope="module")
def inputs():
    digits = load_dataset("digits")
    order = np.random.default_rng(0).permutation(len(digits))[:400]
    order[P : P + FLIPPED] = order[:FLIPPED]
    labels = digits.labels[order].copy()
    for first in (0, P):
        labels[first : first + FLIPPED] = (labels[first : first + FLIPPED] + 1) % 10
    dataset = Dataset("digits with wrong labels", digits.inputs[order], labels)
    recipe = as_recipe("epochs=60,batch_size=20,optimizer=momentum,learning_rate=0.05")
    return ScoreInputs(dataset, np.arange(P), np.arange(P, 300), as_model("mlp:16"), recipe, 3)


@pytest.fixture(scope="module")
def results(inputs):
    return {name: compute_score(name, inputs) for name in SCORES}


def test_scores_are_finite_and_explained(results):
    for name, result in results.items():
        assert result.values.shape == (P,) and np.isfinite(result.values).all(), name
        assert result.values.dtype == np.float64 and result.provenance
        assert 0 <= result.tied <= P


def test_costs_are_samples_seen_and_a_third_of_those_passed_forward(results):
    epochs, early = 60, 6
    wanted = {
        "random": 0,
        "margin": epochs * 180 + P / 3,
        "el2n": early * P + P / 3,
        "el2n:20": 20 * (early * P + P / 3),
        "forgetting": epochs * (P + P / 3),
        "memorization": 40 * (epochs * 0.7 * P + P / 3),
        "influence-max": 40 * (epochs * 0.7 * P + 180 / 3),
        "influence-sum": 40 * (epochs * 0.7 * P + 180 / 3),
        "ddd": 10 * (epochs * P / 2 + P / 2 / 3),
        "active-learning": 10 * (epochs * P / 2 + P / 2 / 3),
        "prototypes": epochs * P + P / 3,
        "ssl-prototypes": 100_000 + P / 3,
    }
    for name, cost in wanted.items():
        assert results[name].cost_samples == pytest.approx(cost), name
    assert set(wanted) == set(SCORES)


@pytest.mark.parametrize("name", ["el2n:20", "memorization", "influence-max", "ddd"])
def test_most_wrong_labels_are_hard(results, name):
    """For influence: a model gets a copy right whose original it was trained on."""
    ranks = np.argsort(np.argsort(results[name].values))
    assert np.median(ranks[:FLIPPED]) > 0.85 * P


def test_scores_without_labels_do_not_see_them(inputs, results):
    labels = inputs.dataset.labels.copy()
    labels[:FLIPPED] = (labels[:FLIPPED] + 5) % 10
    other = replace(inputs, dataset=Dataset("other labels", inputs.dataset.inputs, labels))
    for name in ("random", "margin", "ssl-prototypes"):
        np.testing.assert_array_equal(compute_score(name, other).values, results[name].values)


def test_same_seed_same_numbers_and_another_seed_others(inputs, results):
    for name in ("random", "el2n", "ddd", "prototypes"):
        np.testing.assert_array_equal(compute_score(name, inputs).values, results[name].values)
        other = compute_score(name, replace(inputs, seed=4)).values
        assert not np.array_equal(other, results[name].values)


def test_more_models_of_el2n_agree_better_with_twenty(inputs, results):
    many = compute_score("el2n:20", replace(inputs, seed=8)).values
    one, twenty = (spearmanr(results[n].values, many).statistic for n in ("el2n", "el2n:20"))
    assert twenty > one and twenty > 0.8


def test_the_probe_reports_its_error_on_the_pool(results):
    error = results["margin"].probe_error
    assert 0 < error < 0.5 and error * P == pytest.approx(round(error * P))
    assert all(r.probe_error is None for name, r in results.items() if name != "margin")


def test_names_are_those_of_the_modules_and_canonical():
    modules = (el2n, influence_max, influence_sum, prototypes, random, ssl_prototypes)
    for name, module in zip(
        ("el2n", "influence-max", "influence-sum", "prototypes", "random", "ssl-prototypes"),
        modules,
        strict=True,
    ):
        assert as_score(name) == module.SCORE() and module.SCORE().name == name
    assert as_score("el2n:1") == el2n.SCORE() and as_score("el2n:20").name == "el2n:20"
    assert as_score("prototypes:7").name == "prototypes:7"
    assert as_score("memorization:40").name == "memorization"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("el3n", "score must be one of active-learning, ddd"),
        ("random:3", "score must be one of"),
        ("el2n:0", "models of el2n must be an integer of at least 1"),
        ("el2n:1.5", "models of el2n must be an integer, got 1.5"),
        ("el2n:inf", "models of el2n must be an integer, got inf"),
        (
            "memorization:9",
            "models of memorization must be an integer of at least 10",
        ),
        ("ssl-prototypes:0", "clusters of ssl-prototypes must be an integer of at least 1"),
        (3, "score must be one of"),
    ],
)
def test_bad_names(name, message):
    with pytest.raises(InputError, match=message):
        as_score(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": np.arange(1)}, "pool must hold 2 examples or more, got 1"),
        ({"pool": np.array([0, 0, 1])}, "hold example 0 twice"),
        ({"outside": np.array([3, 200])}, "hold example 3 twice"),
        ({"outside": np.array([400])}, r"outside must hold numbers of the 400 examples"),
        ({"pool": np.array([-1, 2])}, "pool must hold numbers"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_bad_inputs(inputs, change, message):
    with pytest.raises(InputError, match=message):
        replace(inputs, **change)


def test_scores_that_need_others_say_so(inputs):
    alone = replace(inputs, outside=np.arange(0))
    for name in ("margin", "influence-max"):
        with pytest.raises(InputError, match="outside must hold one or more, got none"):
            compute_score(name, alone)
    with pytest.raises(InputError, match="2 epochs or more"):
        compute_score("forgetting", replace(inputs, recipe=as_recipe("epochs=1")))


def test_half_of_the_models_judge_an_example(inputs):
    judges, logits, cost, _ = JudgedByHalves(4).judged(inputs)
    np.testing.assert_array_equal(judges.sum(axis=0), np.full(P, 2))
    assert logits.shape == (4, P, 10) and cost == 4 * (60 * P / 2 + P / 2 / 3)


def test_contrastive_loss_against_a_loop():
    z = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    total = 0.0
    for i in range(6):
        others = sum(np.exp(unit[i] @ unit[k] / 0.2) for k in range(6) if k != i)
        total -= np.log(np.exp(unit[i] @ unit[(i + 3) % 6] / 0.2) / others) / 6
    assert float(jax.jit(contrastive_loss)(z)) == pytest.approx(total, rel=1e-5)


def test_the_embedding_tells_digits_apart_without_labels(inputs):
    """The nearest neighbour in it is of the same class as often as in the pixels themselves."""
    pixels, labels = inputs.dataset.inputs[:300].reshape(300, -1), load_dataset("digits").labels
    order = np.random.default_rng(0).permutation(len(labels))[:300]
    order[P : P + FLIPPED] = order[:FLIPPED]
    true = labels[order]
    codes, samples = embed(pixels, np.random.default_rng(0))
    for points in (codes, pixels - pixels.mean(axis=0)):
        unit = points / np.linalg.norm(points, axis=1, keepdims=True)
        alike = unit @ unit.T - 2 * np.eye(300)
        assert np.mean(true[alike.argmax(axis=1)] == true) > 0.9
    assert samples == 100_000
    assert np.isfinite(embed(np.zeros_like(pixels), np.random.default_rng(0))[0]).all()


def test_centres_of_separate_clouds_are_their_means():
    directions = np.eye(3)[np.repeat([0, 1, 2], 20)]
    cloud = directions + 0.05 * np.random.default_rng(5).normal(size=directions.shape)
    unit = cloud / np.linalg.norm(cloud, axis=1, keepdims=True)
    centres = cluster_centres(7.0 * cloud, 3, 0)
    means = np.stack([unit[20 * k : 20 * (k + 1)].mean(axis=0) for k in range(3)])
    order = np.argmax(centres, axis=1)
    np.testing.assert_allclose(centres[np.argsort(order)], means, atol=1e-12)


def test_more_clusters_than_examples_are_refused():
    with pytest.raises(InputError, match="clusters must be at most the 3 examples"):
        cluster_centres(np.eye(3), 4, 0)
