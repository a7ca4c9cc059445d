"""The agreement report: the theory passes at the default settings, and wrong theories do not."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim import Design, Store, run_sweep
from prunelaw_sim.verification.store_check import check_theory, solved, standard_design

SMALL = {"dim": (25, 50), "trials": 60}
DEFAULT = {"dim": (50, 100), "trials": 100}


@pytest.fixture(scope="module", params=[SMALL, pytest.param(DEFAULT, marks=pytest.mark.exhaustive)])
def standard(tmp_path_factory, request):
    """The 64 points at two dimensions: a small size, and the default design as it is."""
    path = tmp_path_factory.mktemp("standard") / "standard.db"
    run_sweep(standard_design(**request.param), path)
    return path, 2 * 64 * request.param["trials"]


def unsigned(points):
    """The theory that takes |z| where the rule ranks by the signed margin."""
    ranked = {"signed-hard": "hard", "signed-easy": "easy"}
    return solved([{**p, "rule": ranked.get(p["rule"], p["rule"])} for p in points])


def test_the_standard_design_covers_the_domain():
    points = standard_design().points
    assert len(points) == 128
    assert len({(p["rule"].split(":")[0]) for p in points}) == 8
    assert {p["theta"] for p in points} >= {0.0, 1.2}
    assert {p["alpha_tot"] for p in points} >= {0.3, 50.0}
    counts = [p["alpha_tot"] * p["dim"] for p in points]
    np.testing.assert_allclose(counts, np.round(counts))


def test_the_theory_agrees_at_64_points(standard):
    path, students = standard
    with Store.open(path) as store:
        found = check_theory(store)
    assert found.agreement.agrees
    assert len(found.points) == found.agreement.dof == 64
    assert found.trials.sum() == students
    assert found.failed.sum() == 0
    assert found.agreement.detectable < (0.01 if students == 12800 else 0.02)
    table = found.table
    assert abs(table["z"][0]) == np.max(np.abs(found.agreement.z))


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_theory_one_or_three_percent_off_is_caught(standard, sign):
    path, students = standard
    factor = 1 + sign * (0.01 if students == 12800 else 0.03)
    with Store.open(path) as store:
        found = check_theory(store, theory=lambda points: factor * solved(points)).agreement
    assert not found.agrees
    assert found.p_common < 1e-6
    assert found.common == pytest.approx(1 / factor - 1, abs=4 * found.common_stderr)


def test_a_theory_of_the_wrong_rank_is_caught(standard):
    with Store.open(standard[0]) as store:
        found = check_theory(store, theory=unsigned)
    assert not found.agreement.agrees
    assert found.table["rule"][0] in ("signed-hard", "signed-easy")
    assert found.agreement.adjusted.min() < 1e-9


def test_rules_that_keep_the_same_examples_count_once(tmp_path):
    """At theta = 0 the signed margin is |z|: paired, both rules train on the same matrices."""
    design = Design.grid(
        alpha_tot=1, f=0.4, rule=["hard", "signed-hard", "easy"], dim=[25, 50], trials=40
    )
    run_sweep(design, tmp_path / "paired.db")
    with Store.open(tmp_path / "paired.db") as store:
        found = check_theory(store).agreement
    assert found.dof == 2
    assert found.agrees
    assert found.z[0] == found.z[1]


class TestBadInput:
    def judged(self, tmp_path, design, *, stop=False):
        path = tmp_path / "runs.db"
        if stop:
            Store.create(path, design).close()
        else:
            run_sweep(design, path)
        with Store.open(path) as store:
            return check_theory(store)

    def test_an_unfinished_store(self, tmp_path):
        design = Design.grid(alpha_tot=1, f=0.5, dim=[20, 40], trials=2)
        with pytest.raises(InputError, match="is not finished"):
            self.judged(tmp_path, design, stop=True)

    def test_one_dimension(self, tmp_path):
        with pytest.raises(InputError, match=r"two or more values .* dim=20"):
            self.judged(tmp_path, Design.grid(alpha_tot=1, f=0.5, dim=20, trials=2))

    def test_a_hole_in_the_grid(self, tmp_path):
        points = [{"alpha_tot": 1, "f": 0.5, "dim": n} for n in (20, 40)]
        points.append({"alpha_tot": 2, "f": 0.5, "dim": 20})
        with pytest.raises(InputError, match=r"no dim=40 at alpha_tot=2 f=0\.5"):
            self.judged(tmp_path, Design.from_points(points, trials=2))

    def test_a_single_trial(self, tmp_path):
        design = Design.grid(alpha_tot=1, f=0.5, dim=[20, 40], trials=1)
        with pytest.raises(InputError, match=r"alpha_tot=1 f=0\.5 .* has no standard error"):
            self.judged(tmp_path, design)
