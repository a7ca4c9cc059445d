"""The verdict on theory and simulation: right data pass at the stated rate, wrong theories fail."""

import numpy as np
import pytest
from scipy.stats import kstest

from prunelaw.errors import InputError
from prunelaw_sim.simulation.agreement import agreement, detectable_error, extrapolate, holm

SIZES = np.array([50.0, 100.0, 200.0])
THEORY = np.linspace(0.02, 0.4, 14)


def measured(rng, relative_se=0.003, truth=THEORY):
    """Means with finite-size effects c₁/N + c₂/N² and Gaussian errors, and their errors."""
    exact = truth[:, None] * (1.0 + 3.0 / SIZES - 20.0 / SIZES**2)
    stderrs = relative_se * truth[:, None] * np.array([0.5, 0.7, 1.0])
    return exact + stderrs * rng.standard_normal(exact.shape), stderrs


def test_extrapolation_is_exact_on_a_polynomial_in_1_over_n():
    means = THEORY[:, None] * (1.0 + 3.0 / SIZES - 20.0 / SIZES**2)
    limit = extrapolate(SIZES, means, np.full_like(means, 1e-3))
    assert limit.order == 2
    np.testing.assert_allclose(limit.value, THEORY, rtol=1e-12)
    np.testing.assert_allclose(limit.slope, 3.0 * THEORY, rtol=1e-9)


def test_quadratic_extrapolation_from_doubled_sizes_is_richardsons_formula():
    """(m₁ − 6 m₂ + 8 m₃)/3 at N, 2N, 4N, and its error by propagation."""
    means, stderrs = measured(np.random.default_rng(0))
    limit = extrapolate(SIZES, means, stderrs)
    weights = np.array([1.0, -6.0, 8.0]) / 3.0
    np.testing.assert_allclose(limit.value, means @ weights, rtol=1e-10)
    np.testing.assert_allclose(limit.stderr, np.sqrt(stderrs**2 @ weights**2), rtol=1e-10)
    np.testing.assert_array_equal(limit.misfit, 0.0)


def test_a_line_through_three_sizes_reports_its_misfit():
    means, stderrs = measured(np.random.default_rng(0), relative_se=1e-4)
    line = extrapolate(SIZES, means, stderrs, order=1)
    assert np.all(line.misfit > 10.0)  # the curvature is there, and a line cannot follow it


def test_order_of_the_sizes_does_not_matter():
    means, stderrs = measured(np.random.default_rng(1))
    one = agreement(THEORY, SIZES, means, stderrs)
    other = agreement(THEORY, SIZES[::-1], means[:, ::-1], stderrs[:, ::-1])
    assert other.p_value == pytest.approx(one.p_value, rel=1e-9)
    np.testing.assert_allclose(other.raw_z, one.raw_z)


def test_p_values_of_correct_data_are_uniform():
    rng = np.random.default_rng(2)
    found = [agreement(THEORY, SIZES, *measured(rng)) for _ in range(300)]
    assert kstest([one.p_chi2 for one in found], "uniform").pvalue > 0.01
    assert kstest([one.p_common for one in found], "uniform").pvalue > 0.01
    # Three tests of the same data, corrected for being three: at most one in ten below .1.
    assert np.mean([one.p_value < 0.1 for one in found]) < 0.1 + 4 * np.sqrt(0.09 / 300)


def test_holm_by_hand():
    """Sorted .01, .03, .04: times 3, 2, 1, never decreasing, at most 1."""
    np.testing.assert_allclose(holm([0.03, 0.01, 0.04]), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])


def test_few_trials_are_judged_by_students_t():
    """Means of four trials: with normal tails two sigma come in 14 % of points, not in 5 %."""
    rng = np.random.default_rng(7)
    trials = 0.1 + 0.01 * rng.standard_normal((1200, 2, 4))
    means, stderrs = trials.mean(axis=2), trials.std(axis=2, ddof=1) / 2
    found = agreement(np.full(1200, 0.1), [50, 100], means, stderrs, trials=np.full((1200, 2), 4))
    assert np.mean(np.abs(found.z) > 1.96) == pytest.approx(0.05, abs=0.025)  # 4 SE
    careless = agreement(np.full(1200, 0.1), [50, 100], means, stderrs)
    assert np.mean(np.abs(careless.z) > 1.96) > 0.09
    assert not careless.agrees
    assert found.agrees


