"""Students, inputs, probes and label noise in designs, stores and tables; the usual ones unseen."""

import json

import numpy as np
import pytest

from prunelaw import solve, solve_ridge
from prunelaw.errors import InputError
from prunelaw_sim.common.text_forms import CHOICES
from prunelaw_sim.simulation.expectations import predicted_error
from prunelaw_sim.simulation.inputs import Correlated
from prunelaw_sim.simulation.probes import expected_theta
from prunelaw_sim.simulation.teacher import draw_kept
from prunelaw_sim.simulation.trials import simulate
from prunelaw_sim.students.catalogue.ridge import Ridge
from prunelaw_sim.sweeps.runner import run_sweep
from prunelaw_sim.sweeps.simulated import AXES, Design
from prunelaw_sim.sweeps.store import Store
from prunelaw_sim.sweeps.tables import points_table, to_sweep, trials_table
from prunelaw_sim.verification.store_check import check_theory

USUAL = Design.grid(alpha_tot=[1, 3], f=[0.2, 0.5], rule=["hard", "easy"], dim=30, trials=60)
MIXED = Design.from_points(
    [
        {"alpha_tot": 3, "f": 0.5, "theta": 0.3, "dim": 20},
        {"alpha_tot": 3, "f": 0.5, "dim": 20, "probe": "same"},
        {"alpha_tot": 3, "f": 0.5, "theta": 0.3, "dim": 20, "student": Ridge(0.1),
         "label_noise": 0.1, "inputs": "signs"},
    ],
    trials=6, unit=4, seed=2,
)  # fmt: skip


def test_designs_and_pools_are_those_of_before_there_were_choices():
    """Seeds, texts and numbers of the version without choices."""
    found = json.loads(USUAL.to_json())
    assert found["axes"] == list(AXES) and found["points"][0] == [1.0, 0.2, 0.0, "hard", 30]
    assert set(found) == {"axes", "points", "trials", "seed", "unit", "paired"}
    assert (USUAL.point_seed(0), USUAL.point_seed(7)) == (2553468062286954, 2684928590821588)
    rows = draw_kept(3, 0.5, 0.3, dim=20, seed=4)
    expected = [0.4902742118961046, -1.5917763859164373, 2.874767170601976]
    np.testing.assert_allclose(rows[0, :3], expected, rtol=1e-12)
    assert rows[-1, -1] == pytest.approx(-0.4943208166923206, rel=1e-12)


def test_usual_choices_that_are_named_change_nothing():
    named = Design.grid(
        alpha_tot=[1, 3], f=[0.2, 0.5], rule=["hard", "easy"], dim=30, trials=60, **CHOICES
    )
    assert named == USUAL and named.to_json() == USUAL.to_json()
    plain, chosen = (simulate(3, 0.5, dim=20, trials=3, **more) for more in ({}, CHOICES))
    assert all((plain.per_trial[name] == chosen.per_trial[name]).all() for name in plain.per_trial)


def test_a_point_keeps_what_is_not_usual_in_canonical_form():
    assert set(MIXED.points[0]) == set(AXES)
    assert MIXED.points[1]["probe"] == "same" and MIXED.points[1]["theta"] == 0.0
    assert (MIXED.points[2]["student"], MIXED.points[2]["label_noise"]) == ("ridge:0.1", 0.1)
    assert MIXED.axes == (*AXES, *CHOICES)
    assert Design.from_json(MIXED.to_json()) == MIXED
    seeds = [Design.from_json(MIXED.to_json()).point_seed(i) for i in range(3)]
    assert seeds == [MIXED.point_seed(i) for i in range(3)] and len(set(seeds)) == 3


def test_one_usual_point_has_one_seed_whatever_else_is_in_the_design():
    alone = Design.from_points(MIXED.points[:1], seed=2)
    assert alone.point_seed(0) == MIXED.point_seed(0)


def test_students_share_random_numbers_if_they_are_paired():
    axes = {"alpha_tot": 3, "f": 0.5, "student": ["max-margin", "ridge:1"]}
    apart, paired = Design.grid(**axes), Design.grid(**axes, paired=("rule", "student"))
    assert apart.point_seed(0) != apart.point_seed(1)
    assert paired.point_seed(0) == paired.point_seed(1)


