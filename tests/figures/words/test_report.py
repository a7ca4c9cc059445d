"""The parts of verify: published numbers, sweeps, and wrong theories that must be caught."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from figures.checks import pruning_sweep, repetition_sweep, simulation, simulation_check

from prunelaw.errors import TableError
from prunelaw_figures.words.report import verdict
from prunelaw_sim.simulation.agreement import agreement
from prunelaw_sim.tables.sweep import Sweep
from prunelaw_sim.verification import published as utility
from prunelaw_sim.verification import simulated as part
from prunelaw_sim.verification.published import REFERENCE, check_utility
from prunelaw_sim.verification.real import check_sweeps, parameters
from prunelaw_sim.verification.run import FULL
from prunelaw_sim.verification.simulated import POINTS, check_simulation


def test_points_cover_what_the_issue_asks():
    assert len(POINTS) >= 12
    assert {p.rule for p in POINTS} == {"hard", "easy", "random"}
    assert {p.theta for p in POINTS} == {0.0, 0.1, 0.3, 0.8}
    assert (min(p.alpha_tot for p in POINTS), max(p.alpha_tot for p in POINTS)) == (0.5, 30.0)
    assert FULL.trials[200] >= 100
    assert len(FULL.trials) >= 2  # an extrapolation in 1/N needs them


@pytest.mark.parametrize("dim", [*FULL.trials])
def test_sizes_make_whole_numbers_of_examples(dim):
    """Rounding P or f P would be a finite-size effect that no polynomial in 1/N describes."""
    for point in POINTS:
        for count in (point.alpha_tot * dim, point.alpha_tot * dim * point.f):
            assert count == pytest.approx(round(count), abs=1e-9)


def test_right_theory_agrees_and_wrong_ones_do_not():
    assert simulation_check().good
    assert not simulation_check(theory_factor=1.03).good
    assert not simulation_check(theory_factor=0.97).good


def test_simulations_of_all_points_and_sizes_are_independent(monkeypatch):
    """Every job gets its own seed, and results come back in the order of the points."""
    seen = []

    def fake(alpha_tot, f, theta, rule, *, dim, trials, seed):
        seen.append((alpha_tot, f, theta, rule, dim, seed))
        error = alpha_tot / 100 + 1 / dim + 0.01 * np.linspace(-1, 1, trials)
        return simulation(alpha_tot, f, theta, rule, dim=dim, error=error, seed=seed)

    monkeypatch.setattr(part, "simulate", fake)
    progress = []
    check = check_simulation({40: 5, 80: 7}, 3, progress=lambda *state: progress.append(state))
    assert len({job[-1] for job in seen}) == 2 * len(POINTS)
    wanted = [[p.alpha_tot / 100 + 1 / dim for dim in (40, 80)] for p in POINTS]
    np.testing.assert_allclose(check.agreement.means, wanted)
    assert check.students == progress[-1][0] == progress[-1][1] == 12 * len(POINTS)


def test_published_predictions_are_met_in_three_conventions():
    check = check_utility()
    assert check.good
    assert [c.convention for c in check.conventions] == [
        "official_code",
        "paper",
        "effective_data",
    ]
    assert [c.best.tolist() for c in check.conventions] == [
        [1, 1, 2, 2],
        [1, 1, 2, 2],
        [1, 1, 2, 3],
    ]
    switches = {c.convention: [s.samples_seen / 1e6 for s in c.switches] for c in check.conventions}
    assert switches["official_code"] == pytest.approx([100.7, 1098.0], rel=3e-3)
    assert switches["paper"] == pytest.approx([82.0, 993.0], rel=3e-3)
    assert switches["effective_data"] == pytest.approx([67.8, 344.9], rel=3e-3)


def test_a_wrong_published_number_is_noticed():
    wrong = dict(REFERENCE) | {"paper": ((17.04, 22.72, 26.39, 28.60),)}
    check = check_utility(wrong)
    assert not check.good
    assert check.conventions[1].deviation == pytest.approx(0.03, abs=0.01)


def test_laws_are_recovered_and_describe_data_that_follow_them():
    check = check_sweeps((pruning_sweep(seeds=6), repetition_sweep(noise=0.02)))
    laws = {fit.law: fit for fit in check.fits}
    assert laws["pruning"].describes
    found = {name: value for name, value, _ in parameters(laws["pruning"])}
    assert found["dimension"] == pytest.approx(50, rel=0.05)
    assert laws["utility"].describes
    assert laws["utility"].held_out_rmse < laws["no-decay"].held_out_rmse
    assert check.good


def test_no_decay_does_not_describe_repeated_data_and_the_report_says_where():
    laws = {fit.law: fit for fit in check_sweeps((repetition_sweep(noise=0.01),)).fits}
    assert laws["no-decay"].describes is False
    assert "lack of fit" in laws["no-decay"].reasons[0]
    assert "worst at pool 'clean'" in laws["no-decay"].reasons[1]


def test_laws_whose_columns_are_missing_are_skipped_with_the_reason():
    check = check_sweeps((repetition_sweep(),))
    assert check.skipped == {"pruning, made runs": "no column dataset_size, keep_fraction, rule"}
    assert not check_sweeps((repetition_sweep(),), expect_all=True).good


def test_scatter_that_is_not_known_is_not_judged():
    check = check_sweeps((repetition_sweep(noise=0.02, seeds=1),))
    assert {fit.describes for fit in check.fits} == {None}


def test_a_table_that_no_law_fits_is_bad_input():
    with pytest.raises(TableError, match=r"no law can be fitted .*no column dataset_size"):
        check_sweeps((Sweep.from_frame(pd.DataFrame({"error": [0.1, 0.2]}), "bare"),))


def test_utility_tolerance_is_the_rounding_of_the_reference():
    assert utility.TOLERANCE < 0.006


@pytest.mark.exhaustive  # minutes; `test_theory_check` catches wrong theories at fewer trials
def test_a_theory_two_per_cent_off_is_caught_at_the_default_settings():
    """The real simulations of `prunelaw verify`, judged with the true and with wrong theories."""
    check = check_simulation(FULL.trials, 0)
    found = check.agreement
    assert found.agrees
    assert check.max_relative_gap <= 1e-8
    assert found.detectable < 0.02
    for factor in (0.98, 1.02):
        wrong = agreement(factor * found.theory, found.sizes, found.means, found.stderrs)
        assert not wrong.agrees


@pytest.mark.parametrize(
    ("describes", "told"),
    [
        ((True, True), "good  "),
        ((True, False), "fitted  A sweep: pruning: describes its runs; utility: does not"),
        ((False, False), "fitted  A sweep: pruning, utility: does not"),
        ((None, False), "fitted  A sweep: utility: does not; pruning: cannot be tested"),
    ],
)
def test_a_good_above_a_no_is_none(describes, told):
    fits = [
        SimpleNamespace(law=law, describes=one)
        for law, one in zip(("pruning", "utility"), describes, strict=True)
    ]
    result = SimpleNamespace(good=True, fits=fits)
    outcome = SimpleNamespace(title="A sweep", error=None, good=True, result=result)
    assert verdict(outcome).startswith(told)