def paired(rng, repeated):
    """Fourteen points in pairs that share nine tenths of their variance, or all of it."""
    exact = THEORY[:, None] * (1.0 + 0.0 / SIZES)
    stderrs = np.broadcast_to(0.003 * THEORY[:, None], exact.shape)
    shared = 1.0 if repeated else 0.9
    correlation = np.kron(np.eye(7), np.array([[1.0, shared], [shared, 1.0]]))
    covariance = np.array([correlation * np.outer(s, s) for s in stderrs.T])
    both = rng.standard_normal((7, 1, 3)).repeat(2, axis=1).reshape(14, 3)
    noise = np.sqrt(shared) * both + np.sqrt(1 - shared) * rng.standard_normal((14, 3))
    return {"means": exact + stderrs * noise, "stderrs": stderrs, "covariance": covariance}


def test_paired_points_are_judged_with_their_covariance():
    rng = np.random.default_rng(8)
    found = [agreement(THEORY, SIZES, **paired(rng, repeated=False)) for _ in range(300)]
    assert found[0].dof == 14
    assert kstest([one.p_chi2 for one in found], "uniform").pvalue > 0.01
    assert kstest([one.p_common for one in found], "uniform").pvalue > 0.01


def test_points_that_repeat_others_count_once():
    rng = np.random.default_rng(9)
    found = [agreement(THEORY, SIZES, **paired(rng, repeated=True)) for _ in range(50)]
    assert {one.dof for one in found} == {7}
    assert kstest([one.p_chi2 for one in found], "uniform").pvalue > 0.01


def test_detectable_error_is_caught_nine_times_in_ten():
    rng = np.random.default_rng(3)
    delta = agreement(THEORY, SIZES, *measured(rng)).detectable
    wrong = THEORY * (1.0 + delta)
    caught = [not agreement(wrong, SIZES, *measured(rng)).agrees for _ in range(300)]
    assert np.mean(caught) >= 0.83  # .9 by the common factor, less four standard errors


def test_raw_comparison_at_finite_n_sees_the_finite_size_effect():
    """Why the extrapolation is judged: at N = 200 these means are 1.5 % above a right theory."""
    found = agreement(THEORY, SIZES, *measured(np.random.default_rng(4), relative_se=0.001))
    assert found.agrees
    assert np.all(found.raw_z > 5.0)


def test_one_wrong_point_is_named():
    means, stderrs = measured(np.random.default_rng(5))
    wrong = THEORY.copy()
    wrong[9] *= 1.1
    found = agreement(wrong, SIZES, means, stderrs)
    assert not found.agrees
    assert found.worst == 9
    assert found.z[9] < -5.0


def test_more_points_detect_smaller_errors():
    means, stderrs = measured(np.random.default_rng(5))
    few = agreement(THEORY[:5], SIZES, means[:5], stderrs[:5])
    assert agreement(THEORY, SIZES, means, stderrs).detectable < few.detectable
    assert detectable_error(0.0) == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [200.0]}, "sizes"),
        ({"sizes": [50.0, 50.0, 200.0]}, "different"),
        ({"stderrs": np.zeros((14, 3))}, r"stderrs must be finite and in \(0, inf\)"),
        ({"means": np.full((14, 2), 0.1)}, "means must have shape"),
        ({"theory": [0.1]}, "theory must have one value a point"),
        ({"threshold": 1.0}, r"threshold must be finite and in \(0, 1\)"),
        ({"trials": np.ones((14, 3))}, r"trials must be finite and in \[2, inf\)"),
        ({"trials": [5.0]}, r"trials must have the shape of means, \(14, 3\)"),
        ({"covariance": np.eye(14)}, r"covariance must have shape \(sizes, points, points\)"),
        ({"covariance": np.ones((3, 14, 14))}, r"covariance must have stderrs\*\*2"),
        ({"order": 3}, r"order must be an integer in \[1, 2\], got 3"),
    ],
)
def test_bad_input_is_named(change, message):
    means, stderrs = measured(np.random.default_rng(6))
    arguments = {"theory": THEORY, "sizes": SIZES, "means": means, "stderrs": stderrs}
    with pytest.raises(InputError, match=message):
        agreement(**(arguments | change))
