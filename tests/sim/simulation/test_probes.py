"""Probes that were trained: their angles, the students they choose, and where theory ends."""

import numpy as np
import pytest

from prunelaw import solve
from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.simulation.batches import batch_size, draw_batch
from prunelaw_sim.simulation.expectations import compare
from prunelaw_sim.simulation.point import make_point
from prunelaw_sim.simulation.probes import Given, Independent, Same, as_probe, expected_theta
from prunelaw_sim.simulation.trials import Simulation, simulate
from prunelaw_sim.students.hard_margin import max_margin

RUN = {"dim": 80, "trials": 80}


@pytest.fixture(scope="module")
def independent() -> Simulation:
    return simulate(3, 0.5, probe="independent:2", **RUN)


@pytest.fixture(scope="module")
def same() -> Simulation:
    return simulate(3, 0.5, probe="same:2", **RUN)


def test_texts():
    for text in ("given", "independent:2", "independent:0.333", "same", "same:1.5"):
        assert as_probe(text).name == text and as_probe(as_probe(text)) == as_probe(text)
    assert (as_probe("given"), as_probe("same")) == (Given(), Same())
    assert as_probe("independent:2.0") == Independent(2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"probe": "trained"}, "probe must be given, independent:ALPHA"),
        ({"probe": "given:2"}, "probe must be given"),
        ({"probe": "independent"}, "probe must be given, independent:ALPHA"),
        ({"probe": "independent:-1"}, r"ALPHA of probe independent must be .* in \(0, inf\), got"),
        ({"probe": "independent:0.001"}, "sees no example at dim=20"),
        ({"probe": "same:3.5"}, "ALPHA of probe same:3.5 must be at most alpha_tot=3"),
        ({"probe": "same", "theta": 0.3}, r"theta must be left out .0. with probe same.*got 0\.3"),
        ({"probe": "independent:2", "theta": 0.3}, "theta must be left out"),
        ({"probe": "same", "label_noise": 0.1, "student": "ridge:1"}, "label_noise must be 0 with"),
        ({"probe": None}, "got None"),
    ],
)
def test_bad_probes_are_refused_by_name(changes, words):
    with pytest.raises(InputError, match=words):
        simulate(3, 0.5, dim=20, trials=1, **changes)


def test_all_of_the_pool_may_be_named():
    """alpha_tot N rounds down here: ALPHA = alpha_tot is the whole pool, not more than it."""
    run = simulate(2.01, 0.5, dim=20, trials=2, probe="same:2.01")
    whole = simulate(2.01, 0.5, dim=20, trials=2, probe="same")
    np.testing.assert_array_equal(run.probe_theta, whole.probe_theta)


def test_the_probes_angle_is_the_error_of_an_unpruned_student(independent, same):
    """theta = pi eps(2), N -> inf; 4 standard errors and a finite-size part of 2/N, relative."""
    expected = np.pi * float(solve(2, 1.0, 0.0, "random").error)
    for run in (independent, same):
        assert run.theta == expected_theta(2.0) == expected
        assert abs(run.theta_mean - expected) < 4 * run.theta_stderr + 2 / 80 * expected
        assert run.theta_stderr < 0.015 * expected
        assert run.probe_theta.std() > 0.05 * expected  # of its own in every trial


def test_the_theory_holds_at_an_independent_probes_angle(independent):
    found = compare(independent)
    assert found.departures == ()
    assert found.theory_error == float(solve(3, 0.5, expected_theta(2.0)).error)
    assert found.theory_at_measured == float(solve(3, 0.5, independent.theta_mean).error)
    for theory in (found.theory_error, found.theory_at_measured):
        assert abs(independent.mean - theory) < 4 * independent.stderr + 2 / 80 * theory
    assert found.theta_z == pytest.approx(
        (independent.theta_mean - expected_theta(2.0)) / independent.theta_stderr
    )


def test_the_theory_fails_for_a_probe_of_the_same_data(same):
    """.158 where the theory says .266: its margins on what it was trained on are no Gaussians."""
    found = compare(same)
    assert found.departures == ("the probe was trained on the examples that it prunes",)
    assert found.error_z < -30
    assert same.mean == pytest.approx(0.158, abs=4 * same.stderr + 0.158 * 2 / 80)


