"""Real sweeps: what a unit measures, by plain steps; the same store however it came about."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sim.sweeps.real_sweeping import design, write_blobs

from prunelaw.errors import ConvergenceError, InputError, TableError
from prunelaw_sim.common.kept_examples import kept_examples
from prunelaw_sim.networks.datasets import Dataset, load_dataset
from prunelaw_sim.networks.models import as_model
from prunelaw_sim.networks.recipes import as_recipe
from prunelaw_sim.networks.training import train_models
from prunelaw_sim.scores import ScoreInputs, compute_score
from prunelaw_sim.sweeps.design import read_design
from prunelaw_sim.sweeps.real import RealDesign
from prunelaw_sim.sweeps.real_measure import _drawn
from prunelaw_sim.sweeps.runner import run_sweep
from prunelaw_sim.sweeps.store import Store, StoreError
from prunelaw_sim.sweeps.tables import points_table, to_sweep, trials_table
from prunelaw_sim.verification.store_check import check_theory

PROGRAM = Path(__file__).with_name("real_sweeping.py")


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    write_blobs(path)
    return path


@pytest.fixture(scope="module")
def finished(blobs, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "a.db"
    assert run_sweep(design(blobs), path).complete
    return path


def digest(path):
    with Store.open(path) as store:
        return store.digest()


def trial_of(wanted, position, trial):
    return _drawn(
        wanted.points[position],
        load_dataset(wanted.points[position]["dataset"]),
        wanted.point_seed(position),
        trial,
    )


def test_a_design_is_its_text(blobs):
    wanted = design(blobs)
    assert read_design(wanted.to_json()) == wanted and wanted.n_units == 8
    assert wanted.describe(3).endswith("score=random size=40")
    assert len({wanted.point_seed(i) for i in range(4)}) == 1
    assert design(blobs, seed=1).point_seed(0) != wanted.point_seed(0)
    assert sum(wanted.cost(unit) for unit in wanted.units()) > 0


def test_trials_share_what_they_may_and_see_no_test(blobs):
    """Common tests over sizes and scores, smaller pools inside larger, kept sets that grow."""
    wanted = design(blobs)
    small, large, other = (trial_of(wanted, i, 1) for i in (0, 1, 3))
    np.testing.assert_array_equal(small.tests, large.tests)
    np.testing.assert_array_equal(small.tests, other.tests)
    assert small.student_seed == large.student_seed == other.student_seed
    assert set(small.kept[1.0, "random"]) < set(large.kept[1.0, "random"])
    assert not set(large.tests) & set(large.kept[1.0, "random"])
    assert set(large.kept[0.25, "random"]) < set(large.kept[0.5, "random"])
    np.testing.assert_array_equal(large.kept[0.5, "random"], other.kept[0.5, "random"])
    assert not set(large.kept[0.5, "hard"]) & set(large.kept[0.5, "easy"])
    again = trial_of(wanted, 0, 2)
    assert set(again.tests) != set(small.tests)
    assert (small.probe_error is None, other.probe_error is None) == (False, True)


def test_a_unit_by_plain_steps(blobs, finished):
    """One cell of trial 2, which is alone in its unit: split, score, prune, train, test."""
    wanted, data = design(blobs), load_dataset(f"npz:{blobs}")
    seed, recipe = wanted.point_seed(1), as_recipe("epochs=3,batch_size=8")
    order = np.random.default_rng([seed, 2, 0]).permutation(120)
    tests, outside, pool = order[:30], order[30:50], order[50:90]
    score_seed, tie_seed, student = (
        int(np.random.SeedSequence([seed, 2, i]).generate_state(1)[0]) for i in (1, 2, 3)
    )
    inputs = ScoreInputs(data, pool, outside, as_model("softmax"), recipe, score_seed)
    found = compute_score("margin", inputs)
    kept = kept_examples(
        found.values, 0.25, "easy", seed=tie_seed, labels=data.labels[pool], class_share=0.5
    )
    assert len(kept) == 10
    trained = train_models(
        "softmax", data.inputs, data.labels, 2, pool[kept][None], [student], recipe
    )
    wrong = trained.logits(data.inputs[tests])[0].argmax(axis=1) != data.labels[tests]
    with Store.open(finished) as store:
        columns = dict(store.by_point())[1]
    assert columns["error easy 0.25"][2] == np.mean(wrong)
    assert columns["probe_error"][2] == found.probe_error
    assert columns["score_cost"][2] == found.cost_samples
    assert columns["classes easy 0.25"][2] == 2


def test_tables(finished):
    with Store.open(finished) as store:
        sweep, cells, runs = to_sweep(store), points_table(store), trials_table(store)
    assert len(sweep) == len(runs) == 4 * 9 * 3 and len(cells) == 4 * 9
    first = runs[runs["run"] == cells["run"][0] + " seed1"].iloc[0]
    assert (first["unique_samples"], first["samples_seen"], first["epochs"]) == (5, 15, 3)
    assert (first["dataset_size"], first["keep_fraction"], first["rule"]) == (20, 0.25, "hard")
    # 16 weights; 3 epochs of 5 students' examples, and of the probe's 20, 20 passed forward.
    assert first["compute"] == pytest.approx(3 * 16 * (15 + 60 + 20 / 3))
    assert first["parameters"] == 18
    random = runs[(runs["rule"] == "random") & (runs["keep_fraction"] == 0.25)].iloc[0]
    assert random["compute"] == 3 * 16 * 15
    assert set(runs.loc[runs["keep_fraction"] == 1, "rule"]) == {"random"}
    assert runs["error_se"].min() > 0
    assert set(sweep["score"]) == {"margin", "random"}
    assert not {"theta", "probe_error"} & set(sweep.columns) and "theta" not in runs
    assert np.all(np.isnan(runs["probe_error"]) == (runs["score"] == "random"))
    means = runs.groupby(["score", "dataset_size", "keep_fraction", "rule"])["error"]
    for row in cells.to_dict("records"):
        key = (row["score"], row["dataset_size"], row["keep_fraction"], row["rule"])
        errors = means.get_group(key)
        assert row["error"] == pytest.approx(errors.mean()) and row["trials"] == 3
        assert row["error_se"] == pytest.approx(errors.std(ddof=1) / 3**0.5)


def test_theta_is_that_of_the_probe(blobs, tmp_path):
    run_sweep(design(blobs, score="margin", size=20, keep=0.5), tmp_path / "a.db")
    with Store.open(tmp_path / "a.db") as store:
        ((_, columns),) = store.by_point()
        sweep = to_sweep(store).select(rule="hard")
    np.testing.assert_allclose(sweep["theta"], np.pi * columns["probe_error"])
    assert len(sweep.frame.groupby("group")) == 1


def test_one_seed_has_no_standard_error_over_seeds(blobs, tmp_path):
    run_sweep(design(blobs, score="random", size=20, keep=0.5, trials=1), tmp_path / "a.db")
    with Store.open(tmp_path / "a.db") as store:
        assert "error_se" not in points_table(store) and "error_se" in trials_table(store)


def test_another_kind_of_store(finished, blobs):
    from prunelaw_sim.sweeps.simulated import Design

    with Store.open(finished) as store, pytest.raises(InputError, match="kind perceptron"):
        check_theory(store)
    simulated = Design.grid(alpha_tot=1.0, f=0.5)
    with pytest.raises(StoreError, match="it is of kind real, not perceptron"):
        Store.create(finished, simulated)
    assert '"kind"' not in simulated.to_json()  # as in stores of before
    with pytest.raises(InputError, match="kind of a design"):
        read_design('{"kind": "dream"}')


def test_one_and_two_workers_and_a_kill_give_the_same_store(blobs, finished, tmp_path):
    assert run_sweep(design(blobs), tmp_path / "two.db", executor=2).complete
    assert digest(tmp_path / "two.db") == digest(finished)
    killed = tmp_path / "killed.db"
    sweep = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(killed), str(blobs)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "SECONDS_A_UNIT": "0.5"},
    )
    limit, done = time.monotonic() + 60, 0
    while not done and time.monotonic() < limit and sweep.poll() is None:
        if killed.exists() and killed.stat().st_size:
            with Store.open(killed) as store:
                done = store.status().done
        time.sleep(0.05)
    sweep.send_signal(signal.SIGKILL)
    sweep.wait()
    again = run_sweep(design(blobs), killed)
    assert again.complete and 0 < again.measured < 8
    assert digest(killed) == digest(finished)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"dataset": "imagenet"}, "dataset must be one of"),
        ({"model": "resnet"}, "model must be"),
        ({"score": "beauty"}, "score"),
        ({"size": 71}, "size must be at most 70, what 120 examples"),
        ({"size": 3, "keep": 0.1}, "keeps no example of size=3"),
        ({"keep": [0.5, 0.5]}, "hard 0.5 twice"),
        ({"keep": 1.5}, "keep must be"),
        ({"rules": "best"}, "rule must be"),
        ({"rules": "quantiles:0.4,0.6"}, "f must be at most 0.2"),
        ({"recipe": "epochs=0"}, "epochs"),
        ({"class_share": 2.0}, "class_share"),
        ({"tests": 0}, "tests"),
        ({"trials": 0}, "trials"),
        ({"size": [20, 20]}, "points 0 and 1 are the same"),
        ({"size": []}, "at least one point"),
    ],
)
def test_bad_designs(blobs, change, words):
    with pytest.raises(InputError, match=words):
        design(blobs, **({"score": "margin", "size": 20} | change))


def test_arrays_without_a_file_and_files_that_change(tmp_path):
    data = Dataset("digits", np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1]))
    with pytest.raises(InputError, match=r"save them with np\.savez"):
        RealDesign.grid(dataset=data, model="softmax", size=2, keep=1.0)
    write_blobs(tmp_path / "a.npz")
    wanted = design(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", inputs=np.eye(4), labels=[0, 1, 0, 1])
    with pytest.raises(ConvergenceError, match="has changed since the sweep was begun"):
        run_sweep(wanted, tmp_path / "a.db")


def test_absent_classes_are_refused_unless_allowed(blobs, tmp_path):
    """Two of twenty examples, no class guaranteed: in some trial both are of one class."""
    given = {"score": "random", "size": 20, "keep": 0.1, "rules": "hard", "class_share": 0.0}
    with pytest.raises(ConvergenceError, match="keeps 1 of 2 classes"):
        run_sweep(design(blobs, **given, trials=8), tmp_path / "a.db")
    allowed = design(blobs, **given, trials=8, absent_classes=True)
    run_sweep(allowed, tmp_path / "b.db")
    with Store.open(tmp_path / "b.db") as store:
        assert set(trials_table(store)["classes_kept"]) == {1, 2}


def test_an_empty_store_has_no_table(blobs, tmp_path):
    with Store.create(tmp_path / "a.db", design(blobs)) as store:
        assert trials_table(store).empty and points_table(store).empty
        with pytest.raises(TableError, match="error"):
            to_sweep(store)
