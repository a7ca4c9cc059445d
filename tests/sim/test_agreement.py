"""The verdict on theory and simulation: right data pass at the stated rate, wrong theories fail."""

import numpy as np
import pytest
from scipy.stats import kstest

from prunelaw.errors import InputError
from prunelaw_sim.agreement import agreement, detectable_error, extrapolate

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
    p_values = [agreement(THEORY, SIZES, *measured(rng)).p_value for _ in range(300)]
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_detectable_error_is_caught_nine_times_in_ten():
    rng = np.random.default_rng(3)
    delta = agreement(THEORY, SIZES, *measured(rng)).detectable
    wrong = THEORY * (1.0 + delta)
    caught = [not agreement(wrong, SIZES, *measured(rng)).agrees for _ in range(300)]
    assert np.mean(caught) == pytest.approx(0.9, abs=0.07)  # 4 standard errors


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
    assert detectable_error(np.full(40, 100.0)) < detectable_error(np.full(10, 100.0))
    assert detectable_error(np.zeros(3)) == np.inf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [200.0]}, "sizes"),
        ({"sizes": [50.0, 50.0, 200.0]}, "different"),
        ({"stderrs": np.zeros((14, 3))}, r"stderrs must be finite and in \(0, inf\)"),
        ({"means": np.full((14, 2), 0.1)}, "means must have shape"),
        ({"theory": [0.1]}, "theory must have one value a point"),
        ({"threshold": 1.0}, r"threshold must be finite and in \(0, 1\)"),
        ({"order": 3}, r"order must be an integer in \[1, 2\], got 3"),
    ],
)
def test_bad_input_is_named(change, message):
    means, stderrs = measured(np.random.default_rng(6))
    arguments = {"theory": THEORY, "sizes": SIZES, "means": means, "stderrs": stderrs}
    with pytest.raises(InputError, match=message):
        agreement(**(arguments | change))