def test_keeping_what_the_whole_pools_student_finds_hard_gives_that_student():
    """Its support vectors have the smallest |z| of all, so keep-hard keeps them: an exact case."""
    run = simulate(3, 0.5, dim=20, trials=10, probe="same")
    np.testing.assert_allclose(run.error, run.probe_theta / np.pi, atol=1e-5)
    np.testing.assert_allclose(run.rho, 1.0, atol=1e-8)


@pytest.mark.parametrize("inputs", ["gaussian", "signs", "correlated"])
def test_a_probe_is_the_student_of_the_pool_that_it_prunes(inputs):
    pool = make_point(3, 0.4, 0.0, "hard", 20, 5, inputs, "same")
    whole = make_point(3, 1.0, 0.0, "hard", 20, 5, inputs, "same")
    batch = draw_batch(pool, np.array([1]))
    everything = draw_batch(whole, np.array([1])).rows[0]
    probe = batch.frames[0].probe / np.linalg.norm(batch.frames[0].probe)
    np.testing.assert_allclose(probe, max_margin(everything).J, atol=1e-5)
    fields = np.abs(everything @ probe)
    np.testing.assert_allclose(
        np.abs(batch.rows[0] @ probe), np.sort(fields)[: pool.kept], rtol=1e-12
    )


def test_a_trial_depends_on_its_number_alone(independent):
    for probe in ("independent:2", "same:2"):
        pool = make_point(3, 0.5, 0.0, "hard", 20, 7, "gaussian", probe)
        batch, alone = draw_batch(pool, np.arange(4)), draw_batch(pool, np.array([2]))
        np.testing.assert_allclose(batch.rows[2], alone.rows[0], rtol=1e-12)
        assert batch.frames[2].theta == pytest.approx(alone.frames[0].theta, rel=1e-12)
    rest = simulate(3, 0.5, probe="independent:2", dim=80, trials=10, first=5)
    np.testing.assert_allclose(rest.error, independent.error[5:15], rtol=1e-9)


def test_rules_share_the_probe():
    hard, easy = (
        simulate(3, 0.5, rule=r, dim=20, trials=5, probe="same") for r in ("hard", "easy")
    )
    np.testing.assert_array_equal(hard.probe_theta, easy.probe_theta)
    assert not np.array_equal(hard.error, easy.error)


def test_given_probes_have_the_angle_given():
    run = simulate(3, 0.5, 0.3, dim=20, trials=4)
    assert (run.probe_theta == 0.3).all() and (run.theta_mean, run.theta_stderr) == (0.3, 0.0)
    assert "probe_theta" not in run.per_trial
    assert "probe_theta" in simulate(3, 0.5, dim=20, trials=2, probe="same").per_trial
    assert compare(run).theta_z == 0.0


@pytest.mark.parametrize("rule", ["signed-band:-0.2,0.6", "mix:0.3,signed-hard", "signed-easy"])
def test_rules_that_need_the_angle_take_the_trials_own(rule):
    """signed-band implies another fraction at each angle; nothing contradicts the expected one."""
    f = None if "band" in rule else 0.5
    run = simulate(4, f, rule=rule, dim=20, trials=6, probe="independent:1")
    assert run.failed == 0 and np.isfinite(run.error).all()
    if f is None:
        assert run.f == pytest.approx(float(solve(4, None, expected_theta(1.0), rule).f))


def test_a_probe_without_certificate_flags_its_trial(monkeypatch):
    def flagged(rows, width=1):
        trained = original(rows, width)
        if width == 1:  # the probes
            trained.converged[1] = False
            trained.relative_gap[1] = 1e-3
        return trained

    from prunelaw_sim.simulation import batches

    original = batches.train_separators
    monkeypatch.setattr(batches, "train_separators", flagged)
    run = simulate(3, 0.5, dim=20, trials=3, probe="same", throw=False)
    assert run.converged.tolist() == [True, False, True]
    assert np.isnan(run.error[1]) and run.max_relative_gap == 1e-3
    with pytest.raises(ConvergenceError, match="1 of 3 trials"):
        simulate(3, 0.5, dim=20, trials=3, probe="same")


def test_memory_counts_the_examples_of_the_probe():
    given, trained = (
        make_point(40, 0.02, 0.0, "hard", 500, 0, "gaussian", probe) for probe in ("given", "same")
    )
    assert batch_size(100, trained) < batch_size(100, given)
