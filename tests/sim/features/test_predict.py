"""Predicted errors against students trained on the same kinds of examples."""

from dataclasses import replace

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.features import check, question, theory_errors
from prunelaw_sim.features import predict as predict_module
from prunelaw_sim.features.predict import predict

DIM = 12


def examples(n, seed, classes=2):
    """Gaussian classes; labels by class."""
    rng = np.random.default_rng(seed)
    place = (np.arange(DIM) + 0.5) / DIM
    y = rng.integers(classes, size=n)
    means = np.stack([0.9 * np.cos(np.pi * (k + 1) * place) for k in range(classes)])
    return rng.normal(size=(n, DIM)) * (0.5 + place) + means[y] + 2.0, y


@pytest.fixture(scope="module")
def found():
    """The answer for a probe of another 60 examples, with its check."""
    x, y = examples(1200, 0)
    others, labels = examples(60, 1)
    theta = np.linalg.lstsq(others - 2.0, 2.0 * labels - 1.0, rcond=None)[0]
    return predict(
        x, y, probe=theta, penalty=1.0, intercept=False,
        pools=[100, 600], keep=0.3, trials=8,
    )  # fmt: skip


def test_theory_agrees_with_training(found):
    assert [(p.rule, p.pool, p.kept) for p in found.points[:3]] == [
        ("hard", 100, 30), ("easy", 100, 30), ("random", 100, 30),
    ]  # fmt: skip
    for point in (*found.points, *found.unpruned):
        apart = abs(point.theory - point.trained)
        assert apart <= 4.0 * np.hypot(point.theory_se, point.trained_se) + 0.01
        assert (point.error, point.source) == (point.theory, "theory")  # it is trusted
    assert found.verdict == "trust" and found.deviation < 0.05


def test_what_is_best_and_which_rows(found):
    best = found.best[1]
    assert best.error == min(p.error for p in found.points if p.pool == 600)
    gain = found.against_random(best)
    others = [p for p in found.points if (p.pool, p.rule) == (600, "random")]
    assert gain is None or gain.value == others[0].error - best.error
    rows = found.rows_to_keep(next(p for p in found.points if p.rule == "hard"))
    assert len(rows) == 360
    inside, outside = np.abs(found.scores[rows]), np.delete(np.abs(found.scores), rows)
    assert inside.max() <= outside.min()
    plain = found.to_dict()
    assert plain["points"][0]["kept"] == 30 and plain["verdict"] == "trust"


def test_a_theory_that_is_not_trusted_does_not_answer_where_students_were_trained(monkeypatch):
    """A theory whose errors are half too high."""

    def wrong(*given, **options):
        found = theory_errors.predicted(*given, **options)
        return replace(found, error=1.5 * found.error)

    monkeypatch.setattr(predict_module, "predicted", wrong)
    x, y = examples(400, 2)
    answer = predict(x, y, probe=np.ones(DIM), pools=[100, 390], keep=0.3, trials=4, clusters=1)
    assert answer.verdict == "do not trust" and "off by" in answer.reason
    sources = {point.pool: point.source for point in answer.points}
    assert sources == {100: "trained", 390: "theory"}
    assert all(p.error == p.trained for p in answer.points if p.pool == 100)


def test_a_probe_is_trained_on_examples_that_count_for_nothing_else():
    x, y = examples(400, 3)
    answer = predict(x, y, pools=100, keep=0.5, rules=["hard", "random"], check=False)
    assert answer.probe_examples == 40 and len(answer.data.rows) == 360
    assert answer.verdict == "not checked" and np.isnan(answer.points[0].trained)
    assert answer.clusters["hard"] == 1 and 0.0 < answer.points[0].error < 0.5


def test_scores_and_several_classes():
    x, y = examples(600, 4, classes=3)
    scores = np.random.default_rng(0).normal(size=600)
    answer = predict(
        x, y, scores=scores, pools=200, keep=0.5, rules=["hard", "random"], loss="square", trials=5
    )
    hard, random = answer.points
    assert hard.theory == pytest.approx(random.theory, rel=0.15)  # the score says nothing
    assert random.theory == pytest.approx(random.trained, rel=0.2)
    assert any("one student against the rest" in note for note in answer.notes)
    with pytest.raises(InputError, match="more than two classes"):
        predict(x, y, scores=scores, pools=200, penalty="optimal", check=False)


def test_many_features_are_taken_in_their_principal_components(monkeypatch):
    x, y = examples(300, 5)
    data = question.checked_data(
        x, y, np.arange(1.0, DIM + 1), 0.5, None, None, question.Student(), 0
    )
    monkeypatch.setattr(theory_errors, "MOST_DIMS", 4)
    small = theory_errors.reduced(data)
    assert small.features.shape == (300, 5)  # and the probe's direction
    theta, offset = small.probe
    np.testing.assert_allclose(small.features @ theta + offset, data.score, atol=1e-9)
    assert 0.3 < theory_errors.share_of_variance(data) < 1.0
    assert check.can_be_trained(data, 240) and not check.can_be_trained(data, 241)


def test_the_optimal_penalty_is_used():
    x, y = examples(300, 6)
    answer = predict(
        x, y, probe=np.ones(DIM), penalty="optimal", pools=60, keep=0.5, rules="random", check=False
    )
    fixed = predict(
        x, y, probe=np.ones(DIM), penalty=1e-3, pools=60, keep=0.5, rules="random", check=False
    )
    assert answer.student.penalty > 0.1
    assert answer.points[0].error < fixed.points[0].error


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"probe": np.ones(3)}, "probe must be a vector of 12 numbers"),
        ({"probe": np.zeros(DIM)}, "probe must not be 0"),
        ({"probe": np.ones(DIM), "scores": np.ones(100)}, "say it twice"),
        ({"scores": np.ones(5)}, "scores must be 100"),
        ({"keep": 0.0}, "keep must be"),
        ({"rules": "band:0,1"}, "rules must be among"),
        ({"scores": np.ones(100), "rules": "signed-hard"}, "needs a probe"),
        ({"pools": 10, "keep": 0.1}, "than 2 examples"),
        ({"penalty": 0.0}, "penalty must be"),
        ({"loss": "absolute"}, "loss must be one of"),
        ({"probe_examples": 90}, "probe_examples must be at most 60"),
        ({"clusters": "many"}, "clusters must be one of"),
    ],
)
def test_bad_input(options, words):
    x, y = examples(100, 7)
    with pytest.raises(InputError, match=words):
        predict(x, y, **{"pools": 50, **options})
    with pytest.raises(InputError, match="class 1 has 10 examples"):
        predict(x, (np.arange(100) < 10).astype(int), probe=np.ones(DIM))
    with pytest.raises(InputError, match="labels must be 100, one for each row"):
        predict(x, y[:50])


def test_a_given_probe_reads_centred_features():
    x, y = examples(200, 8)
    theta, student = np.arange(1.0, DIM + 1), question.Student()
    read = [
        question.checked_data(x, y, theta, 0.5, None, None, student, 0, centred).score
        for centred in (True, False)
    ]
    np.testing.assert_allclose(read[0], (x - x.mean(axis=0)) @ theta + 0.5, atol=1e-9)
    np.testing.assert_allclose(read[1], x @ theta + 0.5, atol=1e-9)
