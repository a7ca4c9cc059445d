"""Designs: labelled points, seeds that depend on the point alone, and clear refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.errors import InputError
from prunelaw.keep import Band, Piecewise
from prunelaw_sim.sweeps.simulated import AXES, Design, Unit

GRID = Design.grid(alpha_tot=[1, 3], f=[0.2, 0.5], rule=["hard", "easy"], dim=30, trials=60)


def test_a_grid_is_every_combination_the_last_axis_fastest():
    assert len(GRID.points) == 8 and all(tuple(point) == AXES for point in GRID.points)
    assert [point["rule"] for point in GRID.points[:3]] == ["hard", "easy", "hard"]
    assert GRID.points[0] == {"alpha_tot": 1.0, "f": 0.2, "theta": 0.0, "rule": "hard", "dim": 30}


def test_units_cover_all_trials_once():
    units = list(GRID.units())
    assert units[:3] == [Unit(0, 0, 25), Unit(0, 25, 25), Unit(0, 50, 10)]
    assert len(units) == len(set(units)) == GRID.n_units == 24
    assert sum(unit.trials for unit in units) == 8 * 60


def test_a_seed_depends_on_the_point_and_not_on_its_place():
    backwards = Design.from_points(GRID.points[::-1], trials=60)
    seeds = [GRID.point_seed(i) for i in range(8)]
    assert [backwards.point_seed(7 - i) for i in range(8)] == seeds
    assert all(0 <= seed < 2**53 for seed in seeds)


def test_rules_share_a_pool_and_other_points_do_not():
    seeds = [GRID.point_seed(i) for i in range(8)]
    assert seeds[::2] == seeds[1::2] and len(set(seeds)) == 4
    alone = Design.from_points(GRID.points, trials=60, paired=())
    assert len({alone.point_seed(i) for i in range(8)}) == 8
    assert GRID.point_seed(0) != Design.from_points(GRID.points, seed=1).point_seed(0)


@given(
    st.lists(
        st.tuples(st.floats(0.5, 50), st.floats(0.3, 1), st.floats(0, 1.5), st.integers(20, 500)),
        min_size=1,
        max_size=6,
        unique=True,
    ),
    st.integers(0, 2**53 - 1),
)
def test_the_text_of_a_design_gives_the_design(rows, seed):
    points = [dict(zip(("alpha_tot", "f", "theta", "dim"), row, strict=True)) for row in rows]
    design = Design.from_points(points, seed=seed, unit=7, paired=("rule", "theta"))
    again = Design.from_json(design.to_json())
    assert again == design
    assert [again.point_seed(i) for i in range(len(rows))] == [
        design.point_seed(i) for i in range(len(rows))
    ]


def test_numbers_of_numpy_are_numbers():
    design = Design.grid(alpha_tot=np.array([1.0]), f=np.float64(0.5), dim=np.int64(30))
    assert design == Design.grid(alpha_tot=1, f=0.5, dim=30)
    assert Design.from_json(design.to_json()) == design


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"alpha_tot": 3, "f": 0.5, "width": 3}, "axes must be among .*'width'"),
        ({"alpha_tot": 3}, "point 0: f must be given: the rule hard works at any"),
        ({"f": 0.5}, "axis alpha_tot must be given"),
        ({"alpha_tot": 3, "f": 0.2, "rule": "band:0.1,0.4"}, "point 0: f must be 0.231"),
        ({"alpha_tot": 3, "rule": Band(0.1, 1 / 3)}, "has no text form that gives exactly"),
        ({"alpha_tot": 3, "rule": Piecewise([0, 1], [0.5])}, "has no text form"),
        ({"alpha_tot": [], "f": 0.5}, "axis alpha_tot must hold"),
        ({"alpha_tot": [3, 3], "f": 0.5}, "points 0 and 1 are the same .alpha_tot=3 f=0.5"),
        ({"alpha_tot": [3, -1], "f": 0.5}, "point 1: alpha_tot must be"),
        ({"alpha_tot": 3, "f": 0.5, "dim": 1}, "point 0: dim must be an integer of at least 2"),
        ({"alpha_tot": 0.01, "f": 0.5, "dim": 20}, "point 0: .*draw 0 and keep 0"),
        ({"alpha_tot": 1, "f": 0.001, "dim": 20}, "point 0: .*keep 0 examples"),
        ({"alpha_tot": 3, "f": 0.5, "rule": "hardest"}, "point 0: rule must be"),
        ({"alpha_tot": 3, "f": 0.5, "trials": 0}, "trials must be"),
        ({"alpha_tot": 3, "f": 0.5, "unit": 0}, "unit must be"),
        ({"alpha_tot": 3, "f": 0.5, "paired": ["seed"]}, "paired must be among"),
        ({"alpha_tot": 3, "f": 0.5, "seed": -1}, "seed must be"),
    ],
)
def test_bad_designs_are_refused_by_name(axes, words):
    with pytest.raises(InputError, match=words):
        Design.grid(**axes)