def test_grids_take_choices_as_texts_and_objects():
    design = Design.grid(alpha_tot=3, f=0.5, inputs=["gaussian", Correlated(0.5)])
    assert [point.get("inputs") for point in design.points] == [None, "correlated:0.5"]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"student": ["max-margin", "svm"]}, "point 1: student must be"),
        ({"inputs": "uniform"}, "point 0: inputs must be"),
        ({"probe": "same:4"}, "point 0: ALPHA of probe same:4 must be at most"),
        ({"probe": "same", "theta": 0.2}, "point 0: theta must be left out"),
        ({"label_noise": 0.1}, "point 0: label_noise must be 0 for student max-margin"),
        ({"student": ["ridge:1", "ridge:1.0"]}, "points 0 and 1 are the same .*student=ridge:1"),
    ],
)
def test_bad_choices_are_refused_by_name(axes, words):
    with pytest.raises(InputError, match=words):
        Design.grid(alpha_tot=3, f=0.5, **axes)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "runs.db"
    assert run_sweep(MIXED, path).complete
    with Store.open(path) as store:
        yield store


def test_a_store_holds_what_simulate_gives(stored):
    found = trials_table(stored)
    assert list(found.columns[: len(AXES) + len(CHOICES)]) == [*AXES, *CHOICES]
    for position, point in enumerate(MIXED.points):
        run = simulate(**point, trials=6, seed=MIXED.point_seed(position))
        mine = found[6 * position : 6 * position + 6]
        np.testing.assert_allclose(mine["error"], run.error, rtol=1e-9)
        if run.probe == "same":
            np.testing.assert_allclose(mine["probe_theta"], run.probe_theta, rtol=1e-9)


def test_tables_have_columns_for_choices_and_the_measured_angle(stored):
    table = points_table(stored)
    assert list(table["student"]) == ["max-margin", "max-margin", "ridge:0.1"]
    assert list(table["label_noise"]) == [0.0, 0.0, 0.1]
    run = simulate(**MIXED.points[1], trials=6, seed=MIXED.point_seed(1))
    np.testing.assert_allclose(table["theta"], [0.3, run.theta_mean, 0.3], rtol=1e-9)
    np.testing.assert_allclose(table["theta_se"], [0.0, run.theta_stderr, 0.0], rtol=1e-9)
    assert table["run"].is_unique and table["group"].is_unique
    assert len(to_sweep(stored)) == 3


def test_tables_of_usual_points_have_no_such_columns(tmp_path):
    design = Design.grid(alpha_tot=3, f=0.5, dim=20, trials=2)
    run_sweep(design, tmp_path / "runs.db")
    with Store.open(tmp_path / "runs.db") as store:
        assert not {*CHOICES, "theta_se"} & set(points_table(store).columns)
        assert not {*CHOICES, "probe_theta"} & set(trials_table(store).columns)


def test_rows_of_one_simulation_say_what_it_chose():
    run = simulate(3, 0.5, dim=20, trials=3, student="ridge:0.1", label_noise=0.1)
    row = run.to_sweep_rows().iloc[0]
    assert row.group == "perceptron N=20 theta=0 student=ridge:0.1 label_noise=0.1"
    assert run.changed == {"student": "ridge:0.1", "label_noise": 0.1}


def test_a_store_of_other_students_is_held_against_their_theory(tmp_path):
    """Ridge against `solve_ridge`, an independent probe at pi eps(ALPHA), signs as if Gaussian."""
    points = [
        {"alpha_tot": 3, "f": 0.5, "dim": dim} | choice
        for dim in (20, 40)
        for choice in (
            {"theta": 0.3, "student": "ridge:0.1"},
            {"probe": "independent:2"},
            {"theta": 0.3, "inputs": "signs"},
        )
    ]
    run_sweep(Design.from_points(points, trials=40, unit=40), tmp_path / "runs.db")
    with Store.open(tmp_path / "runs.db") as store:
        found = check_theory(store)
    expected = [
        float(solve_ridge(3, 0.5, 0.3, ridge=0.1).error),
        float(solve(3, 0.5, expected_theta(2.0)).error),
        float(solve(3, 0.5, 0.3).error),
    ]
    np.testing.assert_allclose(found.agreement.theory, expected)
    assert found.agreement.agrees
    assert set(found.table["probe"]) == {"given", "independent:2"}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"probe": "same"}, "the theory says nothing about .*probe=same: the probe was trained on"),
        ({"student": "logistic:1"}, "there is no theory of student logistic:1 with rule hard"),
        ({"student": "ridge:1", "label_noise": 0.1}, "labels are noisy"),
        ({"inputs": "correlated"}, "the inputs are correlated"),
    ],
)
def test_a_point_beyond_the_theory_is_not_held_against_it(choice, words):
    point = Design.grid(alpha_tot=3, f=0.5, **choice).points[0]
    with pytest.raises(InputError, match=words):
        predicted_error(point)
